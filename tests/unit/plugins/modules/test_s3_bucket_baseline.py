# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json

import pytest

from ansible_collections.slipway.aws.plugins.modules import s3_bucket_baseline

PARAMS = {"name": "shop-files"}
BUCKET = {"Bucket": "shop-files"}
ALL_BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
ENCRYPTION = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
TLS = {
    "Sid": "DenyInsecureTransport",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::shop-files", "arn:aws:s3:::shop-files/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
FOREIGN = {"Sid": "Backup", "Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "s3:*", "Resource": "*"}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def s3(stubbed):
    return stubbed("s3")


def add_reads(s3, statements=(TLS,), versioning="Enabled"):
    add = s3.stubber.add_response
    add("head_bucket", {"BucketRegion": "us-east-1"}, BUCKET)
    add("get_bucket_versioning", {"Status": versioning} if versioning else {}, BUCKET)
    add("get_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [ENCRYPTION]}}, BUCKET)
    add("get_public_access_block", {"PublicAccessBlockConfiguration": ALL_BLOCKED}, BUCKET)
    ownership = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    add("get_bucket_ownership_controls", {"OwnershipControls": ownership}, BUCKET)
    if statements:
        add("get_bucket_policy", {"Policy": policy(*statements)}, BUCKET)
    else:
        s3.stubber.add_client_error("get_bucket_policy", "NoSuchBucketPolicy", expected_params=BUCKET)


@pytest.mark.usefixtures("sequential_reads")
def test_a_bucket_that_is_right_is_only_read(call_module, s3):
    add_reads(s3, statements=(FOREIGN, TLS))
    result = call_module(s3_bucket_baseline, PARAMS, {"s3": s3}, diff=True)
    assert result["changed"] is False
    assert result["diff"]["before"] == result["diff"]["after"]
    assert result["bucket"]["regional_domain_name"] == "shop-files.s3.us-east-1.amazonaws.com"


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.usefixtures("sequential_reads")
def test_each_setting_is_changed_alone_and_others_statements_are_kept(call_module, s3, check_mode):
    add_reads(s3, statements=(FOREIGN,), versioning=None)
    if not check_mode:
        s3.stubber.add_response(
            "put_bucket_versioning", {}, {**BUCKET, "VersioningConfiguration": {"Status": "Enabled"}}
        )
        s3.stubber.add_response("put_bucket_policy", {}, {**BUCKET, "Policy": policy(FOREIGN, TLS)})
    result = call_module(s3_bucket_baseline, PARAMS, {"s3": s3}, check_mode=check_mode, diff=True)
    assert result["changed"] is True
    before, after = result["diff"]["before"], result["diff"]["after"]
    assert {key for key in after if before[key] != after[key]} == {"versioning", "require_tls"}


def test_a_plan_for_a_missing_bucket_asks_once(call_module, s3):
    s3.stubber.add_client_error("head_bucket", "404", http_status_code=404, expected_params=BUCKET)
    params = {**PARAMS, "tags": {"A": "1"}, "lifecycle_rules": [], "cors_rules": []}
    result = call_module(s3_bucket_baseline, params, {"s3": s3}, check_mode=True, diff=True)
    assert result["changed"] is True
    assert result["diff"]["before"] == {}
    assert result["bucket"]["arn"] == "arn:aws:s3:::shop-files"
    assert result["bucket"]["tags"] == {"A": "1"}


def test_a_name_that_is_not_known_yet_is_planned_without_a_call(call_module, s3):
    params = {"name": "shop-(known after apply)"}
    assert call_module(s3_bucket_baseline, params, {"s3": s3}, check_mode=True)["changed"] is True


@pytest.mark.parametrize(
    ("region", "configuration"), [("us-east-1", None), ("eu-west-1", {"LocationConstraint": "eu-west-1"})]
)
def test_a_new_bucket_is_made_in_its_region_and_found_before_it_is_set_up(
    call_module, s3, monkeypatch, region, configuration
):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    stub = s3.stubber
    stub.add_client_error("head_bucket", "404", http_status_code=404, expected_params=BUCKET)
    request = {**BUCKET, "ObjectOwnership": "BucketOwnerEnforced"}
    if configuration:
        request["CreateBucketConfiguration"] = configuration
    stub.add_response("create_bucket", {}, request)
    # Not visible at once.
    stub.add_client_error("head_bucket", "404", http_status_code=404, expected_params=BUCKET)
    stub.add_response("head_bucket", {"ResponseMetadata": {"HTTPStatusCode": 200}}, BUCKET)
    stub.add_client_error("put_bucket_ownership_controls", "NoSuchBucket")
    stub.add_response("put_bucket_ownership_controls", {})
    stub.add_response("put_public_access_block", {}, {**BUCKET, "PublicAccessBlockConfiguration": ALL_BLOCKED})
    stub.add_response(
        "put_bucket_encryption", {}, {**BUCKET, "ServerSideEncryptionConfiguration": {"Rules": [ENCRYPTION]}}
    )
    stub.add_client_error("put_bucket_versioning", "OperationAborted")
    stub.add_response("put_bucket_versioning", {})
    stub.add_response("put_bucket_policy", {}, {**BUCKET, "Policy": policy(TLS)})
    result = call_module(s3_bucket_baseline, {**PARAMS, "region": region}, {"s3": s3})
    assert result.get("changed") is True, result
    assert result["bucket"]["region"] == region


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_bucket_of_someone_else_is_a_clear_error(call_module, s3, check_mode):
    s3.stubber.add_client_error("head_bucket", "403", http_status_code=403, expected_params=BUCKET)
    result = call_module(s3_bucket_baseline, PARAMS, {"s3": s3}, check_mode=check_mode)
    assert "Bucket shop-files exists and cannot be read: it belongs to another account" in result["msg"]


def test_a_bucket_of_another_region_is_a_clear_error(call_module, s3):
    s3.stubber.add_response("head_bucket", {"BucketRegion": "eu-west-1"}, BUCKET)
    result = call_module(s3_bucket_baseline, PARAMS, {"s3": s3})
    assert "exists in eu-west-1, and us-east-1 was asked for" in result["msg"]


def test_bad_rules_are_refused_before_any_call(call_module, s3):
    rules = [{"id": "both", "expiration_days": 3, "expired_object_delete_marker": True}]
    result = call_module(s3_bucket_baseline, {**PARAMS, "lifecycle_rules": rules}, {"s3": s3}, check_mode=True)
    assert "make two rules" in result["msg"]


@pytest.mark.usefixtures("sequential_reads")
def test_a_refused_read_says_what_to_allow(call_module, s3):
    s3.stubber.add_response("head_bucket", {"BucketRegion": "us-east-1"}, BUCKET)
    s3.stubber.add_response("get_bucket_versioning", {}, BUCKET)
    s3.stubber.add_client_error("get_bucket_encryption", "AccessDenied", "Access Denied")
    result = call_module(s3_bucket_baseline, PARAMS, {"s3": s3})
    assert (
        "Failed to read the default encryption of bucket shop-files. Allow s3:GetEncryptionConfiguration"
        in (result["msg"])
    )


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_bucket_that_is_not_empty_is_not_deleted(call_module, s3, check_mode):
    s3.stubber.add_response("head_bucket", {"BucketRegion": "us-east-1"}, BUCKET)
    marker = {"Key": "a", "VersionId": "1"}
    s3.stubber.add_response("list_object_versions", {"DeleteMarkers": [marker]}, {**BUCKET, "MaxKeys": 1})
    result = call_module(s3_bucket_baseline, {**PARAMS, "state": "absent"}, {"s3": s3}, check_mode=check_mode)
    assert "Bucket shop-files is not empty" in result["msg"]
    assert "Set force: true" in result["msg"]


def test_an_object_that_cannot_be_deleted_is_named(call_module, s3):
    s3.stubber.add_response("head_bucket", {"BucketRegion": "us-east-1"}, BUCKET)
    versions = [{"Key": "a", "VersionId": "1"}, {"Key": "b", "VersionId": "2"}]
    s3.stubber.add_response("list_object_versions", {"Versions": versions}, {**BUCKET, "MaxKeys": 1000})
    s3.stubber.add_response(
        "delete_objects",
        {"Errors": [{"Key": "b", "Code": "AccessDenied", "Message": "Object is locked"}]},
        {**BUCKET, "Delete": {"Objects": versions, "Quiet": True}},
    )
    result = call_module(s3_bucket_baseline, {**PARAMS, "state": "absent", "force": True}, {"s3": s3})
    assert "Failed to delete 1 of 2 object versions of bucket shop-files, the first is b: AccessDenied" in result["msg"]


FULL = {
    **PARAMS,
    "tags": {"A": "1"},
    "lifecycle_rules": [{"id": "old", "noncurrent_expiration_days": 7}],
    "cors_rules": [{"allowed_origins": ["https://shop.example.com"], "allowed_methods": ["GET"]}],
}


def test_killed_anywhere_while_making_it(sweep_kills):
    def inspect(clients, _result):
        s3 = clients["s3"]
        assert s3.get_bucket_versioning(**BUCKET)["Status"] == "Enabled"
        assert s3.get_bucket_lifecycle_configuration(**BUCKET)["Rules"][0]["ID"] == "old"
        assert s3.get_bucket_cors(**BUCKET)["CORSRules"][0]["AllowedMethods"] == ["GET"]
        assert s3.get_bucket_tagging(**BUCKET)["TagSet"] == [{"Key": "A", "Value": "1"}]
        assert json.loads(s3.get_bucket_policy(**BUCKET)["Policy"])["Statement"] == [TLS]

    assert sweep_kills(s3_bucket_baseline, ["s3"], lambda _clients: FULL, inspect) == 9


def test_killed_anywhere_while_deleting_it(sweep_kills, call_module):
    def prepare(clients):
        call_module(s3_bucket_baseline, {**FULL, "require_tls": False}, clients)
        clients["s3"].put_object(**BUCKET, Key="a", Body=b"1")
        clients["s3"].put_object(**BUCKET, Key="a", Body=b"2")
        clients["s3"].delete_object(**BUCKET, Key="a")
        return {**PARAMS, "state": "absent", "force": True}

    def inspect(clients, result):
        assert clients["s3"].list_buckets()["Buckets"] == []
        assert result["bucket"] == {}

    assert sweep_kills(s3_bucket_baseline, ["s3"], prepare, inspect) == 2
