# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

PROJECT_DIRECTORY = Path(__file__).resolve().parent.parent


def query(database, statement, *values):
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(statement, values).fetchall()
        connection.commit()
    return rows


def revision(database):
    return query(database, "SELECT version_num FROM alembic_version")


@pytest.fixture
def newer_release(tmp_path):
    """A copy with one more migration, whose body the test writes."""
    directory = tmp_path / "newer"
    shutil.copytree(PROJECT_DIRECTORY, directory, ignore=shutil.ignore_patterns(".venv", "__pycache__"))

    def add(body):
        (directory / "migrations" / "versions" / "0003_more.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n"
            'revision, down_revision, branch_labels, depends_on = "0003", "0002", None, None\n'
            f"def upgrade():\n    {body}\n"
            'def downgrade():\n    op.drop_table("more")\n'
        )
        return directory

    return add


ADD_TABLE = 'op.create_table("more", sa.Column("id", sa.Integer(), primary_key=True))'


def test_schema_matches_the_models(migrated, alembic):
    checked = alembic("check")
    assert checked.returncode == 0, checked.stdout
    assert query(migrated, "PRAGMA journal_mode") == [("wal",)]


def test_existing_transactions_get_instruments(database, alembic):
    assert alembic("upgrade", "0001").returncode == 0
    query(
        database,
        "INSERT INTO transactions VALUES (1, 'IE00B4L5Y983', 'buy', 1000000, 800000, 0, '2025-01-02', '2025-01-02')",
    )
    assert alembic("upgrade", "head").returncode == 0
    assert query(database, "SELECT * FROM instruments") == [("IE00B4L5Y983", "IE00B4L5Y983")]
    assert query(database, "SELECT id, units FROM transactions") == [(1, 1000000)]
    assert query(database, "PRAGMA foreign_key_list(transactions)")


def test_down_and_up_again(migrated, alembic):
    assert alembic("downgrade", "base").returncode == 0
    assert alembic("upgrade", "head").returncode == 0
    assert revision(migrated) == [("0002",)]


def test_a_failing_migration_leaves_nothing_behind(migrated, alembic, newer_release):
    directory = newer_release(f'{ADD_TABLE}\n    raise RuntimeError("half way")')
    failed = alembic("upgrade", "head", directory=directory)
    assert failed.returncode != 0
    assert "half way" in failed.stderr
    assert revision(migrated) == [("0002",)]
    assert query(migrated, "SELECT name FROM sqlite_master WHERE name = 'more'") == []


def test_a_migration_that_breaks_references_is_refused(migrated, alembic, newer_release):
    query(migrated, "INSERT INTO instruments VALUES ('IE00B4L5Y983', 'World')")
    query(
        migrated,
        "INSERT INTO transactions VALUES (1, 'IE00B4L5Y983', 'buy', 1000000, 800000, 0, '2025-01-02', '2025-01-02')",
    )
    failed = alembic("upgrade", "head", directory=newer_release('op.execute("DELETE FROM instruments")'))
    assert failed.returncode != 0
    assert "references to rows that do not exist" in failed.stderr
    assert query(migrated, "SELECT isin FROM instruments") == [("IE00B4L5Y983",)]


def test_an_older_release_accepts_a_newer_schema(migrated, alembic, newer_release, client):
    assert alembic("upgrade", "head", directory=newer_release(ADD_TABLE)).returncode == 0
    rolled_back = alembic("upgrade", "head")
    assert rolled_back.returncode == 0, rolled_back.stderr
    assert "The database is ahead of this release" in rolled_back.stdout
    assert revision(migrated) == [("0003",)]
    assert client.get("/health").json()["status"] == "healthy"
    assert alembic("downgrade", "base").returncode != 0
