# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Volumes and snapshots: their states, and the bytes behind them.

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.ec2.models.elastic_block_store import EBSBackend
from moto.ec2.models.elastic_block_store import Volume
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from slipway_lab.aws import ec2_errors
from slipway_lab.aws.patching import wraps
from slipway_lab.commands import CommandError

if TYPE_CHECKING:
    from typing import Any

    from moto.ec2.models.elastic_block_store import Snapshot
    from moto.ec2.models.elastic_block_store import VolumeAttachment

    from slipway_lab.aws.ec2 import Compute

# How often a volume that its host still uses is looked at again.
BUSY_SECONDS = 2


def is_root(volume: Volume) -> bool:
    """Whether a volume is an instance's root: then there is no file behind it, but the host's container."""
    attachment = volume.attachment
    return bool(attachment and attachment.device == attachment.instance.root_device_name)


def install(compute: Compute) -> None:
    # The emulator has no state before "available".
    Volume.status = property(
        lambda self: "in-use" if self.attachment else "creating" if self.__dict__.get("creating") else "available"
    )
    # EC2 tells the snapshot of every volume, empty if it was made from none.
    Volume.snapshot_id = property(
        lambda self: self.__dict__.get("snapshot_id") or "",
        lambda self, value: self.__dict__.update(snapshot_id=value),
    )
    _install_volumes(compute)
    _install_attachments(compute)
    _install_snapshots(compute)


def _install_volumes(compute: Compute) -> None:
    @wraps(ElasticBlockStore, "create_volume")
    def respond(original: Any, self: Any) -> Any:
        result = original()
        materialise(compute, result.result)
        return result

    @wraps(EBSBackend, "modify_volume")
    def modify_volume(original: Any, self: Any, volume_id: str, target_size: Any = None, *rest: Any) -> Volume:
        volume = self.get_volume(volume_id)
        if target_size and int(target_size) < volume.size:
            raise ec2_errors.cannot_shrink(volume.size, int(target_size))
        modified = original(volume_id, target_size, *rest)
        if target_size and compute.volumes and compute.volumes.exists(volume_id):
            compute.volumes.grow(volume_id, int(target_size))
        return modified

    @wraps(EBSBackend, "delete_volume")
    def delete_volume(original: Any, self: Any, volume_id: str) -> Volume:
        deleted = original(volume_id)
        if compute.volumes:
            compute.volumes.delete(volume_id)
        return deleted


def materialise(compute: Compute, volume: Volume) -> None:
    """Give a volume its bytes, and its time to come into being."""
    if compute.volumes:
        if volume.snapshot_id and compute.volumes.exists(volume.snapshot_id):
            compute.volumes.copy(volume.snapshot_id, volume.id, volume.size)
        else:
            compute.volumes.create(volume.id, volume.size)
    volume.creating = True
    compute.lab.delays.after("volume_creating", lambda: setattr(volume, "creating", False))


def connect(compute: Compute, volume: Volume, instance_id: str) -> None:
    """Let an instance's host see a volume."""
    if compute.volumes and compute.hosts and compute.volumes.exists(volume.id):
        compute.hosts.add_volume(instance_id, volume.id, compute.volumes.attach(volume.id))


def disconnect(compute: Compute, volume_id: str, instance_id: str) -> None:
    if compute.volumes and compute.hosts:
        compute.hosts.remove_volume(instance_id, volume_id)
        compute.volumes.detach(volume_id)


def _install_attachments(compute: Compute) -> None:
    @wraps(EBSBackend, "attach_volume")
    def attach_volume(
        original: Any,
        self: Any,
        volume_id: str,
        instance_id: str,
        device_path: str,
        delete_on_termination: bool = False,
    ) -> VolumeAttachment:
        volume, instance = self.get_volume(volume_id), self.get_instance(instance_id)
        if volume.attachment:
            raise ec2_errors.volume_in_use(volume_id)
        if device_path in instance.block_device_mapping:
            raise ec2_errors.device_taken(device_path)
        if volume.availability_zone != instance.availability_zone:
            raise ec2_errors.other_zone(volume_id)
        return original(volume_id, instance_id, device_path, delete_on_termination)

    @wraps(ElasticBlockStore, "attach_volume")
    def respond_attach(original: Any, self: Any) -> Any:
        volume = self.ec2_backend.get_volume(self._get_param("VolumeId"))
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        if volume.status == "creating":
            raise ec2_errors.incorrect_state(f"The volume '{volume.id}' is not 'available'.")
        if instance.state not in ("running", "stopped"):
            raise ec2_errors.incorrect_state(f"Instance '{instance.id}' is not 'running'.")
        result = original()
        attachment = volume.attachment
        attachment.status = "attaching"
        try:
            connect(compute, volume, instance.id)
        except CommandError:
            self.ec2_backend.detach_volume(volume.id, instance.id, attachment.device)
            raise
        compute.lab.delays.after("volume_attaching", lambda: _set_status(attachment, "attaching", "attached"))
        return result

    @wraps(ElasticBlockStore, "detach_volume")
    def respond_detach(original: Any, self: Any) -> Any:
        volume = self.ec2_backend.get_volume(self._get_param("VolumeId"))
        attachment = volume.attachment
        named = self._get_param("InstanceId")
        if attachment is None or (named and named != attachment.instance.id):
            raise ec2_errors.incorrect_state(f"Volume '{volume.id}' is in the 'available' state.")
        instance = attachment.instance
        if is_root(volume) and instance.state != "stopped":
            raise ec2_errors.root_detached(volume.id)
        if compute.hosts and compute.hosts.uses_volume(instance.id, volume.id):
            # As on AWS: it stays busy until the host has unmounted it, and is then detached.
            attachment.status = "busy"
            _detach_when_free(compute, volume, attachment)
            return _detaching(attachment)
        # Not the emulator's own answer, which wants the instance named; AWS knows where a volume is attached.
        disconnect(compute, volume.id, instance.id)
        volume.ec2_backend.detach_volume(volume.id, instance.id, attachment.device)
        attachment.status = "detaching"
        return _detaching(attachment)


def _set_status(attachment: VolumeAttachment, before: str, after: str) -> None:
    if attachment.status == before:
        attachment.status = after


def _detaching(attachment: VolumeAttachment) -> Any:
    return ActionResult(
        {
            "VolumeId": attachment.volume.id,
            "InstanceId": attachment.instance.id,
            "Device": attachment.device,
            "State": attachment.status,
            "AttachTime": attachment.attach_time,
        }
    )


def _detach_when_free(compute: Compute, volume: Volume, attachment: VolumeAttachment) -> None:
    def look() -> None:
        if volume.attachment is not attachment:
            return
        if compute.hosts and compute.hosts.uses_volume(attachment.instance.id, volume.id):
            _detach_when_free(compute, volume, attachment)
            return
        disconnect(compute, volume.id, attachment.instance.id)
        volume.ec2_backend.detach_volume(volume.id, attachment.instance.id, attachment.device)

    timer = threading.Timer(BUSY_SECONDS, look)
    timer.daemon = True
    timer.start()


def _install_snapshots(compute: Compute) -> None:
    @wraps(EBSBackend, "create_snapshot")
    def create_snapshot(original: Any, self: Any, volume_id: str, *arguments: Any, **options: Any) -> Snapshot:
        volume = self.get_volume(volume_id)
        if is_root(volume) and compute.hosts:
            raise ec2_errors.root_snapshot(volume_id)
        snapshot = original(volume_id, *arguments, **options)
        # The volume may grow; a snapshot keeps the size it was taken at.
        snapshot.volume = copy.copy(volume)
        if compute.volumes and compute.volumes.exists(volume_id):
            snapshot.status = "pending"
            compute.volumes.copy(volume_id, snapshot.id)
            compute.lab.delays.after("snapshot_pending", lambda: setattr(snapshot, "status", "completed"))
        return snapshot

    @wraps(EBSBackend, "delete_snapshot")
    def delete_snapshot(original: Any, self: Any, snapshot_id: str) -> Snapshot:
        deleted = original(snapshot_id)
        if compute.volumes:
            compute.volumes.delete(snapshot_id)
        return deleted
