# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what there is of a host, out of what EC2 answers. Pure.
#
# A host is a dict:
#   instance {...} or None       the one that lives (pending to stopped)
#   predecessors [{...}]         those that EC2 still lists, but that are gone or will be soon
#   address {...} or None        the Elastic IP of that name
#   data_volume {...} or None    the volume of that name
#   key_pair {...} or None       the key pair that was asked for

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

GONE = ("shutting-down", "terminated")

# What tells a project's host from another project's host of the same name. Other tags may change at any time, and a
# host must not be lost, and made a second time, because of that.
IDENTITY_TAGS = ("Project", "Stage")

# On a data volume: a snapshot that a deletion wants under this name before the volume may go.
FINAL_SNAPSHOT_TAG = "slipway:final-snapshot"


def identity_filters(name: str, tags: dict[str, str] | None) -> dict[str, str]:
    """The filters by which what belongs to a host is found."""
    known = {key: str((tags or {})[key]) for key in IDENTITY_TAGS if key in (tags or {})}
    return {f"tag:{key}": value for key, value in {"Name": name, **known}.items()}


def data_volume_name(name: str) -> str:
    return f"{name}-data"


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    return boto3_tag_list_to_ansible_dict(resource.get("Tags") or [])


def normalise_instance(
    instance: dict[str, Any],
    root_volume: dict[str, Any] | None = None,
    termination_protection: bool | None = None,
) -> dict[str, Any]:
    profile = instance.get("IamInstanceProfile", {}).get("Arn")
    metadata = instance.get("MetadataOptions") or {}
    return {
        "instance_id": instance["InstanceId"],
        "name": tags_of(instance).get("Name"),
        "state": instance["State"]["Name"],
        "image_id": instance["ImageId"],
        "instance_type": instance["InstanceType"],
        "architecture": instance.get("Architecture"),
        "subnet_id": instance.get("SubnetId"),
        "availability_zone": instance["Placement"]["AvailabilityZone"],
        "private_ip": instance.get("PrivateIpAddress"),
        "public_ip": instance.get("PublicIpAddress"),
        "public_dns_name": instance.get("PublicDnsName") or None,
        "key_name": instance.get("KeyName"),
        "security_groups": {group["GroupId"]: group["GroupName"] for group in instance.get("SecurityGroups") or []},
        "iam_instance_profile": profile.split("/")[-1] if profile else None,
        "metadata_protected": metadata.get("HttpTokens") == "required" and metadata.get("HttpEndpoint") != "disabled",
        "metadata_hop_limit": metadata.get("HttpPutResponseHopLimit"),
        "termination_protection": termination_protection,
        "root_device_name": instance.get("RootDeviceName"),
        "root_volume": root_volume and normalise_volume(root_volume),
        "attached": {
            mapping["Ebs"]["VolumeId"]: mapping["DeviceName"]
            for mapping in instance.get("BlockDeviceMappings") or []
            if "Ebs" in mapping
        },
        "launch_time": str(instance.get("LaunchTime", "")),
        "tags": tags_of(instance),
    }


def root_volume_id(instance: dict[str, Any]) -> str | None:
    for mapping in instance.get("BlockDeviceMappings") or []:
        if mapping["DeviceName"] == instance.get("RootDeviceName") and "Ebs" in mapping:
            return mapping["Ebs"]["VolumeId"]
    return None


def normalise_volume(volume: dict[str, Any]) -> dict[str, Any]:
    attachments = [item for item in volume.get("Attachments") or [] if item.get("State") != "detached"]
    attachment = attachments[0] if attachments else {}
    return {
        "volume_id": volume["VolumeId"],
        "size": volume["Size"],
        "volume_type": volume.get("VolumeType"),
        "iops": volume.get("Iops"),
        "throughput": volume.get("Throughput"),
        "encrypted": volume.get("Encrypted"),
        "kms_key_id": volume.get("KmsKeyId"),
        "availability_zone": volume["AvailabilityZone"],
        "state": volume["State"],
        "instance_id": attachment.get("InstanceId"),
        "device": attachment.get("Device"),
        "tags": tags_of(volume),
    }


def normalise_address(address: dict[str, Any]) -> dict[str, Any]:
    return {
        "allocation_id": address["AllocationId"],
        "public_ip": address["PublicIp"],
        "association_id": address.get("AssociationId"),
        "instance_id": address.get("InstanceId") or None,
        "tags": tags_of(address),
    }


def normalise_key_pair(key_pair: dict[str, Any]) -> dict[str, Any]:
    return {
        "key_name": key_pair["KeyName"],
        "key_pair_id": key_pair["KeyPairId"],
        "public_key": key_pair.get("PublicKey"),
        "tags": tags_of(key_pair),
    }


def split_instances(instances: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Those that live, and IDs and states of the others in a stable order."""
    alive = [instance for instance in instances if instance["State"]["Name"] not in GONE]
    gone = [
        {"instance_id": instance["InstanceId"], "state": instance["State"]["Name"]}
        for instance in instances
        if instance["State"]["Name"] in GONE
    ]
    return alive, sorted(gone, key=lambda instance: instance["instance_id"])


def gather_hosts(
    instances: Iterable[dict[str, Any]], addresses: Iterable[dict[str, Any]], volumes: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Each instance with its own of the addresses and volumes."""
    address_of = {address["instance_id"]: address for address in map(normalise_address, addresses)}
    attached = [normalise_volume(volume) for volume in volumes]
    hosts = []
    for instance in map(normalise_instance, instances):
        data_name = data_volume_name(instance["name"] or "")
        data_volumes = [
            volume
            for volume in attached
            if volume["instance_id"] == instance["instance_id"] and volume["tags"].get("Name") == data_name
        ]
        hosts.append(
            {
                "instance": instance,
                "address": address_of.get(instance["instance_id"]),
                "data_volume": next(iter(data_volumes), None),
            }
        )
    return hosts
