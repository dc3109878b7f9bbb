# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json

import boto3
import pytest
from botocore.stub import ANY
from botocore.stub import Stubber

from ansible_collections.slipway.aws.plugins.modules import cloudwatch_alarms

ARN = "arn:aws:sns:us-east-1:123456789012:shop"
PARAMS = {
    "name": "shop",
    "subscriptions": [{"endpoint": "a@example.com"}],
    "alarms": [
        {
            "name": name,
            "namespace": "AWS/EC2",
            "metric_name": "CPUUtilization",
            "dimensions": {"InstanceId": "i-1"},
            "threshold": threshold,
            "comparison_operator": "GreaterThanThreshold",
        }
        for name, threshold in (("cpu", 90), ("cpu-full", 99))
    ],
    "tags": {"A": "1"},
}
SERVICES = ["sts", "sns", "cloudwatch"]


@pytest.fixture
def clients():
    made = {
        service: boto3.client(
            service, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        for service in SERVICES
    }
    stubbers = {service: Stubber(client) for service, client in made.items()}
    for service, stubber in stubbers.items():
        stubber.activate()
        made[service].stubber = stubber
    yield made
    for stubber in stubbers.values():
        stubber.assert_no_pending_responses()


def expect_caller(clients):
    identity = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me", "UserId": "AIDA"}
    clients["sts"].stubber.add_response("get_caller_identity", identity)


def expect_nothing_there(clients):
    expect_caller(clients)
    asked = {"AlarmNamePrefix": "shop/", "AlarmTypes": ["MetricAlarm"]}
    clients["cloudwatch"].stubber.add_response("describe_alarms", {"MetricAlarms": []}, asked)
    sns = clients["sns"].stubber
    sns.add_client_error("get_topic_attributes", "NotFound", expected_params={"TopicArn": ARN})
    sns.add_client_error("list_subscriptions_by_topic", "NotFound", expected_params={"TopicArn": ARN})
    sns.add_client_error("list_tags_for_resource", "ResourceNotFound", expected_params={"ResourceArn": ARN})


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.usefixtures("sequential_reads")
def test_check_mode_on_an_empty_account_only_reads(call_module, clients, state):
    expect_nothing_there(clients)
    result = call_module(cloudwatch_alarms, {**PARAMS, "state": state}, clients, check_mode=True, diff=True)
    assert result["changed"] is (state == "present")
    assert result["diff"]["before"] == {}
    if state == "present":
        # SNS makes it of what is known already.
        assert result["topic"]["arn"] == ARN
        assert [alarm["name"] for alarm in result["alarms"]] == ["shop/cpu", "shop/cpu-full"]
        assert result["pending_subscriptions"][0]["endpoint"] == "a@example.com"


@pytest.mark.usefixtures("sequential_reads")
def test_every_page_of_alarms_is_read(call_module, clients):
    expect_caller(clients)
    alarms = clients["cloudwatch"].stubber
    page = {"AlarmName": "shop/a", "AlarmArn": "arn:a", "EvaluationPeriods": 1}
    alarms.add_response("describe_alarms", {"MetricAlarms": [page], "NextToken": "more"}, ANY_PREFIX)
    alarms.add_response(
        "describe_alarms",
        {"MetricAlarms": [{**page, "AlarmName": "shop/b", "AlarmArn": "arn:b"}]},
        {**ANY_PREFIX, "NextToken": "more"},
    )
    sns = clients["sns"].stubber
    sns.add_client_error("get_topic_attributes", "NotFound")
    sns.add_client_error("list_subscriptions_by_topic", "NotFound")
    sns.add_client_error("list_tags_for_resource", "ResourceNotFound")
    for arn in ("arn:a", "arn:b"):
        alarms.add_response("list_tags_for_resource", {"Tags": []}, {"ResourceARN": arn})
    alarms.add_response("delete_alarms", {}, {"AlarmNames": ["shop/a", "shop/b"]})
    result = call_module(cloudwatch_alarms, {"name": "shop", "state": "absent"}, clients)
    assert (result["changed"], result["alarms"]) == (True, [])


ANY_PREFIX = {"AlarmNamePrefix": "shop/", "AlarmTypes": ["MetricAlarm"]}


@pytest.mark.usefixtures("sequential_reads")
def test_a_refused_write_says_what_to_allow(call_module, clients):
    expect_nothing_there(clients)
    clients["sns"].stubber.add_response(
        "create_topic", {"TopicArn": ARN}, {"Name": "shop", "Attributes": {"Policy": ANY}, "Tags": ANY}
    )
    clients["sns"].stubber.add_response(
        "subscribe", {}, {"TopicArn": ARN, "Protocol": "email", "Endpoint": "a@example.com"}
    )
    clients["cloudwatch"].stubber.add_client_error("put_metric_alarm", "AccessDenied", "not authorized")
    result = call_module(cloudwatch_alarms, PARAMS, clients)
    assert result["msg"].startswith("Failed to put alarm shop/cpu. Allow cloudwatch:PutMetricAlarm to the identity")


def test_all_that_is_wrong_is_said_before_any_call(call_module, clients):
    alarms = [{**alarm, "period": 7, "alarm_actions": ["ops"]} for alarm in PARAMS["alarms"]]
    result = call_module(cloudwatch_alarms, {**PARAMS, "alarms": alarms}, clients)
    assert result["msg"].startswith("Nothing was changed. ")
    assert result["msg"].count("7 seconds are not possible") == 2
    assert result["msg"].count("neither an ARN") == 2


def test_killed_anywhere_while_making_it(sweep_kills):
    def inspect(clients, result):
        subscriptions = clients["sns"].list_subscriptions_by_topic(TopicArn=ARN)["Subscriptions"]
        assert [item["Endpoint"] for item in subscriptions] == ["a@example.com"]
        alarms = clients["cloudwatch"].describe_alarms()["MetricAlarms"]
        assert sorted(alarm["AlarmName"] for alarm in alarms) == ["shop/cpu", "shop/cpu-full"]
        for alarm in alarms:
            tags = clients["cloudwatch"].list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
            assert tags == [{"Key": "A", "Value": "1"}]
        assert result["topic"]["arn"] == ARN

    assert sweep_kills(cloudwatch_alarms, SERVICES, lambda _clients: PARAMS, inspect) == 4


def test_killed_anywhere_while_changing_it(sweep_kills, call_module):
    changed = {
        **PARAMS,
        "subscriptions": [{"protocol": "sqs", "endpoint": "arn:aws:sqs:us-east-1:123456789012:q"}],
        "allow_budgets": True,
        "display_name": "Shop",
        "alarms": [{**PARAMS["alarms"][0], "threshold": 80}],
        "tags": {"B": "2"},
    }

    def prepare(clients):
        call_module(cloudwatch_alarms, PARAMS, clients)
        return changed

    def inspect(clients, _result):
        attributes = clients["sns"].get_topic_attributes(TopicArn=ARN)["Attributes"]
        assert len(json.loads(attributes["Policy"])["Statement"]) == 2
        (alarm,) = clients["cloudwatch"].describe_alarms()["MetricAlarms"]
        assert alarm["Threshold"] == 80
        tags = clients["cloudwatch"].list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        assert tags == [{"Key": "B", "Value": "2"}]

    # Policy, name, tags of the topic, subscribe, alarm and its tags, delete the other alarm, unsubscribe.
    assert sweep_kills(cloudwatch_alarms, SERVICES, prepare, inspect) == 10


def test_killed_anywhere_while_deleting_it(sweep_kills, call_module):
    def prepare(clients):
        call_module(cloudwatch_alarms, PARAMS, clients)
        # Of another set, whose name only begins alike.
        call_module(cloudwatch_alarms, {**PARAMS, "name": "shop-staging"}, clients)
        return {"name": "shop", "state": "absent"}

    def inspect(clients, result):
        names = [alarm["AlarmName"] for alarm in clients["cloudwatch"].describe_alarms()["MetricAlarms"]]
        assert names == ["shop-staging/cpu", "shop-staging/cpu-full"]
        assert [topic["TopicArn"] for topic in clients["sns"].list_topics()["Topics"]] == [f"{ARN}-staging"]
        assert (result["topic"], result["alarms"]) == ({}, [])

    assert sweep_kills(cloudwatch_alarms, SERVICES, prepare, inspect) == 2
