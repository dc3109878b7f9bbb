# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Budgets: what the emulator lacks (changes, subscribers, tags), and the limits.

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.budgets.exceptions import NotFoundException
from moto.budgets.models import Budget
from moto.budgets.models import BudgetsBackend
from moto.budgets.responses import BudgetsResponse
from moto.core.exceptions import JsonRESTError

from slipway_lab.aws.patching import wraps

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from moto.budgets.models import Notification

    from slipway_lab.context import Lab

# https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html
NOTIFICATIONS = 5
SUBSCRIBERS = {"EMAIL": 10, "SNS": 1}


def _invalid(message: str) -> JsonRESTError:
    return JsonRESTError("InvalidParameterException", message)


def _duplicate(message: str) -> JsonRESTError:
    return JsonRESTError("DuplicateRecordException", message)


def _too_many(message: str) -> JsonRESTError:
    return JsonRESTError("CreationLimitExceededException", message)


def install(lab: Lab) -> None:
    @wraps(BudgetsBackend, "create_budget")
    def create_budget(original: Any, self: Any, account_id: str, budget: Any, notifications: Any) -> None:
        if len(notifications) > NOTIFICATIONS:
            raise _too_many(f"Notifications of budget {budget['BudgetName']}: at most {NOTIFICATIONS}.")
        keys = [_key(item["Notification"]) for item in notifications]
        if len(keys) != len(set(keys)):
            raise _duplicate("The same notification is given twice.")
        for item in notifications:
            _check_subscribers(item["Subscribers"])
        original(account_id, budget, notifications)

    @wraps(Budget, "__init__")
    def make_budget(original: Any, self: Any, budget: Any, notifications: Any) -> None:
        original(budget, notifications)
        self.lab_tags = {}

    @wraps(BudgetsResponse, "create_budget")
    def answer_create_budget(original: Any, self: Any) -> str:
        answer = original()
        _budget(self).lab_tags = _tags(self._get_param("ResourceTags", []))
        return answer

    @wraps(BudgetsBackend, "create_notification")
    def create_notification(
        original: Any, self: Any, account_id: str, budget_name: str, notification: Any, subscribers: Any
    ) -> None:
        budget = self.budgets[account_id].get(budget_name)
        if budget:
            if any(_key(known.details) == _key(notification) for known in budget.notifications):
                raise _duplicate("The notification already exists.")
            if len(budget.notifications) >= NOTIFICATIONS:
                raise _too_many(f"Notifications of budget {budget_name}: at most {NOTIFICATIONS}.")
            _check_subscribers(subscribers)
        original(account_id, budget_name, notification, subscribers)

    @wraps(BudgetsBackend, "describe_notifications_for_budget")
    def describe_notifications(original: Any, self: Any, account_id: str, budget_name: str) -> Any:
        self.describe_budget(account_id, budget_name)
        told = {"ThresholdType": "PERCENTAGE", "NotificationState": "OK"}
        return [told | details for details in original(account_id, budget_name)]

    for name, answer in ANSWERS.items():
        setattr(BudgetsResponse, name, answer)


def _key(notification: dict[str, Any]) -> tuple[Any, ...]:
    """What tells the notifications of a budget apart."""
    return (
        notification["NotificationType"],
        notification["ComparisonOperator"],
        float(notification["Threshold"]),
        notification.get("ThresholdType", "PERCENTAGE"),
    )


def _check_subscribers(subscribers: list[dict[str, str]]) -> None:
    if not subscribers:
        raise _invalid("A notification must have at least one subscriber.")
    for kind, limit in SUBSCRIBERS.items():
        addresses = [item["Address"] for item in subscribers if item["SubscriptionType"] == kind]
        if len(addresses) > limit:
            raise _too_many(f"A notification can have up to {limit} {kind} subscribers.")
        if len(addresses) != len(set(addresses)):
            raise _duplicate("The subscriber already exists.")


def _tags(items: list[dict[str, str]]) -> dict[str, str]:
    return {item["Key"]: item["Value"] for item in items}


# --- the calls that the emulator lacks: methods of its BudgetsResponse ------------------------------------------


def _budget(self: BudgetsResponse, name: str | None = None) -> Budget:
    name = name or self._get_param("BudgetName") or self._get_param("Budget")["BudgetName"]
    budget = self.backend.budgets[self._get_param("AccountId") or self.current_account].get(name)
    if budget is None:
        raise NotFoundException(f"Unable to get budget: {name} - the budget doesn't exist.")
    return budget


def _notification(self: BudgetsResponse, parameter: str = "Notification") -> Notification:
    wanted = _key(self._get_param(parameter))
    for notification in _budget(self).notifications:
        if _key(notification.details) == wanted:
            return notification
    raise NotFoundException("Unable to find the notification - it doesn't exist.")


def update_budget(self: BudgetsResponse) -> str:
    wanted = self._get_param("NewBudget")
    budget = _budget(self, wanted["BudgetName"])
    if wanted["BudgetType"] != budget.budget["BudgetType"]:
        raise _invalid("The type of a budget cannot be changed.")
    budget.budget = Budget(wanted | {"TimePeriod": wanted.get("TimePeriod", budget.budget["TimePeriod"])}, []).budget
    return "{}"


def update_notification(self: BudgetsResponse) -> str:
    notification = _notification(self, "OldNotification")
    wanted = self._get_param("NewNotification")
    others = [known for known in _budget(self).notifications if known is not notification]
    if any(_key(known.details) == _key(wanted) for known in others):
        raise _duplicate("The notification already exists.")
    notification.details = wanted
    return "{}"


def delete_notification(self: BudgetsResponse) -> str:
    _budget(self).notifications.remove(_notification(self))
    return "{}"


def describe_subscribers_for_notification(self: BudgetsResponse) -> str:
    return json.dumps({"Subscribers": _notification(self).subscribers})


def _change_subscribers(self: BudgetsResponse, remove: str | None, add: str | None) -> str:
    notification = _notification(self)
    subscribers = list(notification.subscribers)
    if remove:
        if self._get_param(remove) not in subscribers:
            raise NotFoundException("Unable to find the subscriber - it doesn't exist.")
        subscribers.remove(self._get_param(remove))
    if add:
        subscribers.append(self._get_param(add))
    _check_subscribers(subscribers)
    notification.subscribers = subscribers
    return "{}"


def _tagged(self: BudgetsResponse) -> Budget:
    return _budget(self, self._get_param("ResourceARN").partition(":budget/")[2])


def tag_resource(self: BudgetsResponse) -> str:
    _tagged(self).lab_tags |= _tags(self._get_param("ResourceTags"))
    return "{}"


def untag_resource(self: BudgetsResponse) -> str:
    for key in self._get_param("ResourceTagKeys"):
        _tagged(self).lab_tags.pop(key, None)
    return "{}"


def list_tags_for_resource(self: BudgetsResponse) -> str:
    tags = _tagged(self).lab_tags
    return json.dumps({"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]})


ANSWERS: dict[str, Callable[[BudgetsResponse], str]] = {
    "update_budget": update_budget,
    "update_notification": update_notification,
    "delete_notification": delete_notification,
    "describe_subscribers_for_notification": describe_subscribers_for_notification,
    "create_subscriber": lambda self: _change_subscribers(self, None, "Subscriber"),
    "update_subscriber": lambda self: _change_subscribers(self, "OldSubscriber", "NewSubscriber"),
    "delete_subscriber": lambda self: _change_subscribers(self, "Subscriber", None),
    "tag_resource": tag_resource,
    "untag_resource": untag_resource,
    "list_tags_for_resource": list_tags_for_resource,
}
