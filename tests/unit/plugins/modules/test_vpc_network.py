# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.modules import vpc_network

PARAMS = {
    "name": "shop",
    "cidr_block": "10.20.0.0/16",
    "subnets": [
        {"name": "a", "cidr_block": "10.20.0.0/24", "availability_zone": "a"},
        {"name": "b", "cidr_block": "10.20.1.0/24", "availability_zone": "b", "public": False},
    ],
    "security_groups": [
        {"name": "web", "ingress": [{"port": 80, "cidr_blocks": ["192.0.2.1"], "description": "Me"}]},
        {"name": "db", "ingress": [{"port": 5432, "security_groups": ["web"]}], "egress": []},
    ],
    "tags": {"Project": "shop"},
}


@pytest.fixture
def ec2(stubbed):
    return stubbed("ec2")


def named(name):
    return {"Filters": [{"Name": "tag:Name", "Values": [name]}, {"Name": "is-default", "Values": ["false"]}]}


@pytest.mark.usefixtures("sequential_reads")
def test_two_networks_of_one_name_are_refused(call_module, ec2):
    vpcs = [{"VpcId": "vpc-1"}, {"VpcId": "vpc-2"}]
    ec2.stubber.add_response("describe_vpcs", {"Vpcs": vpcs}, named("shop"))
    ec2.stubber.add_response("describe_managed_prefix_lists", {"PrefixLists": []}, {})
    result = call_module(vpc_network, PARAMS, {"ec2": ec2})
    assert "There are 2 VPCs named shop (vpc-1, vpc-2)" in result["msg"]


@pytest.mark.usefixtures("sequential_reads")
def test_a_refused_read_says_what_to_allow(call_module, ec2):
    ec2.stubber.add_client_error("describe_vpcs", "UnauthorizedOperation", "You are not authorized")
    result = call_module(vpc_network, PARAMS, {"ec2": ec2})
    assert result["msg"].startswith("Failed to list VPCs named shop. Allow ec2:DescribeVpcs to the identity")


@pytest.mark.usefixtures("sequential_reads")
def test_the_name_tag_is_in_the_call_that_makes_the_vpc(call_module, ec2):
    ec2.stubber.add_response("describe_vpcs", {"Vpcs": []}, named("shop"))
    ec2.stubber.add_response("describe_managed_prefix_lists", {"PrefixLists": []}, {})
    tags = [{"Key": "Project", "Value": "shop"}, {"Key": "Name", "Value": "shop"}]
    ec2.stubber.add_client_error(
        "create_vpc",
        "VpcLimitExceeded",
        "The maximum number of VPCs has been reached.",
        expected_params={
            "CidrBlock": "10.20.0.0/16",
            "TagSpecifications": [{"ResourceType": "vpc", "Tags": tags}],
        },
    )
    result = call_module(vpc_network, PARAMS, {"ec2": ec2})
    assert "Failed to create VPC shop with address range 10.20.0.0/16" in result["msg"]
    assert "VpcLimitExceeded" in result["msg"]


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.usefixtures("sequential_reads")
def test_check_mode_on_an_empty_account_reads_twice_and_writes_nothing(call_module, ec2, state):
    ec2.stubber.add_response("describe_vpcs", {"Vpcs": []}, named("shop"))
    ec2.stubber.add_response("describe_managed_prefix_lists", {"PrefixLists": []}, {})
    result = call_module(vpc_network, {**PARAMS, "state": state}, {"ec2": ec2}, check_mode=True, diff=True)
    assert result["changed"] is (state == "present")
    assert result["diff"]["before"] == {}
    assert bool(result["network"]) is (state == "present")


def test_a_placeholder_is_refused_outside_check_mode(call_module):
    groups = [{"name": "web", "ingress": [{"port": 80, "cidr_blocks": ["(known after apply)"]}]}]
    result = call_module(vpc_network, {**PARAMS, "security_groups": groups}, {})
    assert result["msg"].startswith("security_groups: (known after apply) is a placeholder")


def inspect_network(clients, result):
    ec2 = clients["ec2"]
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["shop"]}])["Vpcs"]
    assert [vpc["VpcId"] for vpc in vpcs] == [result["network"]["vpc_id"]]
    within = [{"Name": "vpc-id", "Values": [vpcs[0]["VpcId"]]}]
    assert len(ec2.describe_subnets(Filters=within)["Subnets"]) == 2
    assert len(ec2.describe_route_tables(Filters=within)["RouteTables"]) == 2
    gateways = ec2.describe_internet_gateways(Filters=[{"Name": "tag:Name", "Values": ["shop"]}])["InternetGateways"]
    assert len(gateways) == 1
    groups = {group["GroupName"]: group for group in ec2.describe_security_groups(Filters=within)["SecurityGroups"]}
    assert sorted(groups) == ["default", "shop-db", "shop-web"]
    assert groups["default"]["IpPermissionsEgress"] == []


def test_killed_anywhere_while_making_it(sweep_kills):
    assert sweep_kills(vpc_network, ["ec2"], lambda _clients: PARAMS, inspect_network) == 16


def test_killed_anywhere_while_deleting_it(sweep_kills, call_module):
    def prepare(clients):
        call_module(vpc_network, PARAMS, clients)
        return {"name": "shop", "state": "absent"}

    def inspect(clients, _result):
        ec2 = clients["ec2"]
        by_name = [{"Name": "tag:Name", "Values": ["shop*"]}]
        assert ec2.describe_vpcs(Filters=by_name)["Vpcs"] == []
        assert ec2.describe_internet_gateways(Filters=by_name)["InternetGateways"] == []
        assert ec2.describe_subnets(Filters=by_name)["Subnets"] == []

    assert sweep_kills(vpc_network, ["ec2"], prepare, inspect) == 12
