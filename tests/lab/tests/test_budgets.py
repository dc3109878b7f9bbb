# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
BUDGET = {
    "BudgetName": "shop",
    "BudgetLimit": {"Amount": "20", "Unit": "USD"},
    "TimeUnit": "MONTHLY",
    "BudgetType": "COST",
}
OF_BUDGET = {"AccountId": ACCOUNT, "BudgetName": "shop"}
ARN = f"arn:aws:budgets::{ACCOUNT}:budget/shop"


def notification(threshold, kind="ACTUAL"):
    return {"NotificationType": kind, "ComparisonOperator": "GREATER_THAN", "Threshold": float(threshold)}


def email(number=0):
    return {"SubscriptionType": "EMAIL", "Address": f"person{number}@example.com"}


def refused(call, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return raised.value.response["Error"]["Code"]


@pytest.fixture
def budgets(emulator):
    client = emulator.client("budgets")
    client.create_budget(
        AccountId=ACCOUNT,
        Budget=BUDGET,
        NotificationsWithSubscribers=[{"Notification": notification(80), "Subscribers": [email()]}],
        ResourceTags=[{"Key": "A", "Value": "1"}],
    )
    yield client
    client.delete_budget(**OF_BUDGET)


def test_a_budget_changes_and_keeps_its_notifications(budgets):
    start = budgets.describe_budget(**OF_BUDGET)["Budget"]["TimePeriod"]["Start"]
    changed = {**BUDGET, "BudgetLimit": {"Amount": "25", "Unit": "USD"}}
    budgets.update_budget(AccountId=ACCOUNT, NewBudget=changed)
    budget = budgets.describe_budget(**OF_BUDGET)["Budget"]
    assert budget["BudgetLimit"]["Amount"] == "25"
    assert budget["TimePeriod"]["Start"] == start
    (kept,) = budgets.describe_notifications_for_budget(**OF_BUDGET)["Notifications"]
    assert kept == {**notification(80), "ThresholdType": "PERCENTAGE", "NotificationState": "OK"}


def test_a_budget_keeps_its_type(budgets):
    changed = {**BUDGET, "BudgetType": "USAGE"}
    assert refused(budgets.update_budget, AccountId=ACCOUNT, NewBudget=changed) == "InvalidParameterException"


def test_five_notifications_and_no_more(budgets):
    for threshold in (10, 20, 30, 40):
        budgets.create_notification(**OF_BUDGET, Notification=notification(threshold), Subscribers=[email()])
    sixth = {"Notification": notification(50), "Subscribers": [email()]}
    assert refused(budgets.create_notification, **OF_BUDGET, **sixth) == "CreationLimitExceededException"
    six = [{"Notification": notification(number), "Subscribers": [email()]} for number in range(1, 7)]
    answer = refused(
        budgets.create_budget,
        AccountId=ACCOUNT,
        Budget={**BUDGET, "BudgetName": "other"},
        NotificationsWithSubscribers=six,
    )
    assert answer == "CreationLimitExceededException"


def test_a_notification_changes_and_keeps_its_subscribers(budgets):
    budgets.update_notification(**OF_BUDGET, OldNotification=notification(80), NewNotification=notification(90))
    asked = {**OF_BUDGET, "Notification": notification(90)}
    assert budgets.describe_subscribers_for_notification(**asked)["Subscribers"] == [email()]
    gone = {**OF_BUDGET, "Notification": notification(80)}
    assert refused(budgets.describe_subscribers_for_notification, **gone) == "NotFoundException"
    again = {"Notification": notification(90), "Subscribers": [email()]}
    assert refused(budgets.create_notification, **OF_BUDGET, **again) == "DuplicateRecordException"


def test_subscribers(budgets):
    of = {**OF_BUDGET, "Notification": notification(80)}
    assert refused(budgets.delete_subscriber, **of, Subscriber=email()) == "InvalidParameterException"
    budgets.update_subscriber(**of, OldSubscriber=email(), NewSubscriber=email(9))
    for number in range(9):
        budgets.create_subscriber(**of, Subscriber=email(number))
    assert refused(budgets.create_subscriber, **of, Subscriber=email(10)) == "CreationLimitExceededException"
    budgets.delete_subscriber(**of, Subscriber=email(9))
    found = budgets.describe_subscribers_for_notification(**of)["Subscribers"]
    assert found == [email(number) for number in range(9)]
    assert refused(budgets.create_subscriber, **of, Subscriber=email()) == "DuplicateRecordException"


def test_tags(budgets):
    budgets.tag_resource(ResourceARN=ARN, ResourceTags=[{"Key": "B", "Value": "2"}])
    budgets.untag_resource(ResourceARN=ARN, ResourceTagKeys=["A"])
    assert budgets.list_tags_for_resource(ResourceARN=ARN)["ResourceTags"] == [{"Key": "B", "Value": "2"}]
    gone = ARN.replace("shop", "gone")
    assert refused(budgets.list_tags_for_resource, ResourceARN=gone) == "NotFoundException"
