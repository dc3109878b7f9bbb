# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what is told of a host, one that was read or one that is planned. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import replacement_reasons
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import choose_architecture
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import FINAL_SNAPSHOT_TAG
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

if TYPE_CHECKING:
    from typing import Any

DEFAULT_DEVICE = "/dev/sdf"

RESULT_KEYS = (
    "name",
    "instance_id",
    "state",
    "image_id",
    "instance_type",
    "architecture",
    "public_ip",
    "public_dns_name",
    "private_ip",
    "key_name",
    "availability_zone",
    "subnet_id",
    "iam_instance_profile",
    "tags",
)

VIEW_KEYS = (
    "instance_id",
    "state",
    "image_id",
    "instance_type",
    "availability_zone",
    "key_name",
    "iam_instance_profile",
    "metadata_protected",
    "metadata_hop_limit",
    "termination_protection",
    "tags",
)


def host_result(host: dict[str, Any], launched: bool = False) -> dict[str, Any]:
    """What the modules return of a host."""
    instance = host["instance"]
    if not instance:
        return {}
    address, volume = host["address"] or {}, host["data_volume"] or {}
    return {
        **{key: instance[key] for key in RESULT_KEYS},
        "security_group_ids": sorted(instance["security_groups"]),
        "allocation_id": address.get("allocation_id"),
        "data_volume_id": volume.get("volume_id"),
        "data_volume_device": volume.get("device"),
        "launched": launched,
    }


def planned_host(
    current: dict[str, Any],
    desired: dict[str, Any],
    image_id: str | None,
    group_names: dict[str, str],
    purge_tags: bool,
) -> dict[str, Any]:
    """What the host will be, in the shape of one that was read; what AWS decides is UNKNOWN until it is there."""
    instance = before = current["instance"]
    if instance and replacement_reasons(instance, desired):
        instance = None
    planned = _planned_instance(instance or _new_instance(desired, image_id), desired, group_names, purge_tags)
    address = _planned_address(current["address"], planned, desired, purge_tags)
    if address:
        connected = current["address"] and before and current["address"]["instance_id"] == before["instance_id"]
        # An address has one name; only whether it has any is up to the VPC.
        stays = connected and planned["subnet_id"] == before["subnet_id"]
        planned["public_ip"] = address["public_ip"]
        planned["public_dns_name"] = before["public_dns_name"] if stays else UNKNOWN
    elif current["address"]:
        # Whether the subnet then gives another public address is up to AWS.
        planned["public_ip"] = planned["public_dns_name"] = UNKNOWN
    key_pair = current["key_pair"]
    if desired["public_key"]:
        key_pair = {"key_name": desired["key_name"], "public_key": desired["public_key"]}
    volume = _planned_data_volume(current["data_volume"], planned, desired, purge_tags)
    return {**current, "instance": planned, "address": address, "data_volume": volume, "key_pair": key_pair}


def _new_instance(desired: dict[str, Any], image_id: str | None) -> dict[str, Any]:
    return {
        **dict.fromkeys(("instance_id", "private_ip", "public_ip", "public_dns_name"), UNKNOWN),
        "name": desired["name"],
        "image_id": image_id or UNKNOWN,
        "instance_type": desired["instance_type"],
        "architecture": choose_architecture(desired["architectures"] or []) or UNKNOWN,
        "availability_zone": desired["availability_zone"] or UNKNOWN,
        "subnet_id": desired["subnet_id"],
        "key_name": desired["key_name"],
        "security_groups": {},
        "iam_instance_profile": None,
        "root_volume": {"volume_type": "gp3", "encrypted": True, "tags": {}},
        "tags": {},
    }


def _planned_instance(
    before: dict[str, Any], desired: dict[str, Any], group_names: dict[str, str], purge_tags: bool
) -> dict[str, Any]:
    planned = {
        **before,
        "instance_type": desired["instance_type"] or before["instance_type"],
        "state": "running" if desired["running"] else "stopped",
        "metadata_protected": True,
        "metadata_hop_limit": desired["metadata_hop_limit"],
        "termination_protection": desired["termination_protection"],
        "tags": _planned_tags(before, desired["tags"], purge_tags),
    }
    if desired["security_group_ids"] is not None:
        planned["security_groups"] = {group: group_names.get(group, "") for group in desired["security_group_ids"]}
    if desired["instance_profile"] is not None:
        planned["iam_instance_profile"] = desired["instance_profile"] or None
    if before["root_volume"]:
        planned["root_volume"] = {
            **before["root_volume"],
            **_without_unset(desired["root_volume"]),
            "tags": _planned_tags(before["root_volume"], desired["root_volume_tags"], purge_tags),
        }
    return planned


def _planned_address(
    before: dict[str, Any] | None, instance: dict[str, Any], desired: dict[str, Any], purge_tags: bool
) -> dict[str, Any] | None:
    if not desired["elastic_ip"]:
        return None
    return {
        "allocation_id": UNKNOWN,
        "public_ip": UNKNOWN,
        **(before or {}),
        "instance_id": instance["instance_id"],
        "tags": _planned_tags(before, desired["tags"], purge_tags),
    }


def _planned_data_volume(
    before: dict[str, Any] | None, instance: dict[str, Any], desired: dict[str, Any], purge_tags: bool
) -> dict[str, Any] | None:
    if not before and not desired["data_volume"]:
        return None
    wanted = _without_unset(desired["data_volume"] or {})
    device = wanted.pop("device", DEFAULT_DEVICE)
    return {
        "volume_id": UNKNOWN,
        "volume_type": "gp3",
        "encrypted": True,
        **(before or {}),
        **wanted,
        # The name of a device is given when a volume is attached, and stays.
        "device": (before or {}).get("device") or device,
        "instance_id": instance["instance_id"],
        "tags": _planned_tags(before, desired["data_volume_tags"], purge_tags),
    }


def _planned_tags(before: dict[str, Any] | None, wanted: dict[str, str], purge_tags: bool) -> dict[str, str]:
    kept = {} if purge_tags else dict((before or {}).get("tags", {}))
    kept.pop(FINAL_SNAPSHOT_TAG, None)
    return {**kept, **wanted}


def _without_unset(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def host_view(host: dict[str, Any]) -> dict[str, Any]:
    """The host as a person reads it in a diff."""
    instance, address, volume, key_pair = (host[key] for key in ("instance", "address", "data_volume", "key_pair"))
    view: dict[str, Any] = {}
    if instance:
        view = {key: instance[key] for key in VIEW_KEYS}
        view["subnet"] = _subnet_view(instance["subnet_id"], host.get("inputs", {}).get("subnet"))
        groups = instance["security_groups"].items()
        view["security_groups"] = sorted(f"{name} ({group})" if name else group for group, name in groups)
        view["root_volume"] = _volume_view(instance["root_volume"])
    if address:
        view["elastic_ip"] = {"public_ip": address["public_ip"], "instance_id": address["instance_id"]}
    if volume:
        identity = {key: volume[key] for key in ("volume_id", "instance_id")}
        view["data_volume"] = {**_volume_view(volume), **identity}
    if key_pair:
        public_key = " ".join((key_pair["public_key"] or "").split()[:2])
        view["key_pair"] = {"key_name": key_pair["key_name"], "public_key": public_key}
    return view


def _subnet_view(subnet_id: str | None, known: dict[str, Any] | None) -> str | None:
    """The subnet with its name, if the options name it, so that it was read."""
    if known and known["SubnetId"] == subnet_id:
        names = [tag["Value"] for tag in known.get("Tags") or [] if tag["Key"] == "Name"]
        return f"{names[0]} ({subnet_id})" if names else subnet_id
    return subnet_id


def _volume_view(volume: dict[str, Any] | None) -> dict[str, Any]:
    keys = ("size", "volume_type", "iops", "throughput", "encrypted", "tags")
    return {key: volume[key] for key in keys if volume.get(key) is not None} if volume else {}
