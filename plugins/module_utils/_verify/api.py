# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the reads that a verification makes of AWS and nobody else does. Beside them it uses those
# of the services' own api.py.

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any

retry = AWSRetry.jittered_backoff()


class AnsibleEvidenceError(AnsibleAWSError):
    pass


class EvidenceErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleEvidenceError

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(["404", "NoSuchKey"])


@EvidenceErrorHandler.list_error_handler("read the headers of {key} in bucket {bucket}")
@retry
def head_object(client: Any, bucket: str, key: str) -> dict[str, Any] | None:
    return client.head_object(Bucket=bucket, Key=key)


@EvidenceErrorHandler.list_error_handler("read {key} in bucket {bucket}")
@retry
def get_json(client: Any, bucket: str, key: str) -> dict[str, Any] | None:
    return json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())


@EvidenceErrorHandler.common_error_handler("list the objects of bucket {bucket}")
@retry
def list_objects(client: Any, bucket: str, prefix: str = "") -> list[dict[str, Any]]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return pages.build_full_result().get("Contents", [])
