# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads what blkid says of a device and edits the text of fstab. Pure; standard library
# only, because it runs on managed hosts.

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

if TYPE_CHECKING:
    from typing import Any

BLKID_NOTHING_FOUND = 2


class VolumeError(Exception):
    pass


class FileSystem(NamedTuple):
    type: str
    uuid: str


def read_signature(device: str, rc: int, output: str) -> FileSystem | None:
    """The file system on a device from the answer of `blkid --probe --output export`; None if the device is empty.

    Whatever is neither a file system nor surely nothing is an error: such a device is never formatted.
    """
    if rc == BLKID_NOTHING_FOUND and not output.strip():
        return None
    found = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    if rc == 0 and found.get("USAGE") == "filesystem" and found.get("UUID"):
        return FileSystem(found["TYPE"], found["UUID"])
    what = found.get("TYPE") or found.get("PTTYPE") or f"something that blkid cannot tell (exit status {rc})"
    raise VolumeError(
        f"{device} is not empty, and holds no file system but {what}: it is left as it is. "
        "Attach another volume, or wipe this one by hand (wipefs --all) if nothing on it is needed."
    )


def _fields(line: str) -> list[str]:
    return [] if line.lstrip().startswith("#") else line.split()


def find_entry(fstab: str, path: str) -> str | None:
    """The line of fstab that mounts something at path."""
    return next((line for line in fstab.splitlines() if _fields(line)[1:2] == [path]), None)


def set_entry(fstab: str, path: str, entry: str) -> str:
    """fstab with this entry for path: in the place of the first one it has, any others removed, or at the end."""
    lines: list[str] = []
    placed = False
    for line in fstab.splitlines():
        if _fields(line)[1:2] != [path]:
            lines.append(line)
        elif not placed:
            lines.append(entry)
            placed = True
    if not placed:
        lines.append(entry)
    return "\n".join(lines) + "\n"


def build_entry(file_system: FileSystem, path: str, options: list[str]) -> str:
    # The last two: not for dump; checked at boot after the root file system.
    return f"UUID={file_system.uuid} {path} {file_system.type} {','.join(options)} 0 2"


def find_mount(mountinfo: str, path: str) -> str | None:
    """Device number ("259:1") of what is mounted at path, by /proc/self/mountinfo; the last one covers the others."""
    found = None
    for line in mountinfo.splitlines():
        fields: list[Any] = line.split()
        if fields[4] == path:
            found = fields[2]
    return found
