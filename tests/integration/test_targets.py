# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Runs each integration target on a lab of its own that boots no hosts.

The targets keep ansible-test's layout (targets/<module>/tasks/main.yml), and read back what a module did by other
means than the module itself.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from plays import ROOT
from plays import Lab

HERE = Path(__file__).resolve().parent
TARGETS = sorted(path.parent.parent.name for path in HERE.glob("targets/*/tasks/main.yml"))
# The modules that call AWS. Those that run on a host need one: the project's life tests them there.
MODULES = [
    name
    for name in yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]["aws"]
    if isinstance(name, str)
]


@pytest.fixture(scope="session")
def lab():
    lab = Lab(f"integration-{os.getpid()}", hosts=False)
    try:
        yield lab.start()
    finally:
        lab.stop()


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_a_target(module):
    assert module in TARGETS, f"write tests/integration/targets/{module}/tasks/main.yml"


@pytest.mark.parametrize("target", [name for name in TARGETS if not name.startswith("setup_")])
def test_target(lab, target):
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "tests/integration/run_target.yml", "-e", f"target={target}"],
        cwd=ROOT,
        env={**lab.environment, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_ROLES_PATH": str(HERE / "targets")},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
