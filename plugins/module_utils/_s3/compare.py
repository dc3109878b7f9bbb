# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what a bucket's settings should be, and what AWS's answers mean. Pure.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._kms import same_key
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown

if TYPE_CHECKING:
    from typing import Any

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET_NAME = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)(?!\d+(\.\d+){3}$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")

PUBLIC_ACCESS_BLOCK = {
    "block_public_acls": "BlockPublicAcls",
    "ignore_public_acls": "IgnorePublicAcls",
    "block_public_policy": "BlockPublicPolicy",
    "restrict_public_buckets": "RestrictPublicBuckets",
}

CORS = {
    "id": "ID",
    "allowed_origins": "AllowedOrigins",
    "allowed_methods": "AllowedMethods",
    "allowed_headers": "AllowedHeaders",
    "expose_headers": "ExposeHeaders",
    "max_age_seconds": "MaxAgeSeconds",
}

LIFECYCLE_ACTIONS = {
    "expiration_days": ("Expiration", "Days"),
    "expired_object_delete_marker": ("Expiration", "ExpiredObjectDeleteMarker"),
    "noncurrent_expiration_days": ("NoncurrentVersionExpiration", "NoncurrentDays"),
    "newer_noncurrent_versions": ("NoncurrentVersionExpiration", "NewerNoncurrentVersions"),
    "abort_incomplete_multipart_upload_days": ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
}


def bucket_arn(partition: str, name: str) -> str:
    return f"arn:{partition}:s3:::{name}"


def find_problems(params: dict[str, Any]) -> list[str]:
    """What S3 would refuse, or would do otherwise than the options say, found before anything is written."""
    name = params["name"]
    problems = []
    legal = BUCKET_NAME.fullmatch(name) and ".." not in name and not name.endswith(RESERVED_SUFFIXES)
    if not is_unknown(name) and not legal:
        problems.append(
            f"name: {name} is no legal bucket name; use 3 to 63 lower-case letters, digits and hyphens, "
            "beginning and ending with a letter or digit"
        )
    if params["kms_key_id"] and params["encryption"] == "AES256":
        problems.append("kms_key_id: has no meaning with encryption AES256; set encryption to aws:kms or leave it out")
    rules = params["lifecycle_rules"] or []
    identifiers = [rule["id"] for rule in rules]
    problems.extend(
        f"lifecycle_rules: id {identifier} is used twice; every rule needs its own"
        for identifier in sorted({item for item in identifiers if identifiers.count(item) > 1})
    )
    for rule in rules:
        problems.extend(f"lifecycle_rules, rule {rule['id']}: {text}" for text in _find_rule_problems(rule))
    return problems


def _find_rule_problems(rule: dict[str, Any]) -> list[str]:
    problems = []
    # A number of 0 is an action, though none that S3 takes.
    actions = {action: rule[action] for action in LIFECYCLE_ACTIONS if rule[action] is not None}
    if not rule["expired_object_delete_marker"]:
        actions.pop("expired_object_delete_marker", None)
    if not actions:
        problems.append(f"does nothing; set one of {', '.join(LIFECYCLE_ACTIONS)}")
    problems.extend(
        f"{action} must be 1 or more" for action, value in actions.items() if value is not True and value < 1
    )
    if rule["expiration_days"] is not None and rule["expired_object_delete_marker"]:
        problems.append(
            "expired_object_delete_marker cannot stand beside expiration_days, S3 refuses it; make two rules"
        )
    if rule["newer_noncurrent_versions"] is not None and rule["noncurrent_expiration_days"] is None:
        problems.append("newer_noncurrent_versions needs noncurrent_expiration_days")
    if len(rule["id"]) > 255:
        problems.append("id is longer than 255 characters")
    return problems


def normalise_versioning(answer: dict[str, Any]) -> bool:
    return answer.get("Status") == "Enabled"


def normalise_encryption(rule: dict[str, Any]) -> dict[str, Any]:
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    algorithm = default.get("SSEAlgorithm")
    uses_kms = algorithm not in (None, "AES256")
    return {
        "algorithm": algorithm,
        "kms_key_id": default.get("KMSMasterKeyID") if uses_kms else None,
        # Means nothing without KMS, but is kept by S3.
        "bucket_key_enabled": rule.get("BucketKeyEnabled", False) if uses_kms else False,
    }


def build_encryption(encryption: dict[str, Any], current_rule: dict[str, Any]) -> dict[str, Any]:
    default = {"SSEAlgorithm": encryption["algorithm"]}
    if encryption["kms_key_id"]:
        default["KMSMasterKeyID"] = encryption["kms_key_id"]
    return {
        # Keeps what is not an option here, such as the encryption types that are blocked.
        **current_rule,
        "ApplyServerSideEncryptionByDefault": default,
        "BucketKeyEnabled": encryption["bucket_key_enabled"],
    }


def normalise_public_access_block(answer: dict[str, bool]) -> dict[str, bool]:
    return {name: answer.get(key, False) for name, key in PUBLIC_ACCESS_BLOCK.items()}


def build_public_access_block(block: dict[str, bool]) -> dict[str, bool]:
    return {key: block[name] for name, key in PUBLIC_ACCESS_BLOCK.items()}


def normalise_lifecycle_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((_normalise_lifecycle_rule(rule) for rule in rules), key=lambda rule: rule["id"])


def _normalise_lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    conditions = rule.get("Filter") or {}
    result: dict[str, Any] = {
        "id": rule.get("ID", ""),
        # Rules made long ago have the prefix outside the filter.
        "prefix": conditions.get("Prefix", rule.get("Prefix")) or "",
        "enabled": rule["Status"] == "Enabled",
    }
    for option, (action, key) in LIFECYCLE_ACTIONS.items():
        result[option] = rule.get(action, {}).get(key) or None
    # What a rule of ours never has (transitions, filters by tag or size, dates) makes it differ from any of ours.
    known = {"ID", "Filter", "Prefix", "Status", *(action for action, _key in LIFECYCLE_ACTIONS.values())}
    others = {key: value for key, value in rule.items() if key not in known and value}
    others.update({key: value for key, value in conditions.items() if key != "Prefix"})
    if "Date" in rule.get("Expiration", {}):
        others["ExpirationDate"] = str(rule["Expiration"]["Date"])
    if others:
        result["others"] = others
    return result


def desired_lifecycle_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted = [
        {
            "id": rule["id"],
            "prefix": rule["prefix"] or "",
            "enabled": rule["enabled"],
            **{option: rule[option] or None for option in LIFECYCLE_ACTIONS},
        }
        for rule in rules
    ]
    return sorted(wanted, key=lambda rule: rule["id"])


def build_lifecycle_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_build_lifecycle_rule(rule) for rule in rules]


def _build_lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ID": rule["id"],
        "Filter": {"Prefix": rule["prefix"]},
        "Status": "Enabled" if rule["enabled"] else "Disabled",
    }
    for option, (action, key) in LIFECYCLE_ACTIONS.items():
        if rule[option] is not None:
            result.setdefault(action, {})[key] = rule[option]
    return result


def _cors_value(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def normalise_cors_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The order of the rules has a meaning (the first that fits is used), that of their values has none."""
    return [{name: _cors_value(rule.get(key)) or None for name, key in CORS.items()} for rule in rules]


def desired_cors_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: _cors_value(rule[name]) or None for name in CORS} for rule in rules]


def build_cors_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: rule[name] for name, key in CORS.items() if rule[name] is not None} for rule in rules]


def desired_tags(current: dict[str, str], tags: dict[str, Any], purge: bool) -> dict[str, str]:
    to_set, to_unset = compare_aws_tags(current, tags, purge)
    kept = {key: value for key, value in current.items() if key not in to_unset}
    return {**kept, **{key: str(value) for key, value in to_set.items()}}


def desired_settings(params: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    """Every setting that the options speak of, in the form of the current ones."""
    algorithm = params["encryption"]
    kms_key_id = params["kms_key_id"]
    current_encryption = current.get("encryption") or {}
    if same_key(kms_key_id, current_encryption.get("kms_key_id"), default="alias/aws/s3"):
        kms_key_id = current_encryption.get("kms_key_id")
    settings = {
        "object_ownership": params["object_ownership"],
        "public_access_block": params["public_access_block"],
        "encryption": {
            "algorithm": algorithm,
            "kms_key_id": kms_key_id,
            # Neither S3's own keys nor double encryption know bucket keys.
            "bucket_key_enabled": params["bucket_key_enabled"] and algorithm == "aws:kms",
        },
        "versioning": params["versioning"],
        "require_tls": params["require_tls"],
    }
    if params["lifecycle_rules"] is not None:
        settings["lifecycle_rules"] = desired_lifecycle_rules(params["lifecycle_rules"])
    if params["cors_rules"] is not None:
        settings["cors_rules"] = desired_cors_rules(params["cors_rules"])
    if params["tags"] is not None:
        settings["tags"] = desired_tags(current.get("tags") or {}, params["tags"], params["purge_tags"])
    return settings
