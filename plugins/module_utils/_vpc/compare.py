# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what a network is, what it should be, and the steps between. Pure.
#
# A network, as read or as wanted, is a dict:
#   cidr_block, tags, dns (both DNS attributes are on), internet_gateway {attached, tags} or None,
#   route_table {default_route, tags} or None   the one that leads to the internet gateway
#   subnets {name: {cidr_block, availability_zone, public, map_public_ip, tags}}
#   security_groups {name: {description, ingress, egress, tags}}   rules as rules.py builds them
#   default_security_group {ingress, egress} or None               the one that AWS makes with the VPC
# A network that was read has the IDs as well.

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import ALLOW_ALL
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import build_rules
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import describe_rules
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import normalise_cidr
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import normalise_permissions
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import rule_option_problems
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import rules_weight

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

DIRECTIONS = ("ingress", "egress")


class Step(NamedTuple):
    """One write: a method of NetworkWriter (ensure.py) and its arguments."""

    action: str
    arguments: dict[str, Any]


# --- what is there ---------------------------------------------------------------------------------------------


def normalise_network(name: str, read: dict[str, Any], wanted_subnets: dict[str, str]) -> dict[str, Any]:
    """The network out of what the reads returned; wanted_subnets is {name: cidr_block}.

    A subnet is known by its Name tag, and one that lost its tag by its address range.
    """
    vpc = read["vpc"]
    names = known_names(name, read)
    gateway = _find_gateway(read["internet_gateways"], vpc["VpcId"])
    route_table = next((table for table in read["route_tables"] if _tags(table).get("Name") == f"{name}-public"), None)
    main = [table for table in read["route_tables"] if any(item.get("Main") for item in table["Associations"])]
    associations = {
        item["SubnetId"]: {"association_id": item["RouteTableAssociationId"], "route_table_id": item["RouteTableId"]}
        for table in read["route_tables"]
        for item in table["Associations"]
        if item.get("SubnetId")
    }

    def group_rules(group: dict[str, Any]) -> dict[str, Any]:
        return {
            "ingress": normalise_permissions(group["IpPermissions"], names),
            "egress": normalise_permissions(group["IpPermissionsEgress"], names),
        }

    route_table_id = route_table and route_table["RouteTableId"]
    return {
        "vpc_id": vpc["VpcId"],
        "cidr_block": vpc["CidrBlock"],
        "dns": read["dns_support"] and read["dns_hostnames"],
        "tags": _tags(vpc),
        "internet_gateway": gateway,
        "route_table": route_table
        and {
            "route_table_id": route_table_id,
            "association_ids": [item["RouteTableAssociationId"] for item in route_table["Associations"]],
            "default_route": _default_route(route_table),
            "tags": _tags(route_table),
        },
        "main_route_table_id": main[0]["RouteTableId"] if main else None,
        "subnets": {
            short: {
                "subnet_id": subnet["SubnetId"],
                "cidr_block": subnet["CidrBlock"],
                "availability_zone": subnet["AvailabilityZone"],
                "public": bool(route_table_id)
                and associations.get(subnet["SubnetId"], {}).get("route_table_id") == route_table_id,
                "association_id": associations.get(subnet["SubnetId"], {}).get("association_id"),
                "map_public_ip": subnet["MapPublicIpOnLaunch"],
                "tags": _tags(subnet),
            }
            for short, subnet in _name_subnets(name, read["subnets"], wanted_subnets)
        },
        "security_groups": {
            names[group["GroupId"]]: {
                "group_id": group["GroupId"],
                "description": group["Description"],
                "tags": _tags(group),
                **group_rules(group),
            }
            for group in read["security_groups"]
            if group["GroupId"] in names
        },
        "default_security_group": next(
            (
                {"group_id": group["GroupId"], **group_rules(group)}
                for group in read["security_groups"]
                if group["GroupName"] == "default"
            ),
            None,
        ),
    }


def known_names(name: str, read: dict[str, Any]) -> dict[str, str]:
    """The names that rules are told by: of this network's own groups, without its prefix, and of prefix lists."""
    return {
        **{item["PrefixListId"]: item["PrefixListName"] for item in read["prefix_lists"]},
        **{
            group["GroupId"]: short_name(name, group["GroupName"])
            for group in read["security_groups"]
            if group["GroupName"].startswith(f"{name}-")
        },
    }


def short_name(network: str, name: str) -> str:
    return name[len(network) + 1 :]


def _tags(resource: dict[str, Any]) -> dict[str, str]:
    return boto3_tag_list_to_ansible_dict(resource.get("Tags") or [])


def _find_gateway(gateways: list[dict[str, Any]], vpc_id: str) -> dict[str, Any] | None:
    """The gateway attached to the VPC, else one of our name that is attached nowhere (a run was interrupted)."""
    attached = {item["InternetGatewayId"]: [at["VpcId"] for at in item.get("Attachments") or []] for item in gateways}
    candidates = [item for item in gateways if attached[item["InternetGatewayId"]] in ([vpc_id], [])]
    candidates.sort(key=lambda item: not attached[item["InternetGatewayId"]])
    if not candidates:
        return None
    gateway_id = candidates[0]["InternetGatewayId"]
    return {
        "internet_gateway_id": gateway_id,
        "attached": bool(attached[gateway_id]),
        "tags": _tags(candidates[0]),
    }


def _default_route(route_table: dict[str, Any]) -> str | None:
    for route in route_table["Routes"]:
        if route.get("DestinationCidrBlock") == "0.0.0.0/0":
            return route.get("GatewayId") or route.get("NatGatewayId") or "other"
    return None


def _name_subnets(
    name: str, subnets: list[dict[str, Any]], wanted: dict[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    by_name = {_tags(subnet).get("Name", ""): subnet for subnet in subnets}
    by_cidr = {subnet["CidrBlock"]: subnet for subnet in subnets if not _tags(subnet).get("Name")}
    for full, subnet in by_name.items():
        if full.startswith(f"{name}-"):
            yield short_name(name, full), subnet
    for short, cidr_block in wanted.items():
        if f"{name}-{short}" not in by_name and cidr_block in by_cidr:
            yield short, by_cidr[cidr_block]


# --- what should be there --------------------------------------------------------------------------------------


def option_problems(params: dict[str, Any]) -> Iterator[str]:
    """What the argument spec cannot say about the module's options."""
    for option in ("subnets", "security_groups"):
        names = [item["name"] for item in params[option] or []]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{option}: {name} is there twice"
    for where, cidr in [
        ("cidr_block", params["cidr_block"]),
        *((f"subnets: {subnet['name']}: cidr_block", subnet["cidr_block"]) for subnet in params["subnets"] or []),
    ]:
        try:
            normalise_cidr(cidr)
        except ValueError:
            yield f"{where}: {cidr} is not an address range such as 10.20.0.0/16"
    for group in params["security_groups"] or []:
        for direction in DIRECTIONS:
            for problem in rule_option_problems(group[direction]):
                yield f"security_groups: {group['name']}: {direction}: {problem}"


def build_network(params: dict[str, Any], region: str, names: dict[str, str]) -> dict[str, Any]:
    """The network that the module's options ask for; names as known_names() gives them."""
    name = params["name"]
    subnets = params["subnets"] or []
    gateway = params["internet_gateway"]
    public = gateway and any(subnet["public"] for subnet in subnets)

    def named(suffix: str = "") -> dict[str, str]:
        tags = {key: str(value) for key, value in (params["tags"] or {}).items()}
        return {**tags, "Name": f"{name}{suffix}"}

    return {
        "cidr_block": normalise_cidr(params["cidr_block"])[1],
        "dns": True,
        "tags": named(),
        "internet_gateway": {"attached": True, "tags": named()} if gateway else None,
        "route_table": {"default_route": "internet_gateway", "tags": named("-public")} if public else None,
        "subnets": {
            subnet["name"]: {
                "cidr_block": normalise_cidr(subnet["cidr_block"])[1],
                "availability_zone": full_zone(subnet["availability_zone"], region),
                "public": bool(gateway and subnet["public"]),
                "map_public_ip": subnet["map_public_ip_on_launch"],
                "tags": named(f"-{subnet['name']}"),
            }
            for subnet in subnets
        },
        "security_groups": {
            group["name"]: {
                "description": group["description"] or f"{name}-{group['name']}",
                "tags": named(f"-{group['name']}"),
                "ingress": build_rules(group["ingress"], names),
                "egress": dict.fromkeys(ALLOW_ALL, "")
                if group["egress"] is None
                else build_rules(group["egress"], names),
            }
            for group in params["security_groups"] or []
        },
        "default_security_group": {"ingress": {}, "egress": {}} if params["empty_default_security_group"] else None,
    }


def full_zone(zone: str | None, region: str) -> str | None:
    return f"{region}{zone}" if zone and len(zone) == 1 else zone


# --- what cannot be ------------------------------------------------------------------------------------------


def network_problems(
    desired: dict[str, Any],
    current: dict[str, Any] | None,
    prefix_lists: dict[str, dict[str, Any]],
    quota: int,
    purge_rules: bool,
) -> list[str]:
    """Everything that would make a write fail later, said before the first one."""
    return [
        *_address_problems(desired),
        *_replacement_problems(desired, current),
        *_rule_problems(desired, current, prefix_lists, quota, purge_rules),
    ]


def _address_problems(desired: dict[str, Any]) -> Iterator[str]:
    if is_unknown([desired["cidr_block"], [subnet["cidr_block"] for subnet in desired["subnets"].values()]]):
        return
    vpc = ipaddress.ip_network(desired["cidr_block"])
    networks = {name: ipaddress.ip_network(subnet["cidr_block"]) for name, subnet in desired["subnets"].items()}
    for name, network in networks.items():
        if network.version != vpc.version or not network.subnet_of(vpc):
            yield f"subnets: {name} ({network}) is not within the network's cidr_block {vpc}"
        for other in [other for other in networks if other < name]:
            if network.overlaps(networks[other]):
                yield f"subnets: {name} ({network}) overlaps {other} ({networks[other]})"


def _replacement_problems(desired: dict[str, Any], current: dict[str, Any] | None) -> Iterator[str]:
    if not current:
        return
    if current["cidr_block"] != desired["cidr_block"] and not is_unknown(desired["cidr_block"]):
        yield (
            f"cidr_block: {current['vpc_id']} has {current['cidr_block']} and AWS cannot change it. Keep that value, "
            "or delete the network first"
        )
    for name, subnet in desired["subnets"].items():
        for option in ("cidr_block", "availability_zone"):
            before = current["subnets"].get(name, {}).get(option)
            if before and subnet[option] and before != subnet[option] and not is_unknown(subnet[option]):
                yield (
                    f"subnets: {name} has {option} {before} and AWS cannot change it to {subnet[option]}. Keep that "
                    "value, or give the new subnet another name"
                )


def _rule_problems(
    desired: dict[str, Any],
    current: dict[str, Any] | None,
    prefix_lists: dict[str, dict[str, Any]],
    quota: int,
    purge_rules: bool,
) -> Iterator[str]:
    for name, group in desired["security_groups"].items():
        for direction in DIRECTIONS:
            where = f"security_groups: {name}: {direction}"
            rules = set(group[direction])
            for rule in sorted(rules):
                if is_unknown(rule.source):
                    continue
                if rule.kind == "group" and rule.source not in desired["security_groups"] and rule.source[:3] != "sg-":
                    yield f"{where} names {rule.source}, which is neither in security_groups nor a group's ID"
                if rule.kind == "prefix_list" and rule.source not in prefix_lists:
                    yield f"{where} names prefix list {rule.source}, which does not exist in this region and account"
            if not purge_rules and current:
                rules |= set(current["security_groups"].get(name, {}).get(direction, {}))
            weight = rules_weight(rules, prefix_lists)
            if weight > quota:
                yield f"{where} counts for {weight} rules, more than the {quota} that a group may have: " + "; ".join(
                    f"{rule} ({rules_weight([rule], prefix_lists)})" for rule in sorted(rules)
                )


# --- the steps between -----------------------------------------------------------------------------------------


class _Nothing(dict):
    """Stands for what does not exist yet: has no value for anything."""

    def __missing__(self, key: str) -> None:
        return None


def network_steps(
    current: dict[str, Any] | None,
    desired: dict[str, Any],
    purge: dict[str, bool],
    prefix_lists: dict[str, dict[str, Any]],
    quota: int,
) -> list[Step]:
    """The writes that turn current into desired, in the order in which AWS accepts them.

    purge tells of tags, rules, subnets and security_groups whether what is not wanted goes.
    """
    now = current or _Nothing(subnets={}, security_groups={})
    return [
        *_vpc_steps(now, desired),
        *_subnet_steps(now, desired),
        *_internet_steps(now, desired),
        *_group_steps(now, desired, purge["rules"], prefix_lists, quota),
        *(_subnet_purge_steps(now, desired) if purge["subnets"] else []),
        *(_group_purge_steps(now, desired) if purge["security_groups"] else []),
        *_tag_steps(now, desired, purge["tags"]),
    ]


def _vpc_steps(now: dict[str, Any], desired: dict[str, Any]) -> Iterator[Step]:
    if not now["vpc_id"]:
        yield Step("create_vpc", {"cidr_block": desired["cidr_block"], "tags": desired["tags"]})
    if not now["dns"]:
        yield Step("enable_dns", {})
    if desired["internet_gateway"]:
        if not now["internet_gateway"]:
            yield Step("create_internet_gateway", {"tags": desired["internet_gateway"]["tags"]})
        if not (now["internet_gateway"] or {}).get("attached"):
            yield Step("attach_internet_gateway", {})


def _subnet_steps(now: dict[str, Any], desired: dict[str, Any]) -> Iterator[Step]:
    for name, subnet in desired["subnets"].items():
        before = now["subnets"].get(name, {})
        if not before:
            yield Step(
                "create_subnet",
                {
                    "name": name,
                    "cidr_block": subnet["cidr_block"],
                    "availability_zone": subnet["availability_zone"],
                    "tags": subnet["tags"],
                },
            )
        # A new subnet of a VPC that is not the default one does not give public addresses.
        if subnet["map_public_ip"] != before.get("map_public_ip", False):
            yield Step("set_map_public_ip", {"name": name, "value": subnet["map_public_ip"]})


def _internet_steps(now: dict[str, Any], desired: dict[str, Any]) -> Iterator[Step]:
    """The way to the internet: built from the gateway outwards, taken away the other way round."""
    table = desired["route_table"]
    if table:
        if not now["route_table"]:
            yield Step("create_route_table", {"tags": table["tags"]})
        gateway_id = (now["internet_gateway"] or {}).get("internet_gateway_id")
        route = (now["route_table"] or {}).get("default_route")
        if not route:
            yield Step("create_default_route", {})
        elif route != gateway_id:
            yield Step("replace_default_route", {})
    for name, subnet in desired["subnets"].items():
        before = now["subnets"].get(name, {})
        if subnet["public"] and not before.get("public"):
            yield Step("make_subnet_public", {"name": name})
        elif table and before.get("public") and not subnet["public"]:
            yield Step("make_subnet_private", {"name": name})
    if now["route_table"] and not table:
        yield Step("delete_route_table", {})
    if now["internet_gateway"] and not desired["internet_gateway"]:
        yield Step("delete_internet_gateway", {})


def _group_steps(
    now: dict[str, Any],
    desired: dict[str, Any],
    purge_rules: bool,
    prefix_lists: dict[str, dict[str, Any]],
    quota: int,
) -> Iterator[Step]:
    # Rules may refer to any group of the network, so that all groups come before the first rule.
    for name, group in desired["security_groups"].items():
        if name not in now["security_groups"]:
            arguments = {"name": name, "description": group["description"], "tags": group["tags"]}
            yield Step("create_security_group", arguments)
    for name, group in desired["security_groups"].items():
        for direction in DIRECTIONS:
            # AWS gives a new group leave to send everything.
            new = ALLOW_ALL if direction == "egress" else {}
            before = now["security_groups"].get(name, {}).get(direction, dict.fromkeys(new, ""))
            yield from _rule_steps(name, direction, before, group[direction], purge_rules, prefix_lists, quota)
    # What AWS puts into the default group of a new VPC is there only once that is made.
    default = now["default_security_group"] or {"ingress": {}, "egress": {}}
    if desired["default_security_group"] and (not now["vpc_id"] or default["ingress"] or default["egress"]):
        yield Step("empty_default_security_group", {})


def _rule_steps(
    name: str,
    direction: str,
    before: dict[Any, str],
    wanted: dict[Any, str],
    purge_rules: bool,
    prefix_lists: dict[str, dict[str, Any]],
    quota: int,
) -> Iterator[Step]:
    where = {"name": name, "direction": direction}
    missing = {rule: text for rule, text in wanted.items() if rule not in before}
    surplus = {rule: text for rule, text in before.items() if rule not in wanted} if purge_rules else {}
    redescribed = {rule: text for rule, text in wanted.items() if rule in before and before[rule] != text}
    steps = []
    if missing:
        steps.append(Step("authorize_rules", {**where, "rules": missing}))
    if surplus:
        steps.append(Step("revoke_rules", {**where, "rules": surplus}))
    # Open before closing, so that nobody is cut off between; unless both sets together break the quota.
    if rules_weight({**before, **missing}, prefix_lists) > quota:
        steps.reverse()
    yield from steps
    if redescribed:
        yield Step("describe_rules", {**where, "rules": redescribed})


def _subnet_purge_steps(now: dict[str, Any], desired: dict[str, Any]) -> Iterator[Step]:
    for name in now["subnets"]:
        if name not in desired["subnets"]:
            yield Step("delete_subnet", {"name": name})


def _group_purge_steps(now: dict[str, Any], desired: dict[str, Any]) -> Iterator[Step]:
    unwanted = {name: group for name, group in now["security_groups"].items() if name not in desired["security_groups"]}
    # A group cannot be deleted while a rule refers to it.
    for name, group in unwanted.items():
        for direction in DIRECTIONS:
            if group[direction]:
                yield Step("revoke_rules", {"name": name, "direction": direction, "rules": group[direction]})
    for name in unwanted:
        yield Step("delete_security_group", {"name": name})


def _tag_steps(now: dict[str, Any], desired: dict[str, Any], purge_tags: bool) -> Iterator[Step]:
    """Tags of what is there already; what is made in this run gets them in the call that makes it."""
    pairs = [("vpc", now if now["vpc_id"] else None, desired)]
    pairs += [(kind, now[kind], desired[kind]) for kind in ("internet_gateway", "route_table")]
    pairs += [(f"subnet:{name}", now["subnets"].get(name), item) for name, item in desired["subnets"].items()]
    pairs += [
        (f"security_group:{name}", now["security_groups"].get(name), item)
        for name, item in desired["security_groups"].items()
    ]
    for key, before, wanted in pairs:
        if not before or not wanted:
            continue
        to_set, to_remove = compare_aws_tags(before["tags"], wanted["tags"], purge_tags)
        if to_set:
            yield Step("create_tags", {"key": key, "tags": to_set})
        if to_remove:
            yield Step("delete_tags", {"key": key, "keys": to_remove})


def deletion_steps(current: dict[str, Any]) -> list[Step]:
    """The writes that take the network away, in the order in which AWS accepts them."""
    everything_goes = {"subnets": {}, "security_groups": {}}
    steps = list(_group_purge_steps(current, everything_goes))
    if current["route_table"]:
        steps.append(Step("delete_route_table", {}))
    if current["internet_gateway"]:
        steps.append(Step("delete_internet_gateway", {}))
    steps += _subnet_purge_steps(current, everything_goes)
    steps.append(Step("delete_vpc", {}))
    return steps


def remaining_contents(name: str, read: dict[str, Any]) -> list[str]:
    """What stands in the way of deleting the VPC and is not this network's own, as a person would look for it."""
    remaining = []
    for interface in read["network_interfaces"]:
        attachment = interface.get("Attachment") or {}
        owner = attachment.get("InstanceId") or interface.get("Description") or "no description"
        remaining.append(f"network interface {interface['NetworkInterfaceId']} ({owner})")
    remaining += [
        f"subnet {subnet['SubnetId']} ({_tags(subnet).get('Name', 'no name')})"
        for subnet in read["subnets"]
        if not _tags(subnet).get("Name", "").startswith(f"{name}-")
    ]
    remaining += [
        f"security group {group['GroupId']} ({group['GroupName']})"
        for group in read["security_groups"]
        if group["GroupName"] != "default" and not group["GroupName"].startswith(f"{name}-")
    ]
    remaining += [
        f"route table {table['RouteTableId']} ({_tags(table).get('Name', 'no name')})"
        for table in read["route_tables"]
        if _tags(table).get("Name") != f"{name}-public" and not any(item.get("Main") for item in table["Associations"])
    ]
    remaining += [f"endpoint {item['VpcEndpointId']} ({item['ServiceName']})" for item in read["vpc_endpoints"]]
    return remaining


# --- what is told --------------------------------------------------------------------------------------------


def planned_network(current: dict[str, Any] | None, desired: dict[str, Any], purge: dict[str, bool]) -> dict[str, Any]:
    """What the network will be; what AWS decides stays as it is, or is UNKNOWN if it does not exist yet."""
    now = current or _Nothing(subnets={}, security_groups={})

    def tags(before: dict[str, Any] | None, wanted: dict[str, Any]) -> dict[str, str]:
        kept = {} if purge["tags"] else (before or {}).get("tags", {})
        return {**kept, **wanted["tags"]}

    def one(before: dict[str, Any] | None, wanted: dict[str, Any] | None, id_key: str) -> dict[str, Any] | None:
        if not wanted:
            return None
        return {**wanted, id_key: (before or {}).get(id_key, UNKNOWN), "tags": tags(before, wanted)}

    def many(kind: str, id_key: str, purged: bool) -> dict[str, Any]:
        kept = {} if purged else now[kind]
        return {**kept, **{name: one(now[kind].get(name), item, id_key) for name, item in desired[kind].items()}}

    planned = {
        **desired,
        "vpc_id": now["vpc_id"] or UNKNOWN,
        "tags": tags(current, desired),
        "internet_gateway": one(now["internet_gateway"], desired["internet_gateway"], "internet_gateway_id"),
        "route_table": one(now["route_table"], desired["route_table"], "route_table_id"),
        "main_route_table_id": now["main_route_table_id"] or UNKNOWN,
        "subnets": many("subnets", "subnet_id", purge["subnets"]),
        "security_groups": many("security_groups", "group_id", purge["security_groups"]),
        "default_security_group": desired["default_security_group"] or now["default_security_group"],
    }
    for name, subnet in planned["subnets"].items():
        zone = subnet["availability_zone"] or now["subnets"].get(name, {}).get("availability_zone") or UNKNOWN
        planned["subnets"][name] = {**subnet, "availability_zone": zone}
    for name, group in planned["security_groups"].items():
        before = now["security_groups"].get(name, {})
        # AWS keeps the description that a group was made with.
        description = before.get("description", group["description"])
        kept = {direction: {} if purge["rules"] else before.get(direction, {}) for direction in DIRECTIONS}
        rules = {direction: {**kept[direction], **group[direction]} for direction in DIRECTIONS}
        planned["security_groups"][name] = {**group, "description": description, **rules}
    return planned


def network_result(name: str, network: dict[str, Any] | None) -> dict[str, Any]:
    """The module's return value."""
    if not network:
        return {}
    table = network["route_table"]
    return {
        "name": name,
        "vpc_id": network["vpc_id"],
        "cidr_block": network["cidr_block"],
        "internet_gateway_id": network["internet_gateway"] and network["internet_gateway"]["internet_gateway_id"],
        "route_table_id": table["route_table_id"] if table else network["main_route_table_id"],
        "subnets": {
            short: {key: subnet[key] for key in ("subnet_id", "availability_zone", "cidr_block", "public")}
            for short, subnet in sorted(network["subnets"].items())
        },
        "security_groups": {short: group["group_id"] for short, group in sorted(network["security_groups"].items())},
        "tags": network["tags"],
    }


def network_view(network: dict[str, Any] | None) -> dict[str, Any]:
    """The network as a person reads it in a diff: names, addresses and rules rather than IDs."""
    if not network:
        return {}
    view: dict[str, Any] = {
        "cidr_block": network["cidr_block"],
        "dns_hostnames": network["dns"],
        "internet_gateway": bool(network["internet_gateway"] and network["internet_gateway"]["attached"]),
        "route_to_internet": bool(network["route_table"] and network["route_table"]["default_route"]),
        "subnets": {
            name: f"{subnet['cidr_block']} in {subnet['availability_zone']}, "
            + ("public" if subnet["public"] else "private")
            + (", gives public addresses" if subnet["map_public_ip"] else "")
            for name, subnet in network["subnets"].items()
        },
        "security_groups": {
            name: {
                "description": group["description"],
                **{direction: describe_rules(group[direction]) for direction in DIRECTIONS},
            }
            for name, group in network["security_groups"].items()
        },
        "tags": network["tags"],
        "tags_of_parts": {
            key: tags
            for key, tags in _part_tags(network)
            # What every part has is shown once, above.
            if {**tags, "Name": ""} != {**network["tags"], "Name": ""}
        },
    }
    default = network["default_security_group"]
    if default:
        view["default_security_group"] = {direction: describe_rules(default[direction]) for direction in DIRECTIONS}
    return view


def _part_tags(network: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    for kind in ("internet_gateway", "route_table"):
        if network[kind]:
            yield kind, network[kind]["tags"]
    for kind in ("subnets", "security_groups"):
        for name, part in network[kind].items():
            yield f"{kind} {name}", part["tags"]
