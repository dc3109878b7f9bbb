# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what CloudFront would refuse, or quietly do otherwise, of a distribution; said before
# anything is written, in check mode too. Pure.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.distribution import items
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.distribution import uses_default_certificate
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.managed_policies import POLICIES
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.managed_policies import find_policy_problem
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown

if TYPE_CHECKING:
    from typing import Any

CERTIFICATE_ARN = re.compile(r"arn:aws[a-z-]*:acm:(?P<region>[a-z0-9-]+):\d{12}:certificate/.+")
METHOD_SETS = [
    {"GET", "HEAD"},
    {"GET", "HEAD", "OPTIONS"},
    {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"},
]
MAX_COMMENT = 128


def _repeated(values: list[str]) -> list[str]:
    return sorted({value for value in values if values.count(value) > 1})


def find_option_problems(params: dict[str, Any]) -> list[str]:
    """What is wrong with the options themselves."""
    problems = []
    root_object = params["default_root_object"] or ""
    if root_object.startswith("/"):
        problems.append(f"default_root_object: {root_object} must not begin with a slash")
    if len(params["comment"] or "") > MAX_COMMENT:
        problems.append(f"comment: has {len(params['comment'])} characters, CloudFront takes {MAX_COMMENT}")
    problems.extend(_find_certificate_problems(params["certificate_arn"]))
    origins = params["origins"] or []
    for identifier in _repeated([origin["id"] for origin in origins]):
        problems.append(f"origins: id {identifier} is used twice")
    for origin in origins:
        problems.extend(f"origins, {origin['id']}: {text}" for text in _find_origin_problems(origin))
    behaviors = params["behaviors"] or []
    for pattern in _repeated([behavior["path_pattern"] for behavior in behaviors]):
        problems.append(f"behaviors: path_pattern {pattern} is used twice")
    for behavior in behaviors:
        where = f"behaviors, {behavior['path_pattern']}"
        problems.extend(f"{where}: {text}" for text in _find_behavior_problems(behavior))
    if params["default_behavior"]:
        problems.extend(f"default_behavior: {text}" for text in _find_behavior_problems(params["default_behavior"]))
    return problems


def _find_certificate_problems(arn: str | None) -> list[str]:
    if not arn or is_unknown(arn):
        return []
    match = CERTIFICATE_ARN.fullmatch(arn)
    if not match:
        return [f"certificate_arn: {arn} is not the ARN of a certificate in ACM"]
    if match["region"] != "us-east-1":
        return [
            f"certificate_arn: the certificate is in {match['region']}, and CloudFront takes certificates from "
            "us-east-1 only; request it there (wherever the rest of the application is)"
        ]
    return []


def _find_origin_problems(origin: dict[str, Any]) -> list[str]:
    names = [name.lower() for name in [*(origin["headers"] or {}), *(origin["secret_headers"] or {})]]
    problems = [
        f"header {name} is given twice (in headers, in secret_headers, or in both); case has no meaning"
        for name in _repeated(names)
    ]
    path = origin["origin_path"]
    if path and (not path.startswith("/") or path.endswith("/")):
        problems.append(f"origin_path: {path} must begin with a slash and not end with one")
    return problems


def _find_behavior_problems(behavior: dict[str, Any]) -> list[str]:
    problems = [problem for option in POLICIES if (problem := find_policy_problem(option, behavior[option]))]
    for option, sets in (("allowed_methods", METHOD_SETS), ("cached_methods", METHOD_SETS[:2])):
        methods = behavior[option]
        if methods is not None and set(methods) not in sets:
            choices = " or ".join("[" + ", ".join(sorted(choice)) + "]" for choice in sets)
            problems.append(f"{option}: CloudFront takes {choices}, not [{', '.join(methods)}]")
    return problems


def find_creation_problems(params: dict[str, Any]) -> list[str]:
    """What must be said of a distribution that does not exist yet."""
    name = params["name"]
    problems = []
    if not params["origins"]:
        problems.append(f"origins: distribution {name} does not exist yet; one cannot be made without an origin")
    if not (params["default_behavior"] or {}).get("target_origin_id"):
        problems.append(
            f"default_behavior: distribution {name} does not exist yet; one cannot be made without the "
            "target_origin_id of its default behaviour"
        )
    return problems


def find_config_problems(params: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """What is wrong with the configuration as it would be, with what is left alone."""
    problems = []
    origins = items(config, "Origins")
    for origin in origins:
        if not origin["DomainName"]:
            problems.append(f"origins, {origin['Id']}: domain_name is missing")
        if not any(key in origin for key in ("S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig")):
            problems.append(
                f"origins, {origin['Id']}: say how CloudFront reaches it, by origin_access_control_id for a private "
                "bucket (or origin_access_identity_id), or by custom for a web server"
            )
    targets = [origin["Id"] for origin in origins] + [group["Id"] for group in items(config, "OriginGroups")]
    behaviors = {"the default behaviour": config["DefaultCacheBehavior"]}
    behaviors.update({f"the behaviour of {item['PathPattern']}": item for item in items(config, "CacheBehaviors")})
    for which, behavior in behaviors.items():
        target = behavior["TargetOriginId"]
        if target not in targets:
            problems.append(
                f"target_origin_id: {which} refers to origin {target!r}, which the distribution does not have; "
                f"it has {', '.join(targets) or 'none'}"
            )
    problems.extend(_find_tls_problems(params, config))
    return problems


def _find_tls_problems(params: dict[str, Any], config: dict[str, Any]) -> list[str]:
    if not uses_default_certificate(config["ViewerCertificate"]):
        return []
    problems = []
    version = params["minimum_protocol_version"]
    if version not in (None, "TLSv1"):
        problems.append(
            f"minimum_protocol_version: {version} would have no effect. With its own certificate (*.cloudfront.net) "
            "CloudFront always accepts TLSv1 and newer; to require more, set certificate_arn and aliases, or leave "
            "this option out"
        )
    aliases = items(config, "Aliases")
    if aliases:
        problems.append(
            f"aliases: {', '.join(aliases)} need certificate_arn, a certificate in us-east-1 that is valid for them"
        )
    return problems
