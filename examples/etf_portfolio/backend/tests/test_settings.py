# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest
from app.settings import SettingsError
from app.settings import read_settings

REQUIRED = {"DATABASE_URL": "sqlite:////var/lib/etf-portfolio/portfolio.db"}


def test_only_the_database_is_required():
    settings = read_settings(REQUIRED)
    assert (settings.api_v1_prefix, settings.debug, settings.docs_enabled) == ("/api/v1", False, False)
    assert settings.cors_origins == []
    assert settings.app_secret_key is None


def test_every_variable_is_read():
    settings = read_settings(
        {
            **REQUIRED,
            "API_V1_PREFIX": "/api/v2",
            "PROJECT_NAME": "Mine",
            "DEBUG": "True",
            "DOCS_ENABLED": "true",
            "CORS_ORIGINS": '["https://a.example", "https://b.example"]',
            "LOG_LEVEL": "WARNING",
            "LOG_FORMAT": "text",
            "RELEASE_ID": "abc",
            "APP_SECRET_KEY": "x" * 32,
        }
    )
    assert settings.cors_origins == ["https://a.example", "https://b.example"]
    assert (settings.api_v1_prefix, settings.project_name, settings.release_id) == ("/api/v2", "Mine", "abc")
    assert settings.debug
    assert settings.docs_enabled
    assert (settings.log_level, settings.log_format) == ("WARNING", "text")
    assert settings.app_secret_key.get_secret_value() == "x" * 32


def test_an_empty_variable_is_not_set():
    assert read_settings({**REQUIRED, "CORS_ORIGINS": "", "APP_SECRET_KEY": ""}).cors_origins == []


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "DATABASE_URL: Field required"),
        ({"DATABASE_URL": "postgresql://db/etf"}, "DATABASE_URL: Value error, must be an SQLite address"),
        ({**REQUIRED, "CORS_ORIGINS": "https://a.example"}, "CORS_ORIGINS: Invalid JSON"),
        ({**REQUIRED, "CORS_ORIGINS": '"https://a.example"'}, "CORS_ORIGINS: Input should be a valid list"),
        ({**REQUIRED, "API_V1_PREFIX": "api/v1"}, "API_V1_PREFIX: Value error, must begin with a slash"),
        ({**REQUIRED, "API_V1_PREFIX": "/api/v1/"}, "API_V1_PREFIX: Value error, must begin with a slash and not end"),
        ({**REQUIRED, "LOG_LEVEL": "LOUD"}, "LOG_LEVEL: Input should be 'DEBUG'"),
        ({**REQUIRED, "APP_SECRET_KEY": "hunter2"}, "APP_SECRET_KEY: Value should have at least 16"),
    ],
)
def test_a_wrong_variable_is_named(environment, message):
    with pytest.raises(SettingsError) as raised:
        read_settings(environment)
    assert message in str(raised.value)
    assert "hunter2" not in str(raised.value)
