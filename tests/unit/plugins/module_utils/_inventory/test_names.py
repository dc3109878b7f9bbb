# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import date

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._inventory import names
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory

FACTS = Facts(today=date(2026, 11, 21), regions=frozenset(["us-east-1", "us-west-1", "eu-central-1"]))
WIRING = {
    "project_name": "{{ project }}{{ '' if stage == 'production' else '-' ~ stage }}",
    "ec2_host_name": "{{ project_name }}-backend",
    "python_app_name": "{{ project_name }}",
    "static_site_name": "{{ project_name }}",
    "static_site_bucket_name": "{{ project_name }}-frontend-{{ aws_account_id }}",
    "of_tomorrow_bucket_name": "{{ project_name }}-of-tomorrow-{{ aws_account_id }}",
    "something": "{{ hostvars[project_host].x }}",
    "number": 5,
}


def inventory(**values):
    return Inventory(values, values)


def problems(check, **values):
    return [str(problem) for problem in check(inventory(**values), FACTS)]


@pytest.mark.parametrize(
    ("project", "stage", "words"),
    [
        ("my-app", "production", []),
        ("a1", "staging-2", []),
        ("My_App", "production", ["Write: project: my-app"]),
        ("1app", "production", ["Write: project: app"]),
        ("app-", "production", ["Write: project: app"]),
        ("a--b", "production", ["Write: project: a-b"]),
        ("äö", "production", ["Write: project: my-app"]),
        ("sthree-app", "production", ["AWS keeps buckets"]),
        ("my-app", "Test Stage", ["Write: stage: test-stage"]),
        ("my-app", "prod", ["Write: stage: production"]),
        ("my-app", "prodution", ["Write: stage: production"]),
        ("haproxy", "production", ["as a user that the host has already. Write: project: haproxy-app"]),
        ("haproxy", "test", []),
        ("My_App", "Prod!", ["Write: project: my-app", "Write: stage: prod"]),
    ],
)
def test_project_and_stage(project, stage, words):
    found = problems(names.check_project, project=project, stage=stage)
    assert len(found) == len(words), found
    assert all(word in problem for problem, word in zip(found, words, strict=True)), found


def test_names_are_worked_out_from_the_wiring():
    found = names.project_names(inventory(project="shop", stage="test", aws_account_id="1" * 12), WIRING)
    assert found == {
        "ec2_host_name": "shop-test-backend",
        "python_app_name": "shop-test",
        "static_site_name": "shop-test",
        "static_site_bucket_name": f"shop-test-frontend-{'1' * 12}",
        "of_tomorrow_bucket_name": f"shop-test-of-tomorrow-{'1' * 12}",
    }
    assert names.project_names(inventory(project="shop"), WIRING) == {}


@pytest.mark.parametrize(
    ("project", "words"),
    [
        ("a" * 32, []),
        ("a" * 33, ["Linux user", "32 are allowed", f"Write: project: {'a' * 32} (1 characters less)"]),
        ("a" * 50, ["bucket", "63 are allowed", "CloudFront function", "Linux user", f"Write: project: {'a' * 31}"]),
    ],
)
def test_names_that_are_too_long(project, words):
    found = [str(p) for p in names.check_names(inventory(project=project, stage="production"), WIRING)]
    assert len(found) == bool(words)
    assert all(word in found[0] for word in words), found


@pytest.mark.parametrize(
    ("account", "right"), [("123456789012", True), ("12345678901", False), ("1234-5678-9012", False), ("x" * 12, False)]
)
def test_account(account, right):
    assert (problems(names.check_account_id, aws_account_id=account) == []) == right


@pytest.mark.parametrize(
    ("region", "line"),
    [
        ("us-east-1", ""),
        ("us-esat-1", "aws_region: us-east-1"),
        ("us-west1", "aws_region: us-west-1"),
        ("eu-central-1a", "aws_region: eu-central-1"),
        ("cn-north-1", "aws_region:"),
        ("Frankfurt", "aws_region:"),
    ],
)
def test_region(region, line):
    found = problems(names.check_region, aws_region=region)
    assert len(found) == bool(line)
    assert all(f"Write: {line}" in problem for problem in found), found


def test_region_where_the_list_is_not_known():
    facts = FACTS._replace(regions=frozenset())
    assert list(names.check_region(inventory(aws_region="us-new-7"), facts)) == []
    assert len(list(names.check_region(inventory(aws_region="Frankfurt"), facts))) == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, []),
        ({"domain_name": "app.example.com", "domain_zone": "{{ domain_name }}"}, []),
        ({"domain_name": "App.Example.com", "domain_zone": "example.COM."}, []),
        (
            {"domain_name": "example.com", "domain_alternative_names": ["www.example.com", "*.example.com"]},
            [],
        ),
        (
            {"domain_name": "app", "domain_zone": "app"},
            ["domain_name: app is no name of a domain. Write: domain_name: app.ex"],
        ),
        ({"domain_name": "https://app.example.com"}, ["no name of a domain"]),
        ({"domain_name": "*.example.com"}, ["no name of a domain"]),
        (
            {"domain_name": "app.example.com", "domain_zone": "example.org"},
            ["app.example.com is not in the hosted zone example.org. Write: domain_zone: app.example.com"],
        ),
        (
            {"domain_name": "app.example.com", "domain_alternative_names": ["www.example.com"]},
            ["www.example.com is not in the hosted zone app.example.com. Write: domain_zone: example.com"],
        ),
        ({"domain_name": "myexample.com", "domain_zone": "example.com"}, ["is not in the hosted zone"]),
        ({"domain_create_zone": True}, ["domain_create_zone: it says nothing without a domain. Write: domain_name: "]),
    ],
)
def test_domain(values, words):
    found = problems(names.check_domain, **values)
    assert len(found) == len(words), found
    assert all(word in problem for problem, word in zip(found, words, strict=True)), found


ARN = "arn:aws:acm:{}:{}:certificate/12345678-1234-1234-1234-123456789012"


@pytest.mark.parametrize(
    ("arn", "words"),
    [
        (ARN.format("us-east-1", "1" * 12), []),
        ("", []),
        (ARN.format("eu-central-1", "1" * 12), ["CloudFront takes those of us-east-1 alone"]),
        (ARN.format("us-east-1", "2" * 12), [f"account {'2' * 12}'s"]),
        (ARN.format("eu-central-1", "2" * 12), ["us-east-1 alone", f"account {'2' * 12}'s"]),
        ("arn:aws:iam::111111111111:server-certificate/x", ["no certificate of AWS Certificate Manager's"]),
    ],
)
def test_certificates(arn, words):
    found = problems(names.check_certificates, aws_account_id="1" * 12, any_certificate_arn=arn)
    assert len(found) == len(words), found
    assert all(word in problem for problem, word in zip(found, words, strict=True)), found
    assert all("Write: any_certificate_arn: arn:aws:acm:us-east-1:" in problem for problem in found)
