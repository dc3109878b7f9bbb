#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_managed_prefix_list_info
version_added: 0.1.0
short_description: Look up managed prefix lists by name, with their weight
description:
  - Returns managed prefix lists, your own and those of AWS (the addresses of CloudFront, for example).
  - A security group names a prefix list by its ID, which differs in every region; this module finds it by name.
  - Also tells the weight of each list, which EC2's API does not. It is the number of rules of a security group's quota
    that a reference to the list counts for.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  names:
    description:
      - Return the lists with these names only.
      - A name that does not exist is left out of the result. It is not an error.
    type: list
    elements: str
  prefix_list_ids:
    description:
      - Return the lists with these IDs only.
      - An ID that does not exist makes the result empty.
    type: list
    elements: str
  filters:
    description:
      - A dictionary of filters as DescribeManagedPrefixLists takes them, for example V(owner-id).
      - See U(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeManagedPrefixLists.html) for them all.
    type: dict
    default: {}
  include_entries:
    description: Also return the address ranges of each list, which takes one more call for each.
    type: bool
    default: false
seealso:
  - module: slipway.aws.vpc_network
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes.info
"""

EXAMPLES = r"""
- name: Find the list of the addresses from which CloudFront reaches origins
  slipway.aws.ec2_managed_prefix_list_info:
    names:
      - com.amazonaws.global.cloudfront.origin-facing
  register: cloudfront

- name: Show what a rule that refers to it costs of the quota
  ansible.builtin.debug:
    msg: "{{ cloudfront.prefix_lists[0].prefix_list_id }} counts for {{ cloudfront.prefix_lists[0].weight }} rules"

- name: List our own prefix lists with their address ranges
  slipway.aws.ec2_managed_prefix_list_info:
    filters:
      owner-id: "123456789012"
    include_entries: true
"""

RETURN = r"""
prefix_lists:
  description: The prefix lists found, in the order of their names; empty if there is none.
  returned: always
  type: list
  elements: dict
  contains:
    prefix_list_id:
      description: ID of the list.
      returned: always
      type: str
      sample: pl-3b927c52
    prefix_list_name:
      description: Name of the list.
      returned: always
      type: str
      sample: com.amazonaws.global.cloudfront.origin-facing
    arn:
      description: ARN of the list.
      returned: always
      type: str
      sample: arn:aws:ec2:us-east-1:aws:prefix-list/pl-3b927c52
    owner_id:
      description: Account that owns the list; V(AWS) for a list of AWS.
      returned: always
      type: str
      sample: AWS
    address_family:
      description: V(IPv4) or V(IPv6).
      returned: always
      type: str
      sample: IPv4
    max_entries:
      description: How many entries the list may have; not set for a list of AWS.
      returned: always
      type: int
      sample: 10
    weight:
      description:
        - How many rules a reference to the list counts for in a security group's quota.
        - For a list of AWS what its documentation says, not set if it says nothing.
        - For other lists the same as RV(prefix_lists[].max_entries).
      returned: always
      type: int
      sample: 55
    state:
      description: State of the list.
      returned: always
      type: str
      sample: create-complete
    version:
      description: Version of the list.
      returned: always
      type: int
      sample: 1
    tags:
      description: Tags of the list.
      returned: always
      type: dict
      sample: {}
    entries:
      description: The address ranges of the list.
      returned: when O(include_entries=true)
      type: list
      elements: dict
      contains:
        cidr:
          description: The address range.
          returned: always
          type: str
          sample: 120.52.22.96/27
        description:
          description: What the owner of the list says about the range.
          returned: always
          type: str
          sample: ""
"""

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.transformation import ansible_dict_to_boto3_filter_list

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._ec2.api import list_managed_prefix_list_entries
from ansible_collections.slipway.aws.plugins.module_utils._ec2.api import list_managed_prefix_lists
from ansible_collections.slipway.aws.plugins.module_utils._ec2.prefix_lists import normalise_prefix_list
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module

if TYPE_CHECKING:
    from typing import Any


def build_query(params: dict[str, Any]) -> dict[str, Any]:
    filters = dict(params["filters"])
    if params["names"]:
        filters["prefix-list-name"] = params["names"]
    query: dict[str, Any] = {"Filters": ansible_dict_to_boto3_filter_list(filters)} if filters else {}
    if params["prefix_list_ids"]:
        query["PrefixListIds"] = params["prefix_list_ids"]
    return query


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    client = module.client("ec2")
    found = list_managed_prefix_lists(client, **build_query(module.params))
    entries: dict[str, Any] = {}
    if module.params["include_entries"]:

        def read(prefix_list_id: str) -> Any:
            return lambda: list_managed_prefix_list_entries(client, prefix_list_id)

        entries = gather(**{item["PrefixListId"]: read(item["PrefixListId"]) for item in found})
    prefix_lists = [normalise_prefix_list(item, entries.get(item["PrefixListId"])) for item in found]
    return {"changed": False, "prefix_lists": sorted(prefix_lists, key=lambda item: item["prefix_list_name"])}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "names": {"type": "list", "elements": "str"},
            "prefix_list_ids": {"type": "list", "elements": "str"},
            "filters": {"type": "dict", "default": {}},
            "include_entries": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
