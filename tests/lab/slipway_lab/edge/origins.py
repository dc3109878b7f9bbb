# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Asking origins: buckets, in this process, as the distribution's access control or identity; other servers over
# HTTP, from an address of CloudFront's.

from __future__ import annotations

import errno
import http.client
import logging
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import quote
from urllib.parse import unquote

from slipway_lab import iam_policy
from slipway_lab.aws import s3
from slipway_lab.aws.cloudfront import config as configuration
from slipway_lab.edge.messages import Headers
from slipway_lab.edge.messages import Request
from slipway_lab.edge.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from slipway_lab.aws.cloudfront.service import CloudFront
    from slipway_lab.aws.cloudfront.service import Served

log = logging.getLogger(__name__)

# Repeating one of these does no harm if the origin had done it already.
_IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
_RETRIED = {"GET", "HEAD"}

NOT_RESOLVED = (502, "CloudFront wasn't able to resolve the origin domain name.")
NOT_CONNECTED = (502, "CloudFront wasn't able to connect to the origin.")
BAD_ANSWER = (502, "The server returned a response that CloudFront does not understand.")
NO_CONNECTION_IN_TIME = (504, "We can't connect to the server for this app or website at this time.")
NO_ANSWER_IN_TIME = (
    504,
    "CloudFront attempted to establish a connection with the origin, but either the attempt failed or the origin "
    "closed the connection.",
)


class OriginError(Exception):
    """The origin gave no response; status and message are what the edge tells the viewer."""

    def __init__(self, answer: tuple[int, str], cause: object = "") -> None:
        super().__init__(f"{answer[1]} ({cause})" if cause else answer[1])
        self.status, self.message = answer


# --- buckets ---------------------------------------------------------------------------------------------------


def ask_bucket(service: CloudFront, served: Served, origin: dict[str, Any], request: Request) -> Response:
    """The bucket's response to a request that the edge signs as the origin is configured."""
    bucket = configuration.bucket_of(origin["DomainName"])
    principal, conditions = _signer(service, served, origin, request)
    status, headers, body = s3.answer(
        request.method,
        f"/{bucket}{_s3_path(request.path)}",
        request.query,
        list(request.headers),
        request.body,
        scheme=request.scheme,
        client=request.client,
        principal=principal,
        conditions=conditions,
    )
    return Response(status, Headers(headers), body)


def _s3_path(path: str) -> str:
    # However the viewer encoded it, the object is the same.
    return quote(unquote(path), safe="/~")


def _signer(
    service: CloudFront, served: Served, origin: dict[str, Any], request: Request
) -> tuple[iam_policy.Principal, dict[str, str]]:
    identity = service.identities.get(configuration.access_identity_id(origin))
    if identity is not None:
        return iam_policy.Principal("canonical", arn=identity.arn, canonical_id=identity.canonical_id), {}
    control = service.controls.get(origin["OriginAccessControlId"])
    behavior = control.config["SigningBehavior"] if control is not None else "never"
    if behavior == "always" or (behavior == "no-override" and "Authorization" not in request.headers):
        conditions = {"aws:SourceArn": served.arn, "aws:SourceAccount": served.account}
        return iam_policy.Principal("service", service="cloudfront.amazonaws.com"), conditions
    return iam_policy.ANONYMOUS, {}


# --- other servers ---------------------------------------------------------------------------------------------


class Connections:
    """Connections to custom origins, kept for the next request as long as the origin is configured to keep them."""

    def __init__(self, resolve: Callable[[str], str | None], source: str, ca_file: str) -> None:
        self._resolve = resolve
        self._source: str | None = source
        self._tls = ssl.create_default_context()
        self._tls.load_verify_locations(ca_file)
        self._idle: dict[tuple[str, str, int], list[tuple[float, http.client.HTTPConnection]]] = {}
        self._lock = threading.Lock()

    def ask(self, origin: dict[str, Any], request: Request) -> Response:
        """The origin's response; raises OriginError."""
        custom = origin["CustomOriginConfig"]
        attempts = origin["ConnectionAttempts"] if request.method in _RETRIED else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._ask_once(origin, custom, request)
            except OriginError as error:
                # Only what timed out is tried again.
                if error.status != 504 or attempt == attempts:
                    raise
        raise AssertionError("an origin has at least one attempt")

    def _ask_once(self, origin: dict[str, Any], custom: dict[str, Any], request: Request) -> Response:
        scheme = {"http-only": "http", "https-only": "https"}.get(custom["OriginProtocolPolicy"], request.scheme)
        where = (scheme, origin["DomainName"], custom["HTTPSPort" if scheme == "https" else "HTTPPort"])
        if request.method in _IDEMPOTENT:
            connection = self._take(where, custom["OriginKeepaliveTimeout"])
            if connection is not None:
                try:
                    return self._exchange(where, connection, custom, request)
                except OriginError as error:
                    if error.status == 504:
                        raise
                    # The origin closed it just then: a new connection tells whether it still answers.
        connection = self._connect(where, origin)
        return self._exchange(where, connection, custom, request)

    def _take(self, where: tuple[str, str, int], keep_alive: int) -> http.client.HTTPConnection | None:
        now = time.monotonic()
        with self._lock:
            idle = self._idle.get(where, [])
            while idle:
                since, connection = idle.pop()
                if now - since < keep_alive and not _is_closed(connection):
                    return connection
                connection.close()
        return None

    def _connect(self, where: tuple[str, str, int], origin: dict[str, Any]) -> http.client.HTTPConnection:
        scheme, name, port = where
        try:
            address = self._resolve(name) or socket.getaddrinfo(name, port, socket.AF_INET)[0][4][0]
        except OSError as error:
            raise OriginError(NOT_RESOLVED, error) from error
        try:
            plain = self._open((str(address), port), origin["ConnectionTimeout"])
        except TimeoutError as error:
            raise OriginError(NO_CONNECTION_IN_TIME, error) from error
        except OSError as error:
            raise OriginError(NOT_CONNECTED, error) from error
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = http.client.HTTPConnection(name, port)
        connection.sock = plain
        if scheme == "https":
            try:
                connection.sock = self._tls.wrap_socket(plain, server_hostname=name)
            except OSError as error:
                plain.close()
                raise OriginError(NOT_CONNECTED, error) from error
        return connection

    def _open(self, address: tuple[str, int], seconds: float) -> socket.socket:
        if self._source is not None:
            try:
                return socket.create_connection(address, seconds, (self._source, 0))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                log.warning("This machine does not have CloudFront's address %s; the edge does without", self._source)
                self._source = None
        return socket.create_connection(address, seconds)

    def _exchange(
        self,
        where: tuple[str, str, int],
        connection: http.client.HTTPConnection,
        custom: dict[str, Any],
        request: Request,
    ) -> Response:
        connection.sock.settimeout(custom["OriginReadTimeout"])
        try:
            _send(connection, request)
            answer = connection.getresponse()
            body = answer.read()
        except TimeoutError as error:
            connection.close()
            raise OriginError(NO_ANSWER_IN_TIME, error) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise OriginError(BAD_ANSWER, repr(error)) from error
        if answer.will_close:
            connection.close()
        else:
            with self._lock:
                self._idle.setdefault(where, []).append((time.monotonic(), connection))
        return Response(answer.status, Headers(answer.getheaders()), body)


def _send(connection: http.client.HTTPConnection, request: Request) -> None:
    connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers:
        connection.putheader(name, value.encode("latin-1", "replace"))
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders(request.body or None)


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether an idle connection is of no more use: closed, or with something on it that nobody asked for."""
    connection.sock.setblocking(False)
    try:
        connection.sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        pass
    return True
