# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import build_role
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import build_trust
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import deletion_steps
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import normalise_role
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import planned_role
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import role_problems
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import role_result
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import role_steps
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


def document(action="s3:PutObject", resource="arn:aws:s3:::shop/*", **more):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def desired(**changes):
    options = {
        "name": "shop",
        "path": None,
        "description": None,
        "service": "ec2.amazonaws.com",
        "assume_role_policy": None,
        "managed_policies": [SSM],
        "policies": {"backups": document()},
        "permissions_boundary": None,
        "max_session_duration": None,
        "tags": {"Project": "shop"},
        "instance_profile": True,
    }
    return build_role({**options, **changes})


def current(role=None, attached=None, policies=None, **profile):
    tags = [{"Key": "Project", "Value": "shop"}]
    return normalise_role(
        {
            "RoleName": "shop",
            "Arn": "arn:aws:iam::123456789012:role/shop",
            "RoleId": "AROA1",
            "Path": "/",
            "AssumeRolePolicyDocument": build_trust("ec2.amazonaws.com"),
            "MaxSessionDuration": 3600,
            "Tags": tags,
            **(role or {}),
        },
        [
            {"PolicyArn": arn, "PolicyName": arn.rsplit("/", maxsplit=1)[-1]}
            for arn in ([SSM] if attached is None else attached)
        ],
        {"backups": document()} if policies is None else policies,
        {
            "InstanceProfileName": "shop",
            "Arn": "arn:aws:iam::123456789012:instance-profile/shop",
            "Path": "/",
            "Roles": [{"RoleName": "shop"}],
            "Tags": tags,
            **profile,
        },
    )


def actions(now, wanted, purge_policies=True, purge_tags=True):
    return [step.action for step in role_steps(now, wanted, purge_policies, purge_tags)]


def test_nothing_to_do():
    assert actions(current(), desired()) == []


def test_everything_to_do():
    assert actions(None, desired()) == [
        "create_role",
        "wait_for_role",
        "attach_policy",
        "put_policy",
        "create_profile",
        "wait_for_profile",
        "add_role_to_profile",
    ]


def test_what_is_not_set_is_not_in_the_call_that_makes_the_role():
    (step, *_rest) = role_steps(None, desired(description="Shop"), True, True)
    assert step.arguments == {
        "name": "shop",
        "trust": build_trust("ec2.amazonaws.com"),
        "tags": {"Project": "shop"},
        "Description": "Shop",
    }


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"managed_policies": ["AmazonSSMManagedInstanceCore"]}, []),
        ({"managed_policies": None, "policies": None, "tags": None}, []),
        ({"managed_policies": []}, ["detach_policy"]),
        ({"managed_policies": ["Other"]}, ["attach_policy", "detach_policy"]),
        ({"managed_policies": [SSM, UNKNOWN]}, ["attach_policy"]),
        ({"policies": {}}, ["delete_policy"]),
        ({"policies": {"backups": json.dumps(document())}}, []),
        ({"policies": {"backups": document(action=["s3:PutObject"])}}, []),
        ({"policies": {"backups": document(action="s3:GetObject")}}, ["put_policy"]),
        ({"policies": {"backups": document(resource=f"{UNKNOWN}/*")}}, ["put_policy"]),
        ({"policies": {"other": document()}}, ["put_policy", "delete_policy"]),
        ({"service": "ecs-tasks.amazonaws.com"}, ["update_trust"]),
        ({"assume_role_policy": json.dumps(build_trust("ec2.amazonaws.com"))}, []),
        ({"description": "Shop", "max_session_duration": 7200}, ["update_role"]),
        ({"permissions_boundary": SSM}, ["put_boundary"]),
        ({"permissions_boundary": ""}, []),
        ({"tags": {}}, ["untag_role", "untag_profile"]),
        ({"tags": {"Project": "other"}}, ["tag_role", "tag_profile"]),
        ({"instance_profile": False}, ["remove_role_from_profile", "delete_profile"]),
    ],
)
def test_one_difference(wanted, expected):
    assert actions(current(), desired(**wanted)) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (current(attached=[]), ["attach_policy"]),
        (current(policies={}), ["put_policy"]),
        (current(Roles=[]), ["add_role_to_profile"]),
        (current(Roles=[{"RoleName": "other"}]), ["remove_role_from_profile", "add_role_to_profile"]),
        ({**current(), "instance_profile": None}, ["create_profile", "wait_for_profile", "add_role_to_profile"]),
        (
            {**current(), "permissions_boundary": SSM},
            [],
        ),
    ],
)
def test_a_half_made_role_is_mended(now, expected):
    assert actions(now, desired()) == expected


def test_a_boundary_is_removed_by_an_empty_string():
    now = current(role={"PermissionsBoundary": {"PermissionsBoundaryArn": SSM}})
    assert actions(now, desired(permissions_boundary="")) == ["delete_boundary"]


def test_what_purge_is_off_for_stays():
    now = current()
    wanted = desired(managed_policies=[], policies={}, tags={})
    assert actions(now, wanted, purge_policies=False, purge_tags=False) == []
    planned = planned_role(now, wanted, purge_policies=False, purge_tags=False)
    assert role_result(planned) == role_result(now)


def test_the_profile_that_a_killed_deletion_left():
    profile_only = normalise_role(None, [], {}, {"InstanceProfileName": "shop", "Arn": "arn", "Path": "/", "Roles": []})
    assert [step.action for step in deletion_steps(profile_only, [])] == ["delete_profile"]
    assert actions(profile_only, desired())[0] == "create_role"
    assert "create_profile" not in actions(profile_only, desired())


def test_deletion_order():
    assert [step.action for step in deletion_steps(current(), ["other"])] == [
        "remove_role_from_profile",
        "delete_profile",
        "remove_role_from_profile",
        "detach_policy",
        "delete_policy",
        "delete_role",
    ]


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"managed_policies": ["AmazonS3FullAccess"]}, "AmazonS3FullAccess is far wider"),
        ({"managed_policies": ["arn:aws:iam::aws:policy/AdministratorAccess"]}, "AdministratorAccess is far wider"),
        ({"policies": {"all": document("*", "*")}}, "all allows every action on every resource"),
        ({"policies": {"all": document(["s3:GetObject", "*"], ["*"])}}, "all allows every action"),
        ({"policies": {"all": {"Statement": document("*", "*")["Statement"][0]}}}, "all allows every action"),
        (
            {"policies": {"most": {"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]}}},
            "most allows every action",
        ),
    ],
)
def test_broad_policies_are_refused_unless_allowed(wanted, problem):
    (told,) = role_problems(desired(**wanted), None, False)
    assert problem in told
    assert role_problems(desired(**wanted), None, True) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"policies": {"some": document("*", "arn:aws:s3:::shop/*")}},
        {"policies": {"some": document("s3:ListAllMyBuckets", "*")}},
        {"policies": {"none": {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}}},
        {"policies": {"later": UNKNOWN}},
        {"managed_policies": [UNKNOWN]},
    ],
)
def test_narrow_policies_are_accepted(wanted):
    assert role_problems(desired(**wanted), None, False) == []


def test_other_problems_are_told_before_the_first_write():
    (path,) = role_problems(desired(path="/shop/"), current(), False)
    assert "AWS cannot change it to /shop/" in path
    (size,) = role_problems(desired(policies={"long": document(resource="x" * 10240)}), None, False)
    assert "more than the 10240" in size


@pytest.mark.parametrize("wanted", [{"policies": {"backups": "{"}}, {"assume_role_policy": "[]"}])
def test_no_document(wanted):
    with pytest.raises(ValueError, match="is not a policy document"):
        desired(**wanted)


def test_a_plan_on_an_empty_account_has_every_key_and_the_names():
    planned = role_result(planned_role(None, desired(), True, True))
    assert planned.keys() == role_result(current()).keys()
    assert planned["arn"] == planned["role_id"] == planned["instance_profile_arn"] == UNKNOWN
    assert planned["name"] == planned["instance_profile_name"] == "shop"


def test_a_plan_of_no_change_is_what_is_there():
    assert planned_role(current(), desired(), True, True) == current()
