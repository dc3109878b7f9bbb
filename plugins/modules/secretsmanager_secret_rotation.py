#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: secretsmanager_secret_rotation
version_added: 0.2.0
short_description: Give a secret in AWS Secrets Manager another random value, step by step
description:
  - Takes a secret from one value to the next in three steps, so that whoever uses it can follow without a moment in
    which nobody agrees on the value.
  - First the new value is made, as C(AWSPENDING). When all who check the value accept it too, it becomes C(AWSCURRENT)
    and the old one C(AWSPREVIOUS). When all who show the value show the new one, C(AWSPREVIOUS) is taken away.
  - The labels on the versions are the only record. A rotation that was interrupted is seen by them, and
    V(step=pending) goes on with that one and makes no other.
  - Each step is a state. One that has been reached is no change.
  - Values are generated on the controller, sent once, and never read or returned.
author: The slipway.aws developers (@slipway-aws)
options:
  name:
    description: Name of the secret. It must exist and have a value, except in check mode.
    type: str
    required: true
  step:
    description:
      - How far the rotation is to be.
      - With V(pending) there is a new value beside the current one.
      - With V(current), O(version_id) is the current version, and the one that it took the place of is C(AWSPREVIOUS).
      - With V(finished) it is the only one that has a label of Secrets Manager's. It must be current before.
    type: str
    choices: [pending, current, finished]
    required: true
  version_id:
    description:
      - The version that the rotation leads to, as O(step=pending) returned it in RV(rotation.version_id).
      - Needed for V(current) and V(finished).
    type: str
  length:
    description: Number of characters of the new value.
    type: int
    default: 48
  exclude_characters:
    description:
      - Characters that the new value must not contain.
      - Without these, it is made of ASCII letters, digits and punctuation.
    type: str
    default: ""
seealso:
  - module: slipway.aws.secretsmanager_random_secret
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Make a new value
  slipway.aws.secretsmanager_secret_rotation:
    name: my-app/SESSION_KEY
    step: pending
  register: begun

# Here those who check the value learn the new one.

- name: Make it the current value
  slipway.aws.secretsmanager_secret_rotation:
    name: my-app/SESSION_KEY
    step: current
    version_id: "{{ begun.rotation.version_id }}"

# Here those who show the value learn the new one.

- name: Forget the old value
  slipway.aws.secretsmanager_secret_rotation:
    name: my-app/SESSION_KEY
    step: finished
    version_id: "{{ begun.rotation.version_id }}"
"""

RETURN = r"""
rotation:
  description: How far the rotation is.
  type: dict
  returned: success
  contains:
    name:
      description: Name of the secret.
      type: str
      returned: success
      sample: my-app/SESSION_KEY
    version_id:
      description:
        - ID of the version that the rotation leads to; V((known after apply\)) in check mode if it has not been made.
      type: str
      returned: success
      sample: 0b1f4c4e-7d2a-4f8e-9c39-0f3c1d2e9a8b
    version_ids_to_stages:
      description: The staging labels of each of the secret's versions that has any.
      type: dict
      returned: success
      sample: {"0b1f4c4e-7d2a-4f8e-9c39-0f3c1d2e9a8b": ["AWSPENDING"], "e1b2": ["AWSCURRENT"]}
"""

import uuid
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager import api
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import CURRENT
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import desired_stages
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import find_rotation
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import find_value_problems
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import find_version
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import generate_value
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import label_moves
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import normalise_stages

if TYPE_CHECKING:
    from typing import Any


def read_stages(client: Any, name: str, check_mode: bool) -> dict[str, list[str]]:
    described = api.describe_secret(client, name)
    stages = normalise_stages(described or {})
    if find_version(stages, CURRENT) is None and not check_mode:
        raise api.AnsibleSecretsManagerError(
            message=f"Failed to rotate secret {name}: "
            + ("it has no value" if described else "there is no such secret")
            + ". Make it with secretsmanager_random_secret first."
        )
    if described and "DeletedDate" in described:
        raise api.AnsibleSecretsManagerError(
            message=f"Failed to rotate secret {name}: its deletion is scheduled. Restore it with "
            "secretsmanager_random_secret first."
        )
    return stages


def refuse_wrong_version(params: dict[str, Any], stages: dict[str, list[str]]) -> None:
    name, version = params["name"], params["version_id"]
    if version not in stages:
        raise api.AnsibleSecretsManagerError(
            message=f"Failed to rotate secret {name}: it has no version {version} with a label, only "
            f"{', '.join(sorted(stages))}. Begin again with step: pending."
        )
    if params["step"] == "finished" and find_version(stages, CURRENT) != version:
        raise api.AnsibleSecretsManagerError(
            message=f"Failed to finish the rotation of secret {name}: version {version} is not its current one. "
            "Take step: current first, and let those who show the value learn it."
        )


def ensure_step(client: Any, params: dict[str, Any], stages: dict[str, list[str]], check_mode: bool) -> dict[str, Any]:
    """The labels of each version when the step has been taken."""
    name = params["name"]
    desired = desired_stages(params["step"], stages, params["version_id"])
    if desired == stages or check_mode:
        return desired
    if params["step"] == "pending":
        value = generate_value(params["length"], params["exclude_characters"])
        api.put_pending_value(client, name, value, str(uuid.uuid4()))
    else:
        for label, remove_from, move_to in label_moves(stages, desired):
            api.move_label(client, name, label, remove_from, move_to)
    return read_stages(client, name, check_mode)


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    problems = find_value_problems(params)
    if problems:
        raise api.AnsibleSecretsManagerError(message="; ".join(problems))
    client = module.client("secretsmanager")
    name, pending = params["name"], params["step"] == "pending"
    before = read_stages(client, name, module.check_mode)
    # A plan may speak of a version that an earlier task would have made, or have made current.
    if not pending and not module.check_mode:
        refuse_wrong_version(params, before)
    after = ensure_step(client, params, before, module.check_mode)
    version = (find_rotation(after) or UNKNOWN) if pending else params["version_id"]
    rotation = {"name": name, "version_id": version, "version_ids_to_stages": after}
    return module_result(
        "rotation", before != after, {**rotation, "version_ids_to_stages": before}, rotation, module._diff
    )


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "step": {"type": "str", "choices": ["pending", "current", "finished"], "required": True},
            "version_id": {"type": "str"},
            "length": {"type": "int", "default": 48},
            "exclude_characters": {"type": "str", "default": ""},
        },
        required_if=[("step", "current", ["version_id"]), ("step", "finished", ["version_id"])],
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
