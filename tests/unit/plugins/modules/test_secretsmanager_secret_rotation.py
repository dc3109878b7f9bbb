# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json

import pytest
from botocore.stub import ANY

from ansible_collections.slipway.aws.plugins.modules import secretsmanager_random_secret
from ansible_collections.slipway.aws.plugins.modules import secretsmanager_secret_rotation

OLD, NEW = "11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"
BY_NAME = {"SecretId": "shop/key"}
UNKNOWN = "(known after apply)"


def described(**stages):
    ids = {"old": OLD, "new": NEW}
    return {
        "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/key-a1b2c3",
        "Name": "shop/key",
        "VersionIdsToStages": {ids[version]: labels for version, labels in stages.items()},
    }


@pytest.fixture
def secrets(stubbed):
    return stubbed("secretsmanager")


@pytest.fixture
def take(call_module, secrets):
    def take(step, version=None, **options):
        params = {"name": "shop/key", "step": step, **({"version_id": version} if version else {})}
        return call_module(secretsmanager_secret_rotation, params, {"secretsmanager": secrets}, diff=True, **options)

    return take


def test_a_new_value_is_sent_once_and_told_to_nobody(take, secrets):
    sent = []
    secrets.meta.events.register("before-parameter-build", lambda params, **_kwargs: sent.append(dict(params)))
    secrets.stubber.add_response("describe_secret", described(old=["AWSCURRENT"]), BY_NAME)
    put = {"SecretString": ANY, "ClientRequestToken": ANY, "VersionStages": ["AWSPENDING"]}
    secrets.stubber.add_response("put_secret_value", {}, {**BY_NAME, **put})
    secrets.stubber.add_response("describe_secret", described(old=["AWSCURRENT"], new=["AWSPENDING"]), BY_NAME)
    result = take("pending")
    assert result["changed"] is True
    assert result["rotation"]["version_id"] == NEW
    (value,) = [params["SecretString"] for params in sent if "SecretString" in params]
    assert len(value) == 48
    assert value not in json.dumps(result)


@pytest.mark.parametrize(
    "stages",
    [
        {"old": ["AWSCURRENT"], "new": ["AWSPENDING"]},
        {"old": ["AWSPREVIOUS"], "new": ["AWSCURRENT", "AWSPENDING"]},
        {"old": ["AWSPREVIOUS"], "new": ["AWSCURRENT"]},
    ],
)
def test_a_rotation_under_way_is_gone_on_with(take, secrets, stages):
    secrets.stubber.add_response("describe_secret", described(**stages), BY_NAME)
    result = take("pending")
    assert result["changed"] is False
    assert result["rotation"]["version_id"] == NEW


def test_the_new_value_becomes_current(take, secrets):
    secrets.stubber.add_response("describe_secret", described(old=["AWSCURRENT"], new=["AWSPENDING"]), BY_NAME)
    move = {"VersionStage": "AWSCURRENT", "RemoveFromVersionId": OLD, "MoveToVersionId": NEW}
    secrets.stubber.add_response("update_secret_version_stage", {}, {**BY_NAME, **move})
    after = described(old=["AWSPREVIOUS"], new=["AWSPENDING", "AWSCURRENT"])
    secrets.stubber.add_response("describe_secret", after, BY_NAME)
    result = take("current", NEW)
    assert result["changed"] is True
    assert result["diff"]["after"]["version_ids_to_stages"] == {OLD: ["AWSPREVIOUS"], NEW: ["AWSCURRENT", "AWSPENDING"]}


def test_the_old_value_goes_last(take, secrets):
    before = described(old=["AWSPREVIOUS"], new=["AWSPENDING", "AWSCURRENT"])
    secrets.stubber.add_response("describe_secret", before, BY_NAME)
    for label, version in (("AWSPENDING", NEW), ("AWSPREVIOUS", OLD)):
        move = {"VersionStage": label, "RemoveFromVersionId": version}
        secrets.stubber.add_response("update_secret_version_stage", {}, {**BY_NAME, **move})
    secrets.stubber.add_response("describe_secret", described(new=["AWSCURRENT"]), BY_NAME)
    assert take("finished", NEW)["rotation"]["version_ids_to_stages"] == {NEW: ["AWSCURRENT"]}


def test_what_is_reached_is_only_described(take, secrets):
    for step in ("current", "finished"):
        secrets.stubber.add_response("describe_secret", described(new=["AWSCURRENT"]), BY_NAME)
        assert take(step, NEW)["changed"] is False


def test_a_plan_goes_through_all_steps_without_a_write(take, secrets):
    expected = {
        "pending": {OLD: ["AWSCURRENT"], UNKNOWN: ["AWSPENDING"]},
        "current": {OLD: ["AWSPREVIOUS"], UNKNOWN: ["AWSCURRENT"]},
        "finished": {UNKNOWN: ["AWSCURRENT"]},
    }
    version = None
    for step, after in expected.items():
        secrets.stubber.add_response("describe_secret", described(old=["AWSCURRENT"]), BY_NAME)
        result = take(step, version, check_mode=True)
        assert result["changed"] is True
        assert result["rotation"]["version_ids_to_stages"] == after
        version = result["rotation"]["version_id"]
        assert version == UNKNOWN


@pytest.mark.parametrize(
    ("step", "stages", "message"),
    [
        ("current", {"old": ["AWSCURRENT"]}, f"it has no version {NEW} with a label"),
        ("finished", {"old": ["AWSCURRENT"], "new": ["AWSPENDING"]}, f"version {NEW} is not its current one"),
        ("current", {}, "it has no value"),
    ],
)
def test_a_step_is_not_taken_before_the_one_that_it_builds_on(take, secrets, step, stages, message):
    secrets.stubber.add_response("describe_secret", described(**stages), BY_NAME)
    assert message in take(step, NEW)["msg"]


def test_a_missing_secret_is_said_to_be_missing(take, secrets):
    secrets.stubber.add_client_error("describe_secret", "ResourceNotFoundException", expected_params=BY_NAME)
    assert "there is no such secret. Make it with secretsmanager_random_secret first." in take("pending")["msg"]


def test_killed_anywhere_while_finishing(sweep_kills, call_module):
    def prepare(clients):
        call_module(secretsmanager_random_secret, {"name": "shop/key"}, clients)
        begun = call_module(secretsmanager_secret_rotation, {"name": "shop/key", "step": "pending"}, clients)
        params = {"name": "shop/key", "version_id": begun["rotation"]["version_id"]}
        call_module(secretsmanager_secret_rotation, {**params, "step": "current"}, clients)
        return {**params, "step": "finished"}

    def inspect(clients, result):
        described = clients["secretsmanager"].describe_secret(SecretId="shop/key")
        labelled = {version: labels for version, labels in described["VersionIdsToStages"].items() if labels}
        assert labelled == {result["rotation"]["version_id"]: ["AWSCURRENT"]}
        value = clients["secretsmanager"].get_secret_value(SecretId="shop/key", VersionStage="AWSCURRENT")
        assert value["VersionId"] == result["rotation"]["version_id"]

    assert sweep_kills(secretsmanager_secret_rotation, ["secretsmanager"], prepare, inspect) == 2
