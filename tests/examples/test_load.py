# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The load client against servers of this machine that answer well, badly or not at all."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from load import Load
from load import Report
from load import build_request
from load import find_percentile
from load import is_kept_alive
from load import measure
from load import run

CLIENT = Path(__file__).resolve().parents[1] / "support" / "load.py"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + b'{"release":"a"}'
OK_AND_CLOSE = OK.replace(b"Content-Length", b"Connection: close\r\nContent-Length")
CHUNKED = (
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"releas\r\n7;x=y\r\ne":"a"}\r\n0\r\nTrailer: t\r\n\r\n'
)


class Server:
    """Answers each request by `reply(number of the request, number of its connection)`, bytes as they go to the wire.

    After None it says nothing more and closes; after an empty answer it stays silent.
    """

    def __init__(self, reply, tls=None):
        self.reply = reply
        self.tls = tls
        self.connections = 0
        self.requests = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}/health?deep=1"

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _serve(self):
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._answer, "localhost", 0, family=socket.AF_INET, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()

    async def _answer(self, reader, writer):
        connection, self.connections = self.connections, self.connections + 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.decode())
                reply = self.reply(len(self.requests) - 1, connection)
                if reply is None:
                    break
                writer.write(reply)
                if not reply:
                    continue
                if reply == OK_AND_CLOSE or b"Connection: close" in head:
                    break
            if reply is not None:
                await writer.drain()
            writer.close()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def put(reply, tls=None, **options):
    with Server(reply, tls) as server:
        load = Load(server.url, **{"rate": 100, "duration": 0.3, **options})
        report = asyncio.run(run(load))
    assert report.requests == 30
    return server, report


def answer_always(number, connection):
    return OK


@pytest.mark.parametrize(
    ("ordered", "percent", "found"),
    [
        ([], 99, None),
        ([1.0], 50, 1.0),
        ([1, 2, 3, 4], 50, 2),
        (list(range(1, 101)), 99, 99),
        (list(range(1, 101)), 100, 100),
        ([1, 2, 3], 0, 1),
    ],
)
def test_percentile(ordered, percent, found):
    assert find_percentile(ordered, percent) == found


@pytest.mark.parametrize(
    ("share", "kept"),
    [(0, "........"), (1, "kkkkkkkk"), (0.5, ".k.k.k.k"), (0.25, "...k...k"), (0.75, ".kkk.kkk")],
)
def test_the_share_is_spread_evenly(share, kept):
    assert "".join("k" if is_kept_alive(number, share) else "." for number in range(8)) == kept


def test_a_request_with_a_body():
    request = build_request(Load("http://example.test:81", method="POST", body='{"a":"é"}'), keep_alive=True).decode()
    assert request.startswith("POST / HTTP/1.1\r\nHost: example.test:81\r\n")
    assert "Content-Length: 10\r\n" in request
    assert request.endswith('\r\n\r\n{"a":"é"}')


def test_half_new_connections_half_kept_ones():
    server, report = put(answer_always, clients=3, count="release", expect='"release"')
    assert (report.ok, report.failed, report.retried) == (30, 0, 0)
    assert report.seen == {"a": 30}
    assert sum("Connection: close" in request for request in server.requests) == 15
    assert server.connections == 15 + 3
    assert all(request.startswith("GET /health?deep=1 HTTP/1.1\r\n") for request in server.requests)


@pytest.mark.parametrize("reply", [CHUNKED, OK_AND_CLOSE, b"HTTP/1.1 204 No Content\r\n\r\n"])
def test_ways_to_end_an_answer(reply):
    _, report = put(lambda number, connection: reply, count="release")
    assert report.failures == {}
    assert report.seen == {"(absent)" if b"204" in reply else "a": 30}


def test_a_connection_that_went_stale_is_tried_once_more():
    """Each connection takes two requests, and is closed at the third without an answer."""
    asked = {}

    def reply(number, connection):
        asked[connection] = asked.get(connection, 0) + 1
        return OK if asked[connection] < 3 else None

    _, report = put(reply, keep_alive=1, clients=1)
    assert report.failures == {}
    # How many connections there are depends on how fast the machine is; each that was asked a third time was stale.
    assert report.retried == sum(times == 3 for times in asked.values()) > 0


def test_a_new_connection_is_not_tried_again():
    _, report = put(lambda number, connection: None)
    assert report.failed == 30
    assert set(report.failures) <= {"closed before the answer", "ConnectionResetError before the answer"}
    assert report.retried == 0


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "status 503"),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "status 302"),
        (OK.replace(b"15", b"16"), "the answer was cut short"),
        (b"HTTP/1.1 200 OK\r\nContent-Len", "the answer was cut short"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP"),
        (OK.replace(b"release", b"relapse"), "the body lacks 'release'"),
    ],
)
def test_bad_answers(reply, reason):
    _, report = put(lambda number, connection: reply, keep_alive=0, expect="release")
    assert (report.ok, report.failed) == (0, 30)
    assert [found.startswith(reason) for found in report.failures] == [True]
    first = report.first_failures[0]
    assert (first["second"], first["keep_alive"]) == (0.0, False)
    assert len(report.first_failures) == 20


def test_silence_fails_when_the_time_is_over():
    _, report = put(lambda number, connection: b"", timeout=0.4)
    assert report.failures == {"no answer within 0.4 s": 30}
    assert 390 <= report.as_dict()["p50_ms"] < 3000


def test_a_pause_is_seen_by_every_request_that_falls_into_it():
    """The loop is open: requests are due while the server sleeps, and wait for it."""

    def reply(number, connection):
        if number == 10:
            time.sleep(0.15)
        return OK

    _, report = put(reply, keep_alive=0)
    assert report.failed == 0
    assert max(report.latencies) >= 0.14
    assert sum(latency > 0.05 for latency in report.latencies) >= 8


def test_nobody_listens():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        report = asyncio.run(run(Load(url, rate=50, duration=0.1)))
    assert report.failures == {"connecting: ConnectionRefusedError": 5}


def test_a_name_that_does_not_exist():
    report = asyncio.run(run(Load("http://nothing.invalid/", rate=10, duration=0.1)))
    (reason,) = report.failures
    assert reason.startswith("the name does not resolve: ")


def test_another_kind_of_address():
    with pytest.raises(ValueError, match="not an http or https address"):
        asyncio.run(run(Load("ftp://localhost/")))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of localhost that signed itself, and so is its own authority."""
    directory = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls_with_a_trusted_authority(certificate, tls):
    _, report = put(answer_always, tls, ca=str(certificate))
    assert report.failures == {}


def test_tls_with_an_unknown_authority(tls):
    _, report = put(answer_always, tls)
    assert report.failures == {"connecting: self-signed certificate": 30}


class TestMeasure:
    def test_as_long_as_something_is_done(self):
        with Server(answer_always) as server, measure(server.url, rate=100) as load:
            assert server.requests
            time.sleep(0.3)
        assert load.result["stopped"]
        assert load.result["failed"] == 0
        assert load.result["requests"] == len(server.requests) >= 20

    def test_a_load_that_ends_too_soon_is_no_measurement(self):
        with (
            Server(answer_always) as server,
            pytest.raises(RuntimeError, match="ended after"),
            measure(server.url, duration=0.1),
        ):
            time.sleep(0.3)

    def test_what_fails_under_the_load_stays_the_reason(self):
        with Server(answer_always) as server, pytest.raises(KeyError), measure(server.url) as load:
            raise KeyError
        assert load.result["requests"] > 0


class TestCommand:
    def run(self, *arguments):
        command = [sys.executable, str(CLIENT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def test_success(self):
        with Server(answer_always) as server:
            done = self.run("--url", server.url, "--rate", "50", "--duration", "0.2", "--count", "release")
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result["url"] == server.url
        assert (result["requests"], result["ok"], result["failed"], result["seen"]) == (10, 10, 0, {"a": 10})
        assert 0 < result["p50_ms"] <= result["p99_ms"] <= result["longest_ms"]

    def test_failure(self):
        with Server(lambda number, connection: OK if number else None) as server:
            done = self.run("--url", server.url, "--rate", "50", "--duration", "0.2", "--keep-alive", "0")
        assert done.returncode == 1
        assert json.loads(done.stdout)["failed"] == 1

    def test_until_a_file_exists(self, tmp_path):
        done = tmp_path / "done"
        timer = threading.Timer(1.0, done.touch)
        with Server(answer_always) as server:
            timer.start()
            started = time.monotonic()
            ended = self.run("--url", server.url, "--duration", "30", "--until-file", str(done))
        assert ended.returncode == 0
        assert time.monotonic() - started < 10
        assert json.loads(ended.stdout)["stopped"]

    def test_a_file_that_never_comes(self, tmp_path):
        with Server(answer_always) as server:
            ended = self.run("--url", server.url, "--duration", "0.2", "--until-file", str(tmp_path / "never"))
        assert ended.returncode == 1
        result = json.loads(ended.stdout)
        assert (result["failed"], result["stopped"]) == (0, False)

    @pytest.mark.parametrize("wrong", [("--rate", "0"), ("--duration", "-1"), ("--keep-alive", "2")])
    def test_wrong_arguments(self, wrong):
        assert self.run("--url", "http://localhost/", *wrong).returncode == 2


def test_an_empty_report():
    assert Report().as_dict()["p99_ms"] is None
