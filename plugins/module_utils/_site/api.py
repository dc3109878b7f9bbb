# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the only place that calls S3 and CloudFront for a site.

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry
from ansible_collections.slipway.aws.plugins.module_utils._s3 import objects
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import Listed

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

# Files up to this size are read whole: their content is checked before it is sent, and botocore does not ask
# "may I" (Expect: 100-continue), which costs a round trip for each file.
READ_WHOLE = 8 * 1024**2

DELETE_AT_ONCE = 1000


class AnsibleSiteError(AnsibleAWSError):
    pass


class SiteConflictError(AnsibleSiteError):
    """Another run has written the manifest since this one read it."""


class S3ErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleSiteError
    _SERVICE = "s3"

    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code(objects.MISSING_CODES)


class CloudFrontErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleSiteError
    _SERVICE = "cloudfront"


_RETRIED_INVALIDATION = AWSRetry.jittered_backoff(
    retries=8, delay=2, max_delay=30, catch_extra_error_codes=["TooManyInvalidationsInProgress"]
)


@dataclass(frozen=True)
class StoredObject:
    body: bytes
    etag: str
    modified: datetime


@S3ErrorHandler.list_error_handler("read s3://{bucket}/{key}")
@objects.retry
def get_object(client: Any, bucket: str, key: str) -> StoredObject | None:
    response = client.get_object(Bucket=bucket, Key=key)
    return StoredObject(response["Body"].read(), response["ETag"].strip('"'), response["LastModified"])


@S3ErrorHandler.common_error_handler("list s3://{bucket}/{prefix}")
@objects.retry
def list_objects(client: Any, bucket: str, prefix: str) -> tuple[dict[str, Listed], datetime]:
    """The objects by key without the prefix, and S3's time: the controller's clock may be wrong."""
    pages = list(client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    listed = {
        item["Key"][len(prefix) :]: Listed(item["ETag"].strip('"'), item["Size"], item["LastModified"])
        for page in pages
        for item in page.get("Contents", [])
    }
    return listed, objects.read_time(pages[0])


@S3ErrorHandler.common_error_handler("inspect s3://{bucket}/{key}")
@objects.retry
def head_object(client: Any, bucket: str, key: str) -> dict[str, Any]:
    response = client.head_object(Bucket=bucket, Key=key)
    return {
        "sha256": response.get("Metadata", {}).get("sha256"),
        "size": response["ContentLength"],
        "etag": response["ETag"].strip('"'),
        "content_type": response.get("ContentType"),
        "cache_control": response.get("CacheControl"),
    }


def _headers(file: dict[str, Any]) -> dict[str, Any]:
    headers = {"ContentType": file["content_type"], "Metadata": {"sha256": file["sha256"]}}
    return {**headers, "CacheControl": file["cache_control"]} if file["cache_control"] else headers


@S3ErrorHandler.common_error_handler("publish s3://{bucket}/{key}")
@objects.retry
def put_file(client: Any, bucket: str, key: str, file: dict[str, Any], location: str) -> str:
    """Send a file, and return its ETag. S3 refuses content that has not the hash which the headers promise."""
    request = {
        "Bucket": bucket,
        "Key": key,
        "ChecksumSHA256": base64.b64encode(bytes.fromhex(file["sha256"])).decode(),
        **_headers(file),
    }
    try:
        with open(location, "rb") as source:
            if file["size"] > READ_WHOLE:
                return client.put_object(Body=source, **request)["ETag"].strip('"')
            body = source.read()
    except OSError as error:
        raise AnsibleSiteError(message=f"Failed to read {location}: {error.strerror}") from error
    if hashlib.sha256(body).hexdigest() != file["sha256"]:
        raise AnsibleSiteError(
            message=f"{location} was changed while it was published. Run again when nothing writes to source."
        )
    return client.put_object(Body=body, **request)["ETag"].strip('"')


@S3ErrorHandler.common_error_handler("repair the headers of s3://{bucket}/{key}")
@objects.retry
def repair_headers(client: Any, bucket: str, key: str, file: dict[str, Any], etag: str) -> str:
    """Give an object other headers without sending its content, by copying it onto itself."""
    response = client.copy_object(
        Bucket=bucket,
        Key=key,
        CopySource={"Bucket": bucket, "Key": key},
        CopySourceIfMatch=etag,  # the content that was looked at, and no other
        MetadataDirective="REPLACE",
        **_headers(file),
    )
    return response["CopyObjectResult"]["ETag"].strip('"')


@S3ErrorHandler.common_error_handler("write s3://{bucket}/{key}")
@objects.retry
def _put_manifest(client: Any, bucket: str, key: str, body: bytes, condition: dict[str, str]) -> str:
    response = client.put_object(
        Bucket=bucket, Key=key, Body=body, ContentType="application/json", CacheControl="no-store", **condition
    )
    return response["ETag"].strip('"')


def put_manifest(client: Any, bucket: str, key: str, body: bytes, expected: str | None) -> str:
    """Replace the manifest if it still is the expected one (None: if there is none), and return its ETag."""
    condition = {"IfMatch": f'"{expected}"'} if expected else {"IfNoneMatch": "*"}
    try:
        return _put_manifest(client, bucket, key, body, condition)
    except is_ansible_aws_error_code(objects.CONFLICT_CODES):
        # A write whose answer was lost is sent again, and then meets itself.
        stored = get_object(client, bucket, key)
        if stored and stored.body == body:
            return stored.etag
        raise conflict(bucket, key) from None


def check_manifest(client: Any, bucket: str, key: str, expected: str) -> None:
    if head_object(client, bucket, key)["etag"] != expected:
        raise conflict(bucket, key)


def conflict(bucket: str, key: str) -> SiteConflictError:
    return SiteConflictError(
        message=f"Another run has published to this site meanwhile: s3://{bucket}/{key} is not as this run left it. "
        "See that only one run publishes at a time, then run again."
    )


@S3ErrorHandler.common_error_handler("delete superseded objects of s3://{bucket}")
def delete_objects(client: Any, bucket: str, keys: list[str]) -> None:
    for start in range(0, len(keys), DELETE_AT_ONCE):
        failed = objects.delete(client, bucket, keys[start : start + DELETE_AT_ONCE])
        if failed:
            reasons = ", ".join(f"{item['Key']} ({item.get('Code')}: {item.get('Message')})" for item in failed[:10])
            raise AnsibleSiteError(
                message=f"Failed to delete {len(failed)} superseded objects of s3://{bucket}: {reasons}. "
                "The release itself is published. Allow s3:DeleteObject, or set prune to none, then run again."
            )


@CloudFrontErrorHandler.common_error_handler("invalidate {paths} of distribution {distribution_id}")
@_RETRIED_INVALIDATION
def create_invalidation(client: Any, distribution_id: str, paths: list[str], reference: str) -> str:
    response = client.create_invalidation(
        DistributionId=distribution_id,
        InvalidationBatch={"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": reference},
    )
    return response["Invalidation"]["Id"]


@CloudFrontErrorHandler.common_error_handler(
    "wait for invalidation {invalidation_id} of distribution {distribution_id}"
)
def wait_for_invalidation(client: Any, distribution_id: str, invalidation_id: str, timeout: int) -> None:
    delay = min(5, max(timeout, 1))
    client.get_waiter("invalidation_completed").wait(
        DistributionId=distribution_id,
        Id=invalidation_id,
        WaiterConfig={"Delay": delay, "MaxAttempts": max(timeout // delay, 1)},
    )
