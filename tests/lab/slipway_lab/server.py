# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The lab's server: one process in the lab's namespace that holds the emulated account and answers for it.

from __future__ import annotations

import functools
import io
import json
import logging
import signal
import socket
import socketserver
import struct
import threading
import time
import traceback
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.moto_server.werkzeug_app import MotoRequestHandler
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.test import run_wsgi_app

from slipway_lab import acme
from slipway_lab import authorisation
from slipway_lab import calls
from slipway_lab import config as configuration
from slipway_lab import context
from slipway_lab import edge
from slipway_lab import network
from slipway_lab import principals
from slipway_lab.agent import bucket
from slipway_lab.aws import acm
from slipway_lab.aws import budgets
from slipway_lab.aws import cloudfront
from slipway_lab.aws import cloudwatch
from slipway_lab.aws import ec2
from slipway_lab.aws import iam
from slipway_lab.aws import logs
from slipway_lab.aws import route53
from slipway_lab.aws import s3
from slipway_lab.aws import secretsmanager
from slipway_lab.aws import sns
from slipway_lab.aws import ssm
from slipway_lab.ca import Authority
from slipway_lab.delays import Delays
from slipway_lab.dns import Upstream
from slipway_lab.faults import ConnectionLostError
from slipway_lab.journal import Journal
from slipway_lab.journal import is_mutating
from slipway_lab.names import Names

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from typing import Any

    from slipway_lab.config import Config
    from slipway_lab.context import Lab

log = logging.getLogger(__name__)


class Application:
    """The lab as a WSGI application: the emulator, with who may do what in front of it, and the control API."""

    def __init__(self, lab: Lab, emulator: Any) -> None:
        self._lab = lab
        self._emulator = emulator
        self._after_call = []
        self._acme = acme.AcmeServer(lab.ca, lab.public_dns)

    def after_mutating(self, service: str, callback: Any) -> None:
        """Have callback() called after each answered call of service that may have changed something."""
        self._after_call.append((service, callback))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/_lab/"):
            return self._control(environ, start_response)
        if environ["PATH_INFO"].startswith(acme.PATH):
            return self._certify(environ, start_response)
        call = calls.read_call(environ)
        principal = principals.of(call.access_key)
        record = functools.partial(self._lab.journal.record, call.service, call.operation, principal=principal["arn"])
        try:
            (status, headers, body), injected = self._lab.faults.carry_out(
                call,
                of_host=principal["type"] == "assumed-role",
                execute=lambda: self._answer(call, principal, environ),
            )
        except ConnectionLostError as lost:
            record(status=0, error=None, injected=str(lost))
            raise
        error = calls.error_code(body, headers) if status >= 400 else None
        record(status=status, error=error, injected=injected)
        start_response(f"{status} ", list(headers.items()))
        return [body]

    def _answer(
        self, call: calls.ApiCall, principal: dict[str, Any], environ: dict[str, Any]
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            authorisation.authenticate(call)
            authorisation.authorise(call, principal)
            chunks, status, headers = run_wsgi_app(self._emulator, environ, buffered=True)
            answer = int(status.split()[0]), dict(headers), b"".join(chunks)
            for service, callback in self._after_call:
                if service == call.service and is_mutating(call.operation):
                    callback()
            return answer
        except authorisation.Denied as error:
            return _refusal(call, error.status, error.code, str(error))
        except NotImplementedError as error:
            message = f"The lab does not know {call.service} {call.operation}: {error}"
            log.warning(message)
            return _refusal(call, 501, "NotImplemented", message)
        except Exception as error:
            log.exception("%s %s failed in the lab", call.service, call.operation)
            return _refusal(call, 500, "InternalFailure", f"The lab failed: {error!r}")

    def _certify(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """What the authority that stands for Let's Encrypt's answers."""
        base = f"https://{environ['HTTP_HOST']}"
        body = environ["wsgi.input"].read()
        answer = self._acme.answer(environ["REQUEST_METHOD"], base, environ["PATH_INFO"], body)
        start_response(f"{answer.status} ", list(answer.headers.items()))
        return [answer.body]

    def _control(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """What the lab's own tests ask; AWS has nothing like it."""
        request = calls.BackendRequest(environ)
        status, answer = 200, {}
        match request.method, request.path.removeprefix("/_lab/"):
            case "GET", "status":
                lab = self._lab
                answer = {"name": lab.name, "number": lab.number, "hosts": lab.hosts, "delays": lab.delays.mode}
            case "GET", "calls":
                answer = self._lab.journal.since(request.args.get("since", 0, type=int))
            case "GET", "mail":
                answer = {"messages": self._lab.mail.all()}
            case "GET", "faults":
                answer = self._lab.faults.report()
            case "PUT", "faults":
                try:
                    answer = self._lab.faults.set(json.loads(request.get_data()))
                except (ValueError, KeyError, TypeError) as error:
                    status, answer = 400, {"message": str(error)}
            case "GET", "delegations":
                answer = self._lab.public_dns.delegations()
            case "PUT", "delegations":
                try:
                    wanted = json.loads(request.get_data())
                    servers = self._lab.public_dns.delegate(wanted["zone"], wanted.get("name_servers"))
                    answer = {"zone": wanted["zone"], "name_servers": servers}
                except (ValueError, KeyError, TypeError) as error:
                    status, answer = 400, {"message": str(error)}
            case "PUT", "delays":
                try:
                    self._lab.delays.mode = json.loads(request.get_data())["mode"]
                    answer = {"mode": self._lab.delays.mode}
                except (ValueError, KeyError, TypeError) as error:
                    status, answer = 400, {"message": str(error)}
            case _:
                status, answer = 404, {"message": "No such resource of the lab."}
        start_response(f"{status} ", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode() + b"\n"]


def _refusal(call: calls.ApiCall, status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    content_type, body = calls.render_error(call, code, message)
    return status, {"Content-Type": content_type, "x-amzn-errortype": code}, body.encode()


class RequestHandler(MotoRequestHandler):
    """HTTP/1.1 with connections kept open (werkzeug's own handler closes them); bodies are read whole."""

    protocol_version = "HTTP/1.1"
    timeout = 120
    # An answer leaves in one piece, and at once.
    wbufsize = -1
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self.make_environ()
        chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        body = environ["wsgi.input"].read(*([] if chunked else [int(environ.get("CONTENT_LENGTH") or 0)]))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ.pop("wsgi.input_terminated", None)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        try:
            chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except ConnectionLostError:
            self._reset()
            return
        self._write(status, headers, b"".join(chunks))

    def _reset(self) -> None:
        """End the connection as a network does that fails: no answer, no farewell."""
        self.close_connection = True
        # With nothing to linger for, closing resets.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)

    def _write(self, status: str, headers: Any, body: bytes) -> None:
        self.send_response(int(status.split()[0]))
        bodiless = self.command == "HEAD" or status.startswith(("1", "204", "304"))
        for name, value in headers.items():
            # A HEAD's length is that of the body it does not send.
            if name.lower() not in ("content-length", "connection", "server", "date") or (
                bodiless and name.lower() == "content-length"
            ):
                self.send_header(name, value)
        if not bodiless:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not bodiless:
            self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        log.debug("%s %s %s", self.command, self.path, code)


class HttpsServer(ThreadedWSGIServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: str, app: Any, tls: ssl.SSLContext) -> None:
        super().__init__(address, 443, app, RequestHandler)
        # Tells the application that it is reached by https. The listening socket itself stays plain.
        self.ssl_context = tls

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the DNS for the name of its address.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client = super().get_request()
        # The handshake is left to the connection's own thread: a slow client must not keep others waiting.
        return self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), client

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("connection from %s: %s", client_address, traceback.format_exc(limit=1))


def build_application(
    lab: Lab, access_key_id: str, secret_access_key: str, upstream: Upstream | None = None
) -> Application:
    """The emulator with all of the lab's changes; upstream is there when instances have hosts."""
    context.set_current(lab)
    application = Application(lab, DomainDispatcherApplication(create_backend_app))
    iam.install(lab, access_key_id, secret_access_key)
    compute = ec2.install(lab, upstream)
    application.after_mutating("ec2", compute.fabric.follow)
    # Aliases lead to what CloudFront has published.
    application.after_mutating("cloudfront", lab.public_dns.follow)
    for service in (ssm, secretsmanager, s3, cloudfront, sns, cloudwatch, logs, budgets, route53, acm):
        service.install(lab)
    return application


def _is_aws_name(name: str) -> bool:
    return name.endswith(".amazonaws.com")


def serve(config: Config) -> None:
    """Run the lab's server in this process until it is told to stop."""
    lock = configuration.ServerLock(config.name)
    if not lock.acquire():
        raise SystemExit(f"The lab {config.name} already has a server.")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    began = time.monotonic()
    # Made here, so that it stays outside.
    upstream = Upstream() if config.hosts else None
    network.enter(network.lab_namespace(config.number))
    lab = context.Lab(
        name=config.name,
        number=config.number,
        directory=config.directory,
        delays=Delays(config.delays),
        names=Names(config.number),
        ca=Authority(config.directory, config.name),
        journal=Journal(),
        hosts=config.hosts,
    )
    application = build_application(lab, config.access_key_id, config.secret_access_key, upstream)
    bucket.publish(lab)
    https = HttpsServer(lab.api_address, application, lab.ca.server_context([lab.api_address], _is_aws_name))
    edge.serve(lab)
    threading.Thread(target=https.serve_forever, kwargs={"poll_interval": 3600}, daemon=True).start()
    log.info("The lab %s answers at %s after %.1f s", lab.name, config.url, time.monotonic() - began)
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    told.wait()
    log.info("The lab %s stops", lab.name)
