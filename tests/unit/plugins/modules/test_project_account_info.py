# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

from ansible_collections.slipway.aws.plugins.modules import project_account_info

SERVICES = ("cloudfront", "ec2", "iam", "route53", "s3", "service-quotas", "ssm", "sts")
MINE = {"Project": "shop", "Stage": "production"}
ASKED = {
    "tags": MINE,
    "network_name": "shop",
    "host_name": "shop-backend",
    "instance_type": "t3.micro",
    "image_family": "al2023",
    "bucket_names": ["shop-files", "shop-logs"],
    "aliases": ["shop.example.com"],
}


def tag_list(**tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.fixture
def clients(monkeypatch):
    moto = pytest.importorskip("moto", reason="the emulator is installed with the tools of the checkout")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with moto.mock_aws():
        yield {service: boto3.client(service, region_name="us-east-1") for service in SERVICES}


def ask(call_module, clients, **params):
    result = call_module(project_account_info, params, clients)
    assert result.get("changed") is False, result
    return result


def test_an_account_that_has_nothing_of_the_project(call_module, clients):
    result = ask(call_module, clients, **ASKED)
    assert not result.get("warnings"), result
    account = result["account"]
    assert account["account_id"] == "123456789012"
    assert account["region_status"] == "opt-in-not-required"
    assert "us-east-1a" in account["availability_zones"]
    assert account["instance_type"]["exists"] is True
    assert account["instance_type"]["architectures"] == ["x86_64"]
    assert "us-east-1a" in account["instance_type"]["zones"]
    assert account["image_exists"] is True
    assert account["buckets"]["shop-files"] == {"owner": "", "region": "", "tags": {}}
    assert (account["distributions"], account["data_volumes"], account["namesakes"]) == ([], [], [])
    assert account["quotas"] == {"vpcs": 5, "elastic_ips": 5, "rules_per_security_group": 60}
    assert account["used"] == {"vpcs": 1, "elastic_ips": 0}
    assert (account["has_network"], account["has_address"]) == (False, False)


def test_an_account_that_has_what_the_names_ask_for(call_module, clients):
    ec2, s3, iam = clients["ec2"], clients["s3"], clients["iam"]
    own = tag_list(Name="shop", **MINE)
    ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": own}])
    ec2.allocate_address(TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": own}])
    volume = tag_list(Name="shop-backend-data", **MINE)
    ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=12, TagSpecifications=[{"ResourceType": "volume", "Tags": volume}]
    )
    iam.create_role(RoleName="shop-backend", AssumeRolePolicyDocument="{}", Tags=tag_list(Project="blog"))
    s3.create_bucket(Bucket="shop-files")
    s3.put_bucket_tagging(Bucket="shop-files", Tagging={"TagSet": tag_list(Project="blog")})
    account = ask(call_module, clients, **ASKED)["account"]
    assert account["buckets"]["shop-files"]["owner"] == "self"
    assert account["buckets"]["shop-files"]["tags"] == {"Project": "blog"}
    assert account["buckets"]["shop-logs"]["owner"] == ""
    assert [item["size"] for item in account["data_volumes"]] == [12]
    assert {"Project": "blog"} in account["namesakes"]
    assert {"Name": "shop", **MINE} in account["namesakes"]
    assert account["used"] == {"vpcs": 2, "elastic_ips": 1}
    assert (account["has_network"], account["has_address"]) == (True, True)


def test_a_bucket_of_another_account(call_module, clients, monkeypatch):
    from botocore.exceptions import ClientError

    def head_bucket(**_query):
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    monkeypatch.setattr(clients["s3"], "head_bucket", head_bucket)
    account = ask(call_module, clients, bucket_names=["theirs"], regional=False)["account"]
    assert account["buckets"] == {"theirs": {"owner": "other", "region": "", "tags": {}}}


def test_an_instance_type_that_does_not_exist(call_module, clients):
    account = ask(call_module, clients, instance_type="t3.mikro", image_family="debian-13")["account"]
    assert account["instance_type"] == {"exists": False, "architectures": [], "zones": []}
    assert "image_exists" not in account


def test_an_alias_that_another_distribution_answers_to(call_module, clients, monkeypatch):
    item = {"Id": "E1", "ARN": "arn:aws:cloudfront::123456789012:distribution/E1"}
    listed = [{**item, "Aliases": {"Items": ["shop.example.com"]}}, {**item, "Id": "E2", "Aliases": {"Quantity": 0}}]
    monkeypatch.setattr(project_account_info.cloudfront_api, "list_distributions", lambda _client: listed)
    tags = {"Project": "blog"}
    monkeypatch.setattr(project_account_info.cloudfront_api, "get_tags", lambda _client, _arn: tags)
    account = ask(call_module, clients, aliases=["shop.example.com"], regional=False)["account"]
    assert account["distributions"] == [{"id": "E1", "aliases": ["shop.example.com"], "tags": tags}]


def test_a_hosted_zone_counts_if_it_is_public(call_module, clients):
    private = {"VPCRegion": "us-east-1", "VPCId": "vpc-1"}
    clients["route53"].create_hosted_zone(
        Name="inside.example.com", CallerReference="1", VPC=private, HostedZoneConfig={"PrivateZone": True}
    )
    clients["route53"].create_hosted_zone(Name="example.com", CallerReference="2")
    for name, there in (("Example.com", True), ("inside.example.com", False), ("other.example.com", False)):
        account = ask(call_module, clients, hosted_zone=name, regional=False)["account"]
        assert account["has_hosted_zone"] is there, name


def refuse(monkeypatch, client, operation):
    from botocore.exceptions import ClientError

    def refused(**_query):
        name = "".join(word.capitalize() for word in operation.split("_"))
        raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, name)

    monkeypatch.setattr(client, operation, refused)


def test_what_may_not_be_asked_is_left_out_with_a_warning(call_module, clients, monkeypatch):
    refuse(monkeypatch, clients["service-quotas"], "get_service_quota")
    refuse(monkeypatch, clients["ec2"], "describe_instance_types")
    refuse(monkeypatch, clients["ec2"], "describe_regions")
    result = ask(call_module, clients, instance_type="t3.micro", image_family="al2023")
    account = result["account"]
    assert account["quotas"] == {"vpcs": None, "elastic_ips": 5, "rules_per_security_group": None}
    assert "instance_type" not in account
    assert "image_exists" not in account
    assert "region_status" not in account
    warnings = " ".join(str(warning) for warning in result["warnings"])
    for permission in ("servicequotas:GetServiceQuota", "ec2:DescribeInstanceTypes", "ec2:DescribeRegions"):
        assert permission in warnings


def test_a_region_that_is_not_enabled_is_asked_nothing_more(call_module, clients, monkeypatch):
    region = {"RegionName": "us-east-1", "OptInStatus": "not-opted-in"}
    monkeypatch.setattr(clients["ec2"], "describe_regions", lambda **_query: {"Regions": [region]})
    monkeypatch.setattr(clients["ec2"], "describe_addresses", None)
    account = ask(call_module, clients, **ASKED)["account"]
    assert account["region_status"] == "not-opted-in"
    assert "quotas" not in account


def test_nobody_is_calling(call_module, clients, monkeypatch):
    def refused():
        raise NoCredentialsError

    monkeypatch.setattr(clients["sts"], "get_caller_identity", refused)
    result = call_module(project_account_info, {"regional": False}, clients)
    assert result["failed"]
    assert "find out whose credentials these are" in result["msg"]
