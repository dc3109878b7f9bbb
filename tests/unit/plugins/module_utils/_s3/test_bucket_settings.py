# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._s3 import compare

RULE = {
    "id": "old",
    "prefix": "",
    "enabled": True,
    "expiration_days": None,
    "expired_object_delete_marker": False,
    "noncurrent_expiration_days": None,
    "newer_noncurrent_versions": None,
    "abort_incomplete_multipart_upload_days": None,
}
CORS_RULE = {
    "id": None,
    "allowed_origins": ["https://b", "https://a"],
    "allowed_methods": ["PUT", "GET"],
    "allowed_headers": None,
    "expose_headers": None,
    "max_age_seconds": None,
}
PARAMS = {
    "name": "shop-frontend",
    "versioning": True,
    "encryption": "AES256",
    "kms_key_id": None,
    "bucket_key_enabled": True,
    "public_access_block": dict.fromkeys(compare.PUBLIC_ACCESS_BLOCK, True),
    "object_ownership": "BucketOwnerEnforced",
    "require_tls": True,
    "lifecycle_rules": None,
    "cors_rules": None,
    "tags": None,
    "purge_tags": True,
}


@pytest.mark.parametrize(
    "name", ["abc", "shop-123456789012", "shop.example.com", "1-a", "a" * 63, UNKNOWN, f"shop-{UNKNOWN}"]
)
def test_legal_names(name):
    assert compare.find_problems({**PARAMS, "name": name}) == []


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "Shop",
        "shop_a",
        "-shop",
        "shop-",
        "a..b",
        "192.168.0.1",
        "xn--shop",
        "sthree-shop",
        "shop-s3alias",
        "shop--ol-s3",
    ],
)
def test_illegal_names(name):
    (problem,) = compare.find_problems({**PARAMS, "name": name})
    assert problem.startswith(f"name: {name} is no legal bucket name")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "does nothing; set one of expiration_days, "),
        ({"expiration_days": 0}, "expiration_days must be 1 or more"),
        ({"expiration_days": 3, "expired_object_delete_marker": True}, "make two rules"),
        ({"newer_noncurrent_versions": 3}, "newer_noncurrent_versions needs noncurrent_expiration_days"),
        ({"expiration_days": 3, "id": "i" * 256}, "id is longer than 255 characters"),
    ],
)
def test_rules_that_s3_refuses(change, expected):
    (problem,) = compare.find_problems({**PARAMS, "lifecycle_rules": [{**RULE, **change}]})
    assert expected in problem


def test_two_rules_of_one_id_are_refused():
    rule = {**RULE, "expiration_days": 3}
    (problem,) = compare.find_problems({**PARAMS, "lifecycle_rules": [rule, rule]})
    assert problem == "lifecycle_rules: id old is used twice; every rule needs its own"


def test_a_key_without_kms_is_refused():
    (problem,) = compare.find_problems({**PARAMS, "kms_key_id": "alias/shop"})
    assert problem.startswith("kms_key_id: has no meaning with encryption AES256")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, {"algorithm": None, "kms_key_id": None, "bucket_key_enabled": False}),
        (
            {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True},
            {"algorithm": "AES256", "kms_key_id": None, "bucket_key_enabled": False},
        ),
        (
            {
                "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/shop"},
                "BucketKeyEnabled": True,
            },
            {"algorithm": "aws:kms", "kms_key_id": "alias/shop", "bucket_key_enabled": True},
        ),
    ],
)
def test_encryption_is_read(answer, expected):
    assert compare.normalise_encryption(answer) == expected


def test_encryption_keeps_what_is_not_an_option():
    current = {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}, "BucketKeyEnabled": False}
    wanted = {"algorithm": "aws:kms", "kms_key_id": None, "bucket_key_enabled": True}
    assert compare.build_encryption(wanted, current) == {
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"},
        "BucketKeyEnabled": True,
    }


@pytest.mark.parametrize(
    ("params", "current", "expected"),
    [
        ({}, None, {"algorithm": "AES256", "kms_key_id": None, "bucket_key_enabled": False}),
        (
            {"encryption": "aws:kms", "kms_key_id": "1-a"},
            {"algorithm": "aws:kms", "kms_key_id": "arn:aws:kms:us-east-1:123456789012:key/1-a"},
            {
                "algorithm": "aws:kms",
                "kms_key_id": "arn:aws:kms:us-east-1:123456789012:key/1-a",
                "bucket_key_enabled": True,
            },
        ),
        (
            {"encryption": "aws:kms:dsse"},
            None,
            {"algorithm": "aws:kms:dsse", "kms_key_id": None, "bucket_key_enabled": False},
        ),
    ],
)
def test_desired_encryption(params, current, expected):
    assert compare.desired_settings({**PARAMS, **params}, {"encryption": current})["encryption"] == expected


def test_what_is_not_set_is_not_desired():
    settings = compare.desired_settings(PARAMS, {})
    assert sorted(settings) == ["encryption", "object_ownership", "public_access_block", "require_tls", "versioning"]


@pytest.mark.parametrize(
    ("tags", "purge", "expected"),
    [
        ({"B": 2}, True, {"B": "2", "aws:cloudformation:stack-name": "x"}),
        ({"B": 2}, False, {"A": "1", "B": "2", "aws:cloudformation:stack-name": "x"}),
        ({}, True, {"aws:cloudformation:stack-name": "x"}),
        ({}, False, {"A": "1", "aws:cloudformation:stack-name": "x"}),
    ],
)
def test_desired_tags(tags, purge, expected):
    current = {"A": "1", "aws:cloudformation:stack-name": "x"}
    assert compare.desired_tags(current, tags, purge) == expected


def test_lifecycle_rules_survive_the_way_to_s3_and_back():
    rules = [
        {**RULE, "id": "b", "expired_object_delete_marker": True},
        {**RULE, "id": "a", "prefix": "logs/", "expiration_days": 3, "noncurrent_expiration_days": 1, "enabled": False},
    ]
    desired = compare.desired_lifecycle_rules(rules)
    built = compare.build_lifecycle_rules(desired)
    assert built == [
        {
            "ID": "a",
            "Filter": {"Prefix": "logs/"},
            "Status": "Disabled",
            "Expiration": {"Days": 3},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        {"ID": "b", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"ExpiredObjectDeleteMarker": True}},
    ]
    assert compare.normalise_lifecycle_rules(reversed(built)) == desired


@pytest.mark.parametrize(
    "answer",
    [
        {"ID": "a", "Prefix": "", "Status": "Enabled", "Expiration": {"Days": 3}},
        {"ID": "a", "Filter": {}, "Status": "Enabled", "Expiration": {"Days": 3}},
        {"ID": "a", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Days": 3}, "Transitions": []},
    ],
)
def test_spellings_of_a_rule_for_all_objects(answer):
    desired = compare.desired_lifecycle_rules([{**RULE, "id": "a", "expiration_days": 3}])
    assert compare.normalise_lifecycle_rules([answer]) == desired


@pytest.mark.parametrize(
    "difference",
    [
        {"Filter": {"Tag": {"Key": "a", "Value": "b"}}},
        {"Filter": {"And": {"Prefix": "", "ObjectSizeGreaterThan": 5}}},
        {"Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]},
        {"Expiration": {"Date": "2027-01-01"}},
        {"Status": "Disabled"},
    ],
)
def test_a_rule_that_does_more_or_less_differs(difference):
    answer = {"ID": "a", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Days": 3}, **difference}
    desired = compare.desired_lifecycle_rules([{**RULE, "id": "a", "expiration_days": 3}])
    assert compare.normalise_lifecycle_rules([answer]) != desired


def test_cors_rules_keep_their_order_and_not_that_of_their_values():
    rules = [CORS_RULE, {**CORS_RULE, "id": "a", "allowed_headers": ["*"], "max_age_seconds": 60}]
    desired = compare.desired_cors_rules(rules)
    built = compare.build_cors_rules(desired)
    assert built == [
        {"AllowedOrigins": ["https://a", "https://b"], "AllowedMethods": ["GET", "PUT"]},
        {
            "ID": "a",
            "AllowedOrigins": ["https://a", "https://b"],
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["*"],
            "MaxAgeSeconds": 60,
        },
    ]
    assert compare.normalise_cors_rules(built) == desired
    assert compare.normalise_cors_rules(list(reversed(built))) != desired


def test_public_access_block_survives_the_way_to_s3_and_back():
    block = {**dict.fromkeys(compare.PUBLIC_ACCESS_BLOCK, True), "block_public_policy": False}
    built = compare.build_public_access_block(block)
    assert built["BlockPublicPolicy"] is False
    assert compare.normalise_public_access_block(built) == block
    assert set(compare.normalise_public_access_block({}).values()) == {False}
