# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._route53 import records
from ansible_collections.slipway.aws.plugins.module_utils._route53.names import canonical_name
from ansible_collections.slipway.aws.plugins.module_utils._route53.names import is_within

ZONE = "example.com."


def option(name="www.example.com", record_type="A", state="present", **more):
    more = {"value": "192.0.2.1"} | more if not {"values", "alias"} & more.keys() else more
    return {"name": name, "type": record_type, "state": state, "ttl": 300, **more}


def alias(name="d111.cloudfront.net", zone_id=None, health=False):
    return {"dns_name": name, "hosted_zone_id": zone_id, "evaluate_target_health": health}


def there(name="www.example.com.", record_type="A", values=("192.0.2.1",), ttl=300, **more):
    return {
        "Name": name,
        "Type": record_type,
        "TTL": ttl,
        "ResourceRecords": [{"Value": value} for value in values],
        **more,
    }


@pytest.mark.parametrize("name", ["*.Example.com", r"\052.example.com.", " *.example.com. "])
def test_a_name_however_it_is_written(name):
    assert canonical_name(name) == "*.example.com."


@pytest.mark.parametrize(
    ("name", "expected"),
    [("example.com.", True), ("a.b.example.com.", True), ("badexample.com.", False), ("com.", False)],
)
def test_what_is_within_a_zone(name, expected):
    assert is_within(name, ZONE) is expected


@pytest.mark.parametrize(
    ("record_type", "one", "other"),
    [
        ("CNAME", "Target.Example.com", "target.example.com."),
        ("MX", "10  Mail.example.com", "10 mail.example.com."),
        ("SRV", "1 10 5060 sip.example.com", "1 10 5060 SIP.example.com."),
        ("AAAA", "2001:DB8:0::1", "2001:db8::1"),
        ("TXT", "v=spf1 -all", '"v=spf1 -all"'),
        ("TXT", "x" * 300, f'"{"x" * 255}" "{"x" * 45}"'),
        ("TXT", 'say "hi"', r'"say \"hi\""'),
        ("CAA", '0 issue "amazon.com"', "0 ISSUE amazon.com"),
    ],
)
def test_values_that_mean_the_same(record_type, one, other):
    assert records.meaning(record_type, one) == records.meaning(record_type, other)


@pytest.mark.parametrize(
    ("record_type", "one", "other"),
    [
        ("TXT", "Case", "case"),
        ("A", "192.0.2.1", "192.0.2.2"),
        ("MX", "10 mail.example.com", "20 mail.example.com"),
        ("CAA", "0 issue a.com", "0 issuewild a.com"),
    ],
)
def test_values_that_do_not_mean_the_same(record_type, one, other):
    assert records.meaning(record_type, one) != records.meaning(record_type, other)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", '"plain"'),
        ('"quoted" "already"', '"quoted" "already"'),
        (r'a "b" \c', r'"a \"b\" \\c"'),
        ("x" * 256, f'"{"x" * 255}" "x"'),
        ("", '""'),
    ],
)
def test_texts_are_quoted(value, expected):
    assert records.quote_text(value) == expected


@pytest.mark.parametrize("text", ["plain", 'with "quotes"', r"back\slash", "x" * 600])
def test_a_quoted_text_says_the_same(text):
    assert records.text_of(records.quote_text(text)) == text


@pytest.mark.parametrize(
    ("wanted", "current"),
    [
        (option(), there()),
        (option("WWW.example.com."), there()),
        (option("*.example.com"), there(r"\052.example.com.")),
        (option(value=None, values=["192.0.2.2", "192.0.2.1"]), there(values=["192.0.2.1", "192.0.2.2"])),
        (option(record_type="TXT", value="v=1"), there(record_type="TXT", values=['"v=1"'])),
        (
            option(alias=alias("D111.CloudFront.net")),
            {
                "Name": "www.example.com.",
                "Type": "A",
                "AliasTarget": {
                    "HostedZoneId": "Z2FDTNDATAQYW2",
                    "DNSName": "d111.cloudfront.net.",
                    "EvaluateTargetHealth": False,
                },
            },
        ),
        (option(set_identifier="a", weight=1), there(SetIdentifier="a", Weight=1)),
        (option(state="absent"), None),
    ],
)
def test_what_is_right_is_left(wanted, current):
    assert records.decide_changes([current] if current else [], [wanted], ZONE) == []


@pytest.mark.parametrize(
    ("wanted", "current"),
    [
        (option(), None),
        (option(ttl=60), there()),
        (option(value="192.0.2.2"), there()),
        (option(value=UNKNOWN), there()),
        (option(alias=alias()), there()),
        (option(set_identifier="a", weight=2), there(SetIdentifier="a", Weight=1)),
        (option(alias=alias(UNKNOWN)), there()),
    ],
)
def test_what_differs_is_written(wanted, current):
    changes = records.decide_changes([current] if current else [], [wanted], ZONE)
    assert [change["Action"] for change in changes] == ["UPSERT"]


def test_what_is_deleted_is_told_as_it_is():
    current = there(ttl=77)
    changes = records.decide_changes([current], [option(state="absent", value=None)], ZONE)
    assert changes == [{"Action": "DELETE", "ResourceRecordSet": current}]


def test_purging_keeps_to_its_names_and_off_the_zone_itself():
    current = [
        there("example.com.", "NS", ["ns-1.awsdns-00.com."]),
        there("example.com.", "SOA", ["ns-1 hostmaster 1 7200 900 1209600 86400"]),
        there("example.com.", "TXT", ['"old"']),
        there("example.com.", "A"),
        there("www.example.com.", "TXT", ['"kept"']),
    ]
    changes = records.decide_changes(current, [option("example.com")], ZONE, ["Example.com"])
    assert [(change["Action"], change["ResourceRecordSet"]["Type"]) for change in changes] == [("DELETE", "TXT")]


def test_what_gives_way_goes_first():
    current = [there(record_type="CNAME", values=["old.example.com"])]
    changes = records.decide_changes(current, [option()], ZONE, ["www.example.com"])
    assert [change["Action"] for change in changes] == ["DELETE", "UPSERT"]
    assert [record["Type"] for record in records.apply_changes(current, changes)] == ["A"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([option()], None),
        ([option(f"{UNKNOWN}.example.com"), option(f"{UNKNOWN}.example.com")], None),
        ([option("www.example.org")], "is not in the zone example.com."),
        ([option(), option("WWW.example.com.")], "is there twice"),
        ([option(value=None)], "needs either value"),
        ([option(alias=alias("lb.elb.amazonaws.com"))], "without hosted_zone_id"),
        ([option(alias=alias("lb.elb.amazonaws.com", "Z1"))], None),
        ([option("example.com", "CNAME", value="a.b")], "cannot have a CNAME"),
        ([option(state="absent", value=None)], None),
    ],
)
def test_what_cannot_be_meant(options, said):
    problems = records.record_problems(options, ZONE)
    assert (said in problems[0]) if said else problems == []


def changes_of(count, values=1, length=10, action="UPSERT"):
    return [
        {"Action": action, "ResourceRecordSet": there(f"n{index}.example.com.", values=["x" * length] * values)}
        for index in range(count)
    ]


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ([], []),
        (changes_of(3), [3]),
        (changes_of(500), [500]),
        (changes_of(501), [500, 1]),
        (changes_of(1000, action="DELETE"), [1000]),
        (changes_of(3, values=300), [1, 1, 1]),
        (changes_of(20, length=1000), [16, 4]),
    ],
)
def test_calls_keep_within_the_limits(changes, sizes):
    assert [len(batch) for batch in records.batches(changes)] == sizes


def test_changes_of_a_name_stay_together():
    pair = [
        {"Action": "DELETE", "ResourceRecordSet": there("n1.example.com.", "CNAME", ["a."])},
        *changes_of(500),
    ]
    batches = list(records.batches(pair))
    assert [batch for batch in batches if len({records.key_of(c["ResourceRecordSet"])[1] for c in batch}) == 2]
    assert len(batches) == 2


def test_records_are_told_in_the_words_of_the_options():
    assert records.describe(there(values=["192.0.2.2", "192.0.2.1"])) == {
        "name": "www.example.com.",
        "type": "A",
        "ttl": 300,
        "values": ["192.0.2.1", "192.0.2.2"],
    }
    described = records.describe(records.build_record(option(alias=alias())))
    assert described["alias"]["hosted_zone_id"] == "Z2FDTNDATAQYW2"
