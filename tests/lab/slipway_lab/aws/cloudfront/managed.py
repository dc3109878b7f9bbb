# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The cache, origin request and response headers policies that AWS manages: constants of its developer guide
# ("Use managed cache policies" and its two siblings), in the shape of the API.

from __future__ import annotations

import datetime
from typing import Any

_SINCE = datetime.datetime(2020, 7, 22, tzinfo=datetime.UTC)


def _names(kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {kind: {"Quantity": len(names), "Items": list(names)}} if names else {}


def _cache(
    name: str,
    comment: str,
    ttls: tuple[int, int, int],
    *,
    gzip: bool = False,
    brotli: bool = False,
    headers: tuple[str, ...] = (),
    cookies: str = "none",
    query: str | tuple[str, ...] = "none",
) -> dict[str, Any]:
    minimum, default, maximum = ttls
    listed = () if isinstance(query, str) else query
    return {
        "Comment": comment,
        "Name": f"Managed-{name}",
        "DefaultTTL": default,
        "MaxTTL": maximum,
        "MinTTL": minimum,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": gzip,
            "EnableAcceptEncodingBrotli": brotli,
            "HeadersConfig": {"HeaderBehavior": "whitelist" if headers else "none"} | _names("Headers", headers),
            "CookiesConfig": {"CookieBehavior": cookies},
            "QueryStringsConfig": {"QueryStringBehavior": "whitelist" if listed else query}
            | _names("QueryStrings", listed),
        },
    }


def _origin_request(
    name: str,
    comment: str,
    header_behavior: str,
    headers: tuple[str, ...] = (),
    cookies: str = "none",
    query: str = "none",
) -> dict[str, Any]:
    return {
        "Comment": comment,
        "Name": f"Managed-{name}",
        "HeadersConfig": {"HeaderBehavior": header_behavior} | _names("Headers", headers),
        "CookiesConfig": {"CookieBehavior": cookies},
        "QueryStringsConfig": {"QueryStringBehavior": query},
    }


_ALL_METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS")


def _cors(*, preflight: bool) -> dict[str, Any]:
    return {
        "CorsConfig": {
            "AccessControlAllowOrigins": {"Quantity": 1, "Items": ["*"]},
            "AccessControlAllowHeaders": {"Quantity": 1, "Items": ["*"]},
            "AccessControlAllowMethods": _names("m", _ALL_METHODS if preflight else ("GET", "HEAD"))["m"],
            "AccessControlAllowCredentials": False,
            "AccessControlExposeHeaders": {"Quantity": 1, "Items": ["*"]} if preflight else {"Quantity": 0},
            "OriginOverride": False,
        }
    }


_SECURITY = {
    "SecurityHeadersConfig": {
        "XSSProtection": {"Override": False, "Protection": True, "ModeBlock": True},
        "FrameOptions": {"Override": False, "FrameOption": "SAMEORIGIN"},
        "ReferrerPolicy": {"Override": False, "ReferrerPolicy": "strict-origin-when-cross-origin"},
        "ContentTypeOptions": {"Override": True},
        "StrictTransportSecurity": {"Override": False, "AccessControlMaxAgeSec": 31536000},
    }
}


def _response_headers(name: str, comment: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"Comment": comment, "Name": f"Managed-{name}", **config}


_OPTIMIZED = (1, 86400, 31536000)
_VIEWER_HEADERS = (
    "CloudFront-Forwarded-Proto",
    "CloudFront-Is-Android-Viewer",
    "CloudFront-Is-Desktop-Viewer",
    "CloudFront-Is-IOS-Viewer",
    "CloudFront-Is-Mobile-Viewer",
    "CloudFront-Is-SmartTV-Viewer",
    "CloudFront-Is-Tablet-Viewer",
    "CloudFront-Viewer-Address",
    "CloudFront-Viewer-ASN",
    "CloudFront-Viewer-City",
    "CloudFront-Viewer-Country",
    "CloudFront-Viewer-Country-Name",
    "CloudFront-Viewer-Country-Region",
    "CloudFront-Viewer-Country-Region-Name",
    "CloudFront-Viewer-Http-Version",
    "CloudFront-Viewer-Latitude",
    "CloudFront-Viewer-Longitude",
    "CloudFront-Viewer-Metro-Code",
    "CloudFront-Viewer-Postal-Code",
    "CloudFront-Viewer-Time-Zone",
    "CloudFront-Viewer-TLS",
)

CACHE_POLICIES = {
    "2e54312d-136d-493c-8eb9-b001f22f67d2": _cache(
        "Amplify",
        "Policy for Amplify Origin",
        (2, 2, 600),
        gzip=True,
        brotli=True,
        headers=("Authorization", "CloudFront-Viewer-Country", "Host"),
        cookies="all",
        query="all",
    ),
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": _cache("CachingDisabled", "Policy with caching disabled", (0, 0, 0)),
    "658327ea-f89d-4fab-a63d-7e88639e58f6": _cache(
        "CachingOptimized",
        "Policy with caching enabled. Supports Gzip and Brotli compression.",
        _OPTIMIZED,
        gzip=True,
        brotli=True,
    ),
    "b2884449-e4de-46a7-ac36-70bc7f1ddd6d": _cache(
        "CachingOptimizedForUncompressedObjects", "Default policy when compression is disabled", _OPTIMIZED
    ),
    "08627262-05a9-4f76-9ded-b50ca2e3a84f": _cache(
        "Elemental-MediaPackage",
        "Policy for Elemental MediaPackage Origin",
        (0, 86400, 31536000),
        gzip=True,
        headers=("origin",),
        query=("aws.manifestfilter", "start", "end", "m"),
    ),
    "83da9c7e-98b4-4e11-a168-04f0df8e2c65": _cache(
        "UseOriginCacheControlHeaders",
        "Policy for origins that return Cache-Control headers. Query strings are not included in the cache key.",
        (0, 0, 31536000),
        gzip=True,
        brotli=True,
        headers=("host", "origin", "x-http-method-override", "x-http-method", "x-method-override"),
        cookies="all",
    ),
    "4cc15a8a-d715-48a4-82b8-cc0b614638fe": _cache(
        "UseOriginCacheControlHeaders-QueryStrings",
        "Policy for origins that return Cache-Control headers and serve different content based on values present "
        "in the query string.",
        (0, 0, 31536000),
        gzip=True,
        brotli=True,
        headers=("host", "origin", "x-http-method-override", "x-http-method", "x-method-override"),
        cookies="all",
        query="all",
    ),
}

ORIGIN_REQUEST_POLICIES = {
    "216adef6-5c7f-47e4-b989-5492eafa07d3": _origin_request(
        "AllViewer", "Policy to forward all parameters in viewer requests", "allViewer", cookies="all", query="all"
    ),
    "33f36d7e-f396-46d9-90e0-52428a34d9dc": _origin_request(
        "AllViewerAndCloudFrontHeaders-2022-06",
        "Policy to forward all parameters in viewer requests and all CloudFront headers that were released through "
        "June 2022",
        "allViewerAndWhitelistCloudFront",
        headers=_VIEWER_HEADERS,
        cookies="all",
        query="all",
    ),
    "b689b0a8-53d0-40ab-baf2-68738e2966ac": _origin_request(
        "AllViewerExceptHostHeader",
        "Policy to forward all parameters in viewer requests except for the Host header",
        "allExcept",
        headers=("host",),
        cookies="all",
        query="all",
    ),
    "59781a5b-3903-41f3-afcb-af62929ccde1": _origin_request(
        "CORS-CustomOrigin", "Policy for enabling CORS with a custom origin", "whitelist", headers=("origin",)
    ),
    "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf": _origin_request(
        "CORS-S3Origin",
        "Policy for S3 origin with CORS",
        "whitelist",
        headers=("origin", "access-control-request-headers", "access-control-request-method"),
    ),
    "775133bc-15f2-49f9-abea-afb2e0bf67d2": _origin_request(
        "Elemental-MediaTailor-PersonalizedManifests",
        "Policy for Elemental MediaTailor Origin",
        "whitelist",
        headers=(
            "origin",
            "access-control-request-headers",
            "access-control-request-method",
            "user-agent",
            "x-forwarded-for",
        ),
        query="all",
    ),
    "bf0718e1-ba1e-49d1-88b1-f726733018ae": _origin_request(
        "HostHeaderOnly", "Policy to forward only the Host header in viewer requests", "whitelist", headers=("host",)
    ),
    "acba4595-bd28-49b8-b9fe-13317c0390fa": _origin_request(
        "UserAgentRefererHeaders",
        "Policy to forward user-agent and referer headers to origin",
        "whitelist",
        headers=("user-agent", "referer"),
    ),
}

RESPONSE_HEADERS_POLICIES = {
    "60669652-455b-4ae9-85a4-c4c02393f86c": _response_headers(
        "SimpleCORS", "Allows all origins for simple CORS requests", _cors(preflight=False)
    ),
    "5cc3b908-e619-4b99-88e5-2cf7f45965bd": _response_headers(
        "CORS-With-Preflight",
        "Allows all origins for CORS requests, including preflight requests",
        _cors(preflight=True),
    ),
    "67f7725c-6f97-4210-82d7-5512b31e9d03": _response_headers(
        "SecurityHeadersPolicy", "Adds a set of security headers to every response", _SECURITY
    ),
    "e61eb60c-9c35-4d20-a928-2b84e02af89c": _response_headers(
        "CORS-and-SecurityHeadersPolicy",
        "Allows all origins for simple CORS requests and adds security headers",
        _cors(preflight=False) | _SECURITY,
    ),
    "eaab4381-ed33-4a86-88ca-d9558dc6cd63": _response_headers(
        "CORS-with-preflight-and-SecurityHeadersPolicy",
        "Allows all origins for CORS requests, including preflight requests, and adds security headers",
        _cors(preflight=True) | _SECURITY,
    ),
}


def described(kind: str, policy_id: str, config: dict[str, Any]) -> dict[str, Any]:
    """A policy as the API's Get and List describe it; kind is CachePolicy, OriginRequestPolicy, ..."""
    return {"Id": policy_id, "LastModifiedTime": _SINCE, f"{kind}Config": config}
