# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to S3 that concern a bucket as a whole.

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any

# The setting is missing, as opposed to the bucket.
MISSING_SETTING_CODES = [
    "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
]


class AnsibleS3Error(AnsibleAWSError):
    pass


class S3ErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleS3Error
    _SERVICE = "s3"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(MISSING_SETTING_CODES)


retry = AWSRetry.jittered_backoff()

# A bucket made a moment ago may not be visible to the next call yet, and S3 refuses to change a bucket while another
# change of it is under way.
retry_write = AWSRetry.jittered_backoff(
    retries=8, delay=1, max_delay=15, catch_extra_error_codes=["NoSuchBucket", "OperationAborted"]
)

# S3 refuses a policy whose principal it does not know yet, which is so for some seconds after an origin access
# identity was made; it says the same of one that is really wrong, so this must give up soon.
retry_policy_write = AWSRetry.jittered_backoff(
    retries=6, delay=1, max_delay=10, catch_extra_error_codes=["MalformedPolicy", "NoSuchBucket", "OperationAborted"]
)


@S3ErrorHandler.common_error_handler("look up bucket {bucket}")
@retry
def get_bucket_region(client: Any, bucket: str) -> str | None:
    """The region of the bucket, None if there is no such bucket; empty where the service does not tell the region."""
    try:
        return client.head_bucket(Bucket=bucket).get("BucketRegion", "")
    except is_boto3_error_code(["404", "NoSuchBucket"]):
        return None
    except is_boto3_error_code(["403", "AccessDenied"]) as error:
        raise AnsibleS3Error(
            message=f"Bucket {bucket} exists and cannot be read: it belongs to another account (bucket names are "
            "shared by all of AWS; choose another name), or the identity in use lacks s3:ListBucket for it",
            exception=error,
        ) from error


@S3ErrorHandler.common_error_handler("create bucket {bucket} in {region}")
@retry_write
def create_bucket(client: Any, bucket: str, region: str, object_ownership: str | None) -> None:
    request: dict[str, Any] = {"Bucket": bucket}
    if object_ownership:
        request["ObjectOwnership"] = object_ownership
    # us-east-1 is the one region that must not be named.
    if region != "us-east-1":
        request["CreateBucketConfiguration"] = {"LocationConstraint": region}
    try:
        client.create_bucket(**request)
    except is_boto3_error_code("BucketAlreadyOwnedByYou"):
        # Another run, or a retried call of this one, was faster.
        return
    except is_boto3_error_code("BucketAlreadyExists") as error:
        raise AnsibleS3Error(
            message=f"Bucket name {bucket} is taken by another account; bucket names are shared by all of AWS. "
            "Choose another name, for example one that ends in the account id",
            exception=error,
        ) from error


@S3ErrorHandler.common_error_handler("delete bucket {bucket}")
@AWSRetry.jittered_backoff(catch_extra_error_codes=["OperationAborted"])
def delete_bucket(client: Any, bucket: str) -> None:
    try:
        client.delete_bucket(Bucket=bucket)
    except is_boto3_error_code("NoSuchBucket"):
        return


@S3ErrorHandler.common_error_handler("list the object versions of bucket {bucket}")
@retry
def list_object_versions(client: Any, bucket: str, limit: int = 1000) -> list[dict[str, str]]:
    """Up to limit versions and delete markers, as DeleteObjects takes them."""
    page = client.list_object_versions(Bucket=bucket, MaxKeys=limit)
    found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]


@S3ErrorHandler.common_error_handler("delete objects of bucket {bucket}")
@retry
def delete_objects(client: Any, bucket: str, objects: list[dict[str, str]]) -> None:
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    errors = answer.get("Errors", [])
    if errors:
        first = errors[0]
        raise AnsibleS3Error(
            message=f"Failed to delete {len(errors)} of {len(objects)} object versions of bucket {bucket}, "
            f"the first is {first.get('Key')}: {first.get('Code')} {first.get('Message', '')}".rstrip()
        )


@S3ErrorHandler.common_error_handler("read versioning of bucket {bucket}")
@retry
def get_versioning(client: Any, bucket: str) -> dict[str, Any]:
    return client.get_bucket_versioning(Bucket=bucket)


@S3ErrorHandler.common_error_handler("set versioning of bucket {bucket}")
@retry_write
def put_versioning(client: Any, bucket: str, enabled: bool) -> None:
    status = "Enabled" if enabled else "Suspended"
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


@S3ErrorHandler.list_error_handler("read the default encryption of bucket {bucket}", {})
@retry
def get_encryption(client: Any, bucket: str) -> dict[str, Any]:
    return client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]


@S3ErrorHandler.common_error_handler("set the default encryption of bucket {bucket}")
@retry_write
def put_encryption(client: Any, bucket: str, rule: dict[str, Any]) -> None:
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


@S3ErrorHandler.list_error_handler("read the public access block of bucket {bucket}", {})
@retry
def get_public_access_block(client: Any, bucket: str) -> dict[str, bool]:
    return client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]


@S3ErrorHandler.common_error_handler("set the public access block of bucket {bucket}")
@retry_write
def put_public_access_block(client: Any, bucket: str, configuration: dict[str, bool]) -> None:
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=configuration)


@S3ErrorHandler.list_error_handler("read the object ownership of bucket {bucket}")
@retry
def get_object_ownership(client: Any, bucket: str) -> str:
    return client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"][0]["ObjectOwnership"]


@S3ErrorHandler.common_error_handler("set the object ownership of bucket {bucket}")
@retry_write
def put_object_ownership(client: Any, bucket: str, ownership: str) -> None:
    client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": ownership}]})


@S3ErrorHandler.list_error_handler("read the lifecycle rules of bucket {bucket}", [])
@retry
def get_lifecycle_rules(client: Any, bucket: str) -> list[dict[str, Any]]:
    return client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]


@S3ErrorHandler.common_error_handler("set the lifecycle rules of bucket {bucket}")
@retry_write
def put_lifecycle_rules(client: Any, bucket: str, rules: list[dict[str, Any]]) -> None:
    if rules:
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    else:
        client.delete_bucket_lifecycle(Bucket=bucket)


@S3ErrorHandler.list_error_handler("read the CORS rules of bucket {bucket}", [])
@retry
def get_cors_rules(client: Any, bucket: str) -> list[dict[str, Any]]:
    return client.get_bucket_cors(Bucket=bucket)["CORSRules"]


@S3ErrorHandler.common_error_handler("set the CORS rules of bucket {bucket}")
@retry_write
def put_cors_rules(client: Any, bucket: str, rules: list[dict[str, Any]]) -> None:
    if rules:
        client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    else:
        client.delete_bucket_cors(Bucket=bucket)


@S3ErrorHandler.common_error_handler("list buckets")
@retry
def list_buckets(client: Any) -> list[str]:
    return [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]


@S3ErrorHandler.list_error_handler("read the tags of bucket {bucket}", {})
@retry
def get_tags(client: Any, bucket: str) -> dict[str, str]:
    return boto3_tag_list_to_ansible_dict(client.get_bucket_tagging(Bucket=bucket)["TagSet"])


@S3ErrorHandler.common_error_handler("set the tags of bucket {bucket}")
@retry_write
def put_tags(client: Any, bucket: str, tags: dict[str, str]) -> None:
    if tags:
        client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": ansible_dict_to_boto3_tag_list(tags)})
    else:
        client.delete_bucket_tagging(Bucket=bucket)


@S3ErrorHandler.list_error_handler("read the policy of bucket {bucket}")
@retry
def get_policy(client: Any, bucket: str) -> dict[str, Any] | None:
    return json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])


@S3ErrorHandler.common_error_handler("set the policy of bucket {bucket}")
@retry_policy_write
def put_policy(client: Any, bucket: str, policy: dict[str, Any] | None) -> None:
    if policy:
        client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    else:
        client.delete_bucket_policy(Bucket=bucket)
