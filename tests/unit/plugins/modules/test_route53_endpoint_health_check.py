# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import boto3
import pytest
from botocore.stub import ANY
from botocore.stub import Stubber

from ansible_collections.slipway.aws.plugins.modules import route53_endpoint_health_check

PARAMS = {"name": "shop", "domain_name": "d1.cloudfront.net", "path": "/api/health", "tags": {"A": "1"}}
NOTHING = {"HealthChecks": [], "Marker": "", "IsTruncated": False, "MaxItems": "100"}


@pytest.fixture
def route53():
    client = boto3.client("route53", aws_access_key_id="testing", aws_secret_access_key="testing")
    with Stubber(client) as stubber:
        client.stubber = stubber
        yield client
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize("state", ["present", "absent"])
def test_check_mode_only_reads(call_module, route53, state):
    route53.stubber.add_response("list_health_checks", NOTHING, {})
    params = {**PARAMS, "state": state}
    result = call_module(route53_endpoint_health_check, params, {"route53": route53}, check_mode=True, diff=True)
    assert result["changed"] is (state == "present")
    assert result["health_check"].get("id") == ("(known after apply)" if state == "present" else None)


def test_a_refused_write_says_what_to_allow(call_module, route53):
    route53.stubber.add_response("list_health_checks", NOTHING, {})
    expected = {"CallerReference": ANY, "HealthCheckConfig": ANY}
    route53.stubber.add_client_error("create_health_check", "AccessDenied", "no", expected_params=expected)
    result = call_module(route53_endpoint_health_check, PARAMS, {"route53": route53})
    assert "Allow route53:CreateHealthCheck to the identity" in result["msg"]


def test_what_would_be_refused_is_said_before_any_call(call_module, route53):
    result = call_module(route53_endpoint_health_check, {**PARAMS, "path": "health"}, {"route53": route53})
    assert result["msg"].startswith("Nothing was changed. path: health does not begin with a slash")


def inspect(clients, result):
    (check,) = clients["route53"].list_health_checks()["HealthChecks"]
    assert check["Id"] == result["health_check"]["id"]
    asked = {"ResourceType": "healthcheck", "ResourceId": check["Id"]}
    tags = clients["route53"].list_tags_for_resource(**asked)["ResourceTagSet"]["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"Name": "shop", "A": "1"}


def test_killed_anywhere_while_making_it(sweep_kills):
    assert sweep_kills(route53_endpoint_health_check, ["route53"], lambda _clients: PARAMS, inspect) == 2


def test_killed_anywhere_while_replacing_it(sweep_kills, call_module):
    def prepare(clients):
        call_module(route53_endpoint_health_check, {**PARAMS, "search_string": "ok"}, clients)
        return PARAMS

    assert sweep_kills(route53_endpoint_health_check, ["route53"], prepare, inspect) == 3


def test_killed_anywhere_while_changing_it(sweep_kills, call_module):
    def prepare(clients):
        call_module(route53_endpoint_health_check, {**PARAMS, "path": "/", "tags": {"B": "2"}}, clients)
        return PARAMS

    assert sweep_kills(route53_endpoint_health_check, ["route53"], prepare, inspect) == 2


def test_others_are_left_alone(sweep_kills, call_module):
    def prepare(clients):
        for name in ("shop", "shop-staging"):
            call_module(route53_endpoint_health_check, {**PARAMS, "name": name}, clients)
        return {"name": "shop", "state": "absent"}

    def left(clients, result):
        (check,) = clients["route53"].list_health_checks()["HealthChecks"]
        assert check["CallerReference"].startswith("shop-staging:")
        assert result["health_check"] == {}

    assert sweep_kills(route53_endpoint_health_check, ["route53"], prepare, left) == 1
