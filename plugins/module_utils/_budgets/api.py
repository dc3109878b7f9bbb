# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to Budgets.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any

    # AccountId and BudgetName, as almost every call wants them.
    BudgetOf = dict[str, str]

retry = AWSRetry.jittered_backoff()


class AnsibleBudgetsError(AnsibleAWSError):
    pass


class BudgetsErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleBudgetsError
    _SERVICE = "budgets"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("NotFoundException")


@BudgetsErrorHandler.list_error_handler("read budget {of[BudgetName]}")
@retry
def get_budget(client: Any, of: BudgetOf) -> dict[str, Any] | None:
    return client.describe_budget(**of)["Budget"]


@BudgetsErrorHandler.common_error_handler("list budgets")
@retry
def list_budgets(client: Any, account_id: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_budgets")
    return paginator.paginate(AccountId=account_id).build_full_result().get("Budgets", [])


@BudgetsErrorHandler.list_error_handler("list the notifications of budget {of[BudgetName]}", [])
@retry
def list_notifications(client: Any, of: BudgetOf) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_notifications_for_budget")
    return paginator.paginate(**of).build_full_result().get("Notifications", [])


@BudgetsErrorHandler.list_error_handler("list who a notification of budget {of[BudgetName]} tells", [])
@retry
def list_subscribers(client: Any, of: BudgetOf, notification: dict[str, Any]) -> list[dict[str, str]]:
    paginator = client.get_paginator("describe_subscribers_for_notification")
    return paginator.paginate(**of, Notification=notification).build_full_result().get("Subscribers", [])


@BudgetsErrorHandler.list_error_handler("read the tags of {arn}", {})
@retry
def get_tags(client: Any, arn: str) -> dict[str, str]:
    return boto3_tag_list_to_ansible_dict(client.list_tags_for_resource(ResourceARN=arn).get("ResourceTags", []))


@BudgetsErrorHandler.common_error_handler("create budget {of[BudgetName]}")
@retry
def create_budget(
    client: Any, of: BudgetOf, budget: dict[str, Any], notifications: list[dict[str, Any]], tags: dict[str, str]
) -> None:
    client.create_budget(
        AccountId=of["AccountId"],
        Budget=budget,
        NotificationsWithSubscribers=notifications,
        ResourceTags=ansible_dict_to_boto3_tag_list(tags),
    )


@BudgetsErrorHandler.common_error_handler("update budget {of[BudgetName]}")
@retry
def update_budget(client: Any, of: BudgetOf, budget: dict[str, Any]) -> None:
    client.update_budget(AccountId=of["AccountId"], NewBudget=budget)


@BudgetsErrorHandler.deletion_error_handler("delete budget {of[BudgetName]}")
@retry
def delete_budget(client: Any, of: BudgetOf) -> None:
    client.delete_budget(**of)


@BudgetsErrorHandler.common_error_handler("create a notification of budget {of[BudgetName]}")
@retry
def create_notification(
    client: Any, of: BudgetOf, notification: dict[str, Any], subscribers: list[dict[str, str]]
) -> None:
    client.create_notification(**of, Notification=notification, Subscribers=subscribers)


@BudgetsErrorHandler.common_error_handler("update a notification of budget {of[BudgetName]}")
@retry
def update_notification(client: Any, of: BudgetOf, old: dict[str, Any], new: dict[str, Any]) -> None:
    client.update_notification(**of, OldNotification=old, NewNotification=new)


@BudgetsErrorHandler.deletion_error_handler("delete a notification of budget {of[BudgetName]}")
@retry
def delete_notification(client: Any, of: BudgetOf, notification: dict[str, Any]) -> None:
    client.delete_notification(**of, Notification=notification)


@BudgetsErrorHandler.common_error_handler("let budget {of[BudgetName]} tell {subscriber[Address]}")
@retry
def create_subscriber(client: Any, of: BudgetOf, notification: dict[str, Any], subscriber: dict[str, str]) -> None:
    client.create_subscriber(**of, Notification=notification, Subscriber=subscriber)


@BudgetsErrorHandler.common_error_handler("let budget {of[BudgetName]} tell {new[Address]} instead of {old[Address]}")
@retry
def update_subscriber(
    client: Any, of: BudgetOf, notification: dict[str, Any], old: dict[str, str], new: dict[str, str]
) -> None:
    client.update_subscriber(**of, Notification=notification, OldSubscriber=old, NewSubscriber=new)


@BudgetsErrorHandler.deletion_error_handler("let budget {of[BudgetName]} no more tell {subscriber[Address]}")
@retry
def delete_subscriber(client: Any, of: BudgetOf, notification: dict[str, Any], subscriber: dict[str, str]) -> None:
    client.delete_subscriber(**of, Notification=notification, Subscriber=subscriber)


@BudgetsErrorHandler.common_error_handler("tag budget {of[BudgetName]}")
@retry
def tag_budget(client: Any, of: BudgetOf, arn: str, tags: dict[str, str]) -> None:
    client.tag_resource(ResourceARN=arn, ResourceTags=ansible_dict_to_boto3_tag_list(tags))


@BudgetsErrorHandler.common_error_handler("remove tags {keys} from budget {of[BudgetName]}")
@retry
def untag_budget(client: Any, of: BudgetOf, arn: str, keys: list[str]) -> None:
    client.untag_resource(ResourceARN=arn, ResourceTagKeys=keys)
