# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import socket
import ssl

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._verify.web import explain
from ansible_collections.slipway.aws.plugins.module_utils._verify.web import find_assets
from ansible_collections.slipway.aws.plugins.module_utils._verify.web import find_local_addresses


@pytest.mark.parametrize(
    ("page", "assets"),
    [
        ("<p>nothing</p>", []),
        ('<script src="/a.js"></script><script>inline()</script>', ["https://shop.example/a.js"]),
        ('<script src=b.js></script><link rel="stylesheet" href="c.css">', ["https://shop.example/sub/b.js", "https://shop.example/sub/c.css"]),
        ('<link rel="modulepreload" href="/d.js"><link rel="icon" href="/e.svg">', ["https://shop.example/d.js", "https://shop.example/e.svg"]),
        ('<link rel="canonical" href="/">', []),
        ('<script src="https://cdn.example/x.js"></script>', []),
        ('<script src="/a.js"></script><link rel="modulepreload" href="/a.js">', ["https://shop.example/a.js"]),
    ],
)  # fmt: skip
def test_assets_of_a_page(page, assets):
    assert find_assets(page, "https://shop.example/sub/") == assets


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ('fetch("http://localhost:8000/api")', ["http://localhost:8000"]),
        ("https://127.0.0.1:5173 http://localhost:8000 http://localhost:8000", ["http://localhost:8000", "https://127.0.0.1:5173"]),
        ('new URL(path, "http://localhost")', []),  # routers have it in every build
        ("https://localhost.example:80", []),
    ],
)  # fmt: skip
def test_addresses_of_a_developers_machine(text, addresses):
    assert find_local_addresses(text) == addresses


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the name does not resolve (Name or service not known)"),
        (TimeoutError("timed out"), "no answer in time"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_why_there_is_no_answer(error, words):
    assert explain(error) == words


def test_a_certificate_that_is_not_trusted():
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    assert explain(error) == "its certificate is not trusted (self-signed certificate)"
