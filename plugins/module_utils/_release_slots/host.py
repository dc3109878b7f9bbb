# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads and changes a host's two slots: files, links, systemd's units, the proxy's servers.
# Standard library only, because it runs on managed hosts.

from __future__ import annotations

import http.client
import os
import shutil
import tempfile
import time
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import AdminSocket
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import HAProxyError
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import administrative_state
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import find_server
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import is_settled
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import parse_servers
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import same_states
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotFiles
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotState
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import explain_answer
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import explain_unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

UNIT_DIRECTORY = "/etc/systemd/system"
# Written into a release as the last step of its build (slipway.aws.uv_release).
COMPLETION_MARKER = ".release-complete"
ANSWER_TIMEOUT = 5
PAUSE = 0.2


class ReleaseError(Exception):
    def __init__(self, reason: str, unit: str | None = None) -> None:
        super().__init__(reason)
        self.unit = unit  # whose log tells more


def read_file(path: str) -> str | None:
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None


def write_file(path: str, text: str, mode: int) -> None:
    """Replace a file as a whole; whoever reads it meanwhile sees the old one or the new one."""
    descriptor, beside = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".slipway-")
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(beside, path)


def read_link(path: str) -> str | None:
    """The last part of what a link names."""
    try:
        return os.path.basename(os.readlink(path))
    except FileNotFoundError:
        return None


def write_link(path: str, target: str) -> None:
    beside = f"{path}.new"
    if os.path.lexists(beside):
        os.unlink(beside)
    os.symlink(target, beside)
    os.replace(beside, path)


class Application:
    """The directories, links and units of one application on this host."""

    def __init__(self, name: str, directory: str, configuration_directory: str, run: Callable[..., Any]) -> None:
        self.name = name
        self.directory = directory
        self.configuration_directory = configuration_directory
        self._run = run

    def unit(self, slot: str) -> str:
        return f"{self.name}-{slot}.service"

    def migration_unit(self, slot: str) -> str:
        return f"{self.name}-{slot}-migrate.service"

    def release_directory(self, release: str) -> str:
        return os.path.join(self.directory, "releases", release)

    def _slot_link(self, slot: str) -> str:
        return os.path.join(self.directory, "slots", slot)

    def _environment_file(self, slot: str) -> str:
        return os.path.join(self.configuration_directory, f"{slot}.env")

    # What is there

    def read_live(self) -> str | None:
        return read_link(os.path.join(self.directory, "live"))

    def read_slot(self, slot: str, server_state: str) -> SlotState:
        properties = self.show(self.unit(slot))
        return SlotState(
            files=SlotFiles(
                release=read_link(self._slot_link(slot)),
                unit=read_file(os.path.join(UNIT_DIRECTORY, self.unit(slot))),
                migration_unit=read_file(os.path.join(UNIT_DIRECTORY, self.migration_unit(slot))),
                environment=read_file(self._environment_file(slot)),
            ),
            # A host that has just booted may not have come to it yet.
            active=properties["ActiveState"] == "active" or properties.get("Job", "0") not in ("", "0"),
            enabled=properties["UnitFileState"] == "enabled",
            server_state=server_state,
        )

    def list_releases(self) -> tuple[list[str], list[str]]:
        """Those built to their end, newest first, and those that were not."""
        built, unfinished = {}, []
        try:
            entries = list(os.scandir(os.path.join(self.directory, "releases")))
        except FileNotFoundError:
            entries = []
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                continue
            try:
                built[entry.name] = os.stat(os.path.join(entry.path, COMPLETION_MARKER)).st_mtime_ns
            except FileNotFoundError:
                unfinished.append(entry.name)
        return sorted(built, key=lambda name: (-built[name], name)), sorted(unfinished)

    # systemd

    def systemctl(self, *arguments: str) -> None:
        rc, _output, error = self._run(["systemctl", *arguments])
        if rc != 0:
            raise ReleaseError(f"systemctl {' '.join(arguments)}: {error.strip()}")

    def show(self, unit: str) -> dict[str, str]:
        wanted = "ActiveState,SubState,UnitFileState,NRestarts,Result,ExecMainStatus,Job"
        _rc, output, _error = self._run(["systemctl", "show", f"--property={wanted}", unit], check_rc=True)
        return dict(line.split("=", 1) for line in output.splitlines())

    def read_log(self, unit: str, since: float, lines: int) -> str:
        command = ["journalctl", f"--unit={unit}", f"--since=@{since:.0f}", f"--lines={lines}", "--output=cat"]
        _rc, output, _error = self._run([*command, "--no-pager", "--quiet"])
        return output.strip()

    # Steps

    def write_slot(self, slot: str, files: SlotFiles) -> None:
        os.makedirs(os.path.join(self.directory, "slots"), mode=0o755, exist_ok=True)
        os.makedirs(self.configuration_directory, mode=0o700, exist_ok=True)
        write_file(self._environment_file(slot), files.environment or "", 0o600)
        write_link(self._slot_link(slot), os.path.join("..", "releases", files.release or ""))
        write_file(os.path.join(UNIT_DIRECTORY, self.unit(slot)), files.unit or "", 0o644)
        migration = os.path.join(UNIT_DIRECTORY, self.migration_unit(slot))
        if files.migration_unit is not None:
            write_file(migration, files.migration_unit, 0o644)
        elif os.path.exists(migration):
            os.unlink(migration)
        self.systemctl("daemon-reload")

    def migrate(self, slot: str) -> None:
        try:
            self.systemctl("start", self.migration_unit(slot))  # returns when it has ended
        except ReleaseError as error:
            status = self.show(self.migration_unit(slot))["ExecMainStatus"]
            raise ReleaseError(f"its migration failed (exit status {status})", self.migration_unit(slot)) from error

    def start(self, slot: str) -> None:
        # Earlier attempts must not count against this one. It fails if systemd knows of none.
        self._run(["systemctl", "reset-failed", self.unit(slot)])
        try:
            self.systemctl("start", self.unit(slot))
        except ReleaseError as error:
            reason = explain_unit(self.show(self.unit(slot))) or str(error)
            raise ReleaseError(reason, self.unit(slot)) from error

    def wait_until_healthy(self, slot: str, port: int, path: str, expected: Any, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            reason = explain_unit(self.show(self.unit(slot)))
            if reason:
                raise ReleaseError(reason, self.unit(slot))
            reason = self._probe(port, path, expected)
            if reason is None:
                return
            if time.monotonic() >= deadline:
                asked = f"GET http://127.0.0.1:{port}{path}"
                raise ReleaseError(f"{asked} after {timeout:.0f} seconds: {reason}", self.unit(slot))
            time.sleep(PAUSE)

    def _probe(self, port: int, path: str, expected: Any) -> str | None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return explain_answer(answer.status, answer.read().decode(errors="replace"), expected)
        except (OSError, http.client.HTTPException) as error:
            return f"no answer: {error or type(error).__name__}"
        finally:
            connection.close()

    def set_live(self, slot: str) -> None:
        # First the start at boot: a host that goes down between the two lines comes back with both slots, and the
        # proxy sends it no request but to the one it used before.
        self.systemctl("enable", "--quiet", self.unit(slot))
        write_link(os.path.join(self.directory, "live"), os.path.join("slots", slot))

    def retire(self, slot: str) -> None:
        if os.path.exists(os.path.join(UNIT_DIRECTORY, self.unit(slot))):
            self.systemctl("disable", "--now", "--quiet", self.unit(slot))

    def remove_release(self, release: str) -> None:
        directory = self.release_directory(release)
        # Without its marker it is not taken for a whole one if the removal is interrupted.
        for path in (os.path.join(directory, COMPLETION_MARKER), f"{directory}.tar.gz"):
            if os.path.exists(path):
                os.unlink(path)
        shutil.rmtree(directory)


class Proxy:
    """The slots' servers in the proxy, and the file that keeps their states when it starts again."""

    def __init__(self, socket: str, backend: str, servers: dict[str, str], state_file: str) -> None:
        self._admin = AdminSocket(socket)
        self._backend = backend
        self._servers = servers
        self._state_file = state_file

    def read_states(self, planning: bool) -> dict[str, str]:
        """The administrative state of each slot's server.

        In a plan the proxy may be stopped, or not know a server yet, because an earlier task would start or configure
        it. Then what counts is what it would start with: the recorded states, and 'ready' for what is not recorded.
        """
        try:
            dump = self._admin.dump_servers()
        except HAProxyError:
            if not planning:
                raise
            dump = read_file(self._state_file) or ""
        rows = parse_servers(dump)
        states = {}
        for slot, server in self._servers.items():
            row = find_server(rows, self._backend, server)
            if row is None and not planning:
                self._admin.read_server(self._backend, server)  # says which there are
            states[slot] = administrative_state(row) if row else "ready"
        return states

    def set_state(self, slot: str, state: str) -> None:
        self._admin.set_state(self._backend, self._servers[slot], state)
        dump = self._admin.dump_servers()
        if not same_states(dump, read_file(self._state_file) or ""):
            write_file(self._state_file, dump, 0o644)

    def wait(self, slot: str, timeout: float) -> bool:
        """Whether the server is up, or has no request left, before the time is over."""
        return is_settled(self._admin.wait_until_settled(self._backend, self._servers[slot], timeout))
