# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cloudwatch_agent_configuration
version_added: 0.2.0
short_description: The CloudWatch agent's configuration, for a log group prefix
description:
  - Makes the configuration of Amazon's CloudWatch agent that ships a host's journal to two log groups, and publishes
    memory, swap, file systems, and what the processor waited for, with dimensions that an alarm can name beforehand.
author: The slipway.aws developers (@slipway-aws)
options:
  _input:
    description: What the log groups' names begin with. They end in C(/syslog) and C(/application).
    type: str
    required: true
  version:
    description: Version of the agent. One that cannot read the journal is an error.
    type: str
    required: true
  units:
    description: The application's systemd units, whose output goes to its own log group. Without any, it has none.
    type: list
    elements: str
    default: []
  system_matches:
    description:
      - What goes to the other log group, as sets of journal fields, all of which must fit. Without any, all does.
    type: list
    elements: dict
    default: []
  disk_paths:
    description: Mount points whose use is measured.
    type: list
    elements: str
    default: [/]
"""

EXAMPLES = r"""
- name: Write the agent's configuration
  ansible.builtin.copy:
    content: >-
      {{ '/aws/ec2/shop' | slipway.aws.cloudwatch_agent_configuration(version='1.300071.0b1720', units=['shop.service'])
      | to_nice_json }}
    dest: /tmp/agent.json
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The configuration.
  type: dict
"""

from typing import TYPE_CHECKING

from ansible.errors import AnsibleFilterError

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.agent import AgentError
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.agent import build_configuration
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.agent import check_version

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def cloudwatch_agent_configuration(
    prefix: str,
    version: str,
    units: Sequence[str] = (),
    system_matches: Sequence[dict[str, str]] = (),
    disk_paths: Sequence[str] = ("/",),
) -> dict[str, Any]:
    try:
        check_version(version)
    except AgentError as error:
        raise AnsibleFilterError(str(error)) from error
    return build_configuration(prefix, units, system_matches, disk_paths)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"cloudwatch_agent_configuration": cloudwatch_agent_configuration}
