# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import http.client
import os
import secrets
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from slipway_lab.config import EMULATOR_SETTINGS

os.environ.update(EMULATOR_SETTINGS)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "lab: needs root, and starts labs with hosts on this machine")


class ManualDelays:
    """Delays that end when the test says so."""

    def __init__(self) -> None:
        self._pending: list[tuple[str, Any]] = []

    def seconds(self, event: str) -> float:
        return 1.0

    def after(self, event: str, callback: Any) -> None:
        self._pending.append((event, callback))

    def end(self, event: str | None = None) -> None:
        """End all that is pending, or all of one kind, in the order in which it began."""
        due = [pending for pending in self._pending if event in (None, pending[0])]
        self._pending = [pending for pending in self._pending if pending not in due]
        for _, callback in due:
            callback()


@pytest.fixture
def delays() -> ManualDelays:
    return ManualDelays()


class Emulator:
    """The API of a lab without hosts and network, on a loopback port."""

    def __init__(self, lab: Any, url: str, credentials: dict[str, str]) -> None:
        self.lab = lab
        self.url = url
        self.credentials = credentials

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of the lab's administrator, or with the credentials in options."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            verify=str(self.lab.ca.certificate_file),
            config=options.pop("config", None)
            or botocore.config.Config(
                retries={"max_attempts": 0},
                s3={"addressing_style": "path"},
                # New buckets know no other; boto3 presigns with the older version if it may.
                signature_version="s3v4" if service == "s3" else None,
            ),
            **(self.credentials | options),
        )


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    from werkzeug.serving import make_server

    from slipway_lab import names
    from slipway_lab.ca import Authority
    from slipway_lab.context import Lab
    from slipway_lab.delays import Delays
    from slipway_lab.journal import Journal
    from slipway_lab.names import Names
    from slipway_lab.server import RequestHandler
    from slipway_lab.server import build_application

    directory = tmp_path_factory.mktemp("lab")
    hosts_file = directory / "hosts"
    hosts_file.touch()
    names.LOCK_FILE = directory / "names.lock"
    lab = Lab(
        name="unit",
        number=250,
        directory=directory,
        delays=Delays("off"),
        names=Names(250, hosts_file),
        ca=Authority(directory, "unit"),
        journal=Journal(),
        hosts=False,
    )
    lab.api_address = lab.edge_address = "127.0.0.1"
    key, secret = "AKIA" + secrets.token_hex(8).upper(), secrets.token_hex(20)
    server = make_server(
        "127.0.0.1",
        0,
        build_application(lab, key, secret),
        threaded=True,
        request_handler=RequestHandler,
        ssl_context=lab.ca.server_context(["127.0.0.1"]),
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Emulator(
        lab,
        f"https://127.0.0.1:{server.server_port}",
        {"aws_access_key_id": key, "aws_secret_access_key": secret},
    )
    server.shutdown()


class Viewer:
    """An HTTP client that finds every name at the edge of the emulator's lab."""

    def __init__(self, servers: list[Any], ca_file: str) -> None:
        self.edge = servers[0].edge
        self._ports = {
            scheme: server.server_address[1] for scheme, server in zip(("http", "https"), servers, strict=True)
        }
        self._tls = ssl.create_default_context(cafile=ca_file)

    def connect(self, host: str, scheme: str = "https") -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(host, self._ports[scheme], timeout=20)
        connection.sock = socket.create_connection(("127.0.0.1", self._ports[scheme]), 20)
        if scheme == "https":
            connection.sock = self._tls.wrap_socket(connection.sock, server_hostname=host)
        return connection

    def ask(
        self,
        host: str,
        path: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        scheme: str = "https",
    ) -> Answer:
        connection = self.connect(host, scheme)
        try:
            connection.request(method, path, body, {"Host": host, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def cache(self) -> str:
        """What X-Cache says: Hit, Miss, ..."""
        return self.headers["X-Cache"].removesuffix(" from cloudfront")


@pytest.fixture(scope="session")
def viewer(emulator: Emulator) -> Viewer:
    from slipway_lab import edge

    servers = edge.serve(emulator.lab, ports=(0, 0))
    return Viewer(servers, str(emulator.lab.ca.certificate_file))
