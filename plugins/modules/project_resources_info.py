#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: project_resources_info
version_added: 0.1.0
short_description: All that a project has on AWS, by asking each service
description:
  - Lists the resources that carry a project's tags, and those that AWS cannot tag and that are named after it.
  - Asks EC2 (networks, security groups, instances, volumes, snapshots, addresses, key pairs), S3, CloudFront, IAM,
    Secrets Manager, CloudWatch (alarms, log groups), SNS, Budgets, Certificate Manager and Route 53 (zones, health
    checks) themselves, since the Resource Groups Tagging API also lists what is already gone, and lacks some.
  - Alarms, topics and certificates are looked for in us-east-1 too, where those of CloudFront and of billing are.
  - Instances that are terminated, or about to be, are left out.
author: The slipway.aws developers (@slipway-aws)
options:
  project:
    description: Value of the tag C(Project).
    type: str
    required: true
  stage:
    description: Value of the tag C(Stage).
    type: str
    required: true
  name_prefix:
    description:
      - What cannot be tagged belongs to the project if its name is this, or begins with this and a dash or a slash.
        What is named so, but is tagged as another project's or stage's, does not.
      - O(project) if not set, followed by a dash and O(stage) unless that is V(production).
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes.info
"""

EXAMPLES = r"""
- name: See what a project has
  slipway.aws.project_resources_info:
    project: my-app
    stage: production
  register: found

- name: Check that nothing but its snapshots is left
  ansible.builtin.assert:
    that: found.resources | rejectattr('type', 'equalto', 'snapshot') | length == 0
"""

RETURN = r"""
resources:
  description: The resources, in no particular order. Empty if there are none.
  type: list
  elements: dict
  returned: always
  contains:
    service:
      description: The service that has it.
      type: str
      returned: always
      sample: ec2
    type:
      description: What it is.
      type: str
      returned: always
      sample: instance
    id:
      description: Its id, or its name where the service knows no other.
      type: str
      returned: always
      sample: i-0123456789abcdef0
    name:
      description: Its name; empty if it has none.
      type: str
      returned: always
      sample: my-app-backend
    arn:
      description: Its ARN; empty where the service does not list one.
      type: str
      returned: always
      sample: arn:aws:iam::123456789012:role/my-app-backend
    state:
      description: Its state; empty where there is none. A secret whose deletion is scheduled is V(deletion scheduled).
      type: str
      returned: always
      sample: running
"""

from functools import partial
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._acm import api as acm_api
from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._budgets.api import list_budgets
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import api as cloudfront_api
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch import api as cloudwatch_api
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.metrics import GLOBAL_REGION
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import tags_of
from ansible_collections.slipway.aws.plugins.module_utils._health_check.api import list_health_checks
from ansible_collections.slipway.aws.plugins.module_utils._iam import api as iam_api
from ansible_collections.slipway.aws.plugins.module_utils._logs.api import list_log_groups
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._project import api
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import EC2_KINDS
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import LIVING_INSTANCES
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import Ec2Kind
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import belongs_by_name
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import belongs_by_tags
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import ec2_resource
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import flatten_instances
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import is_others
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import resource
from ansible_collections.slipway.aws.plugins.module_utils._route53.api import get_tags_of
from ansible_collections.slipway.aws.plugins.module_utils._route53.api import list_zones
from ansible_collections.slipway.aws.plugins.module_utils._s3.api import list_buckets
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.api import list_secrets
from ansible_collections.slipway.aws.plugins.module_utils._sts.api import get_caller

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


# Where the collection's roles put the log groups of a project.
LOG_GROUP_PARENTS = ("/aws/ec2/",)


def find_ec2(client: Any, kind: Ec2Kind, tags: dict[str, str]) -> list[dict[str, str]]:
    filters = LIVING_INSTANCES if kind.type == "instance" else {}
    items = flatten_instances(api.list_ec2(client, kind.operation, tags, filters))
    return [ec2_resource(kind, item, tags_of(item)) for item in items]


def find_buckets(client: Any, tags: dict[str, str], prefix: str) -> list[dict[str, str]]:
    # Their names begin as the project's does; asking every bucket of the account for its tags would be a call each.
    names = [name for name in list_buckets(client) if belongs_by_name(name, prefix)]
    tagged = gather(**{name: partial(api.get_bucket_tags, client, name) for name in names})
    return [
        resource("s3", "bucket", name, name=name, arn=f"arn:aws:s3:::{name}")
        for name in names
        if not is_others(tagged[name], tags)
    ]


def find_distributions(client: Any, tags: dict[str, str]) -> list[dict[str, str]]:
    listed = cloudfront_api.list_distributions(client)
    tagged = gather(**{item["Id"]: partial(cloudfront_api.get_tags, client, item["ARN"]) for item in listed})
    return [
        resource("cloudfront", "distribution", item["Id"], name=item["Comment"], arn=item["ARN"], state=item["Status"])
        for item in listed
        if belongs_by_tags(tagged[item["Id"]], tags)
    ]


def find_cloudfront_helpers(client: Any, prefix: str) -> list[dict[str, str]]:
    """Functions and the ways to reach an origin, which CloudFront cannot tag."""
    found = [
        resource("cloudfront", "function", item["Name"], name=item["Name"], arn=item["FunctionMetadata"]["FunctionARN"])
        for item in cloudfront_api.list_functions(client)
    ]
    found += [
        resource("cloudfront", "origin_access_control", item["Id"], name=item["Name"])
        for item in cloudfront_api.list_origin_access_controls(client)
    ]
    found += [
        resource("cloudfront", "origin_access_identity", item["Id"], name=item["Comment"])
        for item in cloudfront_api.list_origin_access_identities(client)
    ]
    return [item for item in found if belongs_by_name(item["name"], prefix)]


def find_iam(client: Any, tags: dict[str, str], prefix: str) -> list[dict[str, str]]:
    found = [
        resource("iam", "role", r["RoleName"], name=r["RoleName"], arn=r["Arn"]) for r in iam_api.list_roles(client)
    ]
    found += [
        resource("iam", "instance_profile", p["InstanceProfileName"], name=p["InstanceProfileName"], arn=p["Arn"])
        for p in iam_api.list_instance_profiles(client)
    ]
    named = [item for item in found if belongs_by_name(item["name"], prefix)]
    # IAM's lists tell no tags.
    get = {"role": iam_api.get_role, "instance_profile": iam_api.get_instance_profile}
    details = gather(**{item["arn"]: partial(get[item["type"]], client, item["name"]) for item in named})
    return [item for item in named if not is_others(tags_of(details[item["arn"]] or {}), tags)]


def find_secrets(client: Any, tags: dict[str, str]) -> list[dict[str, str]]:
    return [
        resource(
            "secretsmanager",
            "secret",
            item["Name"],
            name=item["Name"],
            arn=item["ARN"],
            state="deletion scheduled" if item.get("DeletedDate") else "",
        )
        for item in list_secrets(client)
        if belongs_by_tags(tags_of(item), tags)
    ]


def find_alarms(client: Any, prefix: str) -> list[dict[str, str]]:
    return [
        resource("cloudwatch", "alarm", item["AlarmName"], item["AlarmName"], item["AlarmArn"], item["StateValue"])
        for item in cloudwatch_api.list_alarms(client, prefix)
        if belongs_by_name(item["AlarmName"], prefix)
    ]


def find_topics(client: Any, prefix: str) -> list[dict[str, str]]:
    named = {arn: arn.rpartition(":")[2] for arn in cloudwatch_api.list_topics(client)}
    return [resource("sns", "topic", arn, name, arn) for arn, name in named.items() if belongs_by_name(name, prefix)]


def find_log_groups(client: Any, prefix: str) -> list[dict[str, str]]:
    return [
        resource("logs", "log_group", item["logGroupName"], item["logGroupName"], item["arn"])
        for parent in LOG_GROUP_PARENTS
        for item in list_log_groups(client, f"{parent}{prefix}")
        if belongs_by_name(item["logGroupName"].removeprefix(parent), prefix)
    ]


def find_budgets(client: Any, sts: Any, prefix: str) -> list[dict[str, str]]:
    names = [item["BudgetName"] for item in list_budgets(client, get_caller(sts)["Account"])]
    return [resource("budgets", "budget", name, name) for name in names if belongs_by_name(name, prefix)]


def find_certificates(client: Any, tags: dict[str, str]) -> list[dict[str, str]]:
    listed = acm_api.list_certificates(client)
    tagged = gather(
        **{item["CertificateArn"]: partial(acm_api.get_tags, client, item["CertificateArn"]) for item in listed}
    )
    return [
        resource("acm", "certificate", item["CertificateArn"], item["DomainName"], item["CertificateArn"])
        for item in listed
        if belongs_by_tags(tagged[item["CertificateArn"]], tags)
    ]


def find_route53(client: Any, tags: dict[str, str]) -> list[dict[str, str]]:
    checks = {item["Id"]: "" for item in list_health_checks(client)}
    zones = {item["Id"].rpartition("/")[2]: item["Name"] for item in list_zones(client)}
    found = []
    for kind, aws_kind, named in (("health_check", "healthcheck", checks), ("hosted_zone", "hostedzone", zones)):
        tagged = get_tags_of(client, aws_kind, list(named))
        found += [
            resource("route53", kind, identifier, name=name)
            for identifier, name in named.items()
            if belongs_by_tags(tagged.get(identifier, {}), tags)
        ]
    return found


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    stage = "" if params["stage"] == "production" else f"-{params['stage']}"
    prefix = params["name_prefix"] or f"{params['project']}{stage}"
    tags = {"Project": params["project"], "Stage": params["stage"]}
    ec2, s3, cloudfront, iam, secrets = map(module.client, ["ec2", "s3", "cloudfront", "iam", "secretsmanager"])
    reads: dict[str, Callable[[], list[dict[str, str]]]] = {
        kind.type: partial(find_ec2, ec2, kind, tags) for kind in EC2_KINDS
    }
    reads["bucket"] = partial(find_buckets, s3, tags, prefix)
    reads["distribution"] = partial(find_distributions, cloudfront, tags)
    reads["cloudfront"] = partial(find_cloudfront_helpers, cloudfront, prefix)
    reads["iam"] = partial(find_iam, iam, tags, prefix)
    reads["secret"] = partial(find_secrets, secrets, tags)
    reads["log_group"] = partial(find_log_groups, module.client("logs"), prefix)
    reads["budget"] = partial(find_budgets, module.client("budgets"), module.client("sts"), prefix)
    reads["route53"] = partial(find_route53, module.client("route53"), tags)
    for region in sorted({module.region, GLOBAL_REGION}):
        reads[f"alarm {region}"] = partial(find_alarms, module.client("cloudwatch", region=region), prefix)
        reads[f"topic {region}"] = partial(find_topics, module.client("sns", region=region), prefix)
        reads[f"certificate {region}"] = partial(find_certificates, module.client("acm", region=region), tags)
    return {"changed": False, "resources": [item for found in gather(**reads).values() for item in found]}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "stage": {"type": "str", "required": True},
            "name_prefix": {"type": "str"},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
