# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The example's back end as its unit runs it, and the broken releases of tests/support failing as they say."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
import releases

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".venv" / "bin" / "uv"
# prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN): what MemoryDenyWriteExecute= of a unit does, and children inherit.
UNDER_MDWE = (
    "import ctypes, os, sys; "
    "assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0, 'this kernel is older than 6.3'; "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def find_pythons() -> list[str]:
    """The oldest and the newest of the supported interpreters that really run here; the one of these tests is one."""
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    for version in ("3.11", "3.12", "3.13"):
        pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}"))
        for candidate in (f"python{version}", *map(str, pyenv)):
            try:
                done = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
            except FileNotFoundError:
                continue
            if done.returncode == 0:
                found.setdefault(version, candidate)
    ordered = [found[version] for version in sorted(found, key=lambda version: int(version.split(".")[1]))]
    return list(dict.fromkeys([ordered[0], ordered[-1]]))


def sync(release: Path, environment: Path, python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [UV, "sync", "--frozen", *arguments, "--compile-bytecode", "--python", python]
    variables = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment), "UV_PYTHON_DOWNLOADS": "never"}
    variables.pop("VIRTUAL_ENV", None)
    return subprocess.run(command, cwd=release, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=find_pythons(), ids=lambda python: Path(python).name)
def any_python(request):
    return request.param


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The locked packages; all releases lock the same."""
    path = tmp_path_factory.mktemp("environment") / ".venv"
    done = sync(releases.BACKEND, path, sys.executable, "--no-dev", "--no-build")
    assert done.returncode == 0, done.stderr
    return path


class Host:
    """One release, run in its directory with the environment's variables alone, as a unit does."""

    def __init__(self, release, environment, data):
        data.mkdir(exist_ok=True)
        self.release = release
        self.environment = environment
        self.database = data / "portfolio.db"
        self.variables = {
            "PATH": "/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": f"sqlite:///{self.database}",
            "RELEASE_ID": "0123456789ab",
        }
        self.process = None

    def migrate(self):
        command = [self.environment / "bin" / "alembic", "upgrade", "head"]
        return subprocess.run(
            command, cwd=self.release, env=self.variables, capture_output=True, text=True, check=False
        )

    def start(self, *arguments):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        python = str(self.environment / "bin" / "python")
        uvicorn = [python, "-m", "uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [python, "-c", UNDER_MDWE, *uvicorn, *arguments],
            cwd=self.release,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ask(self, path, body=None):
        """Status and JSON of the answer, as soon as there is one."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)
            except urllib.error.URLError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(self.end(signal.SIGKILL)) from None
                time.sleep(0.05)

    def is_listening(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except ConnectionRefusedError:
            return False
        return True

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        output, _ = self.process.communicate(timeout=20)
        return output


@pytest.fixture
def start(tmp_path, environment):
    hosts = []

    def begin(release, *arguments, environment=environment):
        host = Host(release, environment, tmp_path / "data")
        hosts.append(host)
        migrated = host.migrate()
        assert migrated.returncode == 0, migrated.stdout + migrated.stderr
        host.start(*arguments)
        return host

    yield begin
    for host in hosts:
        if host.process.poll() is None:
            host.process.kill()
        host.process.communicate()


def list_tree(directory):
    return {path.relative_to(directory): path.stat().st_mtime_ns for path in directory.rglob("*")}


def query(database, statement):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement).fetchall()


def test_the_lock_knows_only_the_public_index():
    addresses = set()
    for line in (releases.BACKEND / "uv.lock").read_text(encoding="utf-8").splitlines():
        addresses |= {word.split("/")[2] for word in line.split('"') if word.startswith(("http:", "https:"))}
    assert addresses == {"pypi.org", "files.pythonhosted.org"}


def test_it_runs_hardened_and_writes_nothing_into_its_release(tmp_path, start, any_python):
    release = releases.good_release(tmp_path / "release")
    done = sync(release, release / ".venv", any_python, "--no-dev", "--no-build")
    assert done.returncode == 0, done.stderr
    before = list_tree(release)
    host = start(release, "--workers", "2", environment=release / ".venv")
    healthy = {"status": "healthy", "release": "0123456789ab", "version": "2.0.0", "database": "ok"}
    assert host.ask("/api/v1/health") == (200, {**healthy, "journal_mode": "wal"})
    bought = {"isin": "IE00B4L5Y983", "units": "2", "price": "81.5", "traded_on": "2025-01-02"}
    assert host.ask("/api/v1/transactions", bought)[0] == 201
    status, summary = host.ask("/api/v1/analytics/portfolio-summary")
    assert (status, summary["version"], summary["value"]) == (200, "2.0.0", "163.00")
    assert host.ask("/api/v1/nothing") == (404, {"detail": "Not Found"})
    output = host.end()
    assert host.process.returncode == 0, output
    assert list_tree(release) == before


def test_the_back_end_passes_its_own_tests_on_the_oldest_python(tmp_path):
    release = releases.copy_backend(tmp_path / "release")
    done = sync(release, release / ".venv", find_pythons()[0])
    assert done.returncode == 0, done.stderr
    command = [release / ".venv" / "bin" / "python", "-m", "pytest", "-p", "no:cacheprovider"]
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    tested = subprocess.run(command, cwd=release, env=variables, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_release_with_a_migration_and_the_way_back(tmp_path, start):
    old = start(releases.good_release(tmp_path / "old", version="1.5.0"))
    assert old.ask("/health")[0] == 200
    new = start(releases.migrating_release(tmp_path / "new"))
    assert new.ask("/health")[1]["version"] == "3.0.0"
    assert query(new.database, "SELECT name FROM sqlite_master WHERE name = 'notes'") == [("notes",)]
    # The release before it goes on beside the new one, and can be deployed again after it.
    assert old.ask("/health")[0] == 200
    again = old.migrate()
    assert again.returncode == 0, again.stderr
    assert query(new.database, "SELECT version_num FROM alembic_version") == [("0003",)]


def test_crash_at_start(tmp_path, start):
    host = start(releases.crash_at_start(tmp_path / "release"))
    output, _ = host.process.communicate(timeout=20)
    assert host.process.returncode not in (0, None)
    assert "RuntimeError: planted crash" in output


def test_hang_at_start(tmp_path, start):
    host = start(releases.hang_at_start(tmp_path / "release"))
    assert "planted hang" in "".join(host.process.stdout.readline() for _ in range(3))
    assert not host.is_listening()
    host.process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        host.process.wait(timeout=1)
    assert not host.is_listening()


def test_unhealthy_release(tmp_path, start):
    host = start(releases.unhealthy_release(tmp_path / "release"))
    status, health = host.ask("/api/v1/health")
    assert (status, health["status"], health["reason"]) == (503, "unhealthy", "planted fault")


def test_failing_migration(tmp_path, start, environment):
    host = start(releases.good_release(tmp_path / "good"))
    failed = Host(releases.failing_migration(tmp_path / "bad"), environment, tmp_path / "data").migrate()
    assert failed.returncode != 0
    assert "planted migration failure" in failed.stderr
    assert query(host.database, "SELECT version_num FROM alembic_version") == [("0002",)]
    assert query(host.database, "SELECT name FROM sqlite_master WHERE name = 'notes'") == []
    assert host.ask("/health")[0] == 200


def test_failing_sync(tmp_path):
    release = releases.failing_sync(tmp_path / "release")
    done = sync(release, release / ".venv", sys.executable, "--no-dev", "--no-build")
    assert done.returncode != 0
    assert "ash mismatch" in done.stderr
    assert "fastapi" in done.stderr
