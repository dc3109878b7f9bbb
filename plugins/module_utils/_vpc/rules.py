# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the rules of a security group as sets that can be compared. Pure.

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Iterator
    from typing import Any

ALL_PROTOCOLS = "-1"


class Rule(NamedTuple):
    """One rule as AWS counts them: one protocol, one range of ports, one source (or destination)."""

    protocol: str
    from_port: int
    to_port: int
    kind: str  # cidr, cidr6, group or prefix_list
    source: str  # an address range, the name of a group of this network (else an ID), or of a prefix list

    def __str__(self) -> str:
        return f"{self._traffic()} {self.source}"

    def _traffic(self) -> str:
        if self.protocol == ALL_PROTOCOLS:
            return "all"
        if self.protocol == "icmp" or self.from_port == -1:
            return self.protocol
        if self.from_port == self.to_port:
            return f"{self.protocol} {self.from_port}"
        return f"{self.protocol} {self.from_port}-{self.to_port}"


# The key that AWS gives to each kind of source within IpPermissions, and the key of the source in it.
PERMISSION_KEYS = {
    "cidr": ("IpRanges", "CidrIp"),
    "cidr6": ("Ipv6Ranges", "CidrIpv6"),
    "group": ("UserIdGroupPairs", "GroupId"),
    "prefix_list": ("PrefixListIds", "PrefixListId"),
}

# What AWS gives to a group in which nothing else is said.
ALLOW_ALL = {Rule(ALL_PROTOCOLS, -1, -1, "cidr", "0.0.0.0/0"): ""}


def normalise_cidr(cidr: str) -> tuple[str, str]:
    """Kind and canonical form of an address range, since AWS keeps the canonical form. ValueError if it is none."""
    if is_unknown(cidr):
        return "cidr", cidr
    network = ipaddress.ip_network(cidr, strict=False)
    return ("cidr" if network.version == 4 else "cidr6"), str(network)


def build_rules(options: Iterable[dict[str, Any]] | None, names: dict[str, str]) -> dict[Rule, str]:
    """The rules that a list of the module's rule options asks for, with their descriptions.

    names gives the name that rules are compared by to the IDs of groups and prefix lists that have one.
    """
    rules: dict[Rule, str] = {}
    for option in options or []:
        protocol = ALL_PROTOCOLS if option["protocol"] == "all" else option["protocol"]
        from_port, to_port = _ports(option)
        sources = [normalise_cidr(cidr) for cidr in option.get("cidr_blocks") or []]
        sources += [("group", names.get(group, group)) for group in option.get("security_groups") or []]
        sources += [("prefix_list", names.get(item, item)) for item in option.get("prefix_lists") or []]
        for kind, source in sources:
            rules[Rule(protocol, from_port, to_port, kind, source)] = option.get("description") or ""
    return rules


def _ports(option: dict[str, Any]) -> tuple[int, int]:
    if option.get("port") is not None:
        return option["port"], option["port"]
    if option.get("from_port") is not None:
        return option["from_port"], option["to_port"]
    return -1, -1


def normalise_permissions(permissions: Iterable[dict[str, Any]], names: dict[str, str]) -> dict[Rule, str]:
    """The rules in IpPermissions as DescribeSecurityGroups gives them; IDs that have a name become that name."""
    rules: dict[Rule, str] = {}
    for permission in permissions:
        for kind, (list_key, source_key) in PERMISSION_KEYS.items():
            for item in permission.get(list_key) or []:
                source = item[source_key]
                rule = Rule(
                    permission["IpProtocol"],
                    permission.get("FromPort", -1),
                    permission.get("ToPort", -1),
                    kind,
                    names.get(source, source),
                )
                rules[rule] = item.get("Description", "")
    return rules


def build_permissions(rules: dict[Rule, str], resolve: Callable[[str, str], str]) -> list[dict[str, Any]]:
    """IpPermissions for a call; resolve(kind, source) gives the ID of a group or of a prefix list."""
    permissions = []
    for rule, description in rules.items():
        list_key, source_key = PERMISSION_KEYS[rule.kind]
        source = rule.source if rule.kind in ("cidr", "cidr6") else resolve(rule.kind, rule.source)
        permission: dict[str, Any] = {"IpProtocol": rule.protocol}
        if rule.protocol != ALL_PROTOCOLS:
            permission.update(FromPort=rule.from_port, ToPort=rule.to_port)
        permission[list_key] = [
            {source_key: source, "Description": description} if description else {source_key: source}
        ]
        permissions.append(permission)
    return permissions


def rule_option_problems(options: Iterable[dict[str, Any]] | None) -> Iterator[str]:
    """What the argument spec cannot say about the module's rule options."""
    for number, option in enumerate(options or [], start=1):
        if not any(option.get(key) for key in ("cidr_blocks", "security_groups", "prefix_lists")):
            yield f"rule {number} names no cidr_blocks, security_groups or prefix_lists"
        if option["protocol"] in ("tcp", "udp") and _ports(option) == (-1, -1):
            yield f"rule {number} needs port, or from_port and to_port: its protocol is {option['protocol']}"
        for cidr in option.get("cidr_blocks") or []:
            try:
                normalise_cidr(cidr)
            except ValueError:
                yield f"rule {number}: cidr_blocks: {cidr} is not an address range such as 203.0.113.7/32"


def rules_weight(rules: Iterable[Rule], prefix_lists: dict[str, dict[str, Any]]) -> int:
    """How much of the quota the rules take: AWS counts IPv4 and IPv6 apart, this is the larger of both.

    A reference to a group counts as one rule in each, one to a prefix list as many as the list weighs.
    """
    counts = {"IPv4": 0, "IPv6": 0}
    for rule in rules:
        if rule.kind == "prefix_list":
            prefix_list = prefix_lists.get(rule.source, {})
            families = [prefix_list.get("address_family") or "IPv4"]
            weight = prefix_list.get("weight") or 1
        else:
            families = {"cidr": ["IPv4"], "cidr6": ["IPv6"]}.get(rule.kind, ["IPv4", "IPv6"])
            weight = 1
        for family in families:
            counts[family] += weight
    return max(counts.values())


def describe_rules(rules: dict[Rule, str]) -> list[str]:
    """The rules as a person reads them in a diff."""
    return sorted(f"{rule} ({description})" if description else str(rule) for rule, description in rules.items())
