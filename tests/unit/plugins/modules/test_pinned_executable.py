# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from ansible_collections.slipway.aws.plugins.modules import pinned_executable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

PROGRAM = b"#!/bin/sh\necho version 1\n"


def make_zip(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tool-1.data/scripts/tool", content)


def make_tar(path: Path, content: bytes) -> None:
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("tool-1.data/scripts/tool")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call_module: Callable[..., dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    # Whoever runs the tests is the owner.
    monkeypatch.setattr(pinned_executable.os, "chown", lambda *_args: None)
    monkeypatch.setattr(pinned_executable, "is_root_only", lambda _path: True)
    monkeypatch.setattr(pinned_executable.platform, "machine", lambda: "x86_64")

    def call(archive: Path, check_mode: bool = False, path: str = "", **changes: Any) -> dict[str, Any]:
        wanted = {
            "url": archive.as_uri(),
            "checksum": hashlib.sha256(archive.read_bytes()).hexdigest(),
            "member": "tool-1.data/scripts/tool",
            **changes,
        }
        params = {
            "path": path or str(tmp_path / "bin" / "tool"),
            "archives": {"x86_64": wanted},
            "record_directory": str(tmp_path / "records"),
        }
        (tmp_path / "bin").mkdir(exist_ok=True)
        return call_module(pinned_executable, params, check_mode=check_mode, diff=True)

    return call


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_install_once(tmp_path: Path, install: Callable[..., dict[str, Any]], make: Callable[..., None]) -> None:
    archive, tool = tmp_path / "archive", tmp_path / "bin" / "tool"
    make(archive, PROGRAM)
    assert install(archive, check_mode=True)["changed"]
    assert not tool.exists()
    assert install(archive)["changed"]
    assert tool.read_bytes() == PROGRAM
    assert tool.stat().st_mode & 0o7777 == 0o755
    assert not install(archive)["changed"]
    assert not install(archive, check_mode=True)["changed"]


def test_another_archive_or_a_changed_file_is_installed_again(
    tmp_path: Path, install: Callable[..., dict[str, Any]]
) -> None:
    first, second, tool = tmp_path / "first", tmp_path / "second", tmp_path / "bin" / "tool"
    make_zip(first, PROGRAM)
    make_zip(second, b"version 2")
    install(first)
    assert install(second, check_mode=True)["diff"]["before"] != {}
    assert install(second)["changed"]
    assert tool.read_bytes() == b"version 2"
    tool.write_bytes(b"tampered with")
    assert install(second)["changed"]
    assert tool.read_bytes() == b"version 2"


def test_another_member_of_the_same_archive_is_installed(
    tmp_path: Path, install: Callable[..., dict[str, Any]]
) -> None:
    archive = tmp_path / "archive"
    make_zip(archive, PROGRAM)
    with zipfile.ZipFile(archive, "a") as container:
        container.writestr("tool-1.data/scripts/helper", b"helper")
    install(archive)
    other = {"member": "tool-1.data/scripts/helper"}
    assert install(archive, check_mode=True, **other)["changed"]
    assert install(archive, **other)["changed"]
    assert (tmp_path / "bin" / "tool").read_bytes() == b"helper"
    assert not install(archive, **other)["changed"]


def test_executables_of_the_same_name_do_not_share_a_record(
    tmp_path: Path, install: Callable[..., dict[str, Any]]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    make_zip(first, PROGRAM)
    make_zip(second, b"another program")
    (tmp_path / "other").mkdir()
    install(first)
    install(second, path=str(tmp_path / "other" / "tool"))
    assert not install(first)["changed"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"checksum": "0" * 64}, "not installed"),
        ({"member": "nothing"}, "has no nothing"),
        ({"url": "file:///does/not/exist"}, "Failed to download"),
        ({"checksum": ""}, "lacks checksum"),
    ],
)
def test_refused(tmp_path: Path, install: Callable[..., dict[str, Any]], changes: dict[str, str], message: str) -> None:
    archive = tmp_path / "archive"
    make_zip(archive, PROGRAM)
    result = install(archive, **changes)
    assert result["failed"]
    assert message in result["msg"]
    assert not (tmp_path / "bin" / "tool").exists()


def test_what_is_no_archive_or_no_file_in_it_is_refused(tmp_path: Path, install: Callable[..., dict[str, Any]]) -> None:
    page, archive = tmp_path / "page", tmp_path / "archive"
    page.write_text("<html>Sign in first</html>")
    assert "is neither a zip file nor a tar file" in install(page)["msg"]
    (tmp_path / "directory").mkdir()
    with tarfile.open(archive, "w") as container:
        container.add(tmp_path / "directory", "tool-1.data/scripts")
    result = install(archive, member="tool-1.data/scripts")
    assert "tool-1.data/scripts in file://" in result["msg"]
    assert "is not a file" in result["msg"]
    assert list((tmp_path / "bin").iterdir()) == []


def test_other_architecture_is_named() -> None:
    with pytest.raises(pinned_executable.InstallError, match=r"riscv64; there are \['x86_64'\]"):
        pinned_executable.choose_archive({"x86_64": {}}, "riscv64")
