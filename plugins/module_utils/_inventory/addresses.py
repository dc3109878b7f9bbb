# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: address ranges and ports of an inventory. Pure.

from __future__ import annotations

import ipaddress
import itertools
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._ec2.prefix_lists import AWS_MANAGED_WEIGHTS
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Problem
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory

# The widest ranges that may be an organisation's own. IANA gives IPv4 away by /8 at most, registries IPv6 to a provider
# by /32. What is wider is the world, or a part of it that nobody runs.
WIDEST = {4: 8, 6: 32}
ADMIN_LINE = 'admin_cidrs: ["203.0.113.7/32"] (your own public address: curl https://checkip.amazonaws.com)'

# Everybody may reach a web server, and nothing else.
PUBLIC_PORTS = {80, 443}
CLOUDFRONT_WEIGHT = AWS_MANAGED_WEIGHTS["cloudfront.origin-facing"]
RULES_QUOTA = "L-0EA8095F"

# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
VPC_PREFIXES = range(16, 29)


def read_network(cidr: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | str:
    """The address range, or what is wrong with it."""
    try:
        return ipaddress.ip_network(cidr, strict=True)
    except (ValueError, TypeError):
        pass
    try:
        loose = ipaddress.ip_network(cidr, strict=False)
    except (ValueError, TypeError):
        return f"{cidr} is not an address range"
    address = str(cidr).partition("/")[0]
    whole = 32 if loose.version == 4 else 128
    return f"{cidr} names an address within a range: write {address}/{whole} for it alone, or {loose} for the range"


def too_wide(networks: list[Any]) -> list[Any]:
    """The ranges, adjacent ones taken together, that are wider than anybody's own network."""
    found = []
    for version, widest in WIDEST.items():
        same = [network for network in networks if network.version == version]
        found += [network for network in ipaddress.collapse_addresses(same) if network.prefixlen < widest]
    return found


def check_admin_cidrs(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    cidrs = inventory.get("admin_cidrs") or []
    if inventory.get("access") == "direct" and "admin_cidrs" in inventory.raw and not cidrs:
        # Not where its own type is wrong, which has been said.
        if inventory.get("admin_cidrs") is not None or not inventory.raw["admin_cidrs"]:
            yield Problem("admin_cidrs", "it is empty, so nobody could reach the host by ssh", write(ADMIN_LINE))
    elif inventory.get("access") == "direct" and "admin_cidrs" not in inventory.raw:
        reason = "access: direct needs it, since nobody could reach the host by ssh"
        yield Problem("admin_cidrs", reason, write(ADMIN_LINE))
    read = [read_network(cidr) for cidr in cidrs]
    for wrong in (network for network in read if isinstance(network, str)):
        yield Problem("admin_cidrs", wrong, write(ADMIN_LINE))
    networks = [network for network in read if not isinstance(network, str)]
    for network in too_wide(networks):
        widest = WIDEST[network.version]
        whom = "the whole world" if network.prefixlen == 0 else f"{network.num_addresses:,} addresses"
        reason = f"{network} lets {whom} try the host's ssh port; nobody's own network is wider than /{widest}"
        yield Problem("admin_cidrs", reason, f"{write(ADMIN_LINE)}, or access: ssm, which opens no port")
    yield from check_rules_quota(inventory, networks)


def check_rules_quota(inventory: Inventory, networks: list[Any]) -> Iterator[Problem]:
    """The host's group holds CloudFront's prefix list and a rule for each range; AWS counts IPv4 and IPv6 apart."""
    quota = inventory.get("network_rules_per_security_group")
    ranges = len({network for network in networks if network.version == 4})
    if inventory.get("access") != "direct" or not quota or CLOUDFRONT_WEIGHT + ranges <= quota:
        return
    yield Problem(
        "admin_cidrs",
        f"{ranges} ranges and CloudFront's prefix list, which counts for {CLOUDFRONT_WEIGHT}, are more than the "
        f"{quota} rules that a security group may have",
        f"Name {max(quota - CLOUDFRONT_WEIGHT, 0)} ranges at most, or access: ssm; or have AWS raise the quota "
        f"{RULES_QUOTA}, and write: network_rules_per_security_group: {max(CLOUDFRONT_WEIGHT + ranges, 100)}",
    )


# --- security groups that an inventory names itself ------------------------------------------------------------


def find_rules(path: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything within a variable that opens ports to address ranges."""
    if isinstance(value, dict):
        if isinstance(value.get("cidr_blocks"), list):
            yield path, value
        for key, inner in value.items():
            # What leaves the host opens nothing.
            if key != "egress":
                yield from find_rules(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from find_rules(f"{path}[{number}]", inner)


def rule_ports(rule: dict[str, Any]) -> set[int] | None:
    """The first and the last port that a rule opens; None for all."""
    ports = [rule.get("port", rule.get("from_port")), rule.get("port", rule.get("to_port"))]
    try:
        return {int(port) for port in ports}
    except (TypeError, ValueError):
        return None


def check_open_ports(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    for variable in sorted(inventory.values):
        for path, rule in find_rules(variable, inventory.values[variable]):
            ports = rule_ports(rule)
            read = [read_network(cidr) for cidr in rule["cidr_blocks"]]
            for wrong in (network for network in read if isinstance(network, str)):
                yield Problem(f"{path}.cidr_blocks", wrong, write('cidr_blocks: ["203.0.113.0/24"]'))
            if ports and ports <= PUBLIC_PORTS:
                continue
            opened = "every port" if ports is None else f"port {'-'.join(str(port) for port in sorted(ports))}"
            for network in too_wide([network for network in read if not isinstance(network, str)]):
                reason = f"it opens {opened} to {network}; only 80 and 443 may be open to everybody"
                yield Problem(f"{path}.cidr_blocks", reason, write('cidr_blocks: ["203.0.113.0/24"] (who needs it)'))


# --- the network of the project --------------------------------------------------------------------------------


def check_network(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    cidr = inventory.get("network_cidr_block")
    vpc = read_network(cidr) if cidr else None
    if isinstance(vpc, str):
        yield Problem("network_cidr_block", vpc, write("network_cidr_block: 10.20.0.0/16"))
        vpc = None
    elif vpc is not None and (vpc.version != 4 or vpc.prefixlen not in VPC_PREFIXES or not vpc.is_private):
        reason = f"{vpc} cannot be a VPC's: that is an IPv4 range of private addresses, from /16 to /28"
        yield Problem("network_cidr_block", reason, write("network_cidr_block: 10.20.0.0/16"))
        vpc = None
    yield from check_subnets(inventory.get("network_subnets"), vpc, inventory.get("aws_region"))


def check_subnets(subnets: Any, vpc: Any, region: str | None) -> Iterator[Problem]:
    if subnets is None:
        return
    line = write("network_subnets: [{name: public-a, cidr_block: 10.20.0.0/20, availability_zone: a}]")
    if not subnets:
        yield Problem("network_subnets", "it is empty, so the host has nowhere to be", line)
    names = [subnet["name"] for subnet in subnets]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem("network_subnets", f"the name {name} is there more than once", line)
    ranges = []
    for subnet in subnets:
        network = read_network(subnet["cidr_block"])
        if isinstance(network, str):
            yield Problem("network_subnets", f"{subnet['name']}: {network}", line)
            continue
        if network.version != 4 or network.prefixlen not in VPC_PREFIXES:
            reason = f"{subnet['name']}: {network} cannot be a subnet's: that is an IPv4 range from /16 to /28"
            yield Problem("network_subnets", reason, line)
            continue
        ranges.append((subnet["name"], network))
        if vpc is not None and not network.subnet_of(vpc):
            reason = f"{subnet['name']}: {network} lies outside of network_cidr_block, {vpc}"
            yield Problem("network_subnets", reason, line)
        zone = str(subnet["availability_zone"])
        letter = zone[len(region) :] if region and zone.startswith(region) else zone
        if not (len(letter) == 1 and "a" <= letter <= "z"):
            reason = f"{subnet['name']}: {zone} is no zone of {region or 'the region'}"
            yield Problem("network_subnets", reason, f"{write('availability_zone: a')} (its last letter)")
    for (first, one), (second, other) in itertools.combinations(ranges, 2):
        if one.overlaps(other):
            yield Problem("network_subnets", f"{first} ({one}) and {second} ({other}) overlap", line)
