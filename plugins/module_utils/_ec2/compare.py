# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what a host should be, what it cannot be, and the steps to it. Pure.
#
# A host as wanted is what build_host() returns; None in it means "leave alone". As read: see read.py.

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import FINAL_SNAPSHOT_TAG
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import data_volume_name
from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import identity_filters
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from typing import Any

VOLUME_SETTINGS = {"size": "Size", "volume_type": "VolumeType", "iops": "Iops", "throughput": "Throughput"}

FINAL_WAITS = ("wait_until_running", "wait_until_stopped", "wait_until_terminated")
BEGINNINGS = {"launch", "change_type", "start"}


class Step(NamedTuple):
    """One write, or one wait between writes: a method of HostWriter (ensure.py) and its arguments."""

    action: str
    arguments: dict[str, Any]


# --- what should be there --------------------------------------------------------------------------------------


def build_host(
    params: dict[str, Any], instance_type: dict[str, Any] | None, subnet: dict[str, Any] | None
) -> dict[str, Any]:
    """The host that the module's options ask for; instance_type and subnet as EC2 describes the ones asked for."""
    name = params["name"]
    tags = None if params["tags"] is None else {key: str(value) for key, value in params["tags"].items()}

    def named(full_name: str) -> dict[str, str]:
        return {**(tags or {}), "Name": full_name}

    zone = UNKNOWN if is_unknown(params["subnet_id"]) else None
    return {
        "name": name,
        "running": params["state"] != "stopped",
        "image_id": params["image_id"],
        "image_family": params["image_family"],
        "instance_type": params["instance_type"],
        "architectures": (instance_type or {}).get("ProcessorInfo", {}).get("SupportedArchitectures"),
        "subnet_id": params["subnet_id"],
        "availability_zone": subnet["AvailabilityZone"] if subnet else zone,
        # An instance always has a group: there is no such thing as "none".
        "security_group_ids": params["security_group_ids"] or None,
        "key_name": params["key_name"] or (name if params["public_key"] else None),
        "public_key": params["public_key"],
        "instance_profile": params["instance_profile"],
        "elastic_ip": params["elastic_ip"],
        "metadata_hop_limit": params["metadata_hop_limit"],
        "termination_protection": params["termination_protection"],
        "user_data": params["user_data"],
        "root_volume": params["root_volume"] or {},
        "data_volume": params["data_volume"],
        "tags": named(name),
        "root_volume_tags": named(f"{name}-root"),
        "data_volume_tags": named(data_volume_name(name)),
        "key_tags": named(params["key_name"] or name),
    }


def complete_host(desired: dict[str, Any], instance: dict[str, Any] | None) -> dict[str, Any]:
    """What is wanted, with what is not said taken from an instance that must be replaced."""
    if not instance or not replacement_reasons(instance, desired):
        return desired
    inherited = {
        "instance_type": instance["instance_type"],
        "architectures": [instance["architecture"]],
        "subnet_id": instance["subnet_id"],
        "availability_zone": instance["availability_zone"],
        "security_group_ids": sorted(instance["security_groups"]),
        "key_name": instance["key_name"],
        "instance_profile": instance["iam_instance_profile"],
    }
    return {**desired, **{key: value for key, value in inherited.items() if desired[key] is None}}


# --- what cannot be --------------------------------------------------------------------------------------------


def replacement_reasons(instance: dict[str, Any], desired: dict[str, Any]) -> list[str]:
    """Why the instance that is there cannot become the one that is wanted, each beginning with the option."""
    reasons = []
    for option in ("image_id", "subnet_id"):
        if desired[option] and desired[option] != instance[option]:
            reasons.append(f"{option}: {instance[option]} -> {desired[option]}")
    # A newer image of the family is none. What is of no known family may be anything.
    family = instance.get("image_family")
    if desired["image_family"] and family and desired["image_family"] != family:
        reasons.append(f"image_family: {family} -> {desired['image_family']}")
    architectures = desired["architectures"]
    if architectures and instance["architecture"] not in architectures:
        reasons.append(
            f"instance_type: {desired['instance_type']} runs {' or '.join(architectures)}, and the image of "
            f"{instance['instance_type']} is for {instance['architecture']}"
        )
    root = instance["root_volume"]
    if root:
        reasons += [f"root_volume: {reason}" for reason in volume_replacement_reasons(root, desired["root_volume"])]
    return reasons


def volume_replacement_reasons(current: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    reasons = []
    if wanted.get("size") and wanted["size"] < current["size"]:
        reasons.append(f"size: {current['size']} -> {wanted['size']} GiB, and a volume cannot shrink")
    if wanted.get("encrypted") is not None and wanted["encrypted"] != bool(current["encrypted"]):
        reasons.append(f"encrypted: {bool(current['encrypted'])} -> {wanted['encrypted']}")
    key = wanted.get("kms_key_id")
    # A key may be given by its ID, the volume tells its ARN; an alias or an unknown key cannot be compared.
    comparable = key and current["kms_key_id"] and "alias/" not in key and not is_unknown(key)
    if comparable and key.split("/")[-1] != current["kms_key_id"].split("/")[-1]:
        reasons.append(f"kms_key_id: {current['kms_key_id']} -> {key}")
    return reasons


def host_problems(current: dict[str, Any], desired: dict[str, Any], replace: bool, has_image: bool) -> list[str]:
    """Everything that would make a write fail later, said before the first one."""
    problems = []
    instance = current["instance"]
    if instance is None:
        missing = [option for option in ("instance_type", "subnet_id") if not desired[option]]
        missing += [] if has_image else ["image_family (or image_parameter, or image_id)"]
        if missing:
            problems.append(f"host {desired['name']} does not exist yet; to make it, set {', '.join(missing)}")
    else:
        # What will be known only when it is made cannot be judged here; the run that makes it will.
        reasons = [reason for reason in replacement_reasons(instance, desired) if not is_unknown(reason)]
        if reasons and not replace:
            problems.append(
                f"instance {instance['instance_id']} of host {desired['name']} cannot be changed in place "
                f"({'; '.join(reasons)}). Put back what is there, or set replace: true. The data volume and the "
                "address are kept then, all that is on the root volume is lost"
            )
        elif reasons and not has_image:
            problems.append("to replace the instance, set image_family, image_parameter or image_id")
    volume = current["data_volume"]
    if volume:
        reasons = volume_replacement_reasons(volume, desired["data_volume"] or {})
        if reasons:
            problems.append(f"data_volume: {volume['volume_id']} holds the data and stays: {'; '.join(reasons)}")
        zone = desired["availability_zone"] or (instance or {}).get("availability_zone")
        if zone and not is_unknown(zone) and zone != volume["availability_zone"]:
            problems.append(
                f"subnet_id: {desired['subnet_id']} is in {zone}, but the data volume {volume['volume_id']} is in "
                f"{volume['availability_zone']} and can be attached only there. Choose a subnet there, or make a "
                "snapshot, delete the volume, and set data_volume.snapshot_id"
            )
        attached_to = volume["instance_id"]
        own = [item["instance_id"] for item in current["predecessors"]] + [(instance or {}).get("instance_id")]
        if attached_to and attached_to not in own:
            problems.append(f"data_volume: {volume['volume_id']} is attached to {attached_to}, which is another host")
    return problems


# --- the steps between -----------------------------------------------------------------------------------------


def host_steps(current: dict[str, Any], desired: dict[str, Any], purge_tags: bool, wait: bool) -> list[Step]:
    """The steps that turn current into desired, in an order in which a stop at any point does no harm."""
    instance = current["instance"]
    steps = [*_key_pair_steps(current["key_pair"], desired, purge_tags)]
    steps += _allocation_steps(current["address"], desired, purge_tags)
    if instance and replacement_reasons(instance, desired):
        if instance["termination_protection"]:
            steps.append(Step("set_termination_protection", {"value": False}))
        # Termination shuts the system down in order, and sets the data volume and the address free.
        steps += [Step("terminate", {}), Step("wait_until_terminated", {})]
        instance = None
    if instance is None:
        steps.append(Step("launch", {}))
    else:
        steps += _instance_steps(instance, desired, purge_tags)
    if desired["data_volume"] and not current["data_volume"]:
        steps.append(Step("create_data_volume", {}))
    elif current["data_volume"]:
        steps += _volume_steps("data_volume", current["data_volume"], desired["data_volume"] or {})
        steps += _tag_steps(
            "data_volume", current["data_volume"]["tags"], desired["data_volume_tags"], purge_tags, [FINAL_SNAPSHOT_TAG]
        )
    power_steps, state = _power_steps(instance, desired)
    steps += power_steps
    connection_steps = list(_connection_steps(current, instance, desired))
    if connection_steps and state == "stopping":
        steps.append(Step("wait_until_stopped", {}))
    steps += connection_steps
    if state == "running" and not desired["running"]:
        steps += [Step("stop", {}), Step("wait_until_stopped", {})]
    return steps if wait else begun_steps(steps)


def _key_pair_steps(key_pair: dict[str, Any] | None, desired: dict[str, Any], purge_tags: bool) -> Iterator[Step]:
    if not desired["public_key"]:
        return
    if key_pair is None:
        yield Step("import_key_pair", {})
    elif not same_public_key(key_pair["public_key"], desired["public_key"]):
        yield Step("delete_key_pair", {})
        yield Step("import_key_pair", {})
    else:
        yield from _tag_steps("key_pair", key_pair["tags"], desired["key_tags"], purge_tags)


def same_public_key(current: str | None, wanted: str) -> bool:
    """Whether both are the same key, whatever their comments. A key that EC2 does not tell is taken to be the same."""
    return current is None or (not is_unknown(wanted) and current.split()[:2] == wanted.split()[:2])


def _allocation_steps(address: dict[str, Any] | None, desired: dict[str, Any], purge_tags: bool) -> Iterator[Step]:
    if desired["elastic_ip"]:
        if address:
            yield from _tag_steps("address", address["tags"], desired["tags"], purge_tags)
        else:
            yield Step("allocate_address", {})
    elif address:
        if address["association_id"]:
            yield Step("disassociate_address", {"association_id": address["association_id"]})
        yield Step("release_address", {})


def _instance_steps(instance: dict[str, Any], desired: dict[str, Any], purge_tags: bool) -> Iterator[Step]:
    groups = desired["security_group_ids"]
    if groups is not None and set(groups) != set(instance["security_groups"]):
        yield Step("set_security_groups", {"group_ids": groups})
    profile = desired["instance_profile"]
    if profile is not None and (profile or None) != instance["iam_instance_profile"]:
        yield Step("set_instance_profile", {"profile": profile})
    if not instance["metadata_protected"] or instance["metadata_hop_limit"] != desired["metadata_hop_limit"]:
        yield Step("protect_metadata", {"hop_limit": desired["metadata_hop_limit"]})
    if instance["termination_protection"] != desired["termination_protection"]:
        yield Step("set_termination_protection", {"value": desired["termination_protection"]})
    yield from _tag_steps("instance", instance["tags"], desired["tags"], purge_tags)
    if instance["root_volume"]:
        yield from _volume_steps("root_volume", instance["root_volume"], desired["root_volume"])
        yield from _tag_steps("root_volume", instance["root_volume"]["tags"], desired["root_volume_tags"], purge_tags)


def _volume_steps(which: str, volume: dict[str, Any], wanted: dict[str, Any]) -> Iterator[Step]:
    changes = {
        parameter: wanted[option]
        for option, parameter in VOLUME_SETTINGS.items()
        if wanted.get(option) is not None and wanted[option] != volume[option]
    }
    if changes:
        yield Step("modify_volume", {"which": which, "request": changes})
        yield Step("wait_until_modified", {"which": which})


def _tag_steps(
    which: str, current: dict[str, str], wanted: dict[str, str], purge: bool, never: Iterable[str] = ()
) -> Iterator[Step]:
    to_set, to_remove = compare_aws_tags(current, wanted, purge)
    to_remove = sorted({*to_remove, *(key for key in never if key in current)})
    if to_set:
        yield Step("create_tags", {"which": which, "tags": to_set})
    if to_remove:
        yield Step("delete_tags", {"which": which, "keys": to_remove})


def _power_steps(instance: dict[str, Any] | None, desired: dict[str, Any]) -> tuple[list[Step], str]:
    """Bring the instance to a state in which the rest can be done, and change its type on the way. Tells that state."""
    if instance is None:
        return [Step("wait_until_running", {})], "running"
    steps = []
    state = instance["state"]
    new_type = desired["instance_type"] not in (None, instance["instance_type"])
    if state == "pending":
        steps.append(Step("wait_until_running", {}))
        state = "running"
    if state == "running" and new_type:
        steps.append(Step("stop", {}))
        state = "stopping"
    if state == "stopping" and (new_type or desired["running"]):
        steps.append(Step("wait_until_stopped", {}))
        state = "stopped"
    if new_type:
        steps.append(Step("change_type", {"instance_type": desired["instance_type"]}))
    if state == "stopped" and desired["running"]:
        steps += [Step("start", {}), Step("wait_until_running", {})]
        state = "running"
    return steps, state


def _connection_steps(
    current: dict[str, Any], instance: dict[str, Any] | None, desired: dict[str, Any]
) -> Iterator[Step]:
    """Attach what is separate from the instance. It must be running or stopped by now."""
    instance_id = instance and instance["instance_id"]
    volume = current["data_volume"]
    attached_to = volume["instance_id"] if volume else None
    if (volume or desired["data_volume"]) and (instance_id is None or attached_to != instance_id):
        yield Step("attach_data_volume", {})
    if desired["elastic_ip"]:
        address = current["address"]
        if not address or instance_id is None or address["instance_id"] != instance_id:
            yield Step("associate_address", {})


def begun_steps(steps: list[Step]) -> list[Step]:
    """The steps up to the first wait after which nothing is begun any more that was asked for.

    The next run that waits attaches what could not be attached yet, and deletes what was still in use.
    """
    for number, step in enumerate(steps):
        later = {item.action for item in steps[number + 1 :]}
        if step.action in FINAL_WAITS and not later & BEGINNINGS:
            return steps[:number]
    return steps


def deletion_steps(current: dict[str, Any], data_volume: str, own_key_pair: bool, wait: bool) -> list[Step]:
    """The steps that take the host away, its data last; data_volume is snapshot, keep or delete."""
    instance, address, volume = current["instance"], current["address"], current["data_volume"]
    steps = []
    if instance:
        if instance["termination_protection"]:
            steps.append(Step("set_termination_protection", {"value": False}))
        steps.append(Step("terminate", {}))
    data_goes = volume is not None and data_volume != "keep"
    leaving = any(item["state"] == "shutting-down" for item in current["predecessors"])
    if instance or (leaving and (address or data_goes)):
        steps.append(Step("wait_until_terminated", {}))
    if address:
        steps.append(Step("release_address", {}))
    if own_key_pair:
        steps.append(Step("delete_key_pair", {}))
    if data_goes:
        if data_volume == "snapshot":
            steps.append(Step("take_final_snapshot", {}))
        steps.append(Step("delete_data_volume", {}))
    return steps if wait else begun_steps(steps)


def owns_key_pair(key_pair: dict[str, Any] | None, tags: dict[str, str] | None) -> bool:
    """Whether the key pair bears the tags that this module gives to one that it imports for a host."""
    if not key_pair:
        return False
    wanted = identity_filters(key_pair["key_name"], tags)
    return all(key_pair["tags"].get(key[len("tag:") :]) == value for key, value in wanted.items())
