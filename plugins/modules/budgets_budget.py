#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: budgets_budget
version_added: 0.2.0
short_description: Manage a cost budget of AWS Budgets, with who is told and when
description:
  - Makes a cost budget, its notifications and their subscribers match one description, and takes them away again.
  - A budget is changed in place, so that it keeps what it knows of the months before.
  - Works in check mode with an SNS topic that does not exist yet.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the budget, at most 100 characters, without colons and backslashes.
    type: str
    required: true
  state:
    description:
      - Whether the budget exists.
    type: str
    choices: [present, absent]
    default: present
  account_id:
    description:
      - The account of the budget. The caller's own if not set.
    type: str
  amount:
    description:
      - What may be spent in O(time_unit).
      - Required when O(state=present).
    type: str
  unit:
    description:
      - Currency of O(amount). AWS has budgets in the currency that the account is billed in.
    type: str
    default: USD
  time_unit:
    description:
      - How long the budget lasts until it begins anew.
    type: str
    choices: [DAILY, MONTHLY, QUARTERLY, ANNUALLY]
    default: MONTHLY
  cost_filters:
    description:
      - Which costs count, as a list of values for each dimension, such as C(Service), C(LinkedAccount) or
        C(TagKeyValue) (V(user:Project$shop\)).
      - All costs of the account if empty. If not set, it is left alone.
    type: dict
  notifications:
    description:
      - Who is told, and when; at most five, which is checked before anything is written. If not set, notifications are
        left alone.
    type: list
    elements: dict
    suboptions:
      type:
        description: Whether what was spent counts, or what AWS expects to be spent by the end of the time.
        type: str
        choices: [ACTUAL, FORECASTED]
        default: ACTUAL
      threshold:
        description: When somebody is told, as O(notifications[].threshold_type) has it.
        type: float
        required: true
      threshold_type:
        description: Whether O(notifications[].threshold) is a part of O(amount) in percent, or an amount itself.
        type: str
        choices: [PERCENTAGE, ABSOLUTE_VALUE]
        default: PERCENTAGE
      comparison:
        description: How costs are compared with the threshold.
        type: str
        choices: [GREATER_THAN, LESS_THAN, EQUAL_TO]
        default: GREATER_THAN
      emails:
        description: E-mail addresses, at most ten. Budgets does not ask their owners first.
        type: list
        elements: str
        default: []
      sns_topic:
        description:
          - ARN of an SNS topic of the same account, whose policy lets C(budgets.amazonaws.com) publish
            (O(slipway.aws.cloudwatch_alarms#module:allow_budgets)).
        type: str
  purge_notifications:
    description:
      - Whether to remove notifications that are not in O(notifications), if that is set. A notification that is there
        has exactly its subscribers, in either case.
    type: bool
    default: true
  tags:
    description:
      - Tags of the budget. If not set, tags are left alone.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether to remove tags that are not in O(tags), if that is set.
    type: bool
    default: true
notes:
  - Budgets has one endpoint for all regions, in us-east-1; O(region) does not matter.
  - Costs arrive some hours after they arose, and forecasts need some weeks of history.
  - A budget warns; it stops nothing.
  - Only cost budgets are managed. A budget of this name and another type is an error.
seealso:
  - module: slipway.aws.cloudwatch_alarms
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Tell somebody when 20 USD are spent in a month
  slipway.aws.budgets_budget:
    name: shop
    amount: 20
    notifications:
      - threshold: 100
        emails: [ops@example.com]

- name: Tell them earlier, for the costs of one project
  slipway.aws.budgets_budget:
    name: shop
    amount: 20
    cost_filters:
      TagKeyValue: [user:Project$shop]
    notifications:
      - threshold: 80
        emails: [ops@example.com]
      - type: FORECASTED
        threshold: 100
        sns_topic: arn:aws:sns:us-east-1:123456789012:shop
    tags:
      Project: shop

- name: Remove the budget
  slipway.aws.budgets_budget:
    name: shop
    state: absent
"""

RETURN = r"""
budget:
  description: The budget; empty if there is none.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the budget.
      returned: when it exists
      type: str
      sample: arn:aws:budgets::123456789012:budget/shop
    account_id:
      description: Account of the budget.
      returned: when it exists
      type: str
      sample: "123456789012"
    name:
      description: Name of the budget.
      returned: when it exists
      type: str
      sample: shop
    amount:
      description: What may be spent.
      returned: when it exists
      type: str
      sample: "20"
    unit:
      description: Currency of the amount.
      returned: when it exists
      type: str
      sample: USD
    time_unit:
      description: How long the budget lasts.
      returned: when it exists
      type: str
      sample: MONTHLY
    cost_filters:
      description: Which costs count.
      returned: when it exists
      type: dict
      sample: {}
    notifications:
      description: Who is told, and when.
      returned: when it exists
      type: list
      elements: dict
      sample:
        - type: ACTUAL
          comparison: GREATER_THAN
          threshold: 80.0
          threshold_type: PERCENTAGE
          emails: [ops@example.com]
          sns_topic: ""
    spend:
      description:
        - What was spent (C(actual)) and is expected to be (C(forecasted)).
        - V((known after apply\)) in check mode if the budget is new.
      returned: when it exists
      type: raw
      sample:
        actual: "3.50"
        forecasted: "18.20"
    tags:
      description: Tags of the budget.
      returned: when it exists
      type: dict
      sample:
        Project: shop
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._budgets.api import AnsibleBudgetsError
from ansible_collections.slipway.aws.plugins.module_utils._budgets.api import delete_budget
from ansible_collections.slipway.aws.plugins.module_utils._budgets.compare import NOTIFICATIONS_LIMIT
from ansible_collections.slipway.aws.plugins.module_utils._budgets.compare import budget_result
from ansible_collections.slipway.aws.plugins.module_utils._budgets.compare import budget_steps
from ansible_collections.slipway.aws.plugins.module_utils._budgets.compare import budget_view
from ansible_collections.slipway.aws.plugins.module_utils._budgets.compare import build_budget
from ansible_collections.slipway.aws.plugins.module_utils._budgets.compare import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._budgets.compare import planned_budget
from ansible_collections.slipway.aws.plugins.module_utils._budgets.ensure import apply
from ansible_collections.slipway.aws.plugins.module_utils._budgets.ensure import read_budget
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._sts.api import get_caller

if TYPE_CHECKING:
    from typing import Any


def ensure_present(
    client: Any, params: dict[str, Any], of: dict[str, str], arn: str, current: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    if current and current["raw"]["BudgetType"] != "COST":
        raise AnsibleBudgetsError(
            message=f"Nothing was changed. Budget {of['BudgetName']} is there, and is a {current['raw']['BudgetType']} "
            "budget, which this module does not manage. Delete it, or use another name"
        )
    desired = build_budget(params)
    purge = {"notifications": params["purge_notifications"], "tags": params["purge_tags"]}
    steps = budget_steps(current, desired, arn, purge)
    planned = planned_budget(current, desired, arn, purge) if steps else current
    if len(planned["notifications"]) > NOTIFICATIONS_LIMIT:
        raise AnsibleBudgetsError(
            message=f"Nothing was changed. notifications: {len(planned['notifications'])} with those that are there, "
            f"and a budget has at most {NOTIFICATIONS_LIMIT}. Set purge_notifications, or take some away"
        )
    if check_mode or not steps:
        return bool(steps), planned
    apply(client, of, steps)
    return True, read_budget(client, of, arn)


def ensure_absent(
    client: Any, of: dict[str, str], current: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, None]:
    if current and not check_mode:
        delete_budget(client, of)
    return current is not None, None


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    problems = find_problems(params)
    if problems:
        raise AnsibleBudgetsError(message=f"Nothing was changed. {'. '.join(problems)}")
    client = module.client("budgets")
    caller = get_caller(module.client("sts"))
    account = params["account_id"] or caller["Account"]
    of = {"AccountId": account, "BudgetName": params["name"]}
    arn = f"arn:{caller['Arn'].split(':')[1]}:budgets::{account}:budget/{params['name']}"
    before = read_budget(client, of, arn)
    if params["state"] == "present":
        changed, after = ensure_present(client, params, of, arn, before, module.check_mode)
    else:
        changed, after = ensure_absent(client, of, before, module.check_mode)
    result = {"changed": changed, "budget": budget_result(after)}
    if module._diff:
        result["diff"] = {"before": budget_view(before), "after": budget_view(after)}
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "account_id": {"type": "str"},
            "amount": {"type": "str"},
            "unit": {"type": "str", "default": "USD"},
            "time_unit": {
                "type": "str",
                "choices": ["DAILY", "MONTHLY", "QUARTERLY", "ANNUALLY"],
                "default": "MONTHLY",
            },
            "cost_filters": {"type": "dict"},
            "notifications": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "type": {"type": "str", "choices": ["ACTUAL", "FORECASTED"], "default": "ACTUAL"},
                    "threshold": {"type": "float", "required": True},
                    "threshold_type": {
                        "type": "str",
                        "choices": ["PERCENTAGE", "ABSOLUTE_VALUE"],
                        "default": "PERCENTAGE",
                    },
                    "comparison": {
                        "type": "str",
                        "choices": ["GREATER_THAN", "LESS_THAN", "EQUAL_TO"],
                        "default": "GREATER_THAN",
                    },
                    "emails": {"type": "list", "elements": "str", "default": []},
                    "sns_topic": {"type": "str"},
                },
            },
            "purge_notifications": {"type": "bool", "default": True},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        required_if=[("state", "present", ("amount",))],
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
