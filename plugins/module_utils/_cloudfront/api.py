# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to CloudFront.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Someone else changed the resource between our read of it and our write: read again, decide again.
CONFLICT_CODES = ["PreconditionFailed", "InvalidIfMatchVersion"]


class AnsibleCloudFrontError(AnsibleAWSError):
    pass


class CloudFrontErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleCloudFrontError
    _SERVICE = "cloudfront"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(
            [
                "NoSuchCloudFrontOriginAccessIdentity",
                "NoSuchDistribution",
                "NoSuchFunctionExists",
                "NoSuchOriginAccessControl",
                "NoSuchResource",
            ]
        )


retry = AWSRetry.jittered_backoff()


def _list_all(operation: Callable[..., dict[str, Any]], key: str) -> list[dict[str, Any]]:
    # Not all of these operations have a paginator in the oldest boto3 that is supported.
    items: list[dict[str, Any]] = []
    query: dict[str, str] = {}
    while True:
        page = operation(**query)[key]
        items.extend(page.get("Items") or [])
        if not page.get("NextMarker"):
            return items
        query = {"Marker": page["NextMarker"]}


@CloudFrontErrorHandler.common_error_handler("list origin access controls")
@retry
def list_origin_access_controls(client: Any) -> list[dict[str, Any]]:
    return _list_all(client.list_origin_access_controls, "OriginAccessControlList")


@CloudFrontErrorHandler.list_error_handler("read origin access control {identifier}")
@retry
def get_origin_access_control(client: Any, identifier: str) -> dict[str, Any] | None:
    return client.get_origin_access_control(Id=identifier)


@CloudFrontErrorHandler.common_error_handler("create origin access control {config[Name]}")
@retry
def create_origin_access_control(client: Any, config: dict[str, str]) -> dict[str, Any]:
    return client.create_origin_access_control(OriginAccessControlConfig=config)["OriginAccessControl"]


@CloudFrontErrorHandler.common_error_handler("update origin access control {config[Name]}")
@retry
def update_origin_access_control(client: Any, identifier: str, etag: str, config: dict[str, str]) -> dict[str, Any]:
    answer = client.update_origin_access_control(Id=identifier, IfMatch=etag, OriginAccessControlConfig=config)
    return answer["OriginAccessControl"]


@CloudFrontErrorHandler.deletion_error_handler(
    "delete origin access control {identifier} (one that a distribution uses cannot be deleted)"
)
@retry
def delete_origin_access_control(client: Any, identifier: str, etag: str) -> None:
    client.delete_origin_access_control(Id=identifier, IfMatch=etag)


@CloudFrontErrorHandler.common_error_handler("list origin access identities")
@retry
def list_origin_access_identities(client: Any) -> list[dict[str, Any]]:
    return _list_all(client.list_cloud_front_origin_access_identities, "CloudFrontOriginAccessIdentityList")


@CloudFrontErrorHandler.list_error_handler("read origin access identity {identifier}")
@retry
def get_origin_access_identity(client: Any, identifier: str) -> dict[str, Any] | None:
    return client.get_cloud_front_origin_access_identity(Id=identifier)


@CloudFrontErrorHandler.common_error_handler("create origin access identity {name}")
@retry
def create_origin_access_identity(client: Any, name: str) -> dict[str, Any]:
    answer = client.create_cloud_front_origin_access_identity(
        # With the same caller reference and comment a second call returns the identity that the first one made.
        CloudFrontOriginAccessIdentityConfig={"CallerReference": name, "Comment": name}
    )
    return answer["CloudFrontOriginAccessIdentity"]


@CloudFrontErrorHandler.deletion_error_handler(
    "delete origin access identity {identifier} (one that a distribution uses cannot be deleted)"
)
@retry
def delete_origin_access_identity(client: Any, identifier: str, etag: str) -> None:
    client.delete_cloud_front_origin_access_identity(Id=identifier, IfMatch=etag)


@CloudFrontErrorHandler.common_error_handler("list functions")
@retry
def list_functions(client: Any) -> list[dict[str, Any]]:
    return _list_all(client.list_functions, "FunctionList")


@CloudFrontErrorHandler.list_error_handler("read function {name}, stage {stage}")
@retry
def describe_function(client: Any, name: str, stage: str) -> dict[str, Any] | None:
    return client.describe_function(Name=name, Stage=stage)


@CloudFrontErrorHandler.list_error_handler("read the code of function {name}, stage {stage}")
@retry
def get_function_code(client: Any, name: str, stage: str) -> bytes | None:
    return client.get_function(Name=name, Stage=stage)["FunctionCode"].read()


@CloudFrontErrorHandler.common_error_handler("create function {name}")
@retry
def create_function(client: Any, name: str, config: dict[str, Any], code: bytes) -> str:
    return client.create_function(Name=name, FunctionConfig=config, FunctionCode=code)["ETag"]


@CloudFrontErrorHandler.common_error_handler("update function {name}")
@retry
def update_function(client: Any, name: str, etag: str, config: dict[str, Any], code: bytes) -> str:
    return client.update_function(Name=name, IfMatch=etag, FunctionConfig=config, FunctionCode=code)["ETag"]


@CloudFrontErrorHandler.common_error_handler("publish function {name}")
@retry
def publish_function(client: Any, name: str, etag: str) -> None:
    client.publish_function(Name=name, IfMatch=etag)


@CloudFrontErrorHandler.deletion_error_handler(
    "delete function {name} (one that a distribution uses cannot be deleted)"
)
@retry
def delete_function(client: Any, name: str, etag: str) -> None:
    client.delete_function(Name=name, IfMatch=etag)


@CloudFrontErrorHandler.common_error_handler("list distributions")
@retry
def list_distributions(client: Any) -> list[dict[str, Any]]:
    return _list_all(client.list_distributions, "DistributionList")


@CloudFrontErrorHandler.list_error_handler("read distribution {identifier}")
@retry
def get_distribution(client: Any, identifier: str) -> dict[str, Any] | None:
    """The distribution, with its ETag beside its other keys."""
    answer = client.get_distribution(Id=identifier)
    return {**answer["Distribution"], "ETag": answer["ETag"]}


@CloudFrontErrorHandler.common_error_handler("create distribution {config[CallerReference]}")
@AWSRetry.jittered_backoff(retries=6, delay=2, max_delay=15, catch_extra_error_codes=["DistributionAlreadyExists"])
def create_distribution(
    client: Any, config: dict[str, Any], tags: dict[str, str], find: Callable[[], dict[str, Any] | None]
) -> tuple[bool, dict[str, Any]]:
    """Whether it was made by this call, and the distribution.

    If there is one with this caller reference already, made a moment ago by a run that was killed or that goes on
    beside this one, find() may have to look for it more than once.
    """
    request = {
        "DistributionConfig": config,
        "Tags": {"Items": ansible_dict_to_boto3_tag_list(dict(sorted(tags.items())))},
    }
    try:
        answer = client.create_distribution_with_tags(DistributionConfigWithTags=request)
    except is_boto3_error_code("DistributionAlreadyExists"):
        existing = find()
        if existing:
            return False, existing
        raise
    return True, {**answer["Distribution"], "ETag": answer["ETag"]}


@CloudFrontErrorHandler.common_error_handler("update distribution {identifier}")
@retry
def update_distribution(client: Any, identifier: str, etag: str, config: dict[str, Any]) -> dict[str, Any] | None:
    """The distribution as updated; None if it has changed since the ETag was read."""
    try:
        answer = client.update_distribution(Id=identifier, IfMatch=etag, DistributionConfig=config)
    except is_boto3_error_code(CONFLICT_CODES):
        return None
    return {**answer["Distribution"], "ETag": answer["ETag"]}


@CloudFrontErrorHandler.deletion_error_handler("delete distribution {identifier}")
@retry
def delete_distribution(client: Any, identifier: str, etag: str) -> bool:
    """Whether it is gone; False if it has changed since the ETag was read, or has gone before."""
    try:
        client.delete_distribution(Id=identifier, IfMatch=etag)
    except is_boto3_error_code([*CONFLICT_CODES, "DistributionNotDisabled"]):
        return False
    return True


@CloudFrontErrorHandler.list_error_handler("read the tags of {arn}", {})
@retry
def get_tags(client: Any, arn: str) -> dict[str, str]:
    return boto3_tag_list_to_ansible_dict(client.list_tags_for_resource(Resource=arn)["Tags"].get("Items") or [])


@CloudFrontErrorHandler.common_error_handler("tag {arn}")
@retry
def tag_resource(client: Any, arn: str, tags: dict[str, str]) -> None:
    if tags:
        client.tag_resource(Resource=arn, Tags={"Items": ansible_dict_to_boto3_tag_list(tags)})


@CloudFrontErrorHandler.common_error_handler("remove tags from {arn}")
@retry
def untag_resource(client: Any, arn: str, keys: list[str]) -> None:
    if keys:
        client.untag_resource(Resource=arn, TagKeys={"Items": keys})
