# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.modules import ec2_managed_prefix_list_info

CLOUDFRONT = {
    "PrefixListId": "pl-1",
    "PrefixListName": "com.amazonaws.global.cloudfront.origin-facing",
    "OwnerId": "AWS",
    "AddressFamily": "IPv4",
}
OFFICES = {"PrefixListId": "pl-2", "PrefixListName": "a-list", "OwnerId": "123456789012", "MaxEntries": 4}


@pytest.fixture
def ec2(stubbed):
    return stubbed("ec2")


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({}, {}),
        ({"names": ["x", "y"]}, {"Filters": [{"Name": "prefix-list-name", "Values": ["x", "y"]}]}),
        ({"prefix_list_ids": ["pl-1"]}, {"PrefixListIds": ["pl-1"]}),
        ({"filters": {"owner-id": "AWS"}}, {"Filters": [{"Name": "owner-id", "Values": ["AWS"]}]}),
    ],
)
def test_what_is_asked_for(call_module, ec2, params, query):
    ec2.stubber.add_response("describe_managed_prefix_lists", {"PrefixLists": [CLOUDFRONT, OFFICES]}, query)
    result = call_module(ec2_managed_prefix_list_info, params, {"ec2": ec2})
    assert [(item["prefix_list_name"], item["weight"]) for item in result["prefix_lists"]] == [
        ("a-list", 4),
        ("com.amazonaws.global.cloudfront.origin-facing", 55),
    ]


def test_an_id_that_does_not_exist_gives_nothing(call_module, ec2):
    ec2.stubber.add_client_error("describe_managed_prefix_lists", "InvalidPrefixListID.NotFound", "does not exist")
    result = call_module(ec2_managed_prefix_list_info, {"prefix_list_ids": ["pl-9"]}, {"ec2": ec2})
    assert result["prefix_lists"] == []


@pytest.mark.usefixtures("sequential_reads")
def test_entries_of_each_list(call_module, ec2):
    ec2.stubber.add_response("describe_managed_prefix_lists", {"PrefixLists": [CLOUDFRONT, OFFICES]}, {})
    for identifier, cidr in (("pl-1", "192.0.2.0/24"), ("pl-2", "198.51.100.0/24")):
        entries = {"Entries": [{"Cidr": cidr, "Description": "x"}]}
        ec2.stubber.add_response("get_managed_prefix_list_entries", entries, {"PrefixListId": identifier})
    result = call_module(ec2_managed_prefix_list_info, {"include_entries": True}, {"ec2": ec2})
    assert [item["entries"][0]["cidr"] for item in result["prefix_lists"]] == ["198.51.100.0/24", "192.0.2.0/24"]
