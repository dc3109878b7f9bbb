# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Backups of real databases: beside a process that writes, and when things go wrong."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from killed import run_until_killed
from sqlite_writer import count_transactions
from sqlite_writer import make_database
from sqlite_writer import writing

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite

HERE = Path(_sqlite.__file__).parent


@pytest.fixture
def place(tmp_path: Path) -> tuple[str, str]:
    """A database in WAL mode, and a directory for its backups."""
    make_database(tmp_path / "app.db")
    (tmp_path / "backups").mkdir()
    return str(tmp_path / "app.db"), str(tmp_path / "backups")


def unpack(directory: str, manifest: dict, target: Path) -> Path:
    target.unlink(missing_ok=True)
    _sqlite.unpack_backup(f"{directory}/{manifest['id']}", manifest, str(target))
    return target


def execute(database: str, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()


def good_ids(database: str, directory: str) -> list[str]:
    return [item["id"] for item in _sqlite.list_backups(directory, database)[0]]


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_each_backup_beside_a_writer_is_a_consistent_snapshot(tmp_path: Path, compression: str) -> None:
    database, directory = tmp_path / "app.db", tmp_path / "backups"
    make_database(database, mebibytes=32)
    directory.mkdir()
    with writing(database) as writer:
        made = [_sqlite.make_backup(str(database), str(directory), compression=compression) for _number in range(3)]
        assert writer.process.poll() is None
    assert good_ids(str(database), str(directory)) == [item["id"] for item in reversed(made)]
    counts = [count_transactions(unpack(str(directory), item, tmp_path / "restored")) for item in made]
    print(f"\n{compression}: {writer.report}, transactions in the backups: {counts}")
    # The writer went on, and each backup has what was committed when it began.
    assert 0 < counts[0] < counts[1] < counts[2] <= writer.report["commits"]
    # A reader that held the writer up would have done so for the whole copy. This is far above milliseconds, because
    # the machine that the test runs on may be busy with others.
    assert writer.report["longest_ms"] < 5000
    assert count_transactions(database) == writer.report["commits"]


def test_a_backup_is_private_and_says_what_it_is(place: tuple[str, str]) -> None:
    database, directory = place
    manifest = _sqlite.make_backup(database, directory)
    folder = Path(directory, manifest["id"])
    packed = folder / _sqlite.FILES[manifest["compression"]]
    assert manifest["compression"] == _sqlite.choose_compression()
    assert manifest["size"] == packed.stat().st_size
    assert manifest["sha256"] == subprocess.check_output(["sha256sum", packed], text=True).split()[0]
    assert manifest["journal_mode"] == "wal"
    assert manifest["database_size"] == os.path.getsize(database)
    assert manifest["foreign_key_violations"] == 0
    with _sqlite.acting_as(database):
        again = _sqlite.make_backup(database, directory)
    for path in Path(directory, again["id"]).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(os.listdir(directory)) == sorted([manifest["id"], again["id"]])


def test_gzip_without_zstd(place: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    manifest = _sqlite.make_backup(*place)
    assert manifest["compression"] == "gzip"
    monkeypatch.undo()
    packed = f"{place[1]}/{manifest['id']}/database.gz"
    (tmp_path / "restored").write_bytes(subprocess.check_output(["gzip", "-dc", packed]))
    assert count_transactions(tmp_path / "restored") == 0


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that every user gets to; pytest closes the one above its own whenever another pytest starts."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield Path(path)


def test_root_acts_as_the_owner_of_the_database(open_path: Path) -> None:
    home = open_path / "home"
    home.mkdir()
    make_database(home / "app.db")
    for path in (home, *home.iterdir()):
        os.chown(path, 65534, 65534)
    database, directory = str(home / "app.db"), str(open_path / "backups")
    assert _sqlite.make_directory(directory, database)
    assert not _sqlite.make_directory(directory, database)
    with _sqlite.acting_as(database), _sqlite.locked(directory, 0):
        manifest = _sqlite.make_backup(database, directory)
    assert (os.geteuid(), os.getegid()) == (0, 0)
    made = [Path(directory), *Path(directory).rglob("*")]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(65534, 65534)}
    os.chmod(database, 0o640)
    execute(database, "DELETE FROM document")
    _sqlite.restore_backup(database, f"{directory}/{manifest['id']}", manifest)
    state = os.stat(database)
    assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (65534, 65534, 0o640)
    for path in home.rglob("*"):
        assert path.stat().st_uid == 65534


# What goes wrong: the message says it, and the good backup stays ------------------------------------------------------


@pytest.fixture
def guarded(place: tuple[str, str]) -> tuple[str, str]:
    """A place that has a good backup, which is still good and alone at the end."""
    manifest = _sqlite.make_backup(*place)
    yield place
    assert good_ids(*place) == [manifest["id"]]
    assert _sqlite.hash_file(_sqlite.backup_file(place[1], manifest)) == manifest["sha256"]
    assert [name for name in os.listdir(place[1]) if name.startswith(".") and name != ".lock"] == []


def test_a_missing_database(guarded: tuple[str, str]) -> None:
    with pytest.raises(_sqlite.SqliteError, match=r"there is no such file\. Check the path"):
        _sqlite.make_backup(f"{guarded[0]}.not", guarded[1])
    assert not os.path.exists(f"{guarded[0]}.not")


def test_a_database_that_is_not_in_wal_mode(guarded: tuple[str, str]) -> None:
    with closing(sqlite3.connect(guarded[0])) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    with pytest.raises(_sqlite.SqliteError, match=r"journal mode is delete, not wal.*require_wal: false"):
        _sqlite.make_backup(*guarded)


def test_a_database_that_is_not_in_wal_mode_if_its_writers_can_wait(place: tuple[str, str], tmp_path: Path) -> None:
    with closing(sqlite3.connect(place[0])) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    manifest = _sqlite.make_backup(*place, require_wal=False)
    assert manifest["journal_mode"] == "delete"
    assert count_transactions(unpack(place[1], manifest, tmp_path / "restored")) == 0


def test_a_database_that_is_locked_by_another_process(guarded: tuple[str, str]) -> None:
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA locking_mode = EXCLUSIVE');"
        "c.execute('DELETE FROM entry'); c.commit(); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, guarded[0]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        with pytest.raises(_sqlite.SqliteError, match=r"database is locked\. Another process holds it exclusively"):
            _sqlite.make_backup(*guarded, timeout=0.2)
        process.communicate()


def test_a_database_that_is_damaged(guarded: tuple[str, str]) -> None:
    with closing(sqlite3.connect(guarded[0])) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'entry_account'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with open(guarded[0], "r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 64)
    with pytest.raises(_sqlite.SqliteError, match="damaged"):
        _sqlite.make_backup(*guarded)


def test_what_is_no_database(guarded: tuple[str, str]) -> None:
    Path(guarded[0]).write_bytes(b"not a database" * 1000)
    with pytest.raises(_sqlite.SqliteError, match="not a database"):
        _sqlite.make_backup(*guarded)


def test_rows_that_violate_a_foreign_key(guarded: tuple[str, str]) -> None:
    execute(guarded[0], "INSERT INTO entry (account_id, amount) VALUES (999, 0)")
    with pytest.raises(_sqlite.SqliteError, match="1 violations of foreign keys"):
        _sqlite.make_backup(*guarded, allow_violations=False)


def test_rows_that_violate_a_foreign_key_are_the_applications_business(place: tuple[str, str]) -> None:
    execute(place[0], "INSERT INTO entry (account_id, amount) VALUES (999, 0)")
    assert _sqlite.make_backup(*place)["foreign_key_violations"] == 1


@pytest.mark.parametrize("size", [64 << 10, 1 << 20])
def test_a_limit_on_the_size_of_files(guarded: tuple[str, str], size: int) -> None:
    code = (
        f"import resource, sys; sys.path.insert(0, {str(HERE)!r}); import _sqlite\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        "try: _sqlite.make_backup(*sys.argv[1:])\n"
        "except _sqlite.SqliteError as error: sys.exit(str(error))"
    )
    done = subprocess.run([sys.executable, "-c", code, *guarded], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "The disk is full, or the size of files is limited" in done.stderr


FULL_DISK = """
import os, shutil, sys
sys.path.insert(0, sys.argv[1])
import _sqlite
database, disk, spare = sys.argv[2], sys.argv[3], float(sys.argv[4])
good = _sqlite.make_backup(database, disk)
size = os.path.getsize(database)
with open(os.path.join(disk, "filler"), "wb") as file:
    while shutil.disk_usage(disk).free > size * spare:
        file.write(bytes(4096))
        file.flush()
try:
    _sqlite.make_backup(database, disk)
except _sqlite.SqliteError as error:
    print(error)
backups, faulty = _sqlite.list_backups(disk, database)
assert [item["id"] for item in backups] == [good["id"]] and not faulty
assert _sqlite.hash_file(_sqlite.backup_file(disk, good)) == good["sha256"]
assert sorted(os.listdir(disk)) == [good["id"], "filler"], os.listdir(disk)
"""


@pytest.mark.parametrize(("spare", "message"), [(0.5, "Free some space"), (1.2, "No space left on device")])
def test_a_disk_that_is_full(place: tuple[str, str], spare: float, message: str) -> None:
    """A small disk of its own, with room for half a copy, or for the copy but not for what zstd makes of it."""
    mount = f'mount -t tmpfs -o size=8m none "{place[1]}" && exec "$@"'
    script = [sys.executable, "-c", FULL_DISK, str(HERE), place[0], place[1], str(spare)]
    command = ["unshare", "--mount", "sh", "-c", mount, "sh", *script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert message in done.stdout
    assert "isk" in done.stdout


def test_one_at_a_time(guarded: tuple[str, str]) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with _sqlite.locked(guarded[1], 0):
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        with pytest.raises(_sqlite.SqliteError, match="another backup or restore"), _sqlite.locked(guarded[1], 0.2):
            pass
    finally:
        release.set()
        thread.join()
    with _sqlite.locked(guarded[1], 0):
        pass


def test_a_fault_is_listed_and_never_removed(place: tuple[str, str]) -> None:
    database, directory = place
    made = [_sqlite.make_backup(database, directory) for _number in range(4)]
    Path(directory, made[0]["id"], _sqlite.MANIFEST).write_text("{")
    packed = Path(_sqlite.backup_file(directory, made[1]))
    packed.write_bytes(packed.read_bytes()[:-1])
    good, faulty = _sqlite.list_backups(directory, database)
    assert [item["id"] for item in good] == [made[3]["id"], made[2]["id"]]
    assert [item["id"] for item in faulty] == [made[1]["id"], made[0]["id"]]
    assert "bytes, not" in faulty[0]["fault"]
    assert "cannot be read" in faulty[1]["fault"]
    assert _sqlite.remove_expired(directory, database, -1, 1, dry=True) == [made[2]["id"]]
    assert _sqlite.remove_expired(directory, database, -1, 1) == [made[2]["id"]]
    assert sorted(os.listdir(directory)) == [made[0]["id"], made[1]["id"], made[3]["id"]]


def test_backups_of_another_database_stay(place: tuple[str, str], tmp_path: Path) -> None:
    make_database(tmp_path / "other.db")
    other = _sqlite.make_backup(str(tmp_path / "other.db"), place[1])
    _sqlite.make_backup(*place)
    assert _sqlite.remove_expired(place[1], place[0], -1, 1) == []
    assert os.path.exists(f"{place[1]}/{other['id']}")


# Killed anywhere ------------------------------------------------------------------------------------------------------

MAKE = "with _sqlite.locked({1!r}, 5): _sqlite.make_backup({0!r}, {1!r}); _sqlite.remove_expired({1!r}, {0!r}, -1, 2)"


def count_acts(code: str) -> int:
    """How many acts of the code there are to be killed at."""
    low = 1
    while run_until_killed(code, low, [HERE]) == -9:
        low *= 2
    high, low = low, low // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if run_until_killed(code, middle, [HERE]) == -9 else (low, middle)
    return low


def test_killed_anywhere_a_backup_takes_no_good_one_with_it(place: tuple[str, str], tmp_path: Path) -> None:
    database, directory = place
    for _number in range(3):
        _sqlite.make_backup(database, directory)
    code = MAKE.format(database, directory)
    acts = count_acts(code)
    assert acts > 15
    for number in random.Random(3).sample(range(1, acts + 1), 12):
        before = good_ids(database, directory)
        assert run_until_killed(code, number, [HERE]) == -9, number
        after, faulty = _sqlite.list_backups(directory, database)
        assert faulty == []
        # One more at most, and what was removed was past its time only because of it.
        assert len(after) >= min(len(before), 2), number
        assert after[0]["id"] >= before[0]
        for manifest in after:
            assert count_transactions(unpack(directory, manifest, tmp_path / "restored")) == 0
    assert run_until_killed(code, 10**6, [HERE]) == 0
    assert len(good_ids(database, directory)) == 2
    assert len(os.listdir(directory)) == 3, "a lock, two backups, and nothing that was left over"
