# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: a budget as it is and should be, and the steps between. Pure.
#
# A budget, as read or as wanted, is a dict:
#   name, amount (text), unit, time_unit, cost_filters {dimension: [values]}, tags,
#   notifications {key: [subscribers]}, where a key is a Notification and a subscriber a Subscriber, below
# In what is wanted, None means "leave alone". A budget that was read has arn, account_id, spend and raw (what Budgets
# told, for the call that replaces all of it) as well.

from __future__ import annotations

from decimal import Decimal
from decimal import InvalidOperation
from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from typing import Any

# https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html
# Newer documentation says ten notifications; five are taken everywhere.
NOTIFICATIONS_LIMIT = 5
EMAILS_LIMIT = 10
NAME_LIMIT = 100

# What Budgets tells of a budget and takes no more of, or forgets, when it is replaced.
READ_ONLY = ("CalculatedSpend", "LastUpdatedTime", "HealthStatus")


class Step(NamedTuple):
    """One write: a function of api.py and its arguments."""

    action: str
    arguments: dict[str, Any]


class Notification(NamedTuple):
    """What a notification is about, which is all that Budgets knows it by."""

    type: str
    comparison: str
    threshold: float
    threshold_type: str

    @classmethod
    def read(cls, told: dict[str, Any]) -> Notification:
        return cls(
            told["NotificationType"],
            told["ComparisonOperator"],
            float(told["Threshold"]),
            told.get("ThresholdType", "PERCENTAGE"),
        )

    def request(self) -> dict[str, Any]:
        return {
            "NotificationType": self.type,
            "ComparisonOperator": self.comparison,
            "Threshold": self.threshold,
            "ThresholdType": self.threshold_type,
        }

    def __str__(self) -> str:
        sign = "%" if self.threshold_type == "PERCENTAGE" else ""
        return f"{self.type} {self.comparison} {self.threshold:g}{sign}"


class Subscriber(NamedTuple):
    """Who a notification tells; kind is EMAIL or SNS."""

    kind: str
    address: str

    @classmethod
    def read(cls, told: dict[str, str]) -> Subscriber:
        return cls(told["SubscriptionType"], told["Address"])

    def request(self) -> dict[str, str]:
        return {"SubscriptionType": self.kind, "Address": self.address}


# --- what is there ---------------------------------------------------------------------------------------------


def normalise_budget(
    told: dict[str, Any] | None,
    arn: str,
    notifications: Iterable[tuple[dict[str, Any], list[dict[str, str]]]],
    tags: dict[str, str],
) -> dict[str, Any] | None:
    """The budget out of what the reads returned; each notification comes with its subscribers."""
    if told is None:
        return None
    limit = told.get("BudgetLimit", {})
    spend = told.get("CalculatedSpend", {})
    return {
        "arn": arn,
        "account_id": arn.split(":")[4],
        "name": told["BudgetName"],
        "amount": plain_amount(limit.get("Amount", "0")),
        "unit": limit.get("Unit", ""),
        "time_unit": told["TimeUnit"],
        "cost_filters": {key: sorted(values) for key, values in (told.get("CostFilters") or {}).items()},
        "notifications": {
            Notification.read(item): sorted(Subscriber.read(subscriber) for subscriber in subscribers)
            for item, subscribers in notifications
        },
        "tags": tags,
        "spend": {
            "actual": spend.get("ActualSpend", {}).get("Amount"),
            "forecasted": spend.get("ForecastedSpend", {}).get("Amount"),
        },
        "raw": {key: value for key, value in told.items() if key not in READ_ONLY},
    }


def plain_amount(amount: Any) -> str:
    """20, "20" and "20.0" are one amount."""
    number = Decimal(str(amount)).normalize()
    return f"{number:f}"


# --- what should be there --------------------------------------------------------------------------------------


def build_budget(params: dict[str, Any]) -> dict[str, Any]:
    filters, tags, notifications = params["cost_filters"], params["tags"], params["notifications"]
    return {
        "name": params["name"],
        "amount": plain_amount(params["amount"]),
        "unit": params["unit"],
        "time_unit": params["time_unit"],
        "cost_filters": None if filters is None else {key: sorted(_as_list(values)) for key, values in filters.items()},
        "notifications": None
        if notifications is None
        else {build_notification(item): build_subscribers(item) for item in notifications},
        "tags": None if tags is None else {key: str(value) for key, value in tags.items()},
    }


def _as_list(values: Any) -> list[str]:
    return [str(value) for value in values] if isinstance(values, (list, tuple)) else [str(values)]


def build_notification(item: dict[str, Any]) -> Notification:
    return Notification(item["type"], item["comparison"], float(item["threshold"]), item["threshold_type"])


def build_subscribers(item: dict[str, Any]) -> list[Subscriber]:
    topic = [Subscriber("SNS", item["sns_topic"])] if item["sns_topic"] else []
    return sorted([Subscriber("EMAIL", address) for address in item["emails"] or []] + topic)


# --- what must not be ------------------------------------------------------------------------------------------


def find_problems(params: dict[str, Any]) -> list[str]:
    """Everything in the options that Budgets would refuse, said at once."""
    problems = []
    name = params["name"]
    if len(name) > NAME_LIMIT or ":" in name or "\\" in name or "/action/" in name:
        problems.append(f"name: {name} is longer than {NAME_LIMIT} characters, or has a colon, a backslash or /action/")
    if params["state"] == "absent":
        return problems
    try:
        if Decimal(str(params["amount"])) <= 0:
            problems.append(f"amount: {params['amount']} is not more than 0")
    except InvalidOperation:
        problems.append(f"amount: {params['amount']} is no number")
    notifications = params["notifications"] or []
    if len(notifications) > NOTIFICATIONS_LIMIT:
        problems.append(
            f"notifications: {len(notifications)}, and a budget has at most {NOTIFICATIONS_LIMIT}. Take some away, or "
            "make another budget"
        )
    keys = [build_notification(item) for item in notifications]
    problems += [f"notifications: {key} is there twice" for key in sorted({key for key in keys if keys.count(key) > 1})]
    for key, item in zip(keys, notifications, strict=True):
        problems += [f"notifications: {key}: {problem}" for problem in _notification_problems(item)]
    return problems


def _notification_problems(item: dict[str, Any]) -> Iterator[str]:
    emails = item["emails"] or []
    if not emails and not item["sns_topic"]:
        yield "tells nobody; set emails or sns_topic"
    if len(emails) > EMAILS_LIMIT:
        yield f"{len(emails)} e-mail addresses, and at most {EMAILS_LIMIT} are possible. Subscribe them to an sns_topic"
    if len(emails) != len(set(emails)):
        yield "an e-mail address is there twice"
    for address in emails:
        if "@" not in address and not is_unknown(address):
            yield f"{address} is no e-mail address"
    if item["sns_topic"] and not item["sns_topic"].startswith("arn:") and not is_unknown(item["sns_topic"]):
        yield f"{item['sns_topic']} is not the ARN of a topic"
    if item["threshold"] <= 0:
        yield "the threshold is not more than 0"


# --- the steps between -----------------------------------------------------------------------------------------


def budget_steps(
    current: dict[str, Any] | None, desired: dict[str, Any], arn: str, purge: dict[str, bool]
) -> list[Step]:
    """The writes that turn current into desired, in an order in which no limit is exceeded on the way."""
    if current is None:
        notifications = [
            {"Notification": key.request(), "Subscribers": [subscriber.request() for subscriber in subscribers]}
            for key, subscribers in (desired["notifications"] or {}).items()
        ]
        budget = budget_request({}, desired)
        arguments = {"budget": budget, "notifications": notifications, "tags": desired["tags"] or {}}
        return [Step("create_budget", arguments)]
    steps = []
    if any(desired[key] not in (None, current[key]) for key in ("amount", "unit", "time_unit", "cost_filters")):
        steps.append(Step("update_budget", {"budget": budget_request(current["raw"], desired)}))
    if desired["notifications"] is not None:
        steps += _notification_steps(current["notifications"], desired["notifications"], purge["notifications"])
    if desired["tags"] is not None:
        to_set, to_remove = compare_aws_tags(current["tags"], desired["tags"], purge["tags"])
        if to_remove:
            steps.append(Step("untag_budget", {"arn": arn, "keys": to_remove}))
        if to_set:
            steps.append(Step("tag_budget", {"arn": arn, "tags": to_set}))
    return steps


def budget_request(raw: dict[str, Any], desired: dict[str, Any]) -> dict[str, Any]:
    """A budget as CreateBudget and UpdateBudget want it: all of it, with what is left alone from raw."""
    request = {
        **raw,
        "BudgetName": desired["name"],
        "BudgetType": "COST",
        "TimeUnit": desired["time_unit"],
        "BudgetLimit": {"Amount": desired["amount"], "Unit": desired["unit"]},
    }
    if desired["cost_filters"] is not None:
        # The same thing, told in the newer way; both together are refused.
        request.pop("FilterExpression", None)
        request["CostFilters"] = desired["cost_filters"]
    return request


def _notification_steps(
    now: dict[Notification, list[Subscriber]], wanted: dict[Notification, list[Subscriber]], purge: bool
) -> Iterator[Step]:
    replaced, new, gone = pair_up([key for key in now if key not in wanted], [key for key in wanted if key not in now])
    if not purge:
        replaced, new, gone = [], [key for key in wanted if key not in now], []
    for old, key in replaced:
        yield Step("update_notification", {"old": old.request(), "new": key.request()})
        yield from _subscriber_steps(key, now[old], wanted[key])
    for key in wanted:
        if key in now:
            yield from _subscriber_steps(key, now[key], wanted[key])
    # First what goes: there may be five already.
    for key in gone:
        yield Step("delete_notification", {"notification": key.request()})
    for key in new:
        subscribers = [subscriber.request() for subscriber in wanted[key]]
        yield Step("create_notification", {"notification": key.request(), "subscribers": subscribers})


def _subscriber_steps(key: Notification, now: list[Subscriber], wanted: list[Subscriber]) -> Iterator[Step]:
    """Never fewer than one, never more than a kind's limit: what can be replaced is, then comes what is new."""
    for kind in ("EMAIL", "SNS"):
        before = [item for item in now if item.kind == kind and item not in wanted]
        after = [item for item in wanted if item.kind == kind and item not in now]
        replaced, new, _gone = pair_up(before, after)
        for old, subscriber in replaced:
            arguments = {"notification": key.request(), "old": old.request(), "new": subscriber.request()}
            yield Step("update_subscriber", arguments)
        for subscriber in new:
            yield Step("create_subscriber", {"notification": key.request(), "subscriber": subscriber.request()})
    for kind in ("EMAIL", "SNS"):
        before = [item for item in now if item.kind == kind and item not in wanted]
        after = [item for item in wanted if item.kind == kind and item not in now]
        for subscriber in pair_up(before, after)[2]:
            yield Step("delete_subscriber", {"notification": key.request(), "subscriber": subscriber.request()})


def pair_up(before: list[Any], after: list[Any]) -> tuple[list[tuple[Any, Any]], list[Any], list[Any]]:
    """Which of before becomes which of after, what of after is new, and what of before goes."""
    count = min(len(before), len(after))
    return list(zip(before, after, strict=False)), after[count:], before[count:]


# --- what is told ----------------------------------------------------------------------------------------------


def planned_budget(
    current: dict[str, Any] | None, desired: dict[str, Any], arn: str, purge: dict[str, bool]
) -> dict[str, Any]:
    """What the budget will be; what Budgets decides stays as it is, or is UNKNOWN if there is none yet."""
    now = current or {"cost_filters": {}, "notifications": {}, "tags": {}, "spend": UNKNOWN}

    def merged(key: str, remove: bool) -> dict[Any, Any]:
        kept = {} if remove and desired[key] is not None else now[key]
        return {**kept, **(desired[key] or {})}

    return {
        **now,
        "arn": arn,
        "account_id": arn.split(":")[4],
        **{key: desired[key] for key in ("name", "amount", "unit", "time_unit")},
        "cost_filters": now["cost_filters"] if desired["cost_filters"] is None else desired["cost_filters"],
        "notifications": merged("notifications", purge["notifications"]),
        "tags": merged("tags", purge["tags"]),
    }


def budget_result(budget: dict[str, Any] | None) -> dict[str, Any]:
    """The module's return value."""
    if not budget:
        return {}
    told = ("arn", "account_id", "name", "amount", "unit", "time_unit", "cost_filters", "tags", "spend")
    return {
        **{key: budget[key] for key in told},
        "notifications": [
            {
                **key._asdict(),
                "emails": [item.address for item in subscribers if item.kind == "EMAIL"],
                "sns_topic": next((item.address for item in subscribers if item.kind == "SNS"), ""),
            }
            for key, subscribers in sorted(budget["notifications"].items())
        ],
    }


def budget_view(budget: dict[str, Any] | None) -> dict[str, Any]:
    """The budget as a person reads it in a diff."""
    if not budget:
        return {}
    return {
        **{key: budget[key] for key in ("name", "amount", "unit", "time_unit", "cost_filters", "tags")},
        "notifications": {
            str(key): [item.address for item in subscribers]
            for key, subscribers in sorted(budget["notifications"].items())
        },
    }
