#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: s3_bucket_baseline
version_added: 0.1.0
short_description: Manage an S3 bucket with safe settings
description:
  - Makes a private, encrypted, versioned bucket that answers over TLS only, or gives these settings to an existing one.
  - Each setting is compared and changed on its own. A run that was interrupted is finished by the next one.
  - In contrast to M(amazon.aws.s3_bucket) it has a check mode, and it never replaces what others wrote into the bucket
    policy.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the bucket. Names are shared by all AWS accounts, so one that ends in the account ID is unlikely to be
        taken.
    type: str
    required: true
  state:
    description:
      - With V(present), makes the bucket if it is missing and brings its settings in line with the options.
      - With V(absent), deletes the bucket. One that is not empty is deleted only with O(force=true).
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - With O(state=absent), first deletes every object of the bucket, with all its versions. They cannot be brought
        back.
    type: bool
    default: false
  versioning:
    description:
      - Whether S3 keeps earlier versions of overwritten and deleted objects.
      - Combine it with O(lifecycle_rules[].noncurrent_expiration_days), or they are kept (and paid for) for ever.
    type: bool
    default: true
  encryption:
    description:
      - How S3 encrypts objects that come without a wish of their own.
    type: str
    choices: [AES256, "aws:kms", "aws:kms:dsse"]
    default: AES256
  kms_key_id:
    description:
      - ID, alias or ARN of the KMS key for O(encryption=aws:kms). If not set, AWS's own key for S3 is used.
    type: str
  bucket_key_enabled:
    description:
      - With O(encryption=aws:kms), whether S3 asks KMS for a key per bucket rather than per object, which costs much
        less.
    type: bool
    default: true
  public_access_block:
    description:
      - Which ways to make the bucket or its objects public are barred; all of them unless said otherwise.
    type: dict
    default: {}
    suboptions:
      block_public_acls:
        description: Refuse to set ACLs that give public access.
        type: bool
        default: true
      ignore_public_acls:
        description: Ignore ACLs that give public access.
        type: bool
        default: true
      block_public_policy:
        description: Refuse a bucket policy that gives public access.
        type: bool
        default: true
      restrict_public_buckets:
        description: If the policy gives public access, let only this account and AWS services use the bucket.
        type: bool
        default: true
  object_ownership:
    description:
      - Who owns objects that other accounts upload.
      - V(BucketOwnerEnforced) also turns ACLs off. CloudFront's standard logging (legacy) is the one common use that
        needs them.
    type: str
    choices: [BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter]
    default: BucketOwnerEnforced
  require_tls:
    description:
      - Whether requests without TLS are refused, by a statement of the bucket policy with the Sid
        C(DenyInsecureTransport).
      - Other statements of the policy are kept.
    type: bool
    default: true
  lifecycle_rules:
    description:
      - The lifecycle rules of the bucket, exactly; other rules are removed. An empty list removes all.
      - If not set, the rules are left alone.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the rule.
        type: str
        required: true
      prefix:
        description: The rule is for objects whose keys begin with this; for all if it is empty.
        type: str
        default: ""
      enabled:
        description: Whether the rule is in force.
        type: bool
        default: true
      expiration_days:
        description:
          - Objects expire at this age.
          - In a versioned bucket this only adds a delete marker; O(lifecycle_rules[].noncurrent_expiration_days) frees
            the space.
        type: int
      expired_object_delete_marker:
        description:
          - Whether delete markers are removed that have no version left under them.
          - S3 refuses it beside O(lifecycle_rules[].expiration_days); make two rules.
        type: bool
        default: false
      noncurrent_expiration_days:
        description: Versions are deleted this long after they were replaced.
        type: int
      newer_noncurrent_versions:
        description: How many replaced versions are kept in any case. Needs
          O(lifecycle_rules[].noncurrent_expiration_days).
        type: int
      abort_incomplete_multipart_upload_days:
        description: Uploads in parts that were not completed within this time are given up.
        type: int
  cors_rules:
    description:
      - The CORS rules of the bucket, exactly and in this order. An empty list removes all.
      - If not set, the rules are left alone.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the rule.
        type: str
      allowed_origins:
        description: Origins that may make requests, such as V(https://www.example.com).
        type: list
        elements: str
        required: true
      allowed_methods:
        description: HTTP methods that they may use.
        type: list
        elements: str
        choices: [GET, PUT, HEAD, POST, DELETE]
        required: true
      allowed_headers:
        description: Headers that a preflight request may ask for.
        type: list
        elements: str
      expose_headers:
        description: Headers of the response that the browser shows to the application.
        type: list
        elements: str
      max_age_seconds:
        description: How long the browser may remember the answer to a preflight request.
        type: int
notes:
  - The region is part of a bucket for its life. If the bucket exists in another region than the one asked for, the
    module fails.
seealso:
  - module: amazon.aws.s3_bucket
  - module: slipway.aws.cloudfront_bucket_policy
  - module: slipway.aws.static_site_sync
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Make a private bucket
  slipway.aws.s3_bucket_baseline:
    name: shop-frontend-123456789012

- name: Make a bucket for backups that keeps them for 30 days
  slipway.aws.s3_bucket_baseline:
    name: shop-backups-123456789012
    lifecycle_rules:
      - id: expire-backups
        prefix: sqlite/
        expiration_days: 30
        noncurrent_expiration_days: 7
        abort_incomplete_multipart_upload_days: 2
      - id: remove-empty-markers
        expired_object_delete_marker: true
    tags:
      Project: shop
      ManagedBy: slipway.aws

- name: Delete the bucket and all that is in it
  slipway.aws.s3_bucket_baseline:
    name: shop-frontend-123456789012
    state: absent
    force: true
"""

RETURN = r"""
bucket:
  description:
    - The bucket; empty when it is absent.
    - Settings that no option speaks of are not read and not returned.
  returned: always
  type: dict
  contains:
    name:
      description: Name of the bucket.
      returned: when present
      type: str
      sample: shop-frontend-123456789012
    arn:
      description: ARN of the bucket.
      returned: when present
      type: str
      sample: arn:aws:s3:::shop-frontend-123456789012
    region:
      description: Region of the bucket.
      returned: when present
      type: str
      sample: us-east-1
    domain_name:
      description: Name at which S3 answers for the bucket, without the region.
      returned: when present
      type: str
      sample: shop-frontend-123456789012.s3.amazonaws.com
    regional_domain_name:
      description: Name at which S3 answers for the bucket in its region. This is the one to give to CloudFront.
      returned: when present
      type: str
      sample: shop-frontend-123456789012.s3.us-east-1.amazonaws.com
    versioning:
      description: Whether versioning is on.
      returned: when present
      type: bool
      sample: true
    encryption:
      description: The default encryption.
      returned: when present
      type: dict
      contains:
        algorithm:
          description: How objects are encrypted.
          returned: always
          type: str
          sample: AES256
        kms_key_id:
          description: The KMS key, not set for S3's own keys.
          returned: always
          type: str
          sample: null
        bucket_key_enabled:
          description: Whether a key per bucket is used.
          returned: always
          type: bool
          sample: false
    public_access_block:
      description: Which ways to public access are barred.
      returned: when present
      type: dict
      sample: {"block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true,
        "restrict_public_buckets": true}
    object_ownership:
      description: Who owns uploaded objects.
      returned: when present
      type: str
      sample: BucketOwnerEnforced
    require_tls:
      description: Whether requests without TLS are refused.
      returned: when present
      type: bool
      sample: true
    lifecycle_rules:
      description: The lifecycle rules, in the order of their IDs.
      returned: when present and O(lifecycle_rules) is set
      type: list
      elements: dict
      sample:
        - id: expire-backups
          prefix: sqlite/
          enabled: true
          expiration_days: 30
          expired_object_delete_marker: null
          noncurrent_expiration_days: 7
          newer_noncurrent_versions: null
          abort_incomplete_multipart_upload_days: 2
    cors_rules:
      description: The CORS rules.
      returned: when present and O(cors_rules) is set
      type: list
      elements: dict
      sample: []
    tags:
      description: The tags.
      returned: when present and O(tags) is set
      type: dict
      sample: {"Project": "shop"}
"""

from functools import partial
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import changed_keys
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result
from ansible_collections.slipway.aws.plugins.module_utils._s3 import api
from ansible_collections.slipway.aws.plugins.module_utils._s3 import compare
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import TLS_SID
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import has_statement
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import merge_statements
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import tls_statement
from ansible_collections.slipway.aws.plugins.module_utils._s3.waiters import wait_until_bucket_exists
from ansible_collections.slipway.aws.plugins.module_utils._s3.waiters import wait_until_bucket_is_gone

if TYPE_CHECKING:
    from typing import Any


def describe_bucket(client: Any, name: str, region: str) -> dict[str, Any]:
    partition = client.meta.partition
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return {
        "name": name,
        "arn": compare.bucket_arn(partition, name),
        "region": region,
        "domain_name": f"{name}.s3.{suffix}",
        "regional_domain_name": f"{name}.s3.{region}.{suffix}",
    }


def read_answers(client: Any, name: str, params: dict[str, Any]) -> dict[str, Any]:
    """S3's answers, raw. What no option speaks of is not asked for, so that no permission is needed for it either."""
    reads = {
        "versioning": partial(api.get_versioning, client, name),
        "encryption": partial(api.get_encryption, client, name),
        "public_access_block": partial(api.get_public_access_block, client, name),
        "object_ownership": partial(api.get_object_ownership, client, name),
        "policy": partial(api.get_policy, client, name),
        "lifecycle_rules": partial(api.get_lifecycle_rules, client, name),
        "cors_rules": partial(api.get_cors_rules, client, name),
        "tags": partial(api.get_tags, client, name),
    }
    optional = ("lifecycle_rules", "cors_rules", "tags")
    return gather(**{key: read for key, read in reads.items() if key not in optional or params[key] is not None})


def normalise_answers(answers: dict[str, Any], arn: str) -> dict[str, Any]:
    settings = {
        "object_ownership": answers["object_ownership"],
        "public_access_block": compare.normalise_public_access_block(answers["public_access_block"]),
        "encryption": compare.normalise_encryption(answers["encryption"]),
        "versioning": compare.normalise_versioning(answers["versioning"]),
        "require_tls": has_statement(answers["policy"], tls_statement(arn)),
    }
    if "lifecycle_rules" in answers:
        settings["lifecycle_rules"] = compare.normalise_lifecycle_rules(answers["lifecycle_rules"])
    if "cors_rules" in answers:
        settings["cors_rules"] = compare.normalise_cors_rules(answers["cors_rules"])
    if "tags" in answers:
        settings["tags"] = answers["tags"]
    return settings


def write_settings(
    client: Any, name: str, arn: str, desired: dict[str, Any], changes: list[str], answers: dict[str, Any]
) -> None:
    def write_policy(_value: bool) -> None:
        wanted = {TLS_SID: tls_statement(arn) if desired["require_tls"] else None}
        _changed, policy = merge_statements(answers.get("policy"), wanted)
        api.put_policy(client, name, policy)

    # Tags first: by them the bucket is found again. Public access is barred before anything could give it, and the
    # policy comes last.
    writers = {
        "tags": lambda value: api.put_tags(client, name, value),
        "object_ownership": lambda value: api.put_object_ownership(client, name, value),
        "public_access_block": lambda value: api.put_public_access_block(
            client, name, compare.build_public_access_block(value)
        ),
        "encryption": lambda value: api.put_encryption(
            client, name, compare.build_encryption(value, answers.get("encryption") or {})
        ),
        "versioning": lambda value: api.put_versioning(client, name, value),
        "lifecycle_rules": lambda value: api.put_lifecycle_rules(client, name, compare.build_lifecycle_rules(value)),
        "cors_rules": lambda value: api.put_cors_rules(client, name, compare.build_cors_rules(value)),
        "require_tls": write_policy,
    }
    for setting, write in writers.items():
        if setting in changes:
            write(desired[setting])


def ensure_present(
    client: Any, bucket: dict[str, Any], exists: bool, params: dict[str, Any], check_mode: bool
) -> tuple[bool, dict[str, Any] | None, dict[str, Any]]:
    name, arn = bucket["name"], bucket["arn"]
    answers = read_answers(client, name, params) if exists else {}
    current = normalise_answers(answers, arn) if exists else {}
    desired = compare.desired_settings(params, current)
    # What a new bucket is without does not have to be taken from it.
    empty = (
        {}
        if exists
        else {"require_tls": False, "versioning": False, "lifecycle_rules": [], "cors_rules": [], "tags": {}}
    )
    changes = changed_keys({**empty, **current}, desired)
    if not check_mode:
        if not exists:
            api.create_bucket(client, name, bucket["region"], params["object_ownership"])
            wait_until_bucket_exists(client, name)
        write_settings(client, name, arn, desired, changes, answers)
    before = {**bucket, **current} if exists else None
    return bool(changes) or not exists, before, {**bucket, **current, **desired}


def ensure_absent(client: Any, bucket: dict[str, Any], exists: bool, force: bool, check_mode: bool) -> bool:
    name = bucket["name"]
    if not exists:
        return False
    if not force and api.list_object_versions(client, name, limit=1):
        raise api.AnsibleS3Error(
            message=f"Bucket {name} is not empty (versions of deleted objects count too), so it is not deleted. "
            "Set force: true to delete all that is in it, for good"
        )
    if check_mode:
        return True
    while force:
        objects = api.list_object_versions(client, name)
        if not objects:
            break
        api.delete_objects(client, name, objects)
    api.delete_bucket(client, name)
    wait_until_bucket_is_gone(client, name)
    return True


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    name = params["name"]
    problems = compare.find_problems(params)
    if problems:
        raise api.AnsibleS3Error(message="; ".join(problems))

    client = module.client("s3")
    wanted_region = module.region or "us-east-1"
    region = None if is_unknown(name) else api.get_bucket_region(client, name)
    if region and region != wanted_region:
        raise api.AnsibleS3Error(
            message=f"Bucket {name} exists in {region}, and {wanted_region} was asked for. "
            f"A bucket cannot be moved: set region to {region}, or choose another name"
        )
    bucket = describe_bucket(client, name, wanted_region)
    exists = region is not None
    if params["state"] == "absent":
        changed = ensure_absent(client, bucket, exists, params["force"], module.check_mode)
        return module_result("bucket", changed, bucket if exists else None, None, module._diff)
    changed, before, after = ensure_present(client, bucket, exists, params, module.check_mode)
    return module_result("bucket", changed, before, after, module._diff)


def main() -> None:
    flag = {"type": "bool", "default": True}
    strings = {"type": "list", "elements": "str"}
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "force": {"type": "bool", "default": False},
            "versioning": flag,
            "encryption": {"type": "str", "choices": ["AES256", "aws:kms", "aws:kms:dsse"], "default": "AES256"},
            "kms_key_id": {"type": "str"},
            "bucket_key_enabled": flag,
            "public_access_block": {
                "type": "dict",
                "default": {},
                "options": dict.fromkeys(compare.PUBLIC_ACCESS_BLOCK, flag),
            },
            "object_ownership": {
                "type": "str",
                "choices": ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"],
                "default": "BucketOwnerEnforced",
            },
            "require_tls": flag,
            "lifecycle_rules": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "id": {"type": "str", "required": True},
                    "prefix": {"type": "str", "default": ""},
                    "enabled": flag,
                    "expiration_days": {"type": "int"},
                    "expired_object_delete_marker": {"type": "bool", "default": False},
                    "noncurrent_expiration_days": {"type": "int"},
                    "newer_noncurrent_versions": {"type": "int"},
                    "abort_incomplete_multipart_upload_days": {"type": "int"},
                },
            },
            "cors_rules": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "id": {"type": "str"},
                    "allowed_origins": {**strings, "required": True},
                    "allowed_methods": {
                        **strings,
                        "choices": ["GET", "PUT", "HEAD", "POST", "DELETE"],
                        "required": True,
                    },
                    "allowed_headers": strings,
                    "expose_headers": strings,
                    "max_age_seconds": {"type": "int"},
                },
            },
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
