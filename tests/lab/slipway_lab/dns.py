# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The name server of the lab's hosts: the lab's own names, and everything else from the machine's resolvers.

from __future__ import annotations

import logging
import socket
import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from dnslib import QTYPE
from dnslib import RCODE
from dnslib import RR
from dnslib import A
from dnslib import DNSError
from dnslib import DNSRecord

from slipway_lab import addresses
from slipway_lab import network

if TYPE_CHECKING:
    from collections.abc import Callable

    from slipway_lab.public_dns import Answer

log = logging.getLogger(__name__)

TIMEOUT = 5
TTL = 5
MAX_MESSAGE = 65535


def resolvers(text: str) -> list[str]:
    """The addresses of the name servers in a resolv.conf."""
    words = (line.split() for line in text.splitlines())
    return [found[1] for found in words if len(found) > 1 and found[0] == "nameserver"]


def answer(query: DNSRecord, resolve: Callable[[str], str | None], api_address: str) -> DNSRecord | None:
    """The answer to a query for one of the lab's names, None if it is not for the lab to answer.

    All AWS endpoints are the lab's API; other names of amazonaws.com that nobody published do not exist.
    """
    name = str(query.q.qname).rstrip(".").lower()
    address = resolve(name)
    if address is None and name.endswith(".amazonaws.com"):
        is_instance = ".compute" in name
        address = None if is_instance else api_address
        if is_instance:
            reply = query.reply()
            reply.header.rcode = RCODE.NXDOMAIN
            return reply
    if address is None:
        return None
    reply = query.reply()
    if query.q.qtype in (QTYPE.A, QTYPE.ANY):
        reply.add_answer(RR(query.q.qname, QTYPE.A, rdata=A(address), ttl=TTL))
    return reply


def answer_from_zones(query: DNSRecord, look_up: Callable[[str, str], Answer | None]) -> DNSRecord | None:
    """The answer of the lab's hosted zones, None if none of those that the public sees has to answer."""
    kind = QTYPE.get(query.q.qtype)
    found = look_up(str(query.q.qname), kind) if isinstance(kind, str) else None
    if found is None:
        return None
    reply = query.reply()
    if not found.exists:
        reply.header.rcode = RCODE.NXDOMAIN
    for name, record_type, ttl, value in found.records:
        # Every name of a wildcard gets its records under its own name.
        owner = name.replace("\\052", "*")
        for record in RR.fromZone(f"{owner} {min(ttl, TTL)} IN {record_type} {value}"):
            reply.add_answer(record)
    return reply


class Upstream:
    """The machine's resolvers, asked from the machine's own namespace: theirs may be a loopback address of it.

    Made before the server enters the lab's namespace: sockets stay where the thread that makes them is.
    """

    def __init__(self, resolv_conf: Path = Path("/etc/resolv.conf")) -> None:
        self._servers = resolvers(resolv_conf.read_text()) or ["127.0.0.1"]
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="dns")
        # A pool starts threads when they are needed, in the namespace of whoever needs them: start them all now.
        barrier = threading.Barrier(9)
        for _ in range(8):
            self._threads.submit(barrier.wait)
        barrier.wait()

    def ask(self, message: bytes, by_tcp: bool) -> bytes | None:
        return self._threads.submit(self._ask, message, by_tcp).result()

    def _ask(self, message: bytes, by_tcp: bool) -> bytes | None:
        for server in self._servers:
            try:
                return _by_tcp(server, message) if by_tcp else _by_udp(server, message)
            except OSError as error:
                log.warning("The resolver %s does not answer: %s", server, error)
        return None


def _by_udp(server: str, message: bytes) -> bytes:
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as query:
        query.settimeout(TIMEOUT)
        query.connect((server, 53))
        query.send(message)
        return query.recv(MAX_MESSAGE)


def _by_tcp(server: str, message: bytes) -> bytes:
    with socket.create_connection((server, 53), TIMEOUT) as connection:
        connection.sendall(len(message).to_bytes(2, "big") + message)
        return _read_tcp(connection)


def _read_tcp(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        return stream.read(int.from_bytes(stream.read(2), "big"))


class Responder:
    """Answers the hosts of one VPC."""

    def __init__(
        self,
        resolve: Callable[[str], str | None],
        api_address: str,
        upstream: Upstream,
        look_up: Callable[[str, str], Answer | None],
    ) -> None:
        self._resolve = resolve
        self._api_address = api_address
        self._upstream = upstream
        self._look_up = look_up

    def respond(self, message: bytes, by_tcp: bool) -> bytes | None:
        try:
            query = DNSRecord.parse(message)
        except DNSError:
            return None
        own = answer_from_zones(query, self._look_up) or answer(query, self._resolve, self._api_address)
        if own is not None:
            return own.pack()
        forwarded = self._upstream.ask(message, by_tcp)
        if forwarded is None:
            failed = query.reply()
            failed.header.rcode = RCODE.SERVFAIL
            return failed.pack()
        return forwarded

    def serve(self, namespace: str) -> Callable[[], None]:
        """Answer the hosts of a VPC's namespace; returns what ends that."""
        responder = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                message, server = self.request
                reply = responder.respond(message, by_tcp=False)
                if reply:
                    server.sendto(reply, self.client_address)

        class Tcp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(TIMEOUT)
                reply = responder.respond(_read_tcp(self.request), by_tcp=True)
                if reply:
                    self.request.sendall(len(reply).to_bytes(2, "big") + reply)

        with network.inside(namespace):
            servers = [
                _ThreadingUDPServer((addresses.DNS, 53), Udp),
                _ThreadingTCPServer((addresses.DNS, 53), Tcp),
            ]
        return serve_in_threads(servers)


class _ThreadingUDPServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = MAX_MESSAGE


class _ThreadingTCPServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


# A server's loop looks this often whether it shall end; nobody waits for that.
POLL_SECONDS = 60


def serve_in_threads(servers: list[socketserver.BaseServer]) -> Callable[[], None]:
    """Start each server's loop in a thread of its own; returns what ends them."""
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()

    def end() -> None:
        for server in servers:
            threading.Thread(target=server.shutdown, daemon=True).start()
            server.server_close()

    return end
