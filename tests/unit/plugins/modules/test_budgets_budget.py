# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from ansible_collections.slipway.aws.plugins.modules import budgets_budget

OF = {"AccountId": "123456789012", "BudgetName": "shop"}
ARN = "arn:aws:budgets::123456789012:budget/shop"
PARAMS = {"name": "shop", "amount": 20, "notifications": [{"threshold": 80, "emails": ["a@example.com"]}]}
NOTIFICATION = {
    "NotificationType": "ACTUAL",
    "ComparisonOperator": "GREATER_THAN",
    "Threshold": 80.0,
    "ThresholdType": "PERCENTAGE",
}
SUBSCRIBER = {"SubscriptionType": "EMAIL", "Address": "a@example.com"}
BUDGET = {
    "BudgetName": "shop",
    "BudgetLimit": {"Amount": "20.0", "Unit": "USD"},
    "TimeUnit": "MONTHLY",
    "BudgetType": "COST",
}


@pytest.fixture
def clients():
    made = {
        service: boto3.client(
            service, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        for service in ("sts", "budgets")
    }
    with Stubber(made["sts"]) as sts, Stubber(made["budgets"]) as budgets:
        made["budgets"].stubber = budgets
        sts.add_response("get_caller_identity", {"Account": OF["AccountId"], "Arn": "arn:aws:iam::1:user/me"})
        yield made
        budgets.assert_no_pending_responses()


def expect_budget(clients, notifications, budget=None):
    stubber = clients["budgets"].stubber
    stubber.add_response("describe_budget", {"Budget": budget or BUDGET}, OF)
    told = [{**item, "NotificationState": "OK"} for item in notifications]
    stubber.add_response("describe_notifications_for_budget", {"Notifications": told}, OF)
    stubber.add_response("list_tags_for_resource", {"ResourceTags": []}, {"ResourceARN": ARN})
    for item in notifications:
        asked = {**OF, "Notification": item}
        stubber.add_response("describe_subscribers_for_notification", {"Subscribers": [SUBSCRIBER]}, asked)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_check_mode_without_a_budget_only_reads(call_module, clients, state):
    clients["budgets"].stubber.add_client_error("describe_budget", "NotFoundException", expected_params=OF)
    result = call_module(budgets_budget, {**PARAMS, "state": state}, clients, check_mode=True, diff=True)
    assert result["changed"] is (state == "present")
    assert result["budget"].get("arn") == (ARN if state == "present" else None)


@pytest.mark.usefixtures("sequential_reads")
def test_a_budget_that_is_right_is_only_read(call_module, clients):
    expect_budget(clients, [NOTIFICATION])
    result = call_module(budgets_budget, PARAMS, clients)
    assert result["changed"] is False
    assert result["budget"]["amount"] == "20"


@pytest.mark.usefixtures("sequential_reads")
def test_changes_are_made_in_place(call_module, clients):
    expect_budget(clients, [NOTIFICATION])
    stubber = clients["budgets"].stubber
    changed = {**BUDGET, "BudgetLimit": {"Amount": "25", "Unit": "USD"}}
    stubber.add_response("update_budget", {}, {"AccountId": OF["AccountId"], "NewBudget": changed})
    other = {**NOTIFICATION, "Threshold": 90.0}
    stubber.add_response("update_notification", {}, {**OF, "OldNotification": NOTIFICATION, "NewNotification": other})
    tag = {"ResourceARN": ARN, "ResourceTags": [{"Key": "A", "Value": "1"}]}
    stubber.add_response("tag_resource", {}, tag)
    expect_budget(clients, [other], changed)
    params = {**PARAMS, "amount": 25, "tags": {"A": "1"}}
    params["notifications"] = [{"threshold": 90, "emails": ["a@example.com"]}]
    assert call_module(budgets_budget, params, clients)["changed"] is True


@pytest.mark.usefixtures("sequential_reads")
def test_with_those_that_stay_there_are_too_many(call_module, clients):
    expect_budget(clients, [NOTIFICATION])
    params = {**PARAMS, "purge_notifications": False}
    params["notifications"] = [{"threshold": number, "emails": ["a@example.com"]} for number in range(1, 6)]
    result = call_module(budgets_budget, params, clients)
    assert "6 with those that are there" in result["msg"]


@pytest.mark.usefixtures("sequential_reads")
def test_another_kind_of_budget_is_left_alone(call_module, clients):
    expect_budget(clients, [], {**BUDGET, "BudgetType": "USAGE"})
    assert "is a USAGE budget" in call_module(budgets_budget, PARAMS, clients)["msg"]


def test_a_refused_write_says_what_to_allow(call_module, clients):
    stubber = clients["budgets"].stubber
    stubber.add_client_error("describe_budget", "NotFoundException")
    stubber.add_client_error("create_budget", "AccessDeniedException", "not authorized")
    result = call_module(budgets_budget, PARAMS, clients)
    assert result["msg"].startswith("Failed to create budget shop. Allow budgets:ModifyBudget to the identity")


def test_six_notifications_are_refused_before_any_call(call_module, clients):
    notifications = [{"threshold": number, "emails": ["a@example.com"]} for number in range(1, 7)]
    result = call_module(budgets_budget, {**PARAMS, "notifications": notifications}, clients)
    assert result["msg"].startswith("Nothing was changed. notifications: 6, and a budget has at most 5")
