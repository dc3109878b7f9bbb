# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether this release can do its work: it asks the database, not itself."""

from __future__ import annotations

import logging

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from app import __version__
from app.database import find_fault
from app.database import get_engine
from app.settings import get_settings

router = APIRouter(tags=["health"])
logger = logging.getLogger(__name__)


def _ask_database() -> str | None:
    try:
        with get_engine().connect() as connection:
            return find_fault(connection)
    except SQLAlchemyError as error:
        # The driver's own words; SQLAlchemy's would add the statement and a link.
        return f"the database does not answer: {getattr(error, 'orig', error)}"


@router.get("/health")
def health() -> JSONResponse:
    fault = _ask_database()
    answer = {"release": get_settings().release_id, "version": __version__}
    headers = {"Cache-Control": "no-store"}
    if fault:
        logger.error("Unhealthy: %s", fault)
        return JSONResponse(
            {"status": "unhealthy", **answer, "database": "error", "reason": fault}, status_code=503, headers=headers
        )
    return JSONResponse({"status": "healthy", **answer, "database": "ok", "journal_mode": "wal"}, headers=headers)
