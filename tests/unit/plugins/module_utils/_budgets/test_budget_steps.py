# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._budgets import compare
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

ARN = "arn:aws:budgets::123456789012:budget/shop"
PURGE = {"notifications": True, "tags": True}


def notification(threshold=80, emails=("a@x.org",), **changes):
    return {
        "type": "ACTUAL",
        "comparison": "GREATER_THAN",
        "threshold": threshold,
        "threshold_type": "PERCENTAGE",
        "emails": list(emails),
        "sns_topic": None,
        **changes,
    }


PARAMS = {
    "name": "shop",
    "state": "present",
    "amount": "20",
    "unit": "USD",
    "time_unit": "MONTHLY",
    "cost_filters": None,
    "notifications": [notification()],
    "tags": {"A": 1},
}


def params(**changes):
    return {**PARAMS, **changes}


def made(**changes):
    """A budget that was made of PARAMS, as Budgets tells it."""
    wanted = compare.build_budget(params(**changes))
    told = {
        "BudgetName": "shop",
        "BudgetLimit": {"Amount": "20.0", "Unit": "USD"},
        "TimeUnit": "MONTHLY",
        "BudgetType": "COST",
        "CostTypes": {"IncludeTax": False},
        "TimePeriod": {"Start": 1},
        "CalculatedSpend": {"ActualSpend": {"Amount": "1", "Unit": "USD"}},
        "LastUpdatedTime": 2,
    }
    notifications = [
        ({**key.request(), "NotificationState": "ALARM"}, [item.request() for item in subscribers])
        for key, subscribers in wanted["notifications"].items()
    ]
    return compare.normalise_budget(told, ARN, notifications, wanted["tags"])


def steps_between(current, changed, purge=None):
    return compare.budget_steps(current, compare.build_budget(changed), ARN, purge or PURGE)


def actions(steps):
    return [step.action for step in steps]


def test_a_new_budget_is_one_call():
    (step,) = steps_between(None, params(cost_filters={"Service": "Amazon S3"}))
    assert step.arguments == {
        "budget": {
            "BudgetName": "shop",
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": "20", "Unit": "USD"},
            "CostFilters": {"Service": ["Amazon S3"]},
        },
        "notifications": [
            {
                "Notification": {
                    "NotificationType": "ACTUAL",
                    "ComparisonOperator": "GREATER_THAN",
                    "Threshold": 80.0,
                    "ThresholdType": "PERCENTAGE",
                },
                "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "a@x.org"}],
            }
        ],
        "tags": {"A": "1"},
    }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (params(), []),
        (params(amount="20.00"), []),
        (params(cost_filters={}), []),
        (params(notifications=None, tags=None), []),
        (params(amount="25"), ["update_budget"]),
        (params(time_unit="QUARTERLY"), ["update_budget"]),
        (params(cost_filters={"Service": ["Amazon S3"]}), ["update_budget"]),
        (params(notifications=[]), ["delete_notification"]),
        (params(notifications=[notification(90)]), ["update_notification"]),
        (params(notifications=[notification(90, ["b@x.org"])]), ["update_notification", "update_subscriber"]),
        (params(notifications=[notification(), notification(90)]), ["create_notification"]),
        (params(notifications=[notification(emails=["a@x.org", "b@x.org"])]), ["create_subscriber"]),
        (params(notifications=[notification(emails=["b@x.org"])]), ["update_subscriber"]),
        (
            params(notifications=[notification(emails=[], sns_topic=UNKNOWN)]),
            ["create_subscriber", "delete_subscriber"],
        ),
        (params(tags={"B": "2"}), ["untag_budget", "tag_budget"]),
    ],
)
def test_changes(changed, expected):
    assert actions(steps_between(made(), changed)) == expected
    after = compare.planned_budget(made(), compare.build_budget(changed), ARN, PURGE)
    assert steps_between({**after, "raw": made()["raw"]}, changed) == []


def test_an_update_keeps_what_is_not_ours():
    (step,) = steps_between(made(), params(amount="25"))
    budget = step.arguments["budget"]
    assert budget["CostTypes"] == {"IncludeTax": False}
    assert budget["TimePeriod"] == {"Start": 1}
    assert "CalculatedSpend" not in budget
    assert "LastUpdatedTime" not in budget


def test_filters_take_the_place_of_an_expression():
    raw = {**made()["raw"], "FilterExpression": {"Dimensions": {}}}
    current = {**made(), "raw": raw}
    (step,) = steps_between(current, params(cost_filters={"Service": ["S3"]}))
    assert "FilterExpression" not in step.arguments["budget"]
    (step,) = steps_between(current, params(amount="1"))
    assert "FilterExpression" in step.arguments["budget"]


def most(numbers, steps):
    """The largest number of notifications on the way."""
    there = highest = numbers
    for step in steps:
        there += {"create_notification": 1, "delete_notification": -1}.get(step.action, 0)
        highest = max(there, highest)
    return highest


@pytest.mark.parametrize("wanted", [(60, 70, 80, 90, 100), (10, 20, 30, 40, 50), (10, 61, 62, 63, 64), (1,), ()])
def test_five_notifications_stay_five_on_the_way(wanted):
    current = made(notifications=[notification(threshold) for threshold in (10, 20, 30, 40, 50)])
    steps = steps_between(current, params(notifications=[notification(threshold) for threshold in wanted]))
    assert most(5, steps) == 5


def test_nothing_is_purged_unless_asked():
    steps = steps_between(
        made(), params(notifications=[notification(90)], tags={}), {"notifications": False, "tags": False}
    )
    assert actions(steps) == ["create_notification"]
    planned = compare.planned_budget(
        made(),
        compare.build_budget(params(notifications=[notification(90)])),
        ARN,
        {"notifications": False, "tags": True},
    )
    assert [key.threshold for key in planned["notifications"]] == [80, 90]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (params(name="a:b"), "has a colon"),
        (params(name="x" * 101), "longer than 100"),
        (params(amount="0"), "not more than 0"),
        (params(amount="much"), "is no number"),
        (params(notifications=[notification(number) for number in range(1, 7)]), "6, and a budget has at most 5"),
        (params(notifications=[notification(), notification(80.0)]), "ACTUAL GREATER_THAN 80% is there twice"),
        (params(notifications=[notification(emails=[])]), "tells nobody"),
        (params(notifications=[notification(emails=[f"{n}@x.org" for n in range(11)])]), "at most 10"),
        (params(notifications=[notification(emails=["a@x.org"] * 2)]), "there twice"),
        (params(notifications=[notification(emails=["nobody"])]), "no e-mail address"),
        (params(notifications=[notification(sns_topic="ops")]), "not the ARN of a topic"),
        (params(notifications=[notification(0)]), "not more than 0"),
    ],
)
def test_problems(changed, words):
    (problem,) = compare.find_problems(changed)
    assert words in problem


def test_nothing_is_wrong_with_what_is_not_known_yet():
    item = notification(emails=[UNKNOWN], sns_topic=UNKNOWN)
    assert compare.find_problems(params(notifications=[item])) == []
    assert compare.find_problems(params(state="absent", amount=None)) == []


def test_what_is_returned():
    result = compare.budget_result(made())
    assert (result["amount"], result["spend"]["actual"], result["account_id"]) == ("20", "1", "123456789012")
    assert result["notifications"] == [
        {
            "type": "ACTUAL",
            "comparison": "GREATER_THAN",
            "threshold": 80.0,
            "threshold_type": "PERCENTAGE",
            "emails": ["a@x.org"],
            "sns_topic": "",
        }
    ]
    assert compare.budget_view(made())["notifications"] == {"ACTUAL GREATER_THAN 80%": ["a@x.org"]}
    assert compare.budget_result(None) == compare.budget_view(None) == {}
