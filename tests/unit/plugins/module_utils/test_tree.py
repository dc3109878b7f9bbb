# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ansible_collections.slipway.aws.plugins.module_utils import _tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("path", "patterns", "expected"),
    [
        ("app/main.py", [], False),
        ("app/main.pyc", ["*.pyc"], True),
        ("app/main.py", ["*.pyc"], False),
        (".git/objects/ab/cd", [".git"], True),
        ("vendor/.git", [".git/"], True),
        ("app/.gitignore", [".git"], False),
        ("app/.env", [".env"], True),
        ("app/.envrc", [".env", ".env.*"], False),
        ("docs/index.md", ["/docs"], True),
        ("app/docs/index.md", ["/docs"], False),
        ("app/docs/index.md", ["docs"], True),
        ("assets/img/logo.svg", ["assets/*"], True),  # an asterisk goes on past slashes
        ("lib/assets/logo.svg", ["assets/*"], False),
        ("lib/assets/logo.svg", ["*/assets/*"], True),
        ("a.PY", ["*.py"], False),
        ("a[1].txt", ["a[1].txt"], False),  # as in any shell: a set of characters
        ("a1.txt", ["a[1].txt"], True),
    ],
)
def test_is_excluded(path: str, patterns: list[str], expected: bool) -> None:
    assert _tree.is_excluded(path, patterns) is expected


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def test_list_tree_is_sorted_by_path_and_prunes_what_is_excluded(tmp_path: Path) -> None:
    make(tmp_path, "b/c.txt", "b.txt", "a/z", ".git/config", "a/x.pyc", "é.txt")
    (tmp_path / "b.txt").chmod(0o755)
    (tmp_path / "empty").mkdir()
    entries = _tree.list_tree(str(tmp_path), [".git", "*.pyc"])
    assert [entry.path for entry in entries] == ["a/z", "b.txt", "b/c.txt", "é.txt"]
    assert [entry.executable for entry in entries] == [False, True, False, False]
    assert entries[2].size == len("b/c.txt")


def test_list_tree_keeps_links_within_the_tree(tmp_path: Path) -> None:
    make(tmp_path, "a/file")
    (tmp_path / "a/link").symlink_to("file")
    (tmp_path / "directory").symlink_to("a")
    (tmp_path / "later").symlink_to("a/not-yet")
    assert {entry.path: entry.link for entry in _tree.list_tree(str(tmp_path))} == {
        "a/file": None,
        "a/link": "file",
        "directory": "a",
        "later": "a/not-yet",
    }


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "/"])
def test_list_tree_refuses_links_that_lead_out(tmp_path: Path, target: str) -> None:
    make(tmp_path, "site/index.html")
    (tmp_path / "site/link").symlink_to(target)
    with pytest.raises(_tree.TreeError, match=r"The symbolic link link leads to .*, outside of "):
        _tree.list_tree(str(tmp_path / "site"))
    assert len(_tree.list_tree(str(tmp_path / "site"), ["link"])) == 1


def test_list_tree_of_a_root_that_is_a_link_itself(tmp_path: Path) -> None:
    make(tmp_path, "real/file")
    (tmp_path / "real/link").symlink_to("file")
    (tmp_path / "current").symlink_to("real")
    assert [entry.path for entry in _tree.list_tree(str(tmp_path / "current"))] == ["file", "link"]


def test_list_tree_refuses_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(_tree.TreeError, match="pipe is neither a file nor a directory"):
        _tree.list_tree(str(tmp_path))


def test_list_tree_of_no_directory(tmp_path: Path) -> None:
    make(tmp_path, "file")
    with pytest.raises(_tree.TreeError, match="file is not a directory"):
        _tree.list_tree(str(tmp_path / "file"))
    with pytest.raises(_tree.TreeError, match="gone is not there"):
        _tree.list_tree(str(tmp_path / "gone"))
