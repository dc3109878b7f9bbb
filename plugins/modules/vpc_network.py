#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vpc_network
version_added: 0.1.0
short_description: Manage a VPC with its subnets, internet gateway, routes and security groups
description:
  - Makes a VPC, its subnets, its way to the internet and its security groups match one description, and takes them
    away again.
  - Everything is read in two batches, compared once, and written in the order in which AWS accepts it. So a plan
    (check mode) works on an empty account, and a run that was killed is finished by the next one.
  - Parts are known by name. The VPC and the internet gateway have the Name tag O(name), a subnet has
    C(<name>-<subnet>), the route table of the public subnets C(<name>-public), and a security group has the group name
    C(<name>-<group>).
  - The default VPC of a region is never used or changed.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the network, by which it is found again.
    type: str
    required: true
  state:
    description:
      - V(present) makes the network as described.
      - V(absent) deletes it with all its parts. It is refused, before anything is deleted, while something else is
        still in the VPC, such as the network interface of an instance; the message names it.
    type: str
    choices: [present, absent]
    default: present
  cidr_block:
    description:
      - IPv4 address range of the VPC. AWS cannot change it later.
      - Required when O(state=present).
    type: str
  subnets:
    description:
      - The subnets of the network. If not set, subnets are left alone.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the subnet within the network.
        type: str
        required: true
      cidr_block:
        description: IPv4 address range of the subnet, within O(cidr_block). AWS cannot change it later.
        type: str
        required: true
      availability_zone:
        description:
          - Availability zone, with its full name or only its letter (V(a) in us-east-1 is us-east-1a).
          - If not set, AWS chooses it when it makes the subnet.
        type: str
      public:
        description:
          - Whether the subnet has a route to the internet gateway. It has none when O(internet_gateway=false).
        type: bool
        default: true
      map_public_ip_on_launch:
        description:
          - Whether every instance that is started in the subnet gets a public address. An Elastic IP does not need it.
        type: bool
        default: false
  purge_subnets:
    description:
      - Whether to delete subnets of this network that are not in O(subnets), if that is set.
    type: bool
    default: false
  internet_gateway:
    description:
      - Whether the network has an internet gateway. V(false) takes one away that is there.
    type: bool
    default: true
  security_groups:
    description:
      - The security groups of the network. If not set, security groups are left alone.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the group within the network.
        type: str
        required: true
      description:
        description:
          - Description of the group, which AWS cannot change later. A difference is told as a warning.
          - If not set, the full name of the group.
        type: str
      ingress:
        description: What may come in. If not set, nothing.
        type: list
        elements: dict
        suboptions: &rule
          description:
            description: What the rule is for.
            type: str
          protocol:
            description: Protocol; V(all) is every protocol and port.
            type: str
            choices: [tcp, udp, icmp, all]
            default: tcp
          port:
            description: The port.
            type: int
          from_port:
            description: First port of a range. For V(icmp) the type; every type if not set.
            type: int
          to_port:
            description: Last port of a range. For V(icmp) the code.
            type: int
          cidr_blocks:
            description: IPv4 and IPv6 address ranges. A bare address is a range of one.
            type: list
            elements: str
          security_groups:
            description: Names of groups of this network, or IDs of other groups.
            type: list
            elements: str
          prefix_lists:
            description:
              - Names of managed prefix lists, such as V(com.amazonaws.global.cloudfront.origin-facing), or their IDs.
            type: list
            elements: str
      egress:
        description:
          - What may go out. If not set, everything; an empty list is nothing.
        type: list
        elements: dict
        suboptions: *rule
  purge_rules:
    description:
      - Whether to remove rules that are not described from the groups in O(security_groups).
    type: bool
    default: true
  purge_security_groups:
    description:
      - Whether to delete security groups of this network that are not in O(security_groups), if that is set.
    type: bool
    default: false
  empty_default_security_group:
    description:
      - Whether to remove all rules from the group that AWS makes with every VPC, so that nothing runs in it unnoticed.
      - V(false) leaves it alone.
    type: bool
    default: true
  rules_per_security_group:
    description:
      - How many rules in each direction a security group may have in this account and region (a quota of AWS).
      - A description that needs more is refused before anything is written. A prefix list counts for its weight; the
        one of CloudFront for 55.
    type: int
    default: 60
  tags:
    description:
      - Tags of the VPC and of every part that can have tags. The Name tag is added by the module.
      - If not set, tags other than Name are left alone.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether to remove tags that are not in O(tags), if that is set.
    type: bool
    default: true
notes:
  - Instances are not part of a network; see M(slipway.aws.ec2_host).
  - AWS counts the quota of rules for IPv4 and IPv6 apart. A reference to a group counts in both.
seealso:
  - module: slipway.aws.ec2_host
  - module: slipway.aws.ec2_managed_prefix_list_info
  - module: amazon.aws.ec2_vpc_net
  - module: amazon.aws.ec2_security_group
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Make a network with one public subnet
  slipway.aws.vpc_network:
    name: shop
    cidr_block: 10.20.0.0/16
    subnets:
      - name: a
        cidr_block: 10.20.0.0/24
        availability_zone: a

- name: Let CloudFront reach the web hosts and only them reach the database
  slipway.aws.vpc_network:
    name: shop
    cidr_block: 10.20.0.0/16
    subnets:
      - name: public-a
        cidr_block: 10.20.0.0/24
        availability_zone: a
      - name: private-a
        cidr_block: 10.20.10.0/24
        availability_zone: a
        public: false
      - name: private-b
        cidr_block: 10.20.11.0/24
        availability_zone: b
        public: false
    security_groups:
      - name: web
        description: Hosts of the web application
        ingress:
          - description: CloudFront
            port: 8000
            prefix_lists:
              - com.amazonaws.global.cloudfront.origin-facing
          - description: Administrators
            port: 22
            cidr_blocks:
              - 203.0.113.7/32
      - name: database
        ingress:
          - description: The application
            port: 5432
            security_groups:
              - web
        egress: []
    tags:
      Project: shop
      Stage: production
  register: shop

- name: Delete the network
  slipway.aws.vpc_network:
    name: shop
    state: absent
"""

RETURN = r"""
network:
  description:
    - The network; empty if there is none.
    - In check mode, what AWS would decide is V((known after apply\)).
  returned: always
  type: dict
  contains:
    name:
      description: Name of the network.
      returned: when it exists
      type: str
      sample: shop
    vpc_id:
      description: ID of the VPC.
      returned: when it exists
      type: str
      sample: vpc-0123456789abcdef0
    cidr_block:
      description: Address range of the VPC.
      returned: when it exists
      type: str
      sample: 10.20.0.0/16
    internet_gateway_id:
      description: ID of the internet gateway; not set if there is none.
      returned: when it exists
      type: str
      sample: igw-0123456789abcdef0
    route_table_id:
      description: ID of the route table of the public subnets; of the VPC's main one if there are no public subnets.
      returned: when it exists
      type: str
      sample: rtb-0123456789abcdef0
    subnets:
      description: The subnets, by their name within the network.
      returned: when it exists
      type: dict
      sample:
        a:
          availability_zone: us-east-1a
          cidr_block: 10.20.0.0/24
          public: true
          subnet_id: subnet-0123456789abcdef0
    security_groups:
      description: IDs of the security groups, by their name within the network.
      returned: when it exists
      type: dict
      sample:
        web: sg-0123456789abcdef0
    tags:
      description: Tags of the VPC.
      returned: when it exists
      type: dict
      sample:
        Name: shop
        Project: shop
"""

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.ec2 import AnsibleEC2Error

from ansible_collections.slipway.aws.plugins.module_utils._ec2.prefix_lists import normalise_prefix_list
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._settle import read_settled
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import build_network
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import deletion_steps
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import known_names
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import network_problems
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import network_result
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import network_steps
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import network_view
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import normalise_network
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import option_problems
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import planned_network
from ansible_collections.slipway.aws.plugins.module_utils._vpc.ensure import NetworkWriter
from ansible_collections.slipway.aws.plugins.module_utils._vpc.ensure import read_network
from ansible_collections.slipway.aws.plugins.module_utils._vpc.ensure import refuse_foreign_contents

if TYPE_CHECKING:
    from typing import Any


def build_rule_spec() -> dict[str, Any]:
    return {
        "type": "list",
        "elements": "dict",
        "options": {
            "description": {"type": "str"},
            "protocol": {"type": "str", "choices": ["tcp", "udp", "icmp", "all"], "default": "tcp"},
            "port": {"type": "int"},
            "from_port": {"type": "int"},
            "to_port": {"type": "int"},
            "cidr_blocks": {"type": "list", "elements": "str"},
            "security_groups": {"type": "list", "elements": "str"},
            "prefix_lists": {"type": "list", "elements": "str"},
        },
        "mutually_exclusive": [("port", "from_port")],
        "required_together": [("from_port", "to_port")],
    }


def current_network(client: Any, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    read = read_network(client, params["name"])
    if not read["vpc"]:
        return read, None
    wanted_subnets = {subnet["name"]: subnet["cidr_block"] for subnet in params["subnets"] or []}
    return read, normalise_network(params["name"], read, wanted_subnets)


def ensure_present(
    client: Any, params: dict[str, Any], read: dict[str, Any], current: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    names = known_names(params["name"], read)
    desired = build_network(params, client.meta.region_name, names)
    prefix_lists = {}
    for prefix_list in map(normalise_prefix_list, read["prefix_lists"]):
        prefix_lists[prefix_list["prefix_list_name"]] = prefix_list
    quota = params["rules_per_security_group"]
    problems = network_problems(desired, current, prefix_lists, quota, params["purge_rules"])
    if problems:
        raise AnsibleEC2Error(f"Nothing was changed. {'. '.join(problems)}")

    purge = {
        "tags": params["purge_tags"] and params["tags"] is not None,
        "rules": params["purge_rules"],
        "subnets": params["purge_subnets"] and params["subnets"] is not None,
        "security_groups": params["purge_security_groups"] and params["security_groups"] is not None,
    }
    steps = network_steps(current, desired, purge, prefix_lists, quota)
    if check_mode or not steps:
        return bool(steps), planned_network(current, desired, purge) if steps else current
    NetworkWriter(client, params["name"], current, names).apply(steps)
    return True, read_settled(
        lambda: current_network(client, params)[1],
        lambda after: not network_steps(after, desired, purge, prefix_lists, quota),
    )


def ensure_absent(
    client: Any, name: str, read: dict[str, Any], current: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, None]:
    if current is None:
        return False, None
    # A plan does not look for what is in the way: the tasks before it would have taken that away.
    if not check_mode:
        refuse_foreign_contents(client, name, read)
        NetworkWriter(client, name, current, known_names(name, read)).apply(deletion_steps(current))
    return True, None


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    client = module.client("ec2")
    if params["state"] == "present":
        problems = list(option_problems(params))
        if problems:
            raise AnsibleEC2Error(f"Nothing was changed. {'. '.join(problems)}")
    read, before = current_network(client, params)
    if params["state"] == "present":
        changed, after = ensure_present(client, params, read, before, module.check_mode)
    else:
        changed, after = ensure_absent(client, params["name"], read, before, module.check_mode)

    for group in params["security_groups"] or []:
        kept = ((after or {}).get("security_groups", {}).get(group["name"]) or {}).get("description")
        if group["description"] and kept and kept != group["description"]:
            module.warn(
                f"security_groups: {group['name']} keeps the description {kept!r}: AWS cannot change it. "
                "Give the group another name if it matters."
            )
    result = {"changed": changed, "network": network_result(params["name"], after)}
    if module._diff:
        result["diff"] = {"before": network_view(before), "after": network_view(after)}
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "cidr_block": {"type": "str"},
            "subnets": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "cidr_block": {"type": "str", "required": True},
                    "availability_zone": {"type": "str"},
                    "public": {"type": "bool", "default": True},
                    "map_public_ip_on_launch": {"type": "bool", "default": False},
                },
            },
            "purge_subnets": {"type": "bool", "default": False},
            "internet_gateway": {"type": "bool", "default": True},
            "security_groups": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "description": {"type": "str"},
                    "ingress": build_rule_spec(),
                    "egress": build_rule_spec(),
                },
            },
            "purge_rules": {"type": "bool", "default": True},
            "purge_security_groups": {"type": "bool", "default": False},
            "empty_default_security_group": {"type": "bool", "default": True},
            "rules_per_security_group": {"type": "int", "default": 60},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        required_if=[("state", "present", ["cidr_block"])],
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
