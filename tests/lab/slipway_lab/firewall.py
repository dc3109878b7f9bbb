# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Security groups and public addresses, as the nft ruleset of a VPC's namespace. Pure.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway_lab import addresses

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Rule:
    """One permission of a security group; protocol "-1" is any, a port of -1 or None is any of them."""

    protocol: str
    from_port: int | None
    to_port: int | None
    # Networks and addresses: CIDRs as written, members of groups, entries of prefix lists.
    peers: tuple[str, ...]


@dataclass(frozen=True)
class HostRules:
    interface: str
    private_address: str
    # Seen from outside under this address, if any.
    public_address: str | None
    # How it goes out: under its public address, or a NAT gateway's; None if its subnet has no way to the internet.
    outgoing_address: str | None
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]


_ICMP = {"icmp", "1"}
_PORT_PROTOCOLS = {"tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp"}


def _match_protocol(rule: Rule) -> str:
    any_port = rule.from_port in (None, -1) or (rule.from_port == 0 and rule.to_port == 65535)
    if rule.protocol == "-1":
        return ""
    if rule.protocol in _PORT_PROTOCOLS:
        protocol = _PORT_PROTOCOLS[rule.protocol]
        if any_port:
            return f"ip protocol {protocol} "
        ports = str(rule.from_port) if rule.from_port == rule.to_port else f"{rule.from_port}-{rule.to_port}"
        return f"{protocol} dport {ports} "
    if rule.protocol in _ICMP:
        # For ICMP the ports are type and code.
        return "ip protocol icmp " if any_port else f"icmp type {rule.from_port} "
    return f"ip protocol {rule.protocol} "


def _statements(rules: Iterable[Rule], direction: str, verdict: str) -> list[str]:
    statements = []
    for rule in rules:
        peers = sorted({peer for peer in rule.peers if ":" not in peer})
        if "0.0.0.0/0" in peers:
            statements.append(f"{_match_protocol(rule)}{verdict}")
        elif peers:
            # Unlike a set, statements of their own may overlap.
            statements += [f"ip {direction} {peer} {_match_protocol(rule)}{verdict}" for peer in peers]
    return statements


def _chain(name: str, statements: Iterable[str]) -> str:
    return "".join([f"  chain {name} {{\n", *(f"    {statement}\n" for statement in statements), "  }\n"])


def _map(pairs: Iterable[tuple[str, str]]) -> str:
    return "{ " + ", ".join(f"{key} : {value}" for key, value in pairs) + " }"


def render(hosts: Iterable[HostRules]) -> str:
    """The whole ruleset of a VPC with these hosts; equal input gives equal text.

    As on AWS: what is not allowed is dropped silently, replies to what was allowed pass, metadata and DNS are out of
    the groups' reach, and a host cannot speak in another's name.
    """
    hosts = sorted(hosts, key=lambda host: host.interface)
    public = [host for host in hosts if host.public_address]
    outgoing = [host for host in hosts if host.outgoing_address]

    prerouting = ["type nat hook prerouting priority dstnat; policy accept;"]
    if public:
        prerouting.append(f"dnat to ip daddr map {_map((h.public_address or '', h.private_address) for h in public)}")
    postrouting = ["type nat hook postrouting priority srcnat; policy accept;"]
    if outgoing:
        pairs = ((h.private_address, h.outgoing_address or "") for h in outgoing)
        postrouting.append(f'oifname "wan" snat to ip saddr map {_map(pairs)}')

    spoofed = ["type filter hook prerouting priority raw; policy accept;"]
    spoofed += [f'iifname "{h.interface}" ip saddr != {h.private_address} drop' for h in hosts]

    local = [
        "type filter hook input priority filter; policy drop;",
        "ct state established,related accept",
        f'iifname "h-*" ip daddr {addresses.METADATA} tcp dport 80 accept',
        f'iifname "h-*" ip daddr {addresses.DNS} udp dport 53 accept',
        f'iifname "h-*" ip daddr {addresses.DNS} tcp dport 53 accept',
    ]
    forward = [
        "type filter hook forward priority filter; policy drop;",
        "ct state established,related accept",
    ]
    chains = ""
    if hosts:
        forward += [
            f"iifname vmap {_jumps('out', hosts)}",
            f"oifname vmap {_jumps('in', hosts)}",
        ]
    if outgoing:
        forward.append(f'oifname "wan" ip saddr {{ {", ".join(h.private_address for h in outgoing)} }} accept')
    for host in hosts:
        chains += _chain(_name("out", host), [*_statements(host.egress, "daddr", "return"), "drop"])
        chains += _chain(_name("in", host), [*_statements(host.ingress, "saddr", "accept"), "drop"])

    return (
        "table ip vpc {}\ndelete table ip vpc\ntable ip vpc {\n"
        + chains
        + _chain("spoofed", spoofed)
        + _chain("prerouting", prerouting)
        + _chain("postrouting", postrouting)
        + _chain("input", local)
        + _chain("forward", forward)
        + "}\n"
    )


def _jumps(direction: str, hosts: Iterable[HostRules]) -> str:
    return _map((f'"{host.interface}"', f"jump {_name(direction, host)}") for host in hosts)


def _name(direction: str, host: HostRules) -> str:
    return f"{direction}_{host.interface.replace('-', '_')}"
