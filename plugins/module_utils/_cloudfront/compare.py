# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: origin access controls, origin access identities and functions; a distribution has a
# file of its own. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

if TYPE_CHECKING:
    from typing import Any

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-functions
MAX_FUNCTION_BYTES = 10 * 1024

ORIGIN_ACCESS_CONTROL = {
    "name": "Name",
    "description": "Description",
    "origin_type": "OriginAccessControlOriginType",
    "signing_behavior": "SigningBehavior",
    "signing_protocol": "SigningProtocol",
}


def normalise_origin_access_control(item: dict[str, Any]) -> dict[str, Any]:
    """From a member of the list, or from the answer to a single read."""
    config = item.get("OriginAccessControlConfig", item)
    return {"id": item["Id"], **{option: config.get(key, "") for option, key in ORIGIN_ACCESS_CONTROL.items()}}


def desired_origin_access_control(params: dict[str, Any], current: dict[str, Any] | None) -> dict[str, Any]:
    current = current or {"id": UNKNOWN, "description": ""}
    wanted = {option: params[option] for option in ORIGIN_ACCESS_CONTROL if params[option] is not None}
    return {**current, **wanted}


def build_origin_access_control(control: dict[str, Any]) -> dict[str, str]:
    return {key: control[option] for option, key in ORIGIN_ACCESS_CONTROL.items()}


def origin_access_identity_path(identifier: str) -> str:
    """How a distribution's origin names an identity, given its id or this path."""
    prefix = "origin-access-identity/cloudfront/"
    return prefix + identifier.removeprefix(prefix)


def describe_origin_access_identity(
    name: str, identifier: str, canonical_user_id: str, partition: str
) -> dict[str, str]:
    return {
        "name": name,
        "id": identifier,
        "s3_canonical_user_id": canonical_user_id,
        "iam_arn": f"arn:{partition}:iam::cloudfront:user/CloudFront Origin Access Identity {identifier}",
        "origin_access_identity_path": origin_access_identity_path(identifier),
    }


def normalise_function(answer: dict[str, Any] | None, code: bytes | None) -> dict[str, Any] | None:
    """One stage of a function, with its code."""
    if not answer:
        return None
    summary = answer["FunctionSummary"]
    config, metadata = summary["FunctionConfig"], summary["FunctionMetadata"]
    return {
        "name": summary["Name"],
        "arn": metadata["FunctionARN"],
        "stage": metadata.get("Stage", "DEVELOPMENT"),
        "status": summary.get("Status"),
        "comment": config.get("Comment", ""),
        "runtime": config["Runtime"],
        "etag": answer["ETag"],
        "code": code,
    }


def function_differs(stage: dict[str, Any] | None, desired: dict[str, Any]) -> bool:
    return stage is None or any(stage[key] != desired[key] for key in ("code", "comment", "runtime"))


def desired_function(params: dict[str, Any], code: bytes, current: dict[str, Any] | None) -> dict[str, Any]:
    comment = params["comment"]
    if comment is None:
        comment = current["comment"] if current else ""
    return {
        "name": params["name"],
        "arn": current["arn"] if current else UNKNOWN,
        "stage": "LIVE" if params["publish"] else "DEVELOPMENT",
        "comment": comment,
        "runtime": params["runtime"],
        "code": code,
    }


def build_function_config(desired: dict[str, Any], current_config: dict[str, Any] | None) -> dict[str, Any]:
    # Key value stores that someone associated stay.
    return {**(current_config or {}), "Comment": desired["comment"], "Runtime": desired["runtime"]}
