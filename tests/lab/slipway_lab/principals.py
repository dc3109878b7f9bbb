# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Who an access key belongs to.

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from moto.core.utils import utcnow
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from slipway_lab import context

if TYPE_CHECKING:
    from typing import Any

    from moto.sts.models import AssumedRole

ADMIN = "lab-admin"


class BadCredentials(Exception):
    """What is wrong with a call's credentials."""

    UNKNOWN = "The security token included in the request is invalid"
    EXPIRED = "The security token included in the request is expired"
    SIGNATURE = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access"
        " Key and signing method."
    )


def of(access_key: str | None) -> dict[str, Any]:
    """The principal that owns an access key: arn, account, type, role_arn, role_name, instance_id.

    type is root (the lab's administrator), user, assumed-role, or anonymous (no key at all, or one that the lab
    did not hand out). role_name and instance_id are None unless a role, or an instance in it, is meant.
    """
    account = context.current().account_id
    principal = {
        "arn": "anonymous",
        "account": None,
        "type": "anonymous",
        "role_arn": None,
        "role_name": None,
        "instance_id": None,
    }
    if not access_key:
        return principal
    role = _assumed_role(access_key)
    if role:
        return principal | {
            "arn": role.arn,
            "account": role.account_id,
            "type": "assumed-role",
            "role_arn": role.role_arn,
            "role_name": role.role_arn.rpartition("/")[2],
            "instance_id": role.session_name if role.session_name.startswith("i-") else None,
        }
    user = iam_backends[account]["aws"].get_user_from_access_key_id(access_key)
    if user:
        kind = "root" if user.name == ADMIN else "user"
        return principal | {"arn": user.arn, "account": account, "type": kind}
    return principal


def secret_of(access_key: str, session_token: str | None) -> str:
    """The secret that calls with this key and token must be signed with; BadCredentials if AWS knows no such."""
    role = _assumed_role(access_key)
    if role is None:
        keys = iam_backends[context.current().account_id]["aws"].access_keys
        if of(access_key)["type"] == "anonymous" or access_key not in keys:
            raise BadCredentials(BadCredentials.UNKNOWN)
        return keys[access_key].secret_access_key
    if not hmac.compare_digest(role.session_token, session_token or ""):
        raise BadCredentials(BadCredentials.UNKNOWN)
    if role.expiration < utcnow():
        raise BadCredentials(BadCredentials.EXPIRED)
    return role.secret_access_key


def _assumed_role(access_key: str) -> AssumedRole | None:
    account = context.current().account_id
    return sts_backends[account]["aws"].get_assumed_role_from_access_key(access_key)
