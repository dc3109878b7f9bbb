# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.modules import ec2_host_info

LIVING = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}


@pytest.fixture
def ec2(stubbed):
    return stubbed("ec2")


def instance(number, name):
    return {
        "InstanceId": f"i-{number}",
        "ImageId": "ami-1",
        "InstanceType": "t3.small",
        "State": {"Name": "running"},
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "Tags": [{"Key": "Name", "Value": name}] if name else [],
    }


def volume(number, instance_id, name):
    return {
        "VolumeId": f"vol-{number}",
        "Size": 5,
        "AvailabilityZone": "us-east-1a",
        "State": "in-use",
        "Attachments": [{"InstanceId": instance_id, "Device": "/dev/sdf", "State": "attached"}],
        "Tags": [{"Key": "Name", "Value": name}],
    }


@pytest.mark.usefixtures("sequential_reads")
def test_each_host_has_its_own_address_and_data_volume(call_module, ec2):
    filters = [LIVING, {"Name": "tag:Project", "Values": ["shop"]}, {"Name": "tag:Name", "Values": ["web", "db"]}]
    reservations = [{"Instances": [instance(1, "web"), instance(2, None)]}, {"Instances": [instance(3, "db")]}]
    ec2.stubber.add_response("describe_instances", {"Reservations": reservations}, {"Filters": filters})
    ids = ["i-1", "i-2", "i-3"]
    addresses = [{"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.1", "InstanceId": "i-1"}]
    ec2.stubber.add_response(
        "describe_addresses", {"Addresses": addresses}, {"Filters": [{"Name": "instance-id", "Values": ids}]}
    )
    volumes = [volume(0, "i-1", "web-root"), volume(1, "i-1", "web-data"), volume(2, "i-3", "web-data")]
    ec2.stubber.add_response(
        "describe_volumes", {"Volumes": volumes}, {"Filters": [{"Name": "attachment.instance-id", "Values": ids}]}
    )
    result = call_module(ec2_host_info, {"names": ["web", "db"], "tags": {"Project": "shop"}}, {"ec2": ec2})
    found = [
        (host["name"], host["instance_id"], host["allocation_id"], host["data_volume_id"]) for host in result["hosts"]
    ]
    assert found == [
        (None, "i-2", None, None),
        ("db", "i-3", None, None),
        ("web", "i-1", "eipalloc-1", "vol-1"),
    ]


def test_a_filter_can_ask_for_other_states(call_module, ec2):
    filters = [{"Name": "instance-state-name", "Values": ["stopped"]}]
    ec2.stubber.add_response("describe_instances", {"Reservations": []}, {"Filters": filters})
    params = {"filters": {"instance-state-name": "stopped"}}
    assert call_module(ec2_host_info, params, {"ec2": ec2})["hosts"] == []
