#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: iam_runtime_role
version_added: 0.1.0
short_description: Manage the role that a program runs with, with its policies and instance profile
description:
  - Manages an IAM role together with its managed and inline policies and the instance profile of the same name, as one
    resource with one plan.
  - A role that a program has all the time should allow little. Policies that allow everything are refused unless
    O(allow_broad_policies=true).
  - Works in check mode with policies and resources that do not exist yet.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the role, and of its instance profile.
    type: str
    required: true
  state:
    description:
      - V(present) makes the role as described.
      - V(absent) deletes it with its inline policies and its instance profile.
    type: str
    choices: [present, absent]
    default: present
  path:
    description:
      - IAM path of the role and of its instance profile. AWS cannot change it later.
      - V(/) if not set when the role is made.
    type: str
  description:
    description:
      - Description of the role.
    type: str
  service:
    description:
      - The service that may take the role on, unless O(assume_role_policy) says who may.
    type: str
    default: ec2.amazonaws.com
  assume_role_policy:
    description:
      - The trust policy, if it is to say more than that O(service) may take the role on.
    type: json
  managed_policies:
    description:
      - ARNs or names of managed policies. If not set, the attached ones are left alone.
    type: list
    elements: str
  policies:
    description:
      - Inline policies, their documents by their names. If not set, those that are there are left alone.
    type: dict
  purge_policies:
    description:
      - Whether to detach policies that are not in O(managed_policies), and to delete inline policies that are not in
        O(policies), of whichever is set.
    type: bool
    default: true
  allow_broad_policies:
    description:
      - Whether to accept a managed policy named C(*FullAccess), C(AdministratorAccess) or C(PowerUserAccess), and an
        inline policy that allows every action on every resource.
      - With V(true), whoever takes over the program has what these policies allow.
    type: bool
    default: false
  instance_profile:
    description:
      - Whether the role has an instance profile of its name, by which EC2 instances run with it.
      - V(false) deletes one that is there.
    type: bool
    default: true
  permissions_boundary:
    description:
      - ARN of the policy that limits what the role can be allowed at all. An empty string removes it.
    type: str
  max_session_duration:
    description:
      - How long, in seconds, a session with the role may last, from 3600 to 43200. Instances are not affected.
    type: int
  tags:
    description:
      - Tags of the role and of its instance profile. If not set, tags are left alone.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether to remove tags that are not in O(tags), if that is set.
    type: bool
    default: true
notes:
  - IAM needs some seconds until other services see a new instance profile. M(slipway.aws.ec2_host) waits for it.
seealso:
  - module: slipway.aws.ec2_host
  - module: amazon.aws.iam_role
  - module: amazon.aws.iam_instance_profile
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Let a host be managed through Systems Manager
  slipway.aws.iam_runtime_role:
    name: shop-host
    managed_policies:
      - AmazonSSMManagedInstanceCore

- name: Let a host also store its backups, and nothing else
  slipway.aws.iam_runtime_role:
    name: shop-host
    managed_policies:
      - AmazonSSMManagedInstanceCore
      - CloudWatchAgentServerPolicy
    policies:
      backups:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: s3:PutObject
            Resource: arn:aws:s3:::shop-backups/sqlite/*
    tags:
      Project: shop

- name: A role for containers needs no instance profile
  slipway.aws.iam_runtime_role:
    name: shop-task
    service: ecs-tasks.amazonaws.com
    instance_profile: false
"""

RETURN = r"""
role:
  description:
    - The role; empty if there is none.
    - In check mode, what AWS would decide is V((known after apply\)).
  returned: always
  type: dict
  contains:
    name:
      description: Name of the role.
      returned: when it exists
      type: str
      sample: shop-host
    arn:
      description: ARN of the role.
      returned: when it exists
      type: str
      sample: arn:aws:iam::123456789012:role/shop-host
    role_id:
      description: Unique ID of the role.
      returned: when it exists
      type: str
      sample: AROAEXAMPLEID1234567
    path:
      description: Path of the role.
      returned: when it exists
      type: str
      sample: /
    instance_profile_name:
      description: Name of the instance profile; not set if there is none.
      returned: when it exists
      type: str
      sample: shop-host
    instance_profile_arn:
      description: ARN of the instance profile; not set if there is none.
      returned: when it exists
      type: str
      sample: arn:aws:iam::123456789012:instance-profile/shop-host
    managed_policies:
      description: Names of the managed policies.
      returned: when it exists
      type: list
      elements: str
      sample: [AmazonSSMManagedInstanceCore]
    policies:
      description: Names of the inline policies.
      returned: when it exists
      type: list
      elements: str
      sample: [backups]
    permissions_boundary:
      description: ARN of the permissions boundary; empty if there is none.
      returned: when it exists
      type: str
      sample: ""
    max_session_duration:
      description: How long a session may last, in seconds.
      returned: when it exists
      type: int
      sample: 3600
    tags:
      description: Tags of the role.
      returned: when it exists
      type: dict
      sample:
        Project: shop
"""

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.iam import AnsibleIAMError
from ansible_collections.amazon.aws.plugins.module_utils.iam import validate_iam_identifiers

from ansible_collections.slipway.aws.plugins.module_utils._iam.api import list_profiles_of_role
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import build_role
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import deletion_steps
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import planned_role
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import role_problems
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import role_result
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import role_steps
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import role_view
from ansible_collections.slipway.aws.plugins.module_utils._iam.ensure import apply
from ansible_collections.slipway.aws.plugins.module_utils._iam.ensure import read_role
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._settle import read_settled

if TYPE_CHECKING:
    from typing import Any


def ensure_present(
    client: Any, params: dict[str, Any], current: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    try:
        desired = build_role(params)
    except ValueError as error:
        raise AnsibleIAMError(f"Nothing was changed. {error}") from error
    problems = role_problems(desired, current, params["allow_broad_policies"])
    if problems:
        raise AnsibleIAMError(f"Nothing was changed. {'. '.join(problems)}")
    purge_policies, purge_tags = params["purge_policies"], params["purge_tags"]
    steps = role_steps(current, desired, purge_policies, purge_tags)
    if check_mode or not steps:
        return bool(steps), planned_role(current, desired, purge_policies, purge_tags) if steps else current
    apply(client, steps)
    return True, read_settled(
        lambda: read_role(client, params["name"]),
        lambda after: not role_steps(after, desired, purge_policies, purge_tags),
    )


def ensure_absent(client: Any, name: str, current: dict[str, Any] | None, check_mode: bool) -> tuple[bool, None]:
    if current is None:
        return False, None
    if not check_mode:
        profiles = [profile["InstanceProfileName"] for profile in list_profiles_of_role(client, name)]
        apply(client, deletion_steps(current, [profile for profile in profiles if profile != name]))
    return True, None


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    problem = validate_iam_identifiers("role", name=params["name"], path=params["path"])
    if problem:
        raise AnsibleIAMError(problem)
    client = module.client("iam")
    before = read_role(client, params["name"])
    if params["state"] == "present":
        changed, after = ensure_present(client, params, before, module.check_mode)
    else:
        changed, after = ensure_absent(client, params["name"], before, module.check_mode)
    result = {"changed": changed, "role": role_result(after)}
    if module._diff:
        result["diff"] = {"before": role_view(before), "after": role_view(after)}
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "path": {"type": "str"},
            "description": {"type": "str"},
            "service": {"type": "str", "default": "ec2.amazonaws.com"},
            "assume_role_policy": {"type": "json"},
            "managed_policies": {"type": "list", "elements": "str"},
            "policies": {"type": "dict"},
            "purge_policies": {"type": "bool", "default": True},
            "allow_broad_policies": {"type": "bool", "default": False},
            "instance_profile": {"type": "bool", "default": True},
            "permissions_boundary": {"type": "str"},
            "max_session_duration": {"type": "int"},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
