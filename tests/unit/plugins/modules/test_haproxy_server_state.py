# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import socketserver
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._haproxy import admin
from ansible_collections.slipway.aws.plugins.modules import haproxy_server_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = "be_name srv_name srv_addr srv_port srv_op_state srv_admin_state srv_uweight srv_check_state srv_check_result"


class Proxy:
    """Speaks HAProxy's protocol on a real socket: one command a connection, one empty line when it obeys."""

    def __init__(self) -> None:
        self.flags = {"a": 0, "b": 1}
        self.sessions = {"a": 0, "b": 0}
        self.admin = True
        self.commands: list[str] = []

    def answer(self, command: str) -> str:
        self.commands.append(command)
        if command == "show servers state":
            rows = [f"app {name} 127.0.0.1 81 2 {flags} 1 6 3" for name, flags in self.flags.items()]
            return "\n".join(["1", f"# {COLUMNS}", *rows, "", ""])
        if command == "show stat":
            rows = [f"app,{name},0,{count}" for name, count in self.sessions.items()]
            # Each look at a server finds it with one session less.
            self.sessions = {name: max(count - 1, 0) for name, count in self.sessions.items()}
            return "\n".join(["# pxname,svname,qcur,scur", *rows, ""])
        if not self.admin:
            return "Permission denied\n"
        verb, kind, name, _state, value = command.split()
        assert (verb, kind) == ("set", "server")
        self.flags[name.removeprefix("app/")] = {"ready": 0, "maint": 1, "drain": 8}[value]
        return "\n"


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(proxy.answer(self.rfile.readline().decode().strip()).encode())

    with socketserver.UnixStreamServer(str(tmp_path / "admin.sock"), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield proxy
        server.shutdown()
        thread.join()


@pytest.fixture
def call(call_module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(admin, "SHORTEST_PAUSE", 0.001)

    def run(check_mode: bool = False, **params: object) -> dict:
        arguments = {"socket": str(tmp_path / "admin.sock"), "backend": "app", **params}
        return call_module(haproxy_server_state, arguments, check_mode=check_mode, diff=True)

    return run


def test_a_change_is_the_same_in_check_mode_and_in_fact(proxy: Proxy, call) -> None:
    planned = call(check_mode=True, server="a", state="drain")
    assert [command for command in proxy.commands if command.startswith("set")] == []
    done = call(server="a", state="drain")
    for result in (planned, done):
        assert result["changed"] is True
        assert result["diff"] == {"before": {"state": "ready"}, "after": {"state": "drain"}}
        assert result["server"]["state"] == "drain"
    assert proxy.flags == {"a": 8, "b": 1}
    assert call(server="a", state="drain")["changed"] is False
    assert call(check_mode=True, server="a", state="drain")["changed"] is False


def test_it_waits_for_the_last_session_even_if_nothing_changes(proxy: Proxy, call) -> None:
    proxy.sessions["b"] = 4
    result = call(server="b", state="maint")
    assert result["changed"] is False
    assert result["server"]["sessions"] == 0
    assert result["server"]["settled"] is True


def test_a_wait_that_takes_too_long(proxy: Proxy, call) -> None:
    proxy.sessions["a"] = 10**6
    failed = call(server="a", state="drain", wait_timeout=0)
    assert failed["failed"] is True
    assert failed["changed"] is True
    assert "app/a is set to drain, but after 0 seconds still has" in failed["msg"]
    assert "fail_on_timeout" in failed["msg"]
    went_on = call(server="a", state="drain", wait_timeout=0, fail_on_timeout=False)
    assert "failed" not in went_on
    assert went_on["server"]["settled"] is False
    not_waited = call(server="a", state="drain", wait=False)
    assert "failed" not in not_waited


def test_the_state_file_is_written_when_it_would_restore_something_else(proxy: Proxy, call, tmp_path: Path) -> None:
    path = tmp_path / "server-state"
    params = {"server": "a", "state": "ready", "state_file": str(path)}
    assert call(check_mode=True, **params)["changed"] is True
    assert not path.exists()
    assert call(**params)["changed"] is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    written = path.read_text()
    assert "app a 127.0.0.1 81 2 0 " in written
    assert call(**params)["changed"] is False
    assert call(check_mode=True, **params)["changed"] is False

    proxy.flags["b"] = 8  # somebody else drains the other server
    assert call(check_mode=True, **params)["changed"] is True
    assert path.read_text() == written
    assert call(**params)["changed"] is True
    assert "app b 127.0.0.1 81 2 8 " in path.read_text()
    assert [entry.name for entry in tmp_path.iterdir() if "state" in entry.name] == ["server-state"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"server": "c", "state": "ready"}, "HAProxy has no server app/c; it has app/a, app/b."),
        ({"server": "a;disable", "state": "ready"}, "HAProxy has no server app/a;disable"),
        ({"server": "a", "state": "drain", "socket": "/nonexistent/socket"}, "stats socket /nonexistent/socket"),
        ({"server": "a", "state": "ready", "state_file": "/nonexistent/file"}, "Failed to write state_file"),
    ],
)
def test_errors_say_what_to_do(proxy: Proxy, call, params: dict, message: str) -> None:
    result = call(**params)
    assert result["failed"] is True
    assert message in result["msg"]


def test_a_socket_without_the_right_level(proxy: Proxy, call) -> None:
    proxy.admin = False
    result = call(server="a", state="drain")
    assert result["failed"] is True
    assert "Permission denied" in result["msg"]
    assert "level admin" in result["msg"]
