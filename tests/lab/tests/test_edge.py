# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The edge's pure parts.

from __future__ import annotations

import gzip

import pytest

from slipway_lab.aws.cloudfront import config as configuration
from slipway_lab.edge import behaviours
from slipway_lab.edge import cache
from slipway_lab.edge import compression
from slipway_lab.edge import forwarding
from slipway_lab.edge.behaviours import CacheSettings
from slipway_lab.edge.behaviours import OriginSettings
from slipway_lab.edge.behaviours import Selection
from slipway_lab.edge.messages import Headers
from slipway_lab.edge.messages import Request
from slipway_lab.edge.messages import Response

OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
CORS_S3 = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"
EVERYTHING_AND_CLOUDFRONTS = "33f36d7e-f396-46d9-90e0-52428a34d9dc"
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
CORS_PREFLIGHT = "5cc3b908-e619-4b99-88e5-2cf7f45965bd"
NOW = 1_700_000_000.0


def response(status=200, body=b"", **headers):
    return Response(status, Headers((name.replace("_", "-"), value) for name, value in headers.items()), body)


def request(path="/", query="", method="GET", headers=(), **others):
    return Request(method, path, query, Headers([("Host", "d1.cloudfront.net"), *headers]), **others)


# --- behaviours


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/api/*", "/api/v1/health", True),
        ("api/*", "/api/v1", True),
        ("/api/*", "/api", False),
        ("/api/*", "/API/v1", False),
        ("/api*", "/apiary", True),
        ("*.jpg", "/images/a.jpg", True),
        ("*.jpg", "/images/a.jpeg", False),
        ("/images/?.png", "/images/a.png", True),
        ("/images/?.png", "/images/ab.png", False),
        ("/a.b", "/aXb", False),
        ("*", "/anything/at all", True),
        ("/a/*/c", "/a/b/b/c", True),
        ("/(x)+", "/(x)+", True),
    ],
)
def test_path_matches(pattern, path, matches):
    assert behaviours.path_matches(pattern, path) is matches


def test_the_first_behaviour_that_fits_applies():
    config = {
        "CacheBehaviors": {"Quantity": 2, "Items": [{"PathPattern": "/a/b*"}, {"PathPattern": "/a/*"}]},
        "DefaultCacheBehavior": {"default": True},
    }
    assert behaviours.choose(config, "/a/bc") == {"PathPattern": "/a/b*"}
    assert behaviours.choose(config, "/a/c") == {"PathPattern": "/a/*"}
    assert behaviours.choose(config, "/x") == {"default": True}


def test_managed_cache_policies():
    optimized = behaviours.cache_settings({"CachePolicyId": OPTIMIZED})
    assert (optimized.minimum, optimized.default, optimized.maximum) == (1, 86400, 31536000)
    assert optimized.gzip
    assert "a" not in optimized.query
    disabled = behaviours.cache_settings({"CachePolicyId": DISABLED})
    assert disabled.maximum == 0
    assert not disabled.gzip


def test_legacy_cache_settings():
    values = {
        "QueryString": True,
        "Cookies": {"Forward": "whitelist", "WhitelistedNames": {"Quantity": 1, "Items": ["session"]}},
        "Headers": {"Quantity": 1, "Items": ["Authorization"]},
        "QueryStringCacheKeys": {"Quantity": 0},
    }
    behavior = {"ForwardedValues": values, "MinTTL": 0, "DefaultTTL": 60, "MaxTTL": 600, "Compress": True}
    settings = behaviours.cache_settings(behavior)
    assert (settings.minimum, settings.default, settings.maximum) == (0, 60, 600)
    assert "authorization" in settings.headers
    assert "session" in settings.cookies
    assert "other" not in settings.cookies
    assert "anything" in settings.query
    all_headers = values | {"Headers": {"Quantity": 1, "Items": ["*"]}}
    assert behaviours.cache_settings(behavior | {"ForwardedValues": all_headers}).maximum == 0


# --- cache


def settings(minimum=1, default=86400, maximum=31536000, **others):
    selections = {name: others.get(name, Selection()) for name in ("headers", "cookies", "query")}
    return CacheSettings(minimum, default, maximum, gzip=others.get("gzip", True), **selections)


@pytest.mark.parametrize(
    ("answer", "policy", "error", "seconds"),
    [
        (response(), settings(), None, 86400),
        (response(Cache_Control="max-age=60"), settings(), None, 60),
        (response(Cache_Control="max-age=60, s-maxage=30"), settings(), None, 30),
        (response(Cache_Control="max-age=0"), settings(), None, 1),
        (response(Cache_Control="max-age=0"), settings(minimum=0), None, 0),
        (response(Cache_Control="max-age=999999999"), settings(), None, 31536000),
        (response(Cache_Control="no-store"), settings(), None, 1),
        (response(Cache_Control="no-store"), settings(minimum=0), None, 0),
        (response(Cache_Control="private, max-age=60"), settings(minimum=0), None, 0),
        (response(Cache_Control="max-age=60"), settings(0, 0, 0), None, 0),
        (response(), settings(0, 0, 0), None, 0),
        (response(Expires="Tue, 14 Nov 2023 22:14:20 GMT"), settings(), None, 60),
        (response(Expires="0"), settings(minimum=0), None, 0),
        (response(status=302), settings(), None, 0),
        (response(status=301), settings(), None, 86400),
        (response(status=302, Cache_Control="max-age=5"), settings(), None, 5),
        (response(status=206), settings(), None, 0),
        (response(status=404), settings(), None, 10),
        (response(status=404), settings(0, 0, 0), None, 10),
        (response(status=404, Cache_Control="max-age=60"), settings(), None, 60),
        (response(status=404, Cache_Control="no-store"), settings(), None, 10),
        (response(status=404), settings(), {"ErrorCachingMinTTL": 0}, 0),
        (response(status=503), settings(), {"ErrorCachingMinTTL": 30}, 30),
        (response(status=403), settings(), None, 0),
        (response(status=403, Cache_Control="max-age=5"), settings(), None, 10),
        (response(status=401), settings(), None, 0),
        (response(status=422), settings(), None, 0),
    ],
)
def test_lifetime(answer, policy, error, seconds):
    assert cache.lifetime(answer, policy, NOW, error) == seconds


def test_what_makes_requests_the_same():
    def key(asked, encoding="", **policy):
        return cache.key_of("E1", asked, settings(**policy), encoding)

    assert key(request("/a", "x=1")) == key(request("/a", "x=2"))
    assert key(request("/a")) == key(request("/a", method="HEAD"))
    assert key(request("/a")) != key(request("/A"))
    assert key(request("/a"), "gzip") != key(request("/a"), "")
    assert key(request("/a"), "gzip", gzip=False) == key(request("/a"), "", gzip=False)
    everything = {"query": Selection("all")}
    assert key(request("/a", "x=1"), **everything) != key(request("/a", "x=2"), **everything)
    some = {"query": Selection("only", frozenset("x"))}
    assert key(request("/a", "x=1&y=1"), **some) == key(request("/a", "y=2&x=1"), **some)
    cookie = {"cookies": Selection("only", frozenset(["s"]))}
    first, second = (request("/a", headers=[("Cookie", f"s={value}; t={value}")]) for value in "12")
    assert key(first, **cookie) != key(second, **cookie)
    assert key(first) == key(second)
    header = {"headers": Selection("only", frozenset(["origin"]))}
    first, second = (request("/a", headers=[("Origin", value)]) for value in "12")
    assert key(first, **header) != key(second, **header)


@pytest.mark.parametrize(
    ("paths", "gone"),
    [
        (["/index.html"], True),
        (["/portfolio"], True),
        (["/port*"], True),
        (["/*"], True),
        (["/INDEX.html"], False),
        (["/index.html?x=1"], False),
        (["/other*", "/index"], False),
        (["/other", "/ind*"], True),
    ],
)
def test_invalidation(paths, gone):
    kept = cache.Cache(lambda: NOW)
    key = cache.key_of("E1", request("/index.html"), settings(), "")
    kept.put(key, response(body=b"x"), 60, "/portfolio", Headers(), kept.generation("E1"))
    kept.invalidate("E2", ["/*"])
    assert kept.get(key)
    kept.invalidate("E1", paths)
    assert (kept.get(key) is None) is gone


def test_what_was_fetched_before_an_invalidation_is_not_kept_after_it():
    kept = cache.Cache(lambda: NOW)
    key = cache.key_of("E1", request("/a"), settings(), "")
    generation = kept.generation("E1")
    kept.invalidate("E1", ["/a"])
    kept.put(key, response(), 60, "/a", Headers(), generation)
    assert kept.get(key) is None


def test_the_least_recently_used_goes_when_the_cache_is_full(monkeypatch):
    monkeypatch.setattr(cache, "_MAX_BYTES", 10_000)
    kept = cache.Cache(lambda: NOW)
    keys = [cache.key_of("E1", request(f"/{number}"), settings(), "") for number in range(3)]
    for key in keys:
        kept.put(key, response(body=b"x" * 3000), 60, "/", Headers(), 0)
        kept.get(keys[0])
    assert [kept.get(key) is not None for key in keys] == [True, False, True]
    kept.put(keys[1], response(body=b"x" * 20_000), 60, "/", Headers(), 0)
    assert kept.get(keys[1]) is None


# --- compression


@pytest.mark.parametrize(
    ("offer", "version", "accepted"),
    [
        ("gzip", "HTTP/1.1", "gzip"),
        ("br;q=1.0, GZIP;q=0.5", "HTTP/1.1", "gzip"),
        ("gzip;q=0", "HTTP/1.1", ""),
        ("br", "HTTP/1.1", ""),
        ("gzip", "HTTP/1.0", ""),
    ],
)
def test_accepted_encoding(offer, version, accepted):
    assert compression.accepted(Headers([("Accept-Encoding", offer)]), version) == accepted


@pytest.mark.parametrize(
    ("changes", "compressible"),
    [
        ({}, True),
        ({"Content_Type": "text/html; charset=utf-8"}, True),
        ({"Content_Type": "image/png"}, False),
        ({"Content_Encoding": "br"}, False),
        ({"body": b"x" * 999}, False),
        ({"status": 404}, True),
        ({"status": 500}, False),
        ({"Content_Length": "chunks"}, False),
    ],
)
def test_is_compressible(changes, compressible):
    answer = response(**({"body": b"x" * 2000, "Content_Type": "text/css", "Content_Length": "2000"} | changes))
    assert compression.is_compressible(answer) is compressible


@pytest.mark.parametrize(("tag", "weak"), [('"a"', 'W/"a"'), ('W/"a"', 'W/"a"'), ("a", None), (None, None)])
def test_compressed(tag, weak):
    headers = {"Content_Length": "2000", "Vary": "Origin"} | ({"ETag": tag} if tag else {})
    packed = compression.compressed(response(body=b"x" * 2000, **headers))
    assert gzip.decompress(packed.body) == b"x" * 2000
    assert packed.headers.get("Content-Length") == str(len(packed.body))
    assert packed.headers.get("ETag") == weak
    assert packed.headers.get("Vary") == "Origin, Accept-Encoding"


# --- forwarding


def forwarded(asked, cache_policy=DISABLED, origin_policy=None, origin=None, encoding="", legacy=None):
    behavior = {"CachePolicyId": cache_policy} if legacy is None else legacy
    if origin_policy:
        behavior["OriginRequestPolicyId"] = origin_policy
    where = {"DomainName": "api.example.com", "OriginPath": "", "CustomHeaders": {"Quantity": 0}} | (origin or {})
    both = behaviours.cache_settings(behavior), behaviours.origin_settings(behavior)
    return forwarding.origin_request(asked, where, behavior, both, encoding, "id", "1.1 edge (CloudFront)")


VIEWERS = [
    ("User-Agent", "curl"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip, br"),
    ("Authorization", "Bearer x"),
    ("Cookie", "a=1; b=2"),
    ("Content-Type", "text/plain"),
    ("Origin", "https://example.com"),
    ("Connection", "keep-alive"),
    ("Transfer-Encoding", "chunked"),
    ("X-Forwarded-Proto", "http"),
    ("X-Edge-Secret", "1"),
    ("X-Mine", "1"),
]


def names(asked):
    return {name.lower() for name, _ in asked.headers}


def test_without_a_policy_an_origin_hears_little_of_the_viewer():
    asked = forwarded(request("/a", "q=1", headers=VIEWERS, client="192.0.2.7"))
    assert asked.headers.get("Host") == "api.example.com"
    assert asked.headers.get("User-Agent") == "Amazon CloudFront"
    assert asked.headers.get("X-Forwarded-For") == "192.0.2.7"
    assert asked.query == ""
    assert names(asked) == {"host", "user-agent", "content-type", "x-amz-cf-id", "via", "x-forwarded-for"}


def test_all_viewer_but_the_host():
    asked = forwarded(request("/a", "q=1", headers=VIEWERS), origin_policy=ALL_BUT_HOST)
    assert asked.headers.get("Host") == "api.example.com"
    assert asked.headers.get("User-Agent") == "curl"
    assert asked.headers.get("Authorization") == "Bearer x"
    assert asked.headers.get("Cookie") == "a=1; b=2"
    assert asked.headers.get("Accept-Encoding") == "gzip, br"
    assert asked.headers.get("X-Mine") == "1"
    assert asked.query == "q=1"
    assert not {"connection", "transfer-encoding", "x-forwarded-proto", "x-edge-secret"} & names(asked)


def test_all_viewer_with_the_host():
    asked = forwarded(request(headers=VIEWERS), origin_policy=ALL_VIEWER)
    assert asked.headers.get("Host") == "d1.cloudfront.net"
    bucket = {"S3OriginConfig": {}, "DomainName": "b.s3.amazonaws.com"}
    assert forwarded(request(), origin_policy=ALL_VIEWER, origin=bucket).headers.get("Host") == "b.s3.amazonaws.com"


def test_chosen_headers():
    asked = forwarded(request(headers=VIEWERS), OPTIMIZED, CORS_S3, encoding="gzip")
    assert asked.headers.get("Origin") == "https://example.com"
    assert asked.headers.get("Accept-Encoding") == "gzip"
    assert not {"authorization", "x-mine", "cookie"} & names(asked)


def test_headers_that_cloudfront_adds():
    spoofed = request(headers=[("CloudFront-Forwarded-Proto", "http")], client="192.0.2.7", client_port=5)
    asked = forwarded(spoofed, origin_policy=EVERYTHING_AND_CLOUDFRONTS)
    assert asked.headers.all("CloudFront-Forwarded-Proto") == ["https"]
    assert asked.headers.get("CloudFront-Viewer-Address") == "192.0.2.7:5"


def test_legacy_settings_forward_what_is_not_excluded():
    values = {"QueryString": False, "Cookies": {"Forward": "all"}, "Headers": {"Quantity": 0}}
    values["QueryStringCacheKeys"] = {"Quantity": 0}
    legacy = {"ForwardedValues": values, "MinTTL": 0, "DefaultTTL": 1, "MaxTTL": 1, "Compress": False}
    asked = forwarded(request("/a", "q=1", headers=VIEWERS), legacy=legacy)
    assert {"x-mine", "origin", "cookie"} <= names(asked)
    assert not {"accept", "authorization"} & names(asked)
    assert asked.query == ""


def test_the_origins_own_path_and_headers():
    custom = {"Quantity": 1, "Items": [{"HeaderName": "X-Mine", "HeaderValue": "origin"}]}
    asked = forwarded(
        request("/a", headers=VIEWERS),
        origin_policy=ALL_VIEWER,
        origin={"OriginPath": "/v1", "CustomHeaders": custom},
    )
    assert asked.path == "/v1/a"
    assert asked.headers.all("X-Mine") == ["origin"]


@pytest.mark.parametrize(
    ("first", "second", "has", "has_not"),
    [
        (Selection(), Selection("only", frozenset("a")), "a", "b"),
        (Selection("only", frozenset("a")), Selection("only", frozenset("b")), "ab", "c"),
        (Selection("all"), Selection("except", frozenset("a")), "ab", ""),
        (Selection("except", frozenset("ab")), Selection("only", frozenset("a")), "ac", "b"),
        (Selection("except", frozenset("ab")), Selection("except", frozenset("bc")), "acd", "b"),
    ],
)
def test_either(first, second, has, has_not):
    for both in (forwarding._either(first, second), forwarding._either(second, first)):
        assert all(name in both for name in has)
        assert not any(name in both for name in has_not)


def test_what_of_the_origins_response_is_not_for_viewers():
    answer = response(Set_Cookie="a=1", Transfer_Encoding="chunked", Vary="Origin, Accept-Encoding", X_Mine="1")
    quiet = forwarding.viewer_response(answer, (settings(), OriginSettings()))
    assert [name for name, _ in quiet.headers] == ["X-Mine", "Vary"]
    assert quiet.headers.get("Vary") == "Accept-Encoding"
    with_cookies = OriginSettings(cookies=Selection("all"), headers=Selection("all"))
    full = forwarding.viewer_response(answer, (settings(), with_cookies))
    assert full.headers.get("Set-Cookie") == "a=1"
    assert full.headers.get("Vary") == "Origin, Accept-Encoding"


def policy(id):
    return behaviours.response_headers_config({"ResponseHeadersPolicyId": id})


def test_security_headers():
    answer = response(X_Frame_Options="DENY", X_Content_Type_Options="sniff")
    forwarding.apply_response_policy(answer, policy(SECURITY_HEADERS), request())
    assert answer.headers.get("Strict-Transport-Security") == "max-age=31536000"
    assert answer.headers.get("X-Content-Type-Options") == "nosniff"
    assert answer.headers.get("X-Frame-Options") == "DENY"
    assert answer.headers.get("Referrer-Policy") == "strict-origin-when-cross-origin"
    assert answer.headers.get("X-XSS-Protection") == "1; mode=block"


def test_cors_headers():
    preflight = request(
        method="OPTIONS", headers=[("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT")]
    )
    answer = response()
    forwarding.apply_response_policy(answer, policy(CORS_PREFLIGHT), preflight)
    assert answer.headers.get("Access-Control-Allow-Origin") == "*"
    assert "PUT" in answer.headers.get("Access-Control-Allow-Methods")
    plain = response()
    forwarding.apply_response_policy(plain, policy(CORS_PREFLIGHT), request())
    assert "Access-Control-Allow-Origin" not in plain.headers


LAST_MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ({}, 200, b"0123456789"),
        ({"If-None-Match": '"a"'}, 304, b""),
        ({"If-None-Match": 'W/"b", W/"a"'}, 304, b""),
        ({"If-None-Match": '"b"'}, 200, b"0123456789"),
        ({"If-Modified-Since": LAST_MODIFIED}, 304, b""),
        ({"If-Modified-Since": "Mon, 13 Nov 2023 22:13:20 GMT"}, 200, b"0123456789"),
        ({"If-None-Match": '"b"', "If-Modified-Since": LAST_MODIFIED}, 200, b"0123456789"),
        ({"Range": "bytes=2-4"}, 206, b"234"),
        ({"Range": "bytes=7-"}, 206, b"789"),
        ({"Range": "bytes=-3"}, 206, b"789"),
        ({"Range": "bytes=5-99"}, 206, b"56789"),
        ({"Range": "bytes=10-"}, 416, b""),
        ({"Range": "bytes=0-1,3-4"}, 200, b"0123456789"),
        ({"Range": "lines=1-2"}, 200, b"0123456789"),
        ({"Range": "bytes=2-4", "If-Range": '"a"'}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-Range": '"b"'}, 200, b"0123456789"),
    ],
)
def test_narrowed(headers, status, body):
    whole = response(body=b"0123456789", ETag='"a"', Last_Modified=LAST_MODIFIED, Content_Length="10")
    narrow = forwarding.narrowed(whole, request(headers=list(headers.items())))
    assert (narrow.status, narrow.body) == (status, body)
    assert whole.body == b"0123456789"


def test_headers_compare_without_regard_to_case():
    headers = Headers([("A", "1"), ("a", "2")])
    assert headers.get("a") == "1"
    assert headers.joined("A") == "1, 2"
    headers.set("a", "3")
    assert list(headers) == [("a", "3")]
    assert configuration.items(None) == []
