#!/usr/bin/env python3
# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""An open-loop load: requests start when they are due, however long the earlier ones take.

So a pause of the server is seen by every request that falls into it. One part of the requests opens a connection each
(and asks for it to be closed), the other comes from clients that keep theirs. These do what browsers do: a request on
a reused connection that ends without a single byte of an answer is sent once more on a new one. Whatever else goes
wrong counts as a failed request. Standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# Of so many failures the report says when they happened.
DETAILED_FAILURES = 20


@dataclass(frozen=True)
class Load:
    url: str
    rate: float = 50
    # The load ends after so many seconds, whatever else would end it sooner.
    duration: float = 30
    # The share of requests from clients that keep their connection, and how many such clients there are.
    keep_alive: float = 0.5
    clients: int = 8
    # Seconds from the moment a request is due to the end of its answer. Patient: on a machine whose processors are too
    # few for the load and all else that runs, an answer is late, and no request is lost. How late, the report says.
    timeout: float = 60
    method: str = "GET"
    body: str | None = None
    # Trusted instead of the system's authorities.
    ca: str | None = None
    # Text that the body of a good answer contains.
    expect: str | None = None
    # A key of the answer's JSON object, whose values are counted: which release answered, for example.
    count: str | None = None


@dataclass
class Report:
    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    first_failures: list[dict[str, Any]] = field(default_factory=list)
    retried: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False

    @property
    def failed(self) -> int:
        return self.failures.total()

    @property
    def ok(self) -> int:
        return self.requests - self.failed

    def as_dict(self) -> dict[str, Any]:
        milliseconds = sorted(round(latency * 1000, 1) for latency in self.latencies)
        return {
            "requests": self.requests,
            "ok": self.ok,
            "failed": self.failed,
            "failures": dict(self.failures),
            "first_failures": self.first_failures,
            "retried": self.retried,
            "p50_ms": find_percentile(milliseconds, 50),
            "p99_ms": find_percentile(milliseconds, 99),
            "longest_ms": find_percentile(milliseconds, 100),
            "seen": dict(self.seen),
            "seconds": round(self.seconds, 2),
            "stopped": self.stopped,
        }


class RequestError(Exception):
    """The request got no good answer."""


class StaleConnectionError(RequestError):
    """The connection ended before the first byte of an answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    reusable: bool


@dataclass(frozen=True)
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


def find_percentile(ordered: Sequence[float], percent: float) -> float | None:
    """The smallest value that so many percent of all do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def is_kept_alive(number: int, share: float) -> bool:
    """Whether request `number` is one of the share, spread evenly over all."""
    return math.floor((number + 1) * share) > math.floor(number * share)


def build_request(load: Load, *, keep_alive: bool) -> bytes:
    parts = urlsplit(load.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"{load.method} {path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "User-Agent: slipway-load",
        "Accept: */*",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
    ]
    body = (load.body or "").encode()
    if load.body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def read_answer(reader: asyncio.StreamReader, method: str) -> Answer:
    try:
        first = await reader.read(1)
    except (ConnectionError, ssl.SSLError) as error:
        raise StaleConnectionError(f"{type(error).__name__} before the answer") from error
    if not first:
        raise StaleConnectionError("closed before the answer")
    try:
        line = first + await reader.readline()
        version, status, *_ = line.decode("latin-1").split(maxsplit=2)
        headers = {}
        while (line := await reader.readline()) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            if not line.endswith(b"\r\n"):
                raise RequestError("the answer was cut short")
            headers[name.strip().lower()] = value.strip().lower()
        body, delimited = await _read_body(reader, method, int(status), headers)
    except asyncio.IncompleteReadError as error:
        raise RequestError("the answer was cut short") from error
    except (ConnectionError, ssl.SSLError) as error:
        raise RequestError(f"{type(error).__name__} within the answer") from error
    except (ValueError, asyncio.LimitOverrunError) as error:
        raise RequestError(f"the answer is not HTTP: {error}") from error
    reusable = delimited and version == "HTTP/1.1" and headers.get("connection") != "close"
    return Answer(int(status), body, reusable)


async def _read_body(
    reader: asyncio.StreamReader, method: str, status: int, headers: dict[str, str]
) -> tuple[bytes, bool]:
    """The body, and whether the connection is good for another answer."""
    if method == "HEAD" or status in (204, 304):
        return b"", True
    if headers.get("transfer-encoding") == "chunked":
        chunks = []
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            chunks.append(await reader.readexactly(size))
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return b"".join(chunks), True
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"])), True
    return await reader.read(), False


class Clients:
    """Sends the requests of one load, and keeps the connections of those clients that do."""

    def __init__(self, load: Load) -> None:
        self.load = load
        parts = urlsplit(load.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{load.url} is not an http or https address")
        self.host = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.tls = ssl.create_default_context(cafile=load.ca) if parts.scheme == "https" else None
        self.requests = {keep: build_request(load, keep_alive=keep) for keep in (True, False)}
        self.idle: deque[Connection] = deque()
        self.kept = 0
        self.retried = 0

    async def send(self, *, keep_alive: bool) -> Answer:
        connection = self._take_idle() if keep_alive else None
        if connection:
            try:
                return await self._exchange(connection, keep_alive=True)
            except StaleConnectionError:
                self.retried += 1
        connection = await self._connect()
        self.kept += keep_alive
        return await self._exchange(connection, keep_alive=keep_alive)

    def close(self) -> None:
        for connection in self.idle:
            connection.writer.transport.abort()

    def _take_idle(self) -> Connection | None:
        # The least recently used comes first, once there are as many as there are clients: all stay in use.
        while self.idle and self.kept >= self.load.clients:
            connection = self.idle.popleft()
            if not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            self._drop(connection, kept=True)
        return None

    def _drop(self, connection: Connection, *, kept: bool) -> None:
        connection.writer.transport.abort()
        self.kept -= kept

    async def _connect(self) -> Connection:
        try:
            return Connection(*await asyncio.open_connection(self.host, self.port, ssl=self.tls))
        except socket.gaierror as error:
            raise RequestError(f"the name does not resolve: {error.strerror}") from error
        except OSError as error:
            reason = getattr(error, "verify_message", "") or type(error).__name__
            raise RequestError(f"connecting: {reason}") from error

    async def _exchange(self, connection: Connection, *, keep_alive: bool) -> Answer:
        reusable = False
        try:
            connection.writer.write(self.requests[keep_alive])
            answer = await read_answer(connection.reader, self.load.method)
            reusable = keep_alive and answer.reusable
            return answer
        finally:
            if reusable:
                self.idle.append(connection)
            else:
                self._drop(connection, kept=keep_alive)


def find_problem(load: Load, answer: Answer) -> str | None:
    if not 200 <= answer.status < 300:
        return f"status {answer.status}"
    if load.expect is not None and load.expect.encode() not in answer.body:
        return f"the body lacks {load.expect!r}"
    return None


def read_key(key: str, body: bytes) -> str:
    try:
        return str(json.loads(body)[key])
    except (ValueError, KeyError, TypeError):
        return "(absent)"


async def run(load: Load, should_stop: Callable[[], bool] = lambda: False, report: Report | None = None) -> Report:
    """Put the load on its address until its time is over or `should_stop` says so. A report given is filled as it
    goes."""
    report = Report() if report is None else report
    clients = Clients(load)
    clock = asyncio.get_running_loop().time
    start = clock()

    async def ask(number: int, due: float) -> None:
        keep_alive = is_kept_alive(number, load.keep_alive)
        try:
            async with asyncio.timeout_at(due + load.timeout):
                answer = await clients.send(keep_alive=keep_alive)
            problem = find_problem(load, answer)
            if load.count:
                report.seen[read_key(load.count, answer.body)] += 1
        except RequestError as error:
            problem = str(error)
        except TimeoutError:
            problem = f"no answer within {load.timeout:g} s"
        report.requests += 1
        report.latencies.append(clock() - due)
        if problem:
            report.failures[problem] += 1
            if len(report.first_failures) < DETAILED_FAILURES:
                at = round(due - start, 3)
                report.first_failures.append({"second": at, "keep_alive": keep_alive, "reason": problem})

    async with asyncio.TaskGroup() as requests:
        for number in range(max(1, round(load.rate * load.duration))):
            due = start + number / load.rate
            await asyncio.sleep(max(0.0, due - clock()))
            if should_stop():
                report.stopped = True
                break
            requests.create_task(ask(number, due))
    clients.close()
    report.retried = clients.retried
    report.seconds = clock() - start
    return report


class Measurement:
    """A load in a thread of its own; `result` is there when it has ended."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.result: dict[str, Any] = {}
        self._report = Report()
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def _run(self) -> None:
        try:
            asyncio.run(run(self.load, self._stop.is_set, self._report))
        except Exception as error:  # told to whoever started the thread
            self._error = error

    def start(self) -> None:
        self._thread.start()
        while self._thread.is_alive() and not self._report.requests:
            time.sleep(0.02)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.result = self._report.as_dict()
        if self._error:
            raise self._error


@contextmanager
def measure(url: str, *, duration: float = 900, **options: Any) -> Iterator[Measurement]:
    """Puts a load on an address while something is done:

    with measure(url, rate=50) as load:
        deploy()
    assert load.result["failed"] == 0
    """
    measurement = Measurement(Load(url, duration=duration, **options))
    measurement.start()
    try:
        yield measurement
    finally:
        measurement.stop()
    if not measurement.result["stopped"]:
        raise RuntimeError(f"The load ended after {duration:g} s, before what it was to measure")


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--url", required=True)
    parser.add_argument("--rate", type=float, default=Load.rate, help="requests a second (default: %(default)s)")
    parser.add_argument("--duration", type=float, default=Load.duration, help="seconds at most (default: %(default)s)")
    parser.add_argument(
        "--keep-alive", type=float, default=Load.keep_alive, metavar="SHARE", help="0 to 1 (default: %(default)s)"
    )
    parser.add_argument("--clients", type=int, default=Load.clients, help="that keep their connection")
    parser.add_argument("--timeout", type=float, default=Load.timeout, help="seconds (default: %(default)s)")
    parser.add_argument("--method", default=Load.method)
    parser.add_argument("--body", help="JSON text to send")
    parser.add_argument("--ca", metavar="FILE", help="trusted authorities (default: the system's)")
    parser.add_argument("--expect", metavar="TEXT", help="what the body of a good answer contains")
    parser.add_argument("--count", metavar="KEY", help="count the values of this key of the JSON answers")
    parser.add_argument(
        "--until-file", type=Path, metavar="PATH", help="stop when it exists; that it never did is a failure"
    )
    found = parser.parse_args(arguments)
    if found.rate <= 0 or found.duration <= 0 or not 0 <= found.keep_alive <= 1:
        parser.error("--rate and --duration are above 0, --keep-alive is from 0 to 1")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = vars(_parse_arguments(arguments))
    until_file: Path | None = options.pop("until_file")
    report = asyncio.run(run(Load(**options), until_file.exists if until_file else lambda: False))
    print(json.dumps({"url": options["url"], **report.as_dict()}, indent=2))
    covered = report.stopped or until_file is None
    return 0 if report.ok and not report.failed and covered else 1


if __name__ == "__main__":
    sys.exit(main())
