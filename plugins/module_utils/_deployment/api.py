# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the only place that calls S3 for the lock, the records and the kept releases.

from __future__ import annotations

import base64
import json
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING
from typing import NamedTuple

with suppress(ImportError):  # AnsibleAWSModule says so
    from botocore.exceptions import ClientError

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._s3 import objects

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any


class AnsibleDeploymentError(AnsibleAWSError):
    pass


class ConflictError(AnsibleDeploymentError):
    """The object is not any more as it was when it was read."""


class DeploymentErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleDeploymentError
    _SERVICE = "s3"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(objects.MISSING_CODES)


class Stored(NamedTuple):
    """A JSON object as it was read: nothing and no ETag if it is not there. now is S3's time: clocks may be wrong."""

    document: dict[str, Any] | None
    etag: str | None
    now: datetime


@DeploymentErrorHandler.common_error_handler("read s3://{bucket}/{key}")
@objects.retry
def read_json(client: Any, bucket: str, key: str) -> Stored:
    try:
        response = client.get_object(Bucket=bucket, Key=key)
    except is_boto3_error_code("NoSuchKey") as error:
        return Stored(None, None, objects.read_time(error.response))
    body = response["Body"].read()
    try:
        document = json.loads(body)
    except ValueError as error:
        raise AnsibleDeploymentError(
            message=f"s3://{bucket}/{key} is not JSON ({error}). See who wrote it, remove it, then run again"
        ) from error
    return Stored(document, response["ETag"], objects.read_time(response))


@DeploymentErrorHandler.common_error_handler("write s3://{bucket}/{key}")
@objects.retry
def _put(client: Any, bucket: str, key: str, body: bytes, condition: dict[str, str]) -> str:
    return client.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", **condition)["ETag"]


def write_json(client: Any, bucket: str, key: str, document: dict[str, Any], etag: str | None) -> str:
    """Write an object if it still is the one with this ETag (None: if there is none), and return its new ETag."""
    body = json.dumps(document, sort_keys=True, indent=2).encode()
    try:
        return _put(client, bucket, key, body, {"IfMatch": etag} if etag else {"IfNoneMatch": "*"})
    except is_ansible_aws_error_code(objects.CONFLICT_CODES):
        # A write whose answer was lost is sent again, and then meets itself.
        stored = read_json(client, bucket, key)
        if stored.document == document:
            return stored.etag
        raise ConflictError(message=f"s3://{bucket}/{key} was written by another run meanwhile. Run again") from None


@DeploymentErrorHandler.common_error_handler("list s3://{bucket}/{prefix}")
@objects.retry
def list_objects(client: Any, bucket: str, prefix: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [
        {"key": item["Key"], "size": item["Size"], "modified": item["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ")}
        for page in pages
        for item in page.get("Contents", [])
    ]


@DeploymentErrorHandler.list_error_handler("look for s3://{bucket}/{key}", False)
@objects.retry
def has_object(client: Any, bucket: str, key: str) -> bool:
    client.head_object(Bucket=bucket, Key=key)
    return True


@DeploymentErrorHandler.common_error_handler("keep {location} as s3://{bucket}/{key}")
@objects.retry
def put_archive(client: Any, bucket: str, key: str, location: str, sha256: str) -> None:
    """Send a file whole, unless there is one: the key stands for the content."""
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    try:
        with open(location, "rb") as file:
            client.put_object(Bucket=bucket, Key=key, Body=file, ChecksumSHA256=checksum, IfNoneMatch="*")
    except OSError as error:
        raise AnsibleDeploymentError(message=f"Failed to read {location}: {error.strerror}") from error
    except ClientError as error:
        # Another run was faster; or an answer was lost, and the file met itself.
        if error.response.get("Error", {}).get("Code") not in objects.CONFLICT_CODES:
            raise


@DeploymentErrorHandler.common_error_handler("fetch s3://{bucket}/{key}")
@objects.retry
def get_archive(client: Any, bucket: str, key: str, location: str) -> None:
    response = client.get_object(Bucket=bucket, Key=key)
    with open(location, "wb") as file:
        shutil.copyfileobj(response["Body"], file)


@DeploymentErrorHandler.common_error_handler("delete releases that are not kept any more from s3://{bucket}")
def delete_objects(client: Any, bucket: str, keys: list[str]) -> None:
    failed = objects.delete(client, bucket, keys) if keys else []
    if failed:
        reasons = ", ".join(f"{item['Key']} ({item.get('Code')}: {item.get('Message')})" for item in failed)
        raise AnsibleDeploymentError(
            message=f"Failed to delete releases that are not kept any more from s3://{bucket}: {reasons}. "
            "Allow s3:DeleteObject to the identity that makes this call"
        )
