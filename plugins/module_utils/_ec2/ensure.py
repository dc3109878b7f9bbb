# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads a host in two batches, and carries out the steps that compare.py decided.

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.ec2 import AnsibleEC2Error
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._ec2 import api
from ansible_collections.slipway.aws.plugins.module_utils._ec2 import launch
from ansible_collections.slipway.aws.plugins.module_utils._ec2 import read
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import IMAGE_FAMILIES
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import choose_architecture
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import find_family
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import image_parameter_name
from ansible_collections.slipway.aws.plugins.module_utils._ec2.result import DEFAULT_DEVICE
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._ec2.compare import Step


def read_host(client: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The host as read.py describes it, and under "inputs" what EC2 knows of what the options name."""
    name, tags = params["name"], params["tags"]
    filters = read.identity_filters(name, tags)
    key_name = params["key_name"] or name
    reads: dict[str, Callable[[], Any]] = {
        "instances": lambda: api.list_instances(client, filters),
        "addresses": lambda: api.list_addresses(client, filters),
        "volumes": lambda: api.list_volumes(client, read.identity_filters(read.data_volume_name(name), tags)),
        "key_pairs": lambda: api.list_key_pairs(client, key_name),
        **_input_reads(client, params),
    }
    found = gather(**reads)
    alive, gone = read.split_instances(found["instances"])
    instance = only_one("instances", name, alive, "InstanceId")
    address = only_one("Elastic IP addresses", name, found["addresses"], "AllocationId")
    volumes = [volume for volume in found["volumes"] if volume["State"] not in ("deleting", "deleted")]
    volume = only_one("volumes", read.data_volume_name(name), volumes, "VolumeId")
    return {
        "instance": read_instance(client, instance, bool(params["image_family"])) if instance else None,
        "predecessors": gone,
        "address": address and read.normalise_address(address),
        "data_volume": volume and read.normalise_volume(volume),
        "key_pair": next(map(read.normalise_key_pair, found["key_pairs"]), None),
        "inputs": {key: found.get(key) for key in ("instance_type", "subnet", "groups")},
    }


def _input_reads(client: Any, params: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    reads: dict[str, Callable[[], Any]] = {}
    if params["state"] == "absent":
        return reads
    instance_type, subnet_id = params["instance_type"], params["subnet_id"]
    groups = [group for group in params["security_group_ids"] or [] if not is_unknown(group)]
    if instance_type and not is_unknown(instance_type):
        reads["instance_type"] = lambda: api.get_instance_type(client, instance_type)
    if subnet_id and not is_unknown(subnet_id):
        reads["subnet"] = lambda: api.get_subnet(client, subnet_id)
    if groups:
        reads["groups"] = lambda: api.list_security_groups(client, groups)
    return reads


def read_instance(client: Any, instance: dict[str, Any], compares_family: bool = False) -> dict[str, Any]:
    root_volume_id = read.root_volume_id(instance)
    more = gather(
        protection=lambda: api.get_termination_protection(client, instance["InstanceId"]),
        root=lambda: api.list_volumes(client, {"volume-id": root_volume_id}) if root_volume_id else [],
        # One that its maker has withdrawn is not there any more.
        images=lambda: api.list_images(client, instance["ImageId"]) if compares_family else [],
    )
    image = next(iter(more["images"]), {})
    return {
        **read.normalise_instance(instance, next(iter(more["root"]), None), more["protection"]),
        "image_family": find_family(image.get("Name") or ""),
    }


def by_filter(name: str, value: str | None) -> dict[str, Any]:
    """A query to wait with: what is not seen yet is no error for a filter, as it is for an ID."""
    return {"Filters": [{"Name": name, "Values": [value]}]}


def only_one(what: str, name: str, items: list[dict[str, Any]], id_key: str) -> dict[str, Any] | None:
    if len(items) > 1:
        ids = ", ".join(item[id_key] for item in items)
        raise AnsibleEC2Error(
            f"There are {len(items)} {what} named {name} ({ids}), so which one is meant is not clear. "
            "Rename all but one of them, or give other tags Project and Stage"
        )
    return items[0] if items else None


def missing_inputs(params: dict[str, Any], inputs: dict[str, Any]) -> list[str]:
    """What the options name and EC2 does not know."""
    missing = []
    subnet_id = params["subnet_id"]
    if subnet_id and not is_unknown(subnet_id) and not inputs["subnet"]:
        missing.append(f"subnet_id: {subnet_id} does not exist in this region and account")
    known = {group["GroupId"] for group in inputs["groups"] or []}
    for group in params["security_group_ids"] or []:
        if not is_unknown(group) and group not in known:
            missing.append(f"security_group_ids: {group} does not exist in this region and account")
    return missing


def find_image(client: Any, ssm: Any, params: dict[str, Any], architectures: list[str] | None) -> dict[str, Any] | None:
    """The image to launch as EC2 describes it; None if what names it is not there (yet)."""
    image_id = params["image_id"]
    parameter = params["image_parameter"] or IMAGE_FAMILIES.get(params["image_family"])
    if parameter:
        if is_unknown(parameter) or not architectures:
            return None
        image_id = api.get_parameter(ssm, image_parameter_name(parameter, choose_architecture(architectures)))
    if not image_id or is_unknown(image_id):
        return None
    return next(iter(api.list_images(client, image_id)), None)


class HostWriter:
    """Carries out steps. Knows the IDs that were there, and learns those that it makes."""

    def __init__(
        self,
        client: Any,
        current: dict[str, Any],
        desired: dict[str, Any],
        image: dict[str, Any] | None,
        timeout: int,
    ) -> None:
        self.client = client
        self.current = current
        self.desired = desired
        self.image = image
        self.timeout = timeout
        self.instance_id = (current["instance"] or {}).get("instance_id")
        self.root_volume_id = ((current["instance"] or {}).get("root_volume") or {}).get("volume_id")
        self.allocation_id = (current["address"] or {}).get("allocation_id")
        self.volume_id = (current["data_volume"] or {}).get("volume_id")
        self.gone = [item["instance_id"] for item in current["predecessors"]]
        self.final_snapshot_id: str | None = None

    def apply(self, steps: Iterable[Step]) -> None:
        for step in steps:
            getattr(self, step.action)(**step.arguments)

    # --- key pair and address

    def import_key_pair(self) -> None:
        desired = self.desired
        api.import_key_pair(self.client, desired["key_name"], desired["public_key"], desired["key_tags"])

    def delete_key_pair(self) -> None:
        api.delete_key_pair(self.client, self.current["key_pair"]["key_name"])

    def allocate_address(self) -> None:
        self.allocation_id = api.allocate_address(self.client, self.desired["tags"])

    def associate_address(self) -> None:
        api.associate_address(self.client, self.allocation_id, self.instance_id)
        (address,) = api.list_addresses(self.client, {"allocation-id": self.allocation_id})
        what = f"instance {self.instance_id} with address {address['PublicIp']}"
        query = {"InstanceIds": [self.instance_id]}
        api.wait_for_own(self.client, what, "instance_has_address", self.timeout, query, address["PublicIp"])

    def disassociate_address(self, association_id: str) -> None:
        api.disassociate_address(self.client, association_id)

    def release_address(self) -> None:
        api.release_address(self.client, self.allocation_id)

    # --- instance

    def launch(self) -> None:
        """Launch the instance, once: also if an earlier attempt did so and was killed before it knew."""
        # A token that was used up by an instance that is gone gives that one back, or is refused because other
        # settings were sent with it. The next generation has another token.
        for _generation in range(3):
            instance = self._launch_generation()
            if instance["State"]["Name"] not in read.GONE:
                self.instance_id = instance["InstanceId"]
                return
            self.gone = [*self.gone, instance["InstanceId"]]
        raise AnsibleEC2Error(
            f"Failed to launch an instance for host {self.desired['name']}: EC2 ended it at once. "
            f"Ask DescribeInstances why {self.gone[-1]} was ended, which it tells for an hour"
        )

    def _launch_generation(self) -> dict[str, Any]:
        desired = self.desired
        region = self.client.meta.region_name
        token = launch.launch_token(region, desired["name"], desired["tags"], self.allocation_id, self.gone)
        try:
            return api.run_instance(self.client, launch.launch_request(desired, self.image, token))
        except is_ansible_aws_error_code("IdempotentParameterMismatch"):
            found = api.list_instances(self.client, {"client-token": token})
            if not found:
                return {"InstanceId": token, "State": {"Name": "terminated"}}
            return found[0]

    def wait_until_running(self) -> None:
        try:
            self._wait_for_instances("running", [self.instance_id])
        except AnsibleEC2Error as error:
            reasons = [
                instance.get("StateReason", {}).get("Message") or instance["State"]["Name"]
                for instance in api.list_instances(self.client, {"instance-id": self.instance_id})
            ]
            raise AnsibleEC2Error(f"{error.message}. EC2 says: {', '.join(reasons)}", error.exception) from error

    def wait_until_stopped(self) -> None:
        self._wait_for_instances("stopped", [self.instance_id])

    def wait_until_terminated(self) -> None:
        ids = [item["instance_id"] for item in self.current["predecessors"] if item["state"] == "shutting-down"]
        ids += [self.instance_id] if self.instance_id else []
        self._wait_for_instances("terminated", ids)

    def _wait_for_instances(self, state: str, ids: list[str]) -> None:
        what = f"{', '.join(ids)} {state}"
        api.wait_for(self.client, what, f"instance_{state}", self.timeout, {"InstanceIds": ids})

    def start(self) -> None:
        api.start_instance(self.client, self.instance_id)

    def stop(self) -> None:
        api.stop_instance(self.client, self.instance_id)

    def terminate(self) -> None:
        api.terminate_instance(self.client, self.instance_id)
        self.gone = sorted([*self.gone, self.instance_id])

    def change_type(self, instance_type: str) -> None:
        api.modify_instance_type(self.client, self.instance_id, instance_type)

    def set_security_groups(self, group_ids: list[str]) -> None:
        api.modify_security_groups(self.client, self.instance_id, group_ids)

    def set_instance_profile(self, profile: str) -> None:
        associations = api.list_profile_associations(self.client, self.instance_id)
        if not associations:
            api.associate_profile(self.client, self.instance_id, profile)
        elif profile:
            api.replace_profile(self.client, associations[0]["AssociationId"], profile)
        else:
            api.disassociate_profile(self.client, associations[0]["AssociationId"])

    def protect_metadata(self, hop_limit: int) -> None:
        api.modify_metadata_options(self.client, self.instance_id, hop_limit)

    def set_termination_protection(self, value: bool) -> None:
        api.modify_termination_protection(self.client, self.instance_id, value)

    # --- volumes

    def create_data_volume(self) -> None:
        zone = self.desired["availability_zone"] or self.current["instance"]["availability_zone"]
        request = launch.data_volume_request(self.desired, zone, self.instance_id)
        self.volume_id = api.create_volume(self.client, request, self.desired["data_volume_tags"])

    def attach_data_volume(self) -> None:
        # It was just made, or is being detached from an instance that was replaced.
        self._wait_for_volume("available")
        device = (self.desired["data_volume"] or {}).get("device") or DEFAULT_DEVICE
        api.attach_volume(self.client, self.volume_id, self.instance_id, device)
        what = f"{self.volume_id} attached to {self.instance_id}"
        query = by_filter("volume-id", self.volume_id)
        api.wait_for_own(self.client, what, "volume_attached", self.timeout, query)

    def _wait_for_volume(self, state: str) -> None:
        # One that is gone is an error that the waiter for that knows, and one that is not seen yet must not be.
        query = {"VolumeIds": [self.volume_id]} if state == "deleted" else by_filter("volume-id", self.volume_id)
        api.wait_for(self.client, f"{self.volume_id} {state}", f"volume_{state}", self.timeout, query)

    def modify_volume(self, which: str, request: dict[str, Any]) -> None:
        api.modify_volume(self.client, self._id(which), request)

    def wait_until_modified(self, which: str) -> None:
        query = by_filter("volume-id", self._id(which))
        what = f"{self._id(which)} with its new settings"
        api.wait_for_own(self.client, what, "volume_modified", self.timeout, query)

    def take_final_snapshot(self) -> None:
        """A snapshot of the volume as it is left, once: the name of it is written on the volume before."""
        volume = self.current["data_volume"]
        self._wait_for_volume("available")
        mark = volume["tags"].get(read.FINAL_SNAPSHOT_TAG)
        if not mark:
            mark = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            api.create_tags(self.client, self.volume_id, {read.FINAL_SNAPSHOT_TAG: mark})
        # Tags that AWS has put there cannot be given to something else.
        own_tags = {key: value for key, value in volume["tags"].items() if not key.startswith("aws:")}
        tags = {**own_tags, read.FINAL_SNAPSHOT_TAG: mark}
        filters = {"volume-id": self.volume_id, f"tag:{read.FINAL_SNAPSHOT_TAG}": mark}
        snapshots = [item for item in api.list_snapshots(self.client, filters) if item["State"] != "error"]
        if snapshots:
            self.final_snapshot_id = snapshots[0]["SnapshotId"]
        else:
            description = f"Last state of {tags.get('Name')} ({self.volume_id}) before it was deleted"
            self.final_snapshot_id = api.create_snapshot(self.client, self.volume_id, description, tags)
        query = by_filter("snapshot-id", self.final_snapshot_id)
        what = f"{self.final_snapshot_id} completed"
        api.wait_for(self.client, what, "snapshot_completed", self.timeout, query)

    def delete_data_volume(self) -> None:
        self._wait_for_volume("available")
        api.delete_volume(self.client, self.volume_id)
        self._wait_for_volume("deleted")

    # --- tags

    def create_tags(self, which: str, tags: dict[str, str]) -> None:
        api.create_tags(self.client, self._id(which), tags)

    def delete_tags(self, which: str, keys: list[str]) -> None:
        api.delete_tags(self.client, self._id(which), keys)

    def _id(self, which: str) -> str:
        return {
            "instance": self.instance_id,
            "root_volume": self.root_volume_id,
            "data_volume": self.volume_id,
            "address": self.allocation_id,
            "key_pair": (self.current["key_pair"] or {}).get("key_pair_id"),
        }[which]
