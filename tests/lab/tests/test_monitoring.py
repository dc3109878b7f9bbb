# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import secrets

import pytest
from botocore.exceptions import ClientError


def refused(call, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return raised.value.response["Error"]


@pytest.fixture
def sns(emulator):
    return emulator.client("sns")


@pytest.fixture
def topic(sns):
    name = f"people-{secrets.token_hex(4)}"
    arn = sns.create_topic(Name=name, Tags=[{"Key": "A", "Value": "1"}])["TopicArn"]
    yield arn
    sns.delete_topic(TopicArn=arn)


def subscriptions(sns, topic):
    found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return {item["Endpoint"]: item["SubscriptionArn"] for item in found}


def mail(emulator, topic):
    return [message for message in emulator.lab.mail.all() if message["topic_arn"] == topic]


def test_an_address_is_pending_until_its_owner_confirms(emulator, sns, topic):
    answer = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    assert answer["SubscriptionArn"] == "pending confirmation"
    assert subscriptions(sns, topic) == {"a@example.com": "PendingConfirmation"}
    sns.publish(TopicArn=topic, Message="nobody has agreed to get this")
    (request,) = mail(emulator, topic)
    assert request["to"] == "a@example.com"
    wrong = refused(sns.confirm_subscription, TopicArn=topic, Token="0" * 128)
    assert wrong["Message"] == "Invalid token"
    arn = sns.confirm_subscription(TopicArn=topic, Token=request["token"])["SubscriptionArn"]
    assert subscriptions(sns, topic) == {"a@example.com": arn}
    sns.publish(TopicArn=topic, Subject="now", Message="agreed")
    assert [(message["subject"], message["body"]) for message in mail(emulator, topic)[1:]] == [("now", "agreed")]
    again = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    assert again["SubscriptionArn"] == arn
    sns.unsubscribe(SubscriptionArn=arn)
    assert subscriptions(sns, topic) == {}


def test_what_is_pending_cannot_be_taken_back(sns, topic):
    answer = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com", ReturnSubscriptionArn=True)
    for arn in ("PendingConfirmation", answer["SubscriptionArn"]):
        assert refused(sns.unsubscribe, SubscriptionArn=arn)["Code"] == "InvalidParameter"
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (attributes["SubscriptionsPending"], attributes["SubscriptionsConfirmed"]) == ("1", "0")


def test_asking_again_sends_another_request(emulator, sns, topic):
    for _ in range(2):
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    first, second = mail(emulator, topic)
    assert first["token"] != second["token"]
    assert list(subscriptions(sns, topic)) == ["a@example.com"]


def test_queues_need_nobody_to_agree(sns, topic):
    queue = "arn:aws:sqs:us-east-1:123456789012:queue"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    assert subscriptions(sns, topic)[queue].startswith(topic)


def test_what_is_no_address_is_refused(sns, topic):
    answer = refused(sns.subscribe, TopicArn=topic, Protocol="email", Endpoint="nobody")
    assert answer["Message"] == "Invalid parameter: Email address"


@pytest.mark.parametrize(
    "other",
    [{"Tags": [{"Key": "A", "Value": "2"}]}, {"Attributes": {"DisplayName": "other"}}],
)
def test_a_topic_that_is_there_is_not_another(sns, topic, other):
    name = topic.rpartition(":")[2]
    assert sns.create_topic(Name=name)["TopicArn"] == topic
    answer = refused(sns.create_topic, Name=name, **other)
    assert "Topic already exists with different" in answer["Message"]


@pytest.mark.parametrize("policy", ["{", '{"Version": "2012-10-17", "Statement": [{"Effect": "Maybe"}]}'])
def test_policies_are_read(sns, topic, policy):
    answer = refused(sns.set_topic_attributes, TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    assert answer["Message"].startswith("Invalid parameter: Policy Error")


ALARM = {
    "AlarmName": "shop/cpu",
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "Statistic": "Average",
    "Period": 300,
    "EvaluationPeriods": 2,
    "Threshold": 90.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.fixture
def cloudwatch(emulator):
    client = emulator.client("cloudwatch")
    yield client
    client.delete_alarms(AlarmNames=[ALARM["AlarmName"]])


def alarm(cloudwatch):
    (found,) = cloudwatch.describe_alarms(AlarmNames=[ALARM["AlarmName"]])["MetricAlarms"]
    return found


def test_an_alarm_keeps_its_state_and_tags_when_it_is_put_again(cloudwatch):
    cloudwatch.put_metric_alarm(**ALARM, Tags=[{"Key": "A", "Value": "1"}])
    assert alarm(cloudwatch)["StateValue"] == "INSUFFICIENT_DATA"
    cloudwatch.set_alarm_state(AlarmName="shop/cpu", StateValue="OK", StateReason="test")
    cloudwatch.put_metric_alarm(**ALARM | {"Threshold": 95.0}, Tags=[{"Key": "B", "Value": "2"}])
    after = alarm(cloudwatch)
    assert (after["StateValue"], after["Threshold"]) == ("OK", 95.0)
    tags = {"ResourceARN": after["AlarmArn"]}
    assert cloudwatch.list_tags_for_resource(**tags)["Tags"] == [{"Key": "A", "Value": "1"}]
    cloudwatch.delete_alarms(AlarmNames=["shop/cpu"])
    cloudwatch.put_metric_alarm(**ALARM)
    assert cloudwatch.list_tags_for_resource(**tags)["Tags"] == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"Period": 45}, "multiple of 60"),
        ({"Period": 300, "EvaluationPeriods": 300}, "more than 1 day"),
        ({"Period": 21600, "EvaluationPeriods": 29}, "more than 7 day"),
        ({"DatapointsToAlarm": 3}, "DatapointsToAlarm"),
        ({"TreatMissingData": "bad"}, "bad is not supported"),
        ({"AlarmActions": ["people"]}, "Invalid arn syntax"),
        ({"AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:people"]}, "Only us-east-1 is supported"),
    ],
)
def test_alarms_that_are_refused(cloudwatch, wrong, words):
    error = refused(cloudwatch.put_metric_alarm, **ALARM | wrong)
    assert error["Code"] == "ValidationError"
    assert words in error["Message"]


def allow(service, topic, account="123456789012"):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": service},
                    "Action": "sns:Publish",
                    "Resource": topic,
                    "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                }
            ],
        }
    )


@pytest.mark.parametrize(
    ("service", "account", "comes"),
    [
        ("cloudwatch.amazonaws.com", "123456789012", True),
        ("cloudwatch.amazonaws.com", "210987654321", False),
        ("budgets.amazonaws.com", "123456789012", False),
    ],
)
def test_an_alarm_tells_the_topic_whose_policy_lets_it(emulator, sns, topic, cloudwatch, service, account, comes):
    policy = allow(service, topic, account)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    sns.confirm_subscription(TopicArn=topic, Token=mail(emulator, topic)[-1]["token"])
    before = len(mail(emulator, topic))
    cloudwatch.put_metric_alarm(**ALARM, AlarmActions=[topic])
    for _ in range(2):
        cloudwatch.set_alarm_state(AlarmName="shop/cpu", StateValue="ALARM", StateReason="test")
    came = [message["subject"] for message in mail(emulator, topic)[before:]]
    assert came == (['ALARM: "shop/cpu"'] if comes else [])


@pytest.fixture
def logs(emulator):
    client = emulator.client("logs")
    client.create_log_group(logGroupName="/lab/retention")
    yield client
    client.delete_log_group(logGroupName="/lab/retention")


@pytest.mark.parametrize("days", [1, 30, 3288])
def test_retention_is_kept(logs, days):
    logs.put_retention_policy(logGroupName="/lab/retention", retentionInDays=days)
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/lab/retention")["logGroups"]
    assert group["retentionInDays"] == days


@pytest.mark.parametrize("days", [2, 31, 4000])
def test_retention_that_aws_has_not_is_refused(logs, days):
    error = refused(logs.put_retention_policy, logGroupName="/lab/retention", retentionInDays=days)
    assert error["Code"] == "InvalidParameterException"
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/lab/retention")["logGroups"]
    assert "retentionInDays" not in group


def test_keys_classes_and_tags_of_log_groups(emulator):
    logs = emulator.client("logs")
    name, key = "/lab/keys", "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    assert refused(logs.associate_kms_key, logGroupName=name, kmsKeyId=key)["Code"] == "ResourceNotFoundException"
    logs.create_log_group(logGroupName=name, tags={"A": "1"}, logGroupClass="INFREQUENT_ACCESS")
    logs.associate_kms_key(logGroupName=name, kmsKeyId=key)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert (group["kmsKeyId"], group["logGroupClass"]) == (key, "INFREQUENT_ACCESS")
    logs.disassociate_kms_key(logGroupName=name)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert "kmsKeyId" not in group
    logs.delete_log_group(logGroupName=name)
    logs.create_log_group(logGroupName=name)
    assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {}
    logs.delete_log_group(logGroupName=name)
