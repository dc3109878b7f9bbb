#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_host
version_added: 0.1.0
short_description: Manage one EC2 host with its address, key pair and data volume
description:
  - Manages one EC2 instance that is meant to stay, together with what makes it a host. That is an Elastic IP, a key
    pair, an instance profile, an encrypted root volume, and a data volume of its own that outlives the instance.
  - A host is known by its Name tag, and by the tags Project and Stage if they are in O(tags). Nothing is stored.
  - Every part is compared on its own, and every part is tagged in the call that makes it. So a plan (check mode) works
    on an empty account, and a run that was killed is finished by the next one, without a second instance.
  - The image is chosen when the instance is made. A newer one never replaces an instance by itself.
  - Instances can be read only with a token from their metadata service (IMDSv2), always.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the host. It is the Name tag of the instance and of its Elastic IP. The data volume is named
        C(<name>-data), the root volume C(<name>-root).
    type: str
    required: true
  state:
    description:
      - V(present) and V(running) are the same. The host exists as described and runs.
      - V(stopped) is a host that exists as described and does not run.
      - V(absent) deletes it. What becomes of the data volume is up to O(data_volume_on_delete).
    type: str
    choices: [present, running, stopped, absent]
    default: present
  image_family:
    description:
      - Distribution of which the newest image is taken when the instance is made, for the architecture of
        O(instance_type).
      - A newer image of it is no change. Another family than the instance's, by the name of its image, needs
        O(replace=true).
    type: str
    choices: [debian-12, debian-13, ubuntu-24.04, al2023]
  image_parameter:
    description:
      - SSM parameter that holds the ID of the image to take when the instance is made.
      - C({architecture}) in it stands for the architecture of O(instance_type), V(x86_64) or V(arm64). In the public
        parameters of Debian and Ubuntu, V(amd64) or V(arm64).
    type: str
  image_id:
    description:
      - ID of the image. Unlike the other two options for the image, it is compared on every run, and another one needs
        O(replace=true).
    type: str
  instance_type:
    description:
      - Type of the instance. A new type of the same architecture is set by stopping the instance, which keeps its
        address and its volumes. Another architecture needs O(replace=true).
      - Required to make the instance.
    type: str
  subnet_id:
    description:
      - ID of the subnet. Another one needs O(replace=true).
      - Required to make the instance.
    type: str
  security_group_ids:
    description:
      - IDs of the security groups. If not set, or empty, those that are there are left alone.
    type: list
    elements: str
  key_name:
    description:
      - Name of the key pair that the instance is made with. It is not compared later.
      - O(name) if O(public_key) is set.
    type: str
  public_key:
    description:
      - Public key in OpenSSH's format, imported as the key pair. One with the same name and another key is replaced,
        which has no effect on an instance that is there.
    type: str
  instance_profile:
    description:
      - Name of the instance profile. An empty string removes one that is there; if not set, it is left alone.
    type: str
  elastic_ip:
    description:
      - Whether the host has an Elastic IP. It is kept when the instance is stopped or replaced.
      - V(false) releases one that is there.
    type: bool
    default: true
  root_volume:
    description:
      - The root volume. It is deleted with the instance.
    type: dict
    suboptions:
      size:
        description:
          - Size in GiB. A larger size is set in place; the file system is not touched.
        type: int
      volume_type:
        description:
          - Type of the volume; V(gp3) if not set when it is made.
        type: str
      iops:
        description:
          - Operations per second, where the type allows a choice.
        type: int
      throughput:
        description:
          - Throughput in MiB/s, for V(gp3).
        type: int
      encrypted:
        description:
          - Whether the volume is encrypted. It is unless V(false). It cannot be changed in place.
        type: bool
      kms_key_id:
        description:
          - The KMS key to encrypt with, if not the account's default one. It cannot be changed in place.
        type: str
  data_volume:
    description:
      - A volume for what must not be lost. It is kept, and attached again, when the instance is replaced.
      - If not set, one that is there is left alone.
    type: dict
    suboptions:
      size:
        description:
          - Size in GiB. A larger size is set in place; the file system is not touched.
        type: int
        required: true
      volume_type:
        description:
          - Type of the volume; V(gp3) if not set when it is made.
        type: str
      iops:
        description:
          - Operations per second, where the type allows a choice.
        type: int
      throughput:
        description:
          - Throughput in MiB/s, for V(gp3).
        type: int
      encrypted:
        description:
          - Whether the volume is encrypted. It is unless V(false). It cannot be changed later.
        type: bool
      kms_key_id:
        description:
          - The KMS key to encrypt with, if not the account's default one. It cannot be changed later.
        type: str
      device:
        description:
          - Name of the device to attach it as. Most instance types show another name inside; there the volume is found
            by its ID, below C(/dev/disk/by-id/).
          - V(/dev/sdf) if not set when it is attached; not compared later.
        type: str
      snapshot_id:
        description:
          - A snapshot to fill the volume from when it is made.
        type: str
  metadata_hop_limit:
    description:
      - How many network hops the answers of the metadata service may make; V(2) lets containers with a network of
        their own ask it.
    type: int
    default: 1
  user_data:
    description:
      - User data for the first boot. It is not compared later.
    type: str
  termination_protection:
    description:
      - Whether the instance is protected from being terminated by mistake.
    type: bool
    default: true
  replace:
    description:
      - Whether the instance may be terminated and made anew if what differs cannot be changed in place. All that is on
        its root volume is lost then, and the host is down meanwhile. The data volume and the address are kept.
    type: bool
    default: false
  data_volume_on_delete:
    description:
      - What becomes of the data volume with O(state=absent).
      - V(snapshot) takes a last snapshot, waits for it, and deletes the volume. V(keep) leaves the volume, and the next
        host of this name gets it. V(delete) deletes all data.
    type: str
    choices: [snapshot, keep, delete]
    default: snapshot
  force:
    description:
      - Whether O(state=absent) may terminate an instance that is protected from it.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the host is in the state that was asked for.
      - V(false) begins what can be begun. The address and the data volume of a new instance are then attached by the
        next run that waits, and those of a deleted one are deleted by it.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait for each change of state, in seconds.
    type: int
    default: 600
  tags:
    description:
      - Tags of the instance, its network interface, volumes, address and key pair. The Name tag is added by the module.
      - The tags Project and Stage are part of the host's identity. With other values it is another host.
      - If not set, tags other than Name are left alone.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether to remove tags that are not in O(tags), if that is set.
    type: bool
    default: true
notes:
  - With O(state=absent), the key pair is deleted if it bears the tags that this module gives to one that it imports.
seealso:
  - module: slipway.aws.ec2_host_info
  - module: slipway.aws.vpc_network
  - module: slipway.aws.iam_runtime_role
  - module: amazon.aws.ec2_instance
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Make a host with the newest Debian
  slipway.aws.ec2_host:
    name: shop
    image_family: debian-13
    instance_type: t4g.micro
    subnet_id: subnet-0123456789abcdef0

- name: Make a host that keeps its data when it is replaced
  slipway.aws.ec2_host:
    name: shop
    image_family: debian-13
    instance_type: t4g.small
    subnet_id: "{{ shop_network.network.subnets.a.subnet_id }}"
    security_group_ids:
      - "{{ shop_network.network.security_groups.web }}"
    instance_profile: shop-host
    public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    root_volume:
      size: 12
    data_volume:
      size: 20
    tags:
      Project: shop
      Stage: production
  register: shop

- name: Stop it for the night
  slipway.aws.ec2_host:
    name: shop
    state: stopped

- name: Move it to another architecture
  slipway.aws.ec2_host:
    name: shop
    image_family: debian-13
    instance_type: t3.small
    replace: true

- name: Delete it, and take a last snapshot of the data
  slipway.aws.ec2_host:
    name: shop
    state: absent
    force: true
"""

RETURN = r"""
host:
  description:
    - The host; empty if there is none.
    - In check mode, what AWS would decide is V((known after apply\)).
  returned: always
  type: dict
  contains:
    name:
      description: Name of the host.
      returned: when it exists
      type: str
      sample: shop
    instance_id:
      description: ID of the instance.
      returned: when it exists
      type: str
      sample: i-0123456789abcdef0
    state:
      description: State of the instance.
      returned: when it exists
      type: str
      sample: running
    image_id:
      description: ID of the image that the instance was made from.
      returned: when it exists
      type: str
      sample: ami-0123456789abcdef0
    instance_type:
      description: Type of the instance.
      returned: when it exists
      type: str
      sample: t4g.small
    architecture:
      description: Architecture of the image, V(x86_64) or V(arm64).
      returned: when it exists
      type: str
      sample: arm64
    public_ip:
      description: Public address, the Elastic IP if there is one; not set if there is none.
      returned: when it exists
      type: str
      sample: 203.0.113.25
    public_dns_name:
      description: Public DNS name; not set if there is none.
      returned: when it exists
      type: str
      sample: ec2-203-0-113-25.compute-1.amazonaws.com
    private_ip:
      description: Private address.
      returned: when it exists
      type: str
      sample: 10.20.0.17
    allocation_id:
      description: ID of the Elastic IP; not set if there is none.
      returned: when it exists
      type: str
      sample: eipalloc-0123456789abcdef0
    key_name:
      description: Name of the key pair that the instance was made with; not set if there was none.
      returned: when it exists
      type: str
      sample: shop
    data_volume_id:
      description: ID of the data volume; not set if there is none.
      returned: when it exists
      type: str
      sample: vol-0123456789abcdef0
    data_volume_device:
      description: Name of the device that the data volume is attached as; not set if there is none.
      returned: when it exists
      type: str
      sample: /dev/sdf
    availability_zone:
      description: Availability zone.
      returned: when it exists
      type: str
      sample: us-east-1a
    subnet_id:
      description: ID of the subnet.
      returned: when it exists
      type: str
      sample: subnet-0123456789abcdef0
    security_group_ids:
      description: IDs of the security groups.
      returned: when it exists
      type: list
      elements: str
      sample: [sg-0123456789abcdef0]
    iam_instance_profile:
      description: Name of the instance profile; not set if there is none.
      returned: when it exists
      type: str
      sample: shop-host
    tags:
      description: Tags of the instance.
      returned: when it exists
      type: dict
      sample:
        Name: shop
        Project: shop
    launched:
      description: Whether this run made the instance.
      returned: when it exists
      type: bool
      sample: false
final_snapshot_id:
  description: ID of the last snapshot of the data volume.
  returned: when one was taken
  type: str
  sample: snap-0123456789abcdef0
"""

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.ec2 import AnsibleEC2Error

from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import build_host
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import complete_host
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import deletion_steps
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import host_problems
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import host_steps
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import owns_key_pair
from ansible_collections.slipway.aws.plugins.module_utils._ec2.ensure import HostWriter
from ansible_collections.slipway.aws.plugins.module_utils._ec2.ensure import find_image
from ansible_collections.slipway.aws.plugins.module_utils._ec2.ensure import missing_inputs
from ansible_collections.slipway.aws.plugins.module_utils._ec2.ensure import read_host
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import IMAGE_FAMILIES
from ansible_collections.slipway.aws.plugins.module_utils._ec2.launch import image_problem
from ansible_collections.slipway.aws.plugins.module_utils._ec2.result import host_result
from ansible_collections.slipway.aws.plugins.module_utils._ec2.result import host_view
from ansible_collections.slipway.aws.plugins.module_utils._ec2.result import planned_host
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._settle import read_settled

if TYPE_CHECKING:
    from typing import Any

IMAGE_OPTIONS = ("image_family", "image_parameter", "image_id")


# Seconds in which what the options name must be seen, and what was made.
INPUTS_TIMEOUT = 15
SETTLED_TIMEOUT = 60


def ensure_present(module: AnsibleAWSModule, client: Any, current: dict[str, Any]) -> dict[str, Any]:
    params, inputs = module.params, current["inputs"]
    desired = complete_host(build_host(params, inputs["instance_type"], inputs["subnet"]), current["instance"])
    problems = host_problems(current, desired, params["replace"], any(params[option] for option in IMAGE_OPTIONS))
    problems += missing_inputs(params, inputs)
    if problems:
        raise AnsibleEC2Error(f"Nothing was changed. {'. '.join(problems)}")

    purge_tags = params["purge_tags"] and params["tags"] is not None
    steps = host_steps(current, desired, purge_tags, params["wait"])
    launches = any(step.action == "launch" for step in steps)
    image = choose_image(module, client, desired) if launches else None
    if not steps:
        return {"changed": False, "after": current, "launched": False}
    if module.check_mode:
        groups = {group["GroupId"]: group["GroupName"] for group in inputs["groups"] or []}
        after = planned_host(current, desired, image and image["ImageId"], groups, purge_tags)
    else:
        HostWriter(client, current, desired, image, params["wait_timeout"]).apply(steps)
        after = read_settled(
            lambda: read_host(client, params),
            lambda found: not host_steps(found, desired, purge_tags, params["wait"]),
            # Who does not wait for the host does not wait for AWS to show it, either.
            SETTLED_TIMEOUT if params["wait"] else 0,
        )
    return {"changed": True, "after": after, "launched": launches}


def choose_image(module: AnsibleAWSModule, client: Any, desired: dict[str, Any]) -> dict[str, Any] | None:
    """The image to launch, found before the first write; in check mode None if it cannot be found yet."""
    image = find_image(client, module.client("ssm"), module.params, desired["architectures"])
    if image is None:
        if module.check_mode:
            return None
        named = ", ".join(f"{option} {module.params[option]}" for option in IMAGE_OPTIONS if module.params[option])
        raise AnsibleEC2Error(f"Nothing was changed. {named}: no such image or parameter in this region")
    problem = image_problem(image, desired)
    if problem:
        raise AnsibleEC2Error(f"Nothing was changed. {problem}")
    return image


def ensure_absent(module: AnsibleAWSModule, client: Any, current: dict[str, Any]) -> dict[str, Any]:
    params, instance = module.params, current["instance"]
    if instance and instance["termination_protection"] and not params["force"]:
        raise AnsibleEC2Error(
            f"Nothing was changed. Instance {instance['instance_id']} of host {params['name']} is protected from "
            "termination. Set force: true if it is to be deleted"
        )
    own_key_pair = owns_key_pair(current["key_pair"], params["tags"])
    steps = deletion_steps(current, params["data_volume_on_delete"], own_key_pair, params["wait"])
    nothing = {"instance": None, "address": None, "data_volume": None, "key_pair": None}
    if not steps:
        return {"changed": False, "after": nothing, "launched": False}
    writer = HostWriter(client, current, {}, None, params["wait_timeout"])
    if not module.check_mode:
        writer.apply(steps)
    elif any(step.action == "take_final_snapshot" for step in steps):
        writer.final_snapshot_id = UNKNOWN
    kept = current["data_volume"] if params["data_volume_on_delete"] == "keep" else None
    after = {**nothing, "data_volume": kept}
    return {"changed": True, "after": after, "launched": False, "final_snapshot_id": writer.final_snapshot_id}


def read_with_inputs(client: Any, module: AnsibleAWSModule) -> dict[str, Any]:
    """The host; a subnet or a group that was made by the task before may take a moment to be seen."""
    params = module.params
    patience = 0 if module.check_mode or params["state"] == "absent" else INPUTS_TIMEOUT
    return read_settled(
        lambda: read_host(client, params), lambda found: not missing_inputs(params, found["inputs"]), patience
    )


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    client = module.client("ec2")
    before = read_with_inputs(client, module)
    ensure = ensure_absent if module.params["state"] == "absent" else ensure_present
    outcome = ensure(module, client, before)
    result = {"changed": outcome["changed"], "host": host_result(outcome["after"], outcome["launched"])}
    if outcome.get("final_snapshot_id"):
        result["final_snapshot_id"] = outcome["final_snapshot_id"]
    if module._diff:
        result["diff"] = {"before": host_view(before), "after": host_view(outcome["after"])}
    return result


def build_volume_spec() -> dict[str, Any]:
    return {
        "size": {"type": "int"},
        "volume_type": {"type": "str"},
        "iops": {"type": "int"},
        "throughput": {"type": "int"},
        "encrypted": {"type": "bool"},
        "kms_key_id": {"type": "str"},
    }


def main() -> None:
    data_volume_spec = {
        **build_volume_spec(),
        "size": {"type": "int", "required": True},
        "device": {"type": "str"},
        "snapshot_id": {"type": "str"},
    }
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "running", "stopped", "absent"], "default": "present"},
            "image_family": {"type": "str", "choices": list(IMAGE_FAMILIES)},
            "image_parameter": {"type": "str"},
            "image_id": {"type": "str"},
            "instance_type": {"type": "str"},
            "subnet_id": {"type": "str"},
            "security_group_ids": {"type": "list", "elements": "str"},
            "key_name": {"type": "str"},
            "public_key": {"type": "str", "no_log": False},
            "instance_profile": {"type": "str"},
            "elastic_ip": {"type": "bool", "default": True},
            "root_volume": {"type": "dict", "options": build_volume_spec()},
            "data_volume": {"type": "dict", "options": data_volume_spec},
            "metadata_hop_limit": {"type": "int", "default": 1},
            "user_data": {"type": "str"},
            "termination_protection": {"type": "bool", "default": True},
            "replace": {"type": "bool", "default": False},
            "data_volume_on_delete": {
                "type": "str",
                "choices": ["snapshot", "keep", "delete"],
                "default": "snapshot",
            },
            "force": {"type": "bool", "default": False},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 600},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        mutually_exclusive=[IMAGE_OPTIONS],
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
