# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is decided about backups, without any."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite

NOW = datetime.datetime(2025, 3, 31, 2, 0, tzinfo=datetime.UTC).timestamp()


def name(days: float, database: str = "app.db") -> str:
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC) - datetime.timedelta(days=days)
    return _sqlite.name_backup(f"/var/lib/shop/{database}", moment)


@pytest.mark.parametrize(
    ("ages", "keep_days", "keep_last", "expired"),
    [
        ([], 7, 3, []),
        ([0, 1, 2, 6.9, 7.1, 8], 7, 3, [7.1, 8]),
        # Old ones stay where there is nothing newer: backups have failed for long.
        ([30, 31, 32, 33], 7, 3, [33]),
        ([30], 7, 1, []),
        # Not even 0 removes the last good one.
        ([30, 31], 0, 0, [31]),
        ([0, 0.1, 0.2], 0, 2, [0.2]),
        # A clock that was ahead makes a backup of the future, which counts as the newest and is not old.
        ([-400, 1, 8, 9], 7, 1, [8, 9]),
    ],
)
def test_which_backups_may_go(ages: list[float], keep_days: float, keep_last: int, expired: list[float]) -> None:
    found = _sqlite.choose_expired([name(age) for age in ages], NOW, keep_days, keep_last)
    assert found == [name(age) for age in expired]


@pytest.mark.parametrize(
    ("backups", "place", "age"),
    [
        ([], "", None),
        ([{"id": name(1)}, {"id": name(2)}], "", 86400),
        # What S3 does not have is no backup where S3 is asked for.
        ([{"id": name(1), "uploaded": ""}, {"id": name(2), "uploaded": "s3://b/"}], "s3://b/", 2 * 86400),
        ([{"id": name(1), "uploaded": "s3://old/"}], "s3://b/", None),
        # A backup of the future does not keep the alarm silent until then.
        ([{"id": name(-3)}, {"id": name(5)}], "", 5 * 86400),
        ([{"id": name(-0.001)}], "", 0),
    ],
)
def test_age_of_the_newest_backup(backups: list[dict[str, Any]], place: str, age: float | None) -> None:
    assert _sqlite.find_age(backups, NOW, place) == age


@pytest.mark.parametrize(
    ("text", "mine"),
    [
        ("app.db-20250331T020000123Z", True),
        ("my-app.db-20250331T020000123Z", False),
        ("app.db-20251331T020000123Z", False),
        ("app.db-20250331T020000Z", False),
        (".making-app.db-20250331T020000123Z", False),
        (".lock", False),
    ],
)
def test_names_of_backups(text: str, mine: bool) -> None:
    assert _sqlite.is_backup_of(text, "/var/lib/shop/app.db") is mine


def test_a_name_tells_the_time_to_the_millisecond() -> None:
    moment = datetime.datetime(2025, 3, 31, 2, 0, 0, 123999, tzinfo=datetime.UTC)
    text = _sqlite.name_backup("/srv/app.db", moment)
    assert text == "app.db-20250331T020000123Z"
    assert _sqlite.read_stamp(text) == pytest.approx(moment.timestamp(), abs=0.001)


def test_the_newest_backup_is_chosen_unless_one_is_named() -> None:
    ids = [name(2), name(1), name(3)]
    assert _sqlite.choose_backup(ids, None, "/b") == name(1)
    assert _sqlite.choose_backup(ids, name(3), "/b") == name(3)
    with pytest.raises(_sqlite.SqliteError, match=f"no good backup x in /b. There are: {name(1)}, "):
        _sqlite.choose_backup(ids, "x", "/b")
    with pytest.raises(_sqlite.SqliteError, match=r"no good backup in /b\. Make one first"):
        _sqlite.choose_backup([], None, "/b")


GOOD = {"format": 1, "id": "a", "compression": "gzip", "size": 1, "sha256": "0", "database_size": 1}


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        (GOOD, ""),
        ([], "another format"),
        ({**GOOD, "format": 2}, "another format"),
        ({**GOOD, "size": "1"}, "lacks size"),
        ({key: value for key, value in GOOD.items() if key != "sha256"}, "lacks sha256"),
        ({**GOOD, "id": "b"}, "another backup"),
        ({**GOOD, "compression": "../../etc/passwd"}, "another backup"),
    ],
)
def test_what_is_wrong_with_a_manifest(manifest: Any, fault: str) -> None:
    found = _sqlite.find_manifest_fault(manifest, "a")
    assert fault in found
    assert bool(found) is bool(fault)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(28, "No space left on device"), "The disk is full"),
        (OSError(13, "Permission denied"), "who owns"),
        (OSError(5, "Input/output error"), ""),
        (_sqlite.sqlite3.OperationalError("database is locked"), "Wait until it lets go"),
        (_sqlite.sqlite3.OperationalError("database or disk is full"), "The disk is full"),
        (_sqlite.sqlite3.OperationalError("unable to open database file"), "who owns"),
        (_sqlite.sqlite3.DatabaseError("file is not a database"), "Restore the newest"),
    ],
)
def test_an_error_comes_with_what_to_do(error: Exception, advice: str) -> None:
    with pytest.raises(_sqlite.SqliteError, match="Failed to try") as raised, _sqlite.explained("try"):
        raise error
    assert advice in str(raised.value)


@pytest.mark.parametrize(
    ("prefix", "place"), [("", "s3://b/"), ("sqlite/shop", "s3://b/sqlite/shop/"), ("/x/", "s3://b/x/")]
)
def test_the_place_in_s3(prefix: str, place: str) -> None:
    assert _sqlite.Store("/opt/uploader", "b", prefix).place == place
