# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import string

import pytest
from botocore.stub import ANY

from ansible_collections.slipway.aws.plugins.modules import secretsmanager_random_secret

PARAMS = {"name": "shop/key", "tags": {"A": "1"}, "exclude_characters": string.punctuation}
DESCRIBED = {
    "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/key-a1b2c3",
    "Name": "shop/key",
    "Tags": [{"Key": "A", "Value": "1"}],
    "VersionIdsToStages": {"11111111-2222-3333-4444-555555555555": ["AWSCURRENT"]},
}
BY_NAME = {"SecretId": "shop/key"}


@pytest.fixture
def secrets(stubbed):
    return stubbed("secretsmanager")


def test_the_value_and_the_tags_are_in_the_call_that_makes_it_and_the_value_nowhere_else(call_module, secrets):
    sent = []
    secrets.meta.events.register("before-parameter-build", lambda params, **_kwargs: sent.append(dict(params)))
    secrets.stubber.add_client_error("describe_secret", "ResourceNotFoundException", expected_params=BY_NAME)
    secrets.stubber.add_response(
        "create_secret",
        {"Name": "shop/key"},
        {"Name": "shop/key", "SecretString": ANY, "Tags": [{"Key": "A", "Value": "1"}]},
    )
    secrets.stubber.add_response("describe_secret", DESCRIBED, BY_NAME)
    result = call_module(secretsmanager_random_secret, PARAMS, {"secretsmanager": secrets}, diff=True)
    assert result["changed"] is True
    assert result["secret"]["arn"] == DESCRIBED["ARN"]
    (value,) = [params["SecretString"] for params in sent if "SecretString" in params]
    assert len(value) == 48
    assert value.isalnum()
    assert value not in json.dumps(result)


def test_a_secret_that_is_right_is_only_described(call_module, secrets):
    secrets.stubber.add_response("describe_secret", DESCRIBED, BY_NAME)
    result = call_module(secretsmanager_random_secret, PARAMS, {"secretsmanager": secrets})
    assert result["changed"] is False


def test_a_secret_without_a_value_gets_one(call_module, secrets):
    secrets.stubber.add_response("describe_secret", {**DESCRIBED, "VersionIdsToStages": {}}, BY_NAME)
    secrets.stubber.add_response("put_secret_value", {}, {"SecretId": "shop/key", "SecretString": ANY})
    secrets.stubber.add_response("describe_secret", DESCRIBED, BY_NAME)
    assert call_module(secretsmanager_random_secret, PARAMS, {"secretsmanager": secrets})["changed"] is True


def test_a_scheduled_deletion_is_taken_back_first(call_module, secrets):
    secrets.stubber.add_response("describe_secret", {**DESCRIBED, "DeletedDate": 1700000000}, BY_NAME)
    secrets.stubber.add_response("restore_secret", {}, BY_NAME)
    secrets.stubber.add_response("untag_resource", {}, {"SecretId": "shop/key", "TagKeys": ["A"]})
    secrets.stubber.add_response("tag_resource", {}, {"SecretId": "shop/key", "Tags": [{"Key": "B", "Value": "2"}]})
    secrets.stubber.add_response("describe_secret", DESCRIBED, BY_NAME)
    params = {**PARAMS, "tags": {"B": "2"}}
    assert call_module(secretsmanager_random_secret, params, {"secretsmanager": secrets})["changed"] is True


def test_a_refused_read_says_what_to_allow(call_module, secrets):
    secrets.stubber.add_client_error("describe_secret", "AccessDeniedException", "not authorized")
    result = call_module(secretsmanager_random_secret, PARAMS, {"secretsmanager": secrets})
    assert result["msg"].startswith(
        "Failed to read secret shop/key. Allow secretsmanager:DescribeSecret to the identity"
    )


def test_what_could_be_guessed_is_refused_before_any_call(call_module, secrets):
    result = call_module(secretsmanager_random_secret, {**PARAMS, "length": 8}, {"secretsmanager": secrets})
    assert "8 out of 62 different characters can be guessed" in result["msg"]


def test_killed_anywhere_while_changing_it(sweep_kills, call_module):
    def prepare(clients):
        call_module(secretsmanager_random_secret, {**PARAMS, "description": "old"}, clients)
        clients["secretsmanager"].delete_secret(SecretId="shop/key", RecoveryWindowInDays=7)
        return {**PARAMS, "description": "new", "tags": {"B": "2"}}

    def inspect(clients, result):
        described = clients["secretsmanager"].describe_secret(SecretId="shop/key")
        assert described["Description"] == "new"
        assert described["Tags"] == [{"Key": "B", "Value": "2"}]
        assert "DeletedDate" not in described
        assert result["secret"]["tags"] == {"B": "2"}

    assert sweep_kills(secretsmanager_random_secret, ["secretsmanager"], prepare, inspect) == 4


def test_killed_anywhere_while_deleting_it_for_ever(sweep_kills, call_module):
    def prepare(clients):
        call_module(secretsmanager_random_secret, PARAMS, clients)
        call_module(secretsmanager_random_secret, {"name": "shop/key", "state": "absent"}, clients)
        return {"name": "shop/key", "state": "absent", "force_delete": True}

    def inspect(clients, result):
        assert clients["secretsmanager"].list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
        assert result["secret"] == {}

    assert sweep_kills(secretsmanager_random_secret, ["secretsmanager"], prepare, inspect) == 2
