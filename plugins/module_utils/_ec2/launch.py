# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what is sent to EC2 to make a host. Pure.

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_specifications

from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import IDENTITY_TAGS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def launch_token(region: str, name: str, tags: dict[str, str], allocation_id: str | None, gone: Iterable[str]) -> str:
    """The client token of a launch: the same for a repeated attempt, another one for every new generation.

    EC2 remembers tokens for longer than it lists the instances that were made with them, so that those that are gone
    are not enough; the address is another one after a host was deleted.
    """
    identity = [region, name, *(tags.get(key, "") for key in IDENTITY_TAGS), allocation_id or "", *gone]
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(["slipway.aws", "ec2_host", *identity])))


def volume_token(instance_id: str) -> str:
    """The client token of the data volume that is made for an instance."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"slipway.aws/ec2_host/{instance_id}/data"))


def launch_request(desired: dict[str, Any], image: dict[str, Any], token: str) -> dict[str, Any]:
    request: dict[str, Any] = {
        "ImageId": image["ImageId"],
        "InstanceType": desired["instance_type"],
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": token,
        "SubnetId": desired["subnet_id"],
        "DisableApiTermination": desired["termination_protection"],
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": desired["metadata_hop_limit"],
        },
        "BlockDeviceMappings": [
            {
                "DeviceName": image["RootDeviceName"],
                "Ebs": {**ebs_settings(desired["root_volume"]), "DeleteOnTermination": True},
            }
        ],
        "TagSpecifications": [
            *boto3_tag_specifications(desired["tags"], types=["instance", "network-interface"]),
            *boto3_tag_specifications(desired["root_volume_tags"], types="volume"),
        ],
    }
    if desired["security_group_ids"]:
        request["SecurityGroupIds"] = desired["security_group_ids"]
    if desired["key_name"]:
        request["KeyName"] = desired["key_name"]
    if desired["instance_profile"]:
        request["IamInstanceProfile"] = {"Name": desired["instance_profile"]}
    if desired["user_data"]:
        request["UserData"] = desired["user_data"]
    return request


def ebs_settings(volume: dict[str, Any], size_key: str = "VolumeSize") -> dict[str, Any]:
    settings = {
        size_key: volume.get("size"),
        "VolumeType": volume.get("volume_type") or "gp3",
        "Encrypted": volume.get("encrypted") is not False,
        "Iops": volume.get("iops"),
        "Throughput": volume.get("throughput"),
        "KmsKeyId": volume.get("kms_key_id"),
        "SnapshotId": volume.get("snapshot_id"),
    }
    return {key: value for key, value in settings.items() if value is not None}


def data_volume_request(desired: dict[str, Any], availability_zone: str, instance_id: str) -> dict[str, Any]:
    return {
        **ebs_settings(desired["data_volume"], size_key="Size"),
        "AvailabilityZone": availability_zone,
        "ClientToken": volume_token(instance_id),
    }


def image_problem(image: dict[str, Any], desired: dict[str, Any]) -> str | None:
    """An image that the instance type cannot run; EC2 says so only when the address is allocated already."""
    architectures = desired["architectures"]
    if architectures and image.get("Architecture") not in architectures:
        return (
            f"image {image['ImageId']} ({image.get('Name', 'no name')}) is for {image.get('Architecture')}, but "
            f"instance_type {desired['instance_type']} runs {' or '.join(architectures)}"
        )
    return None
