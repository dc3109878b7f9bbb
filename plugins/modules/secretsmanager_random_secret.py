#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: secretsmanager_random_secret
version_added: 0.1.0
short_description: A secret in AWS Secrets Manager whose value nobody chooses or sees
description:
  - Creates a secret with a random value, generated on the controller and sent once, in the request that creates it.
  - The value of a secret that exists is never read, changed or returned;
    M(slipway.aws.secretsmanager_secret_rotation) gives it another one. A secret that someone made without a value
    gets one.
  - A secret whose deletion is scheduled is restored, with the value it had.
author: The slipway.aws developers (@slipway-aws)
options:
  name:
    description: Name of the secret.
    type: str
    required: true
  state:
    description: Whether the secret exists.
    type: str
    choices: [present, absent]
    default: present
  description:
    description: What the secret is for. Left alone if not set.
    type: str
  length:
    description: Number of characters of the value, when it is created.
    type: int
    default: 48
  exclude_characters:
    description:
      - Characters that the value must not contain, when it is created.
      - Without these, it is made of ASCII letters, digits and punctuation.
    type: str
    default: ""
  kms_key_id:
    description: Key that encrypts the secret; the account's C(aws/secretsmanager) if not set at creation.
    type: str
  recovery_window_in_days:
    description: Days for which a deleted secret can be restored, from 7 to 30. Not used if O(force_delete=true).
    type: int
    default: 30
  force_delete:
    description: Delete at once and for ever, also a secret whose deletion is scheduled.
    type: bool
    default: false
seealso:
  - module: slipway.aws.secretsmanager_secret_rotation
  - module: community.aws.secretsmanager_secret
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: A session key that only the application reads
  slipway.aws.secretsmanager_random_secret:
    name: my-app/SESSION_KEY

- name: A value for a request header
  slipway.aws.secretsmanager_random_secret:
    name: my-app/origin-secret
    description: Header that CloudFront shows the origin
    length: 48
    exclude_characters: "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    tags:
      Project: my-app

- name: Delete it, for ever
  slipway.aws.secretsmanager_random_secret:
    name: my-app/SESSION_KEY
    state: absent
    force_delete: true
"""

RETURN = r"""
secret:
  description: The secret, without its value. Empty if it is absent.
  type: dict
  returned: always
  contains:
    arn:
      description: Its ARN; V((known after apply\)) in check mode if it does not exist.
      type: str
      returned: when present
      sample: arn:aws:secretsmanager:us-east-1:123456789012:secret:my-app/SESSION_KEY-a1b2c3
    name:
      description: Its name.
      type: str
      returned: when present
      sample: my-app/SESSION_KEY
    description:
      description: What it is for.
      type: str
      returned: when present
      sample: Signs the sessions
    kms_key_id:
      description: The key that encrypts it, if it is not the account's own.
      type: str
      returned: when present
      sample: alias/my-key
    deletion_scheduled:
      description: Whether its deletion is scheduled.
      type: bool
      returned: when present
      sample: false
    tags:
      description: Its tags.
      type: dict
      returned: when present
      sample: {"Project": "my-app"}
    version_ids_to_stages:
      description: The staging labels of each of its versions.
      type: dict
      returned: when present
      sample: {"e1b2": ["AWSCURRENT"]}
    rotating_to:
      description:
        - ID of the version that a rotation under way leads to, as M(slipway.aws.secretsmanager_secret_rotation) takes
          it; null if none is under way.
      type: str
      returned: when present
      sample: null
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager import api
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import desired_secret
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import generate_value
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import has_value
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import normalise_secret
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import tag_changes

if TYPE_CHECKING:
    from typing import Any


def get_secret(client: Any, name: str) -> dict[str, Any] | None:
    return normalise_secret(api.describe_secret(client, name))


def ensure_present(
    client: Any, params: dict[str, Any], current: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    desired = desired_secret(params, current)
    if current == desired:
        return False, current
    if check_mode:
        return True, desired
    name = params["name"]
    if current is None:
        value = generate_value(params["length"], params["exclude_characters"])
        api.create_secret(client, name, value, params["description"], params["kms_key_id"], desired["tags"])
        return True, get_secret(client, name) or desired
    # First, because AWS refuses every change of a secret whose deletion is scheduled.
    if current["deletion_scheduled"]:
        api.restore_secret(client, name)
    if not has_value(current):
        api.put_secret_value(client, name, generate_value(params["length"], params["exclude_characters"]))
    if any(current[key] != desired[key] for key in ("description", "kms_key_id")):
        api.update_secret(client, name, params["description"], params["kms_key_id"])
    to_set, to_remove = tag_changes(current["tags"], desired["tags"])
    if to_remove:
        api.untag_secret(client, name, to_remove)
    if to_set:
        api.tag_secret(client, name, to_set)
    return True, get_secret(client, name) or desired


def ensure_absent(
    client: Any, params: dict[str, Any], current: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, dict[str, Any] | None]:
    force = params["force_delete"]
    if current is None:
        return False, None
    if current["deletion_scheduled"] and not force:
        return False, current
    if not check_mode:
        # AWS does not delete at once what is already scheduled to be deleted later.
        if current["deletion_scheduled"]:
            api.restore_secret(client, params["name"])
        api.delete_secret(client, params["name"], None if force else params["recovery_window_in_days"])
    return True, None if force else {**current, "deletion_scheduled": True}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    problems = find_problems(params)
    if problems:
        raise api.AnsibleSecretsManagerError(message="; ".join(problems))
    client = module.client("secretsmanager")
    before = get_secret(client, params["name"])
    ensure = ensure_present if params["state"] == "present" else ensure_absent
    changed, after = ensure(client, params, before, module.check_mode)
    return module_result("secret", changed, before, after, module._diff)


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "description": {"type": "str"},
            "length": {"type": "int", "default": 48},
            "exclude_characters": {"type": "str", "default": ""},
            "kms_key_id": {"type": "str"},
            "recovery_window_in_days": {"type": "int", "default": 30},
            "force_delete": {"type": "bool", "default": False},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
