# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""SQLite as a server application needs it: readers beside a writer, waits instead of errors, enforced references."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy.orm import DeclarativeBase

from app.settings import get_settings

BUSY_TIMEOUT_MILLISECONDS = 5000
PROJECT_DIRECTORY = Path(__file__).resolve().parent.parent


class Base(DeclarativeBase):
    pass


def make_engine(url: str, *, foreign_keys: bool = True) -> Engine:
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver begins transactions late and never before DDL, so a migration that fails would stay half
        # done. With its own handling off, `begin` below decides.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MILLISECONDS}")
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode the file cannot be damaged by a crash with NORMAL; FULL also keeps the last transaction.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin_statement", "BEGIN"))

    return engine


def for_writing(engine: Engine) -> Engine:
    """The same engine, taking the write lock at the start: a transaction that reads first and asks for the lock
    later fails at once, without waiting, when somebody wrote in between."""
    return engine.execution_options(begin_statement="BEGIN IMMEDIATE")


@cache
def get_engine() -> Engine:
    return make_engine(get_settings().database_url)


@cache
def get_migrations() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(PROJECT_DIRECTORY / "migrations"))
    return ScriptDirectory.from_config(config)


def read_revisions(connection: Connection) -> set[str]:
    return set(MigrationContext.configure(connection).get_current_heads())


def is_ahead(migrations: ScriptDirectory, revisions: set[str]) -> bool:
    """Whether a newer release has migrated the database: it is at a revision that this release does not have.

    During a deploy, and after a rollback, that is right: a migration keeps what the previous release needs.
    """
    return not revisions <= {script.revision for script in migrations.walk_revisions()}


def find_fault(connection: Connection) -> str | None:
    """Why the application cannot work with this database, if it cannot."""
    journal_mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    if journal_mode != "wal":
        return f"journal mode is {journal_mode}, not wal"
    migrations, revisions = get_migrations(), read_revisions(connection)
    if revisions == set(migrations.get_heads()) or is_ahead(migrations, revisions):
        return None
    at = ", ".join(sorted(revisions)) or "no revision"
    return f"migrations are at {at}, not at {', '.join(migrations.get_heads())}: run alembic upgrade head"
