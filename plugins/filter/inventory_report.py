# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_report
version_added: 0.2.0
short_description: What is wrong with an inventory, before anything is made of it
description:
  - Compares the variables that an inventory sets for a host with those that the collection knows, looks at the files
    that they name on the controller, and lists every problem at once. Calls no cloud, and changes nothing.
  - The known variables are those of the role P(slipway.aws.preflight#role), entry point C(inventory), and those in the
    C(meta/argument_specs.yml) of each role that the playbooks of the host's shape name.
author: The slipway.aws developers (@slipway-aws)
positional: host
options:
  _input:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  host:
    description: The host that stands for the project, C(inventory_hostname).
    type: str
    required: true
  collection:
    description: Directory of the collection, C(role_path ~ '/../..').
    type: path
    required: true
  build:
    description: Whether the project is to be made or changed. To remove it, only what finds it must be right.
    type: bool
    default: true
  today:
    description: The date that ends of life are compared with, as C(YYYY-MM-DD). The controller's own by default.
    type: str
"""

EXAMPLES = r"""
- name: Find every problem at once
  ansible.builtin.set_fact:
    report: "{{ hostvars | slipway.aws.inventory_report(inventory_hostname, collection=role_path ~ '/../..') }}"
"""

RETURN = r"""
_value:
  description: What was found.
  type: dict
  contains:
    problems:
      description: One sentence for each problem, with the variable, the reason and the line to write.
      type: list
      elements: str
    questions:
      description:
        - What to ask the account, as options of M(slipway.aws.project_account_info). Empty where the inventory says
          nothing that is valid.
      type: dict
    account_id:
      description: The account that the inventory names; empty if it names no valid one.
      type: str
"""

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.errors import AnsibleError
from ansible.errors import AnsibleFilterError
from ansible.vars.reserved import get_reserved_names
from jinja2 import Undefined
from jinja2 import UndefinedError

from ansible_collections.slipway.aws.plugins.module_utils._inventory.account import build_questions
from ansible_collections.slipway.aws.plugins.module_utils._inventory.checks import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Unreadable
from ansible_collections.slipway.aws.plugins.module_utils._inventory.variables import read_values
from ansible_collections.slipway.aws.plugins.plugin_utils._inventory_facts import read_facts
from ansible_collections.slipway.aws.plugins.plugin_utils._inventory_facts import read_known

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Ansible's own, beside those of get_reserved_names: set for each host without anybody's doing.
MAGIC_NAMES = {
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "module_setup",
    "omit",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
    "vars",
}


def read_variables(templated: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that are the inventory's, with Unreadable for those whose template fails."""
    # "environment" and the like are play keywords that a variable may not be named after anyway.
    ignored = MAGIC_NAMES | set(get_reserved_names())
    variables: dict[str, Any] = {}
    for name in templated:
        if name in ignored or name.startswith("ansible_"):
            continue
        try:
            variables[name] = settle(templated[name])
        except (AnsibleError, UndefinedError) as error:
            variables[name] = Unreadable(one_line(error))
    return variables


def settle(value: Any) -> Any:
    """The value with everything within it worked out, which Ansible does when it is asked for."""
    if isinstance(value, dict):
        return {key: settle(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [settle(inner) for inner in value]
    if isinstance(value, Undefined):
        # Raises, and says what is not defined.
        str(value)
    return value


def one_line(error: Exception) -> str:
    return " ".join(str(getattr(error, "message", "") or error).split()).rstrip(".")


def inventory_report(
    hostvars: Any, host: str, *, collection: str, build: bool = True, today: str | None = None
) -> dict[str, Any]:
    try:
        day = date.fromisoformat(today) if today else date.today()
    except ValueError as error:
        raise AnsibleFilterError(f"inventory_report: today is {today}, and should be a date: YYYY-MM-DD") from error
    variables = read_variables(hostvars[host])
    shape = variables.get("shape")
    known = read_known(Path(collection).resolve(), shape if isinstance(shape, str) else "")
    values, type_problems = read_values(variables, known.options, known.derived)
    raw = {name: value for name, value in hostvars.raw_get(host).items() if name in variables}
    inventory = Inventory(raw, values, frozenset(known.options) - known.derived)
    facts = read_facts(inventory, str(hostvars.raw_get(host).get("inventory_dir") or ""), day)
    problems = find_problems(inventory, facts, type_problems, known.wiring, build)
    account = inventory.get("aws_account_id") or ""
    return {
        "problems": [str(problem) for problem in problems],
        "questions": build_questions(inventory, facts, known.wiring)._asdict(),
        "account_id": account if re.fullmatch(r"\d{12}", account) else "",
    }


class FilterModule:
    """Filters that read inventories."""

    def filters(self) -> dict[str, Any]:
        return {"inventory_report": inventory_report}
