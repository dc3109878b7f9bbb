# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: secret_variables
version_added: 0.2.0
short_description: Those variables of an environment whose values must not be shown
description:
  - A variable is a secret if its name says so (C(API_TOKEN), C(SMTP_PASSWORD)), if its value looks like one (a URL with
    a password, a private key, an access key), or if a value that is known to be secret is in it.
author: The slipway.aws developers (@slipway-aws)
positional: known
options:
  _input:
    description: Names and values.
    type: dict
    required: true
  known:
    description: Values that are secret, such as those of the inventory's C(vault_...) variables.
    type: list
    elements: raw
    default: []
"""

EXAMPLES = r"""
- name: Start the application, and show nobody its secrets
  ansible.builtin.include_role:
    name: slipway.aws.python_app
  vars:
    python_app_environment: "{{ environment | dict2items | rejectattr('key', 'in', secret) | items2dict }}"
    python_app_secret_environment: "{{ secret }}"
    secret: "{{ environment | slipway.aws.secret_variables([vault_mail_password]) }}"
    environment:
      SMTP_LOGIN: "me:{{ vault_mail_password }}"
      LOG_LEVEL: INFO
"""

RETURN = r"""
_value:
  description: The variables that are secrets, with their values.
  type: dict
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._inventory.secrets import find_values
from ansible_collections.slipway.aws.plugins.module_utils._inventory.secrets import recognise_secret
from ansible_collections.slipway.aws.plugins.plugin_utils._masking import SHORTEST

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def secret_variables(environment: dict[str, Any], known: Iterable[Any] = ()) -> dict[str, Any]:
    secrets = [str(value) for item in known for _path, _name, value in find_values("", "", item)]
    # What is shorter is a word of every text.
    secrets = [secret for secret in secrets if len(secret) >= SHORTEST]
    return {
        name: value
        for name, value in environment.items()
        if recognise_secret(name, value) or any(secret in str(value) for secret in secrets)
    }


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"secret_variables": secret_variables}
