# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import re

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import compare
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import managed_policies
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

ITEM = {
    "Id": "E1",
    "Name": "shop",
    "Description": "old",
    "OriginAccessControlOriginType": "s3",
    "SigningBehavior": "always",
    "SigningProtocol": "sigv4",
}
CONTROL = {
    "id": "E1",
    "name": "shop",
    "description": "old",
    "origin_type": "s3",
    "signing_behavior": "always",
    "signing_protocol": "sigv4",
}
CONTROL_PARAMS = {**CONTROL, "description": None}


@pytest.mark.parametrize(
    "answer",
    [ITEM, {"Id": "E1", "OriginAccessControlConfig": {key: value for key, value in ITEM.items() if key != "Id"}}],
)
def test_a_control_is_read_from_the_list_and_alone(answer):
    assert compare.normalise_origin_access_control(answer) == CONTROL


@pytest.mark.parametrize(
    ("params", "current", "expected"),
    [
        ({}, CONTROL, CONTROL),
        ({"description": "new"}, CONTROL, {**CONTROL, "description": "new"}),
        ({"description": ""}, CONTROL, {**CONTROL, "description": ""}),
        ({"signing_behavior": "never"}, CONTROL, {**CONTROL, "signing_behavior": "never"}),
        ({}, None, {**CONTROL, "id": UNKNOWN, "description": ""}),
    ],
)
def test_the_desired_control(params, current, expected):
    assert compare.desired_origin_access_control({**CONTROL_PARAMS, **params}, current) == expected


def test_a_control_survives_the_way_to_cloudfront_and_back():
    built = compare.build_origin_access_control(CONTROL)
    assert compare.normalise_origin_access_control({"Id": "E1", **built}) == CONTROL


@pytest.mark.parametrize("identity", ["E9", "origin-access-identity/cloudfront/E9"])
def test_an_identity_is_named_by_its_id_or_its_path(identity):
    assert compare.origin_access_identity_path(identity) == "origin-access-identity/cloudfront/E9"


STAGE = {"arn": "arn:f", "comment": "old", "runtime": "cloudfront-js-2.0", "code": b"x"}
FUNCTION_PARAMS = {"name": "f", "comment": None, "runtime": "cloudfront-js-2.0", "publish": True}


@pytest.mark.parametrize(
    ("params", "code", "stage", "differs"),
    [
        ({}, b"x", STAGE, False),
        ({"comment": "old"}, b"x", STAGE, False),
        ({"comment": "new"}, b"x", STAGE, True),
        ({"comment": ""}, b"x", STAGE, True),
        ({"runtime": "cloudfront-js-1.0"}, b"x", STAGE, True),
        ({}, b"x ", STAGE, True),
        ({}, b"x", None, True),
    ],
)
def test_what_makes_a_function_differ(params, code, stage, differs):
    desired = compare.desired_function({**FUNCTION_PARAMS, **params}, code, stage)
    assert compare.function_differs(stage, desired) is differs


def test_key_value_stores_of_a_function_stay():
    current = {"Comment": "old", "Runtime": "cloudfront-js-1.0", "KeyValueStoreAssociations": {"Quantity": 1}}
    desired = compare.desired_function({**FUNCTION_PARAMS, "comment": "new"}, b"x", STAGE)
    assert compare.build_function_config(desired, current) == {
        "Comment": "new",
        "Runtime": "cloudfront-js-2.0",
        "KeyValueStoreAssociations": {"Quantity": 1},
    }


@pytest.mark.parametrize("option", managed_policies.POLICIES)
def test_managed_policies_have_an_id_of_their_own(option):
    identifiers = list(managed_policies.POLICIES[option].values())
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(managed_policies.POLICY_ID, identifier) for identifier in identifiers)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("CachingDisabled", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"),
        ("Managed-CachingDisabled", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"),
        ("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"),
        ("11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-555555555555"),
        (UNKNOWN, UNKNOWN),
        ("", ""),
    ],
)
def test_a_policy_is_named_or_given_by_id(policy, expected):
    assert managed_policies.policy_id("cache_policy", policy) == expected
    assert managed_policies.find_policy_problem("cache_policy", policy) is None


@pytest.mark.parametrize("policy", ["CachingOptimised", "AllViewer", "1234"])
def test_an_unknown_policy_is_a_problem_that_names_the_known_ones(policy):
    problem = managed_policies.find_policy_problem("cache_policy", policy)
    assert problem.startswith(f"cache_policy: {policy} is neither the ID of a policy nor the name")
    assert "CachingOptimized" in problem
