# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import copy
import json

import pytest
from botocore.exceptions import ClientError

from slipway_lab.aws.cloudfront import config as configuration
from slipway_lab.aws.cloudfront.errors import CloudFrontError
from slipway_lab.aws.cloudfront.service import CloudFront

ACCOUNT = "123456789012"
OTHER = "999999999999"
OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CODE = b"function handler(event) { return event.request; }"
RUNTIME = {"Comment": "", "Runtime": "cloudfront-js-2.0"}
CONTROL = {
    "Name": "site",
    "SigningProtocol": "sigv4",
    "SigningBehavior": "always",
    "OriginAccessControlOriginType": "s3",
}


class Names(dict):
    publish = dict.__setitem__
    withdraw = dict.pop


@pytest.fixture
def names():
    return Names()


@pytest.fixture
def service(delays, names):
    return CloudFront(delays, names, "192.0.2.1")


def some(items):
    return {"Quantity": len(items), "Items": items}


def s3_origin(**changes):
    origin = {
        "Id": "s3",
        "DomainName": "site.s3.us-east-1.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    return origin | changes


def custom_origin(custom=None, **changes):
    settings = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"} | (custom or {})
    return {"Id": "api", "DomainName": "api.example.com", "CustomOriginConfig": settings} | changes


def behavior(**changes):
    wanted = {"TargetOriginId": "s3", "ViewerProtocolPolicy": "redirect-to-https", "CachePolicyId": OPTIMIZED}
    return {key: value for key, value in (wanted | changes).items() if value is not None}


def config(reference="a", **changes):
    return {
        "CallerReference": reference,
        "Comment": "",
        "Enabled": True,
        "Origins": some([s3_origin()]),
        "DefaultCacheBehavior": behavior(),
    } | changes


def refused(code, call, *arguments, **named):
    with pytest.raises(CloudFrontError) as caught:
        call(*arguments, **named)
    assert caught.value.code == code, caught.value


# --- configurations


def test_what_was_sent_comes_back_with_the_defaults():
    sent = config(
        Origins=some([s3_origin(), custom_origin()]),
        CacheBehaviors=some([behavior(PathPattern="/api/*", TargetOriginId="api")]),
    )
    before = copy.deepcopy(sent)
    kept = configuration.accept(sent)
    assert sent == before
    first, second = kept["Origins"]["Items"]
    assert first["ConnectionAttempts"] == 3
    assert first["ConnectionTimeout"] == 10
    assert first["CustomHeaders"] == {"Quantity": 0}
    assert first["OriginShield"] == {"Enabled": False}
    assert second["CustomOriginConfig"]["OriginReadTimeout"] == 30
    assert kept["Aliases"] == {"Quantity": 0}
    assert kept["HttpVersion"] == "http2"
    assert kept["PriceClass"] == "PriceClass_All"
    assert kept["DefaultCacheBehavior"]["AllowedMethods"]["Items"] == ["HEAD", "GET"]
    assert kept["DefaultCacheBehavior"]["FunctionAssociations"] == {"Quantity": 0}
    assert configuration.accept(kept) == kept


def test_the_default_certificate_forces_tlsv1():
    wanted = {"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1.2_2021"}
    kept = configuration.accept(config(ViewerCertificate=wanted))["ViewerCertificate"]
    assert kept["MinimumProtocolVersion"] == "TLSv1"
    assert kept["CertificateSource"] == "cloudfront"


def test_methods_come_back_in_an_order_of_their_own():
    methods = some(["GET", "HEAD", "OPTIONS"]) | {"CachedMethods": some(["GET", "HEAD"])}
    kept = configuration.accept(config(DefaultCacheBehavior=behavior(AllowedMethods=methods)))
    allowed = kept["DefaultCacheBehavior"]["AllowedMethods"]
    assert allowed["Items"] == ["HEAD", "GET", "OPTIONS"]
    assert allowed["CachedMethods"]["Items"] == ["HEAD", "GET"]


def test_empty_lists_have_no_items():
    assert configuration.accept(config(Aliases={"Quantity": 0, "Items": []}))["Aliases"] == {"Quantity": 0}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Aliases": {"Quantity": 2, "Items": ["a.example.com"]}}, "InconsistentQuantities"),
        ({"PriceClass": "PriceClass_1"}, "MalformedXML"),
        ({"DefaultRootObject": "/index.html"}, "InvalidDefaultRootObject"),
        ({"DefaultCacheBehavior": behavior(TargetOriginId="nowhere")}, "NoSuchOrigin"),
        ({"DefaultCacheBehavior": behavior(CachePolicyId=None)}, "InvalidArgument"),
        ({"DefaultCacheBehavior": behavior(MinTTL=1)}, "InvalidArgument"),
        ({"DefaultCacheBehavior": behavior(AllowedMethods=some(["GET"]))}, "InvalidArgument"),
        ({"CacheBehaviors": some([behavior(PathPattern="a"), behavior(PathPattern="a")])}, "InvalidArgument"),
        ({"Aliases": some(["www.example.com"])}, "InvalidViewerCertificate"),
        ({"CustomErrorResponses": some([{"ErrorCode": 418}])}, "InvalidErrorCode"),
        ({"CustomErrorResponses": some([{"ErrorCode": 404, "ResponsePagePath": "/e"}])}, "InvalidResponseCode"),
        ({"Origins": some([s3_origin(), s3_origin()])}, "InvalidArgument"),
        ({"Origins": some([s3_origin(DomainName="www.example.com")])}, "InvalidArgument"),
        ({"Origins": some([s3_origin(OriginPath="site")])}, "InvalidArgument"),
        ({"Origins": some([s3_origin(OriginPath="/site/")])}, "InvalidArgument"),
        (
            {
                "Origins": some(
                    [
                        s3_origin(
                            OriginAccessControlId="E1",
                            S3OriginConfig={"OriginAccessIdentity": "origin-access-identity/cloudfront/E2"},
                        )
                    ]
                )
            },
            "IllegalOriginAccessConfiguration",
        ),
        ({"Origins": some([s3_origin(), custom_origin(DomainName="192.0.2.1")])}, "InvalidArgument"),
        ({"Origins": some([s3_origin(), custom_origin({"OriginReadTimeout": 121})])}, "InvalidOriginReadTimeout"),
        ({"Origins": some([s3_origin(), custom_origin({"HTTPPort": 81})])}, "InvalidArgument"),
        ({"Origins": some([s3_origin(), custom_origin({"OriginProtocolPolicy": "ftp"})])}, "MalformedXML"),
        (
            {"Origins": some([s3_origin(CustomHeaders=some([{"HeaderName": "X-Amz-Secret", "HeaderValue": "x"}]))])},
            "InvalidArgument",
        ),
    ],
)
def test_configurations_that_are_refused(changes, code):
    refused(code, configuration.accept, config(**changes))


@pytest.mark.parametrize(
    ("domain", "bucket"),
    [
        ("site.s3.amazonaws.com", "site"),
        ("my.site.s3.eu-west-1.amazonaws.com", "my.site"),
        ("site.s3-eu-west-1.amazonaws.com", "site"),
        ("site.s3-website-us-east-1.amazonaws.com", None),
        ("ec2-1-2-3-4.compute-1.amazonaws.com", None),
    ],
)
def test_bucket_of(domain, bucket):
    assert configuration.bucket_of(domain) == bucket


# --- distributions


def test_life_of_a_distribution(service, delays, names):
    made = service.create_distribution(ACCOUNT, config(), {"Name": "site"})
    assert made.domain_name.startswith("d")
    assert len(made.domain_name) == len("d111111abcdef8.cloudfront.net")
    assert names == {made.domain_name: "192.0.2.1"}
    assert made.status == "InProgress"
    assert service.served(made.domain_name) is None
    delays.end()
    assert made.status == "Deployed"
    assert service.served(made.domain_name).config["Enabled"]
    refused("DistributionNotDisabled", service.delete_distribution, ACCOUNT, made.id, made.etag)

    service.update_distribution(ACCOUNT, made.id, made.etag, config(Enabled=False))
    assert service.served(made.domain_name).config["Enabled"]
    refused("DistributionNotDisabled", service.delete_distribution, ACCOUNT, made.id, made.etag)
    delays.end()
    assert not service.served(made.domain_name).config["Enabled"]
    service.delete_distribution(ACCOUNT, made.id, made.etag)
    assert names == {}
    refused("NoSuchDistribution", service.distribution, ACCOUNT, made.id)
    refused("NoSuchResource", service.tags_of, ACCOUNT, made.arn)


def test_versions(service):
    made = service.create_distribution(ACCOUNT, config(), {})
    first = made.etag
    refused("InvalidIfMatchVersion", service.update_distribution, ACCOUNT, made.id, None, config())
    service.update_distribution(ACCOUNT, made.id, first, config(Comment="new"))
    refused("PreconditionFailed", service.update_distribution, ACCOUNT, made.id, first, config())
    refused("PreconditionFailed", service.delete_distribution, ACCOUNT, made.id, first)
    assert made.config["Comment"] == "new"


def test_a_refused_change_changes_nothing(service):
    made = service.create_distribution(ACCOUNT, config(), {})
    etag, before = made.etag, made.config
    wrong = config(DefaultCacheBehavior=behavior(TargetOriginId="x"))
    refused("NoSuchOrigin", service.update_distribution, ACCOUNT, made.id, etag, wrong)
    refused("IllegalUpdate", service.update_distribution, ACCOUNT, made.id, etag, config("b"))
    assert (made.etag, made.config) == (etag, before)


def test_a_caller_reference_serves_once(service):
    service.create_distribution(ACCOUNT, config(), {})
    refused("DistributionAlreadyExists", service.create_distribution, ACCOUNT, config(), {})
    service.create_distribution(OTHER, config(), {})


def test_what_is_deployed_late_does_not_undo_what_came_after(service, delays):
    made = service.create_distribution(ACCOUNT, config(), {})
    service.update_distribution(ACCOUNT, made.id, made.etag, config(Comment="1"))
    service.update_distribution(ACCOUNT, made.id, made.etag, config(Comment="2"))
    delays._pending.reverse()
    delays.end()
    assert service.served(made.domain_name).config["Comment"] == "2"
    assert made.status == "Deployed"


def test_aliases(service, names, delays):
    arn = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1"
    certificate = {"ACMCertificateArn": arn, "SSLSupportMethod": "sni-only"}

    def with_alias(*aliases, **changes):
        return config(Aliases=some(list(aliases)), ViewerCertificate=certificate, **changes)

    refused("InvalidViewerCertificate", service.create_distribution, ACCOUNT, with_alias("www.example.com"), {})
    service.certificate_names = lambda account, wanted: ["*.example.com"] if wanted == arn else None
    made = service.create_distribution(ACCOUNT, with_alias("www.example.com"), {})
    delays.end()
    assert service.served("WWW.example.com").id == made.id
    assert service.served("other.example.com") is None
    taken = with_alias("www.example.com", reference="b")
    refused("CNAMEAlreadyExists", service.create_distribution, ACCOUNT, taken, {})
    uncovered = with_alias("www.example.org", reference="b")
    refused("InvalidViewerCertificate", service.create_distribution, ACCOUNT, uncovered, {})
    service.update_distribution(ACCOUNT, made.id, made.etag, with_alias("*.example.com"))
    delays.end()
    # Aliases are for the owner of the domain to make.
    assert set(names) == {made.domain_name}
    assert service.served("other.example.com").id == made.id
    exact = service.create_distribution(ACCOUNT, with_alias("www.example.com", reference="b"), {})
    delays.end()
    assert service.served("www.example.com").id == exact.id


def test_what_a_configuration_names_must_exist(service):
    for changes, code in (
        ({"Origins": some([s3_origin(OriginAccessControlId="E1")])}, "InvalidOriginAccessControl"),
        (
            {
                "Origins": some(
                    [s3_origin(S3OriginConfig={"OriginAccessIdentity": "origin-access-identity/cloudfront/E1"})]
                )
            },
            "InvalidOriginAccessIdentity",
        ),
        ({"DefaultCacheBehavior": behavior(CachePolicyId="x")}, "NoSuchCachePolicy"),
        ({"DefaultCacheBehavior": behavior(OriginRequestPolicyId="x")}, "NoSuchOriginRequestPolicy"),
        ({"DefaultCacheBehavior": behavior(ResponseHeadersPolicyId="x")}, "NoSuchResponseHeadersPolicy"),
    ):
        refused(code, service.create_distribution, ACCOUNT, config(**changes), {})
    assert not service.distributions


def test_access_controls(service):
    control = service.create_control(ACCOUNT, CONTROL)
    refused("OriginAccessControlAlreadyExists", service.create_control, ACCOUNT, CONTROL)
    refused("InvalidArgument", service.create_control, ACCOUNT, CONTROL | {"SigningProtocol": "v2"})
    other = service.create_control(ACCOUNT, CONTROL | {"Name": "other"})
    refused("OriginAccessControlAlreadyExists", service.update_control, ACCOUNT, other.id, other.etag, CONTROL)
    wanted = config(Origins=some([s3_origin(OriginAccessControlId=control.id)]))
    made = service.create_distribution(ACCOUNT, wanted, {})
    refused("OriginAccessControlInUse", service.delete_control, ACCOUNT, control.id, control.etag)
    service.update_distribution(ACCOUNT, made.id, made.etag, config())
    service.delete_control(ACCOUNT, control.id, control.etag)
    refused("NoSuchOriginAccessControl", service.control, ACCOUNT, control.id)


def test_access_identities(service):
    identity = service.create_identity(ACCOUNT, "a", "one")
    assert service.create_identity(ACCOUNT, "a", "one") is identity
    refused("CloudFrontOriginAccessIdentityAlreadyExists", service.create_identity, ACCOUNT, "a", "two")
    path = f"origin-access-identity/cloudfront/{identity.id}"
    wanted = config(Origins=some([s3_origin(S3OriginConfig={"OriginAccessIdentity": path})]))
    service.create_distribution(ACCOUNT, wanted, {})
    refused("CloudFrontOriginAccessIdentityInUse", service.delete_identity, ACCOUNT, identity.id, identity.etag)
    refused("NoSuchCloudFrontOriginAccessIdentity", service.identity, OTHER, identity.id)


def test_functions(service, delays):
    function = service.create_function(ACCOUNT, "spa", RUNTIME, CODE)
    refused("FunctionAlreadyExists", service.create_function, ACCOUNT, "spa", RUNTIME, CODE)
    refused("FunctionSizeLimitExceeded", service.create_function, ACCOUNT, "big", RUNTIME, b" " * 10_241)
    refused("InvalidArgument", service.create_function, ACCOUNT, "old", {"Runtime": "python"}, CODE)
    refused("NoSuchFunctionExists", function.version, "LIVE")
    associations = some([{"FunctionARN": function.arn, "EventType": "viewer-request"}])
    wanted = config(DefaultCacheBehavior=behavior(FunctionAssociations=associations))
    refused("InvalidFunctionAssociation", service.create_distribution, ACCOUNT, wanted, {})

    def statuses():
        return [service.function_status(function, stage) for stage in ("DEVELOPMENT", "LIVE")]

    assert service.function_status(function, None) == "UNPUBLISHED"
    service.publish_function(ACCOUNT, "spa", function.development.etag)
    assert statuses() == ["PUBLISHING", "PUBLISHING"]
    delays.end()
    assert statuses() == ["UNASSOCIATED", "UNASSOCIATED"]
    service.create_distribution(ACCOUNT, wanted, {})
    assert statuses() == ["DEPLOYED", "DEPLOYED"]
    etag = function.development.etag
    refused("FunctionInUse", service.delete_function, ACCOUNT, "spa", etag)
    service.update_function(ACCOUNT, "spa", etag, RUNTIME, CODE + b"//2")
    refused("PreconditionFailed", service.publish_function, ACCOUNT, "spa", etag)
    assert statuses() == ["UNPUBLISHED", "DEPLOYED"]
    service.publish_function(ACCOUNT, "spa", function.development.etag)
    assert service.function_at_edge(function.arn).code == CODE
    delays.end()
    assert service.function_at_edge(function.arn).code == CODE + b"//2"


def test_invalidations(service, delays):
    emptied = []
    service.on_invalidation.append(lambda distribution, paths: emptied.append(paths))
    made = service.create_distribution(ACCOUNT, config(), {})
    first = service.create_invalidation(ACCOUNT, made.id, "1", ["/a", "/b*"])
    assert first.status == "InProgress"
    assert len(made.invalidations_in_progress) == 1
    assert service.create_invalidation(ACCOUNT, made.id, "1", ["/b*", "/a"]) is first
    refused("InvalidArgument", service.create_invalidation, ACCOUNT, made.id, "1", ["/c"])
    assert not emptied
    delays.end("invalidation")
    assert first.status == "Completed"
    assert emptied == [["/a", "/b*"]]
    for path in ("a", "/a*b", "/a b", ""):
        refused("InvalidArgument", service.create_invalidation, ACCOUNT, made.id, f"2{path}", [path])
    refused("InvalidArgument", service.create_invalidation, ACCOUNT, made.id, "3", [])
    many = [f"/{number}/*" for number in range(16)]
    refused("TooManyInvalidationsInProgress", service.create_invalidation, ACCOUNT, made.id, "4", many)
    refused("NoSuchInvalidation", service.invalidation, ACCOUNT, made.id, "I1")


def test_tags(service):
    made = service.create_distribution(ACCOUNT, config(), {"a": "1"})
    service.tag(ACCOUNT, made.arn, {"b": "2"})
    service.untag(ACCOUNT, made.arn, ["a", "missing"])
    assert service.tags_of(ACCOUNT, made.arn) == {"b": "2"}
    refused("NoSuchResource", service.tag, ACCOUNT, made.arn + "x", {})


# --- the API


@pytest.fixture
def client(emulator):
    return emulator.client("cloudfront")


def test_every_field_comes_back_through_the_api(client):
    sent = config(
        "api-round-trip",
        Comment="<a & b>",
        Origins=some(
            [
                s3_origin(OriginPath="/site"),
                custom_origin(
                    {"OriginSslProtocols": some(["TLSv1.2"])},
                    CustomHeaders=some([{"HeaderName": "X-A", "HeaderValue": "b"}]),
                ),
            ]
        ),
        CustomErrorResponses=some([{"ErrorCode": 404, "ErrorCachingMinTTL": 0}]),
        Logging={"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
        IsIPV6Enabled=True,
        HttpVersion="http2and3",
    )
    tags = {"Items": [{"Key": "Name", "Value": "x"}]}
    made = client.create_distribution_with_tags(DistributionConfigWithTags={"DistributionConfig": sent, "Tags": tags})
    kept = made["Distribution"]["DistributionConfig"]
    assert_within(sent, kept)
    read = client.get_distribution_config(Id=made["Distribution"]["Id"])
    assert read["DistributionConfig"] == kept
    assert read["ETag"] == made["ETag"]
    assert client.list_tags_for_resource(Resource=made["Distribution"]["ARN"])["Tags"] == tags
    again = client.update_distribution(
        Id=made["Distribution"]["Id"], IfMatch=read["ETag"], DistributionConfig=read["DistributionConfig"]
    )
    assert again["Distribution"]["DistributionConfig"] == kept
    assert again["ETag"] != read["ETag"]


def assert_within(sent, kept):
    if isinstance(sent, dict):
        for key, value in sent.items():
            assert_within(value, kept[key])
    elif isinstance(sent, list):
        assert len(sent) == len(kept)
        for one, other in zip(sent, kept, strict=True):
            assert_within(one, other)
    else:
        assert sent == kept


def test_lists_come_in_pages(client):
    for number in range(3):
        client.create_cloud_front_origin_access_identity(
            CloudFrontOriginAccessIdentityConfig={"CallerReference": f"page{number}", "Comment": ""}
        )
    pages = list(
        client.get_paginator("list_cloud_front_origin_access_identities").paginate(PaginationConfig={"PageSize": 1})
    )
    found = [row["Id"] for page in pages for row in page["CloudFrontOriginAccessIdentityList"]["Items"]]
    assert len(found) == len(set(found)) >= 3


def test_managed_policies(client):
    listed = client.list_cache_policies(Type="managed")["CachePolicyList"]["Items"]
    names = {row["CachePolicy"]["CachePolicyConfig"]["Name"]: row["CachePolicy"]["Id"] for row in listed}
    assert names["Managed-CachingOptimized"] == OPTIMIZED
    assert client.list_cache_policies(Type="custom")["CachePolicyList"]["Quantity"] == 0
    for call, id, kind in (
        (client.get_cache_policy, OPTIMIZED, "CachePolicy"),
        (client.get_origin_request_policy, "b689b0a8-53d0-40ab-baf2-68738e2966ac", "OriginRequestPolicy"),
        (client.get_response_headers_policy, "67f7725c-6f97-4210-82d7-5512b31e9d03", "ResponseHeadersPolicy"),
    ):
        assert call(Id=id)[kind][f"{kind}Config"]["Name"].startswith("Managed-")


def test_functions_are_really_run(client):
    made = client.create_function(Name="api-test", FunctionConfig=RUNTIME, FunctionCode=CODE)
    event = {"version": "1.0", "context": {"eventType": "viewer-request"}, "viewer": {"ip": "192.0.2.1"}}
    event["request"] = {"method": "GET", "uri": "/a", "querystring": {}, "headers": {}, "cookies": {}}

    def test(code):
        etag = client.describe_function(Name="api-test")["ETag"]
        etag = client.update_function(Name="api-test", IfMatch=etag, FunctionConfig=RUNTIME, FunctionCode=code)["ETag"]
        return client.test_function(Name="api-test", IfMatch=etag, EventObject=json.dumps(event).encode())["TestResult"]

    result = test(b"function handler(e) { console.log('saw', e.request.uri); e.request.uri = '/b'; return e.request; }")
    assert json.loads(result["FunctionOutput"])["request"]["uri"] == "/b"
    assert result["FunctionExecutionLogs"] == ["saw /a"]
    assert not result["FunctionErrorMessage"]
    assert "ReferenceError" in test(b"function handler(e) { return missing; }")["FunctionErrorMessage"]
    assert client.get_function(Name="api-test")["FunctionCode"].read() != CODE
    assert made["FunctionSummary"]["Status"] == "UNPUBLISHED"


def test_what_the_lab_lacks_is_said(client):
    with pytest.raises(ClientError, match=r"UnsupportedOperation.*CreateKeyGroup"):
        client.create_key_group(KeyGroupConfig={"Name": "a", "Items": []})


def test_distributions_are_found_by_tag(emulator, client):
    tags = {"Items": [{"Key": "Project", "Value": "by-tag"}]}
    made = client.create_distribution_with_tags(
        DistributionConfigWithTags={"DistributionConfig": config("by-tag"), "Tags": tags}
    )
    found = emulator.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "Project", "Values": ["by-tag"]}]
    )
    assert [row["ResourceARN"] for row in found["ResourceTagMappingList"]] == [made["Distribution"]["ARN"]]
