# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.plugin_utils._masking import mask

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\nkqhkiG9w0B\n"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("the key is s3cr3t-value.", "the key is ********."),
        # However it is written: JSON, a URL.
        (r'{"key": "back\\slash\"quote"}', '{"key": "********"}'),
        ("asked for /x/a%2Fb%2Bc%20d/y", "asked for /x/********/y"),
        # One is a part of another: nothing of the longer one is left.
        ("s3cr3t-value-and-more", "********"),
        # Too short to be one.
        ("abc", "abc"),
    ],
)
def test_secrets_that_are_known(text, masked):
    secrets = ["s3cr3t-value", "s3cr3t-value-and-more", 'back\\slash"quote', "a/b+c d", "abc", ""]
    assert mask(text, secrets) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("as AKIAIOSFODNN7EXAMPLE", "as ********"),
        ("postgresql://shop:hunter22@db.example/shop", "postgresql://shop:********@db.example/shop"),
        ("cloned with ghp_" + "a1" * 18, "cloned with ********"),
        (f"read {KEY}-----END PRIVATE KEY-----\nnext", "read ********\nnext"),
        # Cut off by the number of lines that were asked for.
        (f"read {KEY}", "read ********"),
        ('"GET /export.csv?expires=9&signature=abc HTTP/1.1" 200', '"GET /export.csv?******** HTTP/1.1" 200'),
        ("Authorization: Bearer abc.def", "Authorization: ********"),
        ("cookie: session=1; theme=2\nnext", "cookie: ********\nnext"),
        ("DB_PASSWORD=hunter22 DEBUG=false", "DB_PASSWORD=******** DEBUG=false"),
        ('{"api_key": "a b\\"c", "level": "INFO"}', '{"api_key": ********, "level": "INFO"}'),
        ("token='x y', level=INFO", "token=********, level=INFO"),
    ],
)
def test_what_looks_like_a_secret(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"level": "INFO", "message": "ETF Portfolio Tracker 1.0.0 is ready", "release": "3f2a9c0d41be"}',
        "2026-11-21T08:40:14+0000 ip-10-20-0-5 systemd[1]: Started etf-portfolio-a.service - etf-portfolio (slot a).",
        'LISTEN 0 2048 127.0.0.1:8101 0.0.0.0:* users:(("python",pid=812,fd=3))',
        "is it well? nobody knows",
        "https://d111111abcdef8.cloudfront.net/api/v1/health: 200",
    ],
)
def test_what_is_none_stays(text):
    assert mask(text, ["s3cr3t-value"]) == text
