# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Route 53: records are kept and refused as there, changes take their time to reach the name servers, each zone has name
# servers of its own, a caller reference makes one zone.

from __future__ import annotations

import itertools
import secrets
import zlib
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.route53.exceptions import Route53ClientError
from moto.route53.models import DelegationSet
from moto.route53.models import FakeZone
from moto.route53.models import RecordSet
from moto.route53.models import Route53Backend
from moto.route53.models import route53_backends
from moto.route53.responses import Route53

from slipway_lab import zones
from slipway_lab.aws.patching import wraps
from slipway_lab.public_dns import Zone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from slipway_lab.context import Lab

_ALIAS_AND_ROUTING = {
    "AliasTarget": "alias_target",
    "SetIdentifier": "set_identifier",
    "Weight": "weight",
    "Region": "region",
    "Failover": "failover",
    "MultiValueAnswer": "multi_value_answer",
    "HealthCheckId": "health_check_id",
    "GeoLocation": "geo_location",
}


def install(lab: Lab) -> None:
    _install_zones(lab)
    _install_health_checks()
    _install_records(lab)
    lab.public_dns.zones = lambda: _public_zones(lab.account_id)


def _public_zones(account: str) -> Iterable[Zone]:
    for zone in list(route53_backends[account]["aws"].zones.values()):
        if not zone.private_zone:
            servers = frozenset(zones.normalised(server) for server in zone.delegation_set.name_servers)
            yield Zone(zone.name, servers, tuple(getattr(zone, "in_sync", None) or read(zone)))


def read(zone: FakeZone) -> list[zones.RecordSet]:
    """A zone's records as the API has them."""
    return [_read(item) for item in zone.rrsets]


def _read(item: RecordSet) -> zones.RecordSet:
    record_set = {"Name": zones.normalised(item.name), "Type": item.type}
    record_set |= {key: getattr(item, name) for key, name in _ALIAS_AND_ROUTING.items() if getattr(item, name)}
    if not item.alias_target:
        record_set["TTL"] = int(item.ttl)
        record_set["ResourceRecords"] = [{"Value": value} for value in item.records]
    return record_set


def _kept(record_set: zones.RecordSet) -> RecordSet:
    """As the emulator keeps it: values without their tags."""
    kept = dict(record_set)
    if "AliasTarget" in kept:
        kept["AliasTarget"] = {**kept["AliasTarget"], "DNSName": zones.normalised(kept["AliasTarget"]["DNSName"])}
    else:
        kept["ResourceRecords"] = zones.values_of(record_set)
    return RecordSet(kept)


# --- zones -----------------------------------------------------------------------------------------------------


def _name_servers(zone_id: str) -> list[str]:
    number = zlib.crc32(zone_id.encode()) % 512
    return [
        f"ns-{number + 512 * index}.awsdns-{number % 64:02}.{top}"
        for index, top in enumerate(("com", "net", "org", "co.uk"))
    ]


def _install_health_checks() -> None:
    @wraps(Route53Backend, "create_health_check")
    def create_health_check(original: Any, self: Any, caller_reference: str, health_check_args: dict[str, Any]) -> Any:
        """A repeated call is answered with the check that is there; with other settings it is refused."""
        asked = self.__dict__.setdefault("lab_health_checks", {})
        if caller_reference in asked:
            settings, check = asked[caller_reference]
            if settings != health_check_args or check.id not in self.health_checks:
                raise Route53ClientError(
                    "HealthCheckAlreadyExists",
                    "A health check has already been created with the specified caller reference.",
                )
            return check
        settings = dict(health_check_args)
        check = original(caller_reference, health_check_args)
        asked[caller_reference] = (settings, check)
        return check


def _install_zones(lab: Lab) -> None:
    used: set[str] = set()

    @wraps(Route53Backend, "create_hosted_zone")
    def create_hosted_zone(
        original: Any, self: Any, name: str, private_zone: bool, caller_reference: str | None = None, **options: Any
    ) -> FakeZone:
        # Also of a zone that has been deleted.
        if caller_reference in used:
            raise Route53ClientError(
                "HostedZoneAlreadyExists",
                "A hosted zone has already been created with the specified caller reference.",
            )
        zone = original(zones.normalised(name), private_zone, caller_reference, **options)
        used.add(zone.caller_reference)
        zone.delegation_set = DelegationSet(zone.caller_reference, _name_servers(zone.resource_id), None)
        zone.delegation_set.id = ""
        servers = [f"{server}." for server in zone.delegation_set.name_servers]
        for item in zone.rrsets:
            item.name = zone.name
            item.records = (
                servers
                if item.type == "NS"
                else [f"{servers[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"]
            )
        lab.public_dns.follow()
        return zone

    @wraps(Route53Backend, "delete_hosted_zone")
    def delete_hosted_zone(original: Any, self: Any, id_: str) -> FakeZone | None:
        zone = self.get_hosted_zone(id_)
        # Name server records of domains below it are records like any others.
        if any((item.type, zones.normalised(item.name)) not in _own(zone) for item in zone.rrsets):
            raise Route53ClientError(
                "HostedZoneNotEmpty",
                "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
            )
        deleted = original(id_)
        self.resource_tags.pop(zone.resource_id, None)
        lab.public_dns.follow()
        return deleted

    @wraps(Route53, "list_hosted_zones_by_name")
    def list_hosted_zones_by_name(original: Any, self: Any) -> ActionResult:
        first = self._get_param("DNSName")
        first_id = self._get_param("HostedZoneId") or ""
        size = int(self._get_param("MaxItems") or 100)
        listed = sorted(self.backend.zones.values(), key=lambda zone: (_reversed(zone.name), zone.resource_id))
        if first:
            start = (_reversed(zones.normalised(first)), first_id)
            listed = [zone for zone in listed if (_reversed(zone.name), zone.resource_id) >= start]
        page, rest = listed[:size], listed[size:]
        answer = {"HostedZones": page, "IsTruncated": bool(rest), "MaxItems": size, "DNSName": first}
        if rest:
            answer |= {"NextDNSName": rest[0].name, "NextHostedZoneId": rest[0].resource_id}
        return ActionResult(answer)


def _own(zone: FakeZone) -> set[tuple[str, str]]:
    return {("NS", zone.name), ("SOA", zone.name)}


def _reversed(name: str) -> str:
    return ".".join(reversed(name.rstrip(".").split(".")))


# --- records ---------------------------------------------------------------------------------------------------


def _install_records(lab: Lab) -> None:
    statuses: dict[str, str] = {}
    numbers = itertools.count()

    @wraps(Route53Backend, "change_resource_record_sets")
    def change_resource_record_sets(original: Any, self: Any, zoneid: str, change_list: Any) -> None:
        zone = self.get_hosted_zone(zoneid)
        try:
            after = zones.apply(zone.name, read(zone), change_list)
        except zones.InvalidChange as error:
            raise Route53ClientError(error.code, str(error)) from error
        if not hasattr(zone, "in_sync"):
            zone.in_sync, zone.in_sync_number = read(zone), -1
        zone.rrsets = [_kept(record_set) for record_set in after]

    @wraps(Route53, "change_resource_record_sets")
    def answer_change(original: Any, self: Any) -> ActionResult:
        answer = original()
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        change_id, number, snapshot = f"C{secrets.token_hex(10).upper()}", next(numbers), read(zone)
        statuses[change_id] = "PENDING"
        answer.result["ChangeInfo"] |= {"Id": f"/change/{change_id}", "Status": "PENDING"}

        def arrived() -> None:
            statuses[change_id] = "INSYNC"
            if number > zone.in_sync_number:
                zone.in_sync, zone.in_sync_number = snapshot, number
            lab.public_dns.follow()

        lab.delays.after("record_change", arrived)
        return answer

    @wraps(Route53, "get_change")
    def get_change(original: Any, self: Any) -> ActionResult:
        change_id = self._get_param("Id").rpartition("/")[2]
        if change_id not in statuses:
            raise Route53ClientError("NoSuchChange", f"Could not find resource with ID: {change_id}")
        answer = {"Id": f"/change/{change_id}", "Status": statuses[change_id], "SubmittedAt": utcnow()}
        return ActionResult({"ChangeInfo": answer})

    @wraps(FakeZone, "get_record_sets")
    def get_record_sets(original: Any, self: Any, start_type: Any, start_name: Any) -> Any:
        return original(start_type, zones.normalised(start_name) if start_name else start_name)
