# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import hashlib
import http.server
import socket
import threading

import pytest

from ansible_collections.slipway.aws.plugins.modules import http_probe_info

PAGE = b'<link rel="stylesheet" href="/style.css"><script src="/app.js"></script><script src="/gone.js"></script>'


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answers = {
            "/": (200, "text/html", PAGE),
            "/app.js": (200, "text/javascript", b'fetch("http://localhost:8000/api")'),
            "/style.css": (200, "text/css", b""),
            "/big": (200, "text/plain", b"x" * 10000),
        }
        status, kind, body = answers.get(self.path, (404, "text/plain", b""))
        self.send_response(301 if self.path == "/old" else status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session=hush")
        self.send_header("X-Origin-Seen", self.headers.get("Origin", "none"))
        if self.path == "/old":
            self.send_header("Location", "/new")
        self.end_headers()
        self.wfile.write(body)

    do_OPTIONS = do_GET

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def closed_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused
        yield held.getsockname()[1]


def test_answers(call_module, server, closed_port):
    requests = [
        {"name": "page", "url": f"{server}/", "assets": True},
        {"name": "old", "url": f"{server}/old"},
        {"name": "big", "url": f"{server}/big?x=1"},
        {"name": "options", "url": f"{server}/", "method": "OPTIONS", "headers": {"Origin": "https://a.example"}},
        {"name": "nobody", "url": f"http://127.0.0.1:{closed_port}/"},
    ]
    result = call_module(http_probe_info, {"requests": requests})
    assert not result["changed"]
    answers = result["answers"]
    assert answers["page"]["status"] == 200
    assert [(a["url"].removeprefix(server), a["status"], a["local_addresses"]) for a in answers["page"]["assets"]] == [
        ("/style.css", 200, []),
        ("/app.js", 200, ["http://localhost:8000"]),
        ("/gone.js", 404, []),
    ]
    assert (answers["old"]["status"], answers["old"]["headers"]["location"]) == (301, "/new")
    assert answers["big"]["status"] == 404  # the query was sent
    assert answers["options"]["headers"]["x-origin-seen"] == "https://a.example"
    assert (answers["nobody"]["status"], answers["nobody"]["error"]) == (None, "Connection refused")
    assert "hush" not in str(result)


def test_a_long_body_is_cut_and_its_digest_is_not(call_module, server):
    found = call_module(http_probe_info, {"requests": [{"name": "big", "url": f"{server}/big"}]})["answers"]["big"]
    assert len(found["body"]) == 4096
    assert found["body_sha256"] == hashlib.sha256(b"x" * 10000).hexdigest()


def test_ports(call_module, server, closed_port):
    ports = [
        {"name": "open", "host": "127.0.0.1", "port": int(server.rpartition(":")[2])},
        {"name": "closed", "host": "127.0.0.1", "port": closed_port},
    ]
    found = call_module(http_probe_info, {"ports": ports})["ports"]
    assert (found["open"]["open"], found["closed"]["open"]) == (True, False)
    assert found["closed"]["error"] == "Connection refused"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"requests": [{"name": "a", "url": "http://x"}, {"name": "a", "url": "http://y"}]}, "a is given twice"),
        ({"requests": [{"name": "a", "url": "ftp://x"}]}, "ftp://x is not an http or https address"),
        ({"ports": [{"name": "a", "host": "x", "port": 1}, {"name": "a", "host": "x", "port": 2}]}, "a is given twice"),
    ],
)
def test_what_is_refused(call_module, params, message):
    result = call_module(http_probe_info, params)
    assert result["failed"]
    assert message in result["msg"]
