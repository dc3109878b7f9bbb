# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json

import pytest

from ansible_collections.slipway.aws.plugins.modules import cloudfront_bucket_policy

ARN = "arn:aws:cloudfront::123456789012:distribution/E1"
PARAMS = {"bucket": "shop-files", "distribution_arns": [ARN]}
BUCKET = {"Bucket": "shop-files"}
FOREIGN = {"Sid": "Backup", "Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "s3:*", "Resource": "*"}
OAC = {
    "Sid": "AllowCloudFrontOAC",
    "Effect": "Allow",
    "Principal": {"Service": "cloudfront.amazonaws.com"},
    "Condition": {"StringEquals": {"AWS:SourceArn": ARN}},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::shop-files/*",
}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def s3(stubbed):
    return stubbed("s3")


@pytest.mark.parametrize("check_mode", [True, False])
def test_the_statement_is_added_to_what_is_there(call_module, s3, check_mode):
    s3.stubber.add_response("get_bucket_policy", {"Policy": policy(FOREIGN)}, BUCKET)
    if not check_mode:
        s3.stubber.add_response("put_bucket_policy", {}, {**BUCKET, "Policy": policy(FOREIGN, OAC)})
    result = call_module(cloudfront_bucket_policy, PARAMS, {"s3": s3}, check_mode=check_mode, diff=True)
    assert result["changed"] is True
    assert result["policy"]["Statement"] == [FOREIGN, OAC]
    assert result["diff"]["before"]["Statement"] == [FOREIGN]


def test_a_policy_that_is_right_is_only_read(call_module, s3):
    s3.stubber.add_response("get_bucket_policy", {"Policy": policy(FOREIGN, OAC)}, BUCKET)
    assert call_module(cloudfront_bucket_policy, PARAMS, {"s3": s3})["changed"] is False


def test_an_identity_that_s3_does_not_know_yet_is_tried_again(call_module, s3, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    s3.stubber.add_client_error("get_bucket_policy", "NoSuchBucketPolicy")
    s3.stubber.add_client_error("put_bucket_policy", "MalformedPolicy", "Invalid principal in policy")
    s3.stubber.add_response("put_bucket_policy", {})
    params = {"bucket": "shop-files", "origin_access_identities": ["E9"]}
    assert call_module(cloudfront_bucket_policy, params, {"s3": s3})["changed"] is True


@pytest.mark.parametrize(
    ("statements", "call"),
    [((OAC,), "delete_bucket_policy"), ((FOREIGN, OAC), "put_bucket_policy"), ((FOREIGN,), None)],
)
def test_absent_removes_its_own_statements_only(call_module, s3, statements, call):
    s3.stubber.add_response("get_bucket_policy", {"Policy": policy(*statements)}, BUCKET)
    if call:
        expected = BUCKET if call == "delete_bucket_policy" else {**BUCKET, "Policy": policy(FOREIGN)}
        s3.stubber.add_response(call, {}, expected)
    result = call_module(cloudfront_bucket_policy, {"bucket": "shop-files", "state": "absent"}, {"s3": s3})
    assert result["changed"] is bool(call)


@pytest.mark.parametrize(
    ("params", "check_mode", "changed"), [(PARAMS, True, True), ({**BUCKET, "state": "absent"}, False, False)]
)
def test_a_bucket_that_does_not_exist_is_no_obstacle_to_a_plan_nor_to_removing(
    call_module, s3, params, check_mode, changed
):
    s3.stubber.add_client_error("get_bucket_policy", "NoSuchBucket")
    params = {"bucket": "shop-files", **{key: value for key, value in params.items() if key != "Bucket"}}
    result = call_module(cloudfront_bucket_policy, params, {"s3": s3}, check_mode=check_mode)
    assert result["changed"] is changed


def test_a_bucket_that_does_not_exist_is_an_error_otherwise(call_module, s3):
    s3.stubber.add_client_error("get_bucket_policy", "NoSuchBucket", "The specified bucket does not exist")
    result = call_module(cloudfront_bucket_policy, PARAMS, {"s3": s3})
    assert "Failed to read the policy of bucket shop-files" in result["msg"]


@pytest.mark.parametrize(
    "params",
    [
        {"bucket": "(known after apply)", "distribution_arns": [ARN]},
        {"bucket": "(known after apply)", "distribution_arns": ["(known after apply)"]},
    ],
)
def test_what_is_not_known_yet_is_planned(call_module, s3, params):
    assert call_module(cloudfront_bucket_policy, params, {"s3": s3}, check_mode=True)["changed"] is True


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"distribution_arns": ["E1"]}, "distribution_arns: E1 is not the ARN of a distribution"),
        ({"origin_access_identities": ["arn:x"]}, "origin_access_identities: arn:x is not the ID"),
        ({"distribution_arns": [ARN], "sid_prefix": "my site"}, "sid_prefix: may have letters and digits only"),
        ({}, "state is present but any of the following are missing"),
    ],
)
def test_bad_options_are_refused_before_any_call(call_module, s3, params, expected):
    result = call_module(cloudfront_bucket_policy, {"bucket": "shop-files", **params}, {"s3": s3})
    assert result["msg"].startswith(expected)
