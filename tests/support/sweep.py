# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lives of modules, undisturbed and disturbed: killed at each of their writes, or with faults in their calls."""

from __future__ import annotations

import functools
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import state
from cases import Case
from cases import resolve
from module_runs import Modules
from module_runs import Result


@dataclass
class Summary:
    """What a sweep did, in numbers."""

    kill_points: Counter[str] = field(default_factory=Counter)
    injected: dict[str, Counter[str]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    stops: list[str] = field(default_factory=list)

    def count_faults(self, injected: dict[str, dict[str, int]]) -> None:
        for kind, of_services in injected.items():
            self.injected.setdefault(kind, Counter()).update(of_services)

    @property
    def faults(self) -> int:
        return sum(counter.total() for counter in self.injected.values())

    def lines(self) -> list[str]:
        lines = [f"kill points: {self.kill_points.total()}"] if self.kill_points else []
        lines += [f"  {name}: {count}" for name, count in sorted(self.kill_points.items())]
        if self.injected:
            services = sorted({service for counter in self.injected.values() for service in counter})
            lines.append(f"faults injected: {self.faults}")
            lines += [
                f"  {kind}: {counter.total()} ({', '.join(f'{s} {counter[s]}' for s in services if counter[s])})"
                for kind, counter in sorted(self.injected.items())
            ]
        lines += [f"{outcome}: {count}" for outcome, count in sorted(self.outcomes.items())]
        return lines + [f"  {stop}" for stop in self.stops]


class Life:
    """The steps of one case on a lab, with what it needs around it."""

    def __init__(self, modules: Modules, case: Case) -> None:
        self.modules = modules
        self.case = case
        self.made: dict[str, Any] = {}
        self._client = functools.cache(modules.lab.client)

    @contextmanager
    def surroundings(self) -> Iterator[Life]:
        """What the case needs, made and taken away."""
        for module, options, _gone in self.case.needs:
            self.made[module] = self._run(module, options).expect_success().answer
        try:
            yield self
        finally:
            for module, _options, gone in reversed(self.case.needs):
                self._run(module, gone).expect_success()

    def _run(self, module: str, options: dict[str, Any], **how: Any) -> Result:
        return self.modules.run(module, resolve(options, self.made), **how)

    def run_step(self, number: int, **how: Any) -> Result:
        return self._run(self.case.module, self.case.steps[number], **how)

    def state(self) -> state.State:
        return state.normalise(state.read(self._client, self.case.services))

    def undisturbed(self) -> list[tuple[int, state.State]]:
        """How many writes each step takes, and the state after it. In the end there is what there was before."""
        before = self.state()
        outcome = []
        for number in range(len(self.case.steps)):
            result = self.run_step(number).expect_success()
            outcome.append((result.writes, self.state()))
        self.clear()
        left = state.differences(before, self.state())
        assert not left, f"{self.case.title}: an undisturbed life leaves something, or began among remains: {left}"
        return outcome

    def clear(self) -> None:
        """Back to the state before the first step, where the last one does not remove all."""
        if self.case.module == "static_site_sync":
            s3 = self.modules.lab.client("s3")
            bucket = self.case.steps[0]["bucket"]
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])

    def check_step(self, number: int, expected: state.State, what: str) -> None:
        """The state is that of an undisturbed run, nothing is there twice, and another run changes nothing."""
        found = self.state()
        different = state.differences(expected, found)
        assert not different, f"{what}: not the state of an undisturbed run: {different}"
        assert state.duplicates(found) == state.duplicates(expected), what
        again = self.run_step(number).expect_success()
        assert not again.answer["changed"], f"{what}: another run changes something"
        assert again.writes == 0, f"{what}: another run writes"


def kill_everywhere(life: Life, summary: Summary, points: Iterator[int] | None = None) -> None:
    """Kill each step of a life after each of its writes; the next run must complete it.

    points: the writes after which to kill; all if not given. One life goes through all steps, so each of its steps
    begins in the state that an interrupted and completed one has left.
    """
    with life.surroundings():
        expected = life.undisturbed()
        most = max(writes for writes, _state in expected)
        for point in points or range(1, most + 1):
            for number, (writes, after) in enumerate(expected):
                what = f"{life.case.title}, step {number + 1}, killed after write {point}"
                if point <= writes:
                    result = life.run_step(number, kill_after=point)
                    assert result.killed, f"{what}: it was over before"
                    what += f" ({result.killed['operation']})"
                    summary.kill_points[life.case.title] += 1
                completed = life.run_step(number)
                assert not completed.failed, f"{what}: the next run fails: {completed.message}\n{completed.output}"
                life.check_step(number, after, what)
            life.clear()


# A message of a run that stopped: what was being done to what, by which call, and what to do next.
_NEXT_STEP = re.compile(r"\b(run again|then run|run the same)\b", re.IGNORECASE)
# Preflight says it of a variable.
_DOING = re.compile(r"(?:^|: )(?:Failed to|Timeout trying to|Failed) [a-z]+ \S+")


def message_problems(message: str) -> list[str]:
    """What is missing in a message with which a run has stopped."""
    problems = []
    if not _DOING.search(message):
        problems.append("it does not say what was being done to what")
    if not re.search(r"\b[a-z0-9]+:[A-Z][A-Za-z0-9]+\b|\b(?:the|calling the) [A-Z][A-Za-z0-9]+ operation\b", message):
        problems.append("it does not name the call")
    if not _NEXT_STEP.search(message):
        problems.append("it does not say what to do next")
    if "Traceback" in message:
        problems.append("it holds a traceback")
    return problems


def live_with_faults(life: Life, summary: Summary, faults: dict[str, Any]) -> None:
    """Each step of a life with faults in its calls: it succeeds, or stops with a good message and is completed."""
    with life.surroundings():
        expected = life.undisturbed()
        for number, (_writes, after) in enumerate(expected):
            what = f"{life.case.title}, step {number + 1}"
            for which in ("run", "second run"):
                # Other faults in each run, and the same whenever the sweep is repeated.
                seed = f"{faults['seed']}/{life.case.title}/{number}/{which}"
                result = life.run_step(number, faults={**faults, "seed": zlib.crc32(seed.encode())})
                summary.count_faults(result.faults["injected"])
                assert "Traceback" not in result.output, f"{what}, {which}:\n{result.output}"
                if result.failed:
                    assert message_problems(result.message) == [], f"{what}, {which}: {result.message or result.output}"
                    summary.outcomes["stopped with a message"] += 1
                    summary.stops.append(f"{what}, {which}: {result.message}".replace("\n", " "))
                else:
                    summary.outcomes["succeeded"] += 1
            completed = life.run_step(number)
            assert not completed.failed, f"{what}: the next run fails: {completed.message}\n{completed.output}"
            life.check_step(number, after, what)
        life.clear()
