# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import copy

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch import compare
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.metrics import METRICS
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.metrics import table_problems
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

ARN = "arn:aws:sns:us-east-1:123456789012:shop"
ALARM = {
    "name": "cpu",
    "description": None,
    "namespace": "AWS/EC2",
    "metric_name": "CPUUtilization",
    "dimensions": {"InstanceId": "i-1"},
    "statistic": None,
    "extended_statistic": None,
    "period": 300,
    "evaluation_periods": 2,
    "datapoints_to_alarm": None,
    "threshold": 90,
    "comparison_operator": "GreaterThanThreshold",
    "treat_missing_data": "missing",
    "unit": None,
    "evaluate_low_sample_count_percentile": None,
    "actions_enabled": True,
    "alarm_actions": None,
    "ok_actions": None,
    "insufficient_data_actions": None,
}
PARAMS = {
    "name": "shop",
    "state": "present",
    "display_name": None,
    "kms_key_id": None,
    "subscriptions": [{"protocol": "email", "endpoint": "a@example.com"}],
    "allow_budgets": False,
    "alarm_prefix": None,
    "alarms": [ALARM],
    "purge_alarms": True,
    "tags": {"A": 1},
}
PURGE = {"alarms": True, "subscriptions": True, "tags": True}
EMPTY = {"topic": None, "alarms": {}}


def params(**changes):
    return {**PARAMS, **changes}


def with_alarm(**changes):
    return params(alarms=[{**ALARM, **changes}])


def made(desired, **subscriptions):
    """What a set that was wanted is like when it has been made."""
    planned = compare.planned_set(EMPTY, desired, PURGE)
    for item in planned["topic"]["subscriptions"]:
        item["arn"] = subscriptions.get(item["endpoint"].partition("@")[0], item["arn"])
    return copy.deepcopy(planned)


def actions(steps):
    return [step.action for step in steps]


def steps_between(current, changed, purge=None):
    return compare.set_steps(current, compare.build_set(changed, ARN), purge or PURGE)


def test_an_empty_account():
    steps = steps_between(EMPTY, PARAMS)
    assert actions(steps) == ["create_topic", "subscribe", "put_alarm"]
    create, subscribe, put = (step.arguments for step in steps)
    (statement,) = create["policy"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert create["tags"] == put["tags"] == {"A": "1"}
    assert subscribe["endpoint"] == "a@example.com"
    assert put["name"] == "shop/cpu"
    assert put["settings"] == {
        "AlarmDescription": "",
        "ActionsEnabled": True,
        "MetricName": "CPUUtilization",
        "Namespace": "AWS/EC2",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
        "Statistic": "Average",
        "Period": 300,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "Threshold": 90.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "missing",
        "AlarmActions": [ARN],
        "OKActions": [ARN],
        "InsufficientDataActions": [ARN],
    }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (params(), []),
        # The set's own words for what CloudWatch assumes.
        (with_alarm(datapoints_to_alarm=2, statistic="Average", alarm_actions=["topic"]), []),
        (with_alarm(threshold=95), ["put_alarm"]),
        (with_alarm(dimensions={"InstanceId": UNKNOWN}), ["put_alarm"]),
        (with_alarm(ok_actions=[]), ["put_alarm"]),
        (with_alarm(extended_statistic="p99"), ["put_alarm"]),
        (with_alarm(name="other"), ["put_alarm", "delete_alarms"]),
        (params(alarms=[]), ["delete_alarms"]),
        (params(tags=None), []),
        (params(tags={"B": "2"}), ["untag_topic", "tag_topic", "untag_alarm", "tag_alarm"]),
        (params(display_name="Shop"), ["set_topic_attribute"]),
        (params(kms_key_id="alias/own"), ["set_topic_attribute"]),
        (params(kms_key_id=""), []),
        (params(allow_budgets=True), ["set_topic_attribute"]),
        (params(subscriptions=None), []),
        (params(subscriptions=[]), ["unsubscribe"]),
        (params(subscriptions=[{"protocol": "email", "endpoint": "A@example.com"}]), []),
        (params(subscriptions=[{"protocol": "sqs", "endpoint": "arn:q"}]), ["subscribe", "unsubscribe"]),
    ],
)
def test_changes(changed, expected):
    current = made(compare.build_set(PARAMS, ARN), a=f"{ARN}:1")
    assert actions(steps_between(current, changed)) == expected


def test_the_plan_is_what_follows():
    for changed in (params(tags={"B": "2"}), with_alarm(threshold=95), params(allow_budgets=True, subscriptions=[])):
        current = made(compare.build_set(PARAMS, ARN), a=f"{ARN}:1")
        after = compare.planned_set(current, compare.build_set(changed, ARN), PURGE)
        assert steps_between(after, changed) == []


def test_nothing_is_purged_unless_asked():
    current = made(compare.build_set(PARAMS, ARN), a=f"{ARN}:1")
    keep = {"alarms": False, "subscriptions": False, "tags": False}
    changed = params(alarms=[], subscriptions=[], tags={})
    assert steps_between(current, changed, keep) == []


def test_what_is_pending_is_neither_asked_again_nor_removed():
    current = made(compare.build_set(PARAMS, ARN))
    assert current["topic"]["subscriptions"][0]["arn"] == compare.PENDING
    assert steps_between(current, PARAMS) == []
    assert steps_between(current, params(subscriptions=[])) == []
    assert compare.set_result(current)["pending_subscriptions"] == [
        {"protocol": "email", "endpoint": "a@example.com", "topic_arn": ARN}
    ]


def test_the_policy_of_others_stays():
    current = made(compare.build_set(PARAMS, ARN), a=f"{ARN}:1")
    other = {"Sid": "Other", "Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": ARN}
    current["topic"]["policy"] = {"Version": "2012-10-17", "Statement": [other]}
    (step,) = steps_between(current, PARAMS)
    assert [sid in step.arguments["value"] for sid in ("Other", compare.CLOUDWATCH_SID)] == [True, True]


def test_taking_it_away():
    current = made(compare.build_set(PARAMS, ARN))
    assert actions(compare.deletion_steps(current)) == ["delete_alarms", "delete_topic"]
    assert compare.deletion_steps(EMPTY) == []
    # Killed after the topic, or by somebody else's doing.
    assert actions(compare.deletion_steps({**current, "topic": None})) == ["delete_alarms"]
    many = compare.deletion_of_alarms(f"shop/{number}" for number in range(101))
    assert [len(step.arguments["names"]) for step in many] == [100, 1]


def test_an_alarm_as_cloudwatch_tells_it():
    described = {
        "AlarmArn": "arn:alarm",
        "AlarmName": "shop/cpu",
        "MetricName": "CPUUtilization",
        "Namespace": "AWS/EC2",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
        "Statistic": "Average",
        "Period": 300,
        "EvaluationPeriods": 2,
        "Threshold": 90.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "ActionsEnabled": True,
        "AlarmActions": [ARN],
        "OKActions": [ARN],
        "InsufficientDataActions": [ARN],
        "StateValue": "OK",
    }
    current = made(compare.build_set(PARAMS, ARN), a=f"{ARN}:1")
    current["alarms"] = {"shop/cpu": compare.normalise_alarm(described, {"A": "1"})}
    assert steps_between(current, PARAMS) == []


def test_a_subscription_that_was_ended_is_none():
    listed = [{"Protocol": "email", "Endpoint": "a@example.com", "SubscriptionArn": compare.DELETED}]
    assert compare.normalise_topic(ARN, {}, listed, {})["subscriptions"] == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (params(alarm_prefix=""), "every alarm of the region"),
        (params(kms_key_id="alias/aws/sns"), "cannot publish to a topic"),
        (params(subscriptions=[{"protocol": "email", "endpoint": "nobody"}]), "nobody is no e-mail address"),
        (params(subscriptions=PARAMS["subscriptions"] * 2), "a@example.com is there twice"),
        (params(alarms=[ALARM, ALARM]), "cpu is there twice"),
        (with_alarm(name="x" * 251), "longer than 255"),
        (with_alarm(statistic="Sum", extended_statistic="p9"), "exclude each other"),
        (with_alarm(period=45), "45 seconds are not possible"),
        (with_alarm(period=0), "0 seconds are not possible"),
        (with_alarm(period=10), "has no data every 10 seconds"),
        (with_alarm(period=300, evaluation_periods=289), "which is 1 day"),
        (with_alarm(period=3600, evaluation_periods=169), "which is 7 day"),
        (with_alarm(evaluation_periods=0), "no number of periods"),
        (with_alarm(datapoints_to_alarm=3), "not between 1 and evaluation_periods, 2"),
        (with_alarm(datapoints_to_alarm=-1), "not between 1"),
        (with_alarm(dimensions={str(number): "x" for number in range(31)}), "at most 30"),
        (with_alarm(alarm_actions=["topic"] * 6), "at most 5"),
        (with_alarm(ok_actions=["ops"]), "neither an ARN nor the word topic"),
        (with_alarm(ok_actions=["arn:aws:sns:eu-west-1:123456789012:x"]), "only topics of its own region"),
        (with_alarm(namespace="AWS/Billing"), "dimension Currency"),
        (with_alarm(namespace="AWS/CloudFront", dimensions={"DistributionId": "E1"}), "Region: Global"),
    ],
)
def test_problems(changed, words):
    (problem,) = compare.find_problems(changed, "us-east-1")
    assert words in problem


@pytest.mark.parametrize("namespace", ["AWS/Billing", "AWS/CloudFront", "AWS/Route53"])
def test_what_has_data_in_one_region_is_refused_in_others(namespace):
    dimensions = {"Currency": "USD", "Region": "Global", "HealthCheckId": UNKNOWN}
    changed = with_alarm(namespace=namespace, dimensions=dimensions)
    (problem,) = compare.find_problems(changed, "eu-west-1")
    assert "in us-east-1 alone" in problem
    assert compare.find_problems(changed, "us-east-1") == []


def test_nothing_is_wrong_with_what_is_not_known_yet():
    changed = params(
        subscriptions=[{"protocol": "email", "endpoint": UNKNOWN}],
        alarms=[{**ALARM, "dimensions": {"InstanceId": UNKNOWN}, "alarm_actions": [UNKNOWN]}],
    )
    assert compare.find_problems(changed, "us-east-1") == []


@pytest.mark.parametrize(
    ("namespace", "name", "dimensions", "words"),
    [
        ("AWS/EC2", "CPUUtilization", {"InstanceId": "i-1"}, None),
        ("CWAgent", "disk_used_percent", {"InstanceId": "i-1", "path": "/"}, None),
        ("CWAgent", "disk_used_percent", {"InstanceId": "i-1"}, "has the dimensions InstanceId, path, and not"),
        ("AWS/EC2", "CpuUtilization", {"InstanceId": "i-1"}, "published by nobody known"),
        ("AWS/Billing", "EstimatedCharges", {}, "and not none"),
        ("AWS/CloudFront", "5xxErrorRate", {"DistributionId": "E", "Region": "us-east-1"}, "Region=Global only"),
    ],
)
def test_the_table_of_metrics(namespace, name, dimensions, words):
    problems = table_problems({"namespace": namespace, "metric_name": name, "dimensions": dimensions})
    assert (words in problems[0]) if words else problems == []


def test_each_metric_of_the_table_has_a_source():
    for (namespace, _name), metric in METRICS.items():
        assert metric.source.startswith("https://docs.aws.amazon.com/" if namespace.startswith("AWS/") else "role ")
