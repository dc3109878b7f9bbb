#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_bucket_policy
version_added: 0.1.0
short_description: Let CloudFront read an S3 bucket, without touching what else its policy says
description:
  - Adds, changes and removes the statements of a bucket policy that let CloudFront read the bucket's objects.
  - It knows its statements by their Sid. Statements with other Sids stay as they are, whoever wrote them.
  - Works for an origin access control (OAC), where the distributions are named, and for the older origin access
    identity (OAI).
author:
  - The slipway.aws developers (@slipway-aws)
options:
  bucket:
    description:
      - Name of the bucket.
      - In check mode it need not exist yet.
    type: str
    required: true
  state:
    description:
      - With V(present), the policy has the statements that the options ask for.
      - With V(absent), it has none of those that this module makes with O(sid_prefix). A policy that has no statement
        left is deleted.
    type: str
    choices: [present, absent]
    default: present
  distribution_arns:
    description:
      - ARNs of the distributions that may read the bucket through an origin access control, exactly.
      - An empty list removes the statement. If not set, it is left alone.
    type: list
    elements: str
  origin_access_identities:
    description:
      - IDs of the origin access identities that may read the bucket, exactly.
      - An empty list removes the statement. If not set, it is left alone.
    type: list
    elements: str
  list_bucket:
    description:
      - Whether CloudFront may also list the bucket.
      - S3 then answers 404 for an object that does not exist; otherwise it answers 403, since whether there is such an
        object is kept secret from those who may not list.
      - Viewers can not see a listing by this as long as the distribution has a default root object.
    type: bool
    default: false
  sid_prefix:
    description:
      - Beginning of the Sids of the statements, which are V(AllowCloudFrontOAC), V(AllowCloudFrontOACList),
        V(AllowCloudFrontOAI) and V(AllowCloudFrontOAIList) by default.
      - Choose another one where several callers manage statements of one bucket independently.
    type: str
    default: AllowCloudFront
seealso:
  - module: slipway.aws.cloudfront_origin_access_control
  - module: slipway.aws.cloudfront_origin_access_identity
  - module: slipway.aws.s3_bucket_baseline
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Let one distribution read the bucket through its origin access control
  slipway.aws.cloudfront_bucket_policy:
    bucket: shop-frontend-123456789012
    distribution_arns:
      - arn:aws:cloudfront::123456789012:distribution/E2QWRUHAPOMQZL

- name: Let an origin access identity read the bucket, and answer 404 for what does not exist
  slipway.aws.cloudfront_bucket_policy:
    bucket: shop-frontend-123456789012
    origin_access_identities:
      - E2QWRUHAPOMQZM
    list_bucket: true

- name: Take CloudFront's access away
  slipway.aws.cloudfront_bucket_policy:
    bucket: shop-frontend-123456789012
    state: absent
"""

RETURN = r"""
policy:
  description: The whole policy of the bucket, as S3 spells it; empty if there is none.
  returned: always
  type: dict
  sample:
    Version: "2012-10-17"
    Statement:
      - Sid: AllowCloudFrontOAC
        Effect: Allow
        Principal:
          Service: cloudfront.amazonaws.com
        Action: s3:GetObject
        Resource: arn:aws:s3:::shop-frontend-123456789012/*
        Condition:
          StringEquals:
            AWS:SourceArn: arn:aws:cloudfront::123456789012:distribution/E2QWRUHAPOMQZL
"""

import re
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code

from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result
from ansible_collections.slipway.aws.plugins.module_utils._s3.api import AnsibleS3Error
from ansible_collections.slipway.aws.plugins.module_utils._s3.api import get_policy
from ansible_collections.slipway.aws.plugins.module_utils._s3.api import put_policy
from ansible_collections.slipway.aws.plugins.module_utils._s3.compare import bucket_arn
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import cloudfront_statements
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import merge_statements

if TYPE_CHECKING:
    from typing import Any

DISTRIBUTION_ARN = re.compile(r"arn:aws[a-z-]*:cloudfront::\d{12}:distribution/[A-Z0-9]+")
IDENTITY = re.compile(r"[A-Z0-9]+")
SID_PREFIX = re.compile(r"[A-Za-z0-9]+")


def find_problems(params: dict[str, Any]) -> list[str]:
    problems = [
        f"distribution_arns: {arn} is not the ARN of a distribution"
        for arn in params["distribution_arns"] or []
        if not is_unknown(arn) and not DISTRIBUTION_ARN.fullmatch(arn)
    ]
    problems.extend(
        f"origin_access_identities: {identity} is not the ID of an origin access identity"
        for identity in params["origin_access_identities"] or []
        if not is_unknown(identity) and not IDENTITY.fullmatch(identity)
    )
    if not SID_PREFIX.fullmatch(params["sid_prefix"]):
        problems.append("sid_prefix: may have letters and digits only")
    return problems


def read_policy(client: Any, bucket: str, missing_bucket_is_fine: bool) -> dict[str, Any] | None:
    if is_unknown(bucket):
        return None
    try:
        return get_policy(client, bucket)
    except is_ansible_aws_error_code("NoSuchBucket"):
        if missing_bucket_is_fine:
            return None
        raise


def ensure_policy(
    client: Any,
    bucket: str,
    current: dict[str, Any] | None,
    statements: dict[str, dict[str, Any] | None],
    check_mode: bool,
) -> tuple[bool, dict[str, Any] | None]:
    changed, desired = merge_statements(current, statements)
    if changed and not check_mode:
        put_policy(client, bucket, desired)
    return changed, desired


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    problems = find_problems(params)
    if problems:
        raise AnsibleS3Error(message="; ".join(problems))

    client = module.client("s3")
    bucket = params["bucket"]
    absent = params["state"] == "absent"
    statements = cloudfront_statements(
        bucket_arn(client.meta.partition, bucket),
        params["sid_prefix"],
        [] if absent else params["distribution_arns"],
        [] if absent else params["origin_access_identities"],
        params["list_bucket"],
    )
    current = read_policy(client, bucket, missing_bucket_is_fine=absent or module.check_mode)
    changed, after = ensure_policy(client, bucket, current, statements, module.check_mode)
    return module_result("policy", changed, current, after, module._diff)


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "distribution_arns": {"type": "list", "elements": "str"},
            "origin_access_identities": {"type": "list", "elements": "str"},
            "list_bucket": {"type": "bool", "default": False},
            "sid_prefix": {"type": "str", "default": "AllowCloudFront"},
        },
        required_if=[["state", "present", ["distribution_arns", "origin_access_identities"], True]],
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
