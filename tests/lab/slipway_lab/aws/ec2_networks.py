# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# VPCs and security groups: what AWS refuses and the emulator does not.

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from moto.ec2.models.internet_gateways import InternetGatewayBackend
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.subnets import SubnetBackend
from moto.ec2.models.vpcs import VPCBackend
from moto.ec2.responses.security_groups import SecurityGroups

from slipway_lab.aws import ec2_errors
from slipway_lab.aws.ec2_addresses import elastic_address_of
from slipway_lab.aws.patching import wraps

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

RULES_PER_GROUP = 60
# What a rule that names an AWS-managed prefix list counts for; others of AWS's count once.
# https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html
WEIGHTS = {"com.amazonaws.global.cloudfront.origin-facing": 55, "com.amazonaws.global.groundstation": 5}


def weight_of(prefix_list: Any, account_id: str) -> int:
    if prefix_list.owner_id == account_id:
        return int(prefix_list.max_entries or 1)
    return WEIGHTS.get(prefix_list.prefix_list_name, 1)


def total_weight(rules: Iterable[Any], prefix_lists: dict[str, Any], account_id: str) -> int:
    """How much of a group's quota rules use."""
    total = 0
    for rule in rules:
        prefix_list = prefix_lists.get(rule.prefix_list_id) if rule.prefix_list_id else None
        total += weight_of(prefix_list, account_id) if prefix_list else 1
    return total


def nics_in(backend: Any, group: SecurityGroup) -> list[str]:
    return [nic.id for nic in backend.enis.values() if group in nic.group_set]


def groups_that_name(backend: Any, group: SecurityGroup) -> list[str]:
    return [
        other.id
        for groups in backend.groups.values()
        for other in groups.values()
        if other is not group
        and any(
            rule.source_group and rule.source_group.get("GroupId") == group.id
            for rule in (*other.ingress_rules, *other.egress_rules)
        )
    ]


def install() -> None:
    _install_dependencies()
    _install_nat_gateways()
    _install_rule_descriptions()
    _install_rule_quota()


def _install_dependencies() -> None:
    @wraps(SubnetBackend, "delete_subnet")
    def delete_subnet(original: Any, self: Any, subnet_id: str) -> Any:
        if any(nic.subnet.id == subnet_id for nic in self.enis.values()):
            raise ec2_errors.dependency(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
        for table in self.route_tables.values():
            for association, target in list(table._associations.items()):
                if target == subnet_id:
                    del table._associations[association]
        return original(subnet_id)

    @wraps(SecurityGroups, "delete_security_group")
    def delete_security_group(original: Any, self: Any) -> Any:
        backend = self.ec2_backend
        group = backend.get_security_group_by_name_or_id(self._get_param("GroupId") or self._get_param("GroupName"))
        if group:
            if group.name == "default":
                raise ec2_errors.default_group(group.id)
            if nics_in(backend, group) or groups_that_name(backend, group):
                raise ec2_errors.dependency(f"resource {group.id} has a dependent object")
        return original()

    @wraps(InternetGatewayBackend, "detach_internet_gateway")
    def detach_internet_gateway(original: Any, self: Any, internet_gateway_id: str, vpc_id: str) -> Any:
        if any(nic.public_ip and nic.vpc_id == vpc_id for nic in self.enis.values()):
            raise ec2_errors.dependency(
                f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es)"
                " before detaching the gateway."
            )
        return original(internet_gateway_id, vpc_id)

    @wraps(VPCBackend, "delete_vpc")
    def delete_vpc(original: Any, self: Any, vpc_id: str) -> Any:
        gateways = any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in self.internet_gateways.values())
        groups = [group for group in self.groups.get(vpc_id, {}).values() if group.name != "default"]
        nics = any(nic.vpc_id == vpc_id for nic in self.enis.values())
        if gateways or groups or nics:
            raise ec2_errors.dependency(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
        vpc = original(vpc_id)
        self.groups.pop(vpc_id, None)
        return vpc


def _install_nat_gateways() -> None:
    @wraps(NatGatewayBackend, "delete_nat_gateway")
    def delete_nat_gateway(original: Any, self: Any, nat_gateway_id: str) -> Any:
        """Its interface goes with it, and its address is free again; the emulator leaves both."""
        gateway = original(nat_gateway_id)
        address = elastic_address_of(gateway._eni)
        if address is not None:
            self.disassociate_address(address=address.public_ip)
        self.enis.pop(gateway._eni.id, None)
        return gateway


def _install_rule_descriptions() -> None:
    """A rule that names a prefix list keeps its description, which the emulator drops."""

    @wraps(SecurityGroupRule, "__init__")
    def init(original: Any, self: Any, *arguments: Any, **options: Any) -> None:
        original(*arguments, **options)
        given = inspect.signature(original).bind(*arguments, **options).arguments.get("prefix_list_id")
        self.prefix_list_description = (given or {}).get("Description")

    @wraps(SecurityGroup, "_flattened_rules")
    def flattened(original: Any, self: Any, rules: list[Any]) -> Any:
        views = original(rules)
        for view in views:
            for entry in view.prefix_list_ids:
                for rule in rules:
                    same_port = (rule.ip_protocol, rule.from_port, rule.to_port) == (
                        view.ip_protocol,
                        view.from_port,
                        view.to_port,
                    )
                    if same_port and rule.prefix_list_id == entry["PrefixListId"] and rule.prefix_list_description:
                        entry["Description"] = rule.prefix_list_description
        return views


def _install_rule_quota() -> None:
    @wraps(SecurityGroupBackend, "_verify_group_will_respect_rule_count_limit")
    def verify(original: Any, self: Any, group: SecurityGroup, *_counts: Any, **_options: Any) -> None:
        # The emulator counts a prefix list as nothing; see add_within_quota.
        return

    def add_within_quota(direction: str) -> None:
        attribute = f"{direction}_rules"

        @wraps(SecurityGroup, f"add_{direction}_rule")
        def add_rule(original: Any, self: SecurityGroup, rule: Any) -> None:
            original(rule)
            backend = self.ec2_backend
            rules = getattr(self, attribute)
            if total_weight(rules, backend.managed_prefix_lists, backend.account_id) > RULES_PER_GROUP:
                raise ec2_errors.rules_exceeded()

        @wraps(SecurityGroups, f"authorize_security_group_{direction}")
        def authorize(original: Any, self: Any) -> Any:
            """All rules of a call, or none: the emulator keeps those before the one that it refuses."""
            group = self.ec2_backend.get_security_group_by_name_or_id(
                self._get_param("GroupId") or self._get_param("GroupName")
            )
            before = list(getattr(group, attribute)) if group else []
            try:
                return original()
            except Exception:
                if group:
                    setattr(group, attribute, before)
                raise

    add_within_quota("ingress")
    add_within_quota("egress")
