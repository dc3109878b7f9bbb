# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: secretsmanager_secret_stages
version_added: 0.2.0
short_description: Read the values that a secret in AWS Secrets Manager has while it is rotated
description:
  - Reads the value of each version of a secret that has one of Secrets Manager's staging labels.
  - While a secret is rotated (M(slipway.aws.secretsmanager_secret_rotation)), whoever checks it accepts all of them,
    and whoever shows it shows the newest.
  - In check mode, a secret that does not exist yet has the value V((known after apply\)).
author: The slipway.aws developers (@slipway-aws)
options:
  _terms:
    description: Names or ARNs of secrets.
    type: list
    elements: str
    required: true
  newest:
    description:
      - Return one value for each secret, the newest. That is the one labelled C(AWSPENDING), or C(AWSCURRENT) if
        there is none.
    type: bool
    default: false
  planned:
    description:
      - Those of the secrets for which a plan has a new value that has not been made. It reads V((known after apply\)).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - amazon.aws.boto3
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
"""

EXAMPLES = r"""
- name: Write down what is accepted
  ansible.builtin.copy:
    content: "{{ stages.values() | unique | join('\n') }}"
    dest: /etc/my-app/accepted
    mode: "0600"
  vars:
    stages: "{{ query('slipway.aws.secretsmanager_secret_stages', 'my-app/origin-secret') | first }}"
  no_log: true
"""

RETURN = r"""
_raw:
  description:
    - For each secret, its values by staging label, in the order C(AWSCURRENT), C(AWSPENDING), C(AWSPREVIOUS); only
      those that there are.
    - With O(newest), the newest value of each.
  type: list
  elements: raw
"""

from typing import TYPE_CHECKING

from ansible.errors import AnsibleLookupError
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.plugin_utils.lookup import AWSLookupBase

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager import api
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import CURRENT
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import PENDING
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import PREVIOUS
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import find_version
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import normalise_stages

if TYPE_CHECKING:
    from typing import Any


def read_values(client: Any, name: str, check_mode: bool) -> dict[str, str]:
    described = api.describe_secret(client, name)
    if described is None and check_mode:
        return {CURRENT: UNKNOWN}
    stages = normalise_stages(described or {})
    if find_version(stages, CURRENT) is None:
        raise AnsibleLookupError(
            f"Secret {name} {'has no value' if described else 'does not exist'}. The playbook site.yml makes it."
        )
    labels = [label for label in (CURRENT, PENDING, PREVIOUS) if find_version(stages, label)]
    return {label: api.get_secret_value(client, name, label) for label in labels}


class LookupModule(AWSLookupBase):
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        super().run(terms, variables, **kwargs)
        if not terms:
            return []
        client = self.client("secretsmanager")
        check_mode = bool((variables or {}).get("ansible_check_mode"))
        try:
            found = [read_values(client, name, check_mode) for name in terms]
        except AnsibleAWSError as error:
            raise AnsibleLookupError(str(error)) from error
        for name, values in zip(terms, found):  # noqa: B905 (one for each)
            if name in self.get_option("planned"):
                values[PENDING] = UNKNOWN
        if self.get_option("newest"):
            return [values.get(PENDING, values[CURRENT]) for values in found]
        return found
