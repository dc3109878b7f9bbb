# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Publishes sites with static_site_sync as a program of its own, in a lab, and counts what that asked of AWS."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plays import ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from plays import Lab

WRITES = {"PutObject", "CopyObject", "DeleteObjects", "CreateInvalidation"}


@dataclass
class Published:
    changed: bool
    site: dict[str, Any]
    calls: Counter[str]


class Publisher:
    def __init__(self, lab: Lab, bucket: str, distribution_id: str) -> None:
        self.lab = lab
        self.bucket = bucket
        self.distribution_id = distribution_id

    def __call__(self, source: Path, **options: Any) -> Published:
        before = self._sequence()
        done = self._start(source, options)
        output, errors = done.communicate(timeout=900)
        assert done.returncode == 0, f"{output[-4000:]}\n{errors[-2000:]}"
        result = json.loads(output)["plays"][0]["tasks"][0]["hosts"]["localhost"]
        return Published(result["changed"], result["site"], self.calls_since(before))

    def kill_after(self, writes: int, source: Path, **options: Any) -> bool:
        """End the publication with SIGKILL as soon as it has made so many writes; False if it ended before."""
        before = self._sequence()
        started = self._start(source, options)
        while started.poll() is None:
            if sum(count for name, count in self.calls_since(before).items() if name in WRITES) >= writes:
                os.killpg(started.pid, signal.SIGKILL)
                started.communicate()
                self._settle()
                return True
            time.sleep(0.01)
        started.communicate()
        return False

    def calls_since(self, sequence: int) -> Counter[str]:
        return Counter(call["operation"] for call in self.lab.calls_since(sequence)["calls"])

    def _sequence(self) -> int:
        return self.lab.calls_since(0)["seq"]

    def _settle(self) -> None:
        """Until what was on its way when the process ended has arrived."""
        before = -1
        while before != (before := self._sequence()):
            time.sleep(0.3)

    def _start(self, source: Path, options: dict[str, Any]) -> subprocess.Popen[str]:
        arguments = {"bucket": self.bucket, "source": str(source), "distribution_id": self.distribution_id, **options}
        environment = {
            **self.lab.environment,
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_NOCOLOR": "1",
        }
        target = ["localhost", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
        return subprocess.Popen(
            ["ansible", *target, "-m", "slipway.aws.static_site_sync", "-a", json.dumps(arguments)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a group of its own, so that all of it can be ended at once
        )
