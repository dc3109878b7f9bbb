# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what a runtime role is, what it should be, and the steps between. Pure.
#
# A role, as read or as wanted, is a dict:
#   name, path, description, trust, max_session_duration, permissions_boundary ("" for none), tags,
#   managed_policies {ARN: name} as read, a list of ARNs and names as wanted, policies {name: document},
#   instance_profile {name, path, roles, tags} or None
# In what is wanted, None means "leave alone" (False for the instance profile means none). A role that was read has
# arn and role_id as well, its instance profile an arn.

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from typing import Any

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
INLINE_POLICIES_LIMIT = 10240

BROAD_MANAGED_POLICIES = ("AdministratorAccess", "PowerUserAccess")


class Step(NamedTuple):
    """One write: a function of api.py and its arguments."""

    action: str
    arguments: dict[str, Any]


# --- what is there ---------------------------------------------------------------------------------------------


def normalise_role(
    role: dict[str, Any] | None,
    attached: Iterable[dict[str, str]],
    policies: dict[str, dict[str, Any]],
    profile: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """The role out of what the reads returned; None if there is neither it nor its instance profile."""
    if not role and not profile:
        return None
    role = role or {}
    return {
        "name": role.get("RoleName"),
        "arn": role.get("Arn"),
        "role_id": role.get("RoleId"),
        "path": role.get("Path"),
        "description": role.get("Description", ""),
        "trust": role.get("AssumeRolePolicyDocument"),
        "max_session_duration": role.get("MaxSessionDuration"),
        "permissions_boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        "tags": boto3_tag_list_to_ansible_dict(role.get("Tags") or []),
        "managed_policies": {policy["PolicyArn"]: policy["PolicyName"] for policy in attached},
        "policies": policies,
        "instance_profile": profile
        and {
            "name": profile["InstanceProfileName"],
            "arn": profile["Arn"],
            "path": profile["Path"],
            "roles": [item["RoleName"] for item in profile["Roles"]],
            "tags": boto3_tag_list_to_ansible_dict(profile.get("Tags") or []),
        },
    }


# --- what should be there --------------------------------------------------------------------------------------


def build_trust(service: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }


def build_role(params: dict[str, Any]) -> dict[str, Any]:
    """The role that the module's options ask for. ValueError names an option that is no JSON."""
    trust = params["assume_role_policy"]
    policies = params["policies"]
    tags = params["tags"]
    return {
        "name": params["name"],
        "path": params["path"],
        "description": params["description"],
        "trust": build_trust(params["service"]) if trust is None else parse_document("assume_role_policy", trust),
        "max_session_duration": params["max_session_duration"],
        "permissions_boundary": params["permissions_boundary"],
        "tags": None if tags is None else {key: str(value) for key, value in tags.items()},
        "managed_policies": params["managed_policies"],
        "policies": None
        if policies is None
        else {name: parse_document(f"policies: {name}", document) for name, document in policies.items()},
        "instance_profile": params["instance_profile"],
    }


def parse_document(option: str, document: Any) -> dict[str, Any]:
    if isinstance(document, str) and not is_unknown(document):
        try:
            document = json.loads(document)
        except ValueError as error:
            raise ValueError(f"{option} is not a policy document: {error}") from error
    if not isinstance(document, dict) and not is_unknown(document):
        raise ValueError(f"{option} is not a policy document but {type(document).__name__}")
    return document


# --- what must not be -----------------------------------------------------------------------------------------


def role_problems(desired: dict[str, Any], current: dict[str, Any] | None, allow_broad_policies: bool) -> list[str]:
    """Everything that would be refused or regretted later, said before the first write."""
    problems = []
    if current and current["name"] and desired["path"] not in (None, current["path"]):
        problems.append(
            f"path: role {desired['name']} has {current['path']} and AWS cannot change it to {desired['path']}. "
            "Keep that path, or delete the role first"
        )
    size = sum(len(json.dumps(item, separators=(",", ":"))) for item in (desired["policies"] or {}).values())
    if size > INLINE_POLICIES_LIMIT:
        problems.append(
            f"policies: {size} characters, more than the {INLINE_POLICIES_LIMIT} that all inline policies of a role "
            "may have together. Make a managed policy and name it in managed_policies"
        )
    if not allow_broad_policies:
        problems += broad_policies(desired)
    return problems


def broad_policies(desired: dict[str, Any]) -> Iterator[str]:
    """What gives a program that runs for years, and is reachable from outside, more than any program needs."""
    advice = "Name the actions and resources that are needed, or set allow_broad_policies if you mean it"
    for policy in desired["managed_policies"] or []:
        name = policy.split("/")[-1]
        if name.endswith("FullAccess") or name in BROAD_MANAGED_POLICIES:
            yield f"managed_policies: {name} is far wider than what runs needs. {advice}"
    for name, document in (desired["policies"] or {}).items():
        if not isinstance(document, dict):
            continue
        for statement in _as_list(document.get("Statement")):
            if _allows_everything(statement):
                yield f"policies: {name} allows every action on every resource. {advice}"


def _allows_everything(statement: dict[str, Any]) -> bool:
    if statement.get("Effect") != "Allow" or "*" not in _as_list(statement.get("Resource")):
        return False
    return "NotAction" in statement or any(action in ("*", "*:*") for action in _as_list(statement.get("Action")))


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


# --- the steps between -----------------------------------------------------------------------------------------


def same_document(current: dict[str, Any] | None, wanted: Any) -> bool:
    return current is not None and not is_unknown(wanted) and not compare_policies(current, wanted)


def is_attached(policy: str, attached: dict[str, str]) -> bool:
    return policy in attached or policy in attached.values()


def unwanted_policies(attached: dict[str, str], wanted: list[str]) -> list[str]:
    return [arn for arn, name in attached.items() if arn not in wanted and name not in wanted]


def role_steps(
    current: dict[str, Any] | None, desired: dict[str, Any], purge_policies: bool, purge_tags: bool
) -> list[Step]:
    """The writes that turn current into desired, in the order in which AWS accepts them."""
    name = desired["name"]
    now = current if current and current["name"] else None
    steps = _role_steps(name, now, desired, purge_tags)
    steps += _policy_steps(name, now, desired, purge_policies)
    path = desired["path"] or (now or {}).get("path") or "/"
    steps += _profile_steps(name, path, (current or {}).get("instance_profile"), desired, purge_tags)
    return steps


def _role_steps(name: str, now: dict[str, Any] | None, desired: dict[str, Any], purge_tags: bool) -> list[Step]:
    if now is None:
        settings = {
            "Path": desired["path"],
            "Description": desired["description"],
            "MaxSessionDuration": desired["max_session_duration"],
            "PermissionsBoundary": desired["permissions_boundary"],
        }
        settings = {key: value for key, value in settings.items() if value}
        arguments = {"name": name, "trust": desired["trust"], "tags": desired["tags"] or {}, **settings}
        return [Step("create_role", arguments), Step("wait_for_role", {"name": name})]
    steps = []
    if not same_document(now["trust"], desired["trust"]):
        steps.append(Step("update_trust", {"name": name, "trust": desired["trust"]}))
    settings = {}
    if desired["description"] not in (None, now["description"]):
        settings["Description"] = desired["description"]
    if desired["max_session_duration"] not in (None, now["max_session_duration"]):
        settings["MaxSessionDuration"] = desired["max_session_duration"]
    if settings:
        steps.append(Step("update_role", {"name": name, **settings}))
    boundary = desired["permissions_boundary"]
    if boundary not in (None, now["permissions_boundary"]):
        if boundary:
            steps.append(Step("put_boundary", {"name": name, "arn": boundary}))
        else:
            steps.append(Step("delete_boundary", {"name": name}))
    steps += _tag_steps("role", name, now["tags"], desired["tags"], purge_tags)
    return steps


def _tag_steps(
    kind: str, name: str, current: dict[str, str], wanted: dict[str, str] | None, purge_tags: bool
) -> Iterator[Step]:
    if wanted is None:
        return
    to_set, to_remove = compare_aws_tags(current, wanted, purge_tags)
    if to_remove:
        yield Step(f"untag_{kind}", {"name": name, "keys": to_remove})
    if to_set:
        yield Step(f"tag_{kind}", {"name": name, "tags": to_set})


def _policy_steps(name: str, now: dict[str, Any] | None, desired: dict[str, Any], purge: bool) -> Iterator[Step]:
    attached = now["managed_policies"] if now else {}
    inline = now["policies"] if now else {}
    # What is added comes first, so that a running program never lacks what it keeps.
    for policy in desired["managed_policies"] or []:
        if not is_attached(policy, attached):
            yield Step("attach_policy", {"name": name, "arn": policy})
    for policy, document in (desired["policies"] or {}).items():
        if not same_document(inline.get(policy), document):
            yield Step("put_policy", {"name": name, "policy": policy, "document": document})
    if purge and desired["managed_policies"] is not None:
        for arn in unwanted_policies(attached, desired["managed_policies"]):
            yield Step("detach_policy", {"name": name, "arn": arn})
    if purge and desired["policies"] is not None:
        for policy in inline:
            if policy not in desired["policies"]:
                yield Step("delete_policy", {"name": name, "policy": policy})


def _profile_steps(
    name: str, path: str, profile: dict[str, Any] | None, desired: dict[str, Any], purge_tags: bool
) -> Iterator[Step]:
    if not desired["instance_profile"]:
        if profile:
            yield from _profile_deletion_steps(profile)
        return
    if not profile:
        yield Step("create_profile", {"name": name, "path": path, "tags": desired["tags"] or {}})
        yield Step("wait_for_profile", {"name": name})
    else:
        yield from _tag_steps("profile", name, profile["tags"], desired["tags"], purge_tags)
    roles = profile["roles"] if profile else []
    # An instance profile holds one role at most.
    for role in roles:
        if role != name:
            yield Step("remove_role_from_profile", {"name": name, "role": role})
    if name not in roles:
        yield Step("add_role_to_profile", {"name": name, "role": name})


def _profile_deletion_steps(profile: dict[str, Any]) -> Iterator[Step]:
    for role in profile["roles"]:
        yield Step("remove_role_from_profile", {"name": profile["name"], "role": role})
    yield Step("delete_profile", {"name": profile["name"]})


def deletion_steps(current: dict[str, Any], other_profiles: Iterable[str]) -> list[Step]:
    """The writes that take the role away, and out of the profiles that others have put it into."""
    steps: list[Step] = []
    if current["instance_profile"]:
        steps += _profile_deletion_steps(current["instance_profile"])
    name = current["name"]
    if not name:
        return steps
    steps += [Step("remove_role_from_profile", {"name": profile, "role": name}) for profile in other_profiles]
    steps += [Step("detach_policy", {"name": name, "arn": arn}) for arn in current["managed_policies"]]
    steps += [Step("delete_policy", {"name": name, "policy": policy}) for policy in current["policies"]]
    return [*steps, Step("delete_role", {"name": name})]


# --- what is told --------------------------------------------------------------------------------------------


def planned_role(
    current: dict[str, Any] | None, desired: dict[str, Any], purge_policies: bool, purge_tags: bool
) -> dict[str, Any]:
    """What the role will be; what AWS decides stays as it is, or is UNKNOWN if it does not exist yet."""
    now = current if current and current["name"] else {}
    profile = (current or {}).get("instance_profile") or {}
    defaults = {"path": "/", "description": "", "max_session_duration": 3600, "permissions_boundary": ""}
    planned = {
        key: now.get(key, default) if desired[key] is None else desired[key] for key, default in defaults.items()
    }

    def tags(before: dict[str, Any]) -> dict[str, str]:
        kept = {} if purge_tags and desired["tags"] is not None else before.get("tags", {})
        return {**kept, **(desired["tags"] or {})}

    attached = dict(now.get("managed_policies", {}))
    if desired["managed_policies"] is not None:
        unwanted = unwanted_policies(attached, desired["managed_policies"]) if purge_policies else []
        new = [policy for policy in desired["managed_policies"] if not is_attached(policy, attached)]
        attached = {arn: name for arn, name in attached.items() if arn not in unwanted}
        attached.update({policy: policy.split("/")[-1] for policy in new})
    inline = dict(now.get("policies", {}))
    if desired["policies"] is not None:
        kept = {} if purge_policies else inline
        inline = {**kept, **_keep_equal(inline, desired["policies"])}
    return {
        **planned,
        "name": desired["name"],
        "arn": now.get("arn", UNKNOWN),
        "role_id": now.get("role_id", UNKNOWN),
        "trust": _keep_equal(now, {"trust": desired["trust"]})["trust"],
        "tags": tags(now),
        "managed_policies": attached,
        "policies": inline,
        "instance_profile": {
            "name": desired["name"],
            "arn": profile.get("arn", UNKNOWN),
            "path": profile.get("path", planned["path"]),
            "roles": [desired["name"]],
            "tags": tags(profile),
        }
        if desired["instance_profile"]
        else None,
    }


def _keep_equal(current: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The wanted documents; where the current one means the same, that one, so that a diff shows differences only."""
    return {
        key: current[key] if key in current and same_document(current[key], document) else document
        for key, document in wanted.items()
    }


def role_result(role: dict[str, Any] | None) -> dict[str, Any]:
    """The module's return value."""
    if not role:
        return {}
    profile = role["instance_profile"] or {}
    return {
        "name": role["name"],
        "arn": role["arn"],
        "role_id": role["role_id"],
        "path": role["path"],
        "instance_profile_name": profile.get("name"),
        "instance_profile_arn": profile.get("arn"),
        "managed_policies": sorted(role["managed_policies"].values()),
        "policies": sorted(role["policies"]),
        "permissions_boundary": role["permissions_boundary"],
        "max_session_duration": role["max_session_duration"],
        "tags": role["tags"],
    }


def role_view(role: dict[str, Any] | None) -> dict[str, Any]:
    """The role as a person reads it in a diff, with its documents and without IDs."""
    if not role:
        return {}
    profile = role["instance_profile"]
    return {
        "path": role["path"],
        "description": role["description"],
        "assume_role_policy": role["trust"],
        "max_session_duration": role["max_session_duration"],
        "permissions_boundary": role["permissions_boundary"],
        "managed_policies": sorted(role["managed_policies"].values()),
        "policies": role["policies"],
        "instance_profile": profile and {"roles": profile["roles"], "tags": profile["tags"]},
        "tags": role["tags"],
    }
