# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to EC2 that a network is made of.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_specifications

from ansible_collections.slipway.aws.plugins.module_utils._ec2.api import retry
from ansible_collections.slipway.aws.plugins.module_utils._ec2.api import retry_until_visible
from ansible_collections.slipway.aws.plugins.module_utils._ec2.errors import EC2ErrorHandler

if TYPE_CHECKING:
    from typing import Any


def _read(client: Any, operation: str, key: str, filters: dict[str, str]) -> list[dict[str, Any]]:
    query = [{"Name": name, "Values": [value]} for name, value in filters.items()]
    return client.get_paginator(operation).paginate(Filters=query).build_full_result()[key]


@EC2ErrorHandler.list_error_handler("list VPCs named {name}", [])
@retry
def list_vpcs(client: Any, name: str) -> list[dict[str, Any]]:
    return _read(client, "describe_vpcs", "Vpcs", {"tag:Name": name, "is-default": "false"})


@EC2ErrorHandler.common_error_handler("read attribute {attribute} of VPC {vpc_id}")
@retry
def get_vpc_attribute(client: Any, vpc_id: str, attribute: str) -> bool:
    answer = client.describe_vpc_attribute(VpcId=vpc_id, Attribute=attribute)
    return answer[attribute[0].upper() + attribute[1:]]["Value"]


@EC2ErrorHandler.list_error_handler("list subnets of VPC {vpc_id}", [])
@retry
def list_subnets(client: Any, vpc_id: str) -> list[dict[str, Any]]:
    return _read(client, "describe_subnets", "Subnets", {"vpc-id": vpc_id})


@EC2ErrorHandler.list_error_handler("list internet gateways whose {attribute} is {value}", [])
@retry
def list_internet_gateways(client: Any, attribute: str, value: str) -> list[dict[str, Any]]:
    return _read(client, "describe_internet_gateways", "InternetGateways", {attribute: value})


@EC2ErrorHandler.list_error_handler("list route tables of VPC {vpc_id}", [])
@retry
def list_route_tables(client: Any, vpc_id: str) -> list[dict[str, Any]]:
    return _read(client, "describe_route_tables", "RouteTables", {"vpc-id": vpc_id})


@EC2ErrorHandler.list_error_handler("list security groups of VPC {vpc_id}", [])
@retry
def list_security_groups(client: Any, vpc_id: str) -> list[dict[str, Any]]:
    return _read(client, "describe_security_groups", "SecurityGroups", {"vpc-id": vpc_id})


@EC2ErrorHandler.list_error_handler("list network interfaces of VPC {vpc_id}", [])
@retry
def list_network_interfaces(client: Any, vpc_id: str) -> list[dict[str, Any]]:
    return _read(client, "describe_network_interfaces", "NetworkInterfaces", {"vpc-id": vpc_id})


@EC2ErrorHandler.list_error_handler("list endpoints of VPC {vpc_id}", [])
@retry
def list_vpc_endpoints(client: Any, vpc_id: str) -> list[dict[str, Any]]:
    return _read(client, "describe_vpc_endpoints", "VpcEndpoints", {"vpc-id": vpc_id})


@EC2ErrorHandler.common_error_handler("create VPC {tags[Name]} with address range {cidr_block}")
@retry
def create_vpc(client: Any, cidr_block: str, tags: dict[str, str]) -> str:
    specifications = boto3_tag_specifications(tags, types="vpc")
    return client.create_vpc(CidrBlock=cidr_block, TagSpecifications=specifications)["Vpc"]["VpcId"]


@EC2ErrorHandler.common_error_handler("wait until VPC {vpc_id} is available")
def wait_for_vpc(client: Any, vpc_id: str) -> None:
    # By a filter, because a VPC that is not seen yet is no error then.
    found = [{"Name": "vpc-id", "Values": [vpc_id]}]
    client.get_waiter("vpc_available").wait(Filters=found, WaiterConfig={"Delay": 2, "MaxAttempts": 60})


@EC2ErrorHandler.common_error_handler("set attribute {attribute} of VPC {vpc_id}")
@retry_until_visible
def enable_vpc_attribute(client: Any, vpc_id: str, attribute: str) -> None:
    client.modify_vpc_attribute(VpcId=vpc_id, **{attribute: {"Value": True}})


@EC2ErrorHandler.deletion_error_handler("delete VPC {vpc_id}")
@retry
def delete_vpc(client: Any, vpc_id: str) -> None:
    client.delete_vpc(VpcId=vpc_id)


@EC2ErrorHandler.common_error_handler("create internet gateway {tags[Name]}")
@retry
def create_internet_gateway(client: Any, tags: dict[str, str]) -> str:
    specifications = boto3_tag_specifications(tags, types="internet-gateway")
    answer = client.create_internet_gateway(TagSpecifications=specifications)
    return answer["InternetGateway"]["InternetGatewayId"]


@EC2ErrorHandler.common_error_handler("attach internet gateway {gateway_id} to VPC {vpc_id}")
@retry_until_visible
def attach_internet_gateway(client: Any, gateway_id: str, vpc_id: str) -> None:
    client.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)


@EC2ErrorHandler.deletion_error_handler("detach internet gateway {gateway_id} from VPC {vpc_id}")
@retry
def detach_internet_gateway(client: Any, gateway_id: str, vpc_id: str) -> None:
    client.detach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)


@EC2ErrorHandler.deletion_error_handler("delete internet gateway {gateway_id}")
@retry
def delete_internet_gateway(client: Any, gateway_id: str) -> None:
    client.delete_internet_gateway(InternetGatewayId=gateway_id)


@EC2ErrorHandler.common_error_handler("create subnet {tags[Name]} with address range {cidr_block}")
@retry_until_visible
def create_subnet(
    client: Any, vpc_id: str, cidr_block: str, availability_zone: str | None, tags: dict[str, str]
) -> str:
    place = {"AvailabilityZone": availability_zone} if availability_zone else {}
    specifications = boto3_tag_specifications(tags, types="subnet")
    answer = client.create_subnet(VpcId=vpc_id, CidrBlock=cidr_block, TagSpecifications=specifications, **place)
    return answer["Subnet"]["SubnetId"]


@EC2ErrorHandler.common_error_handler("set whether instances of subnet {subnet_id} get a public address")
@retry_until_visible
def set_map_public_ip(client: Any, subnet_id: str, value: bool) -> None:
    client.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": value})


@EC2ErrorHandler.deletion_error_handler("delete subnet {subnet_id}")
@retry
def delete_subnet(client: Any, subnet_id: str) -> None:
    client.delete_subnet(SubnetId=subnet_id)


@EC2ErrorHandler.common_error_handler("create route table {tags[Name]}")
@retry_until_visible
def create_route_table(client: Any, vpc_id: str, tags: dict[str, str]) -> str:
    specifications = boto3_tag_specifications(tags, types="route-table")
    answer = client.create_route_table(VpcId=vpc_id, TagSpecifications=specifications)
    return answer["RouteTable"]["RouteTableId"]


@EC2ErrorHandler.common_error_handler("create the default route of route table {route_table_id} to {gateway_id}")
@retry_until_visible
def create_default_route(client: Any, route_table_id: str, gateway_id: str) -> None:
    client.create_route(RouteTableId=route_table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)


@EC2ErrorHandler.common_error_handler(
    "replace the default route of route table {route_table_id} by one to {gateway_id}"
)
@retry_until_visible
def replace_default_route(client: Any, route_table_id: str, gateway_id: str) -> None:
    client.replace_route(RouteTableId=route_table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)


@EC2ErrorHandler.common_error_handler("associate route table {route_table_id} with subnet {subnet_id}")
@retry_until_visible
def associate_route_table(client: Any, route_table_id: str, subnet_id: str) -> None:
    client.associate_route_table(RouteTableId=route_table_id, SubnetId=subnet_id)


@EC2ErrorHandler.common_error_handler(
    "give subnet another route table by replacing {association_id} with {route_table_id}"
)
@retry_until_visible
def replace_route_table_association(client: Any, association_id: str, route_table_id: str) -> None:
    client.replace_route_table_association(AssociationId=association_id, RouteTableId=route_table_id)


@EC2ErrorHandler.deletion_error_handler("remove association {association_id} from its route table")
@retry
def disassociate_route_table(client: Any, association_id: str) -> None:
    client.disassociate_route_table(AssociationId=association_id)


@EC2ErrorHandler.deletion_error_handler("delete route table {route_table_id}")
@retry
def delete_route_table(client: Any, route_table_id: str) -> None:
    client.delete_route_table(RouteTableId=route_table_id)


@EC2ErrorHandler.common_error_handler("create security group {group_name}")
@retry_until_visible
def create_security_group(client: Any, vpc_id: str, group_name: str, description: str, tags: dict[str, str]) -> str:
    specifications = boto3_tag_specifications(tags, types="security-group")
    answer = client.create_security_group(
        VpcId=vpc_id, GroupName=group_name, Description=description, TagSpecifications=specifications
    )
    return answer["GroupId"]


@EC2ErrorHandler.deletion_error_handler("delete security group {group_id}")
@retry
def delete_security_group(client: Any, group_id: str) -> None:
    client.delete_security_group(GroupId=group_id)


@EC2ErrorHandler.common_error_handler("add {direction} rules to security group {group_id}")
@retry_until_visible
def authorize_rules(client: Any, group_id: str, direction: str, permissions: list[dict[str, Any]]) -> None:
    getattr(client, f"authorize_security_group_{direction}")(GroupId=group_id, IpPermissions=permissions)


@EC2ErrorHandler.common_error_handler("remove {direction} rules from security group {group_id}")
@retry_until_visible
def revoke_rules(client: Any, group_id: str, direction: str, permissions: list[dict[str, Any]]) -> None:
    getattr(client, f"revoke_security_group_{direction}")(GroupId=group_id, IpPermissions=permissions)


@EC2ErrorHandler.common_error_handler("describe {direction} rules of security group {group_id}")
@retry_until_visible
def update_rule_descriptions(client: Any, group_id: str, direction: str, permissions: list[dict[str, Any]]) -> None:
    update = getattr(client, f"update_security_group_rule_descriptions_{direction}")
    update(GroupId=group_id, IpPermissions=permissions)
