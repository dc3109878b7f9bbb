# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from ansible_collections.slipway.aws.plugins.modules import route53_records

UNKNOWN = "(known after apply)"
NAME_SERVERS = ["ns-1.awsdns-00.com", "ns-2.awsdns-00.net"]
PARAMS = {
    "zone": "example.com",
    "records": [
        {"name": "www.example.com", "type": "A", "value": "192.0.2.1"},
        {"name": "www.example.com", "type": "TXT", "values": ["v=1"]},
    ],
}
A = {"Name": "www.example.com.", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": "192.0.2.1"}]}
TXT = {"Name": "www.example.com.", "Type": "TXT", "TTL": 300, "ResourceRecords": [{"Value": '"v=1"'}]}
MX = {"Name": "www.example.com.", "Type": "MX", "TTL": 60, "ResourceRecords": [{"Value": "10 mail.example.com"}]}
AFTER = {"Name": "xxx.example.com.", "Type": "A", "TTL": 1, "ResourceRecords": [{"Value": "192.0.2.9"}]}
CHANGE = {"Id": "/change/C1", "Status": "PENDING", "SubmittedAt": "2026-01-01T00:00:00Z"}


@pytest.fixture
def route53(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    client = boto3.client(
        "route53", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    with Stubber(client) as stubber:
        client.stubber = stubber
        yield client
        stubber.assert_no_pending_responses()


def zone(identifier="Z1", name="example.com.", private=False):
    return {
        "Id": f"/hostedzone/{identifier}",
        "Name": name,
        "CallerReference": "x",
        "Config": {"PrivateZone": private},
    }


def add_zones(route53, *zones, vpcs=("vpc-1",)):
    public = [item for item in zones if not item["Config"]["PrivateZone"]]
    listed = {"HostedZones": [*zones, zone("Z9", "example.net.")], "IsTruncated": False, "MaxItems": "100"}
    route53.stubber.add_response("list_hosted_zones_by_name", listed, {"DNSName": "example.com."})
    for item in zones:
        # Only zones of the kind that is asked for are read: a public one stands beside private ones.
        if item["Config"]["PrivateZone"] or len(zones) == len(public):
            add_zone(route53, item, vpcs)


def add_zone(route53, item, vpcs=("vpc-1",)):
    answer = {"HostedZone": item}
    if item["Config"]["PrivateZone"]:
        answer["VPCs"] = [{"VPCRegion": "us-east-1", "VPCId": vpc} for vpc in vpcs]
    else:
        answer["DelegationSet"] = {"NameServers": NAME_SERVERS}
    route53.stubber.add_response("get_hosted_zone", answer)


def add_records(route53, *records, name="www.example.com."):
    answer = {"ResourceRecordSets": [*records, AFTER], "IsTruncated": False, "MaxItems": "300"}
    route53.stubber.add_response("list_resource_record_sets", answer, {"HostedZoneId": "Z1", "StartRecordName": name})


def add_change(route53, *changes, wait=True):
    request = {
        "HostedZoneId": "Z1",
        "ChangeBatch": {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]},
    }
    route53.stubber.add_response("change_resource_record_sets", {"ChangeInfo": CHANGE}, request)
    if wait:
        route53.stubber.add_response("get_change", {"ChangeInfo": CHANGE}, {"Id": "/change/C1"})
        route53.stubber.add_response("get_change", {"ChangeInfo": {**CHANGE, "Status": "INSYNC"}})


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.usefixtures("sequential_reads")
def test_what_differs_is_written_in_one_call(call_module, route53, check_mode):
    add_zones(route53, zone())
    add_records(route53, {**A, "TTL": 60}, TXT)
    if not check_mode:
        add_change(route53, ("UPSERT", A))
        add_records(route53, A, TXT)
    result = call_module(route53_records, PARAMS, {"route53": route53}, check_mode=check_mode, diff=True)
    assert result["changed"] is True
    assert result["changes"] == [{"action": "UPSERT", "name": "www.example.com.", "type": "A"}]
    assert [record["ttl"] for record in result["diff"]["before"]["records"]] == [60, 300]
    assert result["records"] == result["diff"]["after"]["records"]
    assert [record["ttl"] for record in result["records"]] == [300, 300]
    assert result["zone"]["name_servers"] == NAME_SERVERS


@pytest.mark.usefixtures("sequential_reads")
def test_what_is_right_is_only_read(call_module, route53):
    add_zones(route53, zone())
    add_records(route53, A, TXT)
    assert call_module(route53_records, PARAMS, {"route53": route53})["changed"] is False


@pytest.mark.usefixtures("sequential_reads")
def test_records_are_deleted_and_purged(call_module, route53):
    add_zones(route53, zone())
    add_records(route53, A, TXT, MX)
    add_change(route53, ("DELETE", A), ("DELETE", MX), wait=False)
    add_records(route53, TXT)
    records = [PARAMS["records"][1], {"name": "www.example.com", "type": "A", "state": "absent"}]
    params = {"zone": "example.com", "records": records, "purge_names": ["www.example.com"], "wait": False}
    result = call_module(route53_records, params, {"route53": route53})
    assert [change["type"] for change in result["changes"]] == ["A", "MX"]


@pytest.mark.usefixtures("sequential_reads")
def test_a_name_with_more_records_than_an_answer_holds(call_module, route53):
    add_zones(route53, zone())
    page = {
        "ResourceRecordSets": [A],
        "IsTruncated": True,
        "NextRecordName": "www.example.com.",
        "NextRecordType": "TXT",
        "MaxItems": "1",
    }
    route53.stubber.add_response("list_resource_record_sets", page)
    answer = {"ResourceRecordSets": [TXT], "IsTruncated": False, "MaxItems": "300"}
    query = {"HostedZoneId": "Z1", "StartRecordName": "www.example.com.", "StartRecordType": "TXT"}
    route53.stubber.add_response("list_resource_record_sets", answer, query)
    assert call_module(route53_records, PARAMS, {"route53": route53})["changed"] is False


@pytest.mark.usefixtures("sequential_reads")
def test_a_private_zone_by_its_vpc(call_module, route53):
    add_zones(route53, zone(), zone("Z1", private=True))
    add_records(route53, A, TXT)
    params = {**PARAMS, "private_zone": True, "vpc_id": "vpc-1"}
    result = call_module(route53_records, params, {"route53": route53})
    assert (result["changed"], result["zone"]["private"]) == (False, True)


def test_two_zones_of_a_name(call_module, route53):
    add_zones(route53, zone(), zone("Z2"))
    result = call_module(route53_records, PARAMS, {"route53": route53})
    assert "There are 2 public hosted zones named example.com: Z1, Z2. Name the one" in result["msg"]


def test_a_zone_that_is_not_there_is_an_error(call_module, route53):
    add_zones(route53)
    result = call_module(route53_records, PARAMS, {"route53": route53})
    assert "there is no public hosted zone named example.com" in result["msg"]


@pytest.mark.parametrize("params", [{}, {"hosted_zone_id": UNKNOWN}])
def test_a_plan_for_a_zone_that_is_not_there_yet(call_module, route53, params):
    if not params:
        add_zones(route53)
    result = call_module(route53_records, {**PARAMS, **params}, {"route53": route53}, check_mode=True)
    assert (result["changed"], result["zone"]["id"]) == (True, UNKNOWN)
    assert params or "There is no hosted zone example.com yet" in str(result["warnings"])
    assert len(result["changes"]) == 2


def test_deleting_from_a_zone_that_is_not_there(call_module, route53):
    add_zones(route53)
    result = call_module(route53_records, {**PARAMS, "state": "absent"}, {"route53": route53})
    assert (result["changed"], result["zone"]) == (False, {})


@pytest.mark.usefixtures("sequential_reads")
def test_a_plan_with_values_that_are_not_known_yet(call_module, route53):
    add_zone(route53, zone())
    add_records(route53, A, name="www.example.com.")
    records = [
        {"name": "www.example.com", "type": "A", "alias": {"dns_name": UNKNOWN}},
        {"name": f"{UNKNOWN}.example.com", "type": "CNAME", "value": UNKNOWN},
    ]
    params = {"hosted_zone_id": "Z1", "records": records}
    result = call_module(route53_records, params, {"route53": route53}, check_mode=True)
    assert len(result["changes"]) == 2


def test_a_zone_id_that_does_not_exist(call_module, route53):
    route53.stubber.add_client_error("get_hosted_zone", "NoSuchHostedZone")
    result = call_module(route53_records, {**PARAMS, "hosted_zone_id": "Z7"}, {"route53": route53})
    assert "there is no hosted zone Z7" in result["msg"]


def test_a_name_of_another_zone(call_module, route53):
    add_zones(route53, zone())
    params = {"zone": "example.com", "records": [{"name": "example.org", "type": "A", "value": "192.0.2.1"}]}
    result = call_module(route53_records, params, {"route53": route53})
    assert "Nothing was changed. records: example.org. A is not in the zone example.com." in result["msg"]


def test_a_refusal_names_the_permission(call_module, route53):
    route53.stubber.add_client_error("list_hosted_zones_by_name", "AccessDenied")
    result = call_module(route53_records, PARAMS, {"route53": route53})
    assert "Allow route53:ListHostedZonesByName to the identity" in result["msg"]
