# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._verify import project

NOW = datetime(2026, 11, 21, 8, tzinfo=timezone.utc)  # noqa: UP017


def test_an_instance_has_its_own_volumes_and_addresses():
    instance = {
        "InstanceId": "i-1",
        "State": {"Name": "running"},
        "InstanceType": "t3.micro",
        "MetadataOptions": {"HttpTokens": "required"},
        "IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/path/shop-backend"},
        "PublicIpAddress": "198.51.100.7",
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "app"}],
    }
    volumes = [
        {"VolumeId": "vol-1", "Encrypted": True, "Size": 20, "Attachments": [{"InstanceId": "i-1"}]},
        {"VolumeId": "vol-2", "Size": 20, "Attachments": [{"InstanceId": "i-2"}]},
        {"VolumeId": "vol-3", "Size": 20},
    ]
    addresses = [{"PublicIp": "198.51.100.7", "InstanceId": "i-1"}, {"PublicIp": "198.51.100.8"}]
    found = project.describe_instance(instance, True, volumes, addresses)
    assert found["profile"] == "shop-backend"
    assert found["elastic_ips"] == ["198.51.100.7"]
    assert found["volumes"] == [{"id": "vol-1", "encrypted": True, "size": 20}]
    assert found["http_tokens"] == "required"
    bare = project.describe_instance({**instance, "MetadataOptions": None, "IamInstanceProfile": {}}, False, [], [])
    assert (bare["http_tokens"], bare["profile"], bare["elastic_ips"]) == (None, "", [])


def test_each_source_of_a_rule_is_a_rule():
    group = {
        "GroupId": "sg-1",
        "IpPermissions": [
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": "192.0.2.0/24"}, {"CidrIp": "198.51.100.0/24"}],
                "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
                "PrefixListIds": [{"PrefixListId": "pl-1"}, {"PrefixListId": "pl-2"}],
                "UserIdGroupPairs": [{"GroupId": "sg-2"}],
            },
            {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        ],
    }
    found = project.describe_ingress(group, {"pl-1": "com.amazonaws.global.cloudfront.origin-facing"})
    assert [(rule["kind"], rule["source"]) for rule in found] == [
        ("cidr", "192.0.2.0/24"),
        ("cidr", "198.51.100.0/24"),
        ("cidr", "::/0"),
        ("prefix_list", "com.amazonaws.global.cloudfront.origin-facing"),
        ("prefix_list", "pl-2"),
        ("group", "sg-2"),
        ("cidr", "10.0.0.0/8"),
    ]
    assert (found[-1]["protocol"], found[-1]["from_port"]) == ("-1", None)


def test_values_of_an_origins_headers_are_left_out():
    origin = {
        "Id": "api",
        "DomainName": "ec2.example",
        "CustomOriginConfig": {"OriginProtocolPolicy": "http-only", "HTTPPort": 8000},
        "CustomHeaders": {"Quantity": 1, "Items": [{"HeaderName": "X-Origin-Secret", "HeaderValue": "hush"}]},
    }
    found = project.describe_origin(origin)
    assert found["header_names"] == ["X-Origin-Secret"]
    assert "hush" not in str(found)


@pytest.mark.parametrize(
    ("identity", "found"), [("", ""), ("origin-access-identity/cloudfront/E2IDENTITY", "E2IDENTITY")]
)
def test_the_identity_of_an_origin(identity, found):
    origin = {"Id": "f", "DomainName": "b.s3", "S3OriginConfig": {"OriginAccessIdentity": identity}}
    assert project.describe_origin(origin)["access_identity"] == found


def test_error_codes_without_a_page_are_no_error_pages():
    config = {
        "Enabled": True,
        "Origins": {"Quantity": 0},
        "DefaultCacheBehavior": {"TargetOriginId": "f", "ViewerProtocolPolicy": "https-only"},
        "CustomErrorResponses": {
            "Items": [
                {"ErrorCode": 404, "ErrorCachingMinTTL": 0, "ResponsePagePath": ""},
                {"ErrorCode": 403, "ResponsePagePath": "/index.html", "ResponseCode": "200"},
            ]
        },
    }
    told = {"Id": "E1", "ARN": "arn", "DomainName": "d", "Status": "Deployed", "DistributionConfig": config}
    found = project.describe_distribution(told)
    assert found["error_pages"] == [{"code": 403, "page": "/index.html"}]
    assert (found["aliases"], found["origins"], found["behaviors"]) == ([], [], [])


@pytest.mark.parametrize("statements", [{"Sid": "one"}, [{"Sid": "one"}]])
def test_a_policy_may_have_one_statement_without_a_list(statements):
    found = project.describe_bucket({}, {}, {}, None, [], {"Statement": statements})
    assert found["statements"] == [{"Sid": "one"}]
    assert (found["versioned"], found["encryption"]) == (False, None)
    assert project.describe_bucket({"Status": "Suspended"}, {}, {}, None, [], None)["statements"] == []


def test_the_newest_object():
    objects = [
        {"Key": "old", "Size": 1, "LastModified": NOW - timedelta(hours=30)},
        {"Key": "new", "Size": 2, "LastModified": NOW - timedelta(hours=3)},
    ]
    assert project.describe_newest(objects, NOW) == {"key": "new", "size": 2, "age_hours": 3.0}
    assert project.describe_newest([], NOW) is None


@pytest.mark.parametrize(
    ("arn", "confirmed"),
    [("arn:aws:sns:us-east-1:123456789012:t:1", True), ("PendingConfirmation", False), ("Deleted", False)],
)
def test_a_subscription_is_confirmed_when_it_has_an_arn(arn, confirmed):
    told = {"Protocol": "email", "Endpoint": "ops@example.com", "SubscriptionArn": arn}
    assert project.describe_subscription(told)["confirmed"] == confirmed
