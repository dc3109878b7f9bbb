#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_origin_access_control
version_added: 0.1.0
short_description: Manage an origin access control of CloudFront
description:
  - Creates, updates and deletes an origin access control (OAC), by which CloudFront signs its requests to an origin, so
    that the origin can refuse everyone else.
  - The distribution refers to it by its ID (M(slipway.aws.cloudfront_site)), and the bucket policy lets the
    distribution
    in (M(slipway.aws.cloudfront_bucket_policy)).
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the origin access control, unique in the account.
    type: str
    required: true
  state:
    description:
      - Whether the origin access control should be there. One that a distribution uses cannot be deleted.
    type: str
    choices: [present, absent]
    default: present
  description:
    description:
      - What it is for. Left alone if not set.
    type: str
  origin_type:
    description:
      - The kind of origin that it is for.
    type: str
    choices: [s3, mediastore, mediapackagev2, lambda]
    default: s3
  signing_behavior:
    description:
      - Which requests CloudFront signs.
      - V(no-override) signs only those that the viewer did not sign, V(never) none at all.
    type: str
    choices: [always, never, no-override]
    default: always
  signing_protocol:
    description:
      - How CloudFront signs.
    type: str
    choices: [sigv4]
    default: sigv4
seealso:
  - module: slipway.aws.cloudfront_bucket_policy
  - module: slipway.aws.cloudfront_site
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Make an origin access control for a bucket
  slipway.aws.cloudfront_origin_access_control:
    name: shop-frontend
    description: CloudFront reads the bucket of the front end
  register: frontend_access

- name: Show the ID that the distribution's origin takes
  ansible.builtin.debug:
    var: frontend_access.origin_access_control.id

- name: Delete it
  slipway.aws.cloudfront_origin_access_control:
    name: shop-frontend
    state: absent
"""

RETURN = r"""
origin_access_control:
  description: The origin access control; empty when it is absent.
  returned: always
  type: dict
  contains:
    id:
      description: ID; V((known after apply\)) in check mode if it would be made.
      returned: when present
      type: str
      sample: E2QWRUHAPOMQZL
    name:
      description: Name.
      returned: when present
      type: str
      sample: shop-frontend
    description:
      description: What it is for.
      returned: when present
      type: str
      sample: CloudFront reads the bucket of the front end
    origin_type:
      description: Kind of origin.
      returned: when present
      type: str
      sample: s3
    signing_behavior:
      description: Which requests are signed.
      returned: when present
      type: str
      sample: always
    signing_protocol:
      description: How requests are signed.
      returned: when present
      type: str
      sample: sigv4
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import api
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.compare import build_origin_access_control
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.compare import desired_origin_access_control
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.compare import normalise_origin_access_control
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from typing import Any


def find(client: Any, name: str) -> dict[str, Any] | None:
    controls = map(normalise_origin_access_control, api.list_origin_access_controls(client))
    return next((control for control in controls if control["name"] == name), None)


def ensure_present(
    client: Any, current: dict[str, Any] | None, params: dict[str, Any], check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    desired = desired_origin_access_control(params, current)
    if desired == current or check_mode:
        return desired != current, desired
    config = build_origin_access_control(desired)
    if current is None:
        return True, normalise_origin_access_control(api.create_origin_access_control(client, config))
    found = api.get_origin_access_control(client, current["id"])
    if found is None:
        raise api.AnsibleCloudFrontError(message=f"Origin access control {params['name']} was deleted meanwhile")
    updated = api.update_origin_access_control(client, current["id"], found["ETag"], config)
    return True, normalise_origin_access_control(updated)


def ensure_absent(client: Any, current: dict[str, Any] | None, check_mode: bool) -> bool:
    if current is None:
        return False
    if not check_mode:
        found = api.get_origin_access_control(client, current["id"])
        if found:
            api.delete_origin_access_control(client, current["id"], found["ETag"])
    return True


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    client = module.client("cloudfront")
    current = find(client, module.params["name"])
    after = None
    if module.params["state"] == "present":
        changed, after = ensure_present(client, current, module.params, module.check_mode)
    else:
        changed = ensure_absent(client, current, module.check_mode)
    return module_result("origin_access_control", changed, current, after, module._diff)


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "description": {"type": "str"},
            "origin_type": {
                "type": "str",
                "choices": ["s3", "mediastore", "mediapackagev2", "lambda"],
                "default": "s3",
            },
            "signing_behavior": {"type": "str", "choices": ["always", "never", "no-override"], "default": "always"},
            "signing_protocol": {"type": "str", "choices": ["sigv4"], "default": "sigv4"},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
