# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.modules import route53_hosted_zone

NAME_SERVERS = ["ns-1.awsdns-00.com", "ns-2.awsdns-00.net"]
PARAMS = {"name": "Example.com", "comment": "Shop", "tags": {"Project": "shop"}}
OWN = "slipway.aws example.com. 1"
CHANGE = {"Id": "/change/C1", "Status": "PENDING", "SubmittedAt": "2026-01-01T00:00:00Z"}
NS = {
    "Name": "example.com.",
    "Type": "NS",
    "TTL": 172800,
    "ResourceRecords": [{"Value": f"{name}."} for name in NAME_SERVERS],
}
A = {"Name": "www.example.com.", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": "192.0.2.1"}]}


@pytest.fixture
def route53(stubbed):
    return stubbed("route53")


def zone(reference=OWN, comment="Shop"):
    return {
        "Id": "/hostedzone/Z1",
        "Name": "example.com.",
        "CallerReference": reference,
        "Config": {"PrivateZone": False, "Comment": comment},
    }


def add_list(route53, *zones):
    answer = {"HostedZones": list(zones), "IsTruncated": False, "MaxItems": "100"}
    route53.stubber.add_response("list_hosted_zones_by_name", answer, {"DNSName": "example.com."})


def add_get(route53, item):
    answer = {"HostedZone": item, "DelegationSet": {"NameServers": NAME_SERVERS}}
    route53.stubber.add_response("get_hosted_zone", answer)


def add_tags(route53, **tags):
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    answer = {"ResourceTagSet": {"ResourceType": "hostedzone", "ResourceId": "Z1"} | ({"Tags": listed} if tags else {})}
    route53.stubber.add_response("list_tags_for_resource", answer, {"ResourceType": "hostedzone", "ResourceId": "Z1"})


def add_create(route53, reference):
    route53.stubber.add_response(
        "create_hosted_zone",
        {
            "HostedZone": zone(reference),
            "ChangeInfo": CHANGE,
            "DelegationSet": {"NameServers": NAME_SERVERS},
            "Location": "https://route53.amazonaws.com/2013-04-01/hostedzone/Z1",
        },
        {
            "Name": "example.com.",
            "CallerReference": reference,
            "HostedZoneConfig": {"Comment": "Shop", "PrivateZone": False},
        },
    )


def add_tagging(route53, **request):
    expected = {"ResourceType": "hostedzone", "ResourceId": "Z1", **request}
    route53.stubber.add_response("change_tags_for_resource", {}, expected)


PROJECT = {"AddTags": [{"Key": "Project", "Value": "shop"}]}


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_zone_is_made_and_tagged(call_module, route53, check_mode):
    add_list(route53)
    if not check_mode:
        add_create(route53, OWN)
        add_tags(route53)
        add_tagging(route53, **PROJECT)
    result = call_module(route53_hosted_zone, PARAMS, {"route53": route53}, check_mode=check_mode, diff=True)
    assert (result["changed"], result["created"]) == (True, True)
    assert result["zone"]["id"] == ("(known after apply)" if check_mode else "Z1")
    assert result["zone"]["name_servers"] == (["(known after apply)"] if check_mode else NAME_SERVERS)
    assert (result["zone"]["managed"], result["zone"]["tags"]) == (True, {"Project": "shop"})


def test_one_made_by_a_run_that_was_killed_a_moment_ago(call_module, route53):
    add_list(route53)
    route53.stubber.add_client_error("create_hosted_zone", "HostedZoneAlreadyExists", http_status_code=409)
    add_list(route53, zone())
    add_get(route53, zone())
    add_tags(route53)
    add_tagging(route53, **PROJECT)
    assert call_module(route53_hosted_zone, PARAMS, {"route53": route53})["zone"]["id"] == "Z1"


def test_one_that_is_made_again_after_it_was_deleted(call_module, route53):
    add_list(route53)
    route53.stubber.add_client_error("create_hosted_zone", "HostedZoneAlreadyExists", http_status_code=409)
    add_list(route53)
    add_create(route53, "slipway.aws example.com. 2")
    add_tags(route53)
    add_tagging(route53, **PROJECT)
    assert call_module(route53_hosted_zone, PARAMS, {"route53": route53})["zone"]["managed"] is True


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("params", "reference", "changed"),
    [
        ({}, OWN, True),
        ({"purge_tags": False}, OWN, True),
        ({}, "somebody", False),
        ({"adopt": True}, "somebody", True),
    ],
)
def test_what_differs_is_changed_if_the_zone_is_ours(call_module, route53, params, reference, changed, check_mode):
    add_list(route53, zone(reference, "Old"))
    add_get(route53, zone(reference, "Old"))
    add_tags(route53, Old="x")
    purge = params.get("purge_tags", True)
    if changed and not check_mode:
        answer = {"HostedZone": zone(reference)}
        route53.stubber.add_response("update_hosted_zone_comment", answer, {"Id": "Z1", "Comment": "Shop"})
        add_tagging(route53, **PROJECT, **({"RemoveTagKeys": ["Old"]} if purge else {}))
    result = call_module(route53_hosted_zone, {**PARAMS, **params}, {"route53": route53}, check_mode=check_mode)
    assert result["changed"] is changed
    wanted = {"Project": "shop"} | ({} if purge else {"Old": "x"})
    assert result["zone"]["tags"] == (wanted if changed else {"Old": "x"})
    assert result["zone"]["managed"] is (reference == OWN)


def test_what_is_right_is_only_read(call_module, route53):
    add_list(route53, zone())
    add_get(route53, zone())
    add_tags(route53, Project="shop")
    result = call_module(route53_hosted_zone, PARAMS, {"route53": route53})
    assert (result["changed"], result["created"]) == (False, False)


def add_present(route53, reference, *records):
    add_list(route53, zone(reference))
    add_get(route53, zone(reference))
    add_tags(route53)
    answer = {"ResourceRecordSets": [NS, *records], "IsTruncated": False, "MaxItems": "300"}
    if reference == OWN:
        route53.stubber.add_response("list_resource_record_sets", answer, {"HostedZoneId": "Z1"})


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("options", "records"),
    [({}, []), ({"force": True}, [A]), ({"disposable_names": ["WWW.example.com"]}, [A])],
)
def test_a_zone_is_deleted_with_records_that_may_go(call_module, route53, options, records, check_mode):
    add_present(route53, OWN, *records)
    if not check_mode:
        if records:
            changes = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": A}]}
            expected = {"HostedZoneId": "Z1", "ChangeBatch": changes}
            route53.stubber.add_response("change_resource_record_sets", {"ChangeInfo": CHANGE}, expected)
        route53.stubber.add_response("delete_hosted_zone", {"ChangeInfo": CHANGE}, {"Id": "Z1"})
    params = {"name": "example.com", "state": "absent", **options}
    result = call_module(route53_hosted_zone, params, {"route53": route53}, check_mode=check_mode)
    assert (result["changed"], result["zone"]) == (True, {})


def test_a_zone_with_records_is_refused(call_module, route53):
    add_present(route53, OWN, A)
    result = call_module(route53_hosted_zone, {"name": "example.com", "state": "absent"}, {"route53": route53})
    assert "The zone example.com. still has records: www.example.com. A. Nothing was changed" in result["msg"]


def test_a_zone_of_somebody_else_is_left(call_module, route53):
    add_present(route53, "somebody")
    result = call_module(route53_hosted_zone, {"name": "example.com", "state": "absent"}, {"route53": route53})
    assert (result["changed"], result["zone"]["id"]) == (False, "Z1")
    assert "was not made by this module" in str(result["warnings"])


def test_killed_anywhere_while_making_it(sweep_kills):
    def inspect(clients, result):
        zones = clients["route53"].list_hosted_zones()["HostedZones"]
        assert [item["Id"] for item in zones] == [f"/hostedzone/{result['zone']['id']}"]
        assert result["zone"]["tags"] == {"Project": "shop"}

    assert sweep_kills(route53_hosted_zone, ["route53"], lambda _clients: PARAMS, inspect) == 2
