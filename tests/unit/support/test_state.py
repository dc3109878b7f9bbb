# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Two accounts are compared by what they hold, not by what AWS makes up; whatever else differs is seen."""

from __future__ import annotations

import copy
import datetime

import pytest
from state import differences
from state import duplicates
from state import normalise


def account(vpc="vpc-0a1b2c3d4e5f60718", group="sg-0123456789abcdef0", distribution="E1ABCDEFGHIJKL", year=2026):
    return {
        "ec2 vpc": [
            {"VpcId": vpc, "CidrBlock": "10.20.0.0/16", "Tags": [{"Key": "Name", "Value": "shop"}]},
            {"VpcId": "vpc-00000000000000001", "CidrBlock": "172.31.0.0/16", "Tags": []},
        ],
        "ec2 security group": [
            {
                "GroupId": group,
                "VpcId": vpc,
                "GroupName": "shop-app",
                "IpPermissions": [
                    {"FromPort": 22, "IpRanges": [{"CidrIp": "203.0.113.7/32"}]},
                    {"FromPort": 8000, "IpRanges": []},
                ],
            }
        ],
        "ec2 instance": [
            {
                "InstanceId": f"i-{vpc[-17:]}",
                "LaunchTime": datetime.datetime(year, 1, 1, tzinfo=datetime.UTC),
                "PrivateIpAddress": f"10.20.0.{year % 200}",
                "Tags": [{"Key": "Name", "Value": "shop"}],
            }
        ],
        "cloudfront distribution": [
            {
                "Id": distribution,
                "DomainName": f"d{distribution.lower()}.cloudfront.net",
                "DistributionConfig": {
                    "Comment": "shop: a site",
                    "CacheBehaviors": {"Quantity": 2, "Items": [{"PathPattern": "/b"}, {"PathPattern": "/a"}]},
                },
            }
        ],
        "cloudwatch alarm": [
            {"AlarmName": "down", "Dimensions": [{"Name": "DistributionId", "Value": distribution}], "Threshold": 1.0}
        ],
        "secretsmanager secret": [
            {"ARN": f"arn:aws:secretsmanager:us-east-1:1:secret:shop/KEY-{vpc[-6:]}", "Name": "shop/KEY", "length": 48}
        ],
    }


def test_what_aws_makes_up_is_no_difference():
    other = account("vpc-ffffffffffffffff0", "sg-fedcba98765432100", "E9ZZZZZZZZZZZZ", year=2027)
    other["ec2 vpc"].reverse()
    other["ec2 security group"][0]["IpPermissions"].reverse()
    assert differences(normalise(account()), normalise(other)) == []
    assert normalise(account()) == normalise(other)


def change(path, value):
    def apply(state):
        *way, last = path
        for key in way:
            state = state[key]
        if value is None:
            del state[last]
        else:
            state[last] = value

    return apply


def add(kind, item):
    return lambda state: state[kind].append(item)


@pytest.mark.parametrize(
    "plant",
    [
        change(["ec2 vpc", 0, "CidrBlock"], "10.21.0.0/16"),
        change(["ec2 vpc", 0, "Tags"], []),
        change(["ec2 security group", 0, "IpPermissions", 0, "IpRanges", 0, "CidrIp"], "0.0.0.0/0"),
        change(["ec2 security group", 0, "IpPermissions", 1], None),
        # The right kind of thing, but another one.
        change(["ec2 security group", 0, "VpcId"], "vpc-00000000000000001"),
        change(["cloudwatch alarm", 0, "Dimensions", 0, "Value"], "E0OTHEROTHER00"),
        change(["cloudwatch alarm", 0, "Threshold"], 2.0),
        change(["cloudfront distribution", 0, "DistributionConfig", "CacheBehaviors", "Items"], [{}]),
        lambda state: state["cloudfront distribution"][0]["DistributionConfig"]["CacheBehaviors"]["Items"].reverse(),
        change(["secretsmanager secret", 0, "length"], 0),
        change(["ec2 instance", 0], None),
        add("ec2 vpc", {"VpcId": "vpc-0abcdefabcdef0123", "CidrBlock": "10.20.0.0/16", "Tags": []}),
        add("ec2 security group", {"GroupId": "sg-1", "VpcId": "vpc-1"}),
    ],
)
def test_planted_differences_are_seen(plant):
    planted = copy.deepcopy(account())
    plant(planted)
    found = differences(normalise(account()), normalise(planted))
    assert found != []
    assert all(difference.where.startswith("/") for difference in found)


def test_what_is_there_twice_is_counted():
    assert duplicates(account()) == []
    twice = account()
    twice["ec2 vpc"].append({**twice["ec2 vpc"][0], "VpcId": "vpc-0abcdefabcdef0123"})
    twice["cloudwatch alarm"] *= 2
    assert duplicates(twice) == ["2 of cloudwatch alarm down", "2 of ec2 vpc shop"]
