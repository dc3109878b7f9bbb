# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Logs on standard output, one line an event; what collects them is the service manager's business."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC
from datetime import datetime
from logging.config import dictConfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from starlette.types import Message
    from starlette.types import Receive
    from starlette.types import Scope
    from starlette.types import Send

    from app.settings import Settings

access_logger = logging.getLogger("app.access")


class JsonFormatter(logging.Formatter):
    def __init__(self, release: str) -> None:
        super().__init__()
        self.release = release

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "release": self.release,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


def configure_logging(settings: Settings) -> None:
    """Send every logger to standard output, uvicorn's own included."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {"()": JsonFormatter, "release": settings.release_id},
                "text": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
            },
            "handlers": {
                "stdout": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stdout",
                    "formatter": settings.log_format,
                }
            },
            "root": {"level": settings.log_level, "handlers": ["stdout"]},
            "loggers": {
                # uvicorn gave these handlers of their own before it imported the application.
                "uvicorn": {"handlers": [], "propagate": True},
                "uvicorn.error": {"handlers": [], "propagate": True},
                # AccessLog replaces it: that knows the duration, and leaves out the query, which holds signatures.
                "uvicorn.access": {"handlers": [], "propagate": False},
            },
        }
    )


class AccessLog:
    """One line for each request; those that only ask for the health are at level DEBUG unless they fail."""

    def __init__(self, app: ASGIApp, quiet_paths: frozenset[str]) -> None:
        self.app = app
        self.quiet_paths = quiet_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note_status)
        finally:
            method, path = scope["method"], scope["path"]
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            level = logging.DEBUG if path in self.quiet_paths and status < 400 else logging.INFO
            fields = {"method": method, "path": path, "status": status, "duration_ms": milliseconds}
            if scope["client"]:
                fields["client"] = scope["client"][0]
            access_logger.log(level, "%s %s %s", method, path, status, extra={"fields": fields})
