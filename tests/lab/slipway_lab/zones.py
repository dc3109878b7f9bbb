# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Records of hosted zones as Route 53 keeps them: what it makes of names, what it refuses, and how a zone answers. Pure.
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from collections.abc import Iterable

RecordSet = dict[str, Any]
Key = tuple[str, str, str]

CLOUDFRONT_ZONE_ID = "Z2FDTNDATAQYW2"
MAX_VALUES = 1000
MAX_CHARACTERS = 32000

_QUOTED = re.compile(r'\s*("(?:[^"\\]|\\.){0,255}"\s*)+')


class InvalidChange(Exception):
    """What Route 53 says of changes that it does not make."""

    def __init__(self, message: str, code: str = "InvalidChangeBatch") -> None:
        super().__init__(message)
        self.code = code


def normalised(name: str) -> str:
    r"""A name as Route 53 keeps it: lower case, a dot at the end, what is no letter, digit, - or _ as \ooo."""
    plain = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), name).lower().rstrip(".")
    return re.sub(r"[^a-z0-9._-]", lambda found: f"\\{ord(found[0]):03o}", plain) + "."


def key_of(record_set: RecordSet) -> Key:
    return normalised(record_set["Name"]), record_set["Type"], record_set.get("SetIdentifier") or ""


def values_of(record_set: RecordSet) -> list[str]:
    return [item["Value"] for item in record_set.get("ResourceRecords") or []]


def apply(zone: str, current: Iterable[RecordSet], changes: Iterable[dict[str, Any]]) -> list[RecordSet]:
    """The records of a zone (normalised name) after changes; raises InvalidChange, and then none of them is made."""
    changes = list(changes)
    _check_size(changes)
    records = {key_of(record_set): record_set for record_set in current}
    for change in changes:
        wanted = {**change["ResourceRecordSet"], "Name": normalised(change["ResourceRecordSet"]["Name"])}
        key = key_of(wanted)
        action, what = change["Action"], f"[name='{key[0]}', type='{key[1]}']"
        if action not in ("CREATE", "UPSERT", "DELETE"):
            raise InvalidChange(f"Value '{action}' is not facet-valid with respect to enumeration", "InvalidInput")
        if key[0] != zone and not key[0].endswith(f".{zone}"):
            raise InvalidChange(f"RRSet with DNS name {key[0]} is not permitted in zone {zone}")
        _check_record(zone, wanted)
        if action == "DELETE":
            if key not in records:
                raise InvalidChange(f"Tried to delete resource record set {what} but it was not found")
            if _meaning(records[key]) != _meaning(wanted):
                raise InvalidChange(
                    f"Tried to delete resource record set {what} but the values provided do not match the current "
                    "values"
                )
            del records[key]
        elif action == "CREATE" and key in records:
            raise InvalidChange(f"Tried to create resource record set {what} but it already exists")
        else:
            records[key] = wanted
    _check_zone(zone, records)
    return list(records.values())


def _check_size(changes: list[dict[str, Any]]) -> None:
    values = characters = 0
    for change in changes:
        factor = 2 if change["Action"] == "UPSERT" else 1
        texts = values_of(change["ResourceRecordSet"]) or [""]
        values += factor * len(texts)
        characters += factor * sum(map(len, texts))
    if values > MAX_VALUES:
        raise InvalidChange(f"Number of records limit of {MAX_VALUES} exceeded.")
    if characters > MAX_CHARACTERS:
        raise InvalidChange(f"Number of characters limit of {MAX_CHARACTERS} exceeded.")


def _check_record(zone: str, record_set: RecordSet) -> None:
    values, alias = values_of(record_set), record_set.get("AliasTarget")
    what = f"[Name={record_set['Name']}, Type={record_set['Type']}]"
    if bool(alias) == bool(values and record_set.get("TTL") is not None):
        raise InvalidChange(
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
            f"TrafficPolicyInstanceId], but found {'more than one' if alias else 'none'} in Change with {what}",
            "InvalidInput",
        )
    if alias:
        is_distribution = normalised(alias["DNSName"]).endswith(".cloudfront.net.")
        if is_distribution != (alias["HostedZoneId"] == CLOUDFRONT_ZONE_ID):
            raise InvalidChange(
                f"Tried to create an alias that targets {normalised(alias['DNSName'])}, type {record_set['Type']} in "
                f"zone {alias['HostedZoneId']}, but the alias target name does not lie within the target zone"
            )
    if len(values) != len(set(values)):
        raise InvalidChange(f"Duplicate Resource Record in {what}")
    for value in values:
        problem = _problem(record_set["Type"], value)
        if problem:
            raise InvalidChange(f"Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''")
    if record_set["Type"] == "CNAME":
        if record_set["Name"] == zone:
            raise InvalidChange(
                f"RRSet of type CNAME with DNS name {zone} is not permitted at apex in zone {zone}",
            )
        if len(values) > 1:
            raise InvalidChange(f"RRSet of type CNAME with DNS name {record_set['Name']} has more than one value")


def _problem(record_type: str, value: str) -> str | None:
    match record_type:
        case "A" | "AAAA":
            wanted = ipaddress.IPv4Address if record_type == "A" else ipaddress.IPv6Address
            try:
                wanted(value)
            except ValueError:
                return "ARRDATAIllegalIPv4Address (Value is not a valid address)"
        case "TXT" | "SPF" if not _QUOTED.fullmatch(value):
            return "InvalidCharacterString (Value should be enclosed in quotation marks)"
        case "MX" if not re.fullmatch(r"\d+\s+\S+", value):
            return "MXRRDATANotTwoFields (MX record doesn't have 2 fields)"
        case "CAA" if not re.fullmatch(r'\d+\s+\w+\s+".*"', value):
            return "CAARRDATAInvalid (CAA record doesn't have flags, tag and quoted value)"
    return None


def _check_zone(zone: str, records: dict[Key, RecordSet]) -> None:
    for needed in ("SOA", "NS"):
        if (zone, needed, "") not in records:
            raise InvalidChange(f"A HostedZone must contain at least one {needed} record for the zone itself.")
    by_name: dict[str, set[str]] = {}
    for name, record_type, _ in records:
        by_name.setdefault(name, set()).add(record_type)
    for name, types in by_name.items():
        if "CNAME" in types and len(types) > 1:
            raise InvalidChange(
                f"RRSet of type {min(types - {'CNAME'})} with DNS name {name} is not permitted because a conflicting "
                f"RRSet of type CNAME with the same DNS name already exists in zone {zone}"
            )


def _meaning(record_set: RecordSet) -> tuple[Any, ...]:
    alias = record_set.get("AliasTarget")
    if alias:
        return alias["HostedZoneId"], normalised(alias["DNSName"]), bool(alias.get("EvaluateTargetHealth"))
    return record_set.get("TTL"), sorted(values_of(record_set))


# --- answers ---------------------------------------------------------------------------------------------------


def find(records: Iterable[RecordSet], name: str) -> list[RecordSet]:
    """The records that answer for a name (normalised): its own, else those of the wildcard that covers it."""
    by_name: dict[str, list[RecordSet]] = {}
    for record_set in records:
        by_name.setdefault(normalised(record_set["Name"]), []).append(record_set)
    if name in by_name:
        return by_name[name]
    labels = name.split(".")
    for start in range(len(labels)):
        here = ".".join(labels[start:])
        if start and f"\\052.{here}" in by_name:
            return by_name[f"\\052.{here}"]
        # What exists, if only as a part of other names, hides wildcards above it.
        if any(other == here or other.endswith(f".{here}") for other in by_name):
            return []
    return []
