#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudwatch_log_groups
version_added: 0.2.0
short_description: Manage log groups of CloudWatch Logs, with how long they keep what is in them
description:
  - Makes a list of log groups match one description, or takes them away. All are read at once.
  - Groups that are not in the list are left alone.
  - How long a group keeps its events is checked against the numbers of days that AWS has, for all groups, before
    anything is written.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  log_groups:
    description:
      - The log groups.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the group.
        type: str
        required: true
      retention_in_days:
        description:
          - For how many days events are kept; 0 is for ever, which is AWS's default. If not set, it is left alone.
          - Events that are older than a shorter time are deleted.
        type: int
      kms_key_id:
        description:
          - ARN of the KMS key that encrypts what comes in. An empty string goes back to AWS's own encryption. If not
            set, it is left alone.
          - The key's policy must let C(logs.<region>.amazonaws.com) use it.
        type: str
      log_group_class:
        description:
          - Class of the group; V(INFREQUENT_ACCESS) is cheaper and lacks live tail and metric filters.
          - AWS cannot change it later.
          - V(STANDARD) if not set when the group is made.
        type: str
        choices: [STANDARD, INFREQUENT_ACCESS, DELIVERY]
  state:
    description:
      - V(present) makes the groups as described.
      - V(absent) deletes them, with all that is in them.
    type: str
    choices: [present, absent]
    default: present
  tags:
    description:
      - Tags of the groups. If not set, tags are left alone.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether to remove tags that are not in O(tags), if that is set.
    type: bool
    default: true
notes:
  - M(amazon.aws.cloudwatchlogs_log_group) writes in check mode where only the retention differs, and deletes the group
    with all that is in it if it is given a number of days that it does not know.
seealso:
  - module: amazon.aws.cloudwatchlogs_log_group
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Keep the application's log for a month
  slipway.aws.cloudwatch_log_groups:
    log_groups:
      - name: /aws/ec2/shop/application
        retention_in_days: 30

- name: Keep several, for different times
  slipway.aws.cloudwatch_log_groups:
    log_groups:
      - name: /aws/ec2/shop/application
        retention_in_days: 90
      - name: /aws/ec2/shop/syslog
        retention_in_days: 14
    tags:
      Project: shop

- name: Delete them, with all that is in them
  slipway.aws.cloudwatch_log_groups:
    log_groups:
      - name: /aws/ec2/shop/application
      - name: /aws/ec2/shop/syslog
    state: absent
"""

RETURN = r"""
log_groups:
  description: The groups of O(log_groups) that there are, in that order.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the group.
      returned: always
      type: str
      sample: /aws/ec2/shop/application
    arn:
      description: ARN of the group, by which it is tagged; V((known after apply\)) in check mode if it is new.
      returned: always
      type: str
      sample: arn:aws:logs:us-east-1:123456789012:log-group:/aws/ec2/shop/application
    retention_in_days:
      description: For how many days events are kept; 0 is for ever.
      returned: always
      type: int
      sample: 30
    kms_key_id:
      description: Key that encrypts what comes in; empty if AWS's own does.
      returned: always
      type: str
      sample: ""
    log_group_class:
      description: Class of the group.
      returned: always
      type: str
      sample: STANDARD
    stored_bytes:
      description: How much is in it, as AWS last counted.
      returned: always
      type: int
      sample: 0
    tags:
      description: Tags of the group.
      returned: always
      type: dict
      sample:
        Project: shop
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._logs import api
from ansible_collections.slipway.aws.plugins.module_utils._logs.compare import build_groups
from ansible_collections.slipway.aws.plugins.module_utils._logs.compare import class_problem
from ansible_collections.slipway.aws.plugins.module_utils._logs.compare import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._logs.compare import group_arn
from ansible_collections.slipway.aws.plugins.module_utils._logs.compare import group_steps
from ansible_collections.slipway.aws.plugins.module_utils._logs.compare import groups_view
from ansible_collections.slipway.aws.plugins.module_utils._logs.compare import normalise_group
from ansible_collections.slipway.aws.plugins.module_utils._logs.compare import planned_group
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module

if TYPE_CHECKING:
    from typing import Any


def read_groups(client: Any, names: list[str]) -> dict[str, dict[str, Any]]:
    """Those of the groups that there are, by name."""

    def read(name: str) -> Any:
        def group_with_tags() -> dict[str, Any] | None:
            described = api.get_log_group(client, name)
            return normalise_group(described, api.get_tags(client, group_arn(described)) if described else {})

        return group_with_tags

    found = gather(**{name: read(name) for name in names})
    return {name: group for name, group in found.items() if group}


def ensure_present(
    client: Any, params: dict[str, Any], current: dict[str, dict[str, Any]], check_mode: bool
) -> tuple[bool, dict[str, dict[str, Any]]]:
    purge_tags = params["purge_tags"]
    desired = {group["name"]: group for group in build_groups(params)}
    problems = [class_problem(current.get(name), group) for name, group in desired.items()]
    if any(problems):
        raise api.AnsibleLogsError(message=f"Nothing was changed. {'. '.join(filter(None, problems))}")
    steps = [step for name, group in desired.items() for step in group_steps(current.get(name), group, purge_tags)]
    if not steps:
        return False, current
    if check_mode:
        return True, {name: planned_group(current.get(name), group, purge_tags) for name, group in desired.items()}
    for step in steps:
        getattr(api, step.action)(client, **step.arguments)
    return True, read_groups(client, list(desired))


def ensure_absent(
    client: Any, current: dict[str, dict[str, Any]], check_mode: bool
) -> tuple[bool, dict[str, dict[str, Any]]]:
    if not check_mode:
        for name in current:
            api.delete_log_group(client, name)
    return bool(current), {}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    problems = find_problems(params)
    if problems:
        raise api.AnsibleLogsError(message=f"Nothing was changed. {'. '.join(problems)}")
    client = module.client("logs")
    before = read_groups(client, [group["name"] for group in params["log_groups"]])
    if params["state"] == "present":
        changed, after = ensure_present(client, params, before, module.check_mode)
    else:
        changed, after = ensure_absent(client, before, module.check_mode)
    groups = [after[group["name"]] for group in params["log_groups"] if group["name"] in after]
    result = {"changed": changed, "log_groups": groups}
    if module._diff:
        result["diff"] = {"before": groups_view(list(before.values())), "after": groups_view(groups)}
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "log_groups": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "retention_in_days": {"type": "int"},
                    "kms_key_id": {"type": "str"},
                    "log_group_class": {"type": "str", "choices": ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"]},
                },
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
