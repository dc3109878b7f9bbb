# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Runs each integration target, and has one for each module.

The targets keep ansible-test's layout (targets/<module>/tasks/main.yml), and read back what a module did by other
means than the module itself. Those of modules that call AWS run on this machine, on a lab that boots no hosts. Those of
modules that run on a host have the line needs/host in their file aliases; they run on one host of a second lab.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from plays import ROOT
from plays import Lab

HERE = Path(__file__).resolve().parent
TARGETS = sorted(path.parent.parent.name for path in HERE.glob("targets/*/tasks/main.yml"))
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))


def needs_host(target: str) -> bool:
    aliases = HERE / "targets" / target / "aliases"
    return aliases.exists() and "needs/host" in aliases.read_text(encoding="utf-8").splitlines()


def run(lab: Lab, playbook: str, *arguments: str) -> None:
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", f"tests/integration/{playbook}", *arguments],
        cwd=ROOT,
        env={**lab.environment, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_ROLES_PATH": str(HERE / "targets")},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"


@pytest.fixture(scope="session")
def lab_with_host():
    """A lab with the one host that all targets which need one run on."""
    with Lab(f"integration-host-{os.getpid()}") as lab:
        run(lab, "make_host.yml")
        yield lab


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_a_target(module):
    assert module in TARGETS, f"write tests/integration/targets/{module}/tasks/main.yml"


@pytest.mark.parametrize("target", [name for name in TARGETS if not name.startswith("setup_") and not needs_host(name)])
def test_target(lab, target):
    run(lab, "run_target.yml", "-e", f"target={target}")


@pytest.mark.parametrize("target", [name for name in TARGETS if needs_host(name)])
def test_target_on_host(lab_with_host, target):
    run(lab_with_host, "run_target_on_host.yml", "-e", f"target={target}")
