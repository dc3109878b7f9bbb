# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: account_problems
version_added: 0.2.0
short_description: What stands in a project's way on its account
description:
  - Compares what M(slipway.aws.project_account_info) has returned with what the inventory needs, and lists every
    problem.
author: The slipway.aws developers (@slipway-aws)
positional: questions, account_id
options:
  _input:
    description: RV(slipway.aws.project_account_info#module:account).
    type: dict
    required: true
  questions:
    description: What was asked, as P(slipway.aws.inventory_report#filter) returns it.
    type: dict
    required: true
  account_id:
    description: The account that the inventory names; empty if it names no valid one.
    type: str
    required: true
  build:
    description: Whether the project is to be made or changed. To remove it, the account must be the right one.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Find what stands in the way
  ansible.builtin.debug:
    msg: "{{ answer.account | slipway.aws.account_problems(report.questions, report.account_id) }}"
"""

RETURN = r"""
_value:
  description: One sentence for each problem, with the variable, the reason and the line to write.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._inventory.account import Questions
from ansible_collections.slipway.aws.plugins.module_utils._inventory.account import check_account

if TYPE_CHECKING:
    from typing import Any


def account_problems(
    account: dict[str, Any], questions: dict[str, Any], account_id: str, build: bool = True
) -> list[str]:
    return [str(problem) for problem in check_account(Questions(**questions), account_id, account, build)]


class FilterModule:
    """Filters that read what an account says."""

    def filters(self) -> dict[str, Any]:
        return {"account_problems": account_problems}
