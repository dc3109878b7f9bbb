# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import build_network
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import deletion_steps
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import network_problems
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import network_result
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import network_steps
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import normalise_network
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import option_problems
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import planned_network
from ansible_collections.slipway.aws.plugins.module_utils._vpc.compare import remaining_contents

CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"
PREFIX_LISTS = {CLOUDFRONT: {"weight": 55, "address_family": "IPv4"}}
PURGE = {"tags": True, "rules": True, "subnets": False, "security_groups": False}
ALL_OUT = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]


def rule(**option):
    return {"protocol": "tcp", **option}


def params(**changes):
    options = {
        "name": "shop",
        "cidr_block": "10.20.0.0/16",
        "internet_gateway": True,
        "subnets": [subnet("a", "10.20.0.0/24", "a"), subnet("b", "10.20.1.0/24", "us-east-1b", public=False)],
        "security_groups": [
            {"name": "web", "description": None, "ingress": [rule(port=80, cidr_blocks=["192.0.2.1"])], "egress": None}
        ],
        "empty_default_security_group": True,
        "tags": {"Project": "shop"},
    }
    return {**options, **changes}


def subnet(name, cidr_block, availability_zone=None, public=True):
    return {
        "name": name,
        "cidr_block": cidr_block,
        "availability_zone": availability_zone,
        "public": public,
        "map_public_ip_on_launch": False,
    }


def desired(**changes):
    return build_network(params(**changes), "us-east-1", {})


def tags(name, **more):
    return [{"Key": key, "Value": value} for key, value in {"Project": "shop", "Name": name, **more}.items()]


def read(**changes):
    """What AWS answers about the network that params() asks for."""
    answer = {
        "vpc": {"VpcId": "vpc-1", "CidrBlock": "10.20.0.0/16", "Tags": tags("shop")},
        "dns_support": True,
        "dns_hostnames": True,
        "prefix_lists": [{"PrefixListId": "pl-1", "PrefixListName": CLOUDFRONT}],
        "internet_gateways": [
            {"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": "vpc-1"}], "Tags": tags("shop")}
        ],
        "route_tables": [
            {
                "RouteTableId": "rtb-main",
                "Routes": [],
                "Associations": [{"Main": True, "RouteTableId": "rtb-main", "RouteTableAssociationId": "assoc-0"}],
            },
            {
                "RouteTableId": "rtb-1",
                "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}],
                "Associations": [
                    {"SubnetId": "subnet-a", "RouteTableId": "rtb-1", "RouteTableAssociationId": "assoc-1"}
                ],
                "Tags": tags("shop-public"),
            },
        ],
        "subnets": [
            {
                "SubnetId": f"subnet-{name}",
                "CidrBlock": cidr_block,
                "AvailabilityZone": f"us-east-1{name}",
                "MapPublicIpOnLaunch": False,
                "Tags": tags(f"shop-{name}"),
            }
            for name, cidr_block in (("a", "10.20.0.0/24"), ("b", "10.20.1.0/24"))
        ],
        "security_groups": [
            {
                "GroupId": "sg-0",
                "GroupName": "default",
                "Description": "default VPC security group",
                "IpPermissions": [],
                "IpPermissionsEgress": [],
            },
            {
                "GroupId": "sg-1",
                "GroupName": "shop-web",
                "Description": "shop-web",
                "Tags": tags("shop-web"),
                "IpPermissions": [
                    {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "192.0.2.1/32"}]}
                ],
                "IpPermissionsEgress": ALL_OUT,
            },
        ],
    }
    return {**answer, **changes}


def current(**changes):
    return normalise_network("shop", read(**changes), {"a": "10.20.0.0/24", "b": "10.20.1.0/24"})


def actions(now, wanted, quota=60, **purge):
    return [step.action for step in network_steps(now, wanted, {**PURGE, **purge}, PREFIX_LISTS, quota)]


def test_nothing_to_do():
    assert actions(current(), desired()) == []


def test_everything_to_do():
    assert actions(None, desired()) == [
        "create_vpc",
        "enable_dns",
        "create_internet_gateway",
        "attach_internet_gateway",
        "create_subnet",
        "create_subnet",
        "create_route_table",
        "create_default_route",
        "make_subnet_public",
        "create_security_group",
        "authorize_rules",
        "empty_default_security_group",
    ]


SECURITY_GROUPS = read()["security_groups"]
ROUTE_TABLES = read()["route_tables"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dns_hostnames": False}, ["enable_dns"]),
        (
            {"internet_gateways": [{"InternetGatewayId": "igw-1", "Attachments": [], "Tags": tags("shop")}]},
            ["attach_internet_gateway"],
        ),
        (
            # Somebody else's gateway of the same name, attached elsewhere.
            {"internet_gateways": [{"InternetGatewayId": "igw-9", "Attachments": [{"VpcId": "vpc-9"}]}]},
            ["create_internet_gateway", "attach_internet_gateway", "replace_default_route"],
        ),
        (
            {"route_tables": ROUTE_TABLES[:1]},
            ["create_route_table", "create_default_route", "make_subnet_public"],
        ),
        (
            {"route_tables": [ROUTE_TABLES[0], {**ROUTE_TABLES[1], "Routes": [], "Associations": []}]},
            ["create_default_route", "make_subnet_public"],
        ),
        (
            {"subnets": [{**read()["subnets"][0], "Tags": []}, read()["subnets"][1]]},
            ["create_tags"],
        ),
        (
            {"subnets": read()["subnets"][:1]},
            ["create_subnet"],
        ),
        (
            {"subnets": [{**item, "MapPublicIpOnLaunch": True} for item in read()["subnets"]]},
            ["set_map_public_ip", "set_map_public_ip"],
        ),
        (
            {"security_groups": [{**SECURITY_GROUPS[0], "IpPermissionsEgress": ALL_OUT}, SECURITY_GROUPS[1]]},
            ["empty_default_security_group"],
        ),
        (
            {"security_groups": [SECURITY_GROUPS[0], {**SECURITY_GROUPS[1], "IpPermissions": []}]},
            ["authorize_rules"],
        ),
        (
            {"security_groups": [SECURITY_GROUPS[0], {**SECURITY_GROUPS[1], "IpPermissionsEgress": []}]},
            ["authorize_rules"],
        ),
        (
            {"vpc": {**read()["vpc"], "Tags": tags("shop", Old="yes")}},
            ["delete_tags"],
        ),
        (
            {"vpc": {**read()["vpc"], "Tags": tags("shop", Project="other")}},
            ["create_tags"],
        ),
    ],
)
def test_a_half_made_or_changed_network_is_mended(changes, expected):
    assert actions(current(**changes), desired()) == expected


def web(*rules, egress=None):
    return [{"name": "web", "description": None, "ingress": list(rules), "egress": egress}]


@pytest.mark.parametrize(
    ("groups", "purge", "expected"),
    [
        (web(rule(port=443, cidr_blocks=["192.0.2.1"])), {}, ["authorize_rules", "revoke_rules"]),
        (web(rule(port=443, cidr_blocks=["192.0.2.1"])), {"rules": False}, ["authorize_rules"]),
        (web(rule(port=80, cidr_blocks=["192.0.2.1"], description="Admin")), {}, ["describe_rules"]),
        (web(rule(port=80, cidr_blocks=["192.0.2.1"]), egress=[]), {}, ["revoke_rules"]),
        (web(rule(port=80, cidr_blocks=["192.0.2.1", UNKNOWN])), {}, ["authorize_rules"]),
        (None, {"security_groups": True}, ["revoke_rules", "revoke_rules", "delete_security_group"]),
        (None, {}, []),
    ],
)
def test_rules_and_groups(groups, purge, expected):
    assert actions(current(), desired(security_groups=groups), **purge) == expected


def test_rules_close_before_they_open_only_if_both_break_the_quota():
    now = current()
    wanted = desired(security_groups=web(rule(port=443, cidr_blocks=["192.0.2.1"])))
    assert actions(now, wanted, quota=2) == ["authorize_rules", "revoke_rules"]
    assert actions(now, wanted, quota=1) == ["revoke_rules", "authorize_rules"]


def test_a_private_subnet_leaves_the_public_route_table():
    subnets = [subnet("a", "10.20.0.0/24", public=False), subnet("b", "10.20.1.0/24")]
    assert actions(current(), desired(subnets=subnets)) == ["make_subnet_private", "make_subnet_public"]


def test_the_way_to_the_internet_is_taken_away_from_the_inside_out():
    assert actions(current(), desired(internet_gateway=False)) == ["delete_route_table", "delete_internet_gateway"]


def test_subnets_go_only_when_asked():
    wanted = desired(subnets=[subnet("a", "10.20.0.0/24")])
    assert actions(current(), wanted) == []
    assert actions(current(), wanted, subnets=True) == ["delete_subnet"]


def test_a_group_that_two_names_refer_to_is_compared_by_name():
    groups = [
        {"name": "web", "description": None, "ingress": [], "egress": None},
        {"name": "db", "description": None, "ingress": [rule(port=5432, security_groups=["web"])], "egress": []},
    ]
    answer = read()["security_groups"]
    answer[1]["IpPermissions"] = []
    answer.append(
        {
            "GroupId": "sg-2",
            "GroupName": "shop-db",
            "Description": "shop-db",
            "Tags": tags("shop-db"),
            "IpPermissions": [
                {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": "sg-1"}]}
            ],
            "IpPermissionsEgress": [],
        }
    )
    assert actions(current(security_groups=answer), desired(security_groups=groups)) == []


def test_tags_that_are_not_set_are_left_alone():
    now = current(vpc={**read()["vpc"], "Tags": tags("shop", Old="yes")})
    assert actions(now, desired(tags=None), tags=False) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"subnets": [subnet("a", "10.21.0.0/24")]}, "not within the network's cidr_block"),
        ({"subnets": [subnet("a", "10.20.0.0/24"), subnet("b", "10.20.0.128/25")]}, "overlaps a"),
        ({"cidr_block": "10.20.0.0/20"}, "vpc-1 has 10.20.0.0/16 and AWS cannot change it"),
        ({"subnets": [subnet("a", "10.20.7.0/24")]}, "a has cidr_block 10.20.0.0/24"),
        ({"subnets": [subnet("a", "10.20.0.0/24", "c")]}, "a has availability_zone us-east-1a"),
        ({"security_groups": web(rule(port=80, security_groups=["wed"]))}, "names wed"),
        ({"security_groups": web(rule(port=80, prefix_lists=["nope"]))}, "prefix list nope, which does not exist"),
        (
            {"security_groups": web(*[rule(port=port, prefix_lists=[CLOUDFRONT]) for port in (80, 443)])},
            "counts for 110 rules, more than the 60",
        ),
    ],
)
def test_what_cannot_be_is_said_before(changes, problem):
    told = network_problems(desired(**changes), current(), PREFIX_LISTS, 60, True)
    assert problem in " ".join(told)


def test_rules_that_stay_count_too():
    groups = web(*[rule(port=port, cidr_blocks=["198.51.100.1"]) for port in range(60)])
    assert network_problems(desired(security_groups=groups), current(), {}, 60, True) == []
    (told,) = network_problems(desired(security_groups=groups), current(), {}, 60, False)
    assert "61 rules" in told


def test_what_is_not_known_yet_is_no_problem():
    wanted = desired(
        cidr_block=UNKNOWN,
        subnets=[subnet("a", UNKNOWN)],
        security_groups=web(rule(port=80, prefix_lists=[UNKNOWN], security_groups=[UNKNOWN])),
    )
    assert network_problems(wanted, None, {}, 60, True) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"cidr_block": "10.20"}, "cidr_block: 10.20 is not an address range"),
        ({"subnets": [subnet("a", "x")]}, "subnets: a: cidr_block: x is not"),
        ({"subnets": [subnet("a", "10.20.0.0/24"), subnet("a", "10.20.1.0/24")]}, "subnets: a is there twice"),
        ({"security_groups": web(rule(port=80))}, "security_groups: web: ingress: rule 1 names no"),
    ],
)
def test_option_problems(changes, problem):
    (told,) = option_problems(params(**changes))
    assert problem in told


def test_a_plan_on_an_empty_account_has_every_key():
    planned = network_result("shop", planned_network(None, desired(), PURGE))
    made = network_result("shop", current())
    assert planned.keys() == made.keys()
    assert planned["vpc_id"] == planned["internet_gateway_id"] == planned["route_table_id"] == UNKNOWN
    assert planned["security_groups"] == {"web": UNKNOWN}
    assert planned["subnets"]["a"] == {
        "subnet_id": UNKNOWN,
        "availability_zone": "us-east-1a",
        "cidr_block": "10.20.0.0/24",
        "public": True,
    }


def test_a_plan_of_no_change_is_what_is_there():
    assert network_result("shop", planned_network(current(), desired(), PURGE)) == network_result("shop", current())


def test_deletion_order():
    assert [step.action for step in deletion_steps(current())] == [
        "revoke_rules",
        "revoke_rules",
        "delete_security_group",
        "delete_route_table",
        "delete_internet_gateway",
        "delete_subnet",
        "delete_subnet",
        "delete_vpc",
    ]


def test_what_is_in_the_way_of_a_deletion_is_named():
    nothing = {"network_interfaces": [], "vpc_endpoints": []}
    assert remaining_contents("shop", {**read(), **nothing}) == []
    interface = {"NetworkInterfaceId": "eni-1", "Attachment": {"InstanceId": "i-1"}}
    foreign = {"GroupId": "sg-9", "GroupName": "awseb-e-1"}
    found = remaining_contents(
        "shop",
        {
            **read(),
            "network_interfaces": [interface],
            "vpc_endpoints": [{"VpcEndpointId": "vpce-1", "ServiceName": "com.amazonaws.us-east-1.s3"}],
            "security_groups": [*read()["security_groups"], foreign],
        },
    )
    assert found == [
        "network interface eni-1 (i-1)",
        "security group sg-9 (awseb-e-1)",
        "endpoint vpce-1 (com.amazonaws.us-east-1.s3)",
    ]
