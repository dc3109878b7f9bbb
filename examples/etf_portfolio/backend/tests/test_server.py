# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The application as its unit runs it: a process of its own, by uvicorn."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

PROJECT_DIRECTORY = Path(__file__).resolve().parent.parent
BODY = json.dumps({"isin": "IE00B4L5Y983", "units": "1", "price": "80", "traded_on": "2025-01-02"}).encode()


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(migrated, port):
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=PROJECT_DIRECTORY, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 20
    while True:
        try:
            httpx2.get(f"http://127.0.0.1:{port}/health").raise_for_status()
            break
        except httpx2.TransportError:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


def test_sigterm_finishes_the_request_and_accepts_no_other(server, port):
    head = (
        "POST /api/v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        slow.sendall(head.encode() + BODY[:5])
        # An answer on another connection shows that the server has read the beginning of this one.
        httpx2.get(f"http://127.0.0.1:{port}/health").raise_for_status()
        server.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 5
        while not _refuses(port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        slow.sendall(BODY[5:])
        answer = b"".join(iter(lambda: slow.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 201 ")
    output, _ = server.communicate(timeout=10)
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert {event["release"] for event in events} == {"0123456789ab"}
    assert "POST /api/v1/transactions 201" in [event["message"] for event in events]
    assert events[-1]["message"].startswith("Finished server process")


def _refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except TimeoutError:
        # The address was given up between the first packet and the answer.
        pass
    return False


def test_a_wrong_environment_is_said_before_anything_is_served(port, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "mysql://db/etf")
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port)]
    done = subprocess.run(command, cwd=PROJECT_DIRECTORY, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert "SettingsError: DATABASE_URL: Value error, must be an SQLite address" in done.stderr
