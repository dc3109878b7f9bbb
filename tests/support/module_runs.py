# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Runs modules of the collection one by one, each in a process that can be killed at any of its calls to AWS."""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from plays import ROOT
from plays import Lab

if not any(isinstance(finder, _AnsibleCollectionFinder) for finder in sys.meta_path):
    _AnsibleCollectionFinder(paths=[str(ROOT / "collections")])._install()

PREFIX = "ansible_collections.slipway.aws.plugins"
TIMEOUT = 900


@dataclass
class Result:
    """What a module's process said. killed: at which call, if it was; writes: how many calls may change something."""

    module: str
    code: int
    answer: dict[str, Any]
    output: str
    killed: dict[str, str] | None = None
    writes: int = 0
    faults: dict[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return self.code != 0

    @property
    def message(self) -> str:
        return str(self.answer.get("msg", ""))

    def expect_success(self) -> Result:
        assert not self.failed, f"{self.module}: {self.code} {self.message or self.output[-3000:]}"
        return self


class Modules:
    """Runs modules against a lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def run(
        self,
        module: str,
        options: dict[str, Any],
        kill_after: int | None = None,
        faults: dict[str, Any] | None = None,
        check_mode: bool = False,
    ) -> Result:
        """Run a module to its end, or kill it when AWS has carried out its kill_after-th write and not answered yet."""
        hold = {"hold": {"nth": kill_after, "when": "after"}} if kill_after else {}
        self.lab.set_faults(**(faults or {}), **hold)
        with tempfile.TemporaryFile() as output:
            child = self._fork(module, {**options, "_ansible_check_mode": check_mode}, output.fileno())
            killed = None
            deadline = time.monotonic() + TIMEOUT
            while True:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    break
                if kill_after and killed is None and (held := self.lab.faults()["held"]):
                    killed = held[0]
                    os.kill(child, signal.SIGKILL)
                if time.monotonic() > deadline:
                    os.kill(child, signal.SIGKILL)
                time.sleep(0.1 if kill_after else 0.02)
            did = self.lab.set_faults()
            output.seek(0)
            said = output.read().decode(errors="replace")
        return Result(
            module=module,
            code=os.waitstatus_to_exitcode(status),
            answer=_find_answer(said),
            output=said,
            killed=killed,
            writes=did["writes"],
            faults=did,
        )

    def _fork(self, module: str, options: dict[str, Any], output: int) -> int:
        """Start a module as the collection's action plugins do, from one Python that has imported it already."""
        controller = importlib.import_module(f"{PREFIX}.plugin_utils._controller_module")
        child_process = importlib.import_module(f"{PREFIX}.plugin_utils._child_process")
        name = f"{PREFIX}.modules.{module}"
        controller.preload(name)
        assert threading.active_count() == 1, "a fork of a process with threads is not sound"
        parameters = json.dumps({"ANSIBLE_MODULE_ARGS": options}).encode()
        child = os.fork()
        if child == 0:
            function = functools.partial(controller.run_module, name, parameters)
            child_process._live_as_child(function, self.lab.environment, str(ROOT), [output, output])
        return child


def _find_answer(output: str) -> dict[str, Any]:
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    return {}
