# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a host's files and commands mean, and that reading a database leaves no trace."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import render_environment
from ansible_collections.slipway.aws.plugins.module_utils._verify import host
from ansible_collections.slipway.aws.plugins.module_utils._verify.host import Reader


@pytest.mark.parametrize(
    "values",
    [
        {"DEBUG": "false", "LOG_LEVEL": "INFO"},
        {"QUOTED": 'a "b" \\ `c` $d', "CORS_ORIGINS": '["https://a.example"]'},
        {"LINES": 'first\nDEBUG="true"\nlast', "DEBUG": "false"},
        {"EMPTY": "", "EQUALS": "a=b=c", "SPACES": "  two  "},
    ],
)
def test_the_environment_is_read_as_it_was_written(values):
    assert host.parse_environment(render_environment(values)) == values


def test_an_environment_that_somebody_wrote_by_hand():
    text = "# DEBUG=true\nDEBUG=false\n  LOG_LEVEL='INFO'\nNOT A VARIABLE\n"
    assert host.parse_environment(text) == {"DEBUG": "false", "LOG_LEVEL": "INFO"}


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"PRIORITY": "3", "MESSAGE": "failed"}, True),
        ({"PRIORITY": "6", "MESSAGE": "INFO: started"}, False),
        ({"PRIORITY": "6", "MESSAGE": "ERROR:    Exception in ASGI application"}, True),
        ({"PRIORITY": "6", "MESSAGE": "ERRORS are rare"}, False),
        ({"PRIORITY": "6", "MESSAGE": "Traceback (most recent call last):"}, True),
        ({"PRIORITY": "6", "MESSAGE": '{"level": "INFO", "message": "ERROR in a name"}'}, False),
        ({"PRIORITY": "6", "MESSAGE": '{"level": "error", "message": "no"}'}, True),
        ({"PRIORITY": "6", "MESSAGE": '{"levelname": "CRITICAL"}'}, True),
        ({"PRIORITY": "6", "MESSAGE": "{not json"}, False),
        ({"PRIORITY": "6", "MESSAGE": [69, 82, 82, 79, 82, 32, 255]}, True),
        ({"MESSAGE": None}, False),
    ],
)
def test_errors_of_a_log(entry, error):
    assert host.is_error(entry) == error


def test_exposure():
    text = "  NAME DESCRIPTION\n\n→ Overall exposure level for shop-a.service: 0.9 SAFE 😀\n"
    assert host.parse_exposure(text) == 0.9
    with pytest.raises(ValueError, match="exposure level"):
        host.parse_exposure("nothing")


def test_mounts():
    text = "# /dev/x /old ext4 defaults 0 2\n/dev/sda1 / ext4 rw 0 0\n/dev/sdf /var/lib/my\\040shop xfs rw 0 0\n\n"
    found = host.parse_mounts(text)
    assert set(found) == {"/", "/var/lib/my shop"}
    assert found["/var/lib/my shop"]["type"] == "xfs"


def test_apt_settings():
    text = 'APT::Periodic "";\nAPT::Periodic::Unattended-Upgrade "0";\nAPT::Periodic::Unattended-Upgrade "1";\n'
    text += 'Unattended-Upgrade::Origins-Pattern:: "origin=Debian,label=Debian-Security";\n'
    found = host.parse_apt(text)
    assert found["APT::Periodic::Unattended-Upgrade"] == ["0", "1"]
    assert found["Unattended-Upgrade::Origins-Pattern::"] == ["origin=Debian,label=Debian-Security"]


HEADER = "  sl  local_address rem_address   st tx_queue\n"


@pytest.mark.parametrize(
    ("line", "family", "found"),
    [
        ("0: 00000000:0016 00000000:0000 0A 0", 4, [{"port": 22, "loopback": False, "family": 4}]),
        ("0: 0100007F:1F49 00000000:0000 0A 0", 4, [{"port": 8009, "loopback": True, "family": 4}]),
        ("0: 3500007F:0035 00000000:0000 0A 0", 4, [{"port": 53, "loopback": True, "family": 4}]),
        ("0: 0100007F:1F49 0100007F:9999 01 0", 4, []),
        ("0: " + "0" * 32 + ":0016 " + "0" * 32 + ":0000 0A 0", 6, [{"port": 22, "loopback": False, "family": 6}]),
        (
            "0: 00000000000000000000000001000000:0016 " + "0" * 32 + ":0000 0A 0",
            6,
            [{"port": 22, "loopback": True, "family": 6}],
        ),
        (
            "0: 0000000000000000FFFF00000100007F:0016 " + "0" * 32 + ":0000 0A 0",
            6,
            [{"port": 22, "loopback": True, "family": 6}],
        ),
    ],
)
def test_sockets(line, family, found):
    assert host.parse_sockets(HEADER + line + "\n", family) == found


@pytest.mark.parametrize(
    ("scripts", "heads"),
    [
        ([], []),
        (['revision = "1"\ndown_revision = None'], ["1"]),
        (['revision = "1"\ndown_revision = None', 'revision: str = "2"\ndown_revision: str = "1"'], ["2"]),
        (['revision, down_revision = "1", None', 'revision, down_revision = "2", "1"'], ["2"]),
        (
            [
                'revision = "1"\ndown_revision = None',
                'revision = "2a"\ndown_revision = "1"',
                'revision = "2b"\ndown_revision = "1"',
            ],
            ["2a", "2b"],
        ),
        (['revision = "2a"', 'revision = "2b"', 'revision = "3"\ndown_revision = ("2a", "2b")'], ["3"]),
        (["import os\nrevision = os.environ['X']", "print('not a revision')"], []),
    ],
)
def test_heads_of_migrations(scripts, heads):
    assert host.find_heads(scripts) == heads


def test_where_migrations_are(tmp_path: Path):
    assert host.find_migrations(str(tmp_path)) == f"{tmp_path}/alembic/versions"
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\nx = %%(rev)s\n")
    assert host.find_migrations(str(tmp_path)) == f"{tmp_path}/migrations/versions"
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = db\n")
    assert host.find_migrations(str(tmp_path)) == f"{tmp_path}/db/versions"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "my app?#%.db"
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0002')")
        connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        connection.commit()
    return path


def listing(path: Path) -> dict[str, tuple[int, int]]:
    return {e.name: (e.stat().st_size, e.stat().st_mtime_ns) for e in os.scandir(path.parent)}


def test_a_database_that_nobody_has_open_is_read_without_a_trace(database):
    before = listing(database)
    found = host.read_database(str(database))
    assert found == {"journal_mode": "wal", "check": "ok", "tables": 2, "revisions": ["0002"], "error": ""}
    assert listing(database) == before
    assert set(before) == {database.name}


def test_a_database_that_is_in_use_is_read_with_its_log(database):
    with contextlib.closing(sqlite3.connect(database)) as writer:
        writer.execute("UPDATE alembic_version SET version_num = '0003'")
        writer.commit()
        before = {name: size for name, (size, _time) in listing(database).items()}
        assert f"{database.name}-wal" in before
        assert host.read_database(str(database))["revisions"] == ["0003"]
        assert {name: size for name, (size, _time) in listing(database).items()} == before
        writer.execute("UPDATE alembic_version SET version_num = '0004'")  # it goes on
        writer.commit()


def test_a_damaged_database(database):
    data = bytearray(database.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    database.write_bytes(data)
    found = host.read_database(str(database))
    assert found["check"] != "ok"


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "app.db"
    path.write_bytes(b"not a database, and long enough to be read as one" * 100)
    assert "not a database" in host.read_database(str(path))["error"]


def run(output: str = "", rc: int = 0, error: str = ""):
    return lambda command: (rc, output, error)


def test_code_that_others_can_write(tmp_path: Path):
    release = tmp_path / "release"
    (release / "app").mkdir(parents=True)
    for name, mode in (("good.py", 0o644), ("group.py", 0o664), ("all.py", 0o646)):
        (release / "app" / name).write_text("")
        (release / "app" / name).chmod(mode)
    (release / "app" / "link.py").symlink_to("good.py")  # a link's own mode means nothing
    release.chmod(0o755)
    (release / "app").chmod(0o755)
    found = Reader(run()).code(str(release))
    if os.getuid() == 0:
        assert found["named"] == [f"{release}/app/all.py", f"{release}/app/group.py"]
    else:  # all of it is somebody's who is not root
        assert found["foreign"] == 6


def test_the_environment_shows_only_what_may_be_shown(tmp_path: Path):
    path = tmp_path / "a.env"
    path.write_text('SECRET_KEY="hush"\nDEBUG="false"\n')
    path.chmod(0o600)
    found = Reader(run()).environment(str(path), ["DEBUG", "LOG_LEVEL"])
    assert (found["names"], found["values"], found["mode"]) == (["DEBUG", "SECRET_KEY"], {"DEBUG": "false"}, "0600")
    assert "hush" not in str(found)


def test_a_command_that_fails_is_an_error_with_its_reason():
    with pytest.raises(OSError, match=r"systemctl show .*: no bus"):
        Reader(run(rc=1, error="no bus\n")).unit("x.service")


def test_the_log_is_counted_and_not_shown():
    lines = '{"PRIORITY": "3", "MESSAGE": "hush"}\n{"PRIORITY": "6", "MESSAGE": "well"}\n'
    assert Reader(run(lines)).log("x.service", "abc") == {"unit": "x.service", "lines": 2, "errors": 1}


def test_the_live_release(tmp_path: Path):
    release = tmp_path / "releases" / "r1"
    (release / ".venv/bin").mkdir(parents=True)
    (release / ".venv/bin/python").write_text("")
    (tmp_path / "slots").mkdir()
    (tmp_path / "slots/b").symlink_to("../releases/r1")
    (tmp_path / "live").symlink_to("slots/b")
    found = Reader(run("Python 3.13.5\n")).live(str(tmp_path))
    assert found == {
        **{"slot": "b", "release": "r1", "directory": str(release.resolve())},
        **{"complete": False, "python": "3.13.5"},
    }
    (release / ".release-complete").write_text("")
    assert Reader(run("Python 3.13.5\n")).live(str(tmp_path))["complete"]
    with pytest.raises(FileNotFoundError):
        Reader(run()).live(str(tmp_path / "nothing"))


def test_a_directory_without_backups(tmp_path: Path):
    assert Reader(run()).backups(str(tmp_path / "none"), "/x/app.db")["exists"] is False
    assert Reader(run()).backups(str(tmp_path), "/x/app.db")["newest"] is None
