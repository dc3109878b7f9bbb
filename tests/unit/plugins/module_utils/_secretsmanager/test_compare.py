# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import string

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import desired_secret
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import generate_value

PARAMS = {"name": "a/b", "description": None, "kms_key_id": None, "tags": None, "purge_tags": True}
CURRENT = {
    "arn": "arn:x",
    "name": "a/b",
    "description": "old",
    "kms_key_id": None,
    "deletion_scheduled": False,
    "tags": {"A": "1"},
    "version_ids_to_stages": {"v": ["AWSCURRENT"]},
}


@pytest.mark.parametrize(
    ("params", "change"),
    [
        ({}, {}),
        ({"description": "old"}, {}),
        ({"description": "new"}, {"description": "new"}),
        ({"tags": {"A": "1"}}, {}),
        ({"tags": {}}, {"tags": {}}),
        ({"tags": {"B": "2"}}, {"tags": {"B": "2"}}),
        ({"tags": {"B": "2"}, "purge_tags": False}, {"tags": {"A": "1", "B": "2"}}),
        ({"tags": {"A": 1}}, {}),
        ({"tags": {"A": 2}}, {"tags": {"A": "2"}}),
        ({"kms_key_id": "alias/k"}, {"kms_key_id": "alias/k"}),
        ({"kms_key_id": "alias/aws/secretsmanager"}, {}),
    ],
)
def test_what_is_not_set_is_left_alone(params, change):
    assert desired_secret({**PARAMS, **params}, CURRENT) == {**CURRENT, **change}


def test_a_scheduled_deletion_is_a_difference():
    scheduled = {**CURRENT, "deletion_scheduled": True}
    assert desired_secret(PARAMS, scheduled) != scheduled


def test_another_name_of_the_same_key_is_no_difference():
    current = {**CURRENT, "kms_key_id": "arn:aws:kms:us-east-1:123456789012:alias/k"}
    assert desired_secret({**PARAMS, "kms_key_id": "alias/k"}, current) == current


def test_tags_of_aws_are_kept():
    current = {**CURRENT, "tags": {"aws:cloudformation:stack-name": "x"}}
    assert desired_secret({**PARAMS, "tags": {}}, current) == current


@pytest.mark.parametrize("versions", [{}, {"v": ["AWSPENDING"]}])
def test_a_secret_without_a_value_is_a_difference(versions):
    assert desired_secret(PARAMS, {**CURRENT, "version_ids_to_stages": versions})["version_ids_to_stages"] == UNKNOWN


@pytest.mark.parametrize(
    ("params", "problems"),
    [
        ({}, 0),
        ({"length": 11, "exclude_characters": string.punctuation}, 0),
        ({"length": 10, "exclude_characters": string.punctuation}, 1),
        ({"length": 64, "exclude_characters": string.ascii_letters + string.punctuation + "23456789"}, 0),
        ({"length": 63, "exclude_characters": string.ascii_letters + string.punctuation + "23456789"}, 1),
        ({"length": 99, "exclude_characters": string.ascii_letters + string.punctuation + string.digits}, 1),
        ({"length": 0}, 1),
        ({"recovery_window_in_days": 6}, 1),
        ({"recovery_window_in_days": 31}, 1),
    ],
)
def test_what_could_be_guessed_is_refused(params, problems):
    options = {"length": 48, "exclude_characters": "", "recovery_window_in_days": 30}
    assert len(find_problems({**options, **params})) == problems


def test_what_does_not_exist_yet_has_an_unknown_arn():
    desired = desired_secret({**PARAMS, "tags": {"A": "1"}}, None)
    assert desired["arn"] == UNKNOWN
    assert desired["tags"] == {"A": "1"}


def test_a_value_has_the_length_and_the_characters_that_were_asked_for():
    value = generate_value(200, string.punctuation)
    assert len(value) == 200
    assert value.isalnum()
    assert value != generate_value(200, string.punctuation)
