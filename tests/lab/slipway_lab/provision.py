# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# What a lab needs of the machine: packages, trust, limits; and how to remove what its hosts leave behind.

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from slipway_lab.commands import run

if TYPE_CHECKING:
    from collections.abc import Callable

# Program -> the Debian package that brings it.
NETWORK_PROGRAMS = {"ip": "iproute2", "nft": "nftables", "ssh-keygen": "openssh-client"}
HOST_PROGRAMS = {
    "podman": "podman",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "losetup": "mount",
    "gpg": "gnupg",
    "dpkg-deb": "dpkg",
}

# PID 1 of each host takes 5 of these and services more; 128, as some machines have it, is enough for 15 hosts.
INOTIFY_INSTANCES = 1024
_INOTIFY_FILE = Path("/proc/sys/fs/inotify/max_user_instances")


class ProvisionError(Exception):
    pass


def require_root() -> None:
    if os.geteuid():
        raise ProvisionError("The lab makes network namespaces and containers: run it as root.")


def missing_packages(hosts: bool) -> list[str]:
    wanted = NETWORK_PROGRAMS | (HOST_PROGRAMS if hosts else {})
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return [package for program, package in wanted.items() if not shutil.which(program, path=path)]


def install_packages(hosts: bool, say: Callable[[str], None]) -> None:
    packages = missing_packages(hosts)
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise ProvisionError(f"Install these first (only Debian and its kin are known here): {' '.join(packages)}")
    say(f"Installing {' '.join(packages)} with apt-get.")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages]
    attempts = (["apt-get", "update", "-q"], install)
    for command in attempts:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProvisionError(f"{' '.join(command)} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")


def prepare_machine(say: Callable[[str], None]) -> None:
    """Raise the limit that many systemd hosts on one kernel run into."""
    if int(_INOTIFY_FILE.read_text()) < INOTIFY_INSTANCES:
        say(f"Raising fs.inotify.max_user_instances of this machine to {INOTIFY_INSTANCES} (until it restarts).")
        _INOTIFY_FILE.write_text(f"{INOTIFY_INSTANCES}\n")


def system_trust() -> str:
    """The certificates that the machine trusts, PEM."""
    paths = ssl.get_default_verify_paths()
    candidates = ["/etc/ssl/certs/ca-certificates.crt", paths.openssl_cafile, paths.cafile]
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            return Path(candidate).read_text()
    raise ProvisionError("No bundle of trusted certificates found: install ca-certificates.")


def remove_containers(number: int) -> None:
    """Remove the hosts of a lab."""
    if shutil.which("podman"):
        containers = run("podman", "ps", "-aq", "--filter", f"label=slipway-lab={number}").split()
        if containers:
            run("podman", "rm", "-f", "-t", "0", "-v", *containers)


def remove_loop_devices(volumes: Path | None) -> None:
    """Free the devices of files in a lab's directory of volumes; with None, those of labs whose files are gone."""
    for line in run("losetup", "--noheadings", "--output", "NAME,BACK-FILE", "--list", check=False).splitlines():
        device, _, file = line.strip().partition(" ")
        file = file.strip()
        orphan = re.search(r"/\.lab/[^/]+/volumes/vol-\w+\.img \(deleted\)$", file)
        if file.startswith(f"{volumes}/") if volumes else orphan:
            run("losetup", "--detach", device)
