# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Makes the lab's network follow the emulated account: after each change, security groups, public addresses and
# names are computed anew from what the account holds, and what differs is applied.

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends

from slipway_lab import firewall
from slipway_lab import network
from slipway_lab.dns import Responder
from slipway_lab.firewall import HostRules
from slipway_lab.firewall import Rule
from slipway_lab.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Iterator
    from typing import Any

    from moto.ec2.models.instances import Instance

    from slipway_lab.context import Lab
    from slipway_lab.dns import Upstream

log = logging.getLogger(__name__)

# States in which an instance has its addresses.
PRESENT = ("pending", "running", "stopping", "stopped", "shutting-down")
ADDRESSED = ("pending", "running", "stopping")


def instances(account_id: str) -> Iterator[Instance]:
    """Those of the whole account that are not terminated."""
    for backend in list(ec2_backends[account_id].values()):
        for reservation in list(backend.reservations.values()):
            for instance in reservation.instances:
                if instance.state in PRESENT:
                    yield instance


def _peers(backend: Any, rule: Any, members: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if rule.ip_range:
        return tuple(filter(None, (rule.cidr_ipv4, rule.cidr_ipv6)))
    if rule.source_group:
        return members.get(rule.source_group.get("GroupId", ""), ())
    if rule.prefix_list_id:
        prefix_list = backend.managed_prefix_lists.get(rule.prefix_list_id)
        # The emulator gives AWS's own lists no version number, but versions of entries all the same.
        versions = prefix_list.entries if prefix_list else {}
        return tuple(entry["Cidr"] for entry in versions[max(versions)]) if versions else ()
    return ()


def _rules(backend: Any, rules: Iterable[Any], members: dict[str, tuple[str, ...]]) -> tuple[Rule, ...]:
    return tuple(
        Rule(rule.ip_protocol or "-1", rule.from_port, rule.to_port, _peers(backend, rule, members)) for rule in rules
    )


def group_members(all_instances: Iterable[Instance]) -> dict[str, tuple[str, ...]]:
    """Security group id -> the private addresses of the instances in it."""
    members: dict[str, list[str]] = {}
    for instance in all_instances:
        for group in instance.security_groups:
            members.setdefault(group.id, []).append(instance.private_ip)
    return {group_id: tuple(found) for group_id, found in members.items()}


def way_out(instance: Instance) -> tuple[bool, str | None]:
    """Whether an instance's subnet leads to an internet gateway, and the address of the NAT gateway it leads to."""
    backend = instance.ec2_backend
    tables = backend.describe_route_tables(filters={"association.subnet-id": [instance.subnet_id]})
    tables = tables or backend.describe_route_tables(
        filters={"vpc-id": [instance.vpc_id], "association.main": ["true"]}
    )
    for table in tables:
        for route in table.routes:
            if route.destination_cidr_block != "0.0.0.0/0":
                continue
            gateway = getattr(route, "gateway", None)
            if gateway is not None and gateway.id.startswith("igw-") and getattr(gateway, "vpc", None):
                return True, None
            nat = getattr(route, "nat_gateway", None)
            if nat is not None and nat.state == "available":
                return False, nat._eni.public_ip
    return False, None


def host_rules(instance: Instance, members: dict[str, tuple[str, ...]]) -> HostRules:
    to_internet, nat_address = way_out(instance)
    public = instance.public_ip if to_internet else None
    backend = instance.ec2_backend
    ingress = [rule for group in instance.security_groups for rule in group.ingress_rules]
    egress = [rule for group in instance.security_groups for rule in group.egress_rules]
    return HostRules(
        interface=network.host_interface(instance.id),
        private_address=instance.private_ip or "",
        public_address=public,
        outgoing_address=public or nat_address,
        ingress=_rules(backend, ingress, members),
        egress=_rules(backend, egress, members),
    )


@dataclass
class _Vpc:
    """A VPC's namespace, and what listens in it."""

    ends: list[Callable[[], None]]
    ruleset: str = ""


class Fabric:
    def __init__(self, lab: Lab, upstream: Upstream | None) -> None:
        self._lab = lab
        self._lock = threading.RLock()
        self._vpcs: dict[str, _Vpc] = {}
        # Public address -> the VPC to which it leads.
        self._routes: dict[str, str] = {}
        self._names: dict[str, str] = {}
        # VPC -> what names of instances mean to its hosts. AWS answers an instance's public name with its private
        # address when asked from its own network.
        self._inside: dict[str, dict[str, str]] = {}
        self._metadata = Metadata()
        self._upstream = upstream

    def add_vpc(self, vpc_id: str) -> None:
        """Have the namespace of a VPC, with metadata and DNS for its hosts."""
        with self._lock:
            if vpc_id in self._vpcs or self._upstream is None:
                return
            network.add_vpc(self._lab.number, vpc_id)
            namespace = network.vpc_namespace(self._lab.number, vpc_id)
            network.apply_nft(firewall.render([]), namespace)
            responder = Responder(
                lambda name: self._resolve(vpc_id, name),
                self._lab.api_address,
                self._upstream,
                self._lab.public_dns.look_up,
            )
            ends = [
                self._metadata.serve(namespace, lambda address: self._find(vpc_id, address)),
                responder.serve(namespace),
            ]
            self._vpcs[vpc_id] = _Vpc(ends)

    def remove_vpc(self, vpc_id: str) -> None:
        with self._lock:
            vpc = self._vpcs.pop(vpc_id, None)
            if vpc:
                for end in vpc.ends:
                    end()
                network.remove_vpc(self._lab.number, vpc_id)
                self._routes = {address: target for address, target in self._routes.items() if target != vpc_id}

    def _resolve(self, vpc_id: str, name: str) -> str | None:
        return self._inside.get(vpc_id, {}).get(name) or self._lab.names.resolve(name)

    def _find(self, vpc_id: str, address: str) -> Instance | None:
        for instance in instances(self._lab.account_id):
            if instance.vpc_id == vpc_id and instance.private_ip == address:
                return instance
        return None

    def follow(self) -> None:
        """Bring network and names to what the account holds now."""
        with self._lock:
            present = list(instances(self._lab.account_id))
            self._follow_names([instance for instance in present if instance.state in ADDRESSED])
            if self._upstream is None:
                return
            for vpc_id in list(self._vpcs):
                if not self._exists(vpc_id):
                    self.remove_vpc(vpc_id)
            members = group_members(present)
            routes: dict[str, str] = {}
            for vpc_id, vpc in self._vpcs.items():
                hosts = [host_rules(instance, members) for instance in present if instance.vpc_id == vpc_id]
                ruleset = firewall.render(hosts)
                if ruleset != vpc.ruleset:
                    network.apply_nft(ruleset, network.vpc_namespace(self._lab.number, vpc_id))
                    vpc.ruleset = ruleset
                routes |= {
                    address: vpc_id
                    for host in hosts
                    for address in (host.public_address, host.outgoing_address)
                    if address
                }
            self._follow_routes(routes)

    def _exists(self, vpc_id: str) -> bool:
        return any(vpc_id in backend.vpcs for backend in list(ec2_backends[self._lab.account_id].values()))

    def _follow_routes(self, routes: dict[str, str]) -> None:
        for address in self._routes.keys() - routes.keys():
            network.unroute_public(self._lab.number, address)
        for address, vpc_id in routes.items():
            if self._routes.get(address) != vpc_id:
                network.route_public(self._lab.number, address, vpc_id)
        self._routes = routes

    def _follow_names(self, present: list[Instance]) -> None:
        names: dict[str, str] = {}
        inside: dict[str, dict[str, str]] = {}
        for instance in present:
            own = inside.setdefault(instance.vpc_id or "", {})
            own[instance.private_dns_name] = instance.private_ip or ""
            if instance.public_ip and instance.public_dns_name:
                names[instance.public_dns_name] = instance.public_ip
                own[instance.public_dns_name] = instance.private_ip or ""
        self._inside = inside
        for name in self._names.keys() - names.keys():
            self._lab.names.withdraw(name)
        for name, address in names.items():
            if self._names.get(name) != address:
                self._lab.names.publish(name, address)
        self._names = names
