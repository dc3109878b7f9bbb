# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: finding hosted zones, and how they are told.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._route53 import api
from ansible_collections.slipway.aws.plugins.module_utils._route53.names import canonical_name

if TYPE_CHECKING:
    from typing import Any


def describe_zone(answer: dict[str, Any]) -> dict[str, Any]:
    """From the answer to GetHostedZone or CreateHostedZone."""
    zone = answer["HostedZone"]
    config = zone.get("Config") or {}
    return {
        "id": api.short_id(zone["Id"]),
        "name": canonical_name(zone["Name"]),
        "private": bool(config.get("PrivateZone")),
        "comment": config.get("Comment") or "",
        "caller_reference": zone.get("CallerReference", ""),
        "name_servers": sorted((answer.get("DelegationSet") or {}).get("NameServers") or []),
        "vpc_ids": sorted(vpc["VPCId"] for vpc in answer.get("VPCs") or []),
    }


def planned_zone(name: str, comment: str = "") -> dict[str, Any]:
    """A public zone that does not exist yet."""
    return {
        "id": UNKNOWN,
        "name": canonical_name(name),
        "private": False,
        "comment": comment,
        "caller_reference": UNKNOWN,
        "name_servers": [UNKNOWN],
        "vpc_ids": [],
    }


def find_zones(client: Any, name: str, private: bool) -> list[dict[str, Any]]:
    """The zones of this name that are private, or public, as listed."""
    zones = api.list_zones_by_name(client, canonical_name(name))
    return [zone for zone in zones if bool((zone.get("Config") or {}).get("PrivateZone")) == private]


def find_zone(client: Any, name: str, private: bool, vpc_id: str | None = None) -> dict[str, Any] | None:
    """The one zone of this name; an error if there are several and nothing tells which is meant."""
    answers = [api.get_zone(client, zone["Id"]) for zone in find_zones(client, name, private)]
    zones = [describe_zone(answer) for answer in answers if answer]
    if vpc_id is not None:
        zones = [zone for zone in zones if vpc_id in zone["vpc_ids"]]
    if len(zones) > 1:
        ids = ", ".join(zone["id"] for zone in zones)
        raise api.AnsibleRoute53Error(
            message=f"There are {len(zones)} {'private' if private else 'public'} hosted zones named {name}: {ids}. "
            "Name the one that is meant with hosted_zone_id"
        )
    return zones[0] if zones else None
