#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mounted_volume
version_added: 0.1.0
short_description: Mount a volume, and make its file system if it is empty
description:
  - Waits until a block device is there, makes a file system on it if it holds nothing at all, writes the entry in
    C(/etc/fstab) by the file system's UUID, and mounts it.
  - A device on which C(blkid) finds anything, be it a file system of another type, a partition table, or signatures
    that it cannot tell apart, is never formatted.
  - Another volume that is mounted at the same place is an error; nothing is unmounted.
options:
  device:
    description:
      - Path of the device; best a link that names the volume, such as those in C(/dev/disk/by-id).
    type: path
    required: true
  path:
    description:
      - Where to mount it. The directory is made if it is missing. Symbolic links are followed.
    type: path
    required: true
  filesystem:
    description:
      - Type of the file system to make on an empty device. One that is there stays as it is.
    type: str
    choices: [ext4, xfs]
    default: ext4
  options:
    description:
      - Options of the mount.
      - V(nofail) lets the host come up without the volume, so that somebody can log in and look; services that must
        not run without it need C(RequiresMountsFor=).
    type: list
    elements: str
    default: [defaults, nofail, nodev, nosuid, noexec, x-systemd.device-timeout=60s]
  wait_timeout:
    description:
      - How many seconds to wait for the device; a volume that was attached a moment ago takes some.
    type: int
    default: 120
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
"""

EXAMPLES = r"""
- name: Mount the data volume
  slipway.aws.mounted_volume:
    device: /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0
    path: /var/lib/shop
"""

RETURN = r"""
volume:
  description: The volume after the run, or as it would be.
  returned: success
  type: dict
  contains:
    device:
      description: Path of the device.
      type: str
      returned: success
      sample: /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0
    path:
      description: Where it is mounted.
      type: str
      returned: success
      sample: /var/lib/shop
    filesystem:
      description: Type of its file system.
      type: str
      returned: success
      sample: ext4
    uuid:
      description: UUID of its file system. In check mode that of one not made yet reads V((known after apply\)).
      type: str
      returned: success
      sample: 5a6f2c0e-9a43-4f0e-8c7d-1f5a2b3c4d5e
    entry:
      description: Its line in C(/etc/fstab).
      type: str
      returned: success
      sample: UUID=5a6f2c0e-9a43-4f0e-8c7d-1f5a2b3c4d5e /var/lib/shop ext4 defaults,nofail 0 2
    mounted:
      description: Whether it is mounted there.
      type: bool
      returned: success
      sample: true
"""

import os
import stat
import tempfile
import time
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import FileSystem
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import VolumeError
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import build_entry
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import find_entry
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import find_mount
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import read_signature
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import set_entry
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from typing import Any

FSTAB = "/etc/fstab"


def read_text(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def find_device_number(device: str) -> str | None:
    try:
        state = os.stat(device)
    except FileNotFoundError:
        return None
    if not stat.S_ISBLK(state.st_mode):
        raise VolumeError(f"{device} is not a block device")
    return f"{os.major(state.st_rdev)}:{os.minor(state.st_rdev)}"


def wait_for_device(device: str, timeout: int) -> None:
    deadline = time.monotonic() + timeout
    while find_device_number(device) is None:
        if time.monotonic() >= deadline:
            raise VolumeError(f"{device} is not there after {timeout} seconds. Is the volume attached to this host?")
        time.sleep(0.5)


def probe(module: AnsibleModule, device: str) -> FileSystem | None:
    # --probe asks the device itself, not what an earlier blkid remembers of it.
    rc, output, _error = module.run_command(["blkid", "--probe", "--output", "export", device])
    return read_signature(device, rc, output)


def read_volume(module: AnsibleModule, device: str, path: str) -> dict[str, Any]:
    number = find_device_number(device)
    mounted = find_mount(read_text("/proc/self/mountinfo"), path)
    if mounted and number and mounted != number:
        raise VolumeError(f"Something else is mounted at {path}: device {mounted}, while {device} is {number}")
    return {
        "file_system": probe(module, device) if number else None,
        "entry": find_entry(read_text(FSTAB), path),
        "mounted": mounted is not None,
    }


def describe(device: str, path: str, file_system: FileSystem | None, entry: str | None, mounted: bool) -> dict:
    return {
        "device": device,
        "path": path,
        "filesystem": file_system.type if file_system else None,
        "uuid": file_system.uuid if file_system else None,
        "entry": entry,
        "mounted": mounted,
    }


def make_file_system(module: AnsibleModule, device: str, kind: str) -> FileSystem:
    # Without a flag to force it, mkfs also refuses what it finds to be in use or not empty.
    module.run_command([f"mkfs.{kind}", "-q", device], check_rc=True)
    made = probe(module, device)
    if made is None:
        raise VolumeError(f"mkfs.{kind} ended well, but there is no file system on {device}")
    return made


def write_entry(module: AnsibleModule, path: str, entry: str) -> None:
    descriptor, beside = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "w") as file:
        file.write(set_entry(read_text(FSTAB), path, entry))
    module.atomic_move(beside, FSTAB)
    module.set_mode_if_different(FSTAB, "0644", False)
    module.run_command(["systemctl", "daemon-reload"], check_rc=True)  # it makes mount units of fstab


def run(module: AnsibleModule) -> dict[str, Any]:
    device, kind = module.params["device"], module.params["filesystem"]
    # As the kernel and systemd name it, without a link or a slash at its end; else the mount would not be found again.
    path = os.path.realpath(module.params["path"])
    if not module.check_mode:
        wait_for_device(device, module.params["wait_timeout"])
    current = read_volume(module, device, path)
    file_system = current["file_system"] or FileSystem(kind, UNKNOWN)
    entry = build_entry(file_system, path, module.params["options"])
    before = describe(device, path, current["file_system"], current["entry"], current["mounted"])
    changed = current["file_system"] is None or current["entry"] != entry or not current["mounted"]

    if changed and not module.check_mode:
        if current["file_system"] is None:
            file_system = make_file_system(module, device, kind)
            entry = build_entry(file_system, path, module.params["options"])
        if current["entry"] != entry:
            write_entry(module, path, entry)
        if not current["mounted"]:
            os.makedirs(path, mode=0o755, exist_ok=True)
            module.run_command(["mount", path], check_rc=True)
        elif current["entry"] != entry:
            module.run_command(["mount", "-o", "remount", path], check_rc=True)
    after = describe(device, path, file_system, entry, True)
    return module_result("volume", changed, before, after, module._diff)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "device": {"type": "path", "required": True},
            "path": {"type": "path", "required": True},
            "filesystem": {"type": "str", "choices": ["ext4", "xfs"], "default": "ext4"},
            "options": {
                "type": "list",
                "elements": "str",
                "default": ["defaults", "nofail", "nodev", "nosuid", "noexec", "x-systemd.device-timeout=60s"],
            },
            "wait_timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (VolumeError, OSError) as error:
        module.fail_json(msg=f"Failed to mount {module.params['device']}: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
