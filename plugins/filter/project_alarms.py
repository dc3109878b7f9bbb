# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: project_alarms
version_added: 0.2.0
short_description: The alarms that a project should have, by the region that has their metrics
description:
  - Makes alarms for M(slipway.aws.cloudwatch_alarms) out of what a project consists of. What is empty has none.
  - Each is on a metric, and has exactly the dimensions, that AWS, the CloudWatch agent as this collection configures
    it, or this collection's own programs publish.
author: The slipway.aws developers (@slipway-aws)
options:
  _input:
    description: Region of the project.
    type: str
    required: true
  instance_id:
    description: ID of the host.
    type: str
    default: ""
  agent_disk_paths:
    description: Mount points that the host's CloudWatch agent measures. Without any, the host has no agent.
    type: list
    elements: str
    default: []
  backup_project:
    description: What the backups' metrics say as Project.
    type: str
    default: ""
  backup_databases:
    description: File names of the databases that are backed up.
    type: list
    elements: str
    default: []
  distribution_id:
    description: ID of the CloudFront distribution.
    type: str
    default: ""
  health_check_id:
    description: ID of Route 53's health check.
    type: str
    default: ""
  billing_amount:
    description: What the whole account may cost in a month, in USD; 0 is no alarm.
    type: float
    default: 0
  thresholds:
    description:
      - What is too much, where it is not to be C(cpu_percent) 90, C(memory_percent) 90, C(disk_percent) 85,
        C(error_percent) 5 and C(backup_age_seconds) 93600.
    type: dict
    default: {}
  extra:
    description: Further alarms. One with the name of another takes its place.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: See which alarms a host has, and where they belong
  ansible.builtin.debug:
    msg: "{{ 'eu-west-1' | slipway.aws.project_alarms(instance_id='i-0123456789abcdef0', billing_amount=20) }}"
"""

RETURN = r"""
_value:
  description: Lists of alarms, by region. Both the project's and us-east-1 are there.
  type: dict
"""

from typing import TYPE_CHECKING

from ansible.errors import AnsibleFilterError

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.project import by_region
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.project import project_alarms

if TYPE_CHECKING:
    from typing import Any


def project_alarms_by_region(region: str, billing_amount: Any = 0, **inputs: Any) -> dict[str, list[dict[str, Any]]]:
    try:
        return by_region(project_alarms(billing_amount=float(billing_amount or 0), **inputs), region)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"project_alarms": project_alarms_by_region}
