# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import boto3
import pytest

from ansible_collections.slipway.aws.plugins.modules import project_resources_info

SERVICES = (
    *("ec2", "s3", "cloudfront", "iam", "secretsmanager"),
    *("cloudwatch", "sns", "logs", "budgets", "sts", "acm", "route53"),
)


@pytest.fixture
def clients(monkeypatch):
    moto = pytest.importorskip("moto", reason="the emulator is installed with the tools of the checkout")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with moto.mock_aws():
        made = {service: boto3.client(service, region_name="us-east-1") for service in SERVICES}
        # The emulator has no origin access identities; the lab has, and the integration test asks it.
        identities = {"CloudFrontOriginAccessIdentityList": {}}
        monkeypatch.setattr(made["cloudfront"], "list_cloud_front_origin_access_identities", lambda: identities)
        monkeypatch.setattr(made["cloudfront"], "list_functions", lambda: {"FunctionList": {}})
        yield made


def tags(stage="production"):
    return [{"Key": "Project", "Value": "shop"}, {"Key": "Stage", "Value": stage}]


def kinds(result):
    return sorted((item["type"], item["name"]) for item in result["resources"])


def test_only_what_is_of_the_project_and_stage(call_module, clients):
    ec2, s3, iam, secrets = (clients[service] for service in ("ec2", "s3", "iam", "secretsmanager"))
    for stage in ("production", "test"):
        name = [{"Key": "Name", "Value": f"shop-{stage}"}]
        ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags(stage) + name}])
        iam.create_role(RoleName=f"shop-{stage}-host", AssumeRolePolicyDocument="{}", Tags=tags(stage))
        iam.create_instance_profile(InstanceProfileName=f"shop-{stage}-host", Tags=tags(stage))
        secrets.create_secret(Name=f"shop-{stage}/key", SecretString="not-a-secret", Tags=tags(stage))
        s3.create_bucket(Bucket=f"shop-{stage}-files")
        s3.put_bucket_tagging(Bucket=f"shop-{stage}-files", Tagging={"TagSet": tags(stage)})
    iam.create_role(RoleName="shop-left-by-a-killed-run", AssumeRolePolicyDocument="{}")
    iam.create_role(RoleName="shopping-host", AssumeRolePolicyDocument="{}")
    secrets.delete_secret(SecretId="shop-production/key")

    result = call_module(project_resources_info, {"project": "shop", "stage": "production"}, clients)
    assert not result["changed"]
    assert kinds(result) == [
        ("bucket", "shop-production-files"),
        ("instance_profile", "shop-production-host"),
        ("role", "shop-left-by-a-killed-run"),
        ("role", "shop-production-host"),
        ("secret", "shop-production/key"),
        ("vpc", "shop-production"),
    ]
    assert {item["state"] for item in result["resources"] if item["type"] == "secret"} == {"deletion scheduled"}


def test_a_stage_is_part_of_the_names(call_module, clients):
    clients["iam"].create_role(RoleName="shop-host", AssumeRolePolicyDocument="{}")
    clients["iam"].create_role(RoleName="shop-test-host", AssumeRolePolicyDocument="{}")
    result = call_module(project_resources_info, {"project": "shop", "stage": "test"}, clients)
    assert kinds(result) == [("role", "shop-test-host")]


def test_monitoring_and_names(call_module, clients):
    for name in ("shop-cpu", "shopping-cpu"):
        clients["cloudwatch"].put_metric_alarm(
            AlarmName=name,
            MetricName="CPUUtilization",
            Namespace="AWS/EC2",
            Period=300,
            Statistic="Average",
            EvaluationPeriods=1,
            Threshold=90,
            ComparisonOperator="GreaterThanThreshold",
        )
        clients["sns"].create_topic(Name=name)
        clients["logs"].create_log_group(logGroupName=f"/aws/ec2/{name.partition('-')[0]}/application")
        limit = {"Amount": "20", "Unit": "USD"}
        account = clients["sts"].get_caller_identity()["Account"]
        clients["budgets"].create_budget(
            AccountId=account,
            Budget={"BudgetName": name, "BudgetLimit": limit, "TimeUnit": "MONTHLY", "BudgetType": "COST"},
        )
    # Without being asked for other keys than RSA, Certificate Manager leaves them out.
    clients["acm"].request_certificate(DomainName="shop.example.com", KeyAlgorithm="EC_prime256v1", Tags=tags())
    clients["acm"].request_certificate(DomainName="shop.example.org", Tags=tags("test"))
    for stage in ("production", "test"):
        zone = clients["route53"].create_hosted_zone(Name=f"{stage}.example.com", CallerReference=stage)
        zone_id = zone["HostedZone"]["Id"].rpartition("/")[2]
        clients["route53"].change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id, AddTags=tags(stage))

    result = call_module(project_resources_info, {"project": "shop", "stage": "production"}, clients)
    assert kinds(result) == [
        ("alarm", "shop-cpu"),
        ("budget", "shop-cpu"),
        ("certificate", "shop.example.com"),
        ("hosted_zone", "production.example.com."),
        ("log_group", "/aws/ec2/shop/application"),
        ("topic", "shop-cpu"),
    ]
