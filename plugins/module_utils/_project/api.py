# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: asks each service what it holds, for those who look for all that belongs to a project.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler

if TYPE_CHECKING:
    from typing import Any

retry = AWSRetry.jittered_backoff()


# What was listed a moment ago may be gone when it is asked for its tags.
MISSING = [
    "NoSuchTagSet",
    "NoSuchBucket",
    "NoSuchResource",
    "NoSuchDistribution",
    "NoSuchEntity",
    "ResourceNotFoundException",
]


class AnsibleProjectError(AnsibleAWSError):
    pass


class ProjectErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleProjectError

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(MISSING)


@ProjectErrorHandler.common_error_handler("list by tag with {operation}")
@retry
def list_ec2(client: Any, operation: str, tags: dict[str, str], filters: dict[str, list[str]]) -> list[dict[str, Any]]:
    """What an EC2 describe operation lists for these tags, pages joined."""
    query = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    query += [{"Name": name, "Values": values} for name, values in filters.items()]
    arguments: dict[str, Any] = {"Filters": query}
    # Without an owner, AWS lists every public snapshot.
    if operation == "describe_snapshots":
        arguments["OwnerIds"] = ["self"]
    if client.can_paginate(operation):
        answer = client.get_paginator(operation).paginate(**arguments).build_full_result()
    else:
        answer = getattr(client, operation)(**arguments)
    return next((value for key, value in answer.items() if isinstance(value, list)), [])


@ProjectErrorHandler.common_error_handler("list buckets")
@retry
def list_buckets(client: Any, prefix: str) -> list[str]:
    return [item["Name"] for item in client.list_buckets()["Buckets"] if item["Name"].startswith(prefix)]


@ProjectErrorHandler.list_error_handler("read the tags of bucket {name}", [])
@retry
def get_bucket_tags(client: Any, name: str) -> list[dict[str, str]]:
    return client.get_bucket_tagging(Bucket=name)["TagSet"]


@ProjectErrorHandler.common_error_handler("list distributions")
@retry
def list_distributions(client: Any) -> list[dict[str, Any]]:
    answer = client.get_paginator("list_distributions").paginate().build_full_result()
    return answer.get("DistributionList", {}).get("Items") or []


@ProjectErrorHandler.list_error_handler("read the tags of {arn}", [])
@retry
def get_distribution_tags(client: Any, arn: str) -> list[dict[str, str]]:
    return client.list_tags_for_resource(Resource=arn)["Tags"].get("Items") or []


@ProjectErrorHandler.common_error_handler("list with {operation}")
@retry
def list_cloudfront(client: Any, operation: str, key: str) -> list[dict[str, Any]]:
    """All items of a CloudFront list operation, which are not all known to botocore's paginators."""
    items: list[dict[str, Any]] = []
    marker: dict[str, str] = {}
    while True:
        page = getattr(client, operation)(**marker)[key]
        items += page.get("Items") or []
        if not page.get("NextMarker"):
            return items
        marker = {"Marker": page["NextMarker"]}


@ProjectErrorHandler.common_error_handler("list roles")
@retry
def list_roles(client: Any) -> list[dict[str, Any]]:
    return client.get_paginator("list_roles").paginate().build_full_result()["Roles"]


@ProjectErrorHandler.common_error_handler("list instance profiles")
@retry
def list_instance_profiles(client: Any) -> list[dict[str, Any]]:
    return client.get_paginator("list_instance_profiles").paginate().build_full_result()["InstanceProfiles"]


@ProjectErrorHandler.common_error_handler("list secrets")
@retry
def list_secrets(client: Any) -> list[dict[str, Any]]:
    paginator = client.get_paginator("list_secrets")
    return paginator.paginate(IncludePlannedDeletion=True).build_full_result()["SecretList"]


@ProjectErrorHandler.common_error_handler("list alarms")
@retry
def list_alarms(client: Any, prefix: str) -> list[dict[str, Any]]:
    answer = client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix).build_full_result()
    return answer.get("MetricAlarms", []) + answer.get("CompositeAlarms", [])


@ProjectErrorHandler.common_error_handler("list topics")
@retry
def list_topics(client: Any) -> list[str]:
    return [item["TopicArn"] for item in client.get_paginator("list_topics").paginate().build_full_result()["Topics"]]


@ProjectErrorHandler.common_error_handler("list log groups")
@retry
def list_log_groups(client: Any, prefix: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_log_groups")
    return paginator.paginate(logGroupNamePrefix=prefix).build_full_result()["logGroups"]


@ProjectErrorHandler.common_error_handler("ask who is asking")
@retry
def get_account_id(client: Any) -> str:
    return client.get_caller_identity()["Account"]


@ProjectErrorHandler.common_error_handler("list budgets")
@retry
def list_budgets(client: Any, account_id: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_budgets")
    return paginator.paginate(AccountId=account_id).build_full_result().get("Budgets", [])


@ProjectErrorHandler.list_error_handler("read the tags of {arn}", [])
@retry
def get_certificate_tags(client: Any, arn: str) -> list[dict[str, str]]:
    return client.list_tags_for_certificate(CertificateArn=arn)["Tags"]


@ProjectErrorHandler.common_error_handler("list health checks")
@retry
def list_health_checks(client: Any) -> list[dict[str, Any]]:
    return client.get_paginator("list_health_checks").paginate().build_full_result()["HealthChecks"]


@ProjectErrorHandler.common_error_handler("list hosted zones")
@retry
def list_hosted_zones(client: Any) -> list[dict[str, Any]]:
    return client.get_paginator("list_hosted_zones").paginate().build_full_result()["HostedZones"]


@ProjectErrorHandler.common_error_handler("read the tags of {kind} {identifiers}")
@retry
def get_route53_tags(client: Any, kind: str, identifiers: list[str]) -> dict[str, list[dict[str, str]]]:
    """The tags of up to ten health checks or hosted zones, by their ids."""
    answer = client.list_tags_for_resources(ResourceType=kind, ResourceIds=identifiers)
    return {item["ResourceId"]: item["Tags"] for item in answer["ResourceTagSets"]}


def tags_of(item: dict[str, Any]) -> dict[str, str]:
    return boto3_tag_list_to_ansible_dict(item.get("Tags") or [])
