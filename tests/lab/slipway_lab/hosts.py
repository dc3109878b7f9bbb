# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Instances as systemd hosts in podman containers.

from __future__ import annotations

import hashlib
import logging
import os
import resource
import selectors
import shutil
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slipway_lab import addresses
from slipway_lab import images
from slipway_lab import network
from slipway_lab.commands import CommandError
from slipway_lab.commands import CommandTimeout
from slipway_lab.commands import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from slipway_lab.context import Lab
    from slipway_lab.volumes import Device

log = logging.getLogger(__name__)

GUEST_FILES = Path(__file__).with_name("guest")
CONTROLLER_CERTIFICATES = Path("/usr/local/share/ca-certificates")
TRUST = "/etc/ssl/certs/ca-certificates.crt"

# How the container of a host that restarts itself ends: PID 1 of the namespace dies of SIGHUP.
EXIT_REBOOT = 128 + signal.SIGHUP
STOP_SECONDS = 90


@dataclass(frozen=True)
class HostSpec:
    """What a host is made from."""

    instance_id: str
    vpc_id: str
    private_address: str
    mac_address: str
    release: str
    public_key: str
    user_data: str


def has_only_cgroups_v2(root: Path = Path("/sys/fs/cgroup")) -> bool:
    return (root / "cgroup.controllers").exists()


def runtime_options(cgroups_v2: bool) -> tuple[list[str], list[str]]:
    """podman's own options, and those of podman run, that boot systemd on this kind of machine."""
    if cgroups_v2:
        return [], []
    # crun refuses hybrid hierarchies; and without the machine's own, containers in the host fail to start.
    return ["--runtime", shutil.which("runc") or "runc"], ["--cgroupns=host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]


def limit_options() -> list[str]:
    # Left alone, podman asks for more than a machine may allow, and fails; it never gives more processes than this.
    most = {"nofile": 1048576, "nproc": int(Path("/proc/sys/kernel/pid_max").read_text())}
    options = []
    for name, limit in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        hard = resource.getrlimit(limit)[1]
        value = most[name] if hard == resource.RLIM_INFINITY else min(hard, most[name])
        options.append(f"--ulimit={name}={value}:{value}")
    return options


def environment(lab: Lab) -> dict[str, str]:
    """What every process of a host finds in its environment."""
    return {
        "AWS_ENDPOINT_URL": f"https://{lab.api_address}",
        "AWS_REGION": lab.region,
        "AWS_DEFAULT_REGION": lab.region,
        "AWS_CA_BUNDLE": TRUST,
        "SSL_CERT_FILE": TRUST,
        "REQUESTS_CA_BUNDLE": TRUST,
        "PIP_CERT": TRUST,
        # Two names of one setting: uv has renamed it.
        "UV_NATIVE_TLS": "true",
        "UV_SYSTEM_CERTS": "true",
    }


class Hosts:
    """The containers of a lab. What acts blocks until it is done; exits of their own are told to on_exit."""

    def __init__(self, lab: Lab, on_exit: Callable[[str], None]) -> None:
        self._lab = lab
        self._directory = lab.directory / "hosts"
        self._on_exit = on_exit
        self._options = runtime_options(has_only_cgroups_v2())
        # Instance id -> process id of its PID 1 while it runs.
        self._processes: dict[str, int] = {}
        # Instances whose end the lab itself brings about.
        self._ending: set[str] = set()
        # Instance id -> volume id -> (device, name in the host)
        self._volumes: dict[str, dict[str, tuple[Device, str]]] = {}
        self._selector = selectors.DefaultSelector()
        threading.Thread(target=self._watch, daemon=True, name="hosts").start()

    def _name(self, instance_id: str) -> str:
        return f"{network.lab_namespace(self._lab.number)}-{instance_id}"

    def _podman(self, *arguments: str, timeout: float = 120) -> str:
        return run("podman", *self._options[0], *arguments, timeout=timeout)

    def create(self, spec: HostSpec) -> None:
        """Make a host and start it."""
        directory = self._directory / spec.instance_id
        self._prepare(spec, directory)
        network.add_host(self._lab.number, spec.vpc_id, spec.instance_id, spec.private_address, spec.mac_address)
        namespace = network.NAMESPACES / network.host_namespace(self._lab.number, spec.instance_id)
        self._podman(
            "create",
            *("--name", self._name(spec.instance_id), "--label", f"slipway-lab={self._lab.number}"),
            *("--hostname", f"ip-{spec.private_address.replace('.', '-')}", "--no-hosts"),
            *("--network", f"ns:{namespace}", "--pidfile", str(directory / "pid")),
            *("--privileged", "--systemd=always", *self._options[1], *limit_options()),
            *("-v", f"{directory}:/run/host/slipway:ro"),
            # Docker Engine in a host needs a file system that is not an overlay itself.
            *("-v", "/var/lib/docker"),
            *(images.tag(spec.release), "/run/host/slipway/boot"),
        )
        self.start(spec.instance_id)

    def _prepare(self, spec: HostSpec, directory: Path) -> None:
        shutil.copytree(GUEST_FILES, directory)
        certificates = directory / "ca"
        certificates.mkdir()
        shutil.copy(self._lab.ca.certificate_file, certificates / "slipway-lab.crt")
        for certificate in sorted(CONTROLLER_CERTIFICATES.glob("*.crt")):
            shutil.copy(certificate, certificates)
        listing = [f"{hashlib.sha256(f.read_bytes()).hexdigest()} {f.name}\n" for f in sorted(certificates.iterdir())]
        files = {
            "authorized_keys": spec.public_key.strip() + "\n",
            "user-data": spec.user_data,
            "environment": "".join(f"{name}={value}\n" for name, value in environment(self._lab).items()),
            "resolv.conf": f"search ec2.internal\nnameserver {addresses.DNS}\n",
            "ca-certificates.list": "".join(listing),
            "volumes": "",
        }
        for name, text in files.items():
            (directory / name).write_text(text)

    def start(self, instance_id: str) -> None:
        directory = self._directory / instance_id
        attached = self._volumes.get(instance_id, {})
        lines = [f"{volume} {device.numbers} {name}\n" for volume, (device, name) in attached.items()]
        (directory / "volumes").write_text("".join(lines))
        self._podman("start", self._name(instance_id))
        process = int((directory / "pid").read_text())
        self._processes[instance_id] = process
        try:
            self._selector.register(os.pidfd_open(process), selectors.EVENT_READ, instance_id)
        except ProcessLookupError:
            raise CommandError(f"The host of {instance_id} ended as soon as it began.") from None

    def stop(self, instance_id: str) -> None:
        self._ending.add(instance_id)
        try:
            self._podman("stop", "-t", str(STOP_SECONDS), self._name(instance_id), timeout=STOP_SECONDS + 60)
        finally:
            self._processes.pop(instance_id, None)
            self._ending.discard(instance_id)

    def reboot(self, instance_id: str) -> None:
        """As the machine's own restart button: systemd shuts the host down in order."""
        self._ending.add(instance_id)
        try:
            os.kill(self._processes[instance_id], signal.SIGINT)
            try:
                self._podman("wait", self._name(instance_id), timeout=STOP_SECONDS)
            except CommandTimeout:
                log.warning("%s does not shut down; resetting it", instance_id)
                self._podman("stop", "-t", "0", self._name(instance_id))
            self.start(instance_id)
        finally:
            self._ending.discard(instance_id)

    def remove(self, instance_id: str, vpc_id: str) -> None:
        self._ending.add(instance_id)
        self._processes.pop(instance_id, None)
        self._volumes.pop(instance_id, None)
        self._podman("rm", "-f", "-t", "5", "-v", self._name(instance_id))
        network.remove_host(self._lab.number, vpc_id, instance_id)
        shutil.rmtree(self._directory / instance_id, ignore_errors=True)
        self._ending.discard(instance_id)

    def is_running(self, instance_id: str) -> bool:
        return instance_id in self._processes

    def add_volume(self, instance_id: str, volume_id: str, device: Device) -> None:
        attached = self._volumes.setdefault(instance_id, {})
        taken = {name for _, name in attached.values()}
        # 0 is the root volume.
        name = next(name for name in (f"nvme{index}n1" for index in range(1, 128)) if name not in taken)
        attached[volume_id] = (device, name)
        self._in_host(instance_id, "add-volume", volume_id, device.numbers, name)

    def uses_volume(self, instance_id: str, volume_id: str) -> bool:
        """Whether a file system of the volume is mounted in the host."""
        process, entry = self._processes.get(instance_id), self._volumes.get(instance_id, {}).get(volume_id)
        if not process or not entry:
            return False
        try:
            mounts = Path(f"/proc/{process}/mountinfo").read_text().splitlines()
        except FileNotFoundError:
            return False
        return any(line.split()[2] == entry[0].numbers for line in mounts)

    def remove_volume(self, instance_id: str, volume_id: str) -> None:
        entry = self._volumes.get(instance_id, {}).pop(volume_id, None)
        if entry:
            self._in_host(instance_id, "remove-volume", volume_id, entry[0].numbers, entry[1])

    def _in_host(self, instance_id: str, program: str, *arguments: str) -> None:
        process = self._processes.get(instance_id)
        if process:
            run("nsenter", f"--target={process}", "--mount", f"/run/host/slipway/{program}", *arguments)

    def _watch(self) -> None:
        while True:
            for key, _ in self._selector.select():
                self._selector.unregister(key.fileobj)
                os.close(key.fd)
                if key.data not in self._ending:
                    threading.Thread(target=self._ended, args=(key.data,), daemon=True).start()

    def _ended(self, instance_id: str) -> None:
        """A host has restarted itself, or switched itself off."""
        self._processes.pop(instance_id, None)
        try:
            if int(self._podman("wait", self._name(instance_id)).strip()) == EXIT_REBOOT:
                log.info("%s restarts itself", instance_id)
                self.start(instance_id)
                return
        except (CommandError, OSError, ValueError):
            log.exception("%s ended and could not be restarted", instance_id)
        self._on_exit(instance_id)
