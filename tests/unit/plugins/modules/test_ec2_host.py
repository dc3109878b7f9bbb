# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import boto3
import pytest
from botocore.stub import ANY
from botocore.stub import Stubber

from ansible_collections.slipway.aws.plugins.modules import ec2_host

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFaStHdVlMhvWc7td/Y20vn0gVQpkSE9fPjqy/VUmU9m me@home"
PARAMS = {
    "name": "shop",
    "image_id": "ami-1",
    "instance_type": "t3.small",
    "subnet_id": "subnet-1",
    "security_group_ids": ["sg-1"],
    "public_key": KEY,
    "data_volume": {"size": 5},
    "tags": {"Project": "shop", "CostCenter": "42"},
}


@pytest.fixture
def stubbed():
    def stub(service):
        client = boto3.client(
            service, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        stubber = Stubber(client)
        stubber.activate()
        client.stubber = stubber
        made.append(stubber)
        return client

    made = []
    yield {"ec2": stub("ec2"), "ssm": stub("ssm")}
    for stubber in made:
        stubber.assert_no_pending_responses()


def by_name(name):
    return {"Filters": [{"Name": "tag:Name", "Values": [name]}, {"Name": "tag:Project", "Values": ["shop"]}]}


def expect_reads(ec2, instances=(), addresses=(), volumes=(), absent=False):
    stubber = ec2.stubber
    reservations = [{"Instances": list(instances)}] if instances else []
    stubber.add_response("describe_instances", {"Reservations": reservations}, by_name("shop"))
    stubber.add_response("describe_addresses", {"Addresses": list(addresses)}, by_name("shop"))
    stubber.add_response("describe_volumes", {"Volumes": list(volumes)}, by_name("shop-data"))
    stubber.add_client_error("describe_key_pairs", "InvalidKeyPair.NotFound", "The key pair does not exist")
    if absent:
        return
    types = [{"InstanceType": "t3.small", "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]}}]
    stubber.add_response("describe_instance_types", {"InstanceTypes": types}, {"InstanceTypes": ["t3.small"]})
    subnets = [{"SubnetId": "subnet-1", "AvailabilityZone": "us-east-1a"}]
    stubber.add_response("describe_subnets", {"Subnets": subnets}, {"SubnetIds": ["subnet-1"]})
    groups = [{"GroupId": "sg-1", "GroupName": "shop-web"}]
    stubber.add_response("describe_security_groups", {"SecurityGroups": groups}, {"Filters": ANY})


IMAGE = {"ImageId": "ami-1", "RootDeviceName": "/dev/xvda", "Architecture": "x86_64", "Name": "debian-13"}


def expect_image(ec2, **changes):
    ec2.stubber.add_response("describe_images", {"Images": [{**IMAGE, **changes}]}, {"ImageIds": ["ami-1"]})


@pytest.mark.usefixtures("sequential_reads")
def test_check_mode_on_an_empty_account_only_reads(call_module, stubbed):
    expect_reads(stubbed["ec2"])
    expect_image(stubbed["ec2"])
    result = call_module(ec2_host, PARAMS, stubbed, check_mode=True, diff=True)
    assert result["changed"]
    assert result["host"]["launched"]
    assert result["host"]["image_id"] == "ami-1"
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["security_groups"] == ["shop-web (sg-1)"]


@pytest.mark.usefixtures("sequential_reads")
def test_an_image_that_the_type_cannot_run_is_refused_before_the_first_write(call_module, stubbed):
    expect_reads(stubbed["ec2"])
    expect_image(stubbed["ec2"], Architecture="arm64")
    result = call_module(ec2_host, PARAMS, stubbed)
    assert result["msg"].startswith("Nothing was changed. image ami-1 (debian-13) is for arm64")


@pytest.mark.usefixtures("sequential_reads")
def test_a_parameter_that_is_not_there(call_module, stubbed):
    expect_reads(stubbed["ec2"])
    stubbed["ssm"].stubber.add_client_error(
        "get_parameter", "ParameterNotFound", "not found", expected_params={"Name": "/our/image-x86_64"}
    )
    params = {**PARAMS, "image_parameter": "/our/image-{architecture}"}
    del params["image_id"]
    result = call_module(ec2_host, params, stubbed)
    assert "image_parameter /our/image-{architecture}: no such image or parameter" in result["msg"]


@pytest.mark.usefixtures("sequential_reads")
def test_a_parameter_that_is_not_there_yet_can_be_planned_with(call_module, stubbed):
    expect_reads(stubbed["ec2"])
    stubbed["ssm"].stubber.add_client_error("get_parameter", "ParameterNotFound", "not found")
    params = {**PARAMS, "image_parameter": "/our/image"}
    del params["image_id"]
    result = call_module(ec2_host, params, stubbed, check_mode=True)
    assert result["host"]["image_id"] == "(known after apply)"


INSTANCE = {
    "InstanceId": "i-1",
    "ImageId": "ami-1",
    "InstanceType": "t3.small",
    "State": {"Name": "running"},
    "Placement": {"AvailabilityZone": "us-east-1a"},
}


@pytest.mark.usefixtures("sequential_reads")
def test_two_hosts_of_one_name_are_refused(call_module, stubbed):
    expect_reads(stubbed["ec2"], instances=[INSTANCE, {**INSTANCE, "InstanceId": "i-2"}])
    result = call_module(ec2_host, PARAMS, stubbed)
    assert "There are 2 instances named shop (i-1, i-2)" in result["msg"]


@pytest.mark.usefixtures("sequential_reads")
def test_a_protected_host_is_not_deleted_without_force(call_module, stubbed):
    expect_reads(stubbed["ec2"], instances=[INSTANCE], absent=True)
    stubbed["ec2"].stubber.add_response(
        "describe_instance_attribute",
        {"InstanceId": "i-1", "DisableApiTermination": {"Value": True}},
        {"InstanceId": "i-1", "Attribute": "disableApiTermination"},
    )
    result = call_module(ec2_host, {**PARAMS, "state": "absent"}, stubbed, check_mode=True)
    assert "is protected from termination. Set force: true" in result["msg"]


def expect_writes_before_launch(ec2):
    ec2.stubber.add_response("import_key_pair", {"KeyPairId": "key-1"})
    ec2.stubber.add_response("allocate_address", {"AllocationId": "eipalloc-1"})


@pytest.mark.usefixtures("sequential_reads")
def test_a_token_that_a_dead_instance_used_up_is_not_used_again(call_module, stubbed):
    """EC2 remembers a token longer than it lists the instance that was made with it."""
    ec2 = stubbed["ec2"]
    tokens = []
    ec2.meta.events.register(
        "before-parameter-build.ec2.RunInstances", lambda params, **_more: tokens.append(params["ClientToken"])
    )
    expect_reads(ec2)
    expect_image(ec2)
    expect_writes_before_launch(ec2)
    # The first token gives back an instance that is gone, the second one is of one that nothing is known of.
    ec2.stubber.add_response("run_instances", {"Instances": [{**INSTANCE, "State": {"Name": "terminated"}}]})
    ec2.stubber.add_client_error("run_instances", "IdempotentParameterMismatch", "Arguments on this request differ")
    ec2.stubber.add_response("describe_instances", {"Reservations": []})
    ec2.stubber.add_client_error("run_instances", "InsufficientInstanceCapacity", "There is no capacity")
    result = call_module(ec2_host, PARAMS, stubbed)
    assert "InsufficientInstanceCapacity" in result["msg"]
    assert len(set(tokens)) == 3


@pytest.mark.usefixtures("sequential_reads")
def test_an_instance_that_an_earlier_run_launched_is_taken_over(call_module, stubbed):
    """Its settings were others, so that EC2 refuses the token, and it was not listed yet when the host was read."""
    ec2 = stubbed["ec2"]
    expect_reads(ec2)
    expect_image(ec2)
    expect_writes_before_launch(ec2)
    ec2.stubber.add_client_error("run_instances", "IdempotentParameterMismatch", "Arguments on this request differ")
    ec2.stubber.add_response("describe_instances", {"Reservations": [{"Instances": [INSTANCE]}]})
    ec2.stubber.add_client_error(
        "create_volume",
        "VolumeLimitExceeded",
        "You have exceeded your maximum gp3 storage limit",
        expected_params={
            "Size": 5,
            "VolumeType": "gp3",
            "Encrypted": True,
            "AvailabilityZone": "us-east-1a",
            "ClientToken": ANY,
            "TagSpecifications": ANY,
        },
    )
    result = call_module(ec2_host, PARAMS, stubbed)
    assert result["msg"].startswith("Failed to create volume shop-data")


@pytest.mark.usefixtures("sequential_reads")
def test_an_instance_that_ends_at_once_says_why(call_module, stubbed):
    ec2 = stubbed["ec2"]
    expect_reads(ec2)
    expect_image(ec2)
    expect_writes_before_launch(ec2)
    ec2.stubber.add_response("run_instances", {"Instances": [{**INSTANCE, "State": {"Name": "pending"}}]})
    ec2.stubber.add_response("create_volume", {"VolumeId": "vol-1"})
    reason = "Client.VolumeLimitExceeded: Volume limit exceeded"
    ended = {**INSTANCE, "State": {"Name": "terminated"}, "StateReason": {"Message": reason}}
    for _read in range(2):
        ec2.stubber.add_response("describe_instances", {"Reservations": [{"Instances": [ended]}]})
    result = call_module(ec2_host, PARAMS, stubbed)
    assert result["msg"].startswith(f"Timeout trying to see i-1 running. EC2 says: {reason}")


def register_image(ec2, name):
    from moto.ec2 import ec2_backends

    image_id = ec2.register_image(Name=name)["ImageId"]
    # The emulator keeps only the name of an image that is registered.
    image = ec2_backends["123456789012"]["us-east-1"].amis[image_id]
    image.architecture = "x86_64"
    image.root_device_name = "/dev/xvda"
    return image_id


def prepare_network(clients):
    ec2 = clients["ec2"]
    vpc_id = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.20.0.0/24", AvailabilityZone="us-east-1a")["Subnet"]
    group_id = ec2.create_security_group(VpcId=vpc_id, GroupName="shop-web", Description="shop-web")["GroupId"]
    return {
        **PARAMS,
        "image_id": register_image(ec2, "debian-13"),
        "subnet_id": subnet["SubnetId"],
        "security_group_ids": [group_id],
        "root_volume": {"size": 8},
        # The emulator, which has no lab around it here, forgets the protection that a launch asks for.
        "termination_protection": False,
    }


def inspect_host(clients, result):
    ec2, host = clients["ec2"], result["host"]
    living = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    reservations = ec2.describe_instances(Filters=living)["Reservations"]
    assert [item["InstanceId"] for one in reservations for item in one["Instances"]] == [host["instance_id"]]
    (address,) = ec2.describe_addresses()["Addresses"]
    assert address["InstanceId"] == host["instance_id"]
    (volume,) = ec2.describe_volumes(Filters=[{"Name": "tag:Name", "Values": ["shop-data"]}])["Volumes"]
    assert [item["InstanceId"] for item in volume["Attachments"]] == [host["instance_id"]]
    assert len(ec2.describe_key_pairs()["KeyPairs"]) == 1


def test_killed_anywhere_while_making_it(sweep_kills):
    assert sweep_kills(ec2_host, ["ec2", "ssm"], prepare_network, inspect_host) == 6


def test_killed_anywhere_while_replacing_it(sweep_kills, call_module):
    def prepare(clients):
        params = prepare_network(clients)
        call_module(ec2_host, params, clients)
        return {**params, "image_id": register_image(clients["ec2"], "debian-14"), "replace": True}

    assert sweep_kills(ec2_host, ["ec2", "ssm"], prepare, inspect_host) == 4


def test_killed_anywhere_while_deleting_it(sweep_kills, call_module):
    def prepare(clients):
        call_module(ec2_host, prepare_network(clients), clients)
        return {"name": "shop", "state": "absent", "force": True, "tags": {"Project": "shop"}}

    def inspect(clients, _result):
        ec2 = clients["ec2"]
        assert ec2.describe_addresses()["Addresses"] == []
        assert ec2.describe_key_pairs()["KeyPairs"] == []
        by_project = [{"Name": "tag:Project", "Values": ["shop"]}]
        assert ec2.describe_volumes(Filters=by_project)["Volumes"] == []
        assert len(ec2.describe_snapshots(OwnerIds=["self"], Filters=by_project)["Snapshots"]) == 1

    assert sweep_kills(ec2_host, ["ec2", "ssm"], prepare, inspect) == 6
