# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the only place that talks to HAProxy. Standard library only, because it runs on
# managed hosts.

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import describe_server
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import find_server
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import is_settled
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import parse_servers
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import parse_statistics

if TYPE_CHECKING:
    from typing import Any

ANSWER_TIMEOUT = 10
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 1.0


class HAProxyError(Exception):
    pass


class AdminSocket:
    def __init__(self, path: str) -> None:
        self.path = path

    def ask(self, command: str) -> str:
        """Send one command and return its answer. HAProxy closes the connection after each."""
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(ANSWER_TIMEOUT)
                connection.connect(self.path)
                connection.sendall(command.encode() + b"\n")
                while True:
                    chunk = connection.recv(65536)
                    if not chunk:
                        break
                    answer += chunk
        except OSError as error:
            raise HAProxyError(
                f"Failed to ask HAProxy '{command}' through {self.path}: {error}. "
                f"Check that haproxy runs, and that its configuration has 'stats socket {self.path} level admin'."
            ) from error
        return answer.decode()

    def dump_servers(self) -> str:
        dump = self.ask("show servers state")
        if not parse_servers(dump):
            # An answer without its table: an older socket level, or a proxy without any server.
            raise HAProxyError(f"HAProxy's answer to 'show servers state' through {self.path}: {dump.strip()!r}")
        return dump

    def read_server(self, backend: str, server: str) -> dict[str, Any]:
        rows = parse_servers(self.dump_servers())
        row = find_server(rows, backend, server)
        if row is None:
            known = ", ".join(sorted(f"{item['be_name']}/{item['srv_name']}" for item in rows))
            raise HAProxyError(f"HAProxy has no server {backend}/{server}; it has {known}.")
        return describe_server(row, parse_statistics(self.ask("show stat")))

    def set_state(self, backend: str, server: str, state: str) -> None:
        refusal = self.ask(f"set server {backend}/{server} state {state}").strip()
        if refusal:  # success is an empty answer
            raise HAProxyError(
                f"HAProxy refused to set {backend}/{server} to {state}: {refusal} "
                f"The socket {self.path} must be declared with 'level admin'."
            )

    def wait_until_settled(self, backend: str, server: str, timeout: float) -> dict[str, Any]:
        """The server as it is when its state has had its effect, or when the time is over."""
        deadline = time.monotonic() + timeout
        pause = SHORTEST_PAUSE
        while True:
            current = self.read_server(backend, server)
            left = deadline - time.monotonic()
            if is_settled(current) or left <= 0:
                return current
            # The socket answers questions and never calls back, so asking again is the only way to learn of the
            # last session's end. The pauses grow, which costs a long drain next to nothing.
            select.select([], [], [], min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE)
