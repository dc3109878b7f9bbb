# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import boto3
import pytest
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader
from botocore.stub import Stubber

from ansible_collections.slipway.aws.plugins.lookup.secretsmanager_secret_stages import LookupModule

ROTATED = {"1": ["AWSPREVIOUS"], "2": ["AWSCURRENT"], "3": ["AWSPENDING"]}
UNKNOWN = "(known after apply)"


@pytest.fixture
def look_up(monkeypatch):
    client = boto3.client("secretsmanager", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    monkeypatch.setattr(LookupModule, "client", lambda *_arguments: client)

    def run(stages, check_mode=False, **options):
        with Stubber(client) as stubber:
            if stages is None:
                stubber.add_client_error("describe_secret", "ResourceNotFoundException")
            else:
                ids = {f"{version:0>32}": labels for version, labels in stages.items()}
                stubber.add_response(
                    "describe_secret", {"Name": "shop/key", "ARN": "arn:aws:x" * 3, "VersionIdsToStages": ids}
                )
                for label in ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"):
                    if any(label in labels for labels in stages.values()):
                        expected = {"SecretId": "shop/key", "VersionStage": label}
                        stubber.add_response("get_secret_value", {"SecretString": f"value of {label}"}, expected)
            plugin = lookup_loader.get("slipway.aws.secretsmanager_secret_stages")
            found = plugin.run(["shop/key"], {"ansible_check_mode": check_mode}, **options)
            stubber.assert_no_pending_responses()
            return found

    return run


@pytest.mark.parametrize(
    ("stages", "labels", "newest"),
    [
        ({"1": ["AWSCURRENT"]}, ["AWSCURRENT"], "AWSCURRENT"),
        ({"1": ["AWSCURRENT"], "2": ["AWSPENDING"]}, ["AWSCURRENT", "AWSPENDING"], "AWSPENDING"),
        (ROTATED, ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"], "AWSPENDING"),
        ({"1": ["AWSPREVIOUS"], "2": ["AWSCURRENT"]}, ["AWSCURRENT", "AWSPREVIOUS"], "AWSCURRENT"),
    ],
)
def test_the_values_by_label(look_up, stages, labels, newest):
    (found,) = look_up(stages)
    assert list(found.items()) == [(label, f"value of {label}") for label in labels]
    assert look_up(stages, newest=True) == [f"value of {newest}"]


def test_what_a_plan_has_not_made(look_up):
    assert look_up(None, check_mode=True) == [{"AWSCURRENT": UNKNOWN}]
    current = {"1": ["AWSCURRENT"]}
    (found,) = look_up(current, check_mode=True, planned=["shop/key"])
    assert found == {"AWSCURRENT": "value of AWSCURRENT", "AWSPENDING": UNKNOWN}
    assert look_up(current, check_mode=True, newest=True, planned=["shop/key"]) == [UNKNOWN]


@pytest.mark.parametrize(("stages", "why"), [(None, "does not exist"), ({}, "has no value")])
def test_what_is_not_there(look_up, stages, why):
    with pytest.raises(AnsibleLookupError, match=rf"Secret shop/key {why}. The playbook site.yml makes it."):
        look_up(stages)
