# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to CloudWatch Logs.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any

# Two changes of one group at the same time are refused with the first.
retry = AWSRetry.jittered_backoff(catch_extra_error_codes=["OperationAbortedException", "LimitExceededException"])


class AnsibleLogsError(AnsibleAWSError):
    pass


class LogsErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleLogsError
    _SERVICE = "logs"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("ResourceNotFoundException")


@LogsErrorHandler.common_error_handler("read log group {name}")
@retry
def get_log_group(client: Any, name: str) -> dict[str, Any] | None:
    # Groups are listed by name, so the one whose name is the prefix itself comes first.
    found = client.describe_log_groups(logGroupNamePrefix=name, limit=1)["logGroups"]
    return found[0] if found and found[0]["logGroupName"] == name else None


@LogsErrorHandler.common_error_handler("list the log groups whose names begin with {prefix}")
@retry
def list_log_groups(client: Any, prefix: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_log_groups")
    return paginator.paginate(logGroupNamePrefix=prefix).build_full_result()["logGroups"]


@LogsErrorHandler.list_error_handler("read the tags of log group {arn}", {})
@retry
def get_tags(client: Any, arn: str) -> dict[str, str]:
    return client.list_tags_for_resource(resourceArn=arn)["tags"]


@LogsErrorHandler.common_error_handler("create log group {name}")
@retry
def create_log_group(client: Any, name: str, settings: dict[str, str], tags: dict[str, str]) -> None:
    # An empty set of tags is refused.
    client.create_log_group(logGroupName=name, **settings, **({"tags": tags} if tags else {}))


@LogsErrorHandler.common_error_handler("keep what is in log group {name} for {days} days")
@retry
def put_retention(client: Any, name: str, days: int) -> None:
    client.put_retention_policy(logGroupName=name, retentionInDays=days)


@LogsErrorHandler.common_error_handler("keep what is in log group {name} for ever")
@retry
def delete_retention(client: Any, name: str) -> None:
    client.delete_retention_policy(logGroupName=name)


@LogsErrorHandler.common_error_handler("encrypt log group {name} with {key}")
@retry
def associate_key(client: Any, name: str, key: str) -> None:
    client.associate_kms_key(logGroupName=name, kmsKeyId=key)


@LogsErrorHandler.common_error_handler("encrypt log group {name} with a key of AWS's own")
@retry
def disassociate_key(client: Any, name: str) -> None:
    client.disassociate_kms_key(logGroupName=name)


@LogsErrorHandler.common_error_handler("tag log group {arn}")
@retry
def tag_log_group(client: Any, arn: str, tags: dict[str, str]) -> None:
    client.tag_resource(resourceArn=arn, tags=tags)


@LogsErrorHandler.common_error_handler("remove tags {keys} from log group {arn}")
@retry
def untag_log_group(client: Any, arn: str, keys: list[str]) -> None:
    client.untag_resource(resourceArn=arn, tagKeys=keys)


@LogsErrorHandler.deletion_error_handler("delete log group {name}")
@retry
def delete_log_group(client: Any, name: str) -> None:
    client.delete_log_group(logGroupName=name)
