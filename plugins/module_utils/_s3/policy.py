# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: bucket policies, changed one statement at a time so that what others wrote stays. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

if TYPE_CHECKING:
    from typing import Any

POLICY_VERSION = "2012-10-17"
TLS_SID = "DenyInsecureTransport"


def tls_statement(bucket_arn: str) -> dict[str, Any]:
    return {
        "Sid": TLS_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def cloudfront_statements(
    bucket_arn: str,
    sid_prefix: str,
    distribution_arns: list[str] | None,
    origin_access_identities: list[str] | None,
    list_bucket: bool,
) -> dict[str, dict[str, Any] | None]:
    """The statements that let CloudFront read the bucket, by Sid; None for one that must not be there.

    A kind of access whose list is None is left alone. They are spelt as S3 gives them back.
    """
    partition = bucket_arn.split(":")[1]
    statements: dict[str, dict[str, Any] | None] = {}

    def allow(sid: str, entitled: bool, who: dict[str, Any]) -> None:
        reading = {"Sid": sid, "Effect": "Allow", **who, "Action": "s3:GetObject", "Resource": f"{bucket_arn}/*"}
        listing = {"Sid": f"{sid}List", "Effect": "Allow", **who, "Action": "s3:ListBucket", "Resource": bucket_arn}
        statements[sid] = reading if entitled else None
        statements[f"{sid}List"] = listing if entitled and list_bucket else None

    if distribution_arns is not None:
        allow(
            f"{sid_prefix}OAC",
            bool(distribution_arns),
            {
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                # Without the source any customer's distribution could read the bucket.
                "Condition": {"StringEquals": {"AWS:SourceArn": _collapse(distribution_arns)}},
            },
        )
    if origin_access_identities is not None:
        users = [
            f"arn:{partition}:iam::cloudfront:user/CloudFront Origin Access Identity {identity}"
            for identity in origin_access_identities
        ]
        allow(f"{sid_prefix}OAI", bool(users), {"Principal": {"AWS": _collapse(users)}})
    return statements


def _collapse(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else sorted(values)


def _statements(policy: dict[str, Any] | None) -> list[dict[str, Any]]:
    statements = (policy or {}).get("Statement", [])
    return [statements] if isinstance(statements, dict) else list(statements)


def _same_statement(first: dict[str, Any], second: dict[str, Any]) -> bool:
    version = {"Version": POLICY_VERSION}
    return not compare_policies({**version, "Statement": [first]}, {**version, "Statement": [second]})


def has_statement(policy: dict[str, Any] | None, statement: dict[str, Any]) -> bool:
    return any(_same_statement(existing, statement) for existing in _statements(policy))


def merge_statements(
    policy: dict[str, Any] | None, wanted: dict[str, dict[str, Any] | None]
) -> tuple[bool, dict[str, Any] | None]:
    """Whether the policy differs from what is wanted, and the policy in which it does not.

    wanted maps a Sid to its statement, or to None if it must not be there. Statements with other Sids, and those that
    mean the same already, stay as they are. A policy without statements is no policy: None.
    """
    changed = False
    merged = []
    missing = {sid: statement for sid, statement in wanted.items() if statement}
    for existing in _statements(policy):
        sid = existing.get("Sid")
        if sid not in wanted:
            merged.append(existing)
            continue
        statement = missing.pop(sid, None)
        if statement and _same_statement(existing, statement):
            merged.append(existing)
            continue
        changed = True
        if statement:
            merged.append(statement)
    merged.extend(missing.values())
    changed = changed or bool(missing)
    if not changed:
        return False, policy
    return True, {**{"Version": POLICY_VERSION}, **(policy or {}), "Statement": merged} if merged else None
