# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import date

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._inventory import addresses
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory

FACTS = Facts(today=date(2026, 11, 21))


def inventory(**values):
    return Inventory(values, values)


def reasons(check, **values):
    return [str(problem) for problem in check(inventory(**values), FACTS)]


@pytest.mark.parametrize(
    ("cidrs", "words"),
    [
        (["203.0.113.7/32", "203.0.113.8", "10.0.0.0/8", "2001:db8::/32"], []),
        (["0.0.0.0/0"], ["0.0.0.0/0 lets the whole world"]),
        (["::/0"], ["::/0 lets the whole world"]),
        (["0.0.0.0/1", "128.0.0.0/1"], ["0.0.0.0/0 lets the whole world"]),
        (["16.0.0.0/7"], ["16.0.0.0/7 lets 33,554,432 addresses"]),
        (["16.0.0.0/8", "17.0.0.0/8"], ["16.0.0.0/7 lets"]),
        (["2000::/3"], ["wider than /32"]),
        (["203.0.113.7/24"], ["203.0.113.7/32 for it alone, or 203.0.113.0/24 for the range"]),
        (["nonsense"], ["nonsense is not an address range"]),
        (["203.0.113.300/32", "0.0.0.0/0"], ["203.0.113.300/32 is not", "0.0.0.0/0 lets"]),
        ([""], ["is not an address range"]),
        ([], ["nobody could reach the host"]),
    ],
)
def test_who_may_try_ssh(cidrs, words):
    found = reasons(addresses.check_admin_cidrs, access="direct", admin_cidrs=cidrs)
    assert len(found) == len(words), found
    for problem, word in zip(found, words, strict=True):
        assert problem.startswith("admin_cidrs: ")
        assert word in problem
        assert 'Write: admin_cidrs: ["203.0.113.7/32"]' in problem


def test_ssh_needs_somebody_only_where_it_is_open():
    assert reasons(addresses.check_admin_cidrs, access="ssm") == []
    (missing,) = reasons(addresses.check_admin_cidrs, access="direct")
    assert "access: direct needs it" in missing


@pytest.mark.parametrize(
    ("ranges", "quota", "fits"),
    [(5, 60, True), (6, 60, False), (6, 100, True), (1, 50, False)],
)
def test_cloudfronts_prefix_list_counts_for_55_rules(ranges, quota, fits):
    cidrs = [f"203.0.113.{number}/32" for number in range(ranges)] + ["2001:db8::/64"]
    values = {"access": "direct", "admin_cidrs": cidrs, "network_rules_per_security_group": quota}
    found = reasons(addresses.check_admin_cidrs, **values)
    assert (found == []) == fits, found
    assert fits or ("counts for 55" in found[0] and "network_rules_per_security_group: 100" in found[0])


def rule(port, cidr, **more):
    return {"description": "x", "port": port, "cidr_blocks": [cidr], **more}


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([rule(443, "0.0.0.0/0"), rule(80, "::/0"), rule(5432, "10.0.0.0/16")], []),
        ([rule(22, "0.0.0.0/0")], ["port 22 to 0.0.0.0/0"]),
        ([rule(5432, "::/0")], ["port 5432 to ::/0"]),
        ([{"cidr_blocks": ["0.0.0.0/0"], "protocol": "all"}], ["every port"]),
        ([{"cidr_blocks": ["0.0.0.0/0"], "from_port": 80, "to_port": 6379}], ["port 80-6379"]),
        ([rule("http", "0.0.0.0/0")], ["every port"]),
        ([rule(8080, "10.0.0.300/8")], ["10.0.0.300/8 is not an address range"]),
    ],
)
def test_ports_that_are_open_to_the_world(rules, words):
    found = reasons(addresses.check_open_ports, some_groups=[{"name": "a", "ingress": rules}])
    assert len(found) == len(words), found
    for problem, word in zip(found, words, strict=True):
        assert problem.startswith("some_groups[0].ingress[0].cidr_blocks: ")
        assert word in problem


def test_what_leaves_a_host_opens_nothing():
    groups = [{"name": "a", "egress": [rule(25, "0.0.0.0/0")]}]
    assert reasons(addresses.check_open_ports, some_groups=groups) == []


def subnet(name="a", cidr="10.20.0.0/20", zone="a"):
    return {"name": name, "cidr_block": cidr, "availability_zone": zone}


@pytest.mark.parametrize(
    ("cidr", "subnets", "words"),
    [
        ("10.20.0.0/16", [subnet(), subnet("b", "10.20.16.0/20", "us-east-1b")], []),
        ("10.20.0.0/33", [subnet()], ["10.20.0.0/33 is not an address range"]),
        ("10.0.0.0/8", [subnet()], ["10.0.0.0/8 cannot be a VPC's"]),
        ("8.8.0.0/16", [], ["8.8.0.0/16 cannot be a VPC's", "it is empty"]),
        ("10.20.0.0/16", [subnet(cidr="10.21.0.0/20")], ["lies outside of network_cidr_block, 10.20.0.0/16"]),
        ("10.20.0.0/16", [subnet(cidr="10.20.0.0/29")], ["10.20.0.0/29 cannot be a subnet's"]),
        ("10.20.0.0/16", [subnet(cidr="x")], ["x is not an address range"]),
        ("10.20.0.0/16", [subnet(), subnet("b")], ["a (10.20.0.0/20) and b (10.20.0.0/20) overlap"]),
        ("10.20.0.0/16", [subnet(), subnet(cidr="10.20.16.0/20")], ["the name a is there more than once"]),
        ("10.20.0.0/16", [subnet(zone="eu-west-1a")], ["eu-west-1a is no zone of us-east-1"]),
        ("10.20.0.0/16", [subnet(zone="1")], ["1 is no zone"]),
    ],
)
def test_network(cidr, subnets, words):
    values = {"aws_region": "us-east-1", "network_cidr_block": cidr, "network_subnets": subnets}
    found = reasons(addresses.check_network, **values)
    assert len(found) == len(words), found
    assert all(word in problem for problem, word in zip(found, words, strict=True)), found
