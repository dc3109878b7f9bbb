# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import copy

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import distribution as site
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.managed_policies import CACHE_POLICIES
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

UNSET = dict.fromkeys(
    [
        *site.SIMPLE_OPTIONS,
        "aliases",
        "certificate_arn",
        "minimum_protocol_version",
        "origins",
        "default_behavior",
        "behaviors",
        "error_responses",
        "logging",
    ]
)
UNSET.update({"name": "shop", "purge_origins": False, "purge_behaviors": False})
ORIGIN = dict.fromkeys(
    [
        "domain_name",
        "origin_path",
        "origin_access_control_id",
        "origin_access_identity_id",
        "custom",
        "connection_attempts",
        "connection_timeout",
        "headers",
        "secret_headers",
    ]
)
CUSTOM = dict.fromkeys([*site.CUSTOM_ORIGIN, "ssl_protocols"])
BEHAVIOR = dict.fromkeys(
    [
        "target_origin_id",
        "viewer_protocol_policy",
        "allowed_methods",
        "cached_methods",
        "compress",
        *site.BEHAVIOR_POLICIES,
        "function_associations",
    ]
)
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
FILES = {**ORIGIN, "id": "files", "domain_name": "shop.s3.us-east-1.amazonaws.com", "origin_access_control_id": "E1"}
API = {
    **ORIGIN,
    "id": "api",
    "domain_name": "api.example.com",
    "custom": {**CUSTOM, "http_port": 8000, "protocol_policy": "http-only"},
    "headers": {"X-Env": "prod"},
    "secret_headers": {"X-Origin-Secret": "shop/origin"},
}
SECRETS = {"shop/origin": "a-long-dummy-secret"}
API_BEHAVIOR = {
    **BEHAVIOR,
    "path_pattern": "/api/*",
    "target_origin_id": "api",
    "allowed_methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
    "cache_policy": "CachingDisabled",
    "origin_request_policy": "AllViewerExceptHostHeader",
}
SHOP = {
    **UNSET,
    "comment": "The shop",
    "default_root_object": "index.html",
    "price_class": "PriceClass_100",
    "origins": [FILES, API],
    "default_behavior": {**BEHAVIOR, "target_origin_id": "files", "response_headers_policy": "SecurityHeadersPolicy"},
    "behaviors": [API_BEHAVIOR],
}


def as_aws_returns_it(config):
    """Defaults filled in, empty lists without Items, and lists in another order."""
    config = copy.deepcopy(config)
    config.update({"OriginGroups": {"Quantity": 0}, "Staging": False, "ContinuousDeploymentPolicyId": ""})
    config["ViewerCertificate"] = {
        "CloudFrontDefaultCertificate": True,
        "SSLSupportMethod": "vip",
        "MinimumProtocolVersion": "TLSv1",
        "CertificateSource": "cloudfront",
    }
    for origin in config["Origins"]["Items"]:
        origin["ResponseCompletionTimeout"] = 60
        if "S3OriginConfig" in origin:
            origin["S3OriginConfig"]["OriginReadTimeout"] = 30
    for behavior in [config["DefaultCacheBehavior"], *config["CacheBehaviors"].get("Items", [])]:
        behavior["GrpcConfig"] = {"Enabled": False}
        behavior["AllowedMethods"]["Items"].reverse()
        behavior["AllowedMethods"]["CachedMethods"]["Items"].reverse()
    config["Origins"]["Items"].reverse()
    return config


@pytest.fixture
def shop():
    return as_aws_returns_it(site.desired_config(SHOP, None, SECRETS))


def desire(current, **options):
    return site.desired_config({**UNSET, **options}, current, SECRETS)


def origin_of(config, identifier):
    return next(origin for origin in config["Origins"]["Items"] if origin["Id"] == identifier)


def test_a_new_distribution_is_spelt_out():
    config = site.desired_config(SHOP, None, SECRETS)
    assert config["CallerReference"] == "shop"
    assert config["Enabled"] is True
    assert config["HttpVersion"] == "http2and3"
    assert origin_of(config, "files") == {
        "Id": "files",
        "DomainName": "shop.s3.us-east-1.amazonaws.com",
        "OriginPath": "",
        "CustomHeaders": {"Quantity": 0},
        "ConnectionAttempts": 3,
        "ConnectionTimeout": 10,
        "OriginShield": {"Enabled": False},
        "OriginAccessControlId": "E1",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    api = origin_of(config, "api")
    assert api["CustomOriginConfig"] == {
        "HTTPPort": 8000,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "http-only",
        "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
        "OriginReadTimeout": 30,
        "OriginKeepaliveTimeout": 5,
    }
    assert api["CustomHeaders"] == {
        "Quantity": 2,
        "Items": [
            {"HeaderName": "X-Env", "HeaderValue": "prod"},
            {"HeaderName": "X-Origin-Secret", "HeaderValue": "a-long-dummy-secret"},
        ],
    }
    assert config["DefaultCacheBehavior"]["CachePolicyId"] == CACHE_POLICIES["CachingOptimized"]
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    (behavior,) = config["CacheBehaviors"]["Items"]
    assert behavior["PathPattern"] == "/api/*"
    assert behavior["AllowedMethods"]["Quantity"] == 7
    assert behavior["AllowedMethods"]["CachedMethods"] == {"Quantity": 2, "Items": ["GET", "HEAD"]}


def test_what_aws_makes_of_a_configuration_is_no_difference(shop):
    assert not site.config_differs(shop, site.desired_config(SHOP, shop, SECRETS))


def test_options_that_are_not_set_leave_everything_alone(shop):
    assert desire(shop) == {**shop, "ViewerCertificate": desire(shop)["ViewerCertificate"]}
    assert not site.config_differs(shop, desire(shop))


def test_the_current_configuration_is_not_changed(shop):
    before = copy.deepcopy(shop)
    site.desired_config({**SHOP, "aliases": ["a.example.com"], "enabled": False, "behaviors": []}, shop, SECRETS)
    assert shop == before


def test_what_does_not_exist_differs():
    assert site.config_differs(None, site.desired_config(SHOP, None, SECRETS))


@pytest.mark.parametrize(
    "options",
    [
        {"comment": "Another"},
        {"comment": ""},
        {"enabled": False},
        {"default_root_object": ""},
        {"price_class": "PriceClass_All"},
        {"http_version": "http2"},
        {"ipv6": False},
        {"web_acl_arn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/shop/1"},
        {"aliases": ["shop.example.com"]},
        {"certificate_arn": CERTIFICATE},
        {"origins": [{**ORIGIN, "id": "files", "origin_access_control_id": UNKNOWN}]},
        {"origins": [{**ORIGIN, "id": "files", "origin_path": "/site"}]},
        {"origins": [{**ORIGIN, "id": "api", "custom": {**CUSTOM, "https_port": 8443}}]},
        {"origins": [{**ORIGIN, "id": "api", "custom": {**CUSTOM, "ssl_protocols": ["TLSv1.1", "TLSv1.2"]}}]},
        {"origins": [{**ORIGIN, "id": "api", "connection_attempts": 1}]},
        {"origins": [{**ORIGIN, "id": "api", "headers": {}}]},
        {"origins": [{**ORIGIN, "id": "more", "domain_name": "x.example.com", "custom": CUSTOM}]},
        {"origins": [FILES], "purge_origins": True},
        {"default_behavior": {**BEHAVIOR, "compress": False}},
        {"default_behavior": {**BEHAVIOR, "target_origin_id": "api"}},
        {"default_behavior": {**BEHAVIOR, "cached_methods": ["GET", "HEAD", "OPTIONS"]}},
        {"default_behavior": {**BEHAVIOR, "response_headers_policy": ""}},
        {"default_behavior": {**BEHAVIOR, "function_associations": {"viewer_request": "arn", "viewer_response": None}}},
        {"behaviors": [], "purge_behaviors": True},
        {"behaviors": [{**BEHAVIOR, "path_pattern": "/x/*", "target_origin_id": "api"}]},
        {
            "error_responses": [
                {"error_code": 404, "response_code": None, "response_page_path": None, "error_caching_min_ttl": 0}
            ]
        },
        {"logging": {"enabled": True, "bucket": "l.s3.amazonaws.com", "prefix": None, "include_cookies": None}},
    ],
)
def test_every_option_makes_its_difference_once(shop, options):
    changed = desire(shop, **options)
    assert site.config_differs(shop, changed)
    assert not site.config_differs(changed, desire(changed, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"comment": "The shop", "enabled": True, "ipv6": True, "aliases": [], "web_acl_arn": "", "certificate_arn": ""},
        {"minimum_protocol_version": "TLSv1"},
        {"origins": [FILES]},
        {"origins": [{**API, "domain_name": None, "custom": CUSTOM}]},
        {"origins": [{**API, "headers": {"x-env": "prod"}, "secret_headers": {"x-origin-secret": "shop/origin"}}]},
        {"default_behavior": {**BEHAVIOR, "allowed_methods": ["HEAD", "GET"], "cache_policy": "CachingOptimized"}},
        {"default_behavior": {**BEHAVIOR, "cache_policy": "Managed-CachingOptimized", "origin_request_policy": ""}},
        {"default_behavior": {**BEHAVIOR, "function_associations": {"viewer_request": None, "viewer_response": ""}}},
        {"behaviors": [API_BEHAVIOR], "purge_behaviors": True},
        {"behaviors": []},
        {"error_responses": []},
        {"logging": {"enabled": False, "bucket": None, "prefix": None, "include_cookies": None}},
    ],
)
def test_what_is_so_already_is_no_difference(shop, options):
    assert not site.config_differs(shop, desire(shop, **options))


def test_foreign_origins_and_behaviors_stay(shop):
    changed = desire(shop, origins=[{**FILES, "origin_path": "/site"}], behaviors=[{**API_BEHAVIOR, "compress": False}])
    assert {origin["Id"] for origin in changed["Origins"]["Items"]} == {"files", "api"}
    assert origin_of(changed, "api") == origin_of(shop, "api")


def test_an_origin_turns_from_identity_to_control_and_back(shop):
    identity = desire(shop, origins=[{**ORIGIN, "id": "files", "origin_access_identity_id": "E9"}])
    files = origin_of(identity, "files")
    assert files["OriginAccessControlId"] == ""
    assert files["S3OriginConfig"]["OriginAccessIdentity"] == "origin-access-identity/cloudfront/E9"
    back = desire(identity, origins=[FILES])
    assert not site.config_differs(shop, back)


def test_a_bucket_turns_into_a_web_server_and_back(shop):
    server = desire(shop, origins=[{**ORIGIN, "id": "files", "custom": CUSTOM}])
    files = origin_of(server, "files")
    assert "S3OriginConfig" not in files
    assert files["OriginAccessControlId"] == ""
    assert files["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    bucket = desire(server, origins=[{**ORIGIN, "id": "files", "origin_access_identity_id": ""}])
    assert "CustomOriginConfig" not in origin_of(bucket, "files")


def test_a_cache_policy_replaces_the_older_settings(shop):
    older = copy.deepcopy(shop)
    del older["DefaultCacheBehavior"]["CachePolicyId"]
    older["DefaultCacheBehavior"].update({"ForwardedValues": {"QueryString": False}, "MinTTL": 0, "DefaultTTL": 60})
    assert not site.config_differs(older, desire(older, default_behavior={**BEHAVIOR, "compress": True}))
    changed = desire(older, default_behavior={**BEHAVIOR, "cache_policy": "CachingDisabled"})["DefaultCacheBehavior"]
    assert changed["CachePolicyId"] == CACHE_POLICIES["CachingDisabled"]
    assert not {"ForwardedValues", "MinTTL", "DefaultTTL"} & set(changed)


@pytest.mark.parametrize(
    ("current", "arn", "version", "expected"),
    [
        ({}, None, None, {}),
        ({"CloudFrontDefaultCertificate": True}, "", None, {"CloudFrontDefaultCertificate": True}),
        (
            {"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1", "SSLSupportMethod": "vip"},
            CERTIFICATE,
            None,
            {
                "CloudFrontDefaultCertificate": False,
                "ACMCertificateArn": CERTIFICATE,
                "SSLSupportMethod": "sni-only",
                "MinimumProtocolVersion": "TLSv1.2_2021",
            },
        ),
        (
            {
                "ACMCertificateArn": "old",
                "Certificate": "old",
                "CertificateSource": "acm",
                "SSLSupportMethod": "vip",
                "MinimumProtocolVersion": "TLSv1.1_2016",
            },
            CERTIFICATE,
            None,
            {
                "CloudFrontDefaultCertificate": False,
                "ACMCertificateArn": CERTIFICATE,
                "SSLSupportMethod": "vip",
                "MinimumProtocolVersion": "TLSv1.1_2016",
            },
        ),
        (
            {"IAMCertificateId": "AS", "MinimumProtocolVersion": "TLSv1"},
            None,
            "TLSv1.2_2021",
            {"IAMCertificateId": "AS", "MinimumProtocolVersion": "TLSv1.2_2021"},
        ),
        ({"ACMCertificateArn": "old"}, "", None, {"CloudFrontDefaultCertificate": True}),
    ],
)
def test_the_certificate(current, arn, version, expected):
    params = {"certificate_arn": arn, "minimum_protocol_version": version}
    assert site.desired_viewer_certificate(params, current) == expected


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        ([], ["a", "b"], ["a", "b"]),
        (["a", "b"], ["a", "b"], ["a", "b"]),
        (["b", "a"], ["a", "b"], ["a", "b"]),
        (["f", "a", "g"], ["a", "b"], ["f", "a", "b", "g"]),
        (["b", "f", "a"], ["a", "b"], ["a", "f", "b"]),
        (["f", "b"], ["a", "b"], ["f", "a", "b"]),
        (["f"], ["a", "b"], ["f", "a", "b"]),
        (["f", "c"], ["a", "b", "c"], ["f", "a", "b", "c"]),
        (["a", "f"], [], ["a", "f"]),
    ],
)
def test_behaviors_come_in_their_order_and_others_keep_their_places(current, wanted, expected):
    assert site.order_patterns(current, wanted) == expected
    assert site.order_patterns(expected, wanted) == expected


def test_the_order_of_behaviors_has_a_meaning(shop):
    more = {**API_BEHAVIOR, "path_pattern": "/api/v2/*"}
    one = desire(shop, behaviors=[more, API_BEHAVIOR])
    other = desire(shop, behaviors=[API_BEHAVIOR, more])
    assert [item["PathPattern"] for item in one["CacheBehaviors"]["Items"]] == ["/api/v2/*", "/api/*"]
    assert site.config_differs(one, other)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"Quantity": 0}, []),
        ({"Quantity": 2, "Items": ["b", "a"]}, ["a", "b"]),
        ({"Enabled": False, "Quantity": 0}, []),
        ({"A": "", "B": None, "C": False, "D": {}, "E": 0, "F": True}, {"E": 0, "F": True}),
        (
            {"CacheBehaviors": {"Quantity": 2, "Items": [{"P": "b"}, {"P": "a"}]}},
            {"CacheBehaviors": [{"P": "b"}, {"P": "a"}]},
        ),
        ({"Members": {"Quantity": 2, "Items": [{"O": "b"}, {"O": "a"}]}}, {"Members": [{"O": "b"}, {"O": "a"}]}),
        (
            {"Quantity": 1, "Items": ["GET"], "CachedMethods": {"Quantity": 1, "Items": ["GET"]}},
            {"Items": ["GET"], "CachedMethods": ["GET"]},
        ),
    ],
)
def test_canonical_form(node, expected):
    assert site.canonical(node) == expected


@pytest.mark.parametrize(
    ("secrets", "current_value", "expected"),
    [
        ({"shop/origin": "new"}, "old", "new"),
        ({"shop/origin": UNKNOWN}, "old", UNKNOWN),
        ({"shop/origin": None}, "old", "old"),
    ],
)
def test_the_value_of_a_secret_header(shop, secrets, current_value, expected):
    current = desire(shop, origins=[{**API, "headers": {"X-Origin-Secret": current_value}, "secret_headers": None}])
    config = site.desired_config({**UNSET, "origins": [{**API, "headers": None}]}, current, secrets)
    assert site.header_values(origin_of(config, "api")) == {"x-origin-secret": expected}


def test_a_secret_that_cannot_be_read_and_was_never_used_is_not_known_yet():
    config = site.desired_config(SHOP, None, {"shop/origin": None})
    assert site.header_values(origin_of(config, "api"))["x-origin-secret"] == UNKNOWN


def test_values_of_headers_are_shown_only_where_the_options_give_them(shop):
    shown = site.plain_headers(SHOP)
    assert shown == {("api", "x-env")}
    described = site.describe_config(shop, shown)
    api = next(origin for origin in described["origins"] if origin["id"] == "api")
    assert api["custom_headers"] == {"X-Env": "prod", "X-Origin-Secret": "(redacted)"}
    assert "a-long-dummy-secret" not in str(described)


def test_a_diff_tells_that_a_hidden_value_changes(shop):
    changed = site.desired_config(SHOP, shop, {"shop/origin": "another-long-dummy"})
    described = site.describe_config(changed, site.plain_headers(SHOP), shop)
    api = next(origin for origin in described["origins"] if origin["id"] == "api")
    assert api["custom_headers"]["X-Origin-Secret"] == "(redacted, changed)"
    assert described != site.describe_config(shop, site.plain_headers(SHOP))


def test_a_distribution_is_described(shop):
    distribution = {
        "Id": "E1",
        "ARN": "arn:e1",
        "DomainName": "d1.cloudfront.net",
        "Status": "Deployed",
        "ETag": "ET1",
        "DistributionConfig": shop,
    }
    described = site.describe_distribution(distribution, {"Name": "shop"}, set())
    assert described["id"] == "E1"
    assert described["caller_reference"] == "shop"
    assert described["aliases"] == []
    assert described["default_cache_behavior"]["allowed_methods"] == {
        "items": ["GET", "HEAD"],
        "cached_methods": ["GET", "HEAD"],
    }
    assert described["cache_behaviors"][0]["path_pattern"] == "/api/*"
    assert described["is_ipv6_enabled"] is True
    assert "web_acl_id" not in described


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ({"Comment": "my shop"}, (["E1"], [])),
        ({"Comment": "The Site"}, (["E1"], [])),
        ({"Comment": "x", "Aliases": {"Items": ["www.example.com"]}}, (["E1"], [])),
        ({"Comment": "x", "Origins": {"Items": [{"DomainName": "shop-1.s3.amazonaws.com"}]}}, (["E1"], [])),
        ({"Comment": "x", "Origins": {"Items": [{"DomainName": "other"}]}}, ([], ["E1"])),
        ({"Comment": "my shop", "Staging": True}, ([], [])),
    ],
)
def test_likely_candidates_are_read_first(summary, expected):
    assert site.rank_candidates([{"Id": "E1", **summary}], "shop", "The Site", ["www.example.com"]) == expected
