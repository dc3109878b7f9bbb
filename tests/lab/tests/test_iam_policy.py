# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json

import pytest

from slipway_lab.iam_policy import ANONYMOUS
from slipway_lab.iam_policy import Principal
from slipway_lab.iam_policy import Request
from slipway_lab.iam_policy import is_allowed
from slipway_lab.iam_policy import is_public
from slipway_lab.iam_policy import problems

ACCOUNT = "123456789012"
ROOT = Principal("root", arn=f"arn:aws:iam::{ACCOUNT}:root", account=ACCOUNT)
ROLE = Principal.of(
    {
        "type": "assumed-role",
        "account": ACCOUNT,
        "role_name": "web",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/web/i-1",
    }
)
STRANGER = Principal("user", arn="arn:aws:iam::999999999999:user/eve", account="999999999999")
CLOUDFRONT = Principal("service", service="cloudfront.amazonaws.com")
OAI_ARN = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"
OAI = Principal("canonical", arn=OAI_ARN, canonical_id="ab" * 32)
OBJECT = "arn:aws:s3:::site/index.html"
DISTRIBUTION = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1"


def statement(effect="Allow", principal="*", action="s3:GetObject", resource="arn:aws:s3:::site/*", **others):
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource, **others}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def request(principal=ANONYMOUS, action="s3:GetObject", resource=OBJECT, **context):
    keys = {key.replace("_", ":", 1): value for key, value in context.items()}
    return Request(principal, action, resource, keys, resource_account=ACCOUNT)


@pytest.mark.parametrize(
    ("element", "principal", "allowed"),
    [
        ("*", ANONYMOUS, True),
        ({"AWS": "*"}, ANONYMOUS, True),
        ({"AWS": ACCOUNT}, ANONYMOUS, False),
        ({"Service": "cloudfront.amazonaws.com"}, CLOUDFRONT, True),
        ({"Service": "delivery.logs.amazonaws.com"}, CLOUDFRONT, False),
        ({"AWS": OAI_ARN}, OAI, True),
        ({"AWS": [OAI_ARN + "X", OAI_ARN]}, OAI, True),
        ({"CanonicalUser": "ab" * 32}, OAI, True),
        ({"CanonicalUser": "cd" * 32}, OAI, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/web"}, ROLE, True),
        ({"AWS": ROLE.arn}, ROLE, True),
        # Naming the account leaves the decision to its identity policies, of which there are none here.
        ({"AWS": ACCOUNT}, ROLE, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, ROLE, False),
        # Another account's user needs its own policy's permission, too.
        ({"AWS": STRANGER.arn}, STRANGER, False),
        ({"Federated": "cognito-identity.amazonaws.com"}, ANONYMOUS, False),
    ],
)
def test_principal_of_a_resource_policy(element, principal, allowed):
    assert is_allowed(request(principal), [], policy(statement(principal=element))).allowed is allowed


def test_the_accounts_root_needs_no_policy_but_heeds_a_deny():
    assert is_allowed(request(ROOT), [], None)
    denied = is_allowed(request(ROOT), [], policy(statement("Deny", Sid="NoReading")))
    assert not denied
    assert denied.explicit
    assert "NoReading" in denied.reason


def test_nobody_else_may_do_what_nothing_allows():
    for principal in (ANONYMOUS, CLOUDFRONT, OAI, ROLE, STRANGER):
        assert not is_allowed(request(principal), [], None)


def test_identity_policy_suffices_within_the_account():
    mine = [policy({"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::site/*"})]
    assert is_allowed(request(ROLE), mine, None)
    assert not is_allowed(request(ROLE, action="s3:PutObject"), mine, None)
    assert not is_allowed(request(ROLE), mine, policy(statement("Deny")))


def test_across_accounts_both_must_allow():
    theirs = [policy({"Effect": "Allow", "Action": "*", "Resource": "*"})]
    ours = policy(statement(principal={"AWS": "999999999999"}))
    assert is_allowed(request(STRANGER), theirs, ours)
    assert not is_allowed(request(STRANGER), theirs, None)
    assert not is_allowed(request(STRANGER), [], ours)


def test_identity_deny_wins_over_a_resource_allow():
    mine = [policy({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"})]
    assert is_allowed(request(ROLE), mine, policy(statement(principal={"AWS": ROLE.role_arn}))).explicit


def test_not_principal():
    others_denied = statement("Deny", NotPrincipal={"AWS": [ROLE.role_arn, ACCOUNT]})
    del others_denied["Principal"]
    ours = policy(others_denied)
    mine = [policy({"Effect": "Allow", "Action": "*", "Resource": "*"})]
    assert is_allowed(request(ROLE), mine, ours)
    assert not is_allowed(request(STRANGER), mine, ours)


@pytest.mark.parametrize(
    ("element", "value", "matches"),
    [
        ({"Action": "s3:*"}, "s3:GetObject", True),
        ({"Action": "S3:getobject"}, "s3:GetObject", True),
        ({"Action": "s3:GetObject?"}, "s3:GetObject", False),
        ({"Action": ["s3:Put*", "s3:GetObject"]}, "s3:GetObject", True),
        ({"NotAction": "s3:Put*"}, "s3:GetObject", True),
        ({"NotAction": "s3:Get*"}, "s3:GetObject", False),
    ],
)
def test_action(element, value, matches):
    document = policy({"Effect": "Allow", "Resource": "*", **element})
    assert is_allowed(request(ROLE, action=value), [document]).allowed is matches


@pytest.mark.parametrize(
    ("element", "matches"),
    [
        ({"Resource": "arn:aws:s3:::site/*"}, True),
        ({"Resource": "arn:aws:s3:::site/INDEX.html"}, False),
        ({"Resource": "arn:aws:s3:::site"}, False),
        ({"Resource": "arn:aws:s3:::s?te/*.html"}, True),
        ({"Resource": "arn:aws:s3:::site/index.htm"}, False),
        ({"NotResource": "arn:aws:s3:::site/private/*"}, True),
        ({"NotResource": "arn:aws:s3:::site/*"}, False),
    ],
)
def test_resource(element, matches):
    document = policy({"Effect": "Allow", "Action": "*", **element})
    assert is_allowed(request(ROLE), [document]).allowed is matches


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"aws:SourceArn": DISTRIBUTION}}, {"aws_SourceArn": DISTRIBUTION}, True),
        ({"StringEquals": {"AWS:sourcearn": DISTRIBUTION}}, {"aws_SourceArn": DISTRIBUTION}, True),
        ({"StringEquals": {"aws:SourceArn": DISTRIBUTION}}, {"aws_SourceArn": DISTRIBUTION + "2"}, False),
        ({"StringEquals": {"aws:SourceArn": [DISTRIBUTION, "x"]}}, {"aws_SourceArn": "x"}, True),
        ({"StringEquals": {"aws:SourceArn": DISTRIBUTION}}, {}, False),
        ({"StringNotEquals": {"aws:SourceArn": DISTRIBUTION}}, {}, True),
        ({"StringNotEquals": {"aws:SourceArn": ["a", "b"]}}, {"aws_SourceArn": "b"}, False),
        ({"StringNotEquals": {"aws:SourceArn": ["a", "b"]}}, {"aws_SourceArn": "c"}, True),
        ({"StringEqualsIgnoreCase": {"aws:x": "ABC"}}, {"aws_x": "abc"}, True),
        ({"StringNotEqualsIgnoreCase": {"aws:x": "ABC"}}, {"aws_x": "abc"}, False),
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3_prefix": "home/a/b"}, True),
        ({"StringNotLike": {"s3:prefix": "home/*"}}, {"s3_prefix": "home/a/b"}, False),
        ({"StringEqualsIfExists": {"aws:x": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"aws:x": "a"}}, {"aws_x": "b"}, False),
        # An ARN's wildcards stay within its parts.
        ({"ArnLike": {"aws:x": "arn:aws:cloudfront::*:distribution/*"}}, {"aws_x": DISTRIBUTION}, True),
        ({"ArnEquals": {"aws:x": "arn:aws:cloudfront::*:distribution/*"}}, {"aws_x": DISTRIBUTION}, True),
        ({"ArnLike": {"aws:x": "arn:aws:*:distribution/E1"}}, {"aws_x": DISTRIBUTION}, False),
        ({"ArnNotLike": {"aws:x": "arn:aws:cloudfront::1:*"}}, {"aws_x": DISTRIBUTION}, True),
        ({"ArnNotEquals": {"aws:x": DISTRIBUTION}}, {"aws_x": DISTRIBUTION}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws_SecureTransport": "true"}, False),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws_SecureTransport": "false"}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"BoolIfExists": {"aws:SecureTransport": "false"}}, {}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws_SourceIp": "10.1.2.3"}, True),
        ({"IpAddress": {"aws:SourceIp": ["192.0.2.1", "::1/128"]}}, {"aws_SourceIp": "10.1.2.3"}, False),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws_SourceIp": "10.1.2.3"}, False),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, {"s3_max-keys": "10"}, True),
        ({"NumericGreaterThan": {"s3:TlsVersion": "1.1"}}, {"s3_TlsVersion": "1.3"}, True),
        ({"NumericLessThan": {"s3:TlsVersion": 1.2}}, {"s3_TlsVersion": "1.3"}, False),
        ({"NumericEquals": {"s3:max-keys": "10"}}, {"s3_max-keys": "ten"}, False),
        ({"NumericNotEquals": {"s3:max-keys": "10"}}, {}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, {"aws_CurrentTime": "2025-01-01"}, True),
        ({"DateLessThan": {"aws:EpochTime": "1000"}}, {"aws_EpochTime": "999"}, True),
        ({"Null": {"aws:x": "true"}}, {}, True),
        ({"Null": {"aws:x": "true"}}, {"aws_x": "1"}, False),
        ({"Null": {"aws:x": "false"}}, {"aws_x": "1"}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}, {"aws_TagKeys": ["a", "b"]}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}, {}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "c"]}}, {"aws_TagKeys": ["a", "b"]}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws_TagKeys": ["a", "b"]}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {}, True),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}, {"aws_TagKeys": ["a", "b"]}, True),
        ({"ForAllValues:StringNotLike": {"aws:TagKeys": "a*"}}, {"aws_TagKeys": ["b", "ab"]}, False),
        # Every operator and every key of a condition must hold.
        ({"StringEquals": {"aws:x": "1", "aws:y": "2"}}, {"aws_x": "1"}, False),
        ({"StringEquals": {"aws:x": "1"}, "Bool": {"aws:y": "true"}}, {"aws_x": "1", "aws_y": "true"}, True),
    ],
)
def test_condition(condition, context, holds):
    document = policy(statement(Condition=condition))
    assert is_allowed(request(**context), [], document).allowed is holds


def test_policies_may_be_json_text():
    assert is_allowed(request(), [], json.dumps(policy(statement())).encode())


def test_message_is_that_of_aws():
    asked = request(ROLE, action="s3:PutObject")
    assert is_allowed(asked).message(asked) == (
        f"User: {ROLE.arn} is not authorized to perform: s3:PutObject on resource: {OBJECT} "
        "because no identity-based policy allows the s3:PutObject action"
    )


@pytest.mark.parametrize(
    ("changes", "public"),
    [
        ({}, True),
        ({"principal": {"AWS": "*"}}, True),
        ({"principal": {"AWS": ACCOUNT}}, False),
        ({"principal": {"Service": "cloudfront.amazonaws.com"}}, False),
        ({"effect": "Deny"}, False),
        ({"Condition": {"StringEquals": {"aws:SourceArn": DISTRIBUTION}}}, False),
        ({"Condition": {"StringLike": {"aws:SourceArn": "arn:aws:*"}}}, True),
        ({"Condition": {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
    ],
)
def test_is_public(changes, public):
    assert is_public(policy(statement(**changes))) is public


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (policy(statement()), None),
        ("not json", "valid JSON"),
        ("[]", "valid JSON"),
        ({"Version": "2012-10-17"}, "Missing required field Statement"),
        ({"Version": "1999-01-01", "Statement": [statement()]}, "valid version"),
        (policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}), "Missing required field Principal"),
        (policy(statement("Permit")), "Invalid effect: Permit"),
        (policy(statement(Condition={"StringIs": {"a": "b"}})), "Invalid Condition type : StringIs"),
        (policy(statement(Condition={"ForEach:StringEquals": {"a": "b"}})), "Invalid Condition type"),
        (policy(statement(NotAction="s3:*")), "both Action and NotAction"),
        (policy(statement(Recource="x")), "Unknown field Recource"),
        (policy(statement(Sid="A"), statement(Sid="A")), "Duplicate Sid"),
        (policy(statement(resource="arn:aws:s3:::site/${aws:username}")), "variables"),
    ],
)
def test_problems(document, expected):
    found = problems(document, with_principal=True)
    assert found == [] if expected is None else any(expected in problem for problem in found)


def test_identity_policies_have_no_principal():
    assert problems(policy(statement()), with_principal=False)
    assert not problems(policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}), with_principal=False)
