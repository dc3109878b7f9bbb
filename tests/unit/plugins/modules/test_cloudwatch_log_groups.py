# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.modules import cloudwatch_log_groups

PARAMS = {
    "log_groups": [{"name": "/shop/app", "retention_in_days": 30}, {"name": "/shop/sys", "retention_in_days": 7}],
    "tags": {"A": "1"},
}


@pytest.fixture
def logs(stubbed):
    return stubbed("logs")


def expect(logs, *there):
    """Groups are asked for one by one; there: the names of those that AWS lists, whatever was asked."""
    for name in ("/shop/app", "/shop/sys"):
        groups = [{"logGroupName": found, "logGroupArn": f"arn:{found}"} for found in there if found.startswith(name)]
        asked = {"logGroupNamePrefix": name, "limit": 1}
        logs.stubber.add_response("describe_log_groups", {"logGroups": groups}, asked)


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.usefixtures("sequential_reads")
def test_check_mode_only_reads(call_module, logs, state):
    # One that only begins alike is another.
    expect(logs, "/shop/apples")
    result = call_module(cloudwatch_log_groups, {**PARAMS, "state": state}, {"logs": logs}, check_mode=True, diff=True)
    assert result["changed"] is (state == "present")
    assert [group["name"] for group in result["log_groups"]] == (
        ["/shop/app", "/shop/sys"] if state == "present" else []
    )


@pytest.mark.usefixtures("sequential_reads")
def test_a_refused_write_says_what_to_allow(call_module, logs):
    expect(logs)
    logs.stubber.add_client_error("create_log_group", "AccessDeniedException", "not authorized")
    result = call_module(cloudwatch_log_groups, PARAMS, {"logs": logs})
    assert result["msg"].startswith("Failed to create log group /shop/app. Allow logs:CreateLogGroup to the identity")


def test_numbers_of_days_that_aws_has_not_are_refused_before_any_call(call_module, logs):
    groups = [{**group, "retention_in_days": 31} for group in PARAMS["log_groups"]]
    result = call_module(cloudwatch_log_groups, {"log_groups": groups}, {"logs": logs})
    assert result["msg"].startswith("Nothing was changed. ")
    assert result["msg"].count("31 is not possible") == 2


def test_killed_anywhere_while_making_them(sweep_kills):
    def inspect(clients, result):
        groups = clients["logs"].describe_log_groups()["logGroups"]
        assert [(group["logGroupName"], group["retentionInDays"]) for group in groups] == [
            ("/shop/app", 30),
            ("/shop/sys", 7),
        ]
        for group in result["log_groups"]:
            assert clients["logs"].list_tags_for_resource(resourceArn=group["arn"])["tags"] == {"A": "1"}

    assert sweep_kills(cloudwatch_log_groups, ["logs"], lambda _clients: PARAMS, inspect) == 4


def test_killed_anywhere_while_deleting_them(sweep_kills, call_module):
    def prepare(clients):
        call_module(cloudwatch_log_groups, PARAMS, clients)
        clients["logs"].create_log_group(logGroupName="/shop/apples")
        return {**PARAMS, "state": "absent"}

    def inspect(clients, _result):
        groups = clients["logs"].describe_log_groups()["logGroups"]
        assert [group["logGroupName"] for group in groups] == ["/shop/apples"]

    assert sweep_kills(cloudwatch_log_groups, ["logs"], prepare, inspect) == 2
