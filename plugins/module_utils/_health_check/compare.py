# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: a health check of an endpoint as it is and should be, and what differs. Pure, but for the
# random end of a reference.
#
# Route 53 has no names for health checks, and never takes a caller reference twice, not even after the check is gone.
# So a check is known by how its reference begins ("<name>:"), which is there from the moment that it is made.

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

if TYPE_CHECKING:
    from typing import Any

# Option -> how Route 53 calls it.
SETTINGS = {
    "type": "Type",
    "domain_name": "FullyQualifiedDomainName",
    "port": "Port",
    "path": "ResourcePath",
    "search_string": "SearchString",
    "request_interval": "RequestInterval",
    "failure_threshold": "FailureThreshold",
    "measure_latency": "MeasureLatency",
    "disabled": "Disabled",
}
# What Route 53 cannot change in a check that is there.
FIXED = ("type", "request_interval", "measure_latency")

REFERENCE_LIMIT = 64
RANDOM_BYTES = 8
PORTS = {"HTTP": 80, "HTTPS": 443}


def reference_prefix(name: str) -> str:
    return f"{name}:"


def new_reference(name: str) -> str:
    return f"{reference_prefix(name)}{secrets.token_hex(RANDOM_BYTES)}"


def find_problems(params: dict[str, Any]) -> list[str]:
    problems = []
    longest = REFERENCE_LIMIT - 2 * RANDOM_BYTES - 1
    if len(params["name"]) > longest or ":" in params["name"]:
        problems.append(f"name: {params['name']} is longer than {longest} characters, or has a colon")
    if params["state"] == "absent":
        return problems
    if not params["path"].startswith("/") or len(params["path"]) > 255:
        problems.append(f"path: {params['path']} does not begin with a slash, or is longer than 255 characters")
    if params["search_string"] and len(params["search_string"]) > 255:
        problems.append("search_string: it is longer than 255 characters")
    if not 1 <= params["failure_threshold"] <= 10:
        problems.append(f"failure_threshold: {params['failure_threshold']} is not between 1 and 10")
    return problems


def build_check(params: dict[str, Any]) -> dict[str, Any]:
    """The health check that the module's options ask for."""
    kind = f"{params['protocol']}_STR_MATCH" if params["search_string"] else params["protocol"]
    tags = params["tags"]
    return {
        **{key: params[key] for key in SETTINGS if key != "type"},
        "type": kind,
        "port": params["port"] or PORTS[params["protocol"]],
        "search_string": params["search_string"] or "",
        "tags": {"Name": params["name"]} if tags is None else {"Name": params["name"], **_texts(tags)},
    }


def _texts(tags: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in tags.items()}


def belongs(told: dict[str, Any], name: str) -> bool:
    return told["CallerReference"].startswith(reference_prefix(name))


def normalise_check(told: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    config = told["HealthCheckConfig"]
    check = {name: config.get(key) for name, key in SETTINGS.items()}
    return {
        **check,
        "id": told["Id"],
        "path": check["path"] or "/",
        "search_string": check["search_string"] or "",
        "measure_latency": bool(check["measure_latency"]),
        "disabled": bool(check["disabled"]),
        "tags": tags,
    }


def must_replace(current: dict[str, Any], desired: dict[str, Any]) -> bool:
    return any(current[key] != desired[key] for key in FIXED)


def create_request(desired: dict[str, Any]) -> dict[str, Any]:
    config = {key: desired[name] for name, key in SETTINGS.items() if desired[name] != ""}
    # CloudFront, like most, needs the name in the handshake to know which certificate to show.
    return {**config, "EnableSNI": desired["type"].startswith("HTTPS")}


def update_request(current: dict[str, Any], desired: dict[str, Any]) -> dict[str, Any]:
    """What UpdateHealthCheck is to change; empty if nothing differs."""
    return {
        key: desired[name] for name, key in SETTINGS.items() if name not in FIXED and desired[name] != current[name]
    }


def tag_changes(current: dict[str, str], desired: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Tags to set, and keys to remove."""
    return compare_aws_tags(current, desired, purge_tags=True)


def planned_check(current: dict[str, Any] | None, desired: dict[str, Any], purge_tags: bool) -> dict[str, Any]:
    """What the check will be; what Route 53 decides stays as it is, or is UNKNOWN if it will be another."""
    stays = current is not None and not must_replace(current, desired)
    kept = {} if purge_tags or current is None else current["tags"]
    return {
        **{key: desired[key] for key in SETTINGS},
        "id": current["id"] if stays else UNKNOWN,
        "tags": {**kept, **desired["tags"]},
    }


def check_view(check: dict[str, Any] | None) -> dict[str, Any]:
    """The check as a person reads it in a diff."""
    return {key: check[key] for key in (*SETTINGS, "tags")} if check else {}
