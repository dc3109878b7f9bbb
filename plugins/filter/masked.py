# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: masked
version_added: 0.2.0
short_description: A text without secrets
description:
  - Takes the secrets that it is given out of a text, also where they are written as JSON or as part of a URL.
  - Takes out what looks like a secret besides, such as access keys, private keys, tokens, passwords in URLs, the
    queries of URLs (links are signed there), cookies, and values under names like C(password) or C(api_key).
  - Hides more than it must, rather than less. What it does not know, and what looks like nothing, it cannot find.
author: The slipway.aws developers (@slipway-aws)
options:
  _input:
    description: The text, such as the last lines of a log.
    type: str
    required: true
  secrets:
    description: Secrets that are known. One of fewer than six characters is left as it is.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show the last lines of the log
  ansible.builtin.debug:
    msg: "{{ log.stdout | slipway.aws.masked(app_secrets_values) }}"
"""

RETURN = r"""
_value:
  description: The text, with asterisks in the place of each secret.
  type: str
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.plugin_utils._masking import mask

if TYPE_CHECKING:
    from typing import Any


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"masked": mask}
