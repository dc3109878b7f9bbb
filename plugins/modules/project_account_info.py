#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: project_account_info
version_added: 0.2.0
short_description: What of an account stands in the way of a project
description:
  - Asks an account, before anything is made there, who is calling, what room its quotas leave, and whether the names
    that a project is going to use are free.
  - Asks only; what the answers mean, P(slipway.aws.account_problems#filter) says.
  - An answer that the caller may not have is left out, with a warning that names the permission. Only who is calling
    must be answered.
  - Whether an alias is used by a distribution of another account, nobody can ask before there is a distribution with a
    certificate for it; CloudFront refuses it then.
author: The slipway.aws developers (@slipway-aws)
options:
  tags:
    description: The tags C(Project) and C(Stage) that tell the project's own resources.
    type: dict
    default: {}
  regional:
    description: Whether to ask about the region at all, or only about what the account has once for all regions.
    type: bool
    default: true
  network_name:
    description: Name of the project's VPC.
    type: str
  host_name:
    description: Name of the project's instance and its role. Its data volume is called so with C(-data) at the end.
    type: str
  instance_type:
    description: Type of the instance.
    type: str
  image_family:
    description: Family of the instance's image, as M(slipway.aws.ec2_host) takes it.
    type: str
  bucket_names:
    description: Names of the buckets that the project is going to have.
    type: list
    elements: str
    default: []
  aliases:
    description: Names that the project's distribution is going to answer to.
    type: list
    elements: str
    default: []
  hosted_zone:
    description: Name of the public hosted zone of Route 53 that the project's names are in.
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes.info
"""

EXAMPLES = r"""
- name: Find out who is calling
  slipway.aws.project_account_info:
    regional: false
  register: caller

- name: Ask for all that a project needs
  slipway.aws.project_account_info:
    region: eu-central-1
    tags: {Project: my-app, Stage: production}
    network_name: my-app
    host_name: my-app-backend
    instance_type: t4g.small
    image_family: debian-13
    bucket_names: [my-app-frontend-123456789012]
  register: answer
"""

RETURN = r"""
account:
  description: What the account says.
  type: dict
  returned: always
  contains:
    account_id:
      description: The account that the credentials belong to.
      type: str
      returned: always
      sample: "123456789012"
    arn:
      description: Who is calling.
      type: str
      returned: always
      sample: arn:aws:iam::123456789012:user/deploy
    region_status:
      description:
        - V(opt-in-not-required), V(opted-in) or V(not-opted-in). Nothing else of the region is asked for the last.
      type: str
      returned: if it could be read
      sample: opt-in-not-required
    availability_zones:
      description: The region's zones for this account.
      type: list
      elements: str
      returned: if they could be read
      sample: [us-east-1a, us-east-1b]
    instance_type:
      description:
        - Whether O(instance_type) exists there (C(exists)), its C(architectures), and the C(zones) that have it.
      type: dict
      returned: if it was asked for and could be read
      sample: {exists: true, architectures: [x86_64], zones: [us-east-1a]}
    image_exists:
      description: Whether O(image_family) has an image for the architecture of O(instance_type).
      type: bool
      returned: if both were asked for and could be read
    buckets:
      description:
        - For each of O(bucket_names), its C(owner) (V(self\), V(other\), or empty if the name is free), C(region) and
          C(tags).
      type: dict
      returned: always
    distributions:
      description: Distributions of the account that answer to one of O(aliases), with C(id), C(aliases) and C(tags).
      type: list
      elements: dict
      returned: if aliases were asked for and distributions could be listed
    data_volumes:
      description: The host's data volumes that are there already, with C(volume_id) and C(size) in GiB.
      type: list
      elements: dict
      returned: if O(host_name) is set and they could be read
    namesakes:
      description: The tags of each VPC called O(network_name) and of the role called O(host_name).
      type: list
      elements: dict
      returned: always
    quotas:
      description:
        - How many VPCs (C(vpcs)), Elastic IP addresses (C(elastic_ips)) and rules of a security group
          (C(rules_per_security_group)) the account may have in the region. One that could not be read is V(none).
      type: dict
      returned: if O(regional=true)
      sample: {vpcs: 5, elastic_ips: 5, rules_per_security_group: 60}
    used:
      description: How many C(vpcs) and C(elastic_ips) there are.
      type: dict
      returned: if O(regional=true)
      sample: {vpcs: 1, elastic_ips: 0}
    has_network:
      description: Whether the project's VPC is there already.
      type: bool
      returned: if O(regional=true)
    has_hosted_zone:
      description: Whether the account has a public hosted zone O(hosted_zone).
      type: bool
      returned: if O(hosted_zone) is set
    has_address:
      description: Whether the host's Elastic IP address is there already.
      type: bool
      returned: if O(regional=true)
"""

from functools import partial
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

from ansible_collections.slipway.aws.plugins.module_utils._account import api
from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import api as cloudfront_api
from ansible_collections.slipway.aws.plugins.module_utils._ec2 import api as ec2_api
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import IMAGE_FAMILIES
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import choose_architecture
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import image_parameter_name
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import data_volume_name
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import tags_of
from ansible_collections.slipway.aws.plugins.module_utils._iam.api import get_role
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._route53.api import list_zones_by_name
from ansible_collections.slipway.aws.plugins.module_utils._route53.names import canonical_name
from ansible_collections.slipway.aws.plugins.module_utils._sts.api import get_caller

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# What is asked in one place for all regions, also while the project's own is not enabled.
HOME_REGION = "us-east-1"
# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
VPC_QUOTAS = {"vpcs": "L-F678F1CE", "rules_per_security_group": "L-0EA8095F"}

# Stands for an answer that the caller may not have.
NO_ANSWER = object()


def ask(module: AnsibleAWSModule, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except AnsibleAWSError as error:
        module.warn(f"{error}. This was not checked.")
        return NO_ANSWER


def is_own(tags: dict[str, str], mine: dict[str, str]) -> bool:
    return bool(mine) and all(tags.get(key) == value for key, value in mine.items())


def read_instance_type(ec2: Any, ssm: Any, instance_type: str, family: str | None) -> dict[str, Any]:
    """What there is of the type, and whether the family has an image for it (None: that was not to be asked)."""
    found = api.get_instance_type(ec2, instance_type)
    architectures = (found or {}).get("ProcessorInfo", {}).get("SupportedArchitectures") or []
    zones = api.list_offering_zones(ec2, instance_type) if found else []
    architecture = choose_architecture(architectures)
    image = None
    if architecture and family in IMAGE_FAMILIES:
        image = ec2_api.get_parameter(ssm, image_parameter_name(IMAGE_FAMILIES[family], architecture)) is not None
    type_ = {"exists": bool(found), "architectures": architectures, "zones": zones}
    return {"instance_type": type_, "image_exists": image}


def read_role_tags(iam: Any, name: str) -> dict[str, str] | None:
    role = get_role(iam, name)
    return tags_of(role) if role else None


def read_addresses(ec2: Any) -> list[dict[str, str]]:
    return [tags_of(item) for item in ec2_api.list_addresses(ec2, {})]


def read_volumes(ec2: Any, tags: dict[str, str]) -> list[dict[str, Any]]:
    found = ec2_api.list_volumes(ec2, {f"tag:{key}": value for key, value in tags.items()})
    return [{"volume_id": item["VolumeId"], "size": item["Size"]} for item in found]


def read_public_zones(route53: Any, name: str) -> list[str]:
    found = list_zones_by_name(route53, canonical_name(name))
    return [zone["Id"] for zone in found if not zone.get("Config", {}).get("PrivateZone")]


def read_conflicts(cloudfront: Any, aliases: list[str]) -> list[dict[str, Any]]:
    distributions = cloudfront_api.list_distributions(cloudfront)
    listed = [(item, (item.get("Aliases") or {}).get("Items") or []) for item in distributions]
    return [
        {"id": item["Id"], "aliases": names, "tags": cloudfront_api.get_tags(cloudfront, item["ARN"])}
        for item, names in listed
        if set(names) & set(aliases)
    ]


def build_reads(module: AnsibleAWSModule, home: Any) -> dict[str, Callable[[], Any]]:
    """The reads that the module's options ask for, by name; clients are made here, since threads share them.

    home: EC2's client for HOME_REGION.
    """
    params = module.params
    reads: dict[str, Callable[[], Any]] = {}
    if params["bucket_names"]:
        s3 = module.client("s3")
        reads.update({f"bucket {name}": partial(api.find_bucket, s3, name) for name in params["bucket_names"]})
    if params["aliases"]:
        reads["distributions"] = partial(read_conflicts, module.client("cloudfront"), params["aliases"])
    if params["hosted_zone"]:
        reads["hosted_zones"] = partial(read_public_zones, module.client("route53"), params["hosted_zone"])
    if params["host_name"]:
        reads["role"] = partial(read_role_tags, module.client("iam"), params["host_name"])
    if not params["regional"]:
        return reads
    ec2 = home if module.region == HOME_REGION else module.client("ec2")
    quotas = module.client("service-quotas")
    reads["availability_zones"] = partial(api.list_zones, ec2)
    reads["vpcs"] = partial(api.list_vpcs, ec2)
    reads["addresses"] = partial(read_addresses, ec2)
    reads["quota elastic_ips"] = partial(api.get_address_quota, ec2)
    for name, code in VPC_QUOTAS.items():
        reads[f"quota {name}"] = partial(api.get_quota, quotas, "vpc", code)
    if params["host_name"]:
        volume = {"Name": data_volume_name(params["host_name"]), **params["tags"]}
        reads["data_volumes"] = partial(read_volumes, ec2, volume)
    if params["instance_type"]:
        wanted = (params["instance_type"], params["image_family"])
        reads["instance_type"] = partial(read_instance_type, ec2, module.client("ssm"), *wanted)
    return reads


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params, region = module.params, module.region
    first: dict[str, Callable[[], Any]] = {"caller": partial(get_caller, module.client("sts", region=HOME_REGION))}
    home = None
    if params["regional"]:
        home = module.client("ec2", region=HOME_REGION)
        first["region_status"] = partial(ask, module, partial(api.get_region_status, home, region))
    begun = gather(**first)
    account: dict[str, Any] = {"account_id": begun["caller"]["Account"], "arn": begun["caller"]["Arn"]}
    if begun.get("region_status", NO_ANSWER) is not NO_ANSWER:
        account["region_status"] = begun["region_status"]
    if account.get("region_status") == "not-opted-in":
        return {"changed": False, "account": {**account, "buckets": {}, "namesakes": []}}
    # A client of EC2 takes a good part of a second to make, so the one there is serves its own region.
    answers = gather(**{name: partial(ask, module, read) for name, read in build_reads(module, home).items()})
    known = {name: value for name, value in answers.items() if value is not NO_ANSWER}
    account.update(build_account(known, params))
    return {"changed": False, "account": account}


def build_account(known: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The answers as they are returned."""
    known = {**known, **known.get("instance_type", {})}
    plain = ("availability_zones", "distributions", "data_volumes", "instance_type", "image_exists")
    account = {name: known[name] for name in plain if known.get(name) is not None}
    account["buckets"] = {name.partition(" ")[2]: value for name, value in known.items() if name.startswith("bucket ")}
    vpcs, addresses = known.get("vpcs", []), known.get("addresses", [])
    account["namesakes"] = [
        tags for tags in vpcs if params["network_name"] and tags.get("Name") == params["network_name"]
    ]
    account["namesakes"] += [known["role"]] if known.get("role") is not None else []
    if "hosted_zones" in known:
        account["has_hosted_zone"] = bool(known["hosted_zones"])
    if params["regional"]:
        account["quotas"] = {name: known.get(f"quota {name}") for name in (*VPC_QUOTAS, "elastic_ips")}
        account["used"] = {"vpcs": len(vpcs), "elastic_ips": len(addresses)}
        account["has_network"] = any(is_own(tags, params["tags"]) for tags in vpcs)
        account["has_address"] = any(is_own(tags, params["tags"]) for tags in addresses)
    return account


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "tags": {"type": "dict", "default": {}},
            "regional": {"type": "bool", "default": True},
            "network_name": {"type": "str"},
            "host_name": {"type": "str"},
            "instance_type": {"type": "str"},
            "image_family": {"type": "str"},
            "bucket_names": {"type": "list", "elements": "str", "default": []},
            "aliases": {"type": "list", "elements": "str", "default": []},
            "hosted_zone": {"type": "str"},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
