# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from slipway_lab.journal import Journal
from slipway_lab.journal import is_mutating


@pytest.mark.parametrize(
    ("operation", "mutating"),
    [
        ("DescribeInstances", False),
        ("GetObject", False),
        ("ListObjectsV2", False),
        ("HeadBucket", False),
        ("BatchGetItem", False),
        ("LookupEvents", False),
        ("SearchResources", False),
        ("Query", False),
        ("Scan", False),
        ("SimulatePrincipalPolicy", False),
        ("TestFunction", False),
        ("CheckDNSAvailability", False),
        ("ValidateTemplate", False),
        ("AssumeRole", False),
        ("AssumeRoleWithWebIdentity", False),
        ("DecodeAuthorizationMessage", False),
        ("RunInstances", True),
        ("PutObject", True),
        ("BatchWriteItem", True),
        ("CreateInvalidation", True),
        ("ScanAndDelete", True),
        ("Unknown", True),
    ],
)
def test_is_mutating(operation, mutating):
    assert is_mutating(operation) is mutating


def test_calls_since():
    journal = Journal()
    assert journal.since(0) == {"seq": 0, "calls": []}
    journal.record("ec2", "DescribeVpcs", 200, None, "arn:a")
    journal.record("s3", "PutObject", 403, "AccessDenied", "arn:b")
    answer = journal.since(1)
    assert answer["seq"] == 2
    assert [(call["seq"], call["operation"], call["mutating"], call["error"]) for call in answer["calls"]] == [
        (2, "PutObject", True, "AccessDenied")
    ]
    assert len(journal.since(-5)["calls"]) == 2
