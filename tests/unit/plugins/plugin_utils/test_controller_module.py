# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.slipway.aws.plugins.action import deployment
from ansible_collections.slipway.aws.plugins.plugin_utils._controller_module import TESTED_CORE
from ansible_collections.slipway.aws.plugins.plugin_utils._controller_module import ControllerModule
from ansible_collections.slipway.aws.plugins.plugin_utils._controller_module import Situation
from ansible_collections.slipway.aws.plugins.plugin_utils._controller_module import explain_ordinary

ROOT = Path(__file__).resolve().parents[4]
PYTHON = "/opt/ansible/bin/python"


def situation(**different: Any) -> Situation:
    usual = Situation(
        core="2.21.5",
        has_interface=True,
        platform="linux",
        threads=1,
        switch="yes",
        background=0,
        become=False,
        connection="ansible.builtin.local",
        interpreter=PYTHON,
        own_interpreter=PYTHON,
        environment={"AWS_REGION": "eu-central-1", "TMPDIR": "/tmp"},
        keep_files=False,
        debug=False,
        instrumented=False,
    )
    return usual._replace(**different)


@pytest.mark.parametrize("core", [f"{release}.{patch}" for release in TESTED_CORE for patch in ("0", "14", "5rc1")])
def test_a_module_runs_in_a_fork_on_each_tested_core(core: str) -> None:
    assert explain_ordinary(situation(core=core)) == ""


@pytest.mark.parametrize(
    ("different", "reason"),
    [
        ({"switch": "no"}, "it is switched off"),
        ({"switch": "0"}, "it is switched off"),
        ({"switch": "perhaps"}, "it is switched off"),
        ({"switch": ""}, "it is switched off"),
        ({"core": "2.17.14"}, "it is not tested with ansible-core 2.17.14"),
        ({"core": "2.18.19"}, "it is not tested with ansible-core 2.18.19"),
        ({"core": "2.22.0.dev0"}, "it is not tested with ansible-core 2.22.0.dev0"),
        ({"core": "2.2.0"}, "it is not tested with ansible-core 2.2.0"),
        ({"has_interface": False}, "it is not tested with ansible-core 2.21.5"),
        ({"platform": "darwin"}, "it is for Linux, not for darwin"),
        ({"threads": 2}, "the worker has several threads"),
        ({"background": 60}, "the task is asynchronous"),
        ({"become": True}, "the task becomes another user"),
        ({"connection": "ansible.builtin.ssh"}, "the connection is ansible.builtin.ssh"),
        ({"connection": "local"}, "the connection is local"),
        ({"interpreter": "/usr/bin/python3"}, "the interpreter is not the controller's own"),
        ({"interpreter": "auto_silent"}, "the interpreter is not the controller's own"),
        ({"interpreter": None}, "the interpreter is not the controller's own"),
        ({"environment": {"PYTHONPATH": "/x"}}, "PYTHONPATH is set for the task"),
        ({"environment": {"AWS_REGION": "x", "HOME": "/x"}}, "HOME is set for the task"),
        ({"environment": {"LC_ALL": "C"}}, "LC_ALL is set for the task"),
        ({"environment": {"AWS_DATA_PATH": "/x"}}, "AWS_DATA_PATH is set for the task"),
        ({"environment": {"not a name": "x"}}, "not a name is set for the task"),
        ({"keep_files": True}, "files are to be kept"),
        ({"debug": True}, "ansible-core debugs"),
        ({"instrumented": True}, "the module is to be debugged or measured"),
    ],
)
def test_what_is_not_plainly_for_a_fork_runs_in_the_ordinary_way(different: dict[str, Any], reason: str) -> None:
    assert explain_ordinary(situation(**different)) == reason


def test_each_module_of_the_group_has_its_action() -> None:
    group = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]["aws"]
    modules = {name for name in group if isinstance(name, str)}
    links = {path.stem: path for path in (ROOT / "plugins" / "action").iterdir() if path.is_symlink()}
    # That one has a class of its own, which tells the module who asks.
    assert modules - set(links) == {"deployment"}
    assert issubclass(deployment.ActionModule, ControllerModule)
    assert {str(path.readlink()) for path in links.values()} == {"../plugin_utils/_run_on_controller.py"}
    assert all((ROOT / "plugins" / "modules" / f"{name}.py").exists() for name in links)
