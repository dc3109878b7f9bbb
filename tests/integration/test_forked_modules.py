# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Modules that run in a fork of the worker report exactly what they report when they are run as programs."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from plays import ROOT
from plays import Lab

HERE = Path(__file__).resolve().parent / "forked_modules"
PLUGINS = ROOT / "plugins"


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path with a collection fork.test, whose module odd is run as those of slipway.aws are."""
    path = tmp_path_factory.mktemp("collections")
    plugins = path / "ansible_collections" / "fork" / "test" / "plugins"
    for kind, file in (("modules", HERE / "odd.py"), ("action", PLUGINS / "plugin_utils" / "_run_on_controller.py")):
        (plugins / kind).mkdir(parents=True)
        (plugins / kind / "odd.py").write_text(
            f"#!/usr/bin/python\n{file.read_text(encoding='utf-8')}", encoding="utf-8"
        )
    return path


class Played:
    def __init__(self, lab: Lab, collections: Path, forked: bool, *arguments: str) -> None:
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(
                ["ansible-playbook", "-i", "localhost,", HERE / "play.yml", "-e", f"directory={directory}", *arguments],
                cwd=ROOT,
                env={
                    **lab.environment,
                    "ANSIBLE_COLLECTIONS_PATH": f"{collections}:{ROOT / 'collections'}",
                    "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                    "ANSIBLE_INJECT_INVOCATION": "1",
                    "SLIPWAY_AWS_FORK_MODULES": "yes" if forked else "no",
                },
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
        assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
        self.forks = done.stdout.count("> FORK ansible_collections.")
        self.programs = done.stdout.count("> EXEC ")
        report = json.loads(done.stdout[done.stdout.index("\n{") :])
        self.tasks = {
            f"{play['play']['name']} | {task['task']['name']}": normalise(task["hosts"]["localhost"], directory)
            for play in report["plays"]
            for task in play["tasks"]
        }


def normalise(value: Any, directory: str) -> Any:
    """Leave out what differs between any two runs, and where a program keeps the code that a traceback names."""
    if isinstance(value, dict):
        return {key: normalise(item, directory) for key, item in value.items() if key != "date"}
    if isinstance(value, list):
        return [normalise(item, directory) for item in value]
    if not isinstance(value, str):
        return value
    value = value.replace(directory, "DIRECTORY")
    if value == "Killed\n":  # a shell's word about its program
        return ""
    if "Traceback (most recent call last)" in value:
        value = re.sub(r"(?s)Traceback \(most recent call last\):\n.*?(?=\n\S)", "TRACEBACK", value)
    return value


@pytest.mark.parametrize("arguments", [["-vvv"], ["-vvv", "--check", "--diff"]], ids=["run", "plan"])
def test_results_are_the_same(api_lab: Lab, collections: Path, arguments: list[str]) -> None:
    forked, ordinary = (Played(api_lab, collections, way, *arguments) for way in (True, False))
    assert list(forked.tasks) == list(ordinary.tasks)
    for name, result in ordinary.tasks.items():
        assert forked.tasks[name] == result, name
    assert (forked.programs, ordinary.forks) == (0, 0)
    assert forked.forks > 20
