# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the reads that a verification makes of AWS and nobody else does. Beside them it uses those
# of the other modules.

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler

if TYPE_CHECKING:
    from typing import Any

retry = AWSRetry.jittered_backoff()


class AnsibleEvidenceError(AnsibleAWSError):
    pass


class EvidenceErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleEvidenceError

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(["404", "NoSuchKey", "NotFound", "NotFoundException"])


@EvidenceErrorHandler.common_error_handler("ask who is asking")
@retry
def get_caller(client: Any) -> dict[str, str]:
    return client.get_caller_identity()


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
def list_objects(client: Any, bucket: str) -> list[dict[str, Any]]:
    return client.get_paginator("list_objects_v2").paginate(Bucket=bucket).build_full_result().get("Contents", [])


@EvidenceErrorHandler.list_error_handler("list the subscriptions of topic {arn}", [])
@retry
def list_subscriptions(client: Any, arn: str) -> list[dict[str, str]]:
    paginator = client.get_paginator("list_subscriptions_by_topic")
    return paginator.paginate(TopicArn=arn).build_full_result()["Subscriptions"]


@EvidenceErrorHandler.list_error_handler("list the notifications of budget {name}", [])
@retry
def list_notifications(client: Any, account_id: str, name: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_notifications_for_budget")
    return paginator.paginate(AccountId=account_id, BudgetName=name).build_full_result().get("Notifications", [])


@EvidenceErrorHandler.list_error_handler("list who is told of a notification of budget {name}", [])
@retry
def list_subscribers(client: Any, account_id: str, name: str, notification: dict[str, Any]) -> list[dict[str, str]]:
    paginator = client.get_paginator("describe_subscribers_for_notification")
    query = {"AccountId": account_id, "BudgetName": name, "Notification": notification}
    return paginator.paginate(**query).build_full_result().get("Subscribers", [])
