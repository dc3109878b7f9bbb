# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import boto3
import pytest

from ansible_collections.slipway.aws.plugins.modules import iam_runtime_role

PARAMS = {
    "name": "shop",
    "managed_policies": ["AmazonSSMManagedInstanceCore", "AmazonECSTaskExecutionRolePolicy"],
    "policies": {
        "backups": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::shop/*"}],
        }
    },
    "tags": {"Project": "shop"},
}


@pytest.fixture
def iam(stubbed):
    return stubbed("iam")


def expect_nothing_there(iam):
    for operation, params in [
        ("get_role", {"RoleName": "shop"}),
        ("list_attached_role_policies", {"RoleName": "shop"}),
        ("list_role_policies", {"RoleName": "shop"}),
        ("get_instance_profile", {"InstanceProfileName": "shop"}),
    ]:
        iam.stubber.add_client_error(operation, "NoSuchEntity", "cannot be found", expected_params=params)


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.usefixtures("sequential_reads")
def test_check_mode_on_an_empty_account_only_reads(call_module, iam, state):
    expect_nothing_there(iam)
    result = call_module(iam_runtime_role, {**PARAMS, "state": state}, {"iam": iam}, check_mode=True, diff=True)
    assert result["changed"] is (state == "present")
    assert result["diff"]["before"] == {}
    assert bool(result["role"]) is (state == "present")


@pytest.mark.usefixtures("sequential_reads")
def test_a_refused_write_says_what_to_allow(call_module, iam):
    expect_nothing_there(iam)
    iam.stubber.add_client_error("create_role", "AccessDenied", "is not authorized to perform: iam:CreateRole")
    result = call_module(iam_runtime_role, PARAMS, {"iam": iam})
    assert result["msg"].startswith("Failed to create role shop. Allow iam:CreateRole to the identity")


def test_a_name_that_iam_would_refuse(call_module):
    assert "may not exceed 64" in call_module(iam_runtime_role, {"name": "x" * 65}, {})["msg"]


def test_killed_anywhere_while_making_it(sweep_kills):
    def inspect(clients, result):
        role = clients["iam"].get_role(RoleName="shop")["Role"]
        assert role["Arn"] == result["role"]["arn"]
        profile = clients["iam"].get_instance_profile(InstanceProfileName="shop")["InstanceProfile"]
        assert [item["RoleName"] for item in profile["Roles"]] == ["shop"]
        attached = clients["iam"].list_attached_role_policies(RoleName="shop")["AttachedPolicies"]
        assert sorted(policy["PolicyName"] for policy in attached) == sorted(PARAMS["managed_policies"])

    assert sweep_kills(iam_runtime_role, ["iam"], lambda _clients: PARAMS, inspect) == 6


def test_killed_anywhere_while_deleting_it(sweep_kills, call_module):
    def prepare(clients):
        call_module(iam_runtime_role, PARAMS, clients)
        return {"name": "shop", "state": "absent"}

    def inspect(clients, _result):
        assert clients["iam"].list_roles()["Roles"] == []
        assert clients["iam"].list_instance_profiles()["InstanceProfiles"] == []

    assert sweep_kills(iam_runtime_role, ["iam"], prepare, inspect) == 6


def test_a_managed_policy_that_does_not_exist(call_module, monkeypatch):
    moto = pytest.importorskip("moto")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with moto.mock_aws():
        params = {"name": "shop", "managed_policies": ["NoSuchPolicy"]}
        result = call_module(iam_runtime_role, params, {"iam": boto3.client("iam", region_name="us-east-1")})
    assert "there is no managed policy named NoSuchPolicy" in result["msg"]
