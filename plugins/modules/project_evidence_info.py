#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: project_evidence_info
version_added: 0.2.0
short_description: How what a project has on AWS is set up, as far as its safety depends on it
description:
  - Reads a project's host, its security groups and role, its buckets, its distribution with all that belongs to it, its
    log groups, alarms, topics, budgets and health checks, side by side. Nothing is judged.
  - Writes nothing, and returns no secret. Of the headers that an origin gets it returns the names.
  - A part that may not be read has a key C(error) that says why, with the permission to ask for; the others are there.
  - Alarms and topics are looked for in us-east-1 too, where those of billing and of CloudFront are.
options:
  name:
    description: Prefix of the names of what belongs to the project.
    type: str
    required: true
  tags:
    description: Tags that tell the project's host and distribution from those of others with the same names.
    type: dict
    required: true
  host:
    description: Name of the host (tag C(Name)).
    type: str
    required: true
  site:
    description: Name of the distribution (tag C(Name)).
    type: str
    required: true
  bucket:
    description: Bucket of the site's files.
    type: str
    required: true
  manifest_key:
    description: Key of the list of files that M(slipway.aws.static_site_sync) keeps in O(bucket).
    type: str
    default: .slipway/manifest.json
  backup_bucket:
    description: Bucket of the backups. None is read if not set.
    type: str
  log_group_prefix:
    description: What the names of the project's log groups begin with. None are read if not set.
    type: str
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes.info
"""

EXAMPLES = r"""
- name: Read how the project is set up on AWS
  slipway.aws.project_evidence_info:
    name: shop
    tags: {Project: shop, Stage: production}
    host: shop-backend
    site: shop
    bucket: shop-frontend-123456789012
    backup_bucket: shop-backups-123456789012
    log_group_prefix: /aws/ec2/shop
  register: project
"""

RETURN = r"""
evidence:
  description:
    - What was read, by subject. A subject that may not be read is a dict with the key C(error).
  returned: success
  type: dict
  sample:
    identity: {account: "123456789012", arn: "arn:aws:iam::123456789012:user/admin"}
    instances:
      - {id: i-0123456789abcdef0, state: running, http_tokens: required, termination_protection: true}
    ingress:
      - {group_id: sg-1, protocol: tcp, from_port: 22, to_port: 22, kind: cidr, source: 203.0.113.7/32}
    bucket: {versioned: true, encryption: AES256, ownership: BucketOwnerEnforced}
    distributions:
      - {id: E1EXAMPLE, status: Deployed, enabled: true, domain_name: d111111abcdef8.cloudfront.net}
    alarms: [{name: shop-host, region: us-east-1, actions_enabled: true}]
    topics:
      - arn: arn:aws:sns:us-east-1:123456789012:shop-alerts
        subscriptions: [{protocol: email, endpoint: ops@example.com, confirmed: true}]
"""

from datetime import datetime
from datetime import timezone
from functools import partial
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._budgets import api as budgets_api
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import api as cloudfront_api
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch import api as cloudwatch_api
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.metrics import GLOBAL_REGION
from ansible_collections.slipway.aws.plugins.module_utils._ec2 import api as ec2_api
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import GONE
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import identity_filters
from ansible_collections.slipway.aws.plugins.module_utils._health_check.api import list_health_checks
from ansible_collections.slipway.aws.plugins.module_utils._iam import api as iam_api
from ansible_collections.slipway.aws.plugins.module_utils._logs.api import list_log_groups
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import belongs_by_name
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import belongs_by_tags
from ansible_collections.slipway.aws.plugins.module_utils._route53.api import get_tags_of
from ansible_collections.slipway.aws.plugins.module_utils._s3 import api as s3_api
from ansible_collections.slipway.aws.plugins.module_utils._sts.api import get_caller
from ansible_collections.slipway.aws.plugins.module_utils._verify import api
from ansible_collections.slipway.aws.plugins.module_utils._verify import project

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Where the role sqlite_backup puts them.
BACKUPS = "sqlite/"


def capture(read: Callable[[], Any]) -> Any:
    """What read() returns, or why it could not be read: one part that is refused must not hide the others."""
    try:
        return read()
    except AnsibleAWSError as error:
        cause = f": {error.exception}" if error.exception else ""
        return {"error": f"{error.message or error}{cause}"}


def read_identity(client: Any) -> dict[str, str]:
    caller = get_caller(client)
    return {"account": caller["Account"], "arn": caller["Arn"]}


def read_instances(client: Any, host: str, tags: dict[str, str]) -> list[dict[str, Any]]:
    filters = identity_filters(host, tags)
    found = [i for i in ec2_api.list_instances(client, filters) if i["State"]["Name"] not in GONE]
    ids = [instance["InstanceId"] for instance in found]
    if not ids:
        return []
    volumes = ec2_api.list_volumes(client, {"attachment.instance-id": ids})
    addresses = ec2_api.list_addresses(client, {"instance-id": ids})
    return [
        project.describe_instance(
            instance, ec2_api.get_termination_protection(client, instance["InstanceId"]), volumes, addresses
        )
        for instance in found
    ]


def read_host(client: Any, host: str, tags: dict[str, str]) -> dict[str, Any]:
    """The host, and the rules of the groups that it has, wherever those came from."""
    instances = capture(lambda: read_instances(client, host, tags))
    if not isinstance(instances, list):
        return {"instances": instances, "ingress": instances}
    group_ids = sorted({group for instance in instances for group in instance["security_group_ids"]})

    def read_ingress() -> list[dict[str, Any]]:
        groups = ec2_api.list_security_groups(client, group_ids) if group_ids else []
        names = {item["PrefixListId"]: item["PrefixListName"] for item in ec2_api.list_managed_prefix_lists(client)}
        return [rule for group in groups for rule in project.describe_ingress(group, names)]

    return {"instances": instances, "ingress": capture(read_ingress)}


def read_role(client: Any, host: str) -> dict[str, Any]:
    # The role and its profile are called like the host.
    profile = iam_api.get_instance_profile(client, host)
    roles = [role["RoleName"] for role in (profile or {}).get("Roles", [])]
    return {
        "profile": (profile or {}).get("InstanceProfileName"),
        "roles": roles,
        "managed_policies": [p["PolicyName"] for role in roles for p in iam_api.list_attached_policies(client, role)],
        "policies": {
            name: iam_api.get_inline_policy(client, role, name)
            for role in roles
            for name in iam_api.list_inline_policies(client, role)
        },
    }


def read_bucket(client: Any, bucket: str) -> dict[str, Any]:
    if s3_api.get_bucket_region(client, bucket) is None:
        return {"name": bucket, "exists": False}
    found = project.describe_bucket(
        s3_api.get_versioning(client, bucket),
        s3_api.get_encryption(client, bucket),
        s3_api.get_public_access_block(client, bucket),
        s3_api.get_object_ownership(client, bucket),
        s3_api.get_lifecycle_rules(client, bucket),
        s3_api.get_policy(client, bucket),
    )
    return {"name": bucket, "exists": True, **found}


def read_site(client: Any, bucket: str, manifest_key: str) -> dict[str, Any]:
    """What was published, and whether the objects are there."""
    if s3_api.get_bucket_region(client, bucket) is None:
        return {"release": None, "files": 0, "missing": []}
    manifest = api.get_json(client, bucket, manifest_key)
    if manifest is None:
        return {"release": None, "files": 0, "missing": []}
    sizes = {item["Key"]: item["Size"] for item in api.list_objects(client, bucket)}
    page = api.head_object(client, bucket, "index.html") or {}
    return {
        "release": manifest["release_id"],
        "files": len(manifest["files"]),
        "missing": sorted(key for key, file in manifest["files"].items() if sizes.get(key) != file["size"]),
        "unfinished": bool(manifest.get("unfinished")),
        "page_cache_control": page.get("CacheControl"),
    }


def read_newest_backup(client: Any, bucket: str) -> dict[str, Any]:
    if s3_api.get_bucket_region(client, bucket) is None:
        return {"newest": None}
    # The bucket keeps releases, too.
    backups = api.list_objects(client, bucket, BACKUPS)
    return {"newest": project.describe_newest(backups, datetime.now(timezone.utc))}  # noqa: UP017 (not before Python 3.11)


def read_distributions(client: Any, site: str, tags: dict[str, str]) -> list[dict[str, Any]]:
    wanted = {**tags, "Name": site}
    listed = cloudfront_api.list_distributions(client)
    tagged = gather(**{item["Id"]: partial(cloudfront_api.get_tags, client, item["ARN"]) for item in listed})
    mine = [item["Id"] for item in listed if belongs_by_tags(tagged[item["Id"]], wanted)]
    found = [cloudfront_api.get_distribution(client, identifier) for identifier in mine]
    return [describe_with_access(client, item) for item in found if item]


def describe_with_access(client: Any, distribution: dict[str, Any]) -> dict[str, Any]:
    """The distribution, with what its origins' access controls say and which functions are live."""
    found = project.describe_distribution(distribution)
    for origin in found["origins"]:
        if origin["access_control"]:
            control = cloudfront_api.get_origin_access_control(client, origin["access_control"])
            config = control["OriginAccessControl"]["OriginAccessControlConfig"] if control else {}
            origin["signing"] = f"{config.get('SigningBehavior')} {config.get('SigningProtocol')}" if control else None
        if origin["access_identity"]:
            origin["identity_exists"] = bool(
                cloudfront_api.get_origin_access_identity(client, origin["access_identity"])
            )
    names = [arn.rpartition("/")[2] for arn in found["default_behavior"]["functions"].values()]
    found["live_functions"] = [name for name in names if cloudfront_api.describe_function(client, name, "LIVE")]
    return found


def read_log_groups(client: Any, prefix: str) -> list[dict[str, Any]]:
    return [
        {"name": item["logGroupName"], "retention_days": item.get("retentionInDays")}
        for item in list_log_groups(client, prefix)
    ]


def read_alarms(client: Any, region: str, name: str) -> list[dict[str, Any]]:
    found = [item for item in cloudwatch_api.list_alarms(client, name) if belongs_by_name(item["AlarmName"], name)]
    return [project.describe_alarm(item, region) for item in found]


def read_topics(client: Any, name: str) -> list[dict[str, Any]]:
    found = [arn for arn in cloudwatch_api.list_topics(client) if belongs_by_name(arn.rpartition(":")[2], name)]
    subscribed = {arn: cloudwatch_api.list_subscriptions(client, arn) for arn in found}
    return [
        {"arn": arn, "subscriptions": [project.describe_subscription(item) for item in items]}
        for arn, items in subscribed.items()
    ]


def read_budgets(client: Any, sts: Any, name: str) -> list[dict[str, Any]]:
    account = get_caller(sts)["Account"]
    found = [item for item in budgets_api.list_budgets(client, account) if belongs_by_name(item["BudgetName"], name)]
    return [read_budget(client, {"AccountId": account, "BudgetName": item["BudgetName"]}, item) for item in found]


def read_budget(client: Any, of: dict[str, str], budget: dict[str, Any]) -> dict[str, Any]:
    limit = budget.get("BudgetLimit", {})
    return {
        "name": budget["BudgetName"],
        "limit": f"{limit.get('Amount', '?')} {limit.get('Unit', '')}".strip(),
        "notifications": [
            project.describe_notification(item, budgets_api.list_subscribers(client, of, item))
            for item in budgets_api.list_notifications(client, of)
        ],
    }


def read_health_checks(client: Any, tags: dict[str, str]) -> list[dict[str, Any]]:
    listed = list_health_checks(client)
    tagged = get_tags_of(client, "healthcheck", [item["Id"] for item in listed])
    return [project.describe_health_check(item) for item in listed if belongs_by_tags(tagged.get(item["Id"], {}), tags)]


def join_lists(parts: list[Any]) -> Any:
    """The lists of several regions as one, or the first error."""
    errors = [part for part in parts if isinstance(part, dict)]
    return errors[0] if errors else [item for part in parts for item in part]


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    name, tags, host = params["name"], params["tags"], params["host"]
    s3, sts = module.client("s3"), module.client("sts")
    regions = sorted({module.region, GLOBAL_REGION})
    reads: dict[str, Callable[[], Any]] = {
        "identity": partial(read_identity, sts),
        "host": partial(read_host, module.client("ec2"), host, tags),
        "role": partial(read_role, module.client("iam"), host),
        "bucket": partial(read_bucket, s3, params["bucket"]),
        "site": partial(read_site, s3, params["bucket"], params["manifest_key"]),
        "distributions": partial(read_distributions, module.client("cloudfront"), params["site"], tags),
        "budgets": partial(read_budgets, module.client("budgets"), sts, name),
        "health_checks": partial(read_health_checks, module.client("route53"), tags),
    }
    if params["backup_bucket"]:
        reads["backup_bucket"] = partial(read_bucket, s3, params["backup_bucket"])
        reads["backup_objects"] = partial(read_newest_backup, s3, params["backup_bucket"])
    if params["log_group_prefix"]:
        reads["log_groups"] = partial(read_log_groups, module.client("logs"), params["log_group_prefix"])
    for region in regions:
        reads[f"alarms {region}"] = partial(read_alarms, module.client("cloudwatch", region=region), region, name)
        reads[f"topics {region}"] = partial(read_topics, module.client("sns", region=region), name)
    found = gather(**{subject: partial(capture, read) for subject, read in reads.items()})
    evidence = {subject: value for subject, value in found.items() if " " not in subject and subject != "host"}
    evidence |= found["host"]
    for subject in ("alarms", "topics"):
        evidence[subject] = join_lists([found[f"{subject} {region}"] for region in regions])
    return {"changed": False, "evidence": evidence}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "tags": {"type": "dict", "required": True},
            "host": {"type": "str", "required": True},
            "site": {"type": "str", "required": True},
            "bucket": {"type": "str", "required": True},
            "manifest_key": {"type": "str", "default": ".slipway/manifest.json", "no_log": False},
            "backup_bucket": {"type": "str"},
            "log_group_prefix": {"type": "str"},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
