# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what a generated secret should be, and what differs. Pure, but for the random generator.

from __future__ import annotations

import math
import secrets
import string
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._kms import same_key
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

if TYPE_CHECKING:
    from typing import Any

ALPHABET = string.ascii_letters + string.digits + string.punctuation

# Fewer can be guessed by trying.
MIN_BITS = 64

# The staging labels that Secrets Manager itself knows.
CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"


def alphabet(exclude_characters: str) -> str:
    """The characters that a value may be made of."""
    return "".join(character for character in ALPHABET if character not in exclude_characters)


def find_value_problems(params: dict[str, Any]) -> list[str]:
    problems = []
    size = len(alphabet(params["exclude_characters"]))
    length = params["length"]
    if size < 2 or length * math.log2(size) < MIN_BITS:
        problems.append(
            f"length, exclude_characters: {length} out of {size} different characters can be guessed; "
            "make it longer, or exclude fewer"
        )
    return problems


def find_problems(params: dict[str, Any]) -> list[str]:
    problems = find_value_problems(params)
    if not 7 <= params["recovery_window_in_days"] <= 30:
        problems.append("recovery_window_in_days: Secrets Manager takes 7 to 30; to delete at once set force_delete")
    return problems


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
        "version_ids_to_stages": normalise_stages(described),
        "rotating_to": find_rotation(normalise_stages(described)),
    }


def normalise_stages(described: dict[str, Any]) -> dict[str, list[str]]:
    """The labels of each version that has any."""
    return {version: sorted(labels) for version, labels in described.get("VersionIdsToStages", {}).items() if labels}


def has_value(secret: dict[str, Any]) -> bool:
    """Whether there is a current value. Someone may have made the secret without one, and then nothing can read it."""
    return find_version(secret["version_ids_to_stages"], CURRENT) is not None


def desired_secret(params: dict[str, Any], current: dict[str, Any] | None) -> dict[str, Any]:
    """The secret after the module has done its work, as far as it can be known before."""
    base = current or {
        "arn": UNKNOWN,
        "name": params["name"],
        "description": "",
        "kms_key_id": None,
        "tags": {},
        "version_ids_to_stages": UNKNOWN,
        "rotating_to": None,
    }
    changes: dict[str, Any] = {"deletion_scheduled": False}
    if params["description"] is not None:
        changes["description"] = params["description"]
    kms_key_id = params["kms_key_id"]
    if kms_key_id is not None and not same_key(kms_key_id, base["kms_key_id"], default="alias/aws/secretsmanager"):
        changes["kms_key_id"] = kms_key_id
    if params["tags"] is not None:
        to_set, to_remove = compare_aws_tags(base["tags"], params["tags"], params["purge_tags"])
        kept = {key: value for key, value in base["tags"].items() if key not in to_remove}
        changes["tags"] = {**kept, **{key: str(value) for key, value in to_set.items()}}
    if current and not has_value(current):
        changes["version_ids_to_stages"] = UNKNOWN
    return {**base, **changes}


def tag_changes(current: dict[str, str], desired: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Tags to set, and keys to remove."""
    return compare_aws_tags(current, desired, purge_tags=True)


def find_version(stages: dict[str, list[str]], label: str) -> str | None:
    """The version that a staging label is on; AWS has each label on one version at most."""
    return next((version for version, labels in stages.items() if label in labels), None)


def find_rotation(stages: dict[str, list[str]]) -> str | None:
    """The version that a rotation under way leads to, None if there is no rotation under way.

    The labels are the whole record of it: first the new value is AWSPENDING; then it is AWSCURRENT, and the old one
    AWSPREVIOUS as long as somebody may still use it. (Rotations by a function of AWS leave AWSPENDING on what is
    current; that is none.)
    """
    current, pending = find_version(stages, CURRENT), find_version(stages, PENDING)
    if pending is not None and pending != current:
        return pending
    return current if find_version(stages, PREVIOUS) else None


def desired_stages(step: str, stages: dict[str, list[str]], version: str | None) -> dict[str, list[str]]:
    """The labels of each version after a step of a rotation has been taken; version is what it leads to."""
    if step == "pending":
        if find_rotation(stages):
            return stages
        others = {identifier: [label for label in labels if label != PENDING] for identifier, labels in stages.items()}
        return {**others, UNKNOWN: [PENDING]}
    after = {identifier: set(labels) - {CURRENT, PREVIOUS} for identifier, labels in stages.items()}
    after.setdefault(version, set()).add(CURRENT)
    if step == "finished":
        after = {identifier: labels - {PENDING} for identifier, labels in after.items()}
    else:
        current = find_version(stages, CURRENT)
        previous = current if current != version else find_version(stages, PREVIOUS)
        if previous is not None:
            after[previous].add(PREVIOUS)
    # AWS does not tell of versions that have lost their last label, and removes them in time.
    return {identifier: sorted(labels) for identifier, labels in after.items() if labels}


def label_moves(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[tuple[str, str, str | None]]:
    """(label, version to take it from, version to give it to) for each call that leads from one to the other.

    AWS itself puts AWSPREVIOUS where AWSCURRENT is taken from. AWSPREVIOUS goes last: as long as it is there, a run
    that was killed in between is seen to have something left to do.
    """
    moves = []
    for label in (CURRENT, PENDING, PREVIOUS):
        old, new = find_version(before, label), find_version(after, label)
        if old is None or old == new or (label == PREVIOUS and new is not None):
            continue
        moves.append((label, old, new))
    return moves
