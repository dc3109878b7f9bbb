# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Builds with a stand-in for uv that notes how it was called and makes the environment it is asked for."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import COMPLETION_MARKER
from ansible_collections.slipway.aws.plugins.modules import uv_release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

UV = f"""#!/bin/sh
[ ! -e "$0.fails" ] || {{ echo "error: no wheel for this platform" >&2; exit 2; }}
echo "$PWD $UV_PROJECT_ENVIRONMENT $UV_PYTHON_DOWNLOADS $*" >> "$0.calls"
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin" && ln -s {sys.executable} "$UV_PROJECT_ENVIRONMENT/bin/python"
"""


@pytest.fixture
def uv(tmp_path: Path) -> Path:
    path = tmp_path / "uv"
    path.write_text(UV)
    path.chmod(0o755)
    return path


@pytest.fixture
def build(tmp_path: Path, uv: Path, call_module: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    code = tmp_path / "code"
    (code / "app").mkdir(parents=True)
    (code / "app" / "main.py").write_text("answer = 42\n")
    (code / "app" / "main.py").chmod(0o600)
    subprocess.run(["tar", "-czf", tmp_path / "r1.tar.gz", "-C", code, "."], check=True)
    (tmp_path / "releases").mkdir()

    def call(check_mode: bool = False, archive: str = "r1.tar.gz") -> dict[str, Any]:
        params = {
            "path": str(tmp_path / "releases" / "r1"),
            "archive": str(tmp_path / archive),
            "uv": str(uv),
            "python": sys.executable,
        }
        return call_module(uv_release, params, check_mode=check_mode)

    return call


def test_built_once(tmp_path: Path, uv: Path, build: Callable[..., dict[str, Any]]) -> None:
    release = tmp_path / "releases" / "r1"
    assert build(check_mode=True)["changed"]
    assert not release.exists()
    assert build()["changed"]
    calls = (tmp_path / "uv.calls").read_text()
    assert calls == (
        f"{release} {release}/.venv never sync --frozen --no-dev --no-build --python {sys.executable} "
        "--compile-bytecode\n"
    )
    # Whatever the modes were, the application can read its code; and it comes compiled.
    assert (release / "app" / "main.py").stat().st_mode & 0o777 == 0o644
    assert list((release / "app" / "__pycache__").glob("main.*.pyc"))
    assert not build()["changed"]
    assert not build(check_mode=True)["changed"]
    assert (tmp_path / "uv.calls").read_text() == calls


def test_build_that_was_interrupted_starts_again(tmp_path: Path, build: Callable[..., dict[str, Any]]) -> None:
    release = tmp_path / "releases" / "r1"
    (release / "app").mkdir(parents=True)
    (release / "app" / "left_over.py").touch()
    assert build(check_mode=True)["changed"]
    assert build()["changed"]
    assert not (release / "app" / "left_over.py").exists()
    assert (release / COMPLETION_MARKER).exists()


def test_failure_shows_what_uv_said_and_is_built_again(tmp_path: Path, build: Callable[..., dict[str, Any]]) -> None:
    (tmp_path / "uv.fails").touch()
    result = build()
    assert result["failed"]
    assert "exit status 2): error: no wheel for this platform" in result["msg"]
    assert not (tmp_path / "releases" / "r1" / COMPLETION_MARKER).exists()
    (tmp_path / "uv.fails").unlink()
    assert build()["changed"]


def test_release_that_is_not_there_needs_its_archive(build: Callable[..., dict[str, Any]]) -> None:
    assert "there is no archive to build it from" in build(archive="missing.tar.gz")["msg"]


def test_uv_that_is_not_installed_is_named(tmp_path: Path, uv: Path, build: Callable[..., dict[str, Any]]) -> None:
    uv.unlink()
    assert f"Failed to install what uv.lock names: {uv}: No such file or directory. Is it installed?" == build()["msg"]
