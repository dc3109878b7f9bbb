# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# What of a viewer's request goes to the origin, and what of the origin's response to the viewer (developer guide,
# "Control origin requests with a policy" and "Request and response behavior for custom origins"). Pure.

from __future__ import annotations

import urllib.parse
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

from slipway_lab.aws.cloudfront.config import items
from slipway_lab.edge import cache
from slipway_lab.edge.behaviours import CacheSettings
from slipway_lab.edge.behaviours import OriginSettings
from slipway_lab.edge.behaviours import Selection
from slipway_lab.edge.messages import Headers
from slipway_lab.edge.messages import Request
from slipway_lab.edge.messages import Response

_NEVER = {
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amz-cf-id",
    "x-forwarded-proto",
    "x-real-ip",
    # Written anew:
    "content-length",
    "host",
    "via",
    "x-forwarded-for",
    # Selected by rules of their own:
    "accept-encoding",
    "cookie",
}
# Of the body, or of what is asked for: part of every origin request.
_ALWAYS = {
    "cache-control",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "pragma",
    "range",
}
# Without policies, these go only if they are asked for; all others go.
_REMOVED_BY_LEGACY_SETTINGS = {
    "accept",
    "accept-charset",
    "accept-language",
    "authorization",
    "referer",
    "user-agent",
    "x-http-method-override",
}
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade"}


def origin_request(
    request: Request,
    origin: dict[str, Any],
    behavior: dict[str, Any],
    settings: tuple[CacheSettings, OriginSettings],
    encoding: str,
    request_id: str,
    via: str,
) -> Request:
    """The request that the edge makes of an origin for a viewer's one."""
    cache_settings, origin_settings = settings
    is_legacy = "ForwardedValues" in behavior
    selected = (cache_settings.headers, origin_settings.headers)
    headers = Headers()
    forwards_host = any("host" in selection for selection in selected) and "S3OriginConfig" not in origin
    headers.add("Host", request.headers.get("Host") or "" if forwards_host else origin["DomainName"])
    for name, value in request.headers:
        if _goes(name.lower(), selected, is_legacy):
            headers.add(name, value)
    if "User-Agent" not in headers:
        headers.add("User-Agent", "Amazon CloudFront")
    if cache_settings.gzip:
        if encoding:
            headers.add("Accept-Encoding", encoding)
    elif any("accept-encoding" in selection for selection in selected) and "Accept-Encoding" in request.headers:
        headers.add("Accept-Encoding", request.headers.joined("Accept-Encoding"))
    cookies = cache.selected_cookies(request.headers, _either(cache_settings.cookies, origin_settings.cookies))
    if cookies:
        headers.add("Cookie", "; ".join(f"{name}={value}" for name, value in cookies))
    for name, value in _added(request, origin_settings):
        headers.set(name, value)
    headers.add("X-Amz-Cf-Id", request_id)
    headers.add("Via", ", ".join([*request.headers.all("Via"), via]))
    headers.add("X-Forwarded-For", ", ".join([*request.headers.all("X-Forwarded-For"), request.client]))
    for header in items(origin["CustomHeaders"]):
        headers.set(header["HeaderName"], header["HeaderValue"])
    query = cache.selected_query(request.query, _either(cache_settings.query, origin_settings.query))
    return replace(request, path=origin["OriginPath"] + request.path, query=query, headers=headers)


def _goes(name: str, selected: tuple[Selection, ...], is_legacy: bool) -> bool:
    if name in _NEVER or name.startswith("x-edge-"):
        return False
    if name in _ALWAYS or any(name in selection for selection in selected):
        return True
    return is_legacy and name not in _REMOVED_BY_LEGACY_SETTINGS


def _either(first: Selection, second: Selection) -> Selection:
    """What at least one of two selections has."""
    for one, other in ((first, second), (second, first)):
        if one.mode == "all" or other.mode == "none":
            return one
    if first.mode == second.mode:
        combine = first.names.union if first.mode == "only" else first.names.intersection
        return Selection(first.mode, frozenset(combine(second.names)))
    only, excepting = (first, second) if first.mode == "only" else (second, first)
    return Selection("except", excepting.names - only.names)


def _added(request: Request, settings: OriginSettings) -> list[tuple[str, str]]:
    """CloudFront's own headers; those that tell where in the world a viewer is are beyond a lab."""
    values = {
        "CloudFront-Forwarded-Proto": request.scheme,
        "CloudFront-Viewer-Address": f"{request.client}:{request.client_port}",
        "CloudFront-Viewer-Http-Version": request.version.removeprefix("HTTP/"),
    }
    return [(name, value) for name, value in values.items() if name.lower() in settings.added]


def viewer_response(response: Response, settings: tuple[CacheSettings, OriginSettings]) -> Response:
    """The origin's response without what is not for viewers."""
    cache_settings, origin_settings = settings
    response = response.copy()
    headers = response.headers
    headers.remove(*_HOP_BY_HOP, "Via", "X-Cache", "Age")
    if cache_settings.cookies.mode == "none" and origin_settings.cookies.mode == "none":
        headers.remove("Set-Cookie")
    vary = headers.joined("Vary")
    if vary:
        names = [name.strip() for name in vary.split(",")]
        kept = [name for name in names if _may_vary(name.lower(), cache_settings, origin_settings)]
        headers.remove("Vary")
        if kept:
            headers.add("Vary", ", ".join(kept))
    return response


def _may_vary(name: str, cache_settings: CacheSettings, origin_settings: OriginSettings) -> bool:
    always = name in ("accept-encoding", "cookie", "*")
    return always or name in cache_settings.headers or name in origin_settings.headers


# --- response headers policies ---------------------------------------------------------------------------------


def apply_response_policy(response: Response, policy: dict[str, Any], request: Request) -> None:
    """Add the headers of a response headers policy, over the origin's where the policy overrides."""
    for name, value, overrides in [*_security(policy), *_cors(policy, request)]:
        if overrides or name not in response.headers:
            response.headers.set(name, value)


def _security(policy: dict[str, Any]) -> list[tuple[str, str, bool]]:
    config = policy.get("SecurityHeadersConfig", {})
    headers = []
    if "StrictTransportSecurity" in config:
        rule = config["StrictTransportSecurity"]
        headers.append(("Strict-Transport-Security", f"max-age={rule['AccessControlMaxAgeSec']}", rule["Override"]))
    if "ContentTypeOptions" in config:
        headers.append(("X-Content-Type-Options", "nosniff", config["ContentTypeOptions"]["Override"]))
    if "FrameOptions" in config:
        rule = config["FrameOptions"]
        headers.append(("X-Frame-Options", rule["FrameOption"], rule["Override"]))
    if "XSSProtection" in config:
        rule = config["XSSProtection"]
        value = f"{int(rule['Protection'])}" + ("; mode=block" if rule.get("ModeBlock") else "")
        headers.append(("X-XSS-Protection", value, rule["Override"]))
    if "ReferrerPolicy" in config:
        rule = config["ReferrerPolicy"]
        headers.append(("Referrer-Policy", rule["ReferrerPolicy"], rule["Override"]))
    return headers


def _cors(policy: dict[str, Any], request: Request) -> list[tuple[str, str, bool]]:
    config = policy.get("CorsConfig")
    if not config or "Origin" not in request.headers:
        return []
    overrides = config["OriginOverride"]
    headers = [("Access-Control-Allow-Origin", "*", overrides)]
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        methods = ", ".join(items(config["AccessControlAllowMethods"]))
        headers.append(("Access-Control-Allow-Methods", methods, overrides))
        headers.append(("Access-Control-Allow-Headers", "*", overrides))
    elif items(config["AccessControlExposeHeaders"]):
        headers.append(("Access-Control-Expose-Headers", "*", overrides))
    return headers


# --- conditional and partial requests --------------------------------------------------------------------------


def narrowed(response: Response, request: Request) -> Response:
    """A whole response cut down to what a viewer asked for: not modified, or a part."""
    if response.status != 200 or request.method not in ("GET", "HEAD"):
        return response
    if _is_unmodified(response.headers, request.headers):
        narrow = response.copy()
        narrow.status, narrow.body = 304, b""
        narrow.headers.remove("Content-Length", "Content-Type", "Content-Encoding", "Content-Range")
        return narrow
    wanted = request.headers.get("Range")
    if wanted is None or request.method == "HEAD" or not _range_holds(response.headers, request.headers):
        return response
    return _part(response, wanted)


def _is_unmodified(headers: Headers, asked: Headers) -> bool:
    tags = asked.joined("If-None-Match")
    if tags:
        tag = _weak(headers.get("ETag") or "")
        return tags.strip() == "*" or tag in [_weak(one.strip()) for one in tags.split(",")]
    since, modified = asked.get("If-Modified-Since"), headers.get("Last-Modified")
    return since is not None and modified is not None and _date(modified) <= _date(since)


def _range_holds(headers: Headers, asked: Headers) -> bool:
    condition = asked.get("If-Range")
    return condition is None or condition in (headers.get("ETag"), headers.get("Last-Modified"))


def _part(response: Response, wanted: str) -> Response:
    unit, _, spec = wanted.partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip() != "bytes" or not dash or not (first + last).isdecimal():
        return response  # several ranges, or nonsense: the whole answers both
    size = len(response.body)
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    part = response.copy()
    if start >= size or end < start:
        part.status, part.body = 416, b""
        part.headers.set("Content-Range", f"bytes */{size}")
        part.headers.set("Content-Length", "0")
        return part
    part.status, part.body = 206, response.body[start : end + 1]
    part.headers.set("Content-Range", f"bytes {start}-{end}/{size}")
    part.headers.set("Content-Length", str(len(part.body)))
    return part


def _weak(tag: str) -> str:
    return tag.removeprefix("W/")


def _date(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return float("inf")


def redirect_location(request: Request) -> str:
    return urllib.parse.urlunsplit(("https", request.host, request.path, request.query, ""))
