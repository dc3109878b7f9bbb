# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Which cache behaviour of a distribution applies to a request, and what its policies say. Pure.

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from slipway_lab.aws.cloudfront import managed
from slipway_lab.aws.cloudfront.config import items

Behavior = dict[str, Any]


def choose(config: dict[str, Any], path: str) -> Behavior:
    """The first cache behaviour, in their order, whose pattern fits the path; else the default one."""
    for behavior in items(config["CacheBehaviors"]):
        if path_matches(behavior["PathPattern"], path):
            return behavior
    return config["DefaultCacheBehavior"]


def path_matches(pattern: str, path: str) -> bool:
    """Whether a path (without query) fits a pattern: * is any characters, ? exactly one; case counts."""
    return bool(_pattern("/" + pattern.lstrip("/")).fullmatch(path))


@functools.lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern), re.DOTALL)


def origin_of(config: dict[str, Any], behavior: Behavior) -> dict[str, Any]:
    return next(origin for origin in items(config["Origins"]) if origin["Id"] == behavior["TargetOriginId"])


def allows(behavior: Behavior, method: str) -> bool:
    return method in behavior["AllowedMethods"]["Items"]


def caches(behavior: Behavior, method: str) -> bool:
    return method in behavior["AllowedMethods"]["CachedMethods"]["Items"]


def function_arn(behavior: Behavior, event: str) -> str | None:
    for association in items(behavior["FunctionAssociations"]):
        if association["EventType"] == event:
            return association["FunctionARN"]
    return None


@dataclass(frozen=True)
class Selection:
    """Which headers, cookies or query parameters of a request: mode is none, all, only or except."""

    mode: str = "none"
    names: frozenset[str] = field(default_factory=frozenset)  # of headers: in lower case

    def __contains__(self, name: str) -> bool:
        if self.mode in ("only", "except"):
            return (name in self.names) == (self.mode == "only")
        return self.mode == "all"


@dataclass(frozen=True)
class CacheSettings:
    minimum: int
    default: int
    maximum: int
    headers: Selection
    cookies: Selection
    query: Selection
    gzip: bool  # cached compressed as well as not


@dataclass(frozen=True)
class OriginSettings:
    """What of a viewer's request goes to the origin besides what is in the cache key."""

    headers: Selection = Selection()
    cookies: Selection = Selection()
    query: Selection = Selection()
    # CloudFront's own headers (CloudFront-Viewer-Address, ...) that it adds.
    added: frozenset[str] = frozenset()


_MODES = {"none": "none", "all": "all", "whitelist": "only", "allExcept": "except"}


def cache_settings(behavior: Behavior) -> CacheSettings:
    if "CachePolicyId" in behavior:
        policy = managed.CACHE_POLICIES[behavior["CachePolicyId"]]
        key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
        return CacheSettings(
            policy["MinTTL"],
            policy["DefaultTTL"],
            policy["MaxTTL"],
            _headers(key["HeadersConfig"]),
            _selection(key["CookiesConfig"]["CookieBehavior"], items(key["CookiesConfig"].get("Cookies"))),
            _selection(
                key["QueryStringsConfig"]["QueryStringBehavior"],
                items(key["QueryStringsConfig"].get("QueryStrings")),
            ),
            gzip=key["EnableAcceptEncodingGzip"],
        )
    return _legacy_cache_settings(behavior)


def _legacy_cache_settings(behavior: Behavior) -> CacheSettings:
    values = behavior["ForwardedValues"]
    headers = items(values["Headers"])
    cookies = values["Cookies"]
    listed = items(values["QueryStringCacheKeys"])
    query = Selection("none")
    if values["QueryString"]:
        query = Selection("only", frozenset(listed)) if listed else Selection("all")
    # To forward every header is to cache nothing.
    never = "*" in headers
    return CacheSettings(
        0 if never else behavior["MinTTL"],
        0 if never else behavior["DefaultTTL"],
        0 if never else behavior["MaxTTL"],
        Selection("all") if never else Selection("only", frozenset(map(str.lower, headers))),
        _selection(cookies["Forward"], items(cookies.get("WhitelistedNames"))),
        query,
        gzip=behavior["Compress"],
    )


def origin_settings(behavior: Behavior) -> OriginSettings:
    policy_id = behavior.get("OriginRequestPolicyId")
    if not policy_id:
        return OriginSettings()
    policy = managed.ORIGIN_REQUEST_POLICIES[policy_id]
    return OriginSettings(
        _headers(policy["HeadersConfig"]),
        _selection(policy["CookiesConfig"]["CookieBehavior"], items(policy["CookiesConfig"].get("Cookies"))),
        _selection(
            policy["QueryStringsConfig"]["QueryStringBehavior"],
            items(policy["QueryStringsConfig"].get("QueryStrings")),
        ),
        added=frozenset(
            name.lower()
            for name in items(policy["HeadersConfig"].get("Headers"))
            if name.lower().startswith("cloudfront-")
        ),
    )


def response_headers_config(behavior: Behavior) -> dict[str, Any]:
    policy_id = behavior.get("ResponseHeadersPolicyId")
    return managed.RESPONSE_HEADERS_POLICIES[policy_id] if policy_id else {}


def _headers(config: dict[str, Any]) -> Selection:
    if config["HeaderBehavior"] in ("allViewer", "allViewerAndWhitelistCloudFront"):
        return Selection("all")
    return _selection(config["HeaderBehavior"], [name.lower() for name in items(config.get("Headers"))])


def _selection(mode: str, names: list[str]) -> Selection:
    return Selection(_MODES[mode], frozenset(names))


def error_response(config: dict[str, Any], status: int) -> dict[str, Any] | None:
    """What the distribution says of an error that the origin answers with."""
    return next((error for error in items(config["CustomErrorResponses"]) if error["ErrorCode"] == status), None)
