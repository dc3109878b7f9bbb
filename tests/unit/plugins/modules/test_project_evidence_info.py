# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""On the emulator; what it lacks of CloudFront, the integration target reads from the lab."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.stub import Stubber

from ansible_collections.slipway.aws.plugins.modules import project_evidence_info

SERVICES = ("ec2", "s3", "cloudfront", "iam", "sts", "logs", "cloudwatch", "sns", "budgets", "route53")
TAGS = {"Project": "shop", "Stage": "production"}
PARAMS = {
    **{"name": "shop", "tags": TAGS, "host": "shop-backend", "site": "shop", "bucket": "shop-frontend"},
    **{"backup_bucket": "shop-backups", "log_group_prefix": "/aws/ec2/shop"},
}


@pytest.fixture
def clients(monkeypatch):
    moto = pytest.importorskip("moto", reason="the emulator is installed with the tools of the checkout")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with moto.mock_aws():
        yield {service: boto3.client(service, region_name="us-east-1") for service in SERVICES}


def test_a_project_that_has_nothing(call_module, clients):
    result = call_module(project_evidence_info, PARAMS, clients)
    assert not result["changed"]
    assert result["evidence"] == {
        "identity": {"account": "123456789012", "arn": "arn:aws:sts::123456789012:user/moto"},
        **{"instances": [], "ingress": [], "distributions": [], "log_groups": [], "alarms": [], "topics": []},
        **{"budgets": [], "health_checks": []},
        "role": {"profile": None, "roles": [], "managed_policies": [], "policies": {}},
        "bucket": {"name": "shop-frontend", "exists": False},
        "site": {"release": None, "files": 0, "missing": []},
        "backup_bucket": {"name": "shop-backups", "exists": False},
        "backup_objects": {"newest": None},
    }


def test_what_was_published_and_what_is_missing_of_it(call_module, clients):
    s3 = clients["s3"]
    s3.create_bucket(Bucket="shop-frontend")
    files = {"index.html": {"size": 3}, "assets/a.js": {"size": 4}, "assets/b.js": {"size": 5}}
    manifest = {"release_id": "r1", "files": files}
    s3.put_object(Bucket="shop-frontend", Key=".slipway/manifest.json", Body=json.dumps(manifest))
    s3.put_object(Bucket="shop-frontend", Key="index.html", Body=b"abc", CacheControl="no-cache")
    s3.put_object(Bucket="shop-frontend", Key="assets/a.js", Body=b"another size")
    found = call_module(project_evidence_info, PARAMS, clients)["evidence"]["site"]
    assert found == {
        **{"release": "r1", "files": 3, "missing": ["assets/a.js", "assets/b.js"], "unfinished": False},
        "page_cache_control": "no-cache",
    }


def test_backups_and_their_bucket(call_module, clients):
    s3 = clients["s3"]
    s3.create_bucket(Bucket="shop-backups")
    s3.put_bucket_versioning(Bucket="shop-backups", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="shop-backups", Key="sqlite/app.db-1/database.zst", Body=b"abcd")
    found = call_module(project_evidence_info, PARAMS, clients)["evidence"]
    assert found["backup_bucket"]["versioned"]
    newest = found["backup_objects"]["newest"]
    assert (newest["key"], newest["size"]) == ("sqlite/app.db-1/database.zst", 4)
    assert 0 <= newest["age_hours"] < 0.1


def test_monitoring_of_this_project_alone(call_module, clients):
    for name in ("shop", "shopping"):
        topic = clients["sns"].create_topic(Name=f"{name}-alerts")["TopicArn"]
        clients["cloudwatch"].put_metric_alarm(
            AlarmName=f"{name}-cpu",
            MetricName="CPUUtilization",
            Namespace="AWS/EC2",
            Dimensions=[{"Name": "InstanceId", "Value": "i-1"}],
            Period=300,
            Statistic="Average",
            EvaluationPeriods=1,
            Threshold=90,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[topic],
        )
    clients["logs"].create_log_group(logGroupName="/aws/ec2/shop/application")
    clients["logs"].put_retention_policy(logGroupName="/aws/ec2/shop/application", retentionInDays=30)
    found = call_module(project_evidence_info, PARAMS, clients)["evidence"]
    assert [(a["name"], a["metric"], a["dimensions"]) for a in found["alarms"]] == [
        ("shop-cpu", "AWS/EC2/CPUUtilization", {"InstanceId": "i-1"})
    ]
    assert [topic["arn"].rpartition(":")[2] for topic in found["topics"]] == ["shop-alerts"]
    assert found["log_groups"] == [{"name": "/aws/ec2/shop/application", "retention_days": 30}]


def test_the_role_with_its_policies(call_module, clients):
    iam = clients["iam"]
    iam.create_role(RoleName="shop-backend", AssumeRolePolicyDocument="{}")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}
    iam.put_role_policy(RoleName="shop-backend", PolicyName="backups", PolicyDocument=json.dumps(policy))
    iam.create_instance_profile(InstanceProfileName="shop-backend")
    iam.add_role_to_instance_profile(InstanceProfileName="shop-backend", RoleName="shop-backend")
    found = call_module(project_evidence_info, PARAMS, clients)["evidence"]["role"]
    assert found == {
        **{"profile": "shop-backend", "roles": ["shop-backend"], "managed_policies": []},
        "policies": {"backups": policy},
    }


def test_what_may_not_be_read_does_not_hide_the_rest(call_module, clients):
    with Stubber(clients["route53"]) as route53:
        route53.add_client_error("list_health_checks", "AccessDenied", "no", 403)
        found = call_module(project_evidence_info, PARAMS, clients)["evidence"]
    assert "Allow route53:ListHealthChecks" in found["health_checks"]["error"]
    assert found["alarms"] == []
