# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import date

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._inventory.account import Questions
from ansible_collections.slipway.aws.plugins.module_utils._inventory.account import build_questions
from ansible_collections.slipway.aws.plugins.module_utils._inventory.account import check_account
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory

ACCOUNT = "1" * 12
MINE = {"Project": "shop", "Stage": "production"}
OTHERS = {"Project": "blog", "Stage": "production"}
QUESTIONS = Questions(
    region="us-east-1",
    tags=MINE,
    network_name="shop",
    host_name="shop-backend",
    instance_type="t3.micro",
    image_family="debian-13",
    bucket_names=["shop-files"],
    aliases=["shop.example.com"],
    data_volume_size=10,
    availability_zones=["us-east-1a", "us-east-1b"],
    rules_per_security_group=60,
    regional=True,
    hosted_zone="example.com",
)
GOOD = {
    "account_id": ACCOUNT,
    "arn": "arn:aws:iam::111111111111:user/me",
    "region_status": "opt-in-not-required",
    "availability_zones": ["us-east-1a", "us-east-1b"],
    "instance_type": {"exists": True, "architectures": ["x86_64"], "zones": ["us-east-1a"]},
    "image_exists": True,
    "buckets": {"shop-files": {"owner": "", "region": "", "tags": {}}},
    "distributions": [],
    "data_volumes": [],
    "namesakes": [],
    "quotas": {"vpcs": 5, "elastic_ips": 5, "rules_per_security_group": 60},
    "used": {"vpcs": 1, "elastic_ips": 0},
    "has_network": False,
    "has_address": False,
}
FULL = {"used": {"vpcs": 5, "elastic_ips": 5}}


def bucket(owner, region="us-east-1", tags=None):
    return {"buckets": {"shop-files": {"owner": owner, "region": region, "tags": tags or {}}}}


def distribution(tags, alias="shop.example.com"):
    return {"distributions": [{"id": "E1", "aliases": [alias], "tags": tags}]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, []),
        ({"account_id": "2" * 12}, ["aws_account_id: the credentials belong to account 222222222222"]),
        # What another account holds says nothing.
        ({"account_id": "2" * 12, **bucket("other")}, ["aws_account_id"]),
        ({"region_status": "not-opted-in"}, ["aws_region: the account has not opted in"]),
        (bucket("self", tags=MINE), []),
        # A run was killed between making the bucket and its tags.
        (bucket("self"), []),
        (bucket("other"), ["project: the bucket shop-files, which its name asks for, belongs to another account"]),
        (bucket("self", tags=OTHERS), ["belongs to the project blog (production)"]),
        (bucket("self", tags={"Project": "shop", "Stage": "test"}), ["belongs to the project shop (test)"]),
        (bucket("self", "eu-west-1", MINE), ["Write: aws_region: eu-west-1"]),
        (distribution(MINE), []),
        (distribution(OTHERS), ["domain_name: the distribution E1 of the project blog (production)"]),
        (distribution({}), ["something else in this account answers to shop.example.com"]),
        (distribution(OTHERS, "other.example.com"), []),
        ({"has_hosted_zone": True}, []),
        ({"has_hosted_zone": False}, ["domain_zone: this account has no public hosted zone example.com"]),
        ({"instance_type": {"exists": False}}, ["there is no instance type t3.micro in us-east-1"]),
        (
            {"instance_type": {"exists": True, "architectures": ["arm64_mac"], "zones": []}},
            ["runs arm64_mac, and there are images for x86_64 and arm64 alone"],
        ),
        ({"image_exists": False}, ["ec2_host_image_family: us-east-1 has no image of debian-13"]),
        (
            {"instance_type": {"exists": True, "architectures": ["x86_64"], "zones": ["us-east-1b"]}},
            ["us-east-1a, the zone of the first subnet, has no t3.micro"],
        ),
        ({"availability_zones": ["us-east-1a"]}, ["there is no zone us-east-1b"]),
        ({"data_volumes": [{"volume_id": "vol-1", "size": 10}]}, []),
        ({"data_volumes": [{"volume_id": "vol-1", "size": 11}]}, ["Write: ec2_host_data_volume_size: 11"]),
        (FULL, ["5 of 5 VPCs", "5 of 5 Elastic IP addresses"]),
        ({**FULL, "has_network": True, "has_address": True}, []),
        ({**FULL, "quotas": {"vpcs": None, "elastic_ips": 10, "rules_per_security_group": None}}, []),
        (
            {"quotas": {"vpcs": 5, "elastic_ips": 5, "rules_per_security_group": 50}},
            ["Write: network_rules_per_security_group: 50"],
        ),
        ({"namesakes": [MINE, {}]}, []),
        ({"namesakes": [OTHERS, OTHERS]}, ["project: the names that are made of it belong to the project blog"]),
        ({**bucket("other"), **FULL, "data_volumes": [{"size": 99}]}, ["bucket", "volume", "VPCs", "Elastic"]),
    ],
)
def test_what_stands_in_the_way(answer, words):
    problems = [str(problem) for problem in check_account(QUESTIONS, ACCOUNT, {**GOOD, **answer})]
    assert len(problems) == len(words), problems
    assert all(word in problem for problem, word in zip(problems, words, strict=True)), problems


def test_what_could_not_be_read_is_not_judged():
    least = {"account_id": ACCOUNT, "arn": "x", "buckets": {}, "namesakes": []}
    assert list(check_account(QUESTIONS, ACCOUNT, least)) == []


def test_for_a_removal_only_the_account_counts():
    answer = {**GOOD, **bucket("other"), **FULL}
    assert list(check_account(QUESTIONS, ACCOUNT, answer, build=False)) == []
    assert len(list(check_account(QUESTIONS, "2" * 12, answer, build=False))) == 1


WIRING = {
    "network_name": "{{ project_name }}",
    "ec2_host_name": "{{ project_name }}-backend",
    "static_site_bucket_name": "{{ project_name }}-files-{{ aws_account_id }}",
}
FACTS = Facts(today=date(2026, 11, 21), regions=frozenset(["us-east-1", "eu-west-1"]))


def test_questions_of_a_good_inventory():
    values = {
        "project": "shop",
        "stage": "test",
        "aws_account_id": ACCOUNT,
        "aws_region": "eu-west-1",
        "domain_name": "shop.example.com",
        "domain_alternative_names": ["www.shop.example.com"],
        "network_subnets": [{"availability_zone": "b"}, {"availability_zone": "eu-west-1c"}],
        "ec2_host_data_volume_size": 7,
        "ec2_host_instance_type": "t3.micro",
        "own_bucket_name": "one-more",
    }
    asked = build_questions(Inventory(values, values), FACTS, WIRING)
    assert asked.region == "eu-west-1"
    assert asked.tags == {"Project": "shop", "Stage": "test"}
    assert (asked.network_name, asked.host_name) == ("shop-test", "shop-test-backend")
    assert asked.bucket_names == ["one-more", f"shop-test-files-{ACCOUNT}"]
    assert asked.aliases == ["shop.example.com", "www.shop.example.com"]
    assert asked.hosted_zone == "shop.example.com"
    assert asked.availability_zones == ["eu-west-1b", "eu-west-1c"]
    assert (asked.data_volume_size, asked.instance_type, asked.regional) == (7, "t3.micro", True)


@pytest.mark.parametrize("values", [{}, {"project": "Not Legal", "stage": "x", "aws_region": "us-esat-1"}])
def test_questions_of_a_bad_inventory_ask_who_is_calling_and_no_more(values):
    asked = build_questions(Inventory(values, values), FACTS, WIRING)
    assert (asked.region, asked.regional) == ("us-east-1", False)
    assert (asked.tags, asked.bucket_names, asked.network_name, asked.host_name) == ({}, [], "", "")
