# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import FileSystem
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import VolumeError
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import build_entry
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import find_entry
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import find_mount
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import read_signature
from ansible_collections.slipway.aws.plugins.module_utils._mounted_volume.plan import set_entry

EXT4 = "DEVNAME=/dev/x\nUUID=aa-bb\nVERSION=1.0\nBLOCK_SIZE=4096\nTYPE=ext4\nUSAGE=filesystem\n"
ENTRY = "UUID=aa-bb /var/lib/shop ext4 defaults 0 2"


@pytest.mark.parametrize(
    ("rc", "output", "found"),
    [
        (2, "", None),
        (0, EXT4, FileSystem("ext4", "aa-bb")),
        (0, "DEVNAME=/dev/x\nUUID=c-d\nTYPE=xfs\nUSAGE=filesystem\n", FileSystem("xfs", "c-d")),
    ],
)
def test_signature(rc: int, output: str, found: FileSystem | None) -> None:
    assert read_signature("/dev/x", rc, output) == found


@pytest.mark.parametrize(
    ("rc", "output", "named"),
    [
        pytest.param(0, "DEVNAME=/dev/x\nPTUUID=1\nPTTYPE=gpt\n", "gpt", id="partition table"),
        pytest.param(0, "DEVNAME=/dev/x\nTYPE=crypto_LUKS\nUSAGE=crypto\nUUID=1\n", "crypto_LUKS", id="encrypted"),
        pytest.param(0, "DEVNAME=/dev/x\nTYPE=LVM2_member\nUSAGE=raid\nUUID=1\n", "LVM2_member", id="volume group"),
        pytest.param(8, "", "exit status 8", id="ambivalent"),
        pytest.param(4, "", "exit status 4", id="usage error"),
        pytest.param(1, "", "exit status 1", id="not readable"),
    ],
)
def test_what_is_not_surely_empty_is_refused(rc: int, output: str, named: str) -> None:
    with pytest.raises(VolumeError, match=named):
        read_signature("/dev/x", rc, output)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"{ENTRY}\n"),
        ("# a comment\nUUID=1 / ext4 defaults 0 1", f"# a comment\nUUID=1 / ext4 defaults 0 1\n{ENTRY}\n"),
        (f"{ENTRY}\n", f"{ENTRY}\n"),
        (
            "UUID=old /var/lib/shop ext4 defaults 0 2\nUUID=1 /srv ext4 ro 0 0\n",
            f"{ENTRY}\nUUID=1 /srv ext4 ro 0 0\n",
        ),
        ("/dev/x /var/lib/shop ext4 ro\n/dev/y\t/var/lib/shop\text4 ro\n", f"{ENTRY}\n"),
        ("# /dev/x /var/lib/shop ext4 ro\n", f"# /dev/x /var/lib/shop ext4 ro\n{ENTRY}\n"),
        ("/dev/x /var/lib/shop2 ext4 ro\n", f"/dev/x /var/lib/shop2 ext4 ro\n{ENTRY}\n"),
    ],
)
def test_fstab(before: str, after: str) -> None:
    assert set_entry(before, "/var/lib/shop", ENTRY) == after
    assert find_entry(after, "/var/lib/shop") == ENTRY
    assert set_entry(after, "/var/lib/shop", ENTRY) == after


def test_entry_names_the_file_system_and_not_the_device() -> None:
    assert build_entry(FileSystem("ext4", "aa-bb"), "/var/lib/shop", ["defaults"]) == ENTRY


def test_mount_found_is_the_one_on_top() -> None:
    mountinfo = (
        "22 1 254:0 / / rw - ext4 /dev/root rw\n"
        "30 22 259:1 / /var/lib/shop rw - ext4 /dev/x rw\n"
        "31 22 259:2 / /var/lib/shop rw - ext4 /dev/y rw\n"
    )
    assert find_mount(mountinfo, "/var/lib/shop") == "259:2"
    assert find_mount(mountinfo, "/srv") is None
