# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the configuration that a distribution should have. Pure.
#
# CloudFront takes a configuration as a whole. So the desired one is the current one with what the options say laid
# over it: what no option speaks of, AWS's own additions included, stays. The two are then compared by their meaning.

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict

from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.compare import origin_access_identity_path
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.managed_policies import policy_id
from ansible_collections.slipway.aws.plugins.module_utils._plan import REDACTED
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown

if TYPE_CHECKING:
    from typing import Any

# The zone to which an alias record for any distribution points.
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html
HOSTED_ZONE_ID = "Z2FDTNDATAQYW2"

DEFAULT_MINIMUM_PROTOCOL_VERSION = "TLSv1.2_2021"

SIMPLE_OPTIONS = {
    "comment": "Comment",
    "enabled": "Enabled",
    "default_root_object": "DefaultRootObject",
    "price_class": "PriceClass",
    "http_version": "HttpVersion",
    "ipv6": "IsIPV6Enabled",
    "web_acl_arn": "WebACLId",
}

CUSTOM_ORIGIN = {
    "http_port": "HTTPPort",
    "https_port": "HTTPSPort",
    "protocol_policy": "OriginProtocolPolicy",
    "read_timeout": "OriginReadTimeout",
    "keepalive_timeout": "OriginKeepaliveTimeout",
}

BEHAVIOR_POLICIES = {
    "cache_policy": "CachePolicyId",
    "origin_request_policy": "OriginRequestPolicyId",
    "response_headers_policy": "ResponseHeadersPolicyId",
}

LOGGING = {"enabled": "Enabled", "include_cookies": "IncludeCookies", "bucket": "Bucket", "prefix": "Prefix"}

EVENTS = {"viewer_request": "viewer-request", "viewer_response": "viewer-response"}

# What a behaviour with a cache policy must not have.
LEGACY_CACHE_SETTINGS = ("ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL")


def listing(items: list[Any]) -> dict[str, Any]:
    return {"Quantity": len(items), "Items": items} if items else {"Quantity": 0}


# What is made new is spelt out in full: an update requires fields that a creation does not.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-overview-required-fields.html


def new_config(caller_reference: str) -> dict[str, Any]:
    return {
        "CallerReference": caller_reference,
        "Aliases": listing([]),
        "DefaultRootObject": "",
        "Origins": listing([]),
        "DefaultCacheBehavior": new_behavior(),
        "CacheBehaviors": listing([]),
        "CustomErrorResponses": listing([]),
        "Comment": "",
        "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
        "PriceClass": "PriceClass_All",
        "Enabled": True,
        "ViewerCertificate": {"CloudFrontDefaultCertificate": True},
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": "",
        "HttpVersion": "http2and3",
        "IsIPV6Enabled": True,
    }


def new_origin(identifier: str) -> dict[str, Any]:
    return {
        "Id": identifier,
        "DomainName": "",
        "OriginPath": "",
        "CustomHeaders": listing([]),
        "ConnectionAttempts": 3,
        "ConnectionTimeout": 10,
        "OriginShield": {"Enabled": False},
        "OriginAccessControlId": "",
    }


def new_custom_origin() -> dict[str, Any]:
    return {
        "HTTPPort": 80,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "https-only",
        "OriginSslProtocols": listing(["TLSv1.2"]),
        "OriginReadTimeout": 30,
        "OriginKeepaliveTimeout": 5,
    }


def new_behavior() -> dict[str, Any]:
    return {
        "TargetOriginId": "",
        "TrustedSigners": {"Enabled": False, "Quantity": 0},
        "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": {**listing(["GET", "HEAD"]), "CachedMethods": listing(["GET", "HEAD"])},
        "SmoothStreaming": False,
        "Compress": True,
        "LambdaFunctionAssociations": listing([]),
        "FunctionAssociations": listing([]),
        "FieldLevelEncryptionId": "",
        "CachePolicyId": policy_id("cache_policy", "CachingOptimized"),
    }


def _lay_over(target: dict[str, Any], options: dict[str, Any], keys: dict[str, str]) -> None:
    for option, key in keys.items():
        if options[option] is not None:
            target[key] = options[option]


def desired_config(
    params: dict[str, Any], current: dict[str, Any] | None, secret_values: dict[str, str | None]
) -> dict[str, Any]:
    """The configuration that the options ask for; current is the DistributionConfig, None if there is none yet.

    secret_values maps what secret_headers name to the values; None for a value that cannot be read now and is taken
    to be the current one.
    """
    config = copy.deepcopy(current) if current else new_config(params["name"])
    _lay_over(config, params, SIMPLE_OPTIONS)
    if params["aliases"] is not None:
        config["Aliases"] = listing(params["aliases"])
    config["ViewerCertificate"] = desired_viewer_certificate(params, config.get("ViewerCertificate") or {})
    if params["origins"] is not None:
        config["Origins"] = listing(
            desired_origins(params["origins"], items(config, "Origins"), params["purge_origins"], secret_values)
        )
    if params["default_behavior"] is not None:
        config["DefaultCacheBehavior"] = desired_behavior(params["default_behavior"], config["DefaultCacheBehavior"])
    if params["behaviors"] is not None:
        config["CacheBehaviors"] = listing(
            desired_behaviors(params["behaviors"], items(config, "CacheBehaviors"), params["purge_behaviors"])
        )
    if params["error_responses"] is not None:
        config["CustomErrorResponses"] = listing([_build_error_response(item) for item in params["error_responses"]])
    if params["logging"] is not None:
        logging = dict(config.get("Logging") or {})
        _lay_over(logging, params["logging"], LOGGING)
        config["Logging"] = logging
    return config


def items(config: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return (config.get(key) or {}).get("Items") or []


def uses_default_certificate(certificate: dict[str, Any]) -> bool:
    return not (certificate.get("ACMCertificateArn") or certificate.get("IAMCertificateId"))


def desired_viewer_certificate(params: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    arn, version = params["certificate_arn"], params["minimum_protocol_version"]
    # Deprecated copies of the other keys.
    certificate = {key: value for key, value in current.items() if key not in ("Certificate", "CertificateSource")}
    if arn == "" and not uses_default_certificate(certificate):
        certificate = {"CloudFrontDefaultCertificate": True}
    if arn:
        own = {} if uses_default_certificate(certificate) else certificate
        certificate = {
            "CloudFrontDefaultCertificate": False,
            "ACMCertificateArn": arn,
            "SSLSupportMethod": own.get("SSLSupportMethod", "sni-only"),
            "MinimumProtocolVersion": own.get("MinimumProtocolVersion", DEFAULT_MINIMUM_PROTOCOL_VERSION),
        }
    if version is not None and not uses_default_certificate(certificate):
        certificate["MinimumProtocolVersion"] = version
    return certificate


def desired_origins(
    options: list[dict[str, Any]],
    current: list[dict[str, Any]],
    purge: bool,
    secret_values: dict[str, str | None],
) -> list[dict[str, Any]]:
    by_id = {origin["Id"]: origin for origin in current}
    wanted = {option["id"]: desired_origin(option, by_id.get(option["id"]), secret_values) for option in options}
    kept = [] if purge else [origin for origin in current if origin["Id"] not in wanted]
    return [*kept, *wanted.values()]


def desired_origin(
    option: dict[str, Any], current: dict[str, Any] | None, secret_values: dict[str, str | None]
) -> dict[str, Any]:
    origin = copy.deepcopy(current) if current else new_origin(option["id"])
    _lay_over(
        origin,
        option,
        {
            "domain_name": "DomainName",
            "origin_path": "OriginPath",
            "connection_attempts": "ConnectionAttempts",
            "connection_timeout": "ConnectionTimeout",
        },
    )
    if option["custom"] is not None:
        if "S3OriginConfig" in origin:
            # What let CloudFront into the bucket has no meaning here.
            del origin["S3OriginConfig"]
            origin["OriginAccessControlId"] = ""
        origin["CustomOriginConfig"] = _desired_custom_origin(option["custom"], origin.get("CustomOriginConfig"))
    if option["origin_access_control_id"] is not None:
        origin["OriginAccessControlId"] = option["origin_access_control_id"]
        if "CustomOriginConfig" not in origin:
            origin["S3OriginConfig"] = {**origin.get("S3OriginConfig", {}), "OriginAccessIdentity": ""}
    if option["origin_access_identity_id"] is not None:
        identity = option["origin_access_identity_id"]
        path = origin_access_identity_path(identity) if identity else ""
        origin.pop("CustomOriginConfig", None)
        origin["OriginAccessControlId"] = ""
        origin["S3OriginConfig"] = {**origin.get("S3OriginConfig", {}), "OriginAccessIdentity": path}
    if option["headers"] is not None or option["secret_headers"] is not None:
        origin["CustomHeaders"] = listing(_desired_headers(option, origin, secret_values))
    return origin


def _desired_custom_origin(option: dict[str, Any], current: dict[str, Any] | None) -> dict[str, Any]:
    custom = copy.deepcopy(current) if current else new_custom_origin()
    _lay_over(custom, option, CUSTOM_ORIGIN)
    if option["ssl_protocols"] is not None:
        custom["OriginSslProtocols"] = listing(option["ssl_protocols"])
    return custom


def header_values(origin: dict[str, Any]) -> dict[str, str]:
    """The custom headers of an origin by name; case has no meaning in the names."""
    return {item["HeaderName"].lower(): item["HeaderValue"] for item in items(origin, "CustomHeaders")}


def _desired_headers(
    option: dict[str, Any], origin: dict[str, Any], secret_values: dict[str, str | None]
) -> list[dict[str, str]]:
    current = header_values(origin)
    values = {name: str(value) for name, value in (option["headers"] or {}).items()}
    for name, secret in (option["secret_headers"] or {}).items():
        value = secret_values[secret]
        values[name] = current.get(name.lower(), UNKNOWN) if value is None else value
    # A name that differs in case only is the same header.
    spelling = {item["HeaderName"].lower(): item["HeaderName"] for item in items(origin, "CustomHeaders")}
    return [{"HeaderName": spelling.get(name.lower(), name), "HeaderValue": value} for name, value in values.items()]


def desired_behavior(option: dict[str, Any], current: dict[str, Any] | None) -> dict[str, Any]:
    behavior = copy.deepcopy(current) if current else new_behavior()
    _lay_over(
        behavior,
        option,
        {
            "target_origin_id": "TargetOriginId",
            "viewer_protocol_policy": "ViewerProtocolPolicy",
            "compress": "Compress",
        },
    )
    methods = behavior.get("AllowedMethods") or {}
    allowed, cached = option["allowed_methods"], option["cached_methods"]
    if allowed is not None or cached is not None:
        cached_now = items(methods, "CachedMethods") or ["GET", "HEAD"]
        behavior["AllowedMethods"] = {
            **listing(methods.get("Items", []) if allowed is None else allowed),
            "CachedMethods": listing(cached_now if cached is None else cached),
        }
    for policy, key in BEHAVIOR_POLICIES.items():
        if option[policy] is not None:
            behavior[key] = policy_id(policy, option[policy])
    if option["cache_policy"]:
        for key in LEGACY_CACHE_SETTINGS:
            behavior.pop(key, None)
    # The API refuses an empty ID; that there is no policy is said by leaving the key out.
    for key in BEHAVIOR_POLICIES.values():
        if behavior.get(key) == "":
            del behavior[key]
    if option["function_associations"] is not None:
        behavior["FunctionAssociations"] = listing(
            [
                {"FunctionARN": option["function_associations"][event], "EventType": event_type}
                for event, event_type in EVENTS.items()
                if option["function_associations"][event]
            ]
        )
    return behavior


def desired_behaviors(
    options: list[dict[str, Any]], current: list[dict[str, Any]], purge: bool
) -> list[dict[str, Any]]:
    by_pattern = {behavior["PathPattern"]: behavior for behavior in current}
    wanted = {
        option["path_pattern"]: {
            "PathPattern": option["path_pattern"],
            **desired_behavior(option, by_pattern.get(option["path_pattern"])),
        }
        for option in options
    }
    order = list(wanted) if purge else order_patterns(list(by_pattern), list(wanted))
    return [wanted.get(pattern) or by_pattern[pattern] for pattern in order]


def order_patterns(current: list[str], wanted: list[str]) -> list[str]:
    """The order of all path patterns: CloudFront uses the first behaviour that fits.

    Those that are wanted come in their order. The others keep their places, since which of them shadow ours, or are
    shadowed by ours, was someone's decision. A new pattern follows its predecessor, the first goes before its
    successor; if there is neither, it comes last.
    """
    existing = iter([pattern for pattern in wanted if pattern in current])
    order = [next(existing) if pattern in wanted else pattern for pattern in current]
    for index, pattern in enumerate(wanted):
        if pattern in order:
            continue
        if index > 0:
            order.insert(order.index(wanted[index - 1]) + 1, pattern)
            continue
        successor = next((later for later in wanted if later in order), None)
        order.insert(order.index(successor) if successor else len(order), pattern)
    return order


def _build_error_response(option: dict[str, Any]) -> dict[str, Any]:
    return {
        "ErrorCode": option["error_code"],
        "ResponsePagePath": option["response_page_path"] or "",
        "ResponseCode": str(option["response_code"] or ""),
        "ErrorCachingMinTTL": option["error_caching_min_ttl"],
    }


def canonical(node: Any, ordered: bool = False) -> Any:
    """A form in which two configurations that mean the same are equal.

    AWS gives back what it was sent with defaults filled in, and lists in its own order. So what is empty or false
    counts as absent, and lists are sorted, but for those whose order has a meaning: the behaviours, and the members of
    an origin group.
    """
    if isinstance(node, list):
        members = [canonical(item) for item in node]
        return members if ordered else sorted(members, key=lambda item: json.dumps(item, sort_keys=True))
    if not isinstance(node, dict):
        return node
    result = {}
    for key, item in node.items():
        if key in ("Quantity", "Certificate", "CertificateSource"):
            continue
        if key == "ViewerCertificate" and uses_default_certificate(item):
            # What AWS says besides of its own certificate cannot be changed.
            item = {"CloudFrontDefaultCertificate": True}
        value = canonical(item, ordered if key == "Items" else key in ("CacheBehaviors", "Members"))
        if value is not False and value not in (None, "", [], {}):
            result[key] = value
    if "Quantity" in node and not set(result) - {"Items"}:
        return result.get("Items", [])
    return result


def config_differs(current: dict[str, Any] | None, desired: dict[str, Any]) -> bool:
    return current is None or canonical(current) != canonical(desired)


def plain_headers(params: dict[str, Any]) -> set[tuple[str, str]]:
    """The headers, as (origin ID, name in lower case), whose values the options give in clear."""
    return {(origin["id"], name.lower()) for origin in params["origins"] or [] for name in (origin["headers"] or {})}


def describe_config(
    config: dict[str, Any], shown: set[tuple[str, str]], other: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A configuration for people to read, for results and diffs.

    A header may hold a secret, so only the values of the headers in shown are there to be read. Of the rest one sees
    whether they differ from what the configuration other has.
    """
    result = camel_dict_to_snake_dict(canonical(config))
    origins = {origin["Id"]: origin for origin in items(config, "Origins")}
    others = {origin["Id"]: header_values(origin) for origin in items(other or {}, "Origins")}
    for described in result.get("origins", []):
        identifier = described["id"]
        # Names of headers are not turned into snake case.
        if "custom_headers" in described:
            described["custom_headers"] = {
                header["HeaderName"]: _describe_header(header, identifier, shown, others)
                for header in items(origins[identifier], "CustomHeaders")
            }
    for empty in ("aliases", "cache_behaviors"):
        result.setdefault(empty, [])
    result.setdefault("enabled", False)
    return result


def _describe_header(
    header: dict[str, str], origin_id: str, shown: set[tuple[str, str]], others: dict[str, dict[str, str]]
) -> str:
    name, value = header["HeaderName"].lower(), header["HeaderValue"]
    if (origin_id, name) in shown or is_unknown(value):
        return value
    before = others.get(origin_id, {}).get(name)
    return REDACTED if before in (None, value) else f"{REDACTED[:-1]}, changed)"


def describe_distribution(
    distribution: dict[str, Any], tags: dict[str, str], shown: set[tuple[str, str]]
) -> dict[str, Any]:
    """A distribution as the module returns it; distribution is as GetDistribution answers, with its ETag."""
    return {
        "id": distribution["Id"],
        "arn": distribution["ARN"],
        "domain_name": distribution["DomainName"],
        "hosted_zone_id": HOSTED_ZONE_ID,
        "status": distribution["Status"],
        "etag": distribution["ETag"],
        **describe_config(distribution["DistributionConfig"], shown),
        "tags": tags,
    }


def planned_distribution(config: dict[str, Any], current: dict[str, Any] | None) -> dict[str, Any]:
    """What the distribution would be with this configuration, in the form of GetDistribution's answer."""
    known = current or {"Id": UNKNOWN, "ARN": UNKNOWN, "DomainName": UNKNOWN}
    return {**known, "ETag": UNKNOWN, "Status": "InProgress", "DistributionConfig": config}


def rank_candidates(
    summaries: list[dict[str, Any]], name: str, comment: str | None, aliases: list[str] | None
) -> tuple[list[str], list[str]]:
    """IDs of the distributions in a list: those likely to be the one with this name, and all others.

    The list does not tell caller references, so distributions have to be read one by one to find the one that is ours.
    """
    likely, others = [], []
    for summary in summaries:
        # The copy that a continuous deployment is tried on is never a site of its own.
        if summary.get("Staging"):
            continue
        comments = summary.get("Comment", "")
        domains = [origin["DomainName"] for origin in items(summary, "Origins")]
        hints = (
            name in comments,
            bool(comment) and comments == comment,
            bool(set(aliases or []) & set(items(summary, "Aliases"))),
            any(name in domain for domain in domains),
        )
        (likely if any(hints) else others).append(summary["Id"])
    return likely, others
