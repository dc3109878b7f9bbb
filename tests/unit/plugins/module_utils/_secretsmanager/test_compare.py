# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import string

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import desired_secret
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import desired_stages
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import find_rotation
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import generate_value
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.compare import label_moves

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


C, P, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
# The states that a rotation from version 1 to version 2 goes through.
BEFORE = {"1": [C]}
BEGUN = {"1": [C], "2": [P]}
PROMOTED = {"1": [PREVIOUS], "2": [C, P]}
HALF_FINISHED = {"1": [PREVIOUS], "2": [C]}
FINISHED = {"2": [C]}


@pytest.mark.parametrize(
    ("stages", "version"),
    [
        ({}, None),
        (BEFORE, None),
        (BEGUN, "2"),
        (PROMOTED, "2"),
        (HALF_FINISHED, "2"),
        (FINISHED, None),
        ({"1": [C, P]}, None),  # as a function of AWS leaves it
        ({"1": [PREVIOUS], "2": [C], "3": [P]}, "3"),
        ({"1": [C], "2": ["mine"]}, None),
    ],
)
def test_the_labels_tell_what_a_rotation_leads_to(stages, version):
    assert find_rotation(stages) == version


@pytest.mark.parametrize(
    ("step", "stages", "version", "after"),
    [
        ("pending", BEFORE, None, {"1": [C], UNKNOWN: [P]}),
        ("pending", {}, None, {UNKNOWN: [P]}),
        ("pending", {"1": [C, P]}, None, {"1": [C], UNKNOWN: [P]}),
        ("pending", BEGUN, None, BEGUN),
        ("pending", PROMOTED, None, PROMOTED),
        ("pending", HALF_FINISHED, None, HALF_FINISHED),
        ("current", BEGUN, "2", PROMOTED),
        ("current", PROMOTED, "2", PROMOTED),
        ("current", FINISHED, "2", FINISHED),
        ("current", BEFORE, UNKNOWN, {"1": [PREVIOUS], UNKNOWN: [C]}),
        ("current", {"1": [PREVIOUS], "2": [C], "3": [P]}, "3", {"2": [PREVIOUS], "3": [C, P]}),
        ("current", {"1": [C, "mine"], "2": [P]}, "2", {"1": [PREVIOUS, "mine"], "2": [C, P]}),
        ("finished", PROMOTED, "2", FINISHED),
        ("finished", HALF_FINISHED, "2", FINISHED),
        ("finished", FINISHED, "2", FINISHED),
        ("finished", BEGUN, "2", FINISHED),  # in a plan, where it is not current yet
        ("finished", BEFORE, UNKNOWN, {UNKNOWN: [C]}),
        ("finished", {"1": [PREVIOUS, "mine"], "2": [C]}, "2", {"1": ["mine"], "2": [C]}),
    ],
)
def test_each_step_is_a_state(step, stages, version, after):
    assert desired_stages(step, stages, version) == after


@pytest.mark.parametrize(
    ("before", "after", "moves"),
    [
        (BEGUN, PROMOTED, [(C, "1", "2")]),
        (PROMOTED, FINISHED, [(P, "2", None), (PREVIOUS, "1", None)]),
        (HALF_FINISHED, FINISHED, [(PREVIOUS, "1", None)]),
        (FINISHED, FINISHED, []),
        # AWS takes AWSPREVIOUS along.
        ({"1": [PREVIOUS], "2": [C], "3": [P]}, {"2": [PREVIOUS], "3": [C, P]}, [(C, "2", "3")]),
    ],
)
def test_labels_are_moved_one_by_one(before, after, moves):
    assert label_moves(before, after) == moves
