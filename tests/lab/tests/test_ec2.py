# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# EC2 as its API shows it; what stands behind instances is in test_hosts.py.

from __future__ import annotations

import contextlib
import ipaddress
import uuid

import pytest
from botocore.exceptions import ClientError

DEBIAN = "/aws/service/debian/release/13/latest/amd64"
PREFIX_LIST = "com.amazonaws.global.cloudfront.origin-facing"


@contextlib.contextmanager
def refused(code: str):
    with pytest.raises(ClientError) as raised:
        yield
    assert raised.value.response["Error"]["Code"] == code


@pytest.fixture(scope="module")
def ec2(emulator):
    return emulator.client("ec2")


@pytest.fixture(scope="module")
def image(emulator):
    return emulator.client("ssm").get_parameter(Name=DEBIAN)["Parameter"]["Value"]


class Network:
    """A VPC with a way to the internet, one subnet and one security group."""

    def __init__(self, ec2):
        self.ec2 = ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={"Value": True})
        self.gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.subnet = self.add_subnet("10.0.1.0/24", "us-east-1a")
        self.group = self.add_group("web")

    def add_subnet(self, cidr, zone):
        return self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]

    def add_group(self, name):
        return self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]


@pytest.fixture
def network(ec2):
    return Network(ec2)


@pytest.fixture
def launch(ec2, image, network):
    def run(**options):
        options = {
            "ImageId": image,
            "InstanceType": "t3.micro",
            "SubnetId": network.subnet,
            "SecurityGroupIds": [network.group],
            "MinCount": 1,
            "MaxCount": 1,
        } | options
        return ec2.run_instances(**options)["Instances"][0]["InstanceId"]

    return run


def describe(ec2, instance_id):
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


# Images


@pytest.mark.parametrize("release", ["13", "12"])
@pytest.mark.parametrize(("architecture", "ec2_architecture"), [("amd64", "x86_64"), ("arm64", "arm64")])
def test_debian_images_are_found_by_parameter(emulator, ec2, release, architecture, ec2_architecture):
    name = f"/aws/service/debian/release/{release}/latest/{architecture}"
    image_id = emulator.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    image = ec2.describe_images(ImageIds=[image_id])["Images"][0]
    assert image["OwnerId"] == "136693071363"
    assert image["Name"].startswith(f"debian-{release}-{architecture}-")
    assert image["Architecture"] == ec2_architecture
    assert image["RootDeviceName"] == "/dev/xvda"


@pytest.mark.parametrize(
    "name",
    [
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    ],
)
def test_other_images_are_known_by_name(emulator, name):
    assert emulator.client("ssm").get_parameter(Name=name)["Parameter"]["Value"].startswith("ami-")


def test_parameters_of_a_family_are_listed(emulator):
    found = emulator.client("ssm").get_parameters_by_path(Path="/aws/service/debian/release", Recursive=True)
    assert len(found["Parameters"]) == 4


def test_unknown_image(launch):
    with refused("InvalidAMIID.NotFound"):
        launch(ImageId="ami-00000000000000000")


def test_image_and_type_of_different_architectures(launch):
    with refused("InvalidParameterValue"):
        launch(InstanceType="t4g.micro")


# Launching


def test_launch_with_tags_and_root_volume(ec2, launch):
    instance_id = launch(
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]},
            {"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "web-root"}]},
        ],
        BlockDeviceMappings=[
            {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "VolumeSize": 12}},
            {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 3, "VolumeType": "gp3"}},
        ],
    )
    instance = describe(ec2, instance_id)
    assert instance["State"]["Name"] == "running"
    assert instance["Tags"] == [{"Key": "Name", "Value": "web"}]
    mappings = {mapping["DeviceName"]: mapping["Ebs"] for mapping in instance["BlockDeviceMappings"]}
    assert mappings.keys() == {"/dev/xvda", "/dev/sdf"}
    assert mappings["/dev/xvda"]["DeleteOnTermination"] is True
    root = ec2.describe_volumes(VolumeIds=[mappings["/dev/xvda"]["VolumeId"]])["Volumes"][0]
    assert (root["Size"], root["Encrypted"], root["VolumeType"]) == (12, True, "gp3")
    assert root["Tags"] == [{"Key": "Name", "Value": "web-root"}]


def test_another_device_does_not_cost_the_root(ec2, launch):
    instance = describe(ec2, launch(BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 3}}]))
    assert {mapping["DeviceName"] for mapping in instance["BlockDeviceMappings"]} == {"/dev/xvda", "/dev/sdf"}


def test_client_token_launches_once(launch):
    token = str(uuid.uuid4())
    assert launch(ClientToken=token) == launch(ClientToken=token)
    with refused("IdempotentParameterMismatch"):
        launch(ClientToken=token, InstanceType="t3.small")


def test_launch_without_subnet_is_in_the_default_one(ec2, image):
    instance = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    subnet = ec2.describe_subnets(SubnetIds=[instance["SubnetId"]])["Subnets"][0]
    assert subnet["DefaultForAz"]
    assert ipaddress.ip_address(instance["PrivateIpAddress"]) in ipaddress.ip_network(subnet["CidrBlock"])
    assert describe(ec2, instance["InstanceId"])["PublicIpAddress"]


def test_launch_with_an_interface(ec2, network, launch):
    interface = {"DeviceIndex": 0, "SubnetId": network.subnet, "Groups": [network.group]}
    options = {"NetworkInterfaces": [interface | {"AssociatePublicIpAddress": True}]}
    image = ec2.describe_images(Owners=["136693071363"], Filters=[{"Name": "architecture", "Values": ["x86_64"]}])
    launched = ec2.run_instances(
        ImageId=image["Images"][0]["ImageId"], InstanceType="t3.micro", MinCount=1, MaxCount=1, **options
    )
    instance = describe(ec2, launched["Instances"][0]["InstanceId"])
    assert [group["GroupId"] for group in instance["SecurityGroups"]] == [network.group]
    assert instance["PublicIpAddress"]


def test_unknown_key_pair(launch):
    with refused("InvalidKeyPair.NotFound"):
        launch(KeyName="nobody's")


def test_security_group_of_another_network(ec2, launch):
    with refused("InvalidParameter"):
        launch(SecurityGroupIds=[Network(ec2).group])


# States


def test_termination_protection(ec2, launch):
    instance_id = launch(DisableApiTermination=True)
    with refused("OperationNotPermitted"):
        ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert describe(ec2, instance_id)["State"]["Name"] == "terminated"


def test_what_a_state_forbids(ec2, launch):
    instance_id = launch()
    with refused("IncorrectInstanceState"):
        ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "t3.small"})
    ec2.stop_instances(InstanceIds=[instance_id])
    ec2.stop_instances(InstanceIds=[instance_id])
    assert describe(ec2, instance_id)["State"]["Name"] == "stopped"
    with refused("IncorrectInstanceState"):
        ec2.reboot_instances(InstanceIds=[instance_id])
    with refused("InvalidInstanceAttributeValue"):
        ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "t4g.small"})
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "t3.small"})
    ec2.start_instances(InstanceIds=[instance_id])
    assert describe(ec2, instance_id)["InstanceType"] == "t3.small"
    ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.terminate_instances(InstanceIds=[instance_id])
    with refused("IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=[instance_id])


def test_delays_are_passed_through(emulator, ec2, launch, monkeypatch):
    monkeypatch.setattr(emulator.lab.delays, "_mode", "scaled")
    instance_id = launch()
    assert describe(ec2, instance_id)["State"]["Name"] == "pending"
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    with refused("InvalidInstanceID"):
        ec2.associate_address(AllocationId=address, InstanceId=instance_id)
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig={"Delay": 1})
    ec2.associate_address(AllocationId=address, InstanceId=instance_id)
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert describe(ec2, instance_id)["State"]["Name"] == "shutting-down"
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance_id], WaiterConfig={"Delay": 1})
    ec2.release_address(AllocationId=address)


# Attributes


def test_metadata_options_keep_what_is_not_named(ec2, launch):
    instance_id = launch(MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2})
    ec2.modify_instance_metadata_options(InstanceId=instance_id, InstanceMetadataTags="enabled")
    options = describe(ec2, instance_id)["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 2)
    assert options["InstanceMetadataTags"] == "enabled"


def test_security_groups_are_replaced(ec2, network, launch):
    instance_id, other = launch(), network.add_group("other")
    ec2.modify_instance_attribute(InstanceId=instance_id, Groups=[other])
    instance = describe(ec2, instance_id)
    assert [group["GroupId"] for group in instance["SecurityGroups"]] == [other]
    assert [group["GroupId"] for group in instance["NetworkInterfaces"][0]["Groups"]] == [other]
    with refused("InvalidGroup.NotFound"):
        ec2.modify_instance_attribute(InstanceId=instance_id, Groups=["sg-00000000000000000"])


# Addresses


def test_elastic_address_follows_its_association(emulator, ec2, launch):
    pool = ipaddress.ip_network("10.90.250.0/24")
    names = emulator.lab.names
    first, second = launch(), launch()
    address = ec2.allocate_address(Domain="vpc")
    assert ipaddress.ip_address(address["PublicIp"]) in pool
    name = f"ec2-{address['PublicIp'].replace('.', '-')}.compute-1.amazonaws.com"

    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=first)
    instance = describe(ec2, first)
    assert (instance["PublicIpAddress"], instance["PublicDnsName"]) == (address["PublicIp"], name)
    assert names.resolve(name) == address["PublicIp"]
    ec2.stop_instances(InstanceIds=[first])
    ec2.start_instances(InstanceIds=[first])
    assert describe(ec2, first)["PublicIpAddress"] == address["PublicIp"]

    with refused("Resource.AlreadyAssociated"):
        ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=second)
    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=second, AllowReassociation=True)
    assert "PublicIpAddress" not in describe(ec2, first)
    assert describe(ec2, second)["PublicIpAddress"] == address["PublicIp"]

    ec2.terminate_instances(InstanceIds=[second])
    assert names.resolve(name) is None
    described = ec2.describe_addresses(AllocationIds=[address["AllocationId"]])["Addresses"][0]
    assert not described.get("InstanceId")
    assert not described.get("AssociationId")
    ec2.release_address(AllocationId=address["AllocationId"])


def test_second_address_takes_the_place_of_the_first(ec2, launch):
    instance_id = launch()
    addresses = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2)]
    for address in addresses:
        ec2.associate_address(AllocationId=address, InstanceId=instance_id)
    described = ec2.describe_addresses(AllocationIds=addresses)["Addresses"]
    assert [bool(address.get("AssociationId")) for address in described] == [False, True]


def test_no_address_without_gateway(ec2, network, launch):
    instance_id = launch()
    ec2.detach_internet_gateway(InternetGatewayId=network.gateway, VpcId=network.vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    with refused("Gateway.NotAttached"):
        ec2.associate_address(AllocationId=address, InstanceId=instance_id)


def test_subnet_gives_an_address_that_ends_with_the_stop(ec2, network, launch):
    ec2.modify_subnet_attribute(SubnetId=network.subnet, MapPublicIpOnLaunch={"Value": True})
    instance_id = launch()
    before = describe(ec2, instance_id)["PublicIpAddress"]
    ec2.stop_instances(InstanceIds=[instance_id])
    assert "PublicIpAddress" not in describe(ec2, instance_id)
    ec2.start_instances(InstanceIds=[instance_id])
    assert describe(ec2, instance_id)["PublicIpAddress"] != before


def test_public_names_are_the_vpcs_choice(ec2, network, launch):
    ec2.modify_vpc_attribute(VpcId=network.vpc, EnableDnsHostnames={"Value": False})
    ec2.modify_subnet_attribute(SubnetId=network.subnet, MapPublicIpOnLaunch={"Value": True})
    instance = describe(ec2, launch())
    assert instance["PublicIpAddress"]
    assert not instance.get("PublicDnsName")


def test_address_in_use_is_not_released(ec2, launch):
    instance_id = launch()
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    association = ec2.associate_address(AllocationId=address, InstanceId=instance_id)["AssociationId"]
    with refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=address)
    ec2.disassociate_address(AssociationId=association)
    ec2.release_address(AllocationId=address)


# Volumes


def test_volume_is_attached_and_detached(ec2, launch):
    instance_id = launch()
    volume = ec2.create_volume(Size=1, AvailabilityZone="us-east-1a", VolumeType="gp3", Encrypted=True)["VolumeId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=instance_id, Device="/dev/sdf")
    described = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
    assert (described["State"], described["Attachments"][0]["State"]) == ("in-use", "attached")
    with refused("VolumeInUse"):
        ec2.attach_volume(VolumeId=volume, InstanceId=instance_id, Device="/dev/sdg")
    with refused("VolumeInUse"):
        ec2.delete_volume(VolumeId=volume)
    ec2.detach_volume(VolumeId=volume)
    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available"
    with refused("IncorrectState"):
        ec2.detach_volume(VolumeId=volume)
    ec2.delete_volume(VolumeId=volume)


def test_volume_that_cannot_be_attached(ec2, launch):
    instance_id = launch()
    elsewhere = ec2.create_volume(Size=1, AvailabilityZone="us-east-1b")["VolumeId"]
    with refused("InvalidVolume.ZoneMismatch"):
        ec2.attach_volume(VolumeId=elsewhere, InstanceId=instance_id, Device="/dev/sdf")
    here = ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    with refused("InvalidParameterValue"):
        ec2.attach_volume(VolumeId=here, InstanceId=instance_id, Device="/dev/xvda")


def test_data_volume_outlives_its_instance(ec2, launch):
    instance_id = launch()
    root = describe(ec2, instance_id)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    data = ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    ec2.attach_volume(VolumeId=data, InstanceId=instance_id, Device="/dev/sdf")
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert ec2.describe_volumes(VolumeIds=[data])["Volumes"][0]["State"] == "available"
    with refused("InvalidVolume.NotFound"):
        ec2.describe_volumes(VolumeIds=[root])


def test_volumes_grow_only(ec2):
    volume = ec2.create_volume(Size=2, AvailabilityZone="us-east-1a")["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.modify_volume(VolumeId=volume, Size=3)
    with refused("InvalidParameterValue"):
        ec2.modify_volume(VolumeId=volume, Size=1)
    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"] == 3
    assert ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["VolumeSize"] == 2


# Networks


def test_what_is_in_use_stays(ec2, network, launch):
    instance_id = launch()
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=address, InstanceId=instance_id)
    for delete in (
        lambda: ec2.delete_subnet(SubnetId=network.subnet),
        lambda: ec2.delete_security_group(GroupId=network.group),
        lambda: ec2.detach_internet_gateway(InternetGatewayId=network.gateway, VpcId=network.vpc),
        lambda: ec2.delete_internet_gateway(InternetGatewayId=network.gateway),
        lambda: ec2.delete_vpc(VpcId=network.vpc),
    ):
        with refused("DependencyViolation"):
            delete()
    ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.delete_subnet(SubnetId=network.subnet)
    with refused("DependencyViolation"):
        ec2.delete_vpc(VpcId=network.vpc)
    ec2.delete_security_group(GroupId=network.group)
    ec2.detach_internet_gateway(InternetGatewayId=network.gateway, VpcId=network.vpc)
    ec2.delete_internet_gateway(InternetGatewayId=network.gateway)
    ec2.delete_vpc(VpcId=network.vpc)
    with refused("InvalidVpcID.NotFound"):
        ec2.describe_vpcs(VpcIds=[network.vpc])
    ec2.release_address(AllocationId=address)


def test_security_group_that_another_names(ec2, network):
    proxy = network.add_group("proxy")
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": proxy}]}
    ec2.authorize_security_group_ingress(GroupId=network.group, IpPermissions=[permission])
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=proxy)
    ec2.revoke_security_group_ingress(GroupId=network.group, IpPermissions=[permission])
    ec2.delete_security_group(GroupId=proxy)


def test_default_security_group_stays(ec2, network):
    filters = [{"Name": "vpc-id", "Values": [network.vpc]}, {"Name": "group-name", "Values": ["default"]}]
    default = ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"]
    with refused("CannotDelete"):
        ec2.delete_security_group(GroupId=default)


def test_nat_gateway_leaves_nothing_behind(ec2, network):
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=network.subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=network.subnet)
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    ec2.delete_subnet(SubnetId=network.subnet)
    ec2.release_address(AllocationId=address)


def test_subnet_leaves_its_route_table(ec2, network):
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=network.subnet)
    ec2.delete_subnet(SubnetId=network.subnet)
    ec2.delete_route_table(RouteTableId=table)


def permission(port, count=0, prefix_list=None):
    return {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "IpRanges": [{"CidrIp": f"192.0.2.{last}/32"} for last in range(count)],
        "PrefixListIds": [{"PrefixListId": prefix_list}] if prefix_list else [],
    }


def test_rule_quota_counts_a_prefix_list_by_its_weight(ec2, network):
    filters = [{"Name": "prefix-list-name", "Values": [PREFIX_LIST]}]
    prefix_list = ec2.describe_managed_prefix_lists(Filters=filters)["PrefixLists"][0]["PrefixListId"]
    ec2.authorize_security_group_ingress(
        GroupId=network.group, IpPermissions=[permission(80, prefix_list=prefix_list), permission(22, 5)]
    )
    with refused("RulesPerSecurityGroupLimitExceeded"):
        ec2.authorize_security_group_ingress(GroupId=network.group, IpPermissions=[permission(443, 1)])
    full = network.add_group("full")
    ec2.authorize_security_group_ingress(GroupId=full, IpPermissions=[permission(22, 60)])
    with refused("RulesPerSecurityGroupLimitExceeded"):
        ec2.authorize_security_group_ingress(GroupId=full, IpPermissions=[permission(80, prefix_list=prefix_list)])


def test_rules_of_one_call_are_all_or_none(ec2, network):
    ec2.authorize_security_group_ingress(GroupId=network.group, IpPermissions=[permission(22, 1)])
    with refused("InvalidPermission.Duplicate"):
        ec2.authorize_security_group_ingress(
            GroupId=network.group, IpPermissions=[permission(80, 1), permission(22, 1)]
        )
    rules = ec2.describe_security_groups(GroupIds=[network.group])["SecurityGroups"][0]["IpPermissions"]
    assert [rule["FromPort"] for rule in rules] == [22]
