# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# What S3 accepts as lifecycle rules and bucket policies, and which permission an operation needs. Pure.

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from slipway_lab import iam_policy

# Operations whose permission has another name (service authorization reference, "Actions defined by Amazon S3").
_ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "SelectObjectContent": "GetObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
_VERSIONED = {"GetObject", "DeleteObject", "GetObjectAcl", "PutObjectAcl", "GetObjectTagging", "PutObjectTagging"}


def action(operation: str, version_id: str | None = None) -> str:
    """The permission that an operation needs."""
    name = _ACTIONS.get(operation, operation)
    if version_id and name in _VERSIONED:
        name = {"GetObjectTagging": "GetObjectVersionTagging", "PutObjectTagging": "PutObjectVersionTagging"}.get(
            name, re.sub("Object", "ObjectVersion", name, count=1)
        )
    return f"s3:{name}"


# --- bucket policies -------------------------------------------------------------------------------------------

_OBJECT_ACTIONS = {
    "abortmultipartupload",
    "bypassgovernanceretention",
    "listmultipartuploadparts",
    "replicatedelete",
    "replicatetags",
}


def policy_problem(text: bytes | str, bucket: str, principal_exists: Callable[[str], bool]) -> str | None:
    """Why S3 answers PutBucketPolicy with MalformedPolicy, or None."""
    return next(_policy_problems(text, bucket, principal_exists), None)


def _policy_problems(text: bytes | str, bucket: str, principal_exists: Callable[[str], bool]) -> Iterator[str]:
    yield from iam_policy.problems(text, with_principal=True)
    for statement in iam_policy.statements(text):
        actions = _listed(statement, "Action")
        resources = _listed(statement, "Resource")
        if not all(re.fullmatch(r"\*|s3:[A-Za-z*?]+", one, re.IGNORECASE) for one in actions):
            yield "Policy has invalid action"
        arn = f"arn:aws:s3:::{bucket}"
        if not all(one == "*" or one.rstrip("*") == arn or one.startswith(f"{arn}/") for one in resources):
            yield "Policy has invalid resource"
        if not all(_fits(one, resources) for one in actions):
            yield "Action does not apply to any resource(s) in statement"
        for name in _principals(statement):
            if not principal_exists(name):
                yield "Invalid principal in policy"


def _listed(statement: dict[str, Any], name: str) -> list[str]:
    value = statement.get(name, statement.get(f"Not{name}"))
    return value if isinstance(value, list) else [value]


def _principals(statement: dict[str, Any]) -> list[str]:
    """The "AWS" principals that stand for somebody in particular."""
    element = statement.get("Principal", statement.get("NotPrincipal"))
    names = element.get("AWS", []) if isinstance(element, dict) else element
    return [name for name in (names if isinstance(names, list) else [names]) if name != "*"]


def _fits(one_action: str, resources: list[str]) -> bool:
    """Whether some resource is of the kind (bucket, object) that the action acts on."""
    name = one_action.lower().removeprefix("s3:")
    if "*" in name or "?" in name:
        return True
    on_objects = ("object" in name and "bucket" not in name) or name in _OBJECT_ACTIONS
    return any(("/" in one) == on_objects or ("/" not in one and one.endswith("*")) for one in resources)


def stored_policy(text: bytes | str) -> bytes:
    """A bucket policy as S3 gives it back: accounts as the ARNs of their roots, lists of one as their element."""

    def stored(value: Any, under_aws: bool = False) -> Any:
        if isinstance(value, dict):
            return {key: stored(item, key == "AWS") for key, item in value.items()}
        if isinstance(value, list):
            items = [stored(item, under_aws) for item in value]
            return items[0] if len(items) == 1 and isinstance(items[0], str) else items
        if under_aws and isinstance(value, str) and re.fullmatch(r"\d{12}", value):
            return f"arn:aws:iam::{value}:root"
        return value

    return json.dumps(stored(json.loads(text)), separators=(",", ":")).encode()


# --- lifecycle -------------------------------------------------------------------------------------------------

_ONE_OF_ACTIONS = (
    "Expiration",
    "Transition",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
    "AbortIncompleteMultipartUpload",
)
_MALFORMED = (
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
)


def lifecycle_problem(rules: list[dict[str, Any]]) -> tuple[str, str] | None:
    """The error with which S3 refuses lifecycle rules (as parsed from XML), or None."""
    if not rules:
        return _MALFORMED
    ids = [rule["ID"] for rule in rules if rule.get("ID")]
    if len(ids) != len(set(ids)):
        return "InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule"
    return next((problem for rule in rules for problem in _rule_problems(rule)), None)


def _rule_problems(rule: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if rule.get("Status") not in ("Enabled", "Disabled"):
        yield _MALFORMED
    if len(rule.get("ID") or "") > 255:
        yield "InvalidArgument", "ID length should not exceed allowed limit of 255"
    if not any(rule.get(name) for name in _ONE_OF_ACTIONS):
        yield "InvalidRequest", "At least one action needs to be specified in a rule"
    if ("Filter" in rule) == ("Prefix" in rule):
        yield _MALFORMED
    expiration = rule.get("Expiration") or {}
    if len({"Days", "Date", "ExpiredObjectDeleteMarker"} & set(expiration)) > 1:
        yield _MALFORMED
    days = (
        ("'Days' for Expiration action", expiration.get("Days")),
        (
            "'NoncurrentDays' for NoncurrentVersionExpiration action",
            (rule.get("NoncurrentVersionExpiration") or {}).get("NoncurrentDays"),
        ),
        (
            "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action",
            (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation"),
        ),
    )
    for what, value in days:
        if value is not None and not (str(value).isdecimal() and int(value) > 0):
            yield "InvalidArgument", f"{what} must be a positive integer"
    if _has_tags(rule.get("Filter") or {}):
        if rule.get("AbortIncompleteMultipartUpload"):
            yield "InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Tags."
        if "ExpiredObjectDeleteMarker" in expiration:
            yield "InvalidRequest", "ExpiredObjectDeleteMarker cannot be specified with Tags."


def _has_tags(rule_filter: dict[str, Any]) -> bool:
    return bool(rule_filter.get("Tag") or (rule_filter.get("And") or {}).get("Tag"))
