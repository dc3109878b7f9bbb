# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: records, how they are compared by their meaning, and in which calls they change. Pure.

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._route53.names import canonical_name
from ansible_collections.slipway.aws.plugins.module_utils._route53.names import is_within

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from typing import Any

# Name (canonical), type, and what tells records of a routing policy apart.
Key = tuple[str, str, str]

# Where aliases to distributions lead, in every account:
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html
CLOUDFRONT_ZONE_ID = "Z2FDTNDATAQYW2"

# Of one ChangeResourceRecordSets call; an UPSERT counts twice.
# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests-changeresourcerecordsets
MAX_VALUES = 1000
MAX_CHARACTERS = 32000

# A character string in a TXT record holds so many bytes.
_MAX_STRING = 255
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
# Options that are words of the API as they are, for records of a routing policy.
_ROUTING = {
    "set_identifier": "SetIdentifier",
    "weight": "Weight",
    "region": "Region",
    "failover": "Failover",
    "multi_value_answer": "MultiValueAnswer",
    "health_check_id": "HealthCheckId",
}


# --- values ----------------------------------------------------------------------------------------------------


def text_of(value: str) -> str:
    """What a TXT value says: its character strings, unquoted, one after the other, as SPF and DKIM read them."""
    value = value.strip()
    if value.startswith('"'):
        return "".join(re.sub(r"\\(\D)", r"\1", part) for part in _QUOTED.findall(value))
    return value


def quote_text(value: str) -> str:
    """A TXT value as Route 53 wants it: in quotation marks, in parts that are not too long."""
    value = value.strip()
    if value.startswith('"'):
        return value
    parts = [value[start : start + _MAX_STRING] for start in range(0, len(value), _MAX_STRING)] or [""]
    escaped = [part.replace("\\", "\\\\").replace('"', '\\"') for part in parts]
    return " ".join(f'"{part}"' for part in escaped)


def build_value(record_type: str, value: str) -> str:
    return quote_text(value) if record_type in ("TXT", "SPF") else value.strip()


def meaning(record_type: str, value: str) -> str:
    """The same for all ways of writing a value."""
    if is_unknown(value):
        return value
    words = value.split()
    if record_type in ("TXT", "SPF"):
        return text_of(value)
    if record_type in ("CNAME", "NS", "PTR"):
        return canonical_name(value)
    if record_type in ("MX", "SRV", "NAPTR") and words:
        return " ".join([*words[:-1], canonical_name(words[-1])])
    if record_type in ("A", "AAAA"):
        try:
            return str(ipaddress.ip_address(value.strip()))
        except ValueError:
            return value
    if record_type == "CAA" and len(words) >= 3:
        return " ".join([words[0], words[1].lower(), text_of(" ".join(words[2:]))])
    return " ".join(words)


# --- records ---------------------------------------------------------------------------------------------------


def key_of(record_set: dict[str, Any]) -> Key:
    return canonical_name(record_set["Name"]), record_set["Type"], record_set.get("SetIdentifier") or ""


def build_record(option: dict[str, Any]) -> dict[str, Any]:
    """A member of the option records, as the API takes it."""
    record_set: dict[str, Any] = {"Name": canonical_name(option["name"]), "Type": option["type"]}
    for name, member in _ROUTING.items():
        if option.get(name) is not None:
            record_set[member] = option[name]
    alias = option.get("alias")
    if alias:
        record_set["AliasTarget"] = {
            "HostedZoneId": alias["hosted_zone_id"] or CLOUDFRONT_ZONE_ID,
            "DNSName": canonical_name(alias["dns_name"]),
            "EvaluateTargetHealth": alias["evaluate_target_health"],
        }
    else:
        record_set["TTL"] = option["ttl"]
        record_set["ResourceRecords"] = [
            {"Value": build_value(option["type"], value)} for value in values_of(option) or []
        ]
    return record_set


def values_of(option: dict[str, Any]) -> list[str] | None:
    if option.get("value") is not None:
        return [option["value"]]
    return option.get("values")


def comparable(record_set: dict[str, Any]) -> dict[str, Any]:
    """A record by its meaning."""
    compared: dict[str, Any] = {member: record_set[member] for member in _ROUTING.values() if member in record_set}
    alias = record_set.get("AliasTarget")
    if alias:
        compared["alias"] = (
            alias["HostedZoneId"],
            canonical_name(alias["DNSName"]),
            bool(alias.get("EvaluateTargetHealth")),
        )
    else:
        compared["ttl"] = record_set.get("TTL")
        compared["values"] = sorted(
            meaning(record_set["Type"], item["Value"]) for item in record_set.get("ResourceRecords") or []
        )
    return compared


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return not is_unknown(other) and comparable(one) == comparable(other)


def record_problems(options: Iterable[dict[str, Any]], zone: str) -> list[str]:
    """What cannot be meant, or would be refused, in words that name the record. zone: canonical, may be unknown."""
    problems = []
    seen: set[Key] = set()
    for option in options:
        name, record_type = canonical_name(option["name"]), option["type"]
        what = f"records: {name} {record_type}"
        if not is_unknown(name) and not is_unknown(zone) and not is_within(name, zone):
            problems.append(f"{what} is not in the zone {zone} Correct the name, or name another zone")
        key = (name, record_type, option.get("set_identifier") or "")
        # Names that are not known yet may turn out to be different.
        if key in seen and not is_unknown(name):
            problems.append(f"{what} is there twice. Give all of its values in one")
        seen.add(key)
        alias, values = option.get("alias"), values_of(option)
        if option["state"] == "absent":
            continue
        if bool(alias) == bool(values):
            problems.append(f"{what} needs either value, or values, or alias")
        elif alias and not alias["hosted_zone_id"] and not _is_of_cloudfront(alias["dns_name"]):
            problems.append(
                f"{what} has an alias to {alias['dns_name']} without hosted_zone_id. Add that of the target (a load "
                "balancer tells it as its canonical hosted zone id); only names of CloudFront need none"
            )
        elif record_type == "CNAME" and name == zone:
            problems.append(f"{what}: a zone itself cannot have a CNAME. Use a record of type A with an alias")
    return problems


def _is_of_cloudfront(name: str) -> bool:
    return is_unknown(name) or canonical_name(name).endswith(".cloudfront.net.")


# --- changes ---------------------------------------------------------------------------------------------------


def decide_changes(
    current: list[dict[str, Any]],
    options: list[dict[str, Any]],
    zone: str,
    purge_names: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """The changes that make the zone's records as wanted, as the API takes them; none for what is right.

    current: the record sets of all names that are spoken of
    options: members of the option records, each with its state
    zone: canonical name of the zone; its own NS and SOA records are never deleted
    purge_names: of these names, records that are not in options are deleted
    """
    there = {key_of(record_set): record_set for record_set in current}
    changes = []
    wanted: set[Key] = set()
    for option in options:
        record_set = build_record(option)
        key = key_of(record_set)
        if option["state"] == "absent":
            # As it is there: Route 53 deletes a record only if all of it is told.
            if key in there:
                changes.append({"Action": "DELETE", "ResourceRecordSet": there[key]})
            continue
        wanted.add(key)
        if key not in there or not same(there[key], record_set):
            changes.append({"Action": "UPSERT", "ResourceRecordSet": record_set})
    deleted = {key_of(change["ResourceRecordSet"]) for change in changes if change["Action"] == "DELETE"}
    for name in {canonical_name(name) for name in purge_names}:
        for key, record_set in there.items():
            protected = name == zone and key[1] in ("NS", "SOA")
            if key[0] == name and key not in wanted and key not in deleted and not protected:
                changes.append({"Action": "DELETE", "ResourceRecordSet": record_set})
    # What gives way goes first: a name has either a CNAME or other records.
    return sorted(changes, key=lambda change: (change["Action"], key_of(change["ResourceRecordSet"])))


def batches(changes: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The changes in as few calls as AWS takes; those of one name stay together, because they may need each other."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for change in changes:
        by_name.setdefault(key_of(change["ResourceRecordSet"])[0], []).append(change)
    batch: list[dict[str, Any]] = []
    values = characters = 0
    for group in by_name.values():
        more_values, more_characters = _weight(group)
        if batch and (values + more_values > MAX_VALUES or characters + more_characters > MAX_CHARACTERS):
            yield batch
            batch, values, characters = [], 0, 0
        batch = batch + group
        values, characters = values + more_values, characters + more_characters
    if batch:
        yield batch


def _weight(changes: list[dict[str, Any]]) -> tuple[int, int]:
    values = characters = 0
    for change in changes:
        factor = 2 if change["Action"] == "UPSERT" else 1
        # An alias is one element.
        texts = [item["Value"] for item in change["ResourceRecordSet"].get("ResourceRecords") or [{"Value": ""}]]
        values += factor * len(texts)
        characters += factor * sum(len(text) for text in texts)
    return values, characters


def apply_changes(current: list[dict[str, Any]], changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records as the changes leave them."""
    there = {key_of(record_set): record_set for record_set in current}
    for change in changes:
        key = key_of(change["ResourceRecordSet"])
        if change["Action"] == "DELETE":
            there.pop(key, None)
        else:
            there[key] = change["ResourceRecordSet"]
    return [there[key] for key in sorted(there)]


# --- what is told ----------------------------------------------------------------------------------------------


def describe(record_set: dict[str, Any]) -> dict[str, Any]:
    """A record in the words of the module's options."""
    described: dict[str, Any] = {"name": canonical_name(record_set["Name"]), "type": record_set["Type"]}
    for name, member in _ROUTING.items():
        if member in record_set:
            described[name] = record_set[member]
    alias = record_set.get("AliasTarget")
    if alias:
        described["alias"] = {
            "dns_name": canonical_name(alias["DNSName"]),
            "hosted_zone_id": alias["HostedZoneId"],
            "evaluate_target_health": bool(alias.get("EvaluateTargetHealth")),
        }
    else:
        described["ttl"] = record_set.get("TTL")
        described["values"] = sorted(item["Value"] for item in record_set.get("ResourceRecords") or [])
    return described
