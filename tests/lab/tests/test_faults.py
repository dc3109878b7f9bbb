# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import botocore.config
import botocore.endpoint
import pytest
from botocore.exceptions import ClientError
from botocore.exceptions import HTTPClientError

from slipway_lab.faults import KINDS
from slipway_lab.faults import Settings
from slipway_lab.faults import draw

# A read of each protocol that the lab speaks, and of each service whose codes are its own.
READS = {
    "ec2": ("describe_vpcs", {}),
    "iam": ("list_roles", {}),
    "s3": ("list_buckets", {}),
    "cloudfront": ("list_distributions", {}),
    "route53": ("list_hosted_zones", {}),
    "secretsmanager": ("list_secrets", {}),
    "logs": ("describe_log_groups", {}),
    "cloudwatch": ("describe_alarms", {}),
    "sns": ("list_topics", {}),
    "ssm": ("get_parameters_by_path", {"Path": "/nothing"}),
    "budgets": ("describe_budgets", {"AccountId": "123456789012"}),
    "acm": ("list_certificates", {}),
    "sts": ("get_caller_identity", {}),
}


@pytest.fixture
def control(emulator):
    """Ask the lab's own API."""
    tls = ssl.create_default_context(cafile=str(emulator.lab.ca.certificate_file))

    def ask(wanted=None):
        body = None if wanted is None else json.dumps(wanted).encode()
        method = "GET" if body is None else "PUT"
        request = urllib.request.Request(f"{emulator.url}/_lab/faults", body, method=method)
        with urllib.request.urlopen(request, context=tls, timeout=20) as answer:
            return json.load(answer)

    yield ask
    ask({})


def read(emulator, service, **options):
    operation, arguments = READS[service]
    config = {"config": botocore.config.Config(**options)} if options else {}
    return getattr(emulator.client(service, **config), operation)(**arguments)


@pytest.mark.parametrize("kind", ["throttled", "internal", "unavailable"])
@pytest.mark.parametrize("service", READS)
def test_a_service_fails_in_a_way_that_botocore_knows_and_repeats(emulator, control, monkeypatch, service, kind):
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _seconds: None))
    control({"rate": 1, "kinds": [kind], "services": [service]})
    with pytest.raises(ClientError) as raised:
        read(emulator, service, retries={"max_attempts": 2})
    error = raised.value.response
    assert error["Error"]["Message"]
    assert error["ResponseMetadata"]["RetryAttempts"] == 2, error["Error"]
    assert control()["injected"] == {kind: {service: 3}}
    assert emulator.lab.journal.since(0)["calls"][-1]["error"] == error["Error"]["Code"]


@pytest.mark.parametrize("service", ["ec2", "s3", "secretsmanager"])
def test_the_connection_is_lost_before_the_call_is_carried_out(emulator, control, service):
    control({"rate": 1, "kinds": ["reset_before"], "services": [service]})
    with pytest.raises(HTTPClientError):
        read(emulator, service)
    call = emulator.lab.journal.since(0)["calls"][-1]
    assert (call["service"], call["status"], call["injected"]) == (service, 0, "reset_before")
    control({})
    read(emulator, service)


def test_the_connection_is_lost_after_the_call_was_carried_out(emulator, control):
    control({"rate": 1, "kinds": ["reset_after"], "operations": ["CreateLogGroup"]})
    logs = emulator.client("logs")
    with pytest.raises(HTTPClientError):
        logs.create_log_group(logGroupName="lost-answer")
    found = logs.describe_log_groups(logGroupNamePrefix="lost-answer")["logGroups"]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("service", "operation", "request_of", "count"),
    [
        (
            "ec2",
            "create_volume",
            {"AvailabilityZone": "us-east-1a", "Size": 1, "ClientToken": "once"},
            lambda client: len(client.describe_volumes()["Volumes"]),
        ),
        (
            "ec2",
            "create_route_table",
            {"ClientToken": "once"},
            lambda client: len(client.describe_route_tables()["RouteTables"]),
        ),
        (
            "route53",
            "create_health_check",
            {
                "CallerReference": "once",
                "HealthCheckConfig": {"Type": "HTTPS", "FullyQualifiedDomainName": "www.example.com", "Port": 443},
            },
            lambda client: len(client.list_health_checks()["HealthChecks"]),
        ),
    ],
    ids=["volume", "route table", "health check"],
)
def test_a_token_makes_one_thing_however_often_it_is_sent(emulator, control, service, operation, request_of, count):
    """So that a lost answer does no harm where AWS takes a token."""
    client = emulator.client(service, config=botocore.config.Config(retries={"max_attempts": 4}))
    if operation == "create_route_table":
        request_of = {**request_of, "VpcId": client.describe_vpcs()["Vpcs"][0]["VpcId"]}
    before = count(client)
    control({"rate": 1, "kinds": ["reset_after"], "services": [service], "limit": 1})
    getattr(client, operation)(**request_of)
    assert control()["injected"] == {"reset_after": {service: 1}}
    assert count(client) == before + 1


def test_a_slow_call_is_answered(emulator, control):
    control({"rate": 1, "kinds": ["slow"], "slow_seconds": 0.5, "services": ["sts"]})
    began = time.monotonic()
    read(emulator, "sts")
    assert time.monotonic() - began >= 0.1
    assert control()["injected"] == {"slow": {"sts": 1}}


def test_what_ec2_made_is_not_seen_at_once(emulator, control):
    control({"rate": 1, "kinds": ["invisible"], "invisible_seconds": 1.5})
    ec2 = emulator.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    with pytest.raises(ClientError) as raised:
        ec2.describe_vpcs(VpcIds=[vpc])
    assert raised.value.response["Error"]["Code"] == "InvalidVpcID.NotFound"
    with pytest.raises(ClientError):
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}])
    everything = ec2.describe_vpcs()["Vpcs"]
    assert vpc not in [item["VpcId"] for item in everything]
    assert len(everything) > 0
    assert control()["injected"]["invisible"]["ec2"] == 3
    time.sleep(1.6)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"] == "10.77.0.0/16"
    ec2.delete_vpc(VpcId=vpc)


def test_what_iam_made_is_not_seen_at_once(emulator, control):
    control({"rate": 1, "kinds": ["invisible"], "invisible_seconds": 1.5})
    iam = emulator.client("iam")
    iam.create_role(RoleName="unseen", AssumeRolePolicyDocument="{}")
    with pytest.raises(ClientError) as raised:
        iam.get_role(RoleName="unseen")
    assert raised.value.response["Error"]["Code"] == "NoSuchEntity"
    time.sleep(1.6)
    assert iam.get_role(RoleName="unseen")["Role"]["RoleName"] == "unseen"


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_a_write_is_held_and_lost(emulator, control, when, made):
    control({"hold": {"nth": 2, "when": when}, "services": ["logs"]})
    logs = emulator.client("logs")
    prefix = f"held-{when}"
    logs.create_log_group(logGroupName=f"{prefix}-0")
    outcome = []

    def second():
        try:
            logs.create_log_group(logGroupName=f"{prefix}-1")
        except HTTPClientError as error:
            outcome.append(error)

    thread = threading.Thread(target=second)
    thread.start()
    deadline = time.monotonic() + 20
    while not control()["held"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert control()["held"] == [{"service": "logs", "operation": "CreateLogGroup", "when": when}]
    assert not outcome
    did = control({})
    thread.join(20)
    assert len(outcome) == 1
    assert did["writes"] == 2
    found = logs.describe_log_groups(logGroupNamePrefix=f"{prefix}-1")["logGroups"]
    assert len(found) == made


def test_the_limit_ends_the_faults(emulator, control):
    control({"rate": 1, "kinds": ["throttled"], "services": ["sts"], "limit": 2})
    for _attempt in range(2):
        with pytest.raises(ClientError):
            read(emulator, "sts")
    read(emulator, "sts")


@pytest.mark.parametrize(
    "wanted",
    [{"colour": 1}, {"kinds": ["flood"]}, {"rate": 2}, {"hold": {"nth": 0, "when": "after"}}, {"hold": {"nth": 1}}],
)
def test_settings_that_mean_nothing_are_refused(control, wanted):
    with pytest.raises(urllib.error.HTTPError) as raised:
        control(wanted)
    assert raised.value.code == 400


def call(operation="DescribeVpcs", service="ec2"):
    return SimpleNamespace(service=service, operation=operation)


def test_the_rate_is_the_share_of_calls():
    settings = Settings(seed=1, rate=0.33)
    drawn = [draw(settings, call(), number) for number in range(3000)]
    assert 0.30 < sum(kind is not None for kind in drawn) / 3000 < 0.36
    assert set(drawn) == {None, *KINDS} - {"invisible"}
    assert drawn == [draw(settings, call(), number) for number in range(3000)]
    assert drawn != [draw(Settings(seed=2, rate=0.33), call(), number) for number in range(3000)]


def test_a_persistent_fault_stays():
    settings = Settings(seed=1, rate=0.5, persistent=True)
    for operation in ("CreateVpc", "DescribeVpcs", "RunInstances"):
        assert len({draw(settings, call(operation), number) for number in range(50)}) == 1


def test_only_what_is_made_can_be_unseen():
    settings = Settings(rate=1, kinds=("invisible",))
    assert draw(settings, call("CreateVpc"), 1) == "invisible"
    assert draw(settings, call("DescribeVpcs"), 1) is None
    assert draw(settings, call("CreateBucket", "s3"), 1) is None
