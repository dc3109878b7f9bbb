# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import cloudfront_statements
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import has_statement
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import merge_statements
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import tls_statement

BUCKET = "arn:aws:s3:::shop"
ONE = "arn:aws:cloudfront::123456789012:distribution/E1"
TWO = "arn:aws:cloudfront::123456789012:distribution/E2"
FOREIGN = {"Sid": "Backup", "Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "s3:*", "Resource": "*"}
WITHOUT_SID = {key: value for key, value in FOREIGN.items() if key != "Sid"}
TLS = tls_statement(BUCKET)


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def oac(*arns, list_bucket=False):
    return cloudfront_statements(BUCKET, "AllowCloudFront", list(arns), None, list_bucket)


def test_each_kind_of_access_has_its_statements():
    statements = cloudfront_statements(BUCKET, "Site", [TWO, ONE], ["E9"], True)
    assert sorted(statements) == ["SiteOAC", "SiteOACList", "SiteOAI", "SiteOAIList"]
    assert statements["SiteOAC"] == {
        "Sid": "SiteOAC",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Condition": {"StringEquals": {"AWS:SourceArn": [ONE, TWO]}},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::shop/*",
    }
    assert statements["SiteOAIList"] == {
        "Sid": "SiteOAIList",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E9"},
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::shop",
    }


@pytest.mark.parametrize(
    ("distributions", "identities", "list_bucket", "sids"),
    [
        (None, ["E9"], True, {"AOAI": True, "AOAIList": True}),
        ([ONE], None, False, {"AOAC": True, "AOACList": False}),
        ([], [], True, {"AOAC": False, "AOACList": False, "AOAI": False, "AOAIList": False}),
        (None, None, True, {}),
    ],
)
def test_what_is_not_spoken_of_is_left_alone_and_what_is_empty_removed(distributions, identities, list_bucket, sids):
    statements = cloudfront_statements(BUCKET, "A", distributions, identities, list_bucket)
    assert {sid: statement is not None for sid, statement in statements.items()} == sids


def test_the_partition_is_that_of_the_bucket():
    statements = cloudfront_statements("arn:aws-cn:s3:::shop", "A", None, ["E9"], False)
    assert statements["AOAI"]["Principal"]["AWS"].startswith("arn:aws-cn:iam::cloudfront:")


@pytest.mark.parametrize(
    ("current", "wanted", "changed", "merged"),
    [
        pytest.param(None, {"S": None}, False, None, id="nothing there, nothing wanted"),
        pytest.param(None, {"DenyInsecureTransport": TLS}, True, policy(TLS), id="first statement"),
        pytest.param(
            policy(FOREIGN), {"DenyInsecureTransport": TLS}, True, policy(FOREIGN, TLS), id="added to a foreign one"
        ),
        pytest.param(
            policy(TLS, FOREIGN), {"DenyInsecureTransport": TLS}, False, policy(TLS, FOREIGN), id="there already"
        ),
        pytest.param(
            policy(TLS, FOREIGN),
            {"DenyInsecureTransport": None},
            True,
            policy(FOREIGN),
            id="removed from a foreign one",
        ),
        pytest.param(policy(TLS), {"DenyInsecureTransport": None}, True, None, id="removed, none left"),
        pytest.param(
            policy(WITHOUT_SID, TLS),
            {"DenyInsecureTransport": {**TLS, "Action": "s3:Get*"}},
            True,
            policy(WITHOUT_SID, {**TLS, "Action": "s3:Get*"}),
            id="replaced in its place",
        ),
        pytest.param(
            {"Version": "2008-10-17", "Id": "x", "Statement": FOREIGN},
            {"DenyInsecureTransport": TLS},
            True,
            {"Version": "2008-10-17", "Id": "x", "Statement": [FOREIGN, TLS]},
            id="a single statement that is not in a list",
        ),
        pytest.param(
            policy(oac(ONE)["AllowCloudFrontOAC"]),
            oac(UNKNOWN),
            True,
            policy(oac(UNKNOWN)["AllowCloudFrontOAC"]),
            id="a value that is not known yet is a change",
        ),
    ],
)
def test_statements_are_merged_by_sid(current, wanted, changed, merged):
    assert merge_statements(current, wanted) == (changed, merged)


@pytest.mark.parametrize(
    "spelling",
    [
        {"Action": ["s3:GetObject"]},
        {"Resource": ["arn:aws:s3:::shop/*"]},
        {"Condition": {"StringEquals": {"AWS:SourceArn": [ONE]}}},
        {"Condition": {"StringEquals": {"AWS:SourceArn": ONE}}},
    ],
)
def test_a_statement_that_means_the_same_keeps_its_spelling(spelling):
    current = policy({**oac(ONE)["AllowCloudFrontOAC"], **spelling})
    assert merge_statements(current, oac(ONE)) == (False, current)


def test_the_policy_that_was_given_is_not_changed():
    current = policy(FOREIGN)
    merge_statements(current, {"DenyInsecureTransport": TLS})
    assert current == policy(FOREIGN)


@pytest.mark.parametrize(
    ("current", "there"),
    [
        (None, False),
        (policy(FOREIGN), False),
        (policy(FOREIGN, TLS), True),
        (policy({**TLS, "Effect": "Allow"}), False),
        (policy({**TLS, "Condition": {"Bool": {"aws:SecureTransport": False}}}), True),
    ],
)
def test_a_statement_is_found_by_its_meaning(current, there):
    assert has_statement(current, TLS) is there
