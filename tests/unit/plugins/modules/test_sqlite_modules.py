# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The three modules with a real database: what a plan says, what a run does, what is refused."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlite_writer import count_transactions
from sqlite_writer import make_database
from sqlite_writer import writing

from ansible_collections.slipway.aws.plugins.modules import sqlite_backup
from ansible_collections.slipway.aws.plugins.modules import sqlite_info
from ansible_collections.slipway.aws.plugins.modules import sqlite_restore

UNKNOWN = "(known after apply)"


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    make_database(tmp_path / "app.db")
    return {"database": str(tmp_path / "app.db"), "directory": str(tmp_path / "backups")}


def test_a_backup_is_planned_then_made_then_young_enough(call_module: Any, place: dict[str, str]) -> None:
    planned = call_module(sqlite_backup, {**place, "max_age": 600}, check_mode=True, diff=True)
    assert planned["changed"]
    assert planned["backup"]["id"] == UNKNOWN
    assert planned["diff"]["before"] == {}
    assert not os.path.exists(place["directory"])
    made = call_module(sqlite_backup, {**place, "max_age": 600})
    assert made["changed"]
    assert os.listdir(f"{place['directory']}/{made['backup']['id']}")
    for check_mode in (True, False):
        again = call_module(sqlite_backup, {**place, "max_age": 600}, check_mode=check_mode)
        assert not again["changed"]
        assert again["backup"] == made["backup"]


def test_a_plan_removes_what_the_run_removes(call_module: Any, place: dict[str, str]) -> None:
    made = [call_module(sqlite_backup, place)["backup"]["id"] for _number in range(3)]
    arguments = {**place, "keep_days": 0, "keep_last": 2}
    planned = call_module(sqlite_backup, arguments, check_mode=True)
    assert sorted(planned["removed"]) == made[:2]
    assert call_module(sqlite_backup, arguments)["removed"] == planned["removed"]


def test_what_is_not_known_yet_can_be_planned_and_not_done(call_module: Any, place: dict[str, str]) -> None:
    assert call_module(sqlite_backup, {**place, "bucket": UNKNOWN}, check_mode=True)["changed"]
    assert call_module(sqlite_backup, {**place, "bucket": UNKNOWN})["failed"]
    fetch = {**place, "source": "s3", "bucket": UNKNOWN}
    assert call_module(sqlite_restore, fetch, check_mode=True)["changed"]
    assert not call_module(sqlite_restore, {**fetch, "state": "tested"}, check_mode=True)["changed"]
    assert call_module(sqlite_restore, fetch)["failed"]


def test_a_restore_needs_a_bucket_to_come_from_s3(call_module: Any, place: dict[str, str]) -> None:
    failed = call_module(sqlite_restore, {**place, "source": "s3"})
    assert failed["failed"]
    assert "bucket" in failed["msg"]


def test_a_restore_is_planned_done_and_taken_back(call_module: Any, place: dict[str, str]) -> None:
    name = call_module(sqlite_backup, place)["backup"]["id"]
    database = Path(place["database"])
    with writing(database):
        planned = call_module(sqlite_restore, place, check_mode=True)
        assert planned["changed"]
        assert any("held open" in str(text) for text in planned["warnings"])
        refused = call_module(sqlite_restore, place)
        assert refused["failed"]
        assert "held open by process" in refused["msg"]
    written = count_transactions(database)
    assert written > 0
    done = call_module(sqlite_restore, place, diff=True)
    assert (done["changed"], done["restore"]["backup"]) == (True, name)
    assert done["diff"]["after"]["set_aside"] == done["restore"]["set_aside"]
    assert not call_module(sqlite_restore, place)["changed"]
    assert count_transactions(database) == 0
    found = call_module(sqlite_info, {**place, "integrity": True})
    assert found["set_aside"] == [done["restore"]["set_aside"]]
    assert found["database"]["integrity"] == ["ok"]
    assert [item["id"] for item in found["backups"]] == [name]
    undo = {**place, "state": "undone", "set_aside": done["restore"]["set_aside"]}
    assert [call_module(sqlite_restore, undo, check_mode=check)["changed"] for check in (True, False, False)] == [
        True,
        True,
        False,
    ]
    assert count_transactions(database) == written


def test_a_database_behind_a_link_is_the_one_it_names(call_module: Any, place: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to("app.db")
    made = call_module(sqlite_backup, {**place, "database": str(tmp_path / "link.db")})
    assert made["backup"]["id"].startswith("app.db-")
    subprocess.run(["rm", place["database"]], check=True)
    assert call_module(sqlite_restore, {**place, "database": str(tmp_path / "link.db")})["changed"]
    assert (tmp_path / "link.db").is_symlink()
    assert count_transactions(Path(place["database"])) == 0


def test_what_is_not_there_is_told(call_module: Any, place: dict[str, str]) -> None:
    failed = call_module(sqlite_restore, place)
    assert failed["failed"]
    assert "backups" in failed["msg"]
    failed = call_module(sqlite_backup, {**place, "database": f"{place['database']}.not"})
    assert "there is no such file" in failed["msg"]
    found = call_module(sqlite_info, {**place, "database": f"{place['database']}.not"})
    assert found["database"]["exists"] is False
    assert found["newest_backup_age"] is None
