# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import copy
import json

import pytest
from botocore.stub import ANY

from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import distribution as site
from ansible_collections.slipway.aws.plugins.modules import cloudfront_site

ARN = "arn:aws:cloudfront::123456789012:distribution/E1"
SECRET = "a-long-dummy-secret"
PARAMS = {
    "name": "shop",
    "comment": "The shop",
    "origins": [
        {"id": "files", "domain_name": "shop.s3.us-east-1.amazonaws.com", "origin_access_control_id": "EOAC"},
        {
            "id": "api",
            "domain_name": "api.example.com",
            "custom": {"protocol_policy": "http-only", "http_port": 8000},
            "secret_headers": {"X-Origin-Secret": "shop/origin"},
        },
    ],
    "default_behavior": {"target_origin_id": "files"},
    "behaviors": [{"path_pattern": "/api/*", "target_origin_id": "api", "cache_policy": "CachingDisabled"}],
    "wait": False,
}


def config_of_shop(**changes):
    files = {
        **site.new_origin("files"),
        "DomainName": "shop.s3.us-east-1.amazonaws.com",
        "OriginAccessControlId": "EOAC",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    api = {
        **site.new_origin("api"),
        "DomainName": "api.example.com",
        "CustomHeaders": {"Quantity": 1, "Items": [{"HeaderName": "X-Origin-Secret", "HeaderValue": SECRET}]},
        "CustomOriginConfig": {**site.new_custom_origin(), "HTTPPort": 8000, "OriginProtocolPolicy": "http-only"},
    }
    behavior = {
        "PathPattern": "/api/*",
        **site.new_behavior(),
        "TargetOriginId": "api",
        "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    }
    return {
        **site.new_config("shop"),
        "Comment": "The shop",
        "Origins": {"Quantity": 2, "Items": [files, api]},
        "DefaultCacheBehavior": {**site.new_behavior(), "TargetOriginId": "files"},
        "CacheBehaviors": {"Quantity": 1, "Items": [behavior]},
        **changes,
    }


def distribution(config=None, status="Deployed", identifier="E1"):
    return {
        "Id": identifier,
        "ARN": ARN,
        "Status": status,
        "LastModifiedTime": "2026-01-01T00:00:00Z",
        "InProgressInvalidationBatches": 0,
        "DomainName": "d1.cloudfront.net",
        "DistributionConfig": config or config_of_shop(),
    }


def summary(identifier, comment):
    config = config_of_shop()
    keys = ("Aliases", "Origins", "CustomErrorResponses", "PriceClass", "Enabled", "ViewerCertificate", "Restrictions")
    return {
        **{key: config[key] for key in keys},
        "DefaultCacheBehavior": config["DefaultCacheBehavior"],
        "CacheBehaviors": config["CacheBehaviors"],
        "WebACLId": "",
        "HttpVersion": "http2and3",
        "IsIPV6Enabled": True,
        "Staging": False,
        "Id": identifier,
        "ARN": ARN,
        "Status": "Deployed",
        "LastModifiedTime": "2026-01-01T00:00:00Z",
        "DomainName": "d1.cloudfront.net",
        "Comment": comment,
        "Origins": {"Quantity": 1, "Items": [{"Id": "files", "DomainName": "files.example.com"}]},
    }


@pytest.fixture
def cloudfront(stubbed):
    return stubbed("cloudfront")


@pytest.fixture
def secrets(stubbed):
    return stubbed("secretsmanager")


@pytest.fixture
def call(call_module, cloudfront, secrets, sequential_reads):
    def run(params=None, **options):
        params = PARAMS if params is None else params
        clients = {"cloudfront": cloudfront, "secretsmanager": secrets}
        return call_module(cloudfront_site, params, clients, **options)

    return run


def add_list(cloudfront, *summaries):
    listing = {"Marker": "", "MaxItems": 100, "IsTruncated": False, "Quantity": len(summaries)}
    if summaries:
        listing["Items"] = list(summaries)
    cloudfront.stubber.add_response("list_distributions", {"DistributionList": listing}, {})


def add_get(cloudfront, config=None, status="Deployed", etag="V1", identifier="E1"):
    answer = {"Distribution": distribution(config, status, identifier), "ETag": etag}
    cloudfront.stubber.add_response("get_distribution", answer, {"Id": identifier})


def add_tags(cloudfront, **tags):
    items = [{"Key": key, "Value": value} for key, value in tags.items()]
    cloudfront.stubber.add_response("list_tags_for_resource", {"Tags": {"Items": items}}, {"Resource": ARN})


def add_secret(secrets, value=SECRET):
    secrets.stubber.add_response(
        "get_secret_value", {"SecretString": value}, {"SecretId": "shop/origin", "VersionStage": "AWSCURRENT"}
    )


def add_update(cloudfront, config, etag="V1", new_etag="V2"):
    cloudfront.stubber.add_response(
        "update_distribution",
        {"Distribution": distribution(config, "InProgress"), "ETag": new_etag},
        {"Id": "E1", "IfMatch": etag, "DistributionConfig": config},
    )


def add_found(cloudfront, config=None, status="Deployed", etag="V1"):
    add_list(cloudfront, summary("E1", "The shop"))
    add_get(cloudfront, config, status, etag)
    add_tags(cloudfront, Name="shop")


def test_it_is_made_in_one_call_with_its_name_as_caller_reference_and_its_tags(call, cloudfront, secrets):
    add_list(cloudfront)
    add_secret(secrets)
    expected = config_of_shop()
    cloudfront.stubber.add_response(
        "create_distribution_with_tags",
        {"Distribution": distribution(status="InProgress"), "ETag": "V1"},
        {
            "DistributionConfigWithTags": {
                "DistributionConfig": expected,
                "Tags": {"Items": [{"Key": "A", "Value": "1"}, {"Key": "Name", "Value": "shop"}]},
            }
        },
    )
    result = call({**PARAMS, "tags": {"A": 1}}, diff=True)
    assert result["changed"] is True
    assert result["distribution"]["id"] == "E1"
    assert result["distribution"]["status"] == "InProgress"
    assert result["distribution"]["tags"] == {"Name": "shop", "A": "1"}
    assert SECRET not in json.dumps(result)


def test_a_plan_for_a_missing_one_writes_nothing(call, cloudfront, secrets):
    add_list(cloudfront)
    secrets.stubber.add_client_error("get_secret_value", "ResourceNotFoundException")
    result = call(check_mode=True, diff=True)
    assert result["changed"] is True
    assert result["diff"]["before"] == {}
    described = result["distribution"]
    assert (described["id"], described["arn"], described["domain_name"]) == ("(known after apply)",) * 3
    assert described["origins"][0]["custom_headers"] == {"X-Origin-Secret": "(known after apply)"}


def test_values_that_are_not_known_yet_are_planned(call, cloudfront):
    add_list(cloudfront)
    params = copy.deepcopy(PARAMS)
    params["origins"][0].update(domain_name="(known after apply)", origin_access_control_id="(known after apply)")
    params["origins"][1]["secret_headers"] = {"X-Origin-Secret": "(known after apply)"}
    params["default_behavior"]["function_associations"] = {"viewer_request": "(known after apply)"}
    params["certificate_arn"] = "(known after apply)"
    params["aliases"] = ["shop.example.com"]
    assert call(params, check_mode=True)["changed"] is True


def test_one_that_is_right_is_only_read(call, cloudfront, secrets):
    add_found(cloudfront)
    add_secret(secrets)
    result = call(diff=True)
    assert result["changed"] is False
    assert result["diff"]["before"] == result["diff"]["after"]


def test_it_is_found_by_its_caller_reference_among_others(call, cloudfront, secrets):
    add_list(cloudfront, summary("E7", "The shop"), summary("E8", "Other"), summary("E1", "Renamed by someone"))
    add_get(cloudfront, config_of_shop(CallerReference="by hand"), identifier="E7")
    add_get(cloudfront, config_of_shop(CallerReference="other"), identifier="E8")
    add_get(cloudfront, config_of_shop())
    add_tags(cloudfront)
    add_secret(secrets)
    result = call()
    assert result.get("changed") is False, result
    assert result["distribution"]["id"] == "E1"


def test_one_that_an_earlier_run_made_and_that_is_not_listed_yet_is_not_made_twice(
    call, cloudfront, secrets, monkeypatch
):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    add_list(cloudfront)
    add_secret(secrets)
    cloudfront.stubber.add_client_error("create_distribution_with_tags", "DistributionAlreadyExists")
    add_list(cloudfront)
    cloudfront.stubber.add_client_error("create_distribution_with_tags", "DistributionAlreadyExists")
    add_list(cloudfront, summary("E1", "The shop"))
    add_get(cloudfront)
    add_tags(cloudfront, Name="shop")
    result = call()
    assert result["changed"] is False
    assert result["distribution"]["id"] == "E1"


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_change_is_one_update_with_the_version_that_was_read(call, cloudfront, secrets, check_mode):
    add_found(cloudfront)
    add_secret(secrets)
    if not check_mode:
        add_update(cloudfront, config_of_shop(Comment="New", PriceClass="PriceClass_100"))
    result = call({**PARAMS, "comment": "New", "price_class": "PriceClass_100"}, check_mode=check_mode, diff=True)
    assert result["changed"] is True
    before, after = result["diff"]["before"], result["diff"]["after"]
    assert {key for key in after if before.get(key) != after[key]} == {"comment", "price_class"}
    assert result["distribution"]["status"] == "InProgress"
    assert result["distribution"]["id"] == "E1"


def test_a_change_of_someone_else_meanwhile_is_kept(call, cloudfront, secrets):
    add_found(cloudfront)
    add_secret(secrets)
    cloudfront.stubber.add_client_error("update_distribution", "PreconditionFailed", http_status_code=412)
    theirs = config_of_shop(DefaultRootObject="theirs.html")
    add_get(cloudfront, theirs, etag="V5")
    add_update(cloudfront, {**theirs, "Comment": "New"}, etag="V5")
    result = call({**PARAMS, "comment": "New"})
    assert result["changed"] is True
    assert result["distribution"]["default_root_object"] == "theirs.html"


def test_it_gives_up_when_others_never_stop_changing_it(call, cloudfront, secrets):
    add_found(cloudfront)
    add_secret(secrets)
    for attempt in range(cloudfront_site.MAX_ATTEMPTS):
        cloudfront.stubber.add_client_error("update_distribution", "PreconditionFailed", http_status_code=412)
        add_get(cloudfront, etag=f"V{attempt + 2}")
    assert "was changed by others whenever this run was about to" in call({**PARAMS, "comment": "New"})["msg"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_tags_are_compared_on_their_own_and_the_name_is_kept(call, cloudfront, check_mode):
    add_list(cloudfront, summary("E1", "The shop"))
    add_get(cloudfront)
    add_tags(cloudfront, Old="1")
    if not check_mode:
        cloudfront.stubber.add_response("untag_resource", {}, {"Resource": ARN, "TagKeys": {"Items": ["Old"]}})
        cloudfront.stubber.add_response("tag_resource", {}, {"Resource": ARN, "Tags": {"Items": ANY}})
    result = call({"name": "shop", "tags": {"New": "2"}, "wait": False}, check_mode=check_mode, diff=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["tags"] == {"Old": "1"}
    assert result["diff"]["after"]["tags"] == {"Name": "shop", "New": "2"}


def test_a_new_value_of_a_secret_is_a_change_that_shows_no_value(call, cloudfront, secrets):
    add_found(cloudfront)
    add_secret(secrets, "another-long-dummy")
    result = call(check_mode=True, diff=True)
    assert result["changed"] is True
    (header,) = [origin["custom_headers"] for origin in result["diff"]["after"]["origins"] if origin["id"] == "api"]
    assert header == {"X-Origin-Secret": "(redacted, changed)"}
    assert "another-long-dummy" not in json.dumps(result)
    assert SECRET not in json.dumps(result)


def test_a_secret_that_is_about_to_be_restored_plans_no_change(call, cloudfront, secrets):
    add_found(cloudfront)
    secrets.stubber.add_client_error("get_secret_value", "InvalidRequestException", "marked for deletion")
    assert call(check_mode=True)["changed"] is False


def test_a_missing_secret_is_an_error_outside_check_mode(call, cloudfront, secrets):
    add_list(cloudfront)
    secrets.stubber.add_client_error("get_secret_value", "ResourceNotFoundException", "can't find it")
    assert "Failed to read the value of secret shop/origin" in call()["msg"]


@pytest.mark.parametrize("value", ["two-dummy-lines\nof-a-secret", "x" * 1784])
def test_a_secret_that_cannot_be_a_header_is_refused_without_showing_it(call, cloudfront, secrets, value):
    add_list(cloudfront)
    add_secret(secrets, value)
    result = call()
    assert "The value of secret shop/origin cannot be a header" in result["msg"]
    assert value not in result["msg"]


def test_a_secret_in_another_region_is_read_there(call_module, cloudfront, secrets, sequential_reads, monkeypatch):
    regions = []

    def client(_self, service, *_args, **more):
        regions.append((service, more.get("region")))
        return {"cloudfront": cloudfront, "secretsmanager": secrets}[service]

    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/origin-a1b2c3"
    add_found(cloudfront)
    secrets.stubber.add_response(
        "get_secret_value", {"SecretString": SECRET}, {"SecretId": arn, "VersionStage": "AWSCURRENT"}
    )
    params = copy.deepcopy(PARAMS)
    params["origins"][1]["secret_headers"] = {"X-Origin-Secret": arn}
    monkeypatch.setattr(cloudfront_site.AnsibleAWSModule, "client", client, raising=False)
    assert call_module(cloudfront_site, params)["changed"] is False
    assert regions == [("cloudfront", None), ("secretsmanager", "eu-west-1")]


def test_its_name_alone_changes_nothing_and_waits(call, cloudfront, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    add_found(cloudfront, status="InProgress")
    add_get(cloudfront, status="InProgress")
    add_get(cloudfront)
    add_get(cloudfront, etag="V2")
    result = call({"name": "shop"})
    assert result["changed"] is False
    assert result["distribution"]["status"] == "Deployed"


def test_waiting_ends_when_the_distribution_is_deleted_meanwhile(call, cloudfront):
    add_found(cloudfront, status="InProgress")
    cloudfront.stubber.add_client_error("get_distribution", "NoSuchDistribution", http_status_code=404)
    assert "wait until distribution E1 is deployed everywhere" in call({"name": "shop"})["msg"]


def test_its_name_alone_is_no_error_in_a_plan_before_it_exists(call, cloudfront):
    add_list(cloudfront)
    result = call({"name": "shop"}, check_mode=True, diff=True)
    assert result["changed"] is False
    assert result["distribution"]["domain_name"] == "(known after apply)"


def test_its_name_alone_is_not_enough_to_make_it(call, cloudfront):
    add_list(cloudfront)
    message = call({"name": "shop"})["msg"]
    assert "origins: distribution shop does not exist yet" in message
    assert "default_behavior: distribution shop does not exist yet" in message


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_tls_version_that_would_have_no_effect_is_refused(call, cloudfront, check_mode):
    add_found(cloudfront)
    params = {"name": "shop", "minimum_protocol_version": "TLSv1.2_2021"}
    assert "TLSv1.2_2021 would have no effect" in call(params, check_mode=check_mode)["msg"]


def test_a_certificate_elsewhere_is_refused_before_any_call(call):
    params = {**PARAMS, "certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/1"}
    assert "takes certificates from us-east-1 only" in call(params, check_mode=True)["msg"]


def test_two_ways_into_a_bucket_are_refused(call):
    origin = {"id": "files", "origin_access_control_id": "E1", "origin_access_identity_id": "E2"}
    assert "mutually exclusive" in call({**PARAMS, "origins": [origin]})["msg"]


DISABLED = {"Enabled": False}
ABSENT = {"name": "shop", "state": "absent"}


@pytest.mark.parametrize("check_mode", [True, False])
def test_it_is_disabled_waited_for_and_deleted_with_its_last_version(call, cloudfront, monkeypatch, check_mode):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    add_found(cloudfront)
    if not check_mode:
        add_update(cloudfront, config_of_shop(**DISABLED))
        add_get(cloudfront, config_of_shop(**DISABLED), "InProgress", "V2")
        add_get(cloudfront, config_of_shop(**DISABLED), "Deployed", "V3")
        add_get(cloudfront, config_of_shop(**DISABLED), "Deployed", "V3")
        cloudfront.stubber.add_response("delete_distribution", {}, {"Id": "E1", "IfMatch": "V3"})
    result = call(ABSENT, check_mode=check_mode, diff=True)
    assert result["changed"] is True
    assert result["distribution"] == {}
    assert result["diff"]["after"] == {}


def test_a_destroy_that_was_killed_while_it_waited_is_finished(call, cloudfront):
    add_found(cloudfront, config_of_shop(**DISABLED), "InProgress", "V2")
    add_get(cloudfront, config_of_shop(**DISABLED), "Deployed", "V2")
    add_get(cloudfront, config_of_shop(**DISABLED), "Deployed", "V2")
    cloudfront.stubber.add_response("delete_distribution", {}, {"Id": "E1", "IfMatch": "V2"})
    assert call(ABSENT)["changed"] is True


@pytest.mark.parametrize("check_mode", [True, False])
def test_without_waiting_a_destroy_only_begins(call, cloudfront, check_mode):
    add_found(cloudfront)
    if not check_mode:
        add_update(cloudfront, config_of_shop(**DISABLED))
    result = call({**ABSENT, "wait": False}, check_mode=check_mode)
    assert result["changed"] is True
    assert result["distribution"]["id"] == "E1"


def test_without_waiting_a_destroy_that_goes_on_is_left_alone(call, cloudfront):
    add_found(cloudfront, config_of_shop(**DISABLED), "InProgress")
    result = call({**ABSENT, "wait": False})
    assert result["changed"] is False
    assert result["distribution"]["enabled"] is False


def test_without_waiting_a_destroy_ends_when_it_can(call, cloudfront):
    add_found(cloudfront, config_of_shop(**DISABLED))
    add_get(cloudfront, config_of_shop(**DISABLED))
    cloudfront.stubber.add_response("delete_distribution", {}, {"Id": "E1", "IfMatch": "V1"})
    result = call({**ABSENT, "wait": False})
    assert result["changed"] is True
    assert result["distribution"] == {}


def test_one_that_is_enabled_again_meanwhile_is_disabled_again(call, cloudfront):
    add_found(cloudfront, config_of_shop(**DISABLED))
    add_get(cloudfront, config_of_shop(), etag="V4")
    cloudfront.stubber.add_client_error("delete_distribution", "DistributionNotDisabled", http_status_code=409)
    add_update(cloudfront, config_of_shop(**DISABLED), etag="V4", new_etag="V5")
    add_get(cloudfront, config_of_shop(**DISABLED), "Deployed", "V5")
    add_get(cloudfront, config_of_shop(**DISABLED), "Deployed", "V5")
    cloudfront.stubber.add_response("delete_distribution", {}, {"Id": "E1", "IfMatch": "V5"})
    assert call(ABSENT)["changed"] is True


def test_what_is_absent_stays_absent(call, cloudfront):
    add_list(cloudfront, summary("E8", "Other"))
    add_get(cloudfront, config_of_shop(CallerReference="other"), identifier="E8")
    result = call(ABSENT, diff=True)
    assert result["changed"] is False
    assert result["distribution"] == {}


def test_a_refused_call_says_what_to_allow(call, cloudfront):
    cloudfront.stubber.add_client_error("list_distributions", "AccessDenied", "not authorized")
    assert call()["msg"].startswith("Failed to list distributions. Allow cloudfront:ListDistributions to the identity")
