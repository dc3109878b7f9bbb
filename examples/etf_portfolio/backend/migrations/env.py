# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Runs the migrations in one transaction: one that fails leaves the database as it was."""

from __future__ import annotations

import logging

from alembic import command
from alembic import context
from app.database import for_writing
from app.database import is_ahead
from app.database import make_engine
from app.database import read_revisions
from app.logs import configure_logging
from app.models import Base
from app.settings import get_settings
from sqlalchemy import Connection

logger = logging.getLogger("alembic.env")


def is_upgrade() -> bool:
    """Whether the command line asks for `alembic upgrade`, and not for a downgrade, a stamp, ..."""
    options = context.config.cmd_opts
    return options is not None and options.cmd[0] is command.upgrade


def migrate(connection: Connection) -> None:
    if is_upgrade() and is_ahead(context.script, read_revisions(connection)):
        # After a rollback the older release finds the newer one's schema, and works with it.
        logger.info("The database is ahead of this release: nothing to do")
        return
    # What was read above began a transaction; alembic begins its own.
    connection.rollback()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        # Alembic believes that SQLite cannot do it; the driver could not, and its own handling is off here.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"The migration would leave references to rows that do not exist: {broken[:5]}")


configure_logging(get_settings())
# A table is changed by copying it, and dropping the original would delete what refers to it: references are not
# enforced meanwhile, and checked at the end.
engine = for_writing(make_engine(get_settings().database_url, foreign_keys=False))
try:
    with engine.connect() as connection:
        migrate(connection)
finally:
    engine.dispose()
