# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The application that uvicorn serves: `python -m uvicorn app.main:app`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter
from fastapi import FastAPI
from fastapi import Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.middleware.cors import CORSMiddleware

from app import __version__
from app.api import analytics
from app.api import health
from app.api import transactions
from app.database import get_engine
from app.logs import AccessLog
from app.logs import configure_logging
from app.settings import Settings
from app.settings import get_settings

logger = logging.getLogger(__name__)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    logger.info("%s %s is ready", app.title, app.version)
    yield
    # uvicorn has finished the requests by now. The last process to close the database empties its write-ahead log.
    get_engine().dispose()
    logger.info("%s %s has stopped", app.title, app.version)


def _explain_failure(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "Internal Server Error"}, status_code=500)


def _explain_database_failure(_request: Request, error: OperationalError) -> JSONResponse:
    logger.error("The database refused: %s", error.orig)
    return JSONResponse({"detail": "The database cannot be used now"}, status_code=503, headers={"Retry-After": "5"})


def make_app(settings: Settings) -> FastAPI:
    prefix = settings.api_v1_prefix
    app = FastAPI(
        title=settings.project_name,
        version=__version__,
        debug=settings.debug,
        openapi_url=f"{prefix}/openapi.json" if settings.docs_enabled else None,
        docs_url=f"{prefix}/docs",
        redoc_url=None,
        lifespan=_lifespan,
        exception_handlers={Exception: _explain_failure, OperationalError: _explain_database_failure},
    )
    # At the root for whatever looks at the host itself, under the prefix for what comes through the CDN.
    app.include_router(health.router)
    api = APIRouter(prefix=prefix)
    for module in (health, analytics, transactions):
        api.include_router(module.router)
    app.include_router(api)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Content-Type"],
        )
    app.add_middleware(AccessLog, quiet_paths=frozenset({"/health", f"{prefix}/health"}))
    return app


configure_logging(get_settings())
# The health route asks alembic for the revision; alembic says so in two lines each time.
logging.getLogger("alembic").setLevel(logging.WARNING)
app = make_app(get_settings())
