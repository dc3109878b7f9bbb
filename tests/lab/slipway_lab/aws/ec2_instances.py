# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Instances: their states, what may be done in which, and the hosts behind them.

from __future__ import annotations

import copy
import json
import logging
import socket
import time
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError
from moto.ec2.models.elastic_network_interfaces import NetworkInterfaceBackend
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.models.instances import InstanceState
from moto.ec2.models.instances import MetadataOptions
from moto.ec2.models.instances import StateReason
from moto.ec2.responses.instances import InstanceResponse

from slipway_lab import fabric
from slipway_lab import network
from slipway_lab.aws import ec2_errors
from slipway_lab.aws import ec2_images
from slipway_lab.aws import ec2_volumes
from slipway_lab.aws.ec2_addresses import elastic_address_of
from slipway_lab.aws.patching import wraps
from slipway_lab.delays import later
from slipway_lab.hosts import HostSpec

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from typing import Any

    from moto.ec2.models.amis import Ami
    from moto.ec2.models.instances import Reservation

    from slipway_lab.aws.ec2 import Compute

log = logging.getLogger(__name__)

STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

# How long a new host's sshd is waited for before its status check has failed.
REACHABLE_SECONDS = 120


def set_state(instance: Instance, name: str) -> None:
    instance._state = InstanceState(name, STATES[name])


def install(compute: Compute) -> None:
    _install_launch(compute)
    _install_transitions(compute)
    _install_attributes()
    _install_status()


# Launching


def check_launch(
    compute: Compute, image: Ami, instance_type: str, key_name: str | None, key_pairs: Iterable[str]
) -> None:
    """Refuse what AWS refuses, and what the lab cannot boot."""
    # A type that does not exist is refused by the emulator.
    known = INSTANCE_TYPES.get(instance_type)
    if known and image.architecture not in known["ProcessorInfo"]["SupportedArchitectures"]:
        raise ec2_errors.architecture_mismatch(instance_type, image.architecture or "")
    if key_name and key_name not in key_pairs:
        raise ec2_errors.key_pair_not_found(key_name)
    if compute.hosts:
        if ec2_images.release_of(image) is None:
            raise ec2_errors.no_host_image(image.id, image.name or "")
        if image.architecture != ec2_images.machine_architecture():
            raise ec2_errors.no_capacity(image.architecture or "")


def block_devices(image: Ami, requested: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A launch's block devices: the image's root volume, as far as the request does not say otherwise, and the rest."""
    root = {"VolumeSize": 8, "VolumeType": "gp3", "DeleteOnTermination": True, "Encrypted": False}
    others = []
    for mapping in requested:
        if mapping.get("DeviceName") == image.root_device_name:
            root |= {name: value for name, value in (mapping.get("Ebs") or {}).items() if value is not None}
        else:
            others.append(mapping)
    return [{"DeviceName": image.root_device_name, "Ebs": root}, *others]


def _install_launch(compute: Compute) -> None:
    @wraps(InstanceResponse, "_parse_block_device_mapping")
    def parse_block_device_mapping(original: Any, self: Any) -> list[dict[str, Any]]:
        """The request's devices with the image's root, which the emulator drops as soon as another is named."""
        if not self._get_param("ImageId"):
            return original()
        images = self.ec2_backend.describe_images(ami_ids=[self._get_param("ImageId")])
        requested = [mapping for mapping in self._get_param("BlockDeviceMappings", []) if "NoDevice" not in mapping]
        return block_devices(images[0], requested)

    @wraps(InstanceResponse, "run_instances")
    def respond(original: Any, self: Any) -> ActionResult:
        backend = self.ec2_backend
        request = {name: value for name, value in self._get_params().items() if name != "ClientToken"}
        fingerprint = json.dumps(request, sort_keys=True, default=str)
        tokens = backend.__dict__.setdefault("lab_launch_tokens", {})
        token = self._get_param("ClientToken")
        if token in tokens:
            used_for, reservation = tokens[token]
            if used_for != fingerprint:
                raise ec2_errors.token_reused()
            return ActionResult(reservation)
        result = original()
        if token:
            tokens[token] = (fingerprint, result.result)
        for instance in result.result.instances:
            instance.disable_api_termination = bool(self._get_param("DisableApiTermination"))
        return result

    @wraps(InstanceBackend, "run_instances")
    def run_instances(original: Any, self: Any, image_id: str, *arguments: Any, **options: Any) -> Reservation:
        template = options.get("launch_template")
        launched = image_id or (self._get_template_from_args(template).image_id if template else image_id)
        image = self.describe_images(ami_ids=[launched])[0]
        check_launch(compute, image, options["instance_type"], options.get("key_name"), self.key_pairs)
        _check_groups(self, options)
        if not options.get("subnet_id") and not options.get("nics"):
            options["subnet_id"] = _default_subnet(self, options.get("placement"))
        reservation = original(image_id, *arguments, **options)
        for instance in reservation.instances:
            _complete(compute, instance)
            set_state(instance, "pending")
            compute.in_background(lambda instance=instance: _boot(compute, instance, image))
        return reservation


def _default_subnet(backend: Any, zone: str | None) -> str | None:
    """Where AWS launches what names no subnet; the emulator takes an address out of the air."""
    subnets = backend.get_default_subnets()
    subnet = subnets.get(zone) if zone else next(iter(subnets.values()), None)
    return subnet.id if subnet else None


def _check_groups(backend: Any, options: dict[str, Any]) -> None:
    subnet_id = options.get("subnet_id")
    if not subnet_id:
        return
    vpc_id = backend.get_subnet(subnet_id).vpc_id
    for group_id in options.get("security_group_ids") or []:
        group = backend.get_security_group_from_id(group_id)
        if group and group.vpc_id != vpc_id:
            raise ec2_errors.foreign_group(group_id, subnet_id)


def _complete(compute: Compute, instance: Instance) -> None:
    """What the emulator leaves out of a new instance."""
    nic = instance.nics[0]
    # On AWS the groups of an instance are those of its primary interface, which goes when the instance goes.
    instance.security_groups = list(nic._group_set)
    nic.delete_on_termination = True
    for device, mapping in instance.block_device_mapping.items():
        if device != instance.root_device_name:
            volume = instance.ec2_backend.get_volume(mapping.volume_id)
            ec2_volumes.materialise(compute, volume)
            ec2_volumes.connect(compute, volume, instance.id)


def _boot(compute: Compute, instance: Instance, image: Ami) -> None:
    """pending -> running, with a host behind it."""
    began = time.monotonic()
    instance.reachable = compute.hosts is None
    if compute.hosts:
        key_pair = instance.ec2_backend.key_pairs.get(instance.key_name)
        spec = HostSpec(
            instance_id=instance.id,
            vpc_id=instance.vpc_id or "",
            private_address=instance.private_ip or "",
            mac_address=instance.nics[0].mac_address,
            release=ec2_images.release_of(image) or "",
            public_key=key_pair.material_public.decode() if key_pair else "",
            user_data=instance.user_data.decode() if instance.user_data else "",
        )
        try:
            compute.fabric.add_vpc(spec.vpc_id)
            compute.fabric.follow()
            compute.hosts.create(spec)
        except Exception as error:
            log.exception("%s could not be booted", instance.id)
            compute.hosts.remove(instance.id, spec.vpc_id)
            _end(compute, instance, lambda: None)
            instance.state_reason = StateReason(f"Server.InternalError: {error}", "Server.InternalError")
            return
    _run_after(compute, instance, began)


def _run_after(compute: Compute, instance: Instance, began: float) -> None:
    """running, when AWS would be done: at the earliest once the host is."""

    def run() -> None:
        if instance.state == "pending":
            set_state(instance, "running")
            compute.fabric.follow()
            if compute.hosts:
                compute.in_background(lambda: _check_reachability(compute, instance))

    _after(compute, "instance_pending", began, run)


def _after(compute: Compute, event: str, began: float, callback: Callable[[], None]) -> None:
    """Call back when AWS would be done with what began then; at once if the host took longer than that."""
    later(compute.lab.delays.seconds(event) - (time.monotonic() - began), callback)


def _check_reachability(compute: Compute, instance: Instance) -> None:
    """The instance's status check: whether its sshd answers within its own network."""
    deadline = time.monotonic() + REACHABLE_SECONDS
    with network.inside(network.vpc_namespace(compute.lab.number, instance.vpc_id or "")):
        while time.monotonic() < deadline and instance.state == "running":
            try:
                with socket.create_connection((instance.private_ip, 22), 2) as connection:
                    if connection.recv(4) == b"SSH-":
                        instance.reachable = True
                        return
            except OSError:
                pass
            time.sleep(0.5)


# Stopping, starting, rebooting, ending


def host_ended(compute: Compute, instance_id: str) -> None:
    """A host has switched itself off: its instance stops, or ends if that is how it was launched."""
    for instance in fabric.instances(compute.lab.account_id):
        if instance.id == instance_id and instance.state == "running":
            instance.reachable = False
            if instance.instance_initiated_shutdown_behavior == "terminate":
                instance.terminate()
            else:
                _set_stopped(compute, instance, "Client.InstanceInitiatedShutdown: Instance initiated shutdown")


def _set_stopped(compute: Compute, instance: Instance, reason: str) -> None:
    for nic in instance.nics.values():
        nic.stop()
    instance.state_reason = StateReason(reason, reason.partition(":")[0])
    set_state(instance, "stopped")
    compute.fabric.follow()


def _end(compute: Compute, instance: Instance, end: Callable[[], Any]) -> None:
    """Take away a host, then what the account holds for it."""
    for device, mapping in list(instance.block_device_mapping.items()):
        if device != instance.root_device_name:
            ec2_volumes.disconnect(compute, mapping.volume_id, instance.id)
    for nic in instance.nics.values():
        address = elastic_address_of(nic)
        if address is not None:
            address.instance = address.eni = address.association_id = None
        nic.public_ip = None
    end()
    set_state(instance, "terminated")
    compute.fabric.follow()


def _install_transitions(compute: Compute) -> None:
    _install_start_and_reboot(compute)
    _install_stop(compute)
    _install_terminate(compute)


def _install_start_and_reboot(compute: Compute) -> None:
    @wraps(Instance, "start")
    def start(original: Any, self: Instance) -> InstanceState:
        before = copy.copy(self._state)
        if before.name in ("pending", "running"):
            return before
        if before.name != "stopped":
            raise ec2_errors.incorrect_instance_state(self.id, "started")
        began = time.monotonic()
        original()
        set_state(self, "pending")
        self.launch_time = utcnow()

        def act() -> None:
            if compute.hosts:
                compute.hosts.start(self.id)
            _run_after(compute, self, began)

        compute.in_background(act)
        return before

    @wraps(Instance, "reboot")
    def reboot(original: Any, self: Instance) -> None:
        if self.state != "running":
            raise ec2_errors.incorrect_instance_state(self.id, "rebooted")
        if compute.hosts:
            hosts = compute.hosts
            compute.in_background(lambda: hosts.reboot(self.id))


def _install_stop(compute: Compute) -> None:
    @wraps(Instance, "stop")
    def stop(original: Any, self: Instance) -> InstanceState:
        before = copy.copy(self._state)
        if before.name in ("stopping", "stopped"):
            return before
        if before.name != "running":
            raise ec2_errors.incorrect_instance_state(self.id, "stopped")
        began = time.monotonic()
        set_state(self, "stopping")
        self.reachable = False

        def act() -> None:
            if compute.hosts:
                compute.hosts.stop(self.id)
            reason = "Client.UserInitiatedShutdown: User initiated shutdown"
            _after(compute, "instance_stopping", began, lambda: _set_stopped(compute, self, reason))

        compute.in_background(act)
        return before


def _install_terminate(compute: Compute) -> None:
    @wraps(Instance, "terminate")
    def terminate(original: Any, self: Instance) -> InstanceState:
        before = copy.copy(self._state)
        if before.name in ("shutting-down", "terminated"):
            return before
        began = time.monotonic()
        set_state(self, "shutting-down")
        self.reachable = False

        def act() -> None:
            if compute.hosts:
                compute.hosts.remove(self.id, self.vpc_id or "")
            _after(compute, "instance_terminating", began, lambda: _end(compute, self, original))

        compute.in_background(act)
        return before


# Attributes


def _truth(value: Any) -> bool:
    return str(value).lower() == "true"


def _install_attributes() -> None:
    @wraps(InstanceBackend, "modify_instance_attribute")
    def modify_instance_attribute(original: Any, self: Any, instance_id: str, key: str, value: Any) -> Instance:
        instance = self.get_instance(instance_id)
        if key in ("instance_type", "user_data") and instance.state != "stopped":
            raise ec2_errors.must_be_stopped(instance_id, key)
        if key == "instance_type":
            known = INSTANCE_TYPES.get(value)
            if not known or instance.architecture not in known["ProcessorInfo"]["SupportedArchitectures"]:
                raise ec2_errors.no_such_type(value)
        if key in ("disable_api_termination", "disable_api_stop", "source_dest_check", "ebs_optimized"):
            value = _truth(value)
        return original(instance_id, key, value)

    @wraps(InstanceBackend, "modify_instance_security_groups")
    def modify_instance_security_groups(original: Any, self: Any, instance_id: str, group_ids: list[str]) -> Instance:
        instance = self.get_instance(instance_id)
        _set_groups(self, instance, group_ids)
        return instance

    @wraps(NetworkInterfaceBackend, "modify_network_interface_attribute")
    def modify_network_interface_attribute(
        original: Any, self: Any, eni_id: str, group_ids: list[str], *rest: Any, **options: Any
    ) -> None:
        original(eni_id, group_ids, *rest, **options)
        nic = self.get_network_interface(eni_id)
        if group_ids and nic.instance and nic is nic.instance.nics[0]:
            _set_groups(self, nic.instance, group_ids)

    @wraps(InstanceBackend, "modify_instance_metadata_options")
    def modify_instance_metadata_options(
        original: Any,
        self: Any,
        instance_id: str,
        http_tokens: str | None = None,
        hop_limit: int | None = None,
        http_endpoint: str | None = None,
        dry_run: bool | None = False,
        http_protocol: str | None = None,
        metadata_tags: str | None = None,
    ) -> MetadataOptions:
        """What is not named stays as it was; the emulator would reset it."""
        options = self.get_instance(instance_id).metadata_options
        changes = {
            "http_tokens": http_tokens,
            "http_put_response_hop_limit": hop_limit,
            "http_endpoint": http_endpoint,
            "http_protocol_ipv6": http_protocol,
            "instance_metadata_tags": metadata_tags,
        }
        for name, value in changes.items():
            if value is not None:
                setattr(options, name, value)
        return options


def _set_groups(backend: Any, instance: Instance, group_ids: list[str]) -> None:
    groups = [backend.get_security_group_from_id(group_id) for group_id in group_ids]
    for group_id, group in zip(group_ids, groups, strict=True):
        if group is None:
            raise InvalidSecurityGroupNotFoundError(group_id)
        if group.vpc_id != instance.vpc_id:
            raise ec2_errors.foreign_group(group_id, instance.subnet_id or "")
    instance.security_groups = groups
    instance.nics[0]._group_set = groups


# Status checks


def _install_status() -> None:
    def instance_status(self: Instance) -> dict[str, Any]:
        if self.state != "running":
            return {"Status": "not-applicable"}
        reachable = self.__dict__.get("reachable", False)
        return {
            "Status": "ok" if reachable else "initializing",
            "Details": [{"Name": "reachability", "Status": "passed" if reachable else "initializing"}],
        }

    Instance.instance_status = property(instance_status)
