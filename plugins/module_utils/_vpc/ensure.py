# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads a network in two batches, and carries out the steps that compare.py decided.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.ec2 import AnsibleEC2Error
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._ec2 import api as ec2_api
from ansible_collections.slipway.aws.plugins.module_utils._vpc import api
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import remaining_contents
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import build_permissions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import Step


def read_network(client: Any, name: str) -> dict[str, Any]:
    """All that normalise_network() needs; "vpc" is None if there is no VPC of that name."""
    read = gather(
        vpcs=lambda: api.list_vpcs(client, name),
        prefix_lists=lambda: ec2_api.list_managed_prefix_lists(client),
    )
    vpcs = read["vpcs"]
    if len(vpcs) > 1:
        ids = ", ".join(vpc["VpcId"] for vpc in vpcs)
        raise AnsibleEC2Error(
            f"There are {len(vpcs)} VPCs named {name} ({ids}), so which one is meant is not clear. "
            "Rename or delete all but one of them"
        )
    if not vpcs:
        return {"vpc": None, "security_groups": [], "prefix_lists": read["prefix_lists"]}
    vpc_id = vpcs[0]["VpcId"]
    parts = gather(
        subnets=lambda: api.list_subnets(client, vpc_id),
        route_tables=lambda: api.list_route_tables(client, vpc_id),
        security_groups=lambda: api.list_security_groups(client, vpc_id),
        attached_gateways=lambda: api.list_internet_gateways(client, "attachment.vpc-id", vpc_id),
        named_gateways=lambda: api.list_internet_gateways(client, "tag:Name", name),
        dns_support=lambda: api.get_vpc_attribute(client, vpc_id, "enableDnsSupport"),
        dns_hostnames=lambda: api.get_vpc_attribute(client, vpc_id, "enableDnsHostnames"),
    )
    gateways = parts.pop("attached_gateways") + parts.pop("named_gateways")
    return {"vpc": vpcs[0], "internet_gateways": gateways, "prefix_lists": read["prefix_lists"], **parts}


def refuse_foreign_contents(client: Any, name: str, read: dict[str, Any]) -> None:
    """Fail, before anything is deleted, if the VPC holds what is not the network's own."""
    vpc_id = read["vpc"]["VpcId"]
    more = gather(
        network_interfaces=lambda: api.list_network_interfaces(client, vpc_id),
        vpc_endpoints=lambda: api.list_vpc_endpoints(client, vpc_id),
    )
    remaining = remaining_contents(name, {**read, **more})
    if remaining:
        raise AnsibleEC2Error(
            f"Network {name} ({vpc_id}) is not deleted, because these are still in it: {', '.join(remaining)}. "
            "Delete what they belong to first"
        )


class NetworkWriter:
    """Carries out steps. Knows the IDs that were there, and learns those that it makes."""

    def __init__(self, client: Any, name: str, current: dict[str, Any] | None, names: dict[str, str]) -> None:
        current = current or {"subnets": {}, "security_groups": {}}
        self.client = client
        self.name = name
        self.vpc_id = current.get("vpc_id")
        self.gateway_id = (current.get("internet_gateway") or {}).get("internet_gateway_id")
        self.gateway_attached = (current.get("internet_gateway") or {}).get("attached", False)
        self.route_table_id = (current.get("route_table") or {}).get("route_table_id")
        self.route_table_associations = (current.get("route_table") or {}).get("association_ids", [])
        self.subnet_ids = {name: subnet["subnet_id"] for name, subnet in current["subnets"].items()}
        self.association_ids = {name: subnet["association_id"] for name, subnet in current["subnets"].items()}
        self.group_ids = {name: group["group_id"] for name, group in current["security_groups"].items()}
        self.prefix_list_ids = {name: identifier for identifier, name in names.items() if identifier[:3] == "pl-"}

    def apply(self, steps: Iterable[Step]) -> None:
        for step in steps:
            try:
                getattr(self, step.action)(**step.arguments)
            except is_ansible_aws_error_code("DependencyViolation") as error:
                raise AnsibleEC2Error(
                    f"{error.message}. Something else still uses it; AWS says so without saying what. Look for it in "
                    f"{self.vpc_id}, delete it there, then run again",
                    error.exception,
                ) from error

    def create_vpc(self, cidr_block: str, tags: dict[str, str]) -> None:
        self.vpc_id = api.create_vpc(self.client, cidr_block, tags)
        api.wait_for_vpc(self.client, self.vpc_id)

    def enable_dns(self) -> None:
        # One attribute a call is all that AWS accepts, and host names need the other one first.
        api.enable_vpc_attribute(self.client, self.vpc_id, "EnableDnsSupport")
        api.enable_vpc_attribute(self.client, self.vpc_id, "EnableDnsHostnames")

    def delete_vpc(self) -> None:
        api.delete_vpc(self.client, self.vpc_id)

    def create_internet_gateway(self, tags: dict[str, str]) -> None:
        self.gateway_id = api.create_internet_gateway(self.client, tags)

    def attach_internet_gateway(self) -> None:
        api.attach_internet_gateway(self.client, self.gateway_id, self.vpc_id)
        self.gateway_attached = True

    def delete_internet_gateway(self) -> None:
        if self.gateway_attached:
            api.detach_internet_gateway(self.client, self.gateway_id, self.vpc_id)
        api.delete_internet_gateway(self.client, self.gateway_id)

    def create_subnet(self, name: str, cidr_block: str, availability_zone: str | None, tags: dict[str, str]) -> None:
        self.subnet_ids[name] = api.create_subnet(self.client, self.vpc_id, cidr_block, availability_zone, tags)

    def set_map_public_ip(self, name: str, value: bool) -> None:
        api.set_map_public_ip(self.client, self.subnet_ids[name], value)

    def delete_subnet(self, name: str) -> None:
        api.delete_subnet(self.client, self.subnet_ids[name])

    def create_route_table(self, tags: dict[str, str]) -> None:
        self.route_table_id = api.create_route_table(self.client, self.vpc_id, tags)

    def create_default_route(self) -> None:
        api.create_default_route(self.client, self.route_table_id, self.gateway_id)

    def replace_default_route(self) -> None:
        api.replace_default_route(self.client, self.route_table_id, self.gateway_id)

    def make_subnet_public(self, name: str) -> None:
        association_id = self.association_ids.get(name)
        if association_id:
            api.replace_route_table_association(self.client, association_id, self.route_table_id)
        else:
            api.associate_route_table(self.client, self.route_table_id, self.subnet_ids[name])

    def make_subnet_private(self, name: str) -> None:
        api.disassociate_route_table(self.client, self.association_ids[name])

    def delete_route_table(self) -> None:
        for association_id in self.route_table_associations:
            api.disassociate_route_table(self.client, association_id)
        api.delete_route_table(self.client, self.route_table_id)

    def create_security_group(self, name: str, description: str, tags: dict[str, str]) -> None:
        full_name = f"{self.name}-{name}"
        self.group_ids[name] = api.create_security_group(self.client, self.vpc_id, full_name, description, tags)

    def authorize_rules(self, name: str, direction: str, rules: dict[Any, str]) -> None:
        api.authorize_rules(self.client, self.group_ids[name], direction, self._permissions(rules))

    def revoke_rules(self, name: str, direction: str, rules: dict[Any, str]) -> None:
        api.revoke_rules(self.client, self.group_ids[name], direction, self._permissions(rules))

    def describe_rules(self, name: str, direction: str, rules: dict[Any, str]) -> None:
        api.update_rule_descriptions(self.client, self.group_ids[name], direction, self._permissions(rules))

    def delete_security_group(self, name: str) -> None:
        api.delete_security_group(self.client, self.group_ids[name])

    def empty_default_security_group(self) -> None:
        for group in api.list_security_groups(self.client, self.vpc_id):
            if group["GroupName"] == "default":
                for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
                    if group[key]:
                        api.revoke_rules(self.client, group["GroupId"], direction, group[key])

    def create_tags(self, key: str, tags: dict[str, str]) -> None:
        ec2_api.create_tags(self.client, self._tagged_id(key), tags)

    def delete_tags(self, key: str, keys: list[str]) -> None:
        ec2_api.delete_tags(self.client, self._tagged_id(key), keys)

    def _tagged_id(self, key: str) -> str:
        kind, _separator, name = key.partition(":")
        if kind in ("subnet", "security_group"):
            return (self.subnet_ids if kind == "subnet" else self.group_ids)[name]
        return {"vpc": self.vpc_id, "internet_gateway": self.gateway_id, "route_table": self.route_table_id}[kind]

    def _permissions(self, rules: dict[Any, str]) -> list[dict[str, Any]]:
        ids = {"group": self.group_ids, "prefix_list": self.prefix_list_ids}
        return build_permissions(rules, lambda kind, source: ids[kind].get(source, source))
