# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import build_host
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import complete_host
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import deletion_steps
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import host_problems
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import host_steps
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import owns_key_pair
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import replacement_reasons
from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import same_public_key
from ansible_collections.slipway.aws.plugins.module_utils._ec2.launch import data_volume_request
from ansible_collections.slipway.aws.plugins.module_utils._ec2.launch import image_problem
from ansible_collections.slipway.aws.plugins.module_utils._ec2.launch import launch_request
from ansible_collections.slipway.aws.plugins.module_utils._ec2.launch import launch_token
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import FINAL_SNAPSHOT_TAG
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import identity_filters
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import normalise_instance
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import normalise_volume
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import split_instances
from ansible_collections.slipway.aws.plugins.module_utils._ec2.result import host_result
from ansible_collections.slipway.aws.plugins.module_utils._ec2.result import host_view
from ansible_collections.slipway.aws.plugins.module_utils._ec2.result import planned_host
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

KEY = "ssh-ed25519 AAAAC3Nza me@home"
T3 = {"ProcessorInfo": {"SupportedArchitectures": ["x86_64"]}}
T4G = {"ProcessorInfo": {"SupportedArchitectures": ["arm64"]}}
SUBNET = {"SubnetId": "subnet-1", "AvailabilityZone": "us-east-1a"}


# None means something to desired.
USUAL = object()


def desired(described_type=USUAL, subnet=USUAL, **changes):
    described_type = T3 if described_type is USUAL else described_type
    subnet = SUBNET if subnet is USUAL else subnet
    options = {
        "name": "shop",
        "state": "present",
        "image_id": None,
        "image_family": None,
        "instance_type": "t3.small",
        "subnet_id": "subnet-1",
        "security_group_ids": ["sg-1"],
        "key_name": None,
        "public_key": KEY,
        "instance_profile": "shop-host",
        "elastic_ip": True,
        "root_volume": {"size": 10},
        "data_volume": {"size": 5},
        "metadata_hop_limit": 1,
        "user_data": None,
        "termination_protection": True,
        "tags": {"Project": "shop"},
    }
    return build_host({**options, **changes}, described_type, subnet)


def tags(name, **more):
    return [{"Key": key, "Value": value} for key, value in {"Project": "shop", "Name": name, **more}.items()]


def root_volume(**changes):
    volume = {
        "VolumeId": "vol-root",
        "Size": 10,
        "VolumeType": "gp3",
        "Encrypted": True,
        "KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/k-1",
        "AvailabilityZone": "us-east-1a",
        "State": "in-use",
        "Attachments": [{"InstanceId": "i-1", "Device": "/dev/xvda", "State": "attached"}],
        "Tags": tags("shop-root"),
    }
    return {**volume, **changes}


def data_volume(**changes):
    attachment = {"InstanceId": "i-1", "Device": "/dev/sdf", "State": "attached"}
    volume = {"VolumeId": "vol-data", "Size": 5, "Attachments": [attachment], "Tags": tags("shop-data")}
    return normalise_volume(root_volume(**{**volume, **changes}))


def instance(state="running", root=None, protection=True, **changes):
    answer = {
        "InstanceId": "i-1",
        "State": {"Name": state},
        "ImageId": "ami-1",
        "InstanceType": "t3.small",
        "Architecture": "x86_64",
        "SubnetId": "subnet-1",
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "PrivateIpAddress": "10.20.0.4",
        "PublicIpAddress": "203.0.113.25",
        "PublicDnsName": "ec2-203-0-113-25.compute-1.amazonaws.com",
        "KeyName": "shop",
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "shop-web"}],
        "IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/shop-host"},
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"},
        "RootDeviceName": "/dev/xvda",
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-root"}}],
        "Tags": tags("shop"),
    }
    return normalise_instance({**answer, **changes}, root or root_volume(), protection)


def address(**changes):
    return {
        "allocation_id": "eipalloc-1",
        "public_ip": "203.0.113.25",
        "association_id": "eipassoc-1",
        "instance_id": "i-1",
        "tags": {"Project": "shop", "Name": "shop"},
        **changes,
    }


def key_pair(**changes):
    pair = {"key_name": "shop", "key_pair_id": "key-1", "public_key": KEY, "tags": {"Project": "shop", "Name": "shop"}}
    return {**pair, **changes}


NOTHING = {"instance": None, "predecessors": [], "address": None, "data_volume": None, "key_pair": None}


def host(**changes):
    there = {"instance": instance(), "address": address(), "data_volume": data_volume(), "key_pair": key_pair()}
    return {**NOTHING, **there, **changes}


def actions(current, wanted, purge_tags=True, wait=True):
    return [step.action for step in host_steps(current, wanted, purge_tags, wait)]


CREATION = [
    "import_key_pair",
    "allocate_address",
    "launch",
    "create_data_volume",
    "wait_until_running",
    "attach_data_volume",
    "associate_address",
]


def test_nothing_to_do():
    assert actions(host(), desired()) == []


def test_everything_to_do():
    assert actions(NOTHING, desired()) == CREATION


def test_everything_that_can_be_begun_without_waiting():
    assert actions(NOTHING, desired(), wait=False) == CREATION[:4]


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        (host(key_pair=None), ["import_key_pair"]),
        (host(key_pair=key_pair(public_key="ssh-ed25519 OTHER")), ["delete_key_pair", "import_key_pair"]),
        (host(address=None), ["allocate_address", "associate_address"]),
        (host(address=address(instance_id=None, association_id=None)), ["associate_address"]),
        (host(address=address(instance_id="i-0")), ["associate_address"]),
        (host(address=address(tags={"Name": "shop"})), ["create_tags"]),
        (host(data_volume=None), ["create_data_volume", "attach_data_volume"]),
        (host(data_volume=data_volume(Attachments=[])), ["attach_data_volume"]),
        (
            host(data_volume=data_volume(Attachments=[], Tags=tags("shop-data", **{FINAL_SNAPSHOT_TAG: "then"}))),
            ["delete_tags", "attach_data_volume"],
        ),
        (host(instance=instance(state="pending")), ["wait_until_running"]),
        (host(instance=instance(state="stopping")), ["wait_until_stopped", "start", "wait_until_running"]),
        (host(instance=instance(state="stopped")), ["start", "wait_until_running"]),
        (host(instance=instance(MetadataOptions={"HttpTokens": "optional"})), ["protect_metadata"]),
        (host(instance=instance(protection=False)), ["set_termination_protection"]),
        (host(instance=instance(Tags=tags("shop", Old="yes"))), ["delete_tags"]),
        (host(instance=instance(root=root_volume(Tags=[]))), ["create_tags"]),
        (host(instance=instance(SecurityGroups=[])), ["set_security_groups"]),
        (host(instance=instance(IamInstanceProfile={})), ["set_instance_profile"]),
    ],
)
def test_a_half_made_or_changed_host_is_mended(current, expected):
    assert actions(current, desired()) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"instance_type": "t3.medium"}, ["stop", "wait_until_stopped", "change_type", "start", "wait_until_running"]),
        ({"instance_type": "t3.medium", "state": "stopped"}, ["stop", "wait_until_stopped", "change_type"]),
        ({"state": "stopped"}, ["stop", "wait_until_stopped"]),
        ({"elastic_ip": False}, ["disassociate_address", "release_address"]),
        ({"root_volume": {"size": 12}}, ["modify_volume", "wait_until_modified"]),
        ({"data_volume": {"size": 5, "volume_type": "io2", "iops": 4000}}, ["modify_volume", "wait_until_modified"]),
        ({"data_volume": None}, []),
        ({"instance_profile": ""}, ["set_instance_profile"]),
        ({"instance_profile": None, "security_group_ids": None, "public_key": None}, []),
        ({"security_group_ids": [UNKNOWN]}, ["set_security_groups"]),
        ({"security_group_ids": []}, []),
        ({"metadata_hop_limit": 2}, ["protect_metadata"]),
        # An image that is not named by its ID is looked at only when an instance is made.
        ({"image_id": None}, []),
        ({"image_id": "ami-1"}, []),
    ],
)
def test_one_difference(changes, expected):
    assert actions(host(), desired(**changes)) == expected


@pytest.mark.parametrize(
    ("there", "wanted", "reasons"),
    [
        ("debian-12", "debian-12", []),
        ("debian-12", None, []),
        (None, "debian-13", []),
        ("debian-12", "debian-13", ["image_family: debian-12 -> debian-13"]),
    ],
)
def test_another_family_is_another_instance(there, wanted, reasons):
    assert replacement_reasons({**instance(), "image_family": there}, desired(image_family=wanted)) == reasons


def test_nothing_is_attached_to_an_instance_that_is_stopping():
    current = host(instance=instance(state="stopping"), address=None)
    assert actions(current, desired(state="stopped")) == ["allocate_address", "wait_until_stopped", "associate_address"]
    assert actions(host(instance=instance(state="stopping")), desired(state="stopped")) == []


def test_tags_of_every_part_are_compared():
    steps = host_steps(host(), desired(tags={"Project": "shop", "CostCenter": 42}), True, True)
    assert [(step.action, step.arguments["which"]) for step in steps] == [
        ("create_tags", "key_pair"),
        ("create_tags", "address"),
        ("create_tags", "instance"),
        ("create_tags", "root_volume"),
        ("create_tags", "data_volume"),
    ]
    assert {step.arguments["tags"]["CostCenter"] for step in steps} == {"42"}


def test_tags_that_are_not_set_are_left_alone():
    assert actions(host(), desired(tags=None), purge_tags=False) == []


REPLACEMENT = [
    "set_termination_protection",
    "terminate",
    "wait_until_terminated",
    "launch",
    "wait_until_running",
    "attach_data_volume",
    "associate_address",
]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (desired(image_id="ami-2"), "image_id: ami-1 -> ami-2"),
        (desired(subnet_id="subnet-2"), "subnet_id: subnet-1 -> subnet-2"),
        (desired(T4G, instance_type="t4g.small"), "t4g.small runs arm64, and the image of t3.small is for x86_64"),
        (desired(root_volume={"size": 8}), "root_volume: size: 10 -> 8 GiB, and a volume cannot shrink"),
        (desired(root_volume={"encrypted": False}), "root_volume: encrypted: True -> False"),
    ],
)
def test_what_cannot_be_changed_in_place(wanted, reason):
    assert actions(host(), wanted) == REPLACEMENT
    (problem,) = host_problems(host(), wanted, replace=False, has_image=True)
    assert reason in problem
    assert host_problems(host(), wanted, replace=True, has_image=True) == []
    (problem,) = host_problems(host(), wanted, replace=True, has_image=False)
    assert "set image_family" in problem


def test_a_replacement_inherits_what_is_not_said():
    wanted = desired(
        T4G, None, instance_type="t4g.small", subnet_id=None, security_group_ids=None, instance_profile=None
    )
    complete = complete_host(wanted, instance())
    assert complete["instance_type"] == "t4g.small"
    assert complete["subnet_id"] == "subnet-1"
    assert complete["availability_zone"] == "us-east-1a"
    assert complete["security_group_ids"] == ["sg-1"]
    assert complete["instance_profile"] == "shop-host"
    assert complete_host(desired(), instance()) == desired()


def test_a_killed_replacement_goes_on():
    """The old instance is shutting down, and still holds what the new one shall have."""
    gone = [{"instance_id": "i-1", "state": "shutting-down"}]
    current = host(instance=None, predecessors=gone)
    assert actions(current, desired()) == REPLACEMENT[3:]
    assert host_problems(current, desired(), replace=False, has_image=True) == []


@pytest.mark.parametrize(
    ("current", "wanted", "told"),
    [
        (NOTHING, desired(instance_type=None, subnet=None, subnet_id=None), "set instance_type, subnet_id"),
        (host(data_volume=data_volume(Size=9)), desired(), "data_volume: vol-data holds the data and stays: size: 9"),
        (host(), desired(data_volume={"size": 5, "encrypted": False}), "encrypted: True -> False"),
        (
            host(),
            desired(data_volume={"size": 5, "kms_key_id": "k-2"}),
            "kms_key_id: arn:aws:kms:us-east-1:123456789012:key/k-1 -> k-2",
        ),
        (
            host(instance=None, data_volume=data_volume(AvailabilityZone="us-east-1b", Attachments=[])),
            desired(),
            "us-east-1b and can be attached only there",
        ),
        (host(instance=None), desired(), "vol-data is attached to i-1, which is another host"),
    ],
)
def test_what_cannot_be_is_said_before(current, wanted, told):
    (problem,) = host_problems(current, wanted, replace=False, has_image=True)
    assert told in problem


@pytest.mark.parametrize("key", ["k-1", "arn:aws:kms:us-east-1:123456789012:key/k-1", "alias/shop", UNKNOWN])
def test_a_key_that_is_or_may_be_the_same_is_no_problem(key):
    wanted = desired(data_volume={"size": 5, "kms_key_id": key})
    assert host_problems(host(), wanted, replace=False, has_image=True) == []


def test_what_is_not_known_yet_is_no_problem():
    wanted = desired(T3, None, subnet_id=UNKNOWN)
    assert host_problems(NOTHING, wanted, replace=False, has_image=True) == []
    assert host_problems(host(), wanted, replace=False, has_image=True) == []


@pytest.mark.parametrize(
    ("current", "kind", "expected"),
    [
        (NOTHING, "snapshot", []),
        (
            host(),
            "snapshot",
            [
                "set_termination_protection",
                "terminate",
                "wait_until_terminated",
                "release_address",
                "delete_key_pair",
                "take_final_snapshot",
                "delete_data_volume",
            ],
        ),
        (host(instance=None, address=None), "delete", ["delete_key_pair", "delete_data_volume"]),
        (host(instance=None, address=None, key_pair=None), "keep", []),
        (
            host(instance=None, key_pair=None, predecessors=[{"instance_id": "i-1", "state": "shutting-down"}]),
            "keep",
            ["wait_until_terminated", "release_address"],
        ),
        (
            host(instance=None, key_pair=None, predecessors=[{"instance_id": "i-1", "state": "terminated"}]),
            "keep",
            ["release_address"],
        ),
    ],
)
def test_deletion(current, kind, expected):
    own_key_pair = owns_key_pair(current["key_pair"], {"Project": "shop"})
    steps = deletion_steps(current, kind, own_key_pair, True)
    assert [step.action for step in steps] == expected


def test_a_deletion_that_does_not_wait_leaves_the_rest_to_the_next_run():
    steps = deletion_steps(host(), "snapshot", True, False)
    assert [step.action for step in steps] == ["set_termination_protection", "terminate"]


@pytest.mark.parametrize(
    ("pair", "owned"),
    [
        (None, False),
        (key_pair(), True),
        (key_pair(tags={}), False),
        (key_pair(tags={"Name": "shop", "Project": "other"}), False),
    ],
)
def test_only_an_own_key_pair_is_deleted(pair, owned):
    assert owns_key_pair(pair, {"Project": "shop", "CostCenter": "42"}) is owned


@pytest.mark.parametrize(
    ("current", "wanted", "same"),
    [
        (KEY, KEY, True),
        (KEY, "ssh-ed25519 AAAAC3Nza", True),
        (KEY + "\n", "ssh-ed25519 AAAAC3Nza another comment", True),
        (KEY, "ssh-ed25519 BBBB me@home", False),
        (None, KEY, True),
        (KEY, UNKNOWN, False),
    ],
)
def test_same_public_key(current, wanted, same):
    assert same_public_key(current, wanted) is same


def test_identity_does_not_depend_on_tags_that_may_change():
    assert identity_filters("shop", {"Project": "p", "Stage": "test", "CostCenter": "42"}) == {
        "tag:Name": "shop",
        "tag:Project": "p",
        "tag:Stage": "test",
    }
    assert identity_filters("shop", None) == {"tag:Name": "shop"}


def test_instances_that_are_gone_are_told_apart():
    instances = [
        {"InstanceId": f"i-{number}", "State": {"Name": state}}
        for number, state in enumerate(["terminated", "running", "shutting-down", "stopped"])
    ]
    alive, gone = split_instances(instances[::-1])
    assert sorted(item["InstanceId"] for item in alive) == ["i-1", "i-3"]
    assert gone == [
        {"instance_id": "i-0", "state": "terminated"},
        {"instance_id": "i-2", "state": "shutting-down"},
    ]


def test_a_token_is_the_same_for_a_repeated_attempt_only():
    first = launch_token("us-east-1", "shop", {"Project": "p"}, "eipalloc-1", [])
    assert launch_token("us-east-1", "shop", {"Project": "p", "Other": "x"}, "eipalloc-1", []) == first
    others = {
        launch_token("us-east-1", "shop", {"Project": "p"}, "eipalloc-1", ["i-1"]),
        launch_token("us-east-1", "shop", {"Project": "p"}, "eipalloc-2", []),
        launch_token("us-east-1", "shop", {"Project": "q"}, "eipalloc-1", []),
        launch_token("us-east-1", "shop", {"Project": "p", "Stage": "test"}, "eipalloc-1", []),
        launch_token("eu-west-1", "shop", {"Project": "p"}, "eipalloc-1", []),
    }
    assert len({first, *others}) == 6
    assert len(first) <= 64  # EC2's limit


IMAGE = {"ImageId": "ami-1", "RootDeviceName": "/dev/xvda", "Architecture": "x86_64", "Name": "debian"}


def test_the_call_that_launches_protects_and_tags():
    request = launch_request(desired(user_data="#!/bin/sh"), IMAGE, "token")
    assert request["MetadataOptions"]["HttpTokens"] == "required"
    assert request["DisableApiTermination"] is True
    assert request["ClientToken"] == "token"
    assert request["BlockDeviceMappings"] == [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {"VolumeSize": 10, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True},
        }
    ]
    specifications = {item["ResourceType"]: item["Tags"] for item in request["TagSpecifications"]}
    assert specifications["instance"] == specifications["network-interface"] == tags("shop")
    assert specifications["volume"] == tags("shop-root")
    assert request["IamInstanceProfile"] == {"Name": "shop-host"}
    assert request["UserData"] == "#!/bin/sh"


def test_what_is_not_set_is_not_sent():
    wanted = desired(security_group_ids=None, public_key=None, instance_profile="", root_volume=None)
    request = launch_request(wanted, IMAGE, "token")
    assert not {"SecurityGroupIds", "KeyName", "IamInstanceProfile", "UserData"} & request.keys()
    assert "VolumeSize" not in request["BlockDeviceMappings"][0]["Ebs"]


def test_the_data_volume_is_encrypted_unless_told_otherwise():
    request = data_volume_request(desired(), "us-east-1a", "i-1")
    token = request.pop("ClientToken")
    assert request == {"Size": 5, "VolumeType": "gp3", "Encrypted": True, "AvailabilityZone": "us-east-1a"}
    assert data_volume_request(desired(), "us-east-1a", "i-2")["ClientToken"] != token
    plain = data_volume_request(desired(data_volume={"size": 5, "encrypted": False}), "us-east-1a", "i-1")
    assert plain["Encrypted"] is False


def test_an_image_of_another_architecture():
    assert image_problem(IMAGE, desired()) is None
    assert "runs arm64" in image_problem(IMAGE, desired(T4G, instance_type="t4g.small"))


def plan(current, wanted):
    return host_result(planned_host(current, wanted, None, {}, True))


def test_a_plan_on_an_empty_account_has_every_key():
    planned = plan(NOTHING, desired(subnet_id=UNKNOWN, subnet=None, security_group_ids=[UNKNOWN]))
    assert planned.keys() == host_result(host()).keys()
    for key in ("instance_id", "public_ip", "public_dns_name", "private_ip", "allocation_id", "data_volume_id"):
        assert planned[key] == UNKNOWN
    assert planned["architecture"] == "x86_64"
    assert planned["security_group_ids"] == [UNKNOWN]
    assert planned["data_volume_device"] == "/dev/sdf"


def test_a_plan_of_no_change_is_what_is_there():
    assert plan(host(), desired()) == host_result(host())


def test_a_plan_of_a_replacement_keeps_the_address_and_the_data():
    planned = plan(host(), desired(image_id="ami-2"))
    assert planned["instance_id"] == UNKNOWN
    assert planned["public_ip"] == "203.0.113.25"
    assert planned["public_dns_name"] == host_result(host())["public_dns_name"] != UNKNOWN
    assert planned["data_volume_id"] == "vol-data"


def test_a_plan_into_another_subnet_does_not_know_the_name():
    planned = plan(host(), desired(image_id="ami-2", subnet_id="subnet-2"))
    assert planned["public_ip"] == "203.0.113.25"
    assert planned["public_dns_name"] == UNKNOWN


def test_a_diff_names_what_it_can():
    named = {"SubnetId": "subnet-1", "Tags": tags("shop-a")}
    view = host_view({**host(), "inputs": {"subnet": named}})
    assert view["subnet"] == "shop-a (subnet-1)"
    assert view["security_groups"] == ["shop-web (sg-1)"]
    assert host_view(host())["subnet"] == "subnet-1"
    assert host_view(NOTHING) == {}


def test_a_plan_without_elastic_ip():
    planned = plan(host(), desired(elastic_ip=False))
    assert planned["allocation_id"] is None
    assert planned["public_ip"] == UNKNOWN
