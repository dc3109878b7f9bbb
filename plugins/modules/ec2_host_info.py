#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_host_info
version_added: 0.1.0
short_description: Find EC2 hosts by name or tags
description:
  - Returns the hosts that M(slipway.aws.ec2_host) manages, or other instances, each with its address and data volume.
  - Instances that are terminated, or on the way there, are not returned.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  names:
    description:
      - Return hosts with these names (Name tags) only.
    type: list
    elements: str
  tags:
    description:
      - Return hosts with all these tags only.
    type: dict
  filters:
    description:
      - A dictionary of more filters as DescribeInstances takes them, for example V(instance-state-name).
      - See U(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html) for them all.
    type: dict
    default: {}
seealso:
  - module: slipway.aws.ec2_host
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes.info
"""

EXAMPLES = r"""
- name: Find the hosts of a project
  slipway.aws.ec2_host_info:
    tags:
      Project: shop
      Stage: production
  register: shop

- name: Make them known to the rest of the play
  ansible.builtin.add_host:
    name: "{{ item.name }}"
    ansible_host: "{{ item.public_ip }}"
    groups: shop_hosts
  loop: "{{ shop.hosts }}"
  changed_when: false

- name: List all hosts that are stopped
  slipway.aws.ec2_host_info:
    filters:
      instance-state-name: stopped
"""

RETURN = r"""
hosts:
  description: The hosts found, in the order of their names; empty if there is none.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the host; not set if the instance has no Name tag.
      returned: always
      type: str
      sample: shop
    instance_id:
      description: ID of the instance.
      returned: always
      type: str
      sample: i-0123456789abcdef0
    state:
      description: State of the instance.
      returned: always
      type: str
      sample: running
    image_id:
      description: ID of the image that the instance was made from.
      returned: always
      type: str
      sample: ami-0123456789abcdef0
    instance_type:
      description: Type of the instance.
      returned: always
      type: str
      sample: t4g.small
    architecture:
      description: Architecture of the image, V(x86_64) or V(arm64).
      returned: always
      type: str
      sample: arm64
    public_ip:
      description: Public address, the Elastic IP if there is one; not set if there is none.
      returned: always
      type: str
      sample: 203.0.113.25
    public_dns_name:
      description: Public DNS name; not set if there is none.
      returned: always
      type: str
      sample: ec2-203-0-113-25.compute-1.amazonaws.com
    private_ip:
      description: Private address.
      returned: always
      type: str
      sample: 10.20.0.17
    allocation_id:
      description: ID of the Elastic IP; not set if there is none.
      returned: always
      type: str
      sample: eipalloc-0123456789abcdef0
    key_name:
      description: Name of the key pair that the instance was made with; not set if there was none.
      returned: always
      type: str
      sample: shop
    data_volume_id:
      description: ID of the attached volume named as the host's data volume; not set if there is none.
      returned: always
      type: str
      sample: vol-0123456789abcdef0
    data_volume_device:
      description: Name of the device that the data volume is attached as; not set if there is none.
      returned: always
      type: str
      sample: /dev/sdf
    availability_zone:
      description: Availability zone.
      returned: always
      type: str
      sample: us-east-1a
    subnet_id:
      description: ID of the subnet.
      returned: always
      type: str
      sample: subnet-0123456789abcdef0
    security_group_ids:
      description: IDs of the security groups.
      returned: always
      type: list
      elements: str
      sample: [sg-0123456789abcdef0]
    iam_instance_profile:
      description: Name of the instance profile; not set if there is none.
      returned: always
      type: str
      sample: shop-host
    tags:
      description: Tags of the instance.
      returned: always
      type: dict
      sample:
        Name: shop
        Project: shop
    launched:
      description: Always V(false); M(slipway.aws.ec2_host) tells here whether its run made the instance.
      returned: always
      type: bool
      sample: false
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._ec2.api import list_addresses
from ansible_collections.slipway.aws.plugins.module_utils._ec2.api import list_instances
from ansible_collections.slipway.aws.plugins.module_utils._ec2.api import list_volumes
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import gather_hosts
from ansible_collections.slipway.aws.plugins.module_utils._ec2.result import host_result
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module

if TYPE_CHECKING:
    from typing import Any

LIVING_STATES = ["pending", "running", "stopping", "stopped"]


def build_filters(params: dict[str, Any]) -> dict[str, Any]:
    tags = {f"tag:{key}": str(value) for key, value in (params["tags"] or {}).items()}
    names = {"tag:Name": params["names"]} if params["names"] else {}
    more = {key: value if isinstance(value, list) else str(value) for key, value in params["filters"].items()}
    return {"instance-state-name": LIVING_STATES, **tags, **names, **more}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    client = module.client("ec2")
    instances = list_instances(client, build_filters(module.params))
    ids = [instance["InstanceId"] for instance in instances]
    if not ids:
        return {"changed": False, "hosts": []}
    parts = gather(
        addresses=lambda: list_addresses(client, {"instance-id": ids}),
        volumes=lambda: list_volumes(client, {"attachment.instance-id": ids}),
    )
    hosts = [host_result(host) for host in gather_hosts(instances, **parts)]
    return {"changed": False, "hosts": sorted(hosts, key=lambda host: (host["name"] or "", host["instance_id"]))}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "names": {"type": "list", "elements": "str"},
            "tags": {"type": "dict"},
            "filters": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
