# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The module on real files below a temporary directory."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import TYPE_CHECKING

import pytest

from ansible_collections.slipway.aws.plugins.modules import host_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

ME = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}


@pytest.fixture
def run(call_module: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def run(*files: dict[str, Any], **modes: bool) -> dict[str, Any]:
        return call_module(host_files, {"files": [{**ME, **item} for item in files]}, **modes)

    return run


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_four_runs(run, tmp_path):
    files = [
        {"path": f"{tmp_path}/etc", "state": "directory", "mode": "0700"},
        {"path": f"{tmp_path}/etc/a.conf", "content": "größe=1\n", "mode": "0640"},
        {"path": f"{tmp_path}/deep/er/b.conf", "content": "", "validate": "test -f %s"},
        {"path": f"{tmp_path}/current", "state": "link", "target": "etc"},
    ]
    paths = [item["path"] for item in files]
    plan = run(*files, check_mode=True, diff=True)
    assert plan["changed_paths"] == paths
    assert list(tmp_path.iterdir()) == []
    done = run(*files, diff=True)
    assert (done["changed"], done["changed_paths"]) == (True, paths)
    assert done["diff"][1]["after"] == "größe=1\n"
    assert [(item["before"], item["after"]) for item in plan["diff"]][1:] == [
        (item["before"], item["after"]) for item in done["diff"]
    ][1:]
    assert (tmp_path / "current" / "a.conf").read_text("utf-8") == "größe=1\n"
    assert [mode(tmp_path / name) for name in ("etc", "etc/a.conf", "deep/er", "deep/er/b.conf")] == [
        0o700,
        0o640,
        0o755,
        0o644,
    ]
    for again in (run(*files, check_mode=True, diff=True), run(*files, diff=True)):
        assert not again["changed"]
        assert again["changed_paths"] == again["diff"] == []


def test_what_is_made_on_the_way_is_open_whatever_the_umask(run, tmp_path):
    files = [
        {"path": f"{tmp_path}/etc/uv/uv.toml", "content": ""},
        {"path": f"{tmp_path}/srv/app/data", "state": "directory", "mode": "0700"},
        {"path": f"{tmp_path}/run/app/data", "state": "link", "target": f"{tmp_path}/srv/app/data"},
    ]
    earlier = os.umask(0o077)
    try:
        run(*files)
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(earlier)
    assert [mode(tmp_path / name) for name in ("etc", "etc/uv", "etc/uv/uv.toml")] == [0o755, 0o755, 0o644]
    assert [mode(tmp_path / name) for name in ("srv", "srv/app", "srv/app/data")] == [0o755, 0o755, 0o700]
    assert [mode(tmp_path / name) for name in ("run", "run/app")] == [0o755, 0o755]
    assert not run(*files)["changed"]


def test_what_differs_is_changed_and_nothing_else(run, tmp_path):
    kept, other, opened = (tmp_path / name for name in ("kept", "other", "opened"))
    for path in (kept, other, opened):
        path.write_text("as it is\n")
        path.chmod(0o644)
    opened.chmod(0o666)
    number = kept.stat().st_ino
    items = [{"path": str(path), "content": "as it is\n"} for path in (kept, opened)]
    items.append({"path": str(other), "content": "new\n"})
    plan = run(*items, check_mode=True, diff=True)
    done = run(*items, diff=True)
    assert plan == done
    assert done["changed_paths"] == [str(opened), str(other)]
    assert "mode=0666" in done["diff"][0]["before_header"]
    assert "mode=0644" in done["diff"][0]["after_header"]
    assert (kept.stat().st_ino, mode(opened), other.read_text()) == (number, 0o644, "new\n")


def test_a_link_and_a_file_take_each_others_place(run, tmp_path):
    (tmp_path / "old").write_text("old\n")
    (tmp_path / "new").write_text("new\n")
    (tmp_path / "link").symlink_to("old")
    moved = {"path": f"{tmp_path}/link", "state": "link", "target": "new"}
    assert run(moved)["changed"]
    assert os.readlink(tmp_path / "link") == "new"
    assert run({"path": f"{tmp_path}/link", "content": "own\n"})["changed"]
    assert not (tmp_path / "link").is_symlink()
    assert [(tmp_path / name).read_text() for name in ("old", "new", "link")] == ["old\n", "new\n", "own\n"]
    assert run(moved)["changed"]
    assert not run(moved)["changed"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "new", "old"]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"path": "directory", "content": "x"}, "is a directory, and should be a file. Move it away"),
        ({"path": "file", "state": "directory"}, "is a file, and should be a directory"),
        ({"path": "pipe", "content": "x"}, "is a something else"),
        ({"path": "new"}, "is a file, so it needs content"),
        ({"path": "new", "state": "link"}, "is a link, so it needs target"),
        ({"path": "new", "state": "link", "target": "nowhere"}, "lead to nowhere, which is not there"),
        ({"path": "file", "content": "x", "validate": "sh -c 'echo no good; false' %s"}, "is not valid: no good"),
    ],
)
def test_what_cannot_be(run, tmp_path, item, said):
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_text("kept\n")
    os.mkfifo(tmp_path / "pipe")
    first = {"path": f"{tmp_path}/first", "content": "first\n"}
    failed = run(first, {**item, "path": f"{tmp_path}/{item['path']}"})
    assert failed["failed"]
    assert said in failed["msg"]
    assert failed["changed_paths"] == [str(tmp_path / "first")]
    assert (tmp_path / "file").read_text() == "kept\n"
    assert not (tmp_path / "new").exists()
