# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._acm import compare
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

PARAMS = {
    "domain_name": "Example.com.",
    "subject_alternative_names": ["*.example.com", "EXAMPLE.com"],
    "name": None,
    "key_algorithm": "RSA_2048",
    "tags": None,
}
DESIRED = compare.desired_certificate(PARAMS)
CURRENT = {
    "arn": "arn:1",
    "domain_name": "example.com",
    "subject_alternative_names": ["*.example.com"],
    "key_algorithm": "RSA_2048",
    "status": "ISSUED",
}


@pytest.mark.parametrize(
    ("domain_name", "others", "names"),
    [
        ("example.com", [], ["example.com"]),
        ("Example.COM.", ["example.com"], ["example.com"]),
        ("b.com", ["c.com", "A.com", "c.com."], ["b.com", "a.com", "c.com"]),
    ],
)
def test_names_are_told_once_and_in_one_order(domain_name, others, names):
    assert compare.normalise_names(domain_name, others) == names


def test_the_same_request_has_the_same_token():
    token = compare.request_token("shop", ["a.com", "b.com"], "RSA_2048", [])
    assert token == compare.request_token("shop", ["a.com", "b.com"], "RSA_2048", [])
    assert len(token) == 32
    assert token.isalnum()


@pytest.mark.parametrize(
    "other",
    [
        ("store", ["a.com", "b.com"], "RSA_2048", []),
        ("shop", ["a.com"], "RSA_2048", []),
        ("shop", ["a.com", "b.com"], "EC_prime256v1", []),
        # AWS would answer with the request that failed, for an hour.
        ("shop", ["a.com", "b.com"], "RSA_2048", ["arn:failed"]),
    ],
)
def test_another_request_has_another_token(other):
    assert compare.request_token("shop", ["a.com", "b.com"], "RSA_2048", []) != compare.request_token(*other)


def test_apex_and_wildcard_share_a_record():
    record = {"Name": "_1.example.com.", "Type": "CNAME", "Value": "_2.acm-validations.aws."}
    www = {"Name": "_3.www.example.com.", "Type": "CNAME", "Value": "_4.acm-validations.aws."}
    description = {
        "DomainValidationOptions": [
            {"DomainName": "www.example.com", "ResourceRecord": www},
            {"DomainName": "example.com", "ResourceRecord": record},
            {"DomainName": "*.example.com", "ResourceRecord": dict(record)},
            # Not told yet
            {"DomainName": "other.example.com"},
        ]
    }
    assert [item["name"] for item in compare.validation_records(description)] == [
        "_1.example.com.",
        "_3.www.example.com.",
    ]


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ({"DomainName": "example.com", "Type": "AMAZON_ISSUED"}, True),
        ({"DomainName": "Example.com"}, True),
        ({"DomainName": "example.com", "Type": "IMPORTED"}, False),
        ({"DomainName": "www.example.com", "Type": "AMAZON_ISSUED"}, False),
    ],
)
def test_whose_tags_are_read(summary, expected):
    assert compare.may_be_ours(summary, "example.com") is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([{}], ("arn:1", [], [])),
        ([], (None, [], [])),
        ([{"status": "FAILED"}], (None, ["arn:1"], [])),
        ([{"status": "VALIDATION_TIMED_OUT"}], (None, ["arn:1"], [])),
        ([{"status": "EXPIRED"}], (None, [], ["arn:1"])),
        ([{"subject_alternative_names": []}], (None, [], ["arn:1"])),
        ([{"key_algorithm": "EC_prime256v1"}], (None, [], ["arn:1"])),
        ([{"status": "PENDING_VALIDATION"}, {"arn": "arn:2"}], ("arn:2", [], ["arn:1"])),
        ([{"arn": "arn:2"}, {}], ("arn:1", [], ["arn:2"])),
        ([{"status": "FAILED"}, {"arn": "arn:2", "status": "PENDING_VALIDATION"}], ("arn:2", ["arn:1"], [])),
    ],
)
def test_which_certificate_is_meant(changes, expected):
    chosen, failed, others = compare.choose([{**CURRENT, **change} for change in changes], DESIRED)
    assert (chosen and chosen["arn"], [item["arn"] for item in failed], [item["arn"] for item in others]) == expected


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["example.com", "*.example.com"], None),
        ([UNKNOWN], None),
        (["localhost"], "localhost is not a domain name"),
        (["a.*.example.com"], "a.*.example.com is not a domain name"),
        (["example..com"], "example..com is not a domain name"),
        (["a" * 60 + ".example.com"], "longer than the 64 characters"),
    ],
)
def test_what_aws_would_refuse_is_said_before(names, said):
    desired = compare.desired_certificate(
        {**PARAMS, "domain_name": names[0], "subject_alternative_names": names[1:]},
    )
    problems = compare.certificate_problems(desired)
    assert (said in problems[0]) if said else problems == []


def test_a_plan_names_what_it_can():
    planned = compare.planned_certificate(DESIRED)
    assert planned["arn"] == UNKNOWN
    assert planned["validation_records"] == [
        {"name": f"{UNKNOWN}.example.com.", "type": "CNAME", "value": UNKNOWN},
    ]
    assert planned["tags"] == {"Name": "example.com"}


def test_a_request_has_all_in_one_call():
    request = compare.build_request({**DESIRED, "tags": {"Project": "shop", "Name": "shop"}}, [])
    assert request["SubjectAlternativeNames"] == ["*.example.com"]
    assert request["Tags"] == [{"Key": "Name", "Value": "shop"}, {"Key": "Project", "Value": "shop"}]
    assert request["ValidationMethod"] == "DNS"


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        ("FAILED", "CAA_ERROR", "FAILED, CAA_ERROR. A CAA record"),
        ("FAILED", None, "FAILED. Run again to request another one"),
        ("VALIDATION_TIMED_OUT", "VALIDATION_TIMED_OUT", "VALIDATION_TIMED_OUT. The validation records"),
        ("REVOKED", None, "REVOKED. Run again"),
    ],
)
def test_why_it_will_never_be_issued(status, reason, said):
    assert said in compare.failure_message({**CURRENT, "status": status, "failure_reason": reason})
