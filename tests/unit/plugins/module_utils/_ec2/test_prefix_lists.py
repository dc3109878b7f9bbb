# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._ec2.prefix_lists import normalise_prefix_list
from ansible_collections.slipway.aws.plugins.module_utils._ec2.prefix_lists import prefix_list_weight


@pytest.mark.parametrize(
    ("name", "owner_id", "max_entries", "weight"),
    [
        ("com.amazonaws.global.cloudfront.origin-facing", "AWS", None, 55),
        ("com.amazonaws.global.ipv6.cloudfront.origin-facing", "AWS", None, 55),
        ("com.amazonaws.eu-central-1.s3", "AWS", None, 1),
        ("com.amazonaws.us-gov-west-1.route53-healthchecks", "AWS", None, 25),
        ("com.amazonaws.us-east-1.something-new", "AWS", None, None),
        ("offices", "123456789012", 20, 20),
        ("com.amazonaws.us-east-1.s3", "123456789012", 7, 7),
    ],
)
def test_weight(name, owner_id, max_entries, weight):
    assert prefix_list_weight(name, owner_id, max_entries) == weight


PREFIX_LIST = {
    "PrefixListId": "pl-1",
    "PrefixListName": "offices",
    "PrefixListArn": "arn:aws:ec2:us-east-1:123456789012:prefix-list/pl-1",
    "OwnerId": "123456789012",
    "MaxEntries": 5,
    "AddressFamily": "IPv4",
    "Version": 3,
    "State": "create-complete",
    "Tags": [{"Key": "Project", "Value": "shop"}],
}


def test_entries_are_there_only_if_they_were_read():
    assert "entries" not in normalise_prefix_list(PREFIX_LIST)
    assert normalise_prefix_list(PREFIX_LIST, [])["entries"] == []
    entries = normalise_prefix_list(PREFIX_LIST, [{"Cidr": "192.0.2.0/24"}])["entries"]
    assert entries == [{"cidr": "192.0.2.0/24", "description": ""}]


def test_tags_become_a_dict():
    assert normalise_prefix_list(PREFIX_LIST)["tags"] == {"Project": "shop"}
