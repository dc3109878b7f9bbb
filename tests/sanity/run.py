# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Runs `ansible-test sanity`, without any ignore file, on a copy of the working tree.

ansible-test wants the collection at a real path .../ansible_collections/slipway/aws, in a git checkout. It also wants
to download a pip bootstrap script from a server of Ansible's own; where only a package index can be reached, the
same pip from that index does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

# The link that makes the checkout a collection; and programs of their own, with their own rules (ruff, pytest): the
# example applications, the lab, and what runs the tests.
NOT_THE_COLLECTION = ("collections/", "examples/", "benchmarks/", "tests/lab/", "tests/support/", "tests/examples/")

# What ansible-test runs as `python get_pip_*.py <packages>`: installs them with the pip in the wheel.
BOOTSTRAP = """\
import runpy
import sys

sys.path.insert(0, {wheel!r})
# Options of get-pip's own, which pip does not know.
packages = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.argv[1:] = ["install", "--upgrade", "--ignore-installed", *packages]
runpy.run_module("pip", run_name="__main__")
"""


def pip_version() -> str:
    """The pip that this ansible-test puts into its environments."""
    import ansible_test._internal.python_requirements as requirements

    found = re.search(r"pip='([\d.]+)'", Path(requirements.__file__).read_text(encoding="utf-8"))
    if not found:
        raise SystemExit("ansible-test no longer says which pip it uses; look at its python_requirements.py")
    return found.group(1)


def provide_pip() -> None:
    version = pip_version()
    cache = Path("~/.ansible/test/cache").expanduser()
    script = cache / f"get_pip_{version.replace('.', '_')}.py"
    if script.exists():
        return
    cache.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [BIN / "python", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", cache, f"pip=={version}"],
        check=True,
    )
    wheel = next(cache.glob(f"pip-{version}-*.whl"))
    script.write_text(BOOTSTRAP.format(wheel=str(wheel)), encoding="utf-8")


def copy_tree(target: Path) -> None:
    """Copy what git knows or would add, but for what is not the collection itself."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if name.startswith(NOT_THE_COLLECTION) or not source.exists():
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / name, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)
    subprocess.run(["git", "add", "--all"], cwd=target, check=True)


def installed_collections() -> Path:
    """Where the ansible package keeps the collections that come with it."""
    import ansible_collections

    return Path(next(iter(ansible_collections.__path__)))


def main() -> int:
    provide_pip()
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "ansible_collections" / "slipway" / "aws"
        target.mkdir(parents=True)
        copy_tree(target)
        # The collections that modules import from and extend the documentation of.
        for needed in ("amazon", "community"):
            (target.parents[1] / needed).symlink_to(installed_collections() / needed)
        # A version manager's shims answer for Pythons that are not there; the real ones come first.
        pythons = [str(path) for path in sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin"))]
        environment = {**os.environ, "PATH": os.pathsep.join([str(BIN), *pythons, os.environ["PATH"]])}
        command = [BIN / "ansible-test", "sanity", "--color", "no", *sys.argv[1:]]
        return subprocess.run(command, cwd=target, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
