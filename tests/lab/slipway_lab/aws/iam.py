# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The account's administrator: a real IAM user, so that its key is known and GetCallerIdentity tells the truth.

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.iam.models import iam_backends

from slipway_lab import principals

if TYPE_CHECKING:
    from slipway_lab.context import Lab

ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"


def install(lab: Lab, access_key_id: str, secret_access_key: str) -> None:
    backend = iam_backends[lab.account_id]["aws"]
    user = backend.create_user("us-east-1", principals.ADMIN)
    backend.attach_user_policy(ADMINISTRATOR_ACCESS, principals.ADMIN)
    key = user.create_access_key(prefix="AKIA")
    backend.access_keys.pop(key.access_key_id, None)
    key.access_key_id, key.secret_access_key = access_key_id, secret_access_key
    backend.access_keys[access_key_id] = key
