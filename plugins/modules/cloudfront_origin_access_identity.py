#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_origin_access_identity
version_added: 0.1.0
short_description: Manage an origin access identity of CloudFront
description:
  - Creates and deletes an origin access identity (OAI), the older way to let only CloudFront read an S3 bucket.
  - For something new use M(slipway.aws.cloudfront_origin_access_control), which also works with KMS encryption and lets
    a
    bucket name the distribution that may read it.
  - In contrast to M(community.aws.cloudfront_origin_access_identity) it has a check mode, and it finds the identity
    again
    by its name.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the identity. CloudFront has no names for identities; this one is kept as its comment and caller
        reference.
    type: str
    required: true
  state:
    description:
      - Whether the identity should be there. One that a distribution uses cannot be deleted.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: slipway.aws.cloudfront_bucket_policy
  - module: slipway.aws.cloudfront_origin_access_control
  - module: slipway.aws.cloudfront_site
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Make an origin access identity
  slipway.aws.cloudfront_origin_access_identity:
    name: shop-frontend
  register: frontend_identity

- name: Let it read the bucket
  slipway.aws.cloudfront_bucket_policy:
    bucket: shop-frontend-123456789012
    origin_access_identities:
      - "{{ frontend_identity.origin_access_identity.id }}"

- name: Delete it
  slipway.aws.cloudfront_origin_access_identity:
    name: shop-frontend
    state: absent
"""

RETURN = r"""
origin_access_identity:
  description:
    - The origin access identity; empty when it is absent.
    - In check mode, what only CloudFront can say of an identity that would be made is V((known after apply\)).
  returned: always
  type: dict
  contains:
    name:
      description: Name.
      returned: when present
      type: str
      sample: shop-frontend
    id:
      description: ID.
      returned: when present
      type: str
      sample: E2QWRUHAPOMQZL
    s3_canonical_user_id:
      description: Canonical user ID, by which an ACL or a bucket policy may name the identity.
      returned: when present
      type: str
      sample: b970b42360b81c8ddbd79d2f5df0069ba9033c8a79655752abe380cd6d63ba8bcf23384d568fcf89fc49700b5e11a0fd
    iam_arn:
      description: Principal by which a bucket policy names the identity.
      returned: when present
      type: str
      sample: arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2QWRUHAPOMQZL
    origin_access_identity_path:
      description: How an origin of a distribution names the identity.
      returned: when present
      type: str
      sample: origin-access-identity/cloudfront/E2QWRUHAPOMQZL
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import api
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.compare import describe_origin_access_identity
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from typing import Any


def find(client: Any, name: str) -> dict[str, Any] | None:
    found = [item for item in api.list_origin_access_identities(client) if item["Comment"] == name]
    if len(found) > 1:
        identifiers = ", ".join(item["Id"] for item in found)
        raise api.AnsibleCloudFrontError(
            message=f"Several origin access identities have the comment {name}: {identifiers}. "
            "Delete those that are not in use, or choose another name"
        )
    if not found:
        return None
    return describe_origin_access_identity(name, found[0]["Id"], found[0]["S3CanonicalUserId"], client.meta.partition)


def ensure_present(
    client: Any, current: dict[str, Any] | None, name: str, check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    if current:
        return False, current
    if check_mode:
        return True, describe_origin_access_identity(name, UNKNOWN, UNKNOWN, client.meta.partition)
    made = api.create_origin_access_identity(client, name)
    return True, describe_origin_access_identity(name, made["Id"], made["S3CanonicalUserId"], client.meta.partition)


def ensure_absent(client: Any, current: dict[str, Any] | None, check_mode: bool) -> bool:
    if current is None:
        return False
    if not check_mode:
        found = api.get_origin_access_identity(client, current["id"])
        if found:
            api.delete_origin_access_identity(client, current["id"], found["ETag"])
    return True


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    client = module.client("cloudfront")
    name = module.params["name"]
    current = find(client, name)
    after = None
    if module.params["state"] == "present":
        changed, after = ensure_present(client, current, name, module.check_mode)
    else:
        changed = ensure_absent(client, current, module.check_mode)
    return module_result("origin_access_identity", changed, current, after, module._diff)


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
