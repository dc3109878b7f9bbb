# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads and changes a host's two slots: files, links, systemd's units, the proxy's servers.
# Standard library only, because it runs on managed hosts.

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import time
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import AdminSocket
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import HAProxyError
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import administrative_state
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import find_server
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import is_settled
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import parse_servers
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import same_states
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import Attempt
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotFiles
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotState
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import explain_answer
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import explain_migration
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import explain_unit
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import is_before_start

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from typing import Any

UNIT_DIRECTORY = "/etc/systemd/system"
# Written into a release as the last step of its build (slipway.aws.uv_release).
COMPLETION_MARKER = ".release-complete"
ARCHIVE_SUFFIX = ".tar.gz"
ANSWER_TIMEOUT = 5
PAUSE = 0.2
# Longer than a release of another run usually takes.
LOCK_TIMEOUT = 300


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


def name_beside(path: str) -> str:
    """Where a file is written before it takes its place. The name is always the same: what a killed run has left goes
    with the next one's."""
    return os.path.join(os.path.dirname(path), f".slipway-{os.path.basename(path)}")


def write_file(path: str, text: str, mode: int) -> None:
    """Replace a file as a whole; whoever reads it meanwhile sees the old one or the new one."""
    beside = name_beside(path)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(beside, path)


def remove_file(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


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

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time release the application on this host.

        Who holds the deployment's lock may find another here: a run that was killed on the controller goes on with the
        task that it had begun.
        """
        descriptor = os.open(os.path.join(self.directory, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + LOCK_TIMEOUT
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise ReleaseError(
                            f"another run has been releasing on this host for the {LOCK_TIMEOUT} seconds that this one "
                            "waited. When it has ended, run again"
                        ) from None
                    time.sleep(PAUSE)  # flock has no deadline of its own
            yield
        finally:
            os.close(descriptor)  # and the lock with it; of a process that was killed, the kernel does so

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

    @property
    def _attempt_file(self) -> str:
        return os.path.join(self.directory, "attempt.json")

    # What is there

    def read_live(self) -> str | None:
        return read_link(os.path.join(self.directory, "live"))

    def read_attempt(self) -> Attempt | None:
        """What a run that was killed was about to do to the database."""
        text = read_file(self._attempt_file)
        return None if text is None else Attempt(**json.loads(text))

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
        """Those built to their end, newest first, and those that were not, down to an archive that is all there is."""
        built, unfinished = {}, set()
        try:
            entries = list(os.scandir(os.path.join(self.directory, "releases")))
        except FileNotFoundError:
            entries = []
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                if entry.name.endswith(ARCHIVE_SUFFIX):
                    unfinished.add(entry.name.removesuffix(ARCHIVE_SUFFIX))
                continue
            try:
                built[entry.name] = os.stat(os.path.join(entry.path, COMPLETION_MARKER)).st_mtime_ns
            except FileNotFoundError:
                unfinished.add(entry.name)
        return sorted(built, key=lambda name: (-built[name], name)), sorted(unfinished - built.keys())

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

    def write_attempt(self, attempt: Attempt) -> None:
        write_file(self._attempt_file, json.dumps(attempt._asdict()), 0o600)

    def remove_attempt(self) -> None:
        remove_file(self._attempt_file)

    def write_slot(self, slot: str, files: SlotFiles) -> None:
        """Make a slot of these files; of those that are None, it has none."""
        os.makedirs(os.path.join(self.directory, "slots"), mode=0o755, exist_ok=True)
        os.makedirs(self.configuration_directory, mode=0o700, exist_ok=True)
        for path, text, mode in (
            (self._environment_file(slot), files.environment, 0o600),
            (os.path.join(UNIT_DIRECTORY, self.unit(slot)), files.unit, 0o644),
            (os.path.join(UNIT_DIRECTORY, self.migration_unit(slot)), files.migration_unit, 0o644),
        ):
            if text is None:
                remove_file(path)
            else:
                write_file(path, text, mode)
        if files.release is None:
            remove_file(self._slot_link(slot))
        else:
            write_link(self._slot_link(slot), os.path.join("..", "releases", files.release))
        self.systemctl("daemon-reload")

    def finish_migration(self, slot: str) -> None:
        """Wait for what a killed run has started: begun again now, systemd would take the old one for the new."""
        unit = self.migration_unit(slot)
        if os.path.exists(os.path.join(UNIT_DIRECTORY, unit)) and self.is_active(unit):
            self._run(["systemctl", "start", unit])

    def stop_migration(self, slot: str) -> None:
        if os.path.exists(os.path.join(UNIT_DIRECTORY, self.migration_unit(slot))):
            self.systemctl("stop", self.migration_unit(slot))

    def is_active(self, unit: str) -> bool:
        return self.show(unit)["ActiveState"] in ("active", "activating", "deactivating", "reloading")

    def migrate(self, unit: str) -> None:
        """Run a unit to its end."""
        try:
            self.systemctl("start", unit)  # returns when it has ended
        except ReleaseError as error:
            raise ReleaseError(explain_migration(self.show(unit)), unit) from error

    def start(self, unit: str) -> None:
        """Tell systemd to start a service. Whether it does, and when, is wait_until_healthy()'s to find out."""
        # Earlier attempts must not count against this one. It fails if systemd knows of none.
        self._run(["systemctl", "reset-failed", unit])
        try:
            self.systemctl("start", "--no-block", unit)
        except ReleaseError as error:
            raise ReleaseError(str(error), unit) from error

    def wait_until_healthy(self, unit: str, port: int, path: str, expected: Any, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            properties = self.show(unit)
            reason = explain_unit(properties)
            if reason:
                raise ReleaseError(reason, unit)
            if is_before_start(properties):
                deadline = time.monotonic() + timeout  # until here, systemd limits the time (TimeoutStartSec)
            reason = self.probe(port, path, expected)
            if reason is None:
                return
            if time.monotonic() >= deadline:
                asked = f"GET http://127.0.0.1:{port}{path}"
                raise ReleaseError(f"{asked} after {timeout:.0f} seconds: {reason}", unit)
            time.sleep(PAUSE)

    def probe(self, port: int, path: str, expected: Any) -> str | None:
        """Why the answer to the health request is not the one expected; None if it is."""
        try:
            return explain_answer(*self.ask(port, path), expected)
        except (OSError, http.client.HTTPException) as error:
            return f"no answer: {error or type(error).__name__}"

    def ask(self, port: int, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def set_live(self, slot: str) -> None:
        # First the start at boot: a host that goes down between the two lines comes back with both slots, and the
        # proxy sends it no request but to the one it used before.
        self.systemctl("enable", "--quiet", self.unit(slot))
        write_link(os.path.join(self.directory, "live"), os.path.join("slots", slot))

    def return_live(self, slot: str | None) -> None:
        """Make the slot live again that was, or none."""
        if slot is None:
            remove_file(os.path.join(self.directory, "live"))
        else:
            self.set_live(slot)

    def retire(self, slot: str) -> None:
        if os.path.exists(os.path.join(UNIT_DIRECTORY, self.unit(slot))):
            self.systemctl("disable", "--now", "--quiet", self.unit(slot))

    def remove_release(self, release: str) -> None:
        directory = self.release_directory(release)
        # Without its marker it is not taken for a whole one if the removal is interrupted.
        remove_file(os.path.join(directory, COMPLETION_MARKER))
        if os.path.exists(directory):
            shutil.rmtree(directory)
        remove_file(f"{directory}{ARCHIVE_SUFFIX}")


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
