# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The policies that a caller carries, as the emulator's IAM knows them.

from __future__ import annotations

from typing import Any

from moto.iam.models import iam_backends


def _holders(principal: dict[str, Any]) -> list[Any]:
    """The role, or the user and its groups, whose policies are the principal's; none if they are gone."""
    if principal["type"] not in ("root", "user", "assumed-role"):
        return []
    backend = iam_backends[principal["account"]]["aws"]
    if principal["type"] == "assumed-role":
        return [role for role in backend.roles.values() if role.arn == principal["role_arn"]]
    users = [user for user in backend.users.values() if user.arn == principal["arn"]]
    return users + [group for group in backend.groups.values() if any(user in group.users for user in users)]


def _current(policy: Any) -> str:
    """The document of a managed policy's default version."""
    return next(v.document for v in policy.versions if v.version_id == policy.default_version_id)


def policies(principal: dict[str, Any]) -> list[str]:
    """The documents of the identity-based policies of a user or role that principals.of() told of."""
    holders = _holders(principal)
    inline = [document for holder in holders for document in holder.policies.values()]
    return inline + [_current(policy) for holder in holders for policy in holder.managed_policies.values()]


def boundary(principal: dict[str, Any]) -> str | None:
    """The document of the permissions boundary of a principal's role, if it has one."""
    if principal["type"] != "assumed-role":
        return None
    managed = iam_backends[principal["account"]]["aws"].managed_policies
    found = (managed.get(role.permissions_boundary_arn) for role in _holders(principal))
    return next((_current(policy) for policy in found if policy), None)
