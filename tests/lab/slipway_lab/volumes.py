# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# EBS volumes: sparse files in the lab's directory, loop devices while attached.

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from slipway_lab.commands import run

GIB = 1024**3


@dataclass(frozen=True)
class Device:
    path: str
    major: int
    minor: int

    @property
    def numbers(self) -> str:
        return f"{self.major}:{self.minor}"


class Volumes:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._devices: dict[str, Device] = {}

    def _file(self, resource_id: str) -> Path:
        return self._directory / f"{resource_id}.img"

    def exists(self, resource_id: str) -> bool:
        return self._file(resource_id).exists()

    def create(self, volume_id: str, gibibytes: int) -> None:
        with self._file(volume_id).open("wb") as file:
            file.truncate(gibibytes * GIB)

    def copy(self, source_id: str, target_id: str, gibibytes: int | None = None) -> None:
        """Make target (a volume or a snapshot) hold the bytes of source, and grow it to a size if one is given."""
        if source_id in self._devices:
            # What the host has written must be in the file before it is read.
            run("blockdev", "--flushbufs", self._devices[source_id].path)
        target = self._file(target_id)
        part = target.with_suffix(".part")
        run("cp", "--sparse=always", "--reflink=auto", str(self._file(source_id)), str(part), timeout=600)
        if gibibytes:
            os.truncate(part, gibibytes * GIB)
        part.replace(target)

    def grow(self, volume_id: str, gibibytes: int) -> None:
        os.truncate(self._file(volume_id), gibibytes * GIB)
        if volume_id in self._devices:
            run("losetup", "--set-capacity", self._devices[volume_id].path)

    def delete(self, resource_id: str) -> None:
        self._file(resource_id).unlink(missing_ok=True)

    def attach(self, volume_id: str) -> Device:
        if volume_id not in self._devices:
            path = run("losetup", "--find", "--show", str(self._file(volume_id))).strip()
            number = Path(path).stat().st_rdev
            self._devices[volume_id] = Device(path, os.major(number), os.minor(number))
        return self._devices[volume_id]

    def detach(self, volume_id: str) -> None:
        device = self._devices.pop(volume_id, None)
        if device:
            run("losetup", "--detach", device.path)
