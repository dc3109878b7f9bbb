# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The module on a host whose systemd and proxy are in memory, and whose files are real."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import AdminSocket
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import HAProxyError
from ansible_collections.slipway.aws.plugins.module_utils._release_slots import host as host_module
from ansible_collections.slipway.aws.plugins.module_utils._release_slots import rehearsal as rehearsal_module
from ansible_collections.slipway.aws.plugins.modules import release_slots

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any
    from typing import NoReturn

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
        # What the migrations of releases do to a database, and which releases work with what they find in one.
        self.migrations: dict[str, Callable[[Path], None]] = {}
        self.works: Callable[[str, Path], bool] = lambda _release, _database: True
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
            if unit.endswith("-migrate.service"):
                try:
                    self.migrate(unit)
                except RuntimeError:
                    return 1, "", "Job failed"
            else:
                self.active[unit] = unit not in self.crashing
        elif verb == "stop":
            self.active[unit] = False
        elif verb == "enable":
            self.enabled[unit] = True
        elif verb == "disable":
            self.enabled[unit] = False
            self.change()
            self.active[unit] = False
        self.assert_served()
        return 0, "", ""

    @property
    def database(self) -> Path:
        return self.root / "data" / "app.db"

    def find_database(self, unit: str) -> Path:
        """The database that a unit's process has before it."""
        if "-rehearsal" not in unit:
            return self.database
        text = (self.root / "run" / unit).read_text()
        source, target = text.split("BindPaths=")[1].splitlines()[0].split(":")
        assert target == str(self.database.parent)
        return self.root.__class__(source) / "app.db"

    def find_release(self, unit: str) -> str:
        slot = unit.split("-")[1][0]
        if "-rehearsal" in unit:
            slot = (self.root / "run" / unit).read_text().splitlines()[0][-1]
        return (self.root / "opt" / "slots" / slot).readlink().name

    def migrate(self, unit: str) -> None:
        migration = self.migrations.get(self.find_release(unit))
        if migration:
            migration(self.find_database(unit))
        if unit in self.crashing:
            raise RuntimeError

    def probe(self, port: int) -> str | None:
        slot = next(name for name, number in PORTS.items() if number == port)
        for unit in (f"shop-{slot}.service", "shop-rehearsal.service"):
            if self.active.get(unit):
                if self.works(self.find_release(unit), self.find_database(unit)):
                    return None
                return "it answered with status 503"
        return "no answer"

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
    for name in ("systemd", "run", "data"):
        (tmp_path / name).mkdir()

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            if options or os.path.lexists(path):  # what is not there is not changed
                host.change()
            return act(path, *arguments, **options)

        return call

    def probe(_app: Any, port: int, _path: str, _expected: Any) -> str | None:
        return host.probe(port)

    def ask_application(_app: Any, port: int, _path: str) -> tuple[int, str]:
        return (503, "") if host.probe(port) else (200, "well")

    # Functions, since a bound method would not be given the object that it is called on.
    def run_command(module: AnsibleModule, command: list[str], **options: Any) -> tuple[int, str, str]:
        return host.run_command(module, command, **options)

    def ask(admin_socket: AdminSocket, command: str) -> str:
        return host.ask(admin_socket, command)

    monkeypatch.setattr(AnsibleModule, "run_command", run_command)
    monkeypatch.setattr(AdminSocket, "ask", ask)
    monkeypatch.setattr(host_module, "UNIT_DIRECTORY", str(tmp_path / "systemd"))
    monkeypatch.setattr(rehearsal_module, "UNIT_DIRECTORY", str(tmp_path / "run"))
    for name in ("replace", "rename", "link", "unlink"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))
    monkeypatch.setattr(host_module.Application, "probe", probe)
    monkeypatch.setattr(host_module.Application, "ask", ask_application)
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


def test_a_run_waits_for_the_end_of_another_on_the_host(
    host: Host, deploy: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was killed on the controller goes on with its task on the host."""
    for release in ("r1", "r2"):
        host.build(release)
    deploy("r1")
    monkeypatch.setattr(host_module, "LOCK_TIMEOUT", 0.3)
    descriptor = os.open(host.root / "opt" / ".lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = host.changes
        failed = deploy("r2")
        assert failed["failed"]
        assert "another run has been releasing on this host" in failed["msg"]
        assert host.changes == before
        assert deploy("r2", check_mode=True)["changed"]  # a plan does not wait
        monkeypatch.setattr(host_module, "LOCK_TIMEOUT", 60)
        timer = threading.Timer(0.5, fcntl.flock, (descriptor, fcntl.LOCK_UN))
        timer.start()
        assert deploy("r2")["changed"]
        timer.join()
    finally:
        os.close(descriptor)
    assert_settled(host, "b", "r2")


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


# With a database ------------------------------------------------------------------------------------------------------


def execute(database: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def add_table(database: Path) -> None:
    execute(database, "CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY)")


def add_table_and_fail(database: Path) -> NoReturn:
    add_table(database)
    raise RuntimeError


def tables(database: Path) -> list[str]:
    return sorted(row[0] for row in execute(database, "SELECT name FROM sqlite_master WHERE type = 'table'"))


def only_on(host: Host, live: bool, act: Callable[[Path], Any]) -> Callable[[Path], None]:
    """What happens to the database itself alone, or to its copy alone."""

    def migration(database: Path) -> None:
        if (database == host.database) == live:
            act(database)

    return migration


@pytest.fixture
def release(host: Host, deploy: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Deploy a release of an application with a database; r1 is live."""
    execute(host.database, "PRAGMA journal_mode = WAL")
    execute(host.database, "CREATE TABLE item (id INTEGER PRIMARY KEY)")
    execute(host.database, "INSERT INTO item VALUES (1)")

    def call(name: str, **changes: Any) -> dict[str, Any]:
        host.build(name)
        return deploy(
            name,
            database=str(host.database),
            backup_directory=str(host.root / "backups"),
            rehearsal_directory=str(host.root / "rehearsals"),
            health_timeout=0,
            **changes,
        )

    call("r1")
    host.serving = True
    return call


def assert_nothing_is_left(host: Host) -> None:
    assert list((host.root / "run").iterdir()) == []
    assert list((host.root / "rehearsals").iterdir()) == []
    assert not (host.root / "opt" / "attempt.json").exists()
    assert not host.active.get("shop-rehearsal.service")


def test_a_release_gets_the_database_after_a_backup_and_a_rehearsal(
    host: Host, release: Callable[..., dict[str, Any]]
) -> None:
    seen = []
    host.migrations["r2"] = lambda database: seen.append(database) or add_table(database)
    done = release("r2")
    assert [path == host.database for path in seen] == [False, True]
    assert tables(host.database) == ["item", "note"]
    backups, _faulty = _sqlite.list_backups(str(host.root / "backups"), str(host.database))
    assert [item["release"] for item in backups] == ["r2", "r1"]
    assert done["backup"] == backups[0]["id"]
    assert_settled(host, "b", "r2")
    assert_nothing_is_left(host)
    assert not release("r2")["changed"]


def test_without_a_rehearsal_there_is_a_backup_all_the_same(host: Host, release: Callable[..., dict[str, Any]]) -> None:
    seen = []
    host.migrations["r2"] = seen.append
    assert release("r2", rehearsal=False)["backup"]
    assert seen == [host.database]


def test_of_the_backups_before_releases_as_many_stay_as_releases(
    host: Host, release: Callable[..., dict[str, Any]]
) -> None:
    regular = _sqlite.make_backup(str(host.database), str(host.root / "backups"))["id"]
    for name in ("r2", "r3", "r4"):
        release(name, keep_releases=2)
    backups, _faulty = _sqlite.list_backups(str(host.root / "backups"), str(host.database))
    assert [item.get("release") for item in backups] == ["r4", "r3", None]
    # Nor do they push out those of the timer.
    assert _sqlite.remove_expired(str(host.root / "backups"), str(host.database), 0, 1) == []
    assert regular in [item["id"] for item in backups]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("shop-rehearsal-migrate.service", "rehearsed on a copy of the database, its migration failed"),
        ("shop-rehearsal.service", "rehearsed on a copy of the database, its process ended"),
        (
            "does not answer",
            "rehearsed on a copy of the database, GET http://127.0.0.1:8102/health after 0 seconds: it",
        ),
        ("breaks the live one", "the live release r1 does not work with the database that its migration leaves"),
        ("no space", "python_app_rehearsal: false"),
        ("no backup", "The file is damaged"),
    ],
)
def test_what_is_wrong_with_a_release_is_found_before_it_gets_the_database(
    host: Host,
    release: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    says: str,
) -> None:
    before, state = host.database.read_bytes(), host.changes
    host.crashing = {fault}
    host.migrations["r2"] = only_on(host, False, add_table)
    if fault == "does not answer":
        host.works = lambda name, _database: name != "r2"
    elif fault == "breaks the live one":
        host.works = lambda name, database: name != "r1" or "note" not in tables(database)
    elif fault == "no space":
        monkeypatch.setattr(rehearsal_module, "SPACE", 1 << 40)
    elif fault == "no backup":
        host.database.write_bytes(before[:4096] + bytes(4096))
        before = host.database.read_bytes()
    failed = release("r2")
    assert failed["failed"]
    assert says in failed["msg"]
    assert "Slot a stays live and was not touched." in failed["msg"]
    assert host.changes > state
    assert host.database.read_bytes() == before
    assert_settled(host, "a", "r1")
    assert_nothing_is_left(host)


@pytest.mark.parametrize("health_timeout", [0])
@pytest.mark.parametrize(
    ("migration", "written", "answers", "says", "left"),
    [
        # The disk was full, or the database locked: the migration tool has taken back what it did.
        (lambda _database: None, False, True, "and was not touched.", ["item"]),
        (add_table, False, True, "The database was put back from app.db-", ["item"]),
        (add_table, True, True, "The database keeps what the migration did", ["item", "note"]),
        (add_table, True, False, "The database was put back from app.db-", ["item"]),
    ],
    ids=["nothing changed", "nobody wrote", "the live release wrote", "the live release cannot go on"],
)
@pytest.mark.parametrize("step", ["migration", "start", "switch"])
def test_what_fails_all_the_same_is_undone(
    host: Host,
    release: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    migration: Callable[[Path], None],
    written: bool,
    answers: bool,
    says: str,
    left: list[str],
    health_timeout: int,
) -> None:
    def migrate(database: Path) -> None:
        migration(database)
        if written:
            execute(database, "INSERT INTO item VALUES (2)")
        if step == "migration":
            raise RuntimeError

    host.migrations["r2"] = only_on(host, True, migrate)
    host.serving = "put back" not in says
    if step == "start":
        host.crashing = {"shop-b.service"}
    elif step == "switch":
        monkeypatch.setattr(host_module.Proxy, "wait", lambda _self, slot, timeout: slot != "b")
    if not answers:
        host.works = lambda name, database: name != "r1" or "note" not in tables(database)
    failed = release("r2")
    assert failed["failed"]
    assert (says if step != "switch" else says.replace("and was not touched", "")) in failed["msg"]
    assert tables(host.database) == left
    assert execute(host.database, "SELECT count(*) FROM item") == [(2 if written and answers else 1,)]
    aside = _sqlite.list_set_aside(str(host.database))
    assert bool(aside) == ("put back" in says)
    assert all(place in failed["msg"] for place in aside)
    assert_settled(host, "a", "r1")
    assert_nothing_is_left(host)


def test_the_slot_gets_back_what_it_had(host: Host, release: Callable[..., dict[str, Any]]) -> None:
    release("r2")
    host.crashing = {"shop-rehearsal.service"}
    before = {path: path.read_text() for place in ("systemd", "etc") for path in sorted((host.root / place).iterdir())}
    assert release("r3", environment={"OTHER": "value"})["failed"]
    assert (host.root / "opt" / "slots" / "a").readlink().name == "r1"
    assert {path: path.read_text() for path in before} == before


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("again", [True, False])
def test_killed_anywhere_no_row_is_lost(
    host: Host, release: Callable[..., dict[str, Any]], good: bool, again: bool
) -> None:
    """A run is killed, and the next one goes on with the same release, or goes back to the one before."""
    killed, live = 0, "r1"
    while True:
        name = f"k{killed}"
        host.migrations[name] = lambda database: execute(database, "CREATE TABLE IF NOT EXISTS note (id INTEGER)")
        if not good:
            host.crashing = {"shop-a.service", "shop-b.service"} - {f"shop-{host.live()[0]}.service"}
        host.serving = False  # while the database is put back, nobody answers
        host.changes_left = killed
        try:
            release(name)
            break
        except Killed:
            host.changes_left = None
        went_live = host.live()[1] == name
        host.crashing = set()
        wanted = name if again else live
        planned = release(wanted, check_mode=True)
        done = release(wanted)
        assert not done.get("failed"), (killed, done)
        assert planned["changed"] == done["changed"], (killed, planned)
        live = wanted
        assert host.live()[1] == live
        assert_settled(host, host.live()[0], live)
        assert execute(host.database, "SELECT * FROM item") == [(1,)], killed
        if not (again or went_live):
            assert tables(host.database) == ["item"], killed
        assert_nothing_is_left(host)
        assert not release(live)["changed"], killed
        killed += 1
    assert killed > 40
