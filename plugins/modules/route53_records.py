#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: route53_records
version_added: 0.2.0
short_description: Manage DNS records of a Route 53 hosted zone
description:
  - Makes, changes and deletes several records of a hosted zone in one change, which Route 53 makes as a whole or not at
    all (more than one only beyond what AWS takes in a call).
  - Only what differs is written. Records are compared by their meaning; upper and lower case, a dot at the end, the
    order of values, how a text is quoted or divided, and C(\052) for V(*) make no difference.
  - Works in check mode when the zone, or what the records lead to, is not there yet.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  zone:
    description:
      - Name of the hosted zone. One of O(zone) and O(hosted_zone_id) is needed.
      - In check mode, a zone that does not exist is taken for one that something else makes before, with a warning.
    type: str
  hosted_zone_id:
    description:
      - ID of the hosted zone.
    type: str
  private_zone:
    description:
      - Whether O(zone) is a private zone.
    type: bool
    default: false
  vpc_id:
    description:
      - A VPC that the private zone belongs to, if there is more than one of that name.
    type: str
  state:
    description:
      - What is to become of O(records) that do not say it themselves.
    type: str
    choices: [present, absent]
    default: present
  records:
    description:
      - The records.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Full name, within the zone. A dot at the end makes no difference.
        type: str
        required: true
      type:
        description:
          - Type of the record.
        type: str
        choices: [A, AAAA, CAA, CNAME, DS, HTTPS, MX, NAPTR, NS, PTR, SOA, SPF, SRV, SSHFP, SVCB, TLSA, TXT]
        required: true
      state:
        description:
          - V(present) makes the record as described; V(absent) deletes it, whatever it says. O(state) if not set.
        type: str
        choices: [present, absent]
      value:
        description:
          - Its value, if it has one.
        type: str
      values:
        description:
          - Its values. Texts may be given without quotation marks, and of any length.
        type: list
        elements: str
      ttl:
        description:
          - How long resolvers may keep it, in seconds. An alias has that of its target.
        type: int
        default: 300
      alias:
        description:
          - What the record is an alias to, instead of values.
        type: dict
        suboptions:
          dns_name:
            description:
              - Name of the target.
            type: str
            required: true
          hosted_zone_id:
            description:
              - ID of the target's hosted zone, as the target tells it. Not needed for CloudFront.
            type: str
          evaluate_target_health:
            description:
              - Whether to leave the record out of answers while the target is unhealthy. Not possible with CloudFront.
            type: bool
            default: false
      set_identifier:
        description:
          - Tells records of the same name and type apart that have a routing policy.
        type: str
      weight:
        description:
          - Share of the answers, from 0 to 255.
        type: int
      region:
        description:
          - Region that the record is for, to answer with the nearest one.
        type: str
      failover:
        description:
          - Whether the record is the first choice or the replacement.
        type: str
        choices: [PRIMARY, SECONDARY]
      multi_value_answer:
        description:
          - Whether to answer with up to eight healthy records.
        type: bool
      health_check_id:
        description:
          - Health check that decides whether the record is given as an answer.
        type: str
  purge_names:
    description:
      - Names of which nothing but O(records) may be there; other records of exactly these names are deleted. The zone's
        own C(NS) and C(SOA) records never are.
      - Records of other names are never looked at.
    type: list
    elements: str
    default: []
  wait:
    description:
      - Whether to wait until all name servers of Route 53 have what was changed, usually within a minute.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds.
    type: int
    default: 300
seealso:
  - module: slipway.aws.route53_hosted_zone
  - module: slipway.aws.acm_certificate_request
  - module: amazon.aws.route53
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: One address
  slipway.aws.route53_records:
    zone: example.com
    records:
      - name: origin.shop.example.com
        type: A
        value: 203.0.113.7

- name: A domain in front of a distribution, with its mail settings, and nothing else at the name itself
  slipway.aws.route53_records:
    zone: example.com
    records:
      - name: example.com
        type: A
        alias:
          dns_name: d111111abcdef8.cloudfront.net
      - name: example.com
        type: AAAA
        alias:
          dns_name: d111111abcdef8.cloudfront.net
      - name: example.com
        type: MX
        values:
          - 10 mail.example.com
          - 20 mail2.example.com
      - name: example.com
        type: TXT
        value: v=spf1 include:amazonses.com -all
      - name: old.example.com
        type: CNAME
        state: absent
    purge_names:
      - example.com

- name: A name of a private zone
  slipway.aws.route53_records:
    zone: shop.internal
    private_zone: true
    records:
      - name: db.shop.internal
        type: CNAME
        value: "{{ database.endpoint }}"
"""

RETURN = r"""
records:
  description:
    - The records that O(records) and O(purge_names) speak of, as they are now.
    - Each with C(name), C(type), C(ttl) and C(values) or C(alias), and its routing policy.
  returned: always
  type: list
  elements: dict
  sample:
    - name: origin.shop.example.com.
      type: A
      ttl: 300
      values: [203.0.113.7]
changes:
  description: What was changed, each with C(action), C(name) and C(type).
  returned: always
  type: list
  elements: dict
  sample:
    - action: UPSERT
      name: origin.shop.example.com.
      type: A
zone:
  description:
    - The hosted zone; empty if there is none.
    - In check mode, what AWS would decide is V((known after apply\)).
  returned: always
  type: dict
  contains:
    id:
      description: ID.
      returned: when it exists
      type: str
      sample: Z0123456789ABCDEFGHIJ
    name:
      description: Name, with a dot at the end.
      returned: when it exists
      type: str
      sample: example.com.
    private:
      description: Whether it is a private zone.
      returned: when it exists
      type: bool
      sample: false
    name_servers:
      description: Name servers of a public zone, to which its domain is to be delegated.
      returned: when it exists
      type: list
      elements: str
      sample: [ns-1.awsdns-00.com, ns-2.awsdns-00.net, ns-3.awsdns-00.org, ns-4.awsdns-00.co.uk]
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._route53 import api
from ansible_collections.slipway.aws.plugins.module_utils._route53.names import canonical_name
from ansible_collections.slipway.aws.plugins.module_utils._route53.records import apply_changes
from ansible_collections.slipway.aws.plugins.module_utils._route53.records import batches
from ansible_collections.slipway.aws.plugins.module_utils._route53.records import decide_changes
from ansible_collections.slipway.aws.plugins.module_utils._route53.records import describe
from ansible_collections.slipway.aws.plugins.module_utils._route53.records import record_problems
from ansible_collections.slipway.aws.plugins.module_utils._route53.zones import describe_zone
from ansible_collections.slipway.aws.plugins.module_utils._route53.zones import find_zone
from ansible_collections.slipway.aws.plugins.module_utils._route53.zones import planned_zone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def read_zone(client: Any, params: dict[str, Any]) -> dict[str, Any] | None:
    """The zone that is meant, None if there is none of its name."""
    if params["hosted_zone_id"] is None:
        return find_zone(client, params["zone"], params["private_zone"], params["vpc_id"])
    if is_unknown(params["hosted_zone_id"]):
        return planned_zone(params["zone"] or UNKNOWN)
    answer = api.get_zone(client, params["hosted_zone_id"])
    if answer is None:
        raise api.AnsibleRoute53Error(
            message=f"hosted_zone_id: there is no hosted zone {params['hosted_zone_id']} in this account. "
            "Correct the ID, or make the zone first"
        )
    return describe_zone(answer)


def read_records(client: Any, zone_id: str, names: Iterable[str]) -> list[dict[str, Any]]:
    """The record sets of these names."""

    def read(name: str) -> Any:
        return lambda: api.list_records_of(client, zone_id, name)

    found = gather(**{name: read(name) for name in sorted(set(names)) if not is_unknown(name)})
    return [record_set for record_sets in found.values() for record_set in record_sets]


def write(client: Any, zone_id: str, changes: list[dict[str, Any]], wait_timeout: int | None) -> None:
    made = [api.change_records(client, zone_id, batch) for batch in batches(changes)]
    if made and wait_timeout is not None:
        # Changes of a zone reach its name servers in the order in which they are made.
        api.wait_until_in_sync(client, made[-1], wait_timeout)


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    options = [{**record, "state": record["state"] or params["state"]} for record in params["records"]]
    client = module.client("route53")
    zone = read_zone(client, params)
    nothing_wanted = all(option["state"] == "absent" for option in options)
    if zone is None and not nothing_wanted:
        if not module.check_mode:
            raise api.AnsibleRoute53Error(
                message=f"zone: there is no {'private' if params['private_zone'] else 'public'} hosted zone named "
                f"{params['zone']} in this account. Correct the name, or make the zone first"
            )
        module.warn(f"There is no hosted zone {params['zone']} yet. The run fails unless it is made before.")
        zone = planned_zone(params["zone"])
    name = zone["name"] if zone else canonical_name(params["zone"])
    problems = record_problems(options, name)
    if problems:
        raise api.AnsibleRoute53Error(message=f"Nothing was changed. {'. '.join(problems)}")
    if zone is None:
        return build_result(None, [], [], [], module._diff)
    names = [canonical_name(text) for text in [*[option["name"] for option in options], *params["purge_names"]]]
    current = [] if is_unknown(zone["id"]) else read_records(client, zone["id"], names)
    changes = decide_changes(current, options, name, params["purge_names"])
    if changes and not module.check_mode:
        write(client, zone["id"], changes, params["wait_timeout"] if params["wait"] else None)
        after = read_records(client, zone["id"], names)
    else:
        after = apply_changes(current, changes)
    return build_result(zone, current, changes, after, module._diff)


def build_result(
    zone: dict[str, Any] | None,
    current: list[dict[str, Any]],
    changes: list[dict[str, Any]],
    after: list[dict[str, Any]],
    diff: bool,
) -> dict[str, Any]:
    told = {key: zone[key] for key in ("id", "name", "private", "name_servers")} if zone else {}
    result: dict[str, Any] = {
        "changed": bool(changes),
        "zone": told,
        "records": described(after),
        "changes": [
            {
                "action": change["Action"],
                "name": canonical_name(change["ResourceRecordSet"]["Name"]),
                "type": change["ResourceRecordSet"]["Type"],
            }
            for change in changes
        ],
    }
    if diff:
        result["diff"] = {"before": {"records": described(current)}, "after": {"records": described(after)}}
    return result


def described(record_sets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    records = [describe(record_set) for record_set in record_sets]
    return sorted(records, key=lambda record: (record["name"], record["type"], record.get("set_identifier", "")))


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "zone": {"type": "str"},
            "hosted_zone_id": {"type": "str"},
            "private_zone": {"type": "bool", "default": False},
            "vpc_id": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "records": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "mutually_exclusive": [["value", "values", "alias"]],
                "options": {
                    "name": {"type": "str", "required": True},
                    "type": {
                        "type": "str",
                        "required": True,
                        "choices": [
                            "A",
                            "AAAA",
                            "CAA",
                            "CNAME",
                            "DS",
                            "HTTPS",
                            "MX",
                            "NAPTR",
                            "NS",
                            "PTR",
                            "SOA",
                            "SPF",
                            "SRV",
                            "SSHFP",
                            "SVCB",
                            "TLSA",
                            "TXT",
                        ],
                    },
                    "state": {"type": "str", "choices": ["present", "absent"]},
                    "value": {"type": "str"},
                    "values": {"type": "list", "elements": "str"},
                    "ttl": {"type": "int", "default": 300},
                    "alias": {
                        "type": "dict",
                        "options": {
                            "dns_name": {"type": "str", "required": True},
                            "hosted_zone_id": {"type": "str"},
                            "evaluate_target_health": {"type": "bool", "default": False},
                        },
                    },
                    "set_identifier": {"type": "str"},
                    "weight": {"type": "int"},
                    "region": {"type": "str"},
                    "failover": {"type": "str", "choices": ["PRIMARY", "SECONDARY"]},
                    "multi_value_answer": {"type": "bool"},
                    "health_check_id": {"type": "str"},
                },
            },
            "purge_names": {"type": "list", "elements": "str", "default": []},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 300},
        },
        required_one_of=[["zone", "hosted_zone_id"]],
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
