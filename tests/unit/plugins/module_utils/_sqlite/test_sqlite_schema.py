# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a migration changes of a database, told apart from what its application writes."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = """
CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT);
CREATE TABLE "odd ""name" (a, b);
CREATE TABLE alembic_version (version_num TEXT);
CREATE INDEX by_text ON item (text);
CREATE VIRTUAL TABLE words USING fts5 (word);
INSERT INTO item (text) VALUES ('one'), ('two');
INSERT INTO "odd ""name" VALUES (1, 1), (1, 1);
INSERT INTO alembic_version VALUES ('0001');
"""


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = str(tmp_path / "app.db")
    run(path, SCHEMA)
    shutil.copy(path, f"{path}.earlier")
    run(path, "PRAGMA journal_mode = WAL")
    return path


def run(path: str, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.mark.parametrize(
    ("script", "changed", "written"),
    [
        ("", False, []),
        ("INSERT INTO item (text) VALUES ('three')", False, ["item"]),
        ("UPDATE item SET text = 'other' WHERE id = 1", False, ["item"]),
        ("DELETE FROM item", False, ["item"]),
        # As many rows, none of them new.
        ("""DELETE FROM "odd ""name"; INSERT INTO "odd ""name" VALUES (1, 1)""", False, ['odd "name']),
        ("ANALYZE", False, []),
        ("INSERT INTO words VALUES ('word')", False, ["words_content", "words_data", "words_docsize", "words_idx"]),
        ("CREATE TABLE note (id INTEGER); INSERT INTO note VALUES (1)", True, []),
        ("ALTER TABLE item ADD COLUMN price INTEGER DEFAULT 3", True, []),
        ("ALTER TABLE item ADD COLUMN price; INSERT INTO item (text) VALUES ('three')", True, ["item"]),
        ("DROP INDEX by_text", True, []),
        ("DROP TABLE item", True, []),
        ("UPDATE alembic_version SET version_num = '0002'", True, []),
        ("PRAGMA user_version = 7", True, []),
    ],
)
def test_what_a_migration_changes_and_what_others_write(
    database: str, script: str, changed: bool, written: list[str]
) -> None:
    before = _sqlite.read_schema(database)
    run(database, script)
    assert (_sqlite.read_schema(database) != before) == changed
    found = _sqlite.find_written(database, f"{database}.earlier")
    assert set(found) <= set(written) if "words" in script else found == written
    assert bool(found) == bool(written)


def test_no_database_has_no_schema(tmp_path: Path) -> None:
    assert _sqlite.read_schema(str(tmp_path / "app.db")) == ""


def test_neither_reads_by_halves_what_is_being_written(database: str) -> None:
    before = _sqlite.read_schema(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN")
        writer.execute("CREATE TABLE note (id INTEGER)")
        writer.execute("INSERT INTO item (text) VALUES ('three')")
        assert _sqlite.read_schema(database) == before
        assert _sqlite.find_written(database, f"{database}.earlier") == []
