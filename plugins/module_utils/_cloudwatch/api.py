# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to CloudWatch and SNS that a set of alarms with its topic is made of.

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

retry = AWSRetry.jittered_backoff()
# CloudWatch may not see a topic yet that was made a moment ago, nor its own new alarm.
retry_until_visible = AWSRetry.jittered_backoff(retries=6, catch_extra_error_codes=["ResourceNotFoundException"])


class AnsibleAlarmsError(AnsibleAWSError):
    pass


class SNSErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleAlarmsError
    _SERVICE = "sns"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(["NotFound", "NotFoundException", "ResourceNotFound", "ResourceNotFoundException"])


class CloudWatchErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleAlarmsError
    # Requests are signed for "monitoring", and permissions are named otherwise.
    _SERVICE = "cloudwatch"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(["ResourceNotFound", "ResourceNotFoundException"])


@SNSErrorHandler.list_error_handler("read topic {arn}")
@retry
def get_topic(client: Any, arn: str) -> dict[str, str]:
    return client.get_topic_attributes(TopicArn=arn)["Attributes"]


@SNSErrorHandler.common_error_handler("list topics")
@retry
def list_topics(client: Any) -> list[str]:
    """The ARNs of all topics of the region."""
    return [item["TopicArn"] for item in client.get_paginator("list_topics").paginate().build_full_result()["Topics"]]


@SNSErrorHandler.list_error_handler("list the subscriptions of topic {arn}", [])
@retry
def list_subscriptions(client: Any, arn: str) -> list[dict[str, str]]:
    paginator = client.get_paginator("list_subscriptions_by_topic")
    return paginator.paginate(TopicArn=arn).build_full_result()["Subscriptions"]


@SNSErrorHandler.list_error_handler("read the tags of topic {arn}", {})
@retry
def get_topic_tags(client: Any, arn: str) -> dict[str, str]:
    return boto3_tag_list_to_ansible_dict(client.list_tags_for_resource(ResourceArn=arn)["Tags"])


@SNSErrorHandler.common_error_handler("create topic {name}")
@retry
def create_topic(
    client: Any, name: str, policy: dict[str, Any], tags: dict[str, str], attributes: dict[str, str]
) -> None:
    client.create_topic(
        Name=name,
        Attributes={"Policy": json.dumps(policy), **attributes},
        Tags=ansible_dict_to_boto3_tag_list(tags),
    )


@SNSErrorHandler.common_error_handler("set {name} of topic {arn}")
@retry
def set_topic_attribute(client: Any, arn: str, name: str, value: str) -> None:
    client.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)


@SNSErrorHandler.common_error_handler("tag topic {arn}")
@retry
def tag_topic(client: Any, arn: str, tags: dict[str, str]) -> None:
    client.tag_resource(ResourceArn=arn, Tags=ansible_dict_to_boto3_tag_list(tags))


@SNSErrorHandler.common_error_handler("remove tags {keys} from topic {arn}")
@retry
def untag_topic(client: Any, arn: str, keys: list[str]) -> None:
    client.untag_resource(ResourceArn=arn, TagKeys=keys)


@SNSErrorHandler.deletion_error_handler("delete topic {arn}")
@retry
def delete_topic(client: Any, arn: str) -> None:
    client.delete_topic(TopicArn=arn)


@SNSErrorHandler.common_error_handler("subscribe {endpoint} to topic {arn}")
@retry
def subscribe(client: Any, arn: str, protocol: str, endpoint: str) -> None:
    client.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint)


@SNSErrorHandler.deletion_error_handler("remove subscription {arn}")
@retry
def unsubscribe(client: Any, arn: str) -> None:
    client.unsubscribe(SubscriptionArn=arn)


@CloudWatchErrorHandler.common_error_handler("list the alarms whose names begin with {prefix}")
@retry
def list_alarms(client: Any, prefix: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_alarms")
    return paginator.paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"]).build_full_result()["MetricAlarms"]


@CloudWatchErrorHandler.list_error_handler("read the tags of alarm {arn}", {})
@retry
def get_alarm_tags(client: Any, arn: str) -> dict[str, str]:
    return boto3_tag_list_to_ansible_dict(client.list_tags_for_resource(ResourceARN=arn)["Tags"])


@CloudWatchErrorHandler.common_error_handler("put alarm {name}")
@retry
def put_alarm(client: Any, name: str, settings: dict[str, Any], tags: dict[str, str]) -> None:
    """Make or change an alarm. CloudWatch reads tags only of one that it makes."""
    client.put_metric_alarm(AlarmName=name, Tags=ansible_dict_to_boto3_tag_list(tags), **settings)


@CloudWatchErrorHandler.common_error_handler("tag alarm {arn}")
@retry_until_visible
def tag_alarm(client: Any, arn: str, tags: dict[str, str]) -> None:
    client.tag_resource(ResourceARN=arn, Tags=ansible_dict_to_boto3_tag_list(tags))


@CloudWatchErrorHandler.common_error_handler("remove tags {keys} from alarm {arn}")
@retry
def untag_alarm(client: Any, arn: str, keys: list[str]) -> None:
    client.untag_resource(ResourceARN=arn, TagKeys=keys)


@CloudWatchErrorHandler.deletion_error_handler("delete alarms {names}")
@retry
def delete_alarms(client: Any, names: list[str]) -> None:
    """Delete up to a hundred alarms: all of them or, if the call fails, none."""
    client.delete_alarms(AlarmNames=names)
