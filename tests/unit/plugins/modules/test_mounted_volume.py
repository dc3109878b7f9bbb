# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The module on a volume that is there and mounted; the kernel, blkid and fstab are in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.modules import mounted_volume

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

DEVICE = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0"


@pytest.mark.parametrize("written", ["data", "data/", "link", "other/../data"])
def test_place_is_found_however_its_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call_module: Callable[..., dict[str, Any]], written: str
) -> None:
    place = tmp_path / "data"
    place.mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(place)
    texts = {
        "/proc/self/mountinfo": f"36 35 259:1 / {place} rw shared:1 - ext4 /dev/nvme1n1 rw\n",
        mounted_volume.FSTAB: f"UUID=5a6f2c0e {place} ext4 defaults 0 2\n",
    }

    def run_command(_module: AnsibleModule, command: list[str], **_options: Any) -> tuple[int, str, str]:
        assert command[0] == "blkid", command
        return 0, "TYPE=ext4\nUUID=5a6f2c0e\nUSAGE=filesystem\n", ""

    monkeypatch.setattr(AnsibleModule, "run_command", run_command)
    monkeypatch.setattr(mounted_volume, "read_text", texts.__getitem__)
    monkeypatch.setattr(mounted_volume, "find_device_number", lambda _device: "259:1")
    result = call_module(mounted_volume, {"device": DEVICE, "path": f"{tmp_path}/{written}", "options": ["defaults"]})
    assert not result["changed"], result
    assert result["volume"]["path"] == str(place)
