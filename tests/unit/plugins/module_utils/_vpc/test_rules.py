# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import Rule
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import build_permissions
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import build_rules
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import describe_rules
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import normalise_cidr
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import normalise_permissions
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import rule_option_problems
from ansible_collections.slipway.aws.plugins.module_utils._vpc.rules import rules_weight

CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"
SSH = Rule("tcp", 22, 22, "cidr", "203.0.113.7/32")
FROM_CLOUDFRONT = Rule("tcp", 8000, 8000, "prefix_list", CLOUDFRONT)
FROM_WEB = Rule("tcp", 5432, 5432, "group", "web")
EVERYTHING = Rule("-1", -1, -1, "cidr", "0.0.0.0/0")
PREFIX_LISTS = {CLOUDFRONT: {"weight": 55, "address_family": "IPv4"}}


@pytest.mark.parametrize(
    ("cidr", "expected"),
    [
        ("203.0.113.7", ("cidr", "203.0.113.7/32")),
        ("203.0.113.7/24", ("cidr", "203.0.113.0/24")),
        ("0.0.0.0/0", ("cidr", "0.0.0.0/0")),
        ("2001:DB8:0:0::1/64", ("cidr6", "2001:db8::/64")),
        (UNKNOWN, ("cidr", UNKNOWN)),
    ],
)
def test_normalise_cidr(cidr, expected):
    assert normalise_cidr(cidr) == expected


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"protocol": "tcp", "port": 22, "cidr_blocks": ["203.0.113.7"], "description": "Admin"}, {SSH: "Admin"}),
        ({"protocol": "tcp", "port": 8000, "prefix_lists": [CLOUDFRONT]}, {FROM_CLOUDFRONT: ""}),
        ({"protocol": "tcp", "port": 8000, "prefix_lists": ["pl-1"]}, {FROM_CLOUDFRONT: ""}),
        ({"protocol": "tcp", "port": 5432, "security_groups": ["web"]}, {FROM_WEB: ""}),
        ({"protocol": "tcp", "port": 5432, "security_groups": ["sg-1"]}, {FROM_WEB: ""}),
        ({"protocol": "all", "cidr_blocks": ["0.0.0.0/0"]}, {EVERYTHING: ""}),
        (
            {"protocol": "udp", "from_port": 1, "to_port": 9, "cidr_blocks": ["192.0.2.0/24", "2001:db8::/32"]},
            {Rule("udp", 1, 9, "cidr", "192.0.2.0/24"): "", Rule("udp", 1, 9, "cidr6", "2001:db8::/32"): ""},
        ),
        ({"protocol": "icmp", "cidr_blocks": ["10.0.0.0/8"]}, {Rule("icmp", -1, -1, "cidr", "10.0.0.0/8"): ""}),
    ],
)
def test_build_rules(option, expected):
    assert build_rules([option], {"pl-1": CLOUDFRONT, "sg-1": "web"}) == expected


def test_build_rules_of_an_option_that_is_not_set():
    assert build_rules(None, {}) == {}


PERMISSIONS = [
    {
        "IpProtocol": "tcp",
        "FromPort": 8000,
        "ToPort": 8000,
        "IpRanges": [{"CidrIp": "192.0.2.0/24"}],
        "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32", "Description": "six"}],
        "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "123456789012"}, {"GroupId": "sg-2"}],
        "PrefixListIds": [{"PrefixListId": "pl-1", "Description": "CloudFront"}],
    },
    {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
]


def test_normalise_permissions_takes_every_source_apart():
    assert normalise_permissions(PERMISSIONS, {"sg-1": "web", "pl-1": CLOUDFRONT}) == {
        Rule("tcp", 8000, 8000, "cidr", "192.0.2.0/24"): "",
        Rule("tcp", 8000, 8000, "cidr6", "2001:db8::/32"): "six",
        Rule("tcp", 8000, 8000, "group", "web"): "",
        Rule("tcp", 8000, 8000, "group", "sg-2"): "",
        Rule("tcp", 8000, 8000, "prefix_list", CLOUDFRONT): "CloudFront",
        EVERYTHING: "",
    }


def test_permissions_survive_the_way_back():
    names = {"sg-1": "web", "pl-1": CLOUDFRONT}
    ids = {name: identifier for identifier, name in names.items()}
    rules = normalise_permissions(PERMISSIONS, names)
    permissions = build_permissions(rules, lambda _kind, source: ids.get(source, source))
    assert normalise_permissions(permissions, names) == rules
    assert {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]} in permissions


@pytest.mark.parametrize(
    ("rules", "weight"),
    [
        ([], 0),
        ([SSH], 1),
        ([FROM_CLOUDFRONT], 55),
        ([FROM_CLOUDFRONT, SSH], 56),
        # IPv6 counts apart from IPv4, a group in both.
        ([FROM_CLOUDFRONT, Rule("tcp", 22, 22, "cidr6", "2001:db8::/32")], 55),
        ([FROM_CLOUDFRONT, FROM_WEB], 56),
        # Nothing is known of its weight, or it will be made in this run.
        ([Rule("tcp", 1, 1, "prefix_list", "new")], 1),
    ],
)
def test_rules_weight(rules, weight):
    assert rules_weight(rules, PREFIX_LISTS) == weight


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ({"protocol": "tcp", "port": 22}, "names no cidr_blocks"),
        ({"protocol": "tcp", "cidr_blocks": ["10.0.0.0/8"]}, "needs port"),
        ({"protocol": "tcp", "port": 22, "cidr_blocks": ["office"]}, "office is not an address range"),
    ],
)
def test_rule_option_problems(option, problem):
    (told,) = rule_option_problems([option])
    assert problem in told


def test_rules_as_a_person_reads_them():
    rules = {FROM_CLOUDFRONT: "CloudFront", EVERYTHING: "", Rule("tcp", 1, 9, "group", "web"): ""}
    assert describe_rules(rules) == ["all 0.0.0.0/0", "tcp 1-9 web", f"tcp 8000 {CLOUDFRONT} (CloudFront)"]
