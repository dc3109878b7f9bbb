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


class AnsibleProjectError(AnsibleAWSError):
    pass


class ProjectErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleProjectError

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(
            ["NoSuchTagSet", "NoSuchBucket", "NoSuchResource", "NoSuchDistribution", "NoSuchEntity"]
        )


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


def tags_of(item: dict[str, Any]) -> dict[str, str]:
    return boto3_tag_list_to_ansible_dict(item.get("Tags") or [])
