#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: route53_hosted_zone
version_added: 0.2.0
short_description: Manage a public hosted zone of Route 53
description:
  - Makes a public hosted zone if there is none of its name, and tells the name servers to which its domain is to be
    delegated (a person does that where the domain is registered, or in the zone of the domain above).
  - One request makes one zone, also when a run was interrupted. A zone that this module made is known by its caller
    reference.
  - A zone that somebody else made is told, and otherwise left alone, unless O(adopt=true).
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the zone.
    type: str
    required: true
  state:
    description:
      - V(absent) deletes the zone. With records other than its own C(NS) and C(SOA) and those of O(disposable_names) it
        is only deleted with O(force=true).
      - A zone that is made again has other name servers, and its domain must be delegated anew.
    type: str
    choices: [present, absent]
    default: present
  comment:
    description:
      - Comment of the zone. Left alone if not set.
    type: str
  adopt:
    description:
      - Whether to manage a zone of that name that this module did not make, to the point of deleting it.
    type: bool
    default: false
  force:
    description:
      - Whether to delete the zone with all of its records.
    type: bool
    default: false
  disposable_names:
    description:
      - Names whose records are deleted with the zone. In a plan, they may be those that a task before this one is going
        to delete.
    type: list
    elements: str
    default: []
  tags:
    description:
      - Tags of the zone. If not set, tags are left alone.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether to remove tags that are not in O(tags), if that is set.
    type: bool
    default: true
notes:
  - For private zones there is M(amazon.aws.route53_zone), which makes a second zone if it is interrupted and repeated.
seealso:
  - module: slipway.aws.route53_records
  - module: amazon.aws.route53_zone
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Make a zone
  slipway.aws.route53_hosted_zone:
    name: example.com
  register: example

- name: Say what to do at the registrar
  ansible.builtin.debug:
    msg: "Name servers of example.com: {{ example.zone.name_servers | join(', ') }}"

- name: Delete a zone with all that is in it
  slipway.aws.route53_hosted_zone:
    name: example.com
    state: absent
    force: true
"""

RETURN = r"""
created:
  description:
    - Whether this run made the zone, or would make it. Its domain cannot be delegated to it yet.
  returned: always
  type: bool
  sample: true
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
    comment:
      description: Comment.
      returned: when it exists
      type: str
      sample: ""
    name_servers:
      description: Name servers to which the domain is to be delegated.
      returned: when it exists
      type: list
      elements: str
      sample: [ns-1.awsdns-00.com, ns-2.awsdns-00.net, ns-3.awsdns-00.org, ns-4.awsdns-00.co.uk]
    managed:
      description: Whether this module made the zone.
      returned: when it exists
      type: bool
      sample: true
    tags:
      description: Tags.
      returned: when it exists
      type: dict
      sample: {}
"""

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result
from ansible_collections.slipway.aws.plugins.module_utils._route53 import api
from ansible_collections.slipway.aws.plugins.module_utils._route53.names import canonical_name
from ansible_collections.slipway.aws.plugins.module_utils._route53.zones import describe_zone
from ansible_collections.slipway.aws.plugins.module_utils._route53.zones import find_zone
from ansible_collections.slipway.aws.plugins.module_utils._route53.zones import find_zones
from ansible_collections.slipway.aws.plugins.module_utils._route53.zones import planned_zone

if TYPE_CHECKING:
    from typing import Any

# A zone's caller reference can be used once. After so many makings and deletings of one zone somebody may look.
MAX_REFERENCES = 100


def caller_references(name: str) -> list[str]:
    """Those that this module makes the zone with, in the order in which they are used."""
    return [f"slipway.aws {name} {number}" for number in range(1, MAX_REFERENCES + 1)]


def is_managed(zone: dict[str, Any]) -> bool:
    return zone["caller_reference"].startswith(f"slipway.aws {zone['name']} ")


def create(client: Any, name: str, comment: str) -> dict[str, Any]:
    for reference in caller_references(name):
        answer = api.create_zone(client, name, reference, comment)
        if answer:
            return describe_zone(answer)
        # Used before: by a run that was killed after it, or for a zone that has been deleted since.
        for zone in find_zones(client, name, private=False):
            if zone["CallerReference"] == reference:
                return describe_zone(api.get_zone(client, zone["Id"]) or {"HostedZone": zone})
    raise api.AnsibleRoute53Error(
        message=f"The zone {name} was made and deleted {MAX_REFERENCES} times. Make it once by hand, and set adopt"
    )


def ensure_present(
    client: Any, params: dict[str, Any], current: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    name, comment = canonical_name(params["name"]), params["comment"]
    changed = current is None
    if current is None:
        current = (
            planned_zone(name, comment or "") | {"tags": {}, "managed": True}
            if check_mode
            else read(client, create(client, name, comment or ""))
        )
    if not (current["managed"] or params["adopt"]):
        return False, current
    after = dict(current)
    if comment not in (None, current["comment"]):
        changed = True
        after["comment"] = comment
        if not check_mode:
            api.update_comment(client, current["id"], comment)
    if params["tags"] is not None:
        to_set, to_remove = compare_aws_tags(current["tags"], params["tags"], params["purge_tags"])
        changed = changed or bool(to_set or to_remove)
        kept = {key: value for key, value in current["tags"].items() if key not in to_remove}
        after["tags"] = {**kept, **to_set}
        if not check_mode:
            api.change_tags(client, current["id"], to_set, to_remove)
    return changed, after


def ensure_absent(
    client: Any, params: dict[str, Any], current: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, dict[str, Any] | None]:
    if current is None or not (current["managed"] or params["adopt"]):
        return False, current
    others = [
        record
        for record in api.list_records(client, current["id"])
        if not (canonical_name(record["Name"]) == current["name"] and record["Type"] in ("NS", "SOA"))
    ]
    disposable = {canonical_name(name) for name in params["disposable_names"]}
    kept = [record for record in others if canonical_name(record["Name"]) not in disposable]
    if kept and not params["force"]:
        names = ", ".join(sorted({f"{canonical_name(record['Name'])} {record['Type']}" for record in kept}))
        raise api.AnsibleRoute53Error(
            message=f"The zone {current['name']} still has records: {names}. Nothing was changed. Delete them first, "
            "or set force to delete the zone with them"
        )
    if not check_mode:
        # Far below what one call takes.
        for start in range(0, len(others), 100):
            deletions = [{"Action": "DELETE", "ResourceRecordSet": record} for record in others[start : start + 100]]
            api.change_records(client, current["id"], deletions)
        api.delete_zone(client, current["id"])
    return True, None


def read(client: Any, zone: dict[str, Any]) -> dict[str, Any]:
    return {**zone, "managed": is_managed(zone), "tags": api.get_tags(client, zone["id"])}


def told(zone: dict[str, Any] | None) -> dict[str, Any] | None:
    return zone and {key: zone[key] for key in ("id", "name", "comment", "name_servers", "managed", "tags")}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    client = module.client("route53")
    zone = find_zone(client, params["name"], private=False)
    before = zone and read(client, zone)
    ensure = ensure_present if params["state"] == "present" else ensure_absent
    changed, after = ensure(client, params, before, module.check_mode)
    if before and not (before["managed"] or params["adopt"]) and params["state"] == "absent":
        module.warn(f"The zone {before['name']} was not made by this module, and is left. Set adopt to delete it.")
    result = module_result("zone", changed, told(before), told(after), module._diff)
    return {**result, "created": before is None and after is not None}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "comment": {"type": "str"},
            "adopt": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
            "disposable_names": {"type": "list", "elements": "str", "default": []},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
