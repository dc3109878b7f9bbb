# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The module on a host whose systemd and proxy are in memory, and whose files are real."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import AdminSocket
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import HAProxyError
from ansible_collections.slipway.aws.plugins.module_utils._release_slots import host as host_module
from ansible_collections.slipway.aws.plugins.modules import release_slots

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

COLUMNS = "be_name srv_name srv_addr srv_port srv_op_state srv_admin_state srv_uweight srv_check_state srv_check_result"
PORTS = {"a": 8101, "b": 8102}
SECRET = "a-value-that-nobody-may-see"


class Killed(BaseException):
    """The process is gone. Not an Exception, so that nothing can catch it."""


class Host:
    """What the module acts on. Every change of it passes through change(), which may be where the run is killed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.active: dict[str, bool] = {}
        self.enabled: dict[str, bool] = {}
        self.crashing: set[str] = set()
        self.flags = {"a-8101": 0, "b-8102": 0}
        self.proxy_runs = True
        self.changes = 0
        self.changes_left: int | None = None
        self.serving = False

    def change(self) -> None:
        if self.changes_left == 0:
            raise Killed
        if self.changes_left is not None:
            self.changes_left -= 1
        self.changes += 1

    def assert_served(self) -> None:
        """Somebody answers, and nobody is asked who does not."""
        if self.serving:
            ready = [name for name, flags in self.flags.items() if not flags]
            assert ready
            assert all(self.active.get(f"shop-{name[0]}.service") for name in ready)

    def run_command(self, _module: Any, command: list[str], **_options: Any) -> tuple[int, str, str]:
        if command[0] == "journalctl":
            return 0, "RuntimeError: the log tells why\n", ""
        verb, unit = command[1], command[-1]
        if verb == "show":
            active = self.active.get(unit, False)
            found = {
                "ActiveState": "active" if active else "inactive",
                "SubState": "running" if active else "dead",
                "UnitFileState": "enabled" if self.enabled.get(unit) else "disabled",
                "NRestarts": "0",
                "Result": "exit-code" if unit in self.crashing else "success",
                "ExecMainStatus": "3" if unit in self.crashing else "0",
                "Job": "",
            }
            return 0, "".join(f"{key}={value}\n" for key, value in found.items()), ""
        self.change()
        if verb == "start":
            if unit in self.crashing and unit.endswith("-migrate.service"):
                return 1, "", "Job failed"
            if not unit.endswith("-migrate.service"):
                self.active[unit] = unit not in self.crashing
        elif verb == "enable":
            self.enabled[unit] = True
        elif verb == "disable":
            self.enabled[unit] = False
            self.change()
            self.active[unit] = False
        self.assert_served()
        return 0, "", ""

    def ask(self, _socket: AdminSocket, command: str) -> str:
        if not self.proxy_runs:
            raise HAProxyError("Failed to ask HAProxy: connection refused")
        if command == "show servers state":
            rows = [f"shop {name} 127.0.0.1 {name[2:]} 2 {flags} 1 6 3" for name, flags in self.flags.items()]
            return "\n".join(["1", f"# {COLUMNS}", *rows, "", ""])
        if command == "show stat":
            return "# pxname,svname,qcur,scur\n" + "".join(f"shop,{name},0,0\n" for name in self.flags)
        self.change()
        self.flags[command.split()[2].removeprefix("shop/")] = {"ready": 0, "maint": 1, "drain": 8}[command.split()[-1]]
        self.assert_served()
        return "\n"

    def build(self, release: str) -> None:
        directory = self.root / "opt" / "releases" / release
        directory.mkdir(parents=True, exist_ok=True)
        (directory / host_module.COMPLETION_MARKER).touch()
        os.utime(directory / host_module.COMPLETION_MARKER, ns=(0, len(list(directory.parent.iterdir())) * 10**9))

    def live(self) -> tuple[str, str]:
        link = self.root / "opt" / "live"
        return link.readlink().name, link.resolve().name


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path)
    (tmp_path / "systemd").mkdir()
    replace = os.replace

    def counted_replace(source: str, target: str) -> None:
        host.change()
        replace(source, target)

    def probe(_app: Any, port: int, _path: str, _expected: Any) -> str | None:
        slot = next(name for name, number in PORTS.items() if number == port)
        return None if host.active.get(f"shop-{slot}.service") else "no answer"

    # Functions, since a bound method would not be given the object that it is called on.
    def run_command(module: AnsibleModule, command: list[str], **options: Any) -> tuple[int, str, str]:
        return host.run_command(module, command, **options)

    def ask(admin_socket: AdminSocket, command: str) -> str:
        return host.ask(admin_socket, command)

    monkeypatch.setattr(AnsibleModule, "run_command", run_command)
    monkeypatch.setattr(AdminSocket, "ask", ask)
    monkeypatch.setattr(host_module, "UNIT_DIRECTORY", str(tmp_path / "systemd"))
    monkeypatch.setattr(host_module.os, "replace", counted_replace)
    monkeypatch.setattr(host_module.Application, "_probe", probe)
    return host


@pytest.fixture
def deploy(host: Host, call_module: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def call(release: str, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
        slots = [
            {
                "name": name,
                "port": port,
                "server": f"{name}-{port}",
                "unit": f"unit of {name}",
                "migration_unit": f"migration of {name}",
            }
            for name, port in PORTS.items()
        ]
        params = {
            "name": "shop",
            "release": release,
            "directory": str(host.root / "opt"),
            "configuration_directory": str(host.root / "etc"),
            "slots": slots,
            "environment": {"RELEASE_ID": release},
            "secret_environment": {"KEY": SECRET},
            "backend": "shop",
            "state_file": str(host.root / "server-state"),
            **changes,
        }
        return call_module(release_slots, params, check_mode=check_mode, diff=True)

    return call


def assert_settled(host: Host, slot: str, release: str) -> None:
    assert host.live() == (slot, release)
    other = "b" if slot == "a" else "a"
    assert (host.active[f"shop-{slot}.service"], host.active.get(f"shop-{other}.service", False)) == (True, False)
    assert (host.enabled[f"shop-{slot}.service"], host.enabled.get(f"shop-{other}.service", False)) == (True, False)
    assert {name[0]: flags for name, flags in host.flags.items()} == {slot: 0, other: 1}


def test_first_release_then_nothing_then_the_next(host: Host, deploy: Callable[..., dict[str, Any]]) -> None:
    host.build("r1")
    assert deploy("r1", check_mode=True)["reasons"] == ["no release is live yet"]
    assert host.changes == 0
    assert deploy("r1")["changed"]
    assert_settled(host, "a", "r1")
    assert (host.root / "etc" / "a.env").stat().st_mode & 0o777 == 0o600
    before = host.changes
    assert not deploy("r1")["changed"]
    assert not deploy("r1", check_mode=True)["changed"]

    host.serving = True
    # A plan comes before the build.
    planned = deploy("r2", check_mode=True)
    assert host.changes == before
    host.build("r2")
    done = deploy("r2")
    for key in ("changed", "live", "reasons", "unsettled", "pruned", "previous_release"):
        assert planned[key] == done[key], key
    assert done["live"] == {"release": "r2", "slot": "b", "port": 8102}
    assert_settled(host, "b", "r2")


@pytest.mark.parametrize("unit", ["shop-b.service", "shop-b-migrate.service"])
def test_release_that_fails_leaves_the_live_one_alone(
    host: Host, deploy: Callable[..., dict[str, Any]], unit: str
) -> None:
    host.build("r1")
    deploy("r1")
    host.build("r2")
    host.serving = True
    host.crashing = {unit}
    failed = deploy("r2")
    assert failed["failed"]
    assert "exit status 3" in failed["msg"]
    assert "Slot a stays live" in failed["msg"]
    assert f"Last lines of {unit}:\nRuntimeError: the log tells why" in failed["msg"]
    assert_settled(host, "a", "r1")
    host.crashing = set()
    assert deploy("r2")["changed"]
    assert_settled(host, "b", "r2")


def test_a_release_that_was_not_built_is_refused(host: Host, deploy: Callable[..., dict[str, Any]]) -> None:
    assert "not built to its end" in deploy("r9")["msg"]


def test_an_earlier_release_is_made_live_again_by_its_id(host: Host, deploy: Callable[..., dict[str, Any]]) -> None:
    for release in ("r1", "r2"):
        host.build(release)
        deploy(release)
    assert deploy("r1")["previous_release"] == "r2"
    assert_settled(host, "a", "r1")


def test_old_releases_are_removed(host: Host, deploy: Callable[..., dict[str, Any]]) -> None:
    for release in ("r1", "r2", "r3"):
        host.build(release)
        deploy(release)
    assert deploy("r3", keep_releases=2, check_mode=True)["pruned"] == ["r1"]
    assert deploy("r3", keep_releases=2)["pruned"] == ["r1"]
    assert sorted(path.name for path in (host.root / "opt" / "releases").iterdir()) == ["r2", "r3"]
    assert not deploy("r3", keep_releases=2)["changed"]


def test_no_secret_is_shown(host: Host, deploy: Callable[..., dict[str, Any]]) -> None:
    host.build("r1")
    result = deploy("r1")
    assert SECRET not in str(result)
    assert any("KEY=(redacted)" in part["after"] for part in result["diff"])
    assert f'KEY="{SECRET}"' in (host.root / "etc" / "a.env").read_text()


def test_a_plan_does_without_the_proxy_that_an_earlier_task_would_start(
    host: Host, deploy: Callable[..., dict[str, Any]]
) -> None:
    host.build("r1")
    deploy("r1")
    host.proxy_runs = False
    assert not deploy("r1", check_mode=True)["changed"]
    assert deploy("r1")["failed"]
    os.unlink(host.root / "server-state")
    assert deploy("r1", check_mode=True)["unsettled"] == ["slot b is ready in the proxy"]


def test_killed_anywhere_the_next_run_finishes_and_no_request_fails(
    tmp_path: Path, host: Host, deploy: Callable[..., dict[str, Any]]
) -> None:
    host.build("r1")
    deploy("r1")
    host.serving = True
    slots = {"r1": "a"}
    killed = 0
    while True:
        # Each round deploys another release from where the last one ended.
        release, live = f"k{killed}", host.live()[0]
        slots[release] = "b" if live == "a" else "a"
        host.build(release)
        host.changes_left = killed
        try:
            deploy(release)
        except Killed:
            host.changes_left = None
        else:
            break
        planned = deploy(release, check_mode=True)
        done = deploy(release)
        assert (planned["changed"], done["changed"]) == (True, True), killed
        assert (planned["reasons"], planned["unsettled"]) == (done["reasons"], done["unsettled"])
        assert_settled(host, slots[release], release)
        assert not deploy(release)["changed"], killed
        killed += 1
    assert killed > 15
