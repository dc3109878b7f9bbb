# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.filter.secret_variables import secret_variables


@pytest.mark.parametrize(
    ("name", "value", "known", "secret"),
    [
        ("LOG_LEVEL", "INFO", [], False),
        ("API_TOKEN", "abcdef", [], True),
        ("SMTP_PASSWORD", "short", [], True),
        ("USES_TOKEN", "true", [], False),
        ("DATABASE_URL", "sqlite:////var/lib/shop/app.db", [], False),
        ("DATABASE_URL", "postgresql://me:pass@db/shop", [], True),
        ("LOGIN", "me:correct horse", ["correct horse"], True),
        ("LOGIN", "me:correct horse", [{"a": ["correct horse"]}], True),
        ("LOGIN", "me:correct horse", ["horse"], False),
        ("WORKERS", 4, ["4"], False),
        ("CORS_ORIGINS", '["https://a.example"]', ["other value"], False),
    ],
)
def test_what_is_a_secret(name, value, known, secret):
    assert secret_variables({name: value}, known) == ({name: value} if secret else {})
