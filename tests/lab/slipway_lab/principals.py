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
    """No such key, or a session token that is not the key's; or credentials past their time."""

    def __init__(self, expired: bool = False) -> None:
        super().__init__("expired" if expired else "invalid")
        self.expired = expired


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


def check(access_key: str | None, session_token: str | None) -> None:
    """Raise BadCredentials for what AWS refuses. A request without any is for the service to judge."""
    if not access_key:
        return
    role = _assumed_role(access_key)
    if role is None:
        if of(access_key)["type"] == "anonymous":
            raise BadCredentials
    elif not hmac.compare_digest(role.session_token, session_token or ""):
        raise BadCredentials
    elif role.expiration < utcnow():
        raise BadCredentials(expired=True)


def _assumed_role(access_key: str) -> AssumedRole | None:
    account = context.current().account_id
    return sts_backends[account]["aws"].get_assumed_role_from_access_key(access_key)
