# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Restoring real backups: what is refused, what is kept, what comes back, and what a kill leaves."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from killed import run_until_killed
from sqlite_writer import count_transactions
from sqlite_writer import make_database
from sqlite_writer import writing

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite

HERE = Path(_sqlite.__file__).parent

# Commits, and ends without a word, as a killed application does: what it wrote is in the -wal alone.
CRASH = """
import os, random, sqlite3, sys
sys.path.insert(0, sys.argv[1])
from sqlite_writer import commit
connection = sqlite3.connect(sys.argv[2], isolation_level=None)
connection.execute("PRAGMA wal_autocheckpoint = 0")
for _ in range(5):
    commit(connection, random.Random(0))
os._exit(0)
"""


def crash(database: str) -> None:
    support = str(Path(__file__).resolve().parents[4] / "support")
    subprocess.run([sys.executable, "-c", CRASH, support, database], check=True)
    assert os.path.getsize(f"{database}-wal") > 0


def count_in_copy(database: str, target: Path) -> int:
    """The transactions of a database as an application would see them, without touching it."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for suffix in ("", "-wal", "-journal"):
        if os.path.exists(database + suffix):
            shutil.copy(database + suffix, target / f"db{suffix}")
    return count_transactions(target / "db")


@pytest.fixture
def backup(tmp_path: Path) -> tuple[str, str, dict]:
    """A database whose newest five transactions are in its -wal, and a backup from before them."""
    database, directory = tmp_path / "app.db", tmp_path / "backups"
    make_database(database)
    directory.mkdir()
    manifest = _sqlite.make_backup(str(database), str(directory))
    database.chmod(0o640)
    crash(str(database))
    return str(database), f"{directory}/{manifest['id']}", manifest


def test_a_restore_sets_aside_all_that_was_there_and_can_be_taken_back(backup: tuple, tmp_path: Path) -> None:
    database = backup[0]
    assert count_in_copy(database, tmp_path / "copy") == 5
    dry = _sqlite.restore_backup(*backup, dry=True)
    assert (dry["changed"], dry["set_aside"]) == (True, "")
    assert count_in_copy(database, tmp_path / "copy") == 5

    done = _sqlite.restore_backup(*backup)
    assert done["changed"]
    assert sorted(os.listdir(done["set_aside"])) == ["app.db", "app.db-shm", "app.db-wal"]
    assert not os.path.exists(f"{database}-wal")
    assert not os.path.exists(f"{database}-shm")
    assert stat.S_IMODE(os.stat(database).st_mode) == 0o640
    assert not _sqlite.restore_backup(*backup)["changed"]
    assert count_transactions(Path(database)) == 0
    assert _sqlite.list_set_aside(database) == [done["set_aside"]]

    assert _sqlite.undo_restore(database, dry=True)["changed"]
    undone = _sqlite.undo_restore(database)
    assert (undone["changed"], undone["restored"]) == (True, done["set_aside"])
    assert count_transactions(Path(database)) == 5
    assert os.listdir(undone["set_aside"]) == ["app.db"]
    assert not _sqlite.undo_restore(database)["changed"]
    assert not _sqlite.undo_restore(database, done["set_aside"])["changed"]
    assert [name for name in os.listdir(tmp_path) if "restoring" in name] == []


def test_the_database_may_be_gone(backup: tuple) -> None:
    database = backup[0]
    os.unlink(database)
    # Its journals are still there, and belong to no database any more.
    done = _sqlite.restore_backup(*backup)
    assert count_transactions(Path(database)) == 0
    assert stat.S_IMODE(os.stat(database).st_mode) == 0o600
    assert sorted(os.listdir(done["set_aside"])) == ["app.db-shm", "app.db-wal"]
    assert not _sqlite.undo_restore(database)["changed"]


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_whoever_holds_any_of_the_files_open_is_named(backup: tuple, suffix: str, tmp_path: Path) -> None:
    # By another name: what counts is the file.
    link = tmp_path / "link"
    os.link(backup[0] + suffix, link)
    with subprocess.Popen(["sleep", "60"], stdin=link.open("rb")) as process:
        with pytest.raises(_sqlite.SqliteError, match=rf"held open by process {process.pid} \(sleep.*Stop it, then"):
            _sqlite.restore_backup(*backup)
        holders = _sqlite.restore_backup(*backup, dry=True)["holders"]
        assert [(item["pid"], item["files"]) for item in holders] == [(process.pid, [backup[0] + suffix])]
        process.kill()
    assert _sqlite.restore_backup(*backup)["changed"]


def test_a_writer_is_refused_and_goes_on(backup: tuple) -> None:
    with (
        writing(Path(backup[0])) as writer,
        pytest.raises(_sqlite.SqliteError, match=f"process {writer.process.pid} "),
    ):
        _sqlite.restore_backup(*backup)
    assert count_transactions(Path(backup[0])) == 5 + writer.report["commits"]
    assert _sqlite.restore_backup(*backup)["changed"]
    with (
        writing(Path(backup[0])) as writer,
        pytest.raises(_sqlite.SqliteError, match=f"process {writer.process.pid} "),
    ):
        _sqlite.undo_restore(backup[0])
    assert count_transactions(Path(backup[0])) == writer.report["commits"]


def test_somebody_who_opens_it_while_the_backup_is_unpacked(backup: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    unpack, process = _sqlite.unpack_backup, []

    def open_then_unpack(*arguments: object) -> int:
        with open(backup[0], "rb") as file:
            process.append(subprocess.Popen(["sleep", "60"], stdin=file))
        return unpack(*arguments)

    monkeypatch.setattr(_sqlite, "unpack_backup", open_then_unpack)
    try:
        with pytest.raises(_sqlite.SqliteError, match=r"\(sleep"):
            _sqlite.restore_backup(*backup)
    finally:
        process[0].kill()
        process[0].wait()
    assert count_transactions(Path(backup[0])) == 5


def damage_byte(path: str, manifest: dict) -> dict:
    with open(path, "r+b") as file:
        file.seek(manifest["size"] // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    return manifest


def damage_and_hide(path: str, manifest: dict) -> dict:
    damage_byte(path, manifest)
    return {**manifest, "sha256": _sqlite.hash_file(path)}


def damage_content(path: str, manifest: dict) -> dict:
    plain = f"{path}.plain"
    _sqlite.decompress_file(path, plain, manifest["compression"])
    content = bytearray(Path(plain).read_bytes())
    content[4096 * 3 : 4096 * 3 + 64] = b"\xff" * 64
    Path(plain).write_bytes(content)
    os.unlink(path)
    return {**manifest, **_sqlite.compress_file(plain, path, manifest["compression"])}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_byte, "the checksum of"),
        (damage_and_hide, "zstd ended with|unpacks to|damaged"),
        (damage_content, "The database is damaged|malformed"),
    ],
)
def test_a_damaged_backup_changes_nothing(backup: tuple, damage: object, message: str, tmp_path: Path) -> None:
    database, folder, manifest = backup
    manifest = damage(f"{folder}/{_sqlite.FILES[manifest['compression']]}", manifest)
    with pytest.raises(_sqlite.SqliteError, match=message):
        _sqlite.restore_backup(database, folder, manifest)
    with pytest.raises(_sqlite.SqliteError, match=message):
        _sqlite.test_backup(os.path.dirname(folder), folder, manifest)
    assert count_transactions(Path(database)) == 5
    assert [name for name in os.listdir(tmp_path) if "restor" in name] == []


def test_a_drill_touches_nothing_but_its_own_directory(backup: tuple, tmp_path: Path) -> None:
    database, folder, manifest = backup
    before = {path: path.stat() for path in tmp_path.glob("app.db*")}
    with open(database, "rb"):  # held open: no matter
        found = _sqlite.test_backup(os.path.dirname(folder), folder, manifest)
    assert (found["tables"], found["foreign_key_violations"]) == (3, 0)
    assert {path: path.stat() for path in tmp_path.glob("app.db*")} == before
    assert os.listdir(os.path.dirname(folder)) == [manifest["id"]]


# Killed anywhere ------------------------------------------------------------------------------------------------------

RESTORE = "_sqlite.restore_backup({0!r}, {1!r}, {2!r})"
UNDO = "_sqlite.undo_restore({0!r})"


def read_complete_states(database: str, target: Path) -> set[int]:
    """What the database itself and each complete place aside hold, as numbers of transactions."""
    places = [os.path.dirname(database), *_sqlite.list_set_aside(database)]
    places += _sqlite.find_set_aside(database, _sqlite.BEFORE_UNDO)
    found = [os.path.join(place, os.path.basename(database)) for place in places]
    return {count_in_copy(path, target) for path in found if os.path.isfile(path)}


def test_killed_anywhere_a_restore_loses_nothing(backup: tuple, tmp_path: Path) -> None:
    database, kept = backup[0], tmp_path / "kept"
    kept.mkdir()
    for path in tmp_path.glob("app.db*"):
        shutil.copy2(path, kept)
    number = 0
    while True:
        for path in tmp_path.glob("app.db*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in kept.iterdir():
            shutil.copy2(path, tmp_path)
        number += 1
        if run_until_killed(RESTORE.format(*backup), number, [HERE]) == 0:
            break
        # The old transactions are where they were, or complete in the place aside.
        assert 5 in read_complete_states(database, tmp_path / "copy"), number
        _sqlite.restore_backup(*backup)
        assert count_in_copy(database, tmp_path / "copy") == 0, number
        assert list(tmp_path.glob(".app.db.restoring-*")) == []
        assert _sqlite.undo_restore(database)["changed"], number
        assert count_in_copy(database, tmp_path / "copy") == 5, number
    assert number > 20


def test_killed_anywhere_an_undo_loses_nothing(backup: tuple, tmp_path: Path) -> None:
    database = backup[0]
    number = 0
    while True:
        number += 1
        _sqlite.restore_backup(*backup)
        code = run_until_killed(UNDO.format(database), number, [HERE])
        if code == 0:
            break
        assert 5 in read_complete_states(database, tmp_path / "copy"), number
        _sqlite.undo_restore(database)
        assert count_in_copy(database, tmp_path / "copy") == 5, number
        for place in _sqlite.find_set_aside(database, _sqlite.BEFORE_UNDO):
            shutil.rmtree(place)
    assert number > 10
    assert count_in_copy(database, tmp_path / "copy") == 5
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
