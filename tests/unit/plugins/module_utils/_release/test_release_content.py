# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._release import content

if TYPE_CHECKING:
    from pathlib import Path

BASE = [("app/main.py", "file", "aa"), ("run", "executable", "bb")]


@pytest.mark.parametrize(
    "other",
    [
        [("app/main.py", "file", "aa")],
        [("app/main.py", "file", "ac"), ("run", "executable", "bb")],
        [("app/main.py", "executable", "aa"), ("run", "executable", "bb")],
        [("app/main.py", "link", "aa"), ("run", "executable", "bb")],
        [("app/main2.py", "file", "aa"), ("run", "executable", "bb")],
    ],
)
def test_the_identity_differs_when_anything_differs(other: list[tuple[str, str, str]]) -> None:
    assert content.content_sha256(BASE) != content.content_sha256(other)


def test_the_identity_does_not_depend_on_the_order() -> None:
    assert content.content_sha256(BASE) == content.content_sha256(reversed(BASE))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "app/deep").mkdir(parents=True)
    (root / "app/main.py").write_text("print()\n")
    (root / "app/deep/ümlaut.txt").write_bytes(b"\x00\xff")
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o700)
    (root / "current").symlink_to("app/main.py")
    return root


def archive_of(root: Path) -> bytes:
    file = io.BytesIO()
    content.write_archive(content.read_content(str(root), []), file)
    return file.getvalue()


def test_times_and_other_modes_do_not_matter(tree: Path) -> None:
    before = content.read_content(str(tree), []).sha256, archive_of(tree)
    os.utime(tree / "run", (1, 1))
    (tree / "app/main.py").chmod(0o600)
    (tree / "app").chmod(0o700)
    assert (content.read_content(str(tree), []).sha256, archive_of(tree)) == before
    (tree / "app/main.py").chmod(0o755)
    assert content.read_content(str(tree), []).sha256 != before[0]


def test_the_archive_holds_the_files_and_nothing_of_this_machine(tree: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive_of(tree))) as tar:
        members = tar.getmembers()
        assert tar.extractfile("app/deep/ümlaut.txt").read() == b"\x00\xff"
    assert [(member.name, member.type, oct(member.mode)) for member in members] == [
        ("app", tarfile.DIRTYPE, "0o755"),
        ("app/deep", tarfile.DIRTYPE, "0o755"),
        ("app/deep/ümlaut.txt", tarfile.REGTYPE, "0o644"),
        ("app/main.py", tarfile.REGTYPE, "0o644"),
        ("current", tarfile.SYMTYPE, "0o777"),
        ("run", tarfile.REGTYPE, "0o755"),
    ]
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (0, 0, 0, "", "")
    }
    assert {member.linkname for member in members} == {"", "app/main.py"}


def test_an_archive_is_made_once_and_never_in_part(tree: Path, tmp_path: Path) -> None:
    archive = tmp_path / "release.tar.gz"
    release = content.read_content(str(tree), [])
    (tree / "run").write_text("changed since")
    with pytest.raises(content.ReleaseError, match="run was changed while it was read"):
        content.ensure_archive(release, str(archive))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tree"]

    content.ensure_archive(content.read_content(str(tree), []), str(archive))
    archive.write_text("left alone")
    content.ensure_archive(content.read_content(str(tree), []), str(archive))
    assert archive.read_text() == "left alone"


def test_an_absolute_link_is_refused_even_within_the_tree(tree: Path) -> None:
    (tree / "absolute").symlink_to(tree / "run")
    with pytest.raises(content.ReleaseError, match=r"absolute says .* Make it relative"):
        content.read_content(str(tree), [])
