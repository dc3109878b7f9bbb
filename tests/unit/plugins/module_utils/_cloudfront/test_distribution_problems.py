# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import validation
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.distribution import new_behavior
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.distribution import new_config
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

OPTIONS = dict.fromkeys(
    [
        "comment",
        "default_root_object",
        "aliases",
        "certificate_arn",
        "minimum_protocol_version",
        "origins",
        "default_behavior",
        "behaviors",
    ]
)
OPTIONS["name"] = "shop"
ORIGIN = {"id": "api", "origin_path": None, "headers": None, "secret_headers": None}
BEHAVIOR = dict.fromkeys(
    ["allowed_methods", "cached_methods", "cache_policy", "origin_request_policy", "response_headers_policy"]
)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"default_root_object": "index.html", "comment": "c" * 128},
        {"default_root_object": "", "certificate_arn": ""},
        {"certificate_arn": UNKNOWN},
        {"certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/1-2"},
        {"origins": [{**ORIGIN, "origin_path": "/site", "headers": {"A": "1"}, "secret_headers": {"B": "s"}}]},
        {"behaviors": [{**BEHAVIOR, "path_pattern": "/a", "allowed_methods": ["HEAD", "GET"], "cache_policy": ""}]},
        {"default_behavior": {**BEHAVIOR, "cached_methods": ["GET", "HEAD", "OPTIONS"], "cache_policy": UNKNOWN}},
    ],
)
def test_options_without_problems(options):
    assert validation.find_option_problems({**OPTIONS, **options}) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"default_root_object": "/index.html"}, "default_root_object: /index.html must not begin with a slash"),
        ({"comment": "c" * 129}, "comment: has 129 characters, CloudFront takes 128"),
        (
            {"certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/1-2"},
            "certificate_arn: the certificate is in eu-west-1, and CloudFront takes certificates from us-east-1 only",
        ),
        ({"certificate_arn": "shop"}, "certificate_arn: shop is not the ARN of a certificate"),
        ({"origins": [ORIGIN, ORIGIN]}, "origins: id api is used twice"),
        ({"origins": [{**ORIGIN, "origin_path": "site"}]}, "origins, api: origin_path: site must begin"),
        ({"origins": [{**ORIGIN, "origin_path": "/site/"}]}, "origins, api: origin_path: /site/ must begin"),
        (
            {"origins": [{**ORIGIN, "headers": {"X-A": "1"}, "secret_headers": {"x-a": "s"}}]},
            "origins, api: header x-a is given twice",
        ),
        ({"behaviors": [{**BEHAVIOR, "path_pattern": "/a"}] * 2}, "behaviors: path_pattern /a is used twice"),
        (
            {"behaviors": [{**BEHAVIOR, "path_pattern": "/a", "allowed_methods": ["GET", "POST"]}]},
            "behaviors, /a: allowed_methods: CloudFront takes [GET, HEAD] or [GET, HEAD, OPTIONS] or [DELETE, ",
        ),
        (
            {"default_behavior": {**BEHAVIOR, "cached_methods": ["GET"]}},
            "default_behavior: cached_methods: CloudFront takes [GET, HEAD] or [GET, HEAD, OPTIONS], not [GET]",
        ),
        (
            {"default_behavior": {**BEHAVIOR, "response_headers_policy": "CachingOptimized"}},
            "default_behavior: response_headers_policy: CachingOptimized is neither",
        ),
    ],
)
def test_problems_of_the_options(options, expected):
    (problem,) = validation.find_option_problems({**OPTIONS, **options})
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ["origins:", "default_behavior:"]),
        ({"origins": [], "default_behavior": {"target_origin_id": "a"}}, ["origins:"]),
        ({"origins": [ORIGIN], "default_behavior": {"target_origin_id": None}}, ["default_behavior:"]),
        ({"origins": [ORIGIN], "default_behavior": {"target_origin_id": "a"}}, []),
    ],
)
def test_what_a_new_distribution_needs(options, words):
    problems = validation.find_creation_problems({**OPTIONS, **options})
    assert [problem.split(" ")[0] for problem in problems] == words


def config(**changes):
    result = new_config("shop")
    result["Origins"] = {"Items": [{"Id": "files", "DomainName": "x", "S3OriginConfig": {}}]}
    result["DefaultCacheBehavior"]["TargetOriginId"] = "files"
    return {**result, **changes}


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ({}, {}),
        ({"minimum_protocol_version": "TLSv1"}, {}),
        (
            {"minimum_protocol_version": "TLSv1.2_2021"},
            {"ViewerCertificate": {"ACMCertificateArn": "arn"}, "Aliases": {"Items": ["a.example.com"]}},
        ),
        (
            {},
            {
                "OriginGroups": {"Items": [{"Id": "both"}]},
                "DefaultCacheBehavior": {**new_behavior(), "TargetOriginId": "both"},
            },
        ),
        ({}, {"Origins": {"Items": [{"Id": "files", "DomainName": "x", "VpcOriginConfig": {}}]}}),
    ],
)
def test_a_configuration_without_problems(options, changes):
    assert validation.find_config_problems({**OPTIONS, **options}, config(**changes)) == []


@pytest.mark.parametrize(
    ("options", "changes", "expected"),
    [
        (
            {"minimum_protocol_version": "TLSv1.2_2021"},
            {},
            "minimum_protocol_version: TLSv1.2_2021 would have no effect. With its own certificate",
        ),
        ({}, {"Aliases": {"Items": ["a.example.com"]}}, "aliases: a.example.com need certificate_arn"),
        (
            {},
            {"Origins": {"Items": [{"Id": "files", "DomainName": "", "S3OriginConfig": {}}]}},
            "origins, files: domain_name is missing",
        ),
        (
            {},
            {"Origins": {"Items": [{"Id": "files", "DomainName": "x"}]}},
            "origins, files: say how CloudFront reaches it",
        ),
        (
            {},
            {"CacheBehaviors": {"Items": [{**new_behavior(), "PathPattern": "/api/*", "TargetOriginId": "api"}]}},
            "target_origin_id: the behaviour of /api/* refers to origin 'api', which the distribution does not have; "
            "it has files",
        ),
    ],
)
def test_problems_of_the_configuration(options, changes, expected):
    (problem,) = validation.find_config_problems({**OPTIONS, **options}, config(**changes))
    assert problem.startswith(expected)
