# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The edge's HTTP: connections of viewers, plain and TLS, kept open, a thread for each.

from __future__ import annotations

import http.server
import logging
import socket
import socketserver
import ssl
import threading
from email.utils import formatdate
from typing import TYPE_CHECKING
from typing import Any

from slipway_lab.edge import pages
from slipway_lab.edge.messages import Headers
from slipway_lab.edge.messages import Request
from slipway_lab.edge.messages import Response
from slipway_lab.edge.messages import reason

if TYPE_CHECKING:
    from slipway_lab.edge.viewer import Edge

log = logging.getLogger(__name__)

_IDLE_SECONDS = 60
_MAX_BODY = 64 * 1024 * 1024
_METHODS = {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}

# The server name of the handshake that this thread is in: OpenSSL tells it only while it goes on.
_handshake = threading.local()


class _BodyError(Exception):
    pass


class ViewerHandler(http.server.BaseHTTPRequestHandler):
    """A viewer's connection."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1
    server: EdgeServer

    def setup(self) -> None:
        self._server_name: str | None = None
        if isinstance(self.request, ssl.SSLSocket):
            # The handshake is done here, not by the thread that accepts: a slow viewer keeps nobody waiting.
            _handshake.name = None
            self.request.settimeout(self.timeout)
            self.request.do_handshake()
            self._server_name = _handshake.name
        super().setup()

    def handle_one_request(self) -> None:
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            response = self._respond()
            self._write(response)
        except (TimeoutError, ConnectionError, ssl.SSLError):
            self.close_connection = True
        except _BodyError:
            self.close_connection = True
            self._write(pages.error(400, "Bad request.", "-"))

    def _respond(self) -> Response:
        path, _, query = self.path.partition("?")
        if not path.startswith("/"):
            # An absolute URL, as clients send to proxies; its path is what counts.
            path = "/" + path.partition("://")[2].partition("/")[2]
        request = Request(
            method=self.command,
            path=path,
            query=query,
            headers=Headers(self.headers.items()),
            body=self._body(),
            scheme="https" if isinstance(self.request, ssl.SSLSocket) else "http",
            client=self.client_address[0],
            client_port=self.client_address[1],
            version=self.request_version,
        )
        if self.command not in _METHODS:
            return pages.error(405, "The HTTP method is not one that CloudFront knows.", "-")
        if self._server_name and request.host != self._server_name and self.server.edge.knows(self._server_name):
            return pages.error(421, "The distribution does not match the certificate of the connection.", "-")
        return self.server.edge.handle(request)

    def _body(self) -> bytes:
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            return self._chunks()
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > _MAX_BODY:
            raise _BodyError
        return self.rfile.read(int(length)) if length != "0" else b""

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(1024).partition(b";")[0], 16)
            except ValueError as error:
                raise _BodyError from error
            if size == 0:
                while self.rfile.readline(65537).strip():
                    pass  # trailers
                return bytes(body)
            if len(body) + size > _MAX_BODY:
                raise _BodyError
            body += self.rfile.read(size)
            self.rfile.readline(3)

    def _write(self, response: Response) -> None:
        headers = response.headers
        bodiless = response.status in (204, 304)
        if bodiless:
            headers.remove("Content-Length")
        elif self.command != "HEAD" or "Content-Length" not in headers:
            headers.set("Content-Length", str(len(response.body)))
        if "Date" not in headers:
            headers.add("Date", formatdate(usegmt=True))
        headers.set("Connection", "close" if self.close_connection else "keep-alive")
        lines = [f"HTTP/1.1 {response.status} {reason(response.status)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        # One write: viewers get small responses in one packet.
        self.wfile.write(head if bodiless or self.command == "HEAD" else head + response.body)
        self.wfile.flush()
        log.debug("%s %s %s %s", self.command, self.path, response.status, response.result)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


class EdgeServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], edge: Edge, tls: ssl.SSLContext | None) -> None:
        self.edge = edge
        self._tls = tls
        super().__init__(address, ViewerHandler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client = super().get_request()
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, client

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("A connection from %s ended", client_address, exc_info=True)


def viewer_tls(context: ssl.SSLContext, edge: Edge) -> ssl.SSLContext:
    """The context, made to fall back to its own certificate for names that no distribution has."""
    by_name = context.sni_callback

    def choose(connection: ssl.SSLObject, name: str | None, used: ssl.SSLContext) -> int | None:
        _handshake.name = name.lower() if name else None
        return by_name(connection, name, used) if name and edge.knows(name) else None

    context.sni_callback = choose
    return context
