# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

PROJECT_DIRECTORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "portfolio.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("RELEASE_ID", "0123456789ab")
    return path


def run_alembic(*arguments: str, directory: Path = PROJECT_DIRECTORY) -> subprocess.CompletedProcess[str]:
    """Runs alembic as a deploy does: a command of its own, in the release's directory."""
    command = [sys.executable, "-m", "alembic", *arguments]
    return subprocess.run(command, cwd=directory, env=os.environ, capture_output=True, text=True, check=False)


@pytest.fixture
def alembic(database: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    return run_alembic


@pytest.fixture(scope="session")
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "portfolio.db"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
        done = run_alembic("upgrade", "head")
    assert done.returncode == 0, done.stdout + done.stderr
    return path


@pytest.fixture
def migrated(database: Path, migrated_once: Path) -> Path:
    shutil.copyfile(migrated_once, database)
    return database


@pytest.fixture
def client(database: Path) -> Iterator[TestClient]:
    # Imported late: the module reads the environment, which the fixture above has set by now.
    from app.database import get_engine
    from app.main import make_app
    from app.settings import get_settings

    get_settings.cache_clear()
    get_engine.cache_clear()
    with TestClient(make_app(get_settings()), raise_server_exceptions=False) as client:
        yield client
