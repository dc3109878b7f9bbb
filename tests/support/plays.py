# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Runs playbooks as a user would, in a lab, and tells what they reported and what they asked of AWS."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shlex
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "tests" / "lab" / "lab"


class Change(NamedTuple):
    """A task that reported changed, as a plan and its run must agree on it."""

    play: str
    host: str
    task: str
    item: str


@dataclass
class Run:
    """What one ansible-playbook command did."""

    command: str
    code: int
    output: str
    records: list[dict[str, Any]]
    writes: list[str] = field(default_factory=list)
    # All that the tasks returned, as JSON.
    results: str = ""

    @property
    def changes(self) -> list[Change]:
        return [Change(r["play"], r["host"], r["task"], r["item"]) for r in self.records if r["changed"]]

    @property
    def failures(self) -> list[str]:
        return [f"{r['host']}: {r['task']}: {r.get('msg', '')}" for r in self.records if r["status"] == "failed"]

    def expect_success(self) -> Run:
        assert self.code == 0, f"{self.command} ended with {self.code}\n{self.failures}\n{self.output[-6000:]}"
        return self


@dataclass(frozen=True)
class Kill:
    """When a run is killed: after so many changes, before a task of this name, or after so many seconds."""

    after_change: int = 0
    at_task: str = ""
    after_seconds: float = 0

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ANSIBLE_CALLBACKS_ENABLED": "plan_recorder,result_recorder,kill_after_change",
            "SLIPWAY_KILL_AFTER_CHANGE": str(self.after_change),
            "SLIPWAY_KILL_AT_TASK": self.at_task,
        }


def _run(command: list[str], environment: dict[str, str], timeout: float, kill: Kill | None) -> tuple[int, str]:
    """Run a command in a process group of its own, and return its exit status and output."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            process.wait(kill.after_seconds if kill and kill.after_seconds else timeout)
        except subprocess.TimeoutExpired:
            for each in _descendants(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            process.wait()
            if not (kill and kill.after_seconds):
                raise
        except BaseException:
            process.kill()
            raise
        output.seek(0)
        return process.returncode, output.read().decode(errors="replace")


def _descendants(process: int) -> list[int]:
    """A process and all that it has started; those of Ansible's workers are in sessions of their own."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listed.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [process]
    for each in found:
        found.extend(children.get(each, []))
    return found


class Lab:
    """A running lab, entered through the environment that it writes, like a person would."""

    def __init__(self, name: str, hosts: bool = True) -> None:
        self.name = name
        self.hosts = hosts
        self.environment: dict[str, str] = {}

    def start(self) -> Lab:
        command = [str(LAB), "start", "--name", self.name, "--hosts", "on" if self.hosts else "off"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"The lab did not start:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        self.environment = self._read_environment()
        return self

    def stop(self) -> None:
        subprocess.run([str(LAB), "stop", "--name", self.name], cwd=ROOT, check=True, capture_output=True)

    def __enter__(self) -> Lab:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_exc: object) -> None:
        if not os.environ.get("SLIPWAY_KEEP_LAB"):
            self.stop()

    def _read_environment(self) -> dict[str, str]:
        script = f". {shlex.quote(str(ROOT / '.lab' / self.name / 'env'))} && env -0"
        out = subprocess.run(["sh", "-c", script], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        return dict(line.split("=", 1) for line in out.split("\0") if "=" in line)

    @functools.cached_property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.environment["AWS_CA_BUNDLE"])

    def calls_since(self, sequence: int) -> dict[str, Any]:
        url = f"{self.environment['SLIPWAY_LAB_URL']}/calls?since={sequence}"
        with urllib.request.urlopen(url, context=self.tls, timeout=30) as answer:
            return json.load(answer)

    def set_faults(self, **settings: Any) -> dict[str, Any]:
        """Have these things go wrong from now on, or nothing any more; returns what the last settings have done."""
        return self._ask_lab("faults", json.dumps(settings).encode())

    def faults(self) -> dict[str, Any]:
        """What the settings in force have done so far."""
        return self._ask_lab("faults")

    def _ask_lab(self, resource: str, body: bytes | None = None) -> dict[str, Any]:
        url = f"{self.environment['SLIPWAY_LAB_URL']}/{resource}"
        request = urllib.request.Request(url, body, method="GET" if body is None else "PUT")
        with urllib.request.urlopen(request, context=self.tls, timeout=30) as answer:
            return json.load(answer)

    def client(self, service: str, region: str = "") -> Any:
        import boto3

        env = self.environment
        return boto3.client(
            service,
            region_name=region or env["AWS_REGION"],
            endpoint_url=env["AWS_ENDPOINT_URL"],
            verify=env["AWS_CA_BUNDLE"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        )

    def kill_play(self, condition: Callable[[], bool], *arguments: str, seconds: float = 300) -> None:
        """Start ansible-playbook with these arguments, and end it with SIGKILL as soon as the condition holds."""
        process = subprocess.Popen(
            ["ansible-playbook", *arguments],
            cwd=ROOT,
            env={**self.environment, "HOME": os.environ.get("HOME", "/")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + seconds
        try:
            while not condition():
                assert process.poll() is None, f"it ended with {process.returncode} before it could be killed"
                assert time.monotonic() < deadline, "there was nothing to kill it at"
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()

    def play(self, *arguments: str, timeout: int = 1800, kill: Kill | None = None) -> Run:
        """Run ansible-playbook with these arguments, from the root, with nothing but the lab's environment added.

        A run that is killed is so with all of its processes; its code is -9.
        """
        before = self.calls_since(0)["seq"]
        with tempfile.TemporaryDirectory() as directory:
            plan, results = Path(directory) / "plan.jsonl", Path(directory) / "results.jsonl"
            environment = {
                **self.environment,
                "SLIPWAY_PLAN_FILE": str(plan),
                "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "support" / "callback_plugins"),
                "SLIPWAY_RESULTS_FILE": str(results),
                "ANSIBLE_CALLBACKS_ENABLED": "plan_recorder,result_recorder",
                **(kill.environment if kill else {}),
                "ANSIBLE_NOCOLOR": "1",
                "HOME": os.environ.get("HOME", "/"),
            }
            command = ["ansible-playbook", *arguments]
            code, output = _run(command, environment, timeout, kill)
            lines = plan.read_text(encoding="utf-8").splitlines() if plan.exists() else []
            returned = results.read_text(encoding="utf-8") if results.exists() else ""
        calls = self.calls_since(before)["calls"]
        return Run(
            command=shlex.join(command),
            code=code,
            output=output,
            records=[json.loads(line) for line in lines],
            results=returned,
            # What hosts write by their own role is theirs, not the controller's.
            writes=[
                f"{call['service']}:{call['operation']}"
                for call in calls
                if call["mutating"] and ":assumed-role/" not in (call["principal"] or "")
            ],
        )


def is_host_plan(change: Change) -> bool:
    """Whether a planned change is the one line that stands for a host role that has never finished on the host."""
    return change.task.startswith(("Plan the roles of a host", "Plan the roles that have never finished"))


def compare_plan(plan: Run, run: Run) -> list[str]:
    """How the changes that a run made differ from those that were planned; [] if they are the same.

    A host role that was planned as one line is left out on both sides.
    """
    roles = {change.item for change in plan.changes if is_host_plan(change)}
    planned = [change for change in plan.changes if not is_host_plan(change)]
    made = [change for change in run.changes if not any(is_task_of(change, role) for role in roles)]
    return [f"planned, not done: {c}" for c in planned if c not in made] + [
        f"done, not planned: {c}" for c in made if c not in planned
    ]


def is_task_of(change: Change, role: str) -> bool:
    """Whether a task belongs to a role; Ansible writes a role's tasks as 'collection.role : name'."""
    return change.task.split(" : ", 1)[0].rpartition(".")[2] == role
