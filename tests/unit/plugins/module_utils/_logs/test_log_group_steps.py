# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._logs import compare
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

CURRENT = {
    "name": "/shop",
    "arn": "arn:aws:logs:us-east-1:1:log-group:/shop",
    "retention_in_days": 30,
    "kms_key_id": "arn:aws:kms:us-east-1:1:key/k",
    "log_group_class": "STANDARD",
    "stored_bytes": 5,
    "tags": {"A": "1"},
}


def group(**changes):
    unset = {"retention_in_days": None, "kms_key_id": None, "log_group_class": None, "tags": None}
    return {"name": "/shop", **unset, **changes}


@pytest.mark.parametrize(
    ("current", "desired", "expected"),
    [
        (None, group(), ["create_log_group"]),
        (None, group(retention_in_days=0), ["create_log_group"]),
        (None, group(retention_in_days=7), ["create_log_group", "put_retention"]),
        (CURRENT, group(), []),
        (CURRENT, group(retention_in_days=30, kms_key_id="k", tags={"A": "1"}), []),
        (CURRENT, group(retention_in_days=7), ["put_retention"]),
        (CURRENT, group(retention_in_days=0), ["delete_retention"]),
        (CURRENT, group(kms_key_id="other"), ["associate_key"]),
        (CURRENT, group(kms_key_id=UNKNOWN), ["associate_key"]),
        (CURRENT, group(kms_key_id=""), ["disassociate_key"]),
        ({**CURRENT, "kms_key_id": ""}, group(kms_key_id=""), []),
        (CURRENT, group(tags={"B": "2"}), ["untag_log_group", "tag_log_group"]),
        (CURRENT, group(tags={}), ["untag_log_group"]),
    ],
)
def test_steps(current, desired, expected):
    assert [step.action for step in compare.group_steps(current, desired, True)] == expected
    planned = compare.planned_group(current, desired, True)
    assert list(compare.group_steps(planned, desired, True)) == []


def test_a_group_is_made_with_its_key_and_tags():
    create, _retention = compare.group_steps(None, group(kms_key_id="k", retention_in_days=1, tags={"A": "1"}), True)
    assert create.arguments == {"name": "/shop", "settings": {"kmsKeyId": "k"}, "tags": {"A": "1"}}


def test_tags_stay_unless_purged():
    (step,) = compare.group_steps(CURRENT, group(tags={"B": "2"}), False)
    assert step.arguments["tags"] == {"B": "2"}
    assert compare.planned_group(CURRENT, group(tags={"B": "2"}), False)["tags"] == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([group(), group()], "/shop is there twice"),
        ([group(name="a b")], "other characters"),
        ([group(retention_in_days=31)], "31 is not possible; the nearest that is, is 30."),
        ([group(retention_in_days=-1)], "the nearest that is, is 1."),
    ],
)
def test_problems(groups, words):
    (problem,) = compare.find_problems({"log_groups": groups})
    assert words in problem


@pytest.mark.parametrize("days", [None, compare.FOR_EVER, *compare.RETENTIONS])
def test_what_aws_takes_is_no_problem(days):
    assert compare.find_problems({"log_groups": [group(retention_in_days=days)]}) == []


def test_the_class_of_a_group_stays():
    assert "cannot change it to" in compare.class_problem(CURRENT, group(log_group_class="INFREQUENT_ACCESS"))
    assert compare.class_problem(CURRENT, group(log_group_class="STANDARD")) is None
    assert compare.class_problem(None, group(log_group_class="INFREQUENT_ACCESS")) is None


def test_a_group_as_aws_tells_it():
    described = {"logGroupName": "/shop", "arn": f"{CURRENT['arn']}:*"}
    assert compare.normalise_group(described, {}) == {
        **CURRENT,
        "retention_in_days": 0,
        "kms_key_id": "",
        "stored_bytes": 0,
        "tags": {},
    }
