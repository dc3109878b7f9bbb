# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Samples of tests/sweeps: modules killed at some of their writes, and one with faults in a third of its calls."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cases import build_cases
from cases import write_sites
from module_runs import Modules
from plays import Lab
from sweep import Life
from sweep import Summary
from sweep import kill_everywhere
from sweep import live_with_faults

SEED = 4


@pytest.fixture
def life_of(api_lab: Lab, tmp_path: Path):
    key = Path(f"{api_lab.environment['SLIPWAY_SSH_KEY']}.pub").read_text(encoding="utf-8")
    cases = {case.title: case for case in build_cases(*write_sites(tmp_path), key)}
    return lambda title: Life(Modules(api_lab), cases[title])


@pytest.mark.parametrize(("title", "most"), [("vpc_network", 15), ("iam_runtime_role", 6), ("cloudfront_function", 2)])
def test_a_killed_module_is_completed_by_the_next_run(life_of, title, most):
    summary = Summary()
    point = random.Random(f"{SEED}/{title}").randint(1, most)
    kill_everywhere(life_of(title), summary, [point])
    assert summary.kill_points[title] > 0


def test_with_faults_a_module_succeeds_or_says_why_not(life_of):
    summary = Summary()
    live_with_faults(life_of("vpc_network"), summary, {"seed": SEED, "rate": 0.33})
    assert summary.faults >= 20
    assert len(summary.injected) >= 5
