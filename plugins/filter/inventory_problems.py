# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_problems
version_added: 0.1.0
short_description: What is wrong with an inventory's variables
description:
  - Compares the variables that an inventory sets for a host with the options of roles, and lists every problem at once.
author: The slipway.aws developers (@slipway-aws)
options:
  _input:
    description: The variables of the host, C(hostvars[inventory_hostname]\).
    type: dict
    required: true
  argument_specs:
    description: The roles' C(meta/argument_specs.yml), parsed.
    type: list
    elements: dict
    required: true
  derived:
    description: Names of variables that the playbooks set themselves.
    type: list
    elements: str
    default: []
  examples:
    description: For a variable, the line to write.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Find every problem at once
  ansible.builtin.set_fact:
    problems: "{{ hostvars[inventory_hostname] | slipway.aws.inventory_problems(argument_specs=specs) }}"
"""

RETURN = r"""
_value:
  description: One sentence for each problem, with the variable, the reason and the line to write.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING

from ansible.errors import AnsibleError
from ansible.vars.reserved import get_reserved_names

from ansible_collections.slipway.aws.plugins.module_utils._inventory import Unreadable
from ansible_collections.slipway.aws.plugins.module_utils._inventory import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._inventory import merge_options

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


def read_variables(hostvars: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that are the inventory's, with Unreadable for those whose template fails."""
    # "environment" and the like are play keywords that a variable may not be named after anyway.
    ignored = MAGIC_NAMES | set(get_reserved_names())
    variables: dict[str, Any] = {}
    for name in hostvars:
        if name in ignored or name.startswith("ansible_"):
            continue
        try:
            variables[name] = hostvars[name]
        except AnsibleError as error:
            variables[name] = Unreadable(str(error))
    return variables


def inventory_problems(
    hostvars: Mapping[str, Any],
    argument_specs: list[dict[str, Any]],
    derived: list[str] | None = None,
    examples: dict[str, str] | None = None,
) -> list[str]:
    return find_problems(read_variables(hostvars), merge_options(argument_specs), derived or (), examples)


class FilterModule:
    """Filters that read inventories."""

    def filters(self) -> dict[str, Any]:
        return {"inventory_problems": inventory_problems}
