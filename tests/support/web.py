# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Asks web servers, as a browser's first request would, without following redirects."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from typing import Any


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0]

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str, tls: ssl.SSLContext, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None
) -> Answer:
    parts = urlsplit(url)
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(parts.netloc, timeout=30, context=tls)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        payload = None if body is None else json.dumps(body)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {**({"Content-Type": "application/json"} if payload else {}), **(headers or {})}
        connection.request(method, target, body=payload, headers=sent)
        response = connection.getresponse()
        text = response.read().decode("utf-8", errors="replace")
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, text)
    finally:
        connection.close()


def is_closed(address: str, port: int, seconds: float = 3) -> bool:
    """Whether nobody answers at a port: refused, or silence, as behind a security group."""
    try:
        socket.create_connection((address, port), timeout=seconds).close()
    except OSError:
        return True
    return False
