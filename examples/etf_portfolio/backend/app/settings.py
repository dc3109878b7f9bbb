# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the environment says: the application reads nothing else, so it can run from a read-only directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Annotated
from typing import Literal

from pydantic import AfterValidator
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import Json
from pydantic import SecretStr
from pydantic import ValidationError


class SettingsError(Exception):
    """The environment does not describe a runnable application."""


def _check_prefix(prefix: str) -> str:
    if not prefix.startswith("/") or prefix.endswith("/"):
        raise ValueError("must begin with a slash and not end with one")
    return prefix


def _check_database_url(url: str) -> str:
    if not url.startswith("sqlite:///"):
        raise ValueError("must be an SQLite address such as sqlite:////var/lib/etf-portfolio/portfolio.db")
    return url


class Settings(BaseModel):
    # Values stay out of error messages: one of them is a secret, and messages end up in logs.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    database_url: Annotated[str, AfterValidator(_check_database_url)]
    api_v1_prefix: Annotated[str, AfterValidator(_check_prefix)] = "/api/v1"
    project_name: str = "ETF Portfolio Tracker"
    debug: bool = False
    docs_enabled: bool = False
    cors_origins: Json[list[str]] = []
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    release_id: str = "unknown"
    # Signs the share links; without it that feature is off.
    app_secret_key: Annotated[SecretStr, Field(min_length=16)] | None = None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from the variables that bear their names in upper case; an empty one counts as not set."""
    found = {name: environment[name.upper()] for name in Settings.model_fields if environment.get(name.upper())}
    try:
        return Settings.model_validate(found)
    except ValidationError as error:
        problems = [f"{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors(include_url=False)]
        raise SettingsError("; ".join(problems)) from None


@cache
def get_settings() -> Settings:
    return read_settings(os.environ)
