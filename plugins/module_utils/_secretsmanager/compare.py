# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what a generated secret should be, and what differs. Pure, but for the random generator.

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

if TYPE_CHECKING:
    from typing import Any

ALPHABET = string.ascii_letters + string.digits + string.punctuation


def alphabet(exclude_characters: str) -> str:
    """The characters that a value may be made of."""
    return "".join(character for character in ALPHABET if character not in exclude_characters)


def generate_value(length: int, exclude_characters: str) -> str:
    allowed = alphabet(exclude_characters)
    return "".join(secrets.choice(allowed) for _index in range(length))


def normalise_secret(described: dict[str, Any] | None) -> dict[str, Any] | None:
    """What DescribeSecret says, as the module returns it; never a value."""
    if described is None:
        return None
    return {
        "arn": described["ARN"],
        "name": described["Name"],
        "description": described.get("Description", ""),
        "kms_key_id": described.get("KmsKeyId"),
        "deletion_scheduled": "DeletedDate" in described,
        "tags": boto3_tag_list_to_ansible_dict(described.get("Tags", [])),
        "version_ids_to_stages": described.get("VersionIdsToStages", {}),
    }


def desired_secret(params: dict[str, Any], current: dict[str, Any] | None) -> dict[str, Any]:
    """The secret after the module has done its work, as far as it can be known before."""
    base = current or {
        "arn": UNKNOWN,
        "name": params["name"],
        "description": "",
        "kms_key_id": None,
        "tags": {},
        "version_ids_to_stages": UNKNOWN,
    }
    tags = base["tags"]
    if params["tags"] is not None:
        tags = {**({} if params["purge_tags"] else tags), **params["tags"]}
    changes = {key: params[key] for key in ("description", "kms_key_id") if params[key] is not None}
    return {**base, **changes, "tags": tags, "deletion_scheduled": False}


def tag_changes(current: dict[str, str], desired: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Tags to set, and keys to remove."""
    return compare_aws_tags(current, desired, purge_tags=True)
