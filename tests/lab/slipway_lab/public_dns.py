# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The public DNS, as far as the lab's hosted zones are in it: a zone is seen when its domain is delegated to its name
# servers, which on AWS a person does at the registrar, and here who calls PUT /_lab/delegations.

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway_lab import zones

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable

    from slipway_lab.names import Names
    from slipway_lab.zones import RecordSet

# So many CNAMEs in a row are followed.
_MAX_CHAIN = 8


@dataclass(frozen=True)
class Zone:
    """A public hosted zone with the records that its name servers have."""

    name: str  # normalised
    name_servers: frozenset[str]
    records: tuple[RecordSet, ...]


@dataclass(frozen=True)
class Answer:
    """The records of one type that a name leads to: (name, type, ttl, value)."""

    exists: bool
    records: tuple[tuple[str, str, int, str], ...] = ()

    @property
    def values(self) -> list[str]:
        return [value for _, record_type, _, value in self.records if record_type != "CNAME"]


class PublicDns:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._lock = threading.RLock()
        self._delegations: dict[str, frozenset[str]] = {}
        self._published: dict[str, str] = {}
        # The account's public zones; Route 53 says (aws/route53.py).
        self.zones: Callable[[], Iterable[Zone]] = list
        # Called after what the public sees has changed.
        self.on_change: list[Callable[[], None]] = []

    def delegate(self, name: str, name_servers: Iterable[str] | None = None) -> list[str]:
        """Have the domain above delegate name to name servers: the given ones, or those of the lab's zone of that name.

        An empty list takes the delegation back. Returns the name servers; raises KeyError if there is no such zone.
        """
        name = zones.normalised(name)
        if name_servers is None:
            found = [zone for zone in self.zones() if zone.name == name]
            if not found:
                raise KeyError(f"There is no public hosted zone {name} in the lab.")
            name_servers = found[0].name_servers
        servers = frozenset(zones.normalised(server) for server in name_servers)
        with self._lock:
            self._delegations.pop(name, None)
            if servers:
                self._delegations[name] = servers
        self.follow()
        return sorted(servers)

    def delegations(self) -> dict[str, list[str]]:
        return {name: sorted(servers) for name, servers in sorted(self._delegations.items())}

    def delegated(self) -> list[Zone]:
        """The zones that the public sees: delegated by the registry, or by a zone of the lab that is."""
        seen: list[Zone] = []
        for zone in sorted(self.zones(), key=lambda zone: zone.name.count(".")):
            above = _zone_of(zone.name, [other for other in seen if other.name != zone.name])
            servers = self._delegations.get(zone.name)
            if servers is None and above is not None:
                own = [item for item in above.records if item["Type"] == "NS" and item["Name"] == zone.name]
                servers = frozenset(zones.normalised(value) for item in own for value in zones.values_of(item))
            if servers and servers <= zone.name_servers:
                seen.append(zone)
        return seen

    def look_up(self, name: str, record_type: str) -> Answer | None:
        """What the public DNS answers; None if no zone of the lab has to."""
        return self._look_up(self.delegated(), zones.normalised(name), record_type, 0)

    def _look_up(self, seen: list[Zone], name: str, record_type: str, depth: int) -> Answer | None:
        zone = _zone_of(name, seen)
        if zone is None:
            return None
        found = zones.find(zone.records, name)
        if not found:
            below = any(zones.normalised(item["Name"]).endswith(f".{name}") for item in zone.records)
            return Answer(exists=below)
        records: list[tuple[str, str, int, str]] = []
        for item in found:
            if item["Type"] == record_type or record_type == "ANY":
                records += self._answers(seen, name, item)
            elif item["Type"] == "CNAME" and depth < _MAX_CHAIN:
                target = zones.values_of(item)[0]
                records.append((name, "CNAME", int(item["TTL"]), target))
                records += self._elsewhere(seen, target, record_type, depth + 1)
        return Answer(exists=True, records=tuple(records))

    def _answers(self, seen: list[Zone], name: str, item: RecordSet) -> list[tuple[str, str, int, str]]:
        alias = item.get("AliasTarget")
        if not alias:
            return [(name, item["Type"], int(item["TTL"]), value) for value in zones.values_of(item)]
        found = self._elsewhere(seen, alias["DNSName"], item["Type"], 1)
        # An alias answers with the target's addresses, under its own name.
        return [(name, record_type, ttl, value) for _, record_type, ttl, value in found if record_type != "CNAME"]

    def _elsewhere(self, seen: list[Zone], name: str, record_type: str, depth: int) -> list[tuple[str, str, int, str]]:
        own = self._look_up(seen, zones.normalised(name), record_type, depth)
        if own is not None:
            return list(own.records)
        address = self._names.resolve(name) if record_type == "A" else None
        return [(zones.normalised(name), "A", 60, address)] if address else []

    def follow(self) -> None:
        """Publish the names that the public sees, and withdraw those that it does not see any more."""
        with self._lock:
            seen = self.delegated()
            found: dict[str, str] = {}
            for zone in seen:
                for item in zone.records:
                    name = zones.normalised(item["Name"])
                    answer = self._look_up(seen, name, "A", 0)
                    if answer and answer.values:
                        found[name.replace("\\052", "*").rstrip(".")] = answer.values[0]
            for name in self._published.keys() - found.keys():
                self._names.withdraw(name)
            for name, address in found.items():
                if self._published.get(name) != address:
                    self._names.publish(name, address)
            self._published = found
        for listener in self.on_change:
            listener()


def _zone_of(name: str, seen: Iterable[Zone]) -> Zone | None:
    """The zone that answers for a name: the one whose name is the longest part of it."""
    matching = [zone for zone in seen if name == zone.name or name.endswith(f".{zone.name}")]
    return max(matching, key=lambda zone: len(zone.name), default=None)
