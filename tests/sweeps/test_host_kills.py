# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A first run of `site.yml` with hosts is killed at five seeded moments; the next run completes it."""

from __future__ import annotations

import functools
import os
import random
import time

import state
from plays import Kill
from plays import Lab
from project import INVENTORY
from project import Project
from sweep import Summary

SITE = ["site.yml", "-i", INVENTORY]
SEED = 4
POINTS = 5


def read_account(lab: Lab) -> state.State:
    return state.normalise(state.read(functools.cache(lab.client), ["ec2", "iam", "cloudfront", "secretsmanager"]))


def test_killed_at_seeded_moments(summary: Summary) -> None:
    with Lab(f"hosts-undisturbed-{os.getpid()}") as lab:
        began = time.monotonic()
        lab.play(*SITE).expect_success()
        seconds = time.monotonic() - began
        expected = read_account(lab)
    source = random.Random(SEED)
    for point in range(POINTS):
        # One in each fifth of the run.
        moment = (point + source.uniform(0.1, 0.9)) / POINTS * seconds
        with Lab(f"hosts-kill-{os.getpid()}") as lab:
            killed = lab.play(*SITE, kill=Kill(after_seconds=moment))
            last = killed.records[-1]["task"] if killed.records else "the beginning"
            what = f"killed after {moment:.0f} of {seconds:.0f} s, after {last}"
            print(what, flush=True)
            lab.play(*SITE).expect_success()
            project = Project(lab)
            assert project.ask("/api/v1/health").json()["status"] == "healthy", what
            assert project.ask("/").status == 200, what
            different = state.differences(expected, read_account(lab))
            assert not different, f"{what}: {different}"
            again = lab.play(*SITE).expect_success()
            assert (again.changes, again.writes) == ([], []), what
        summary.kill_points["site.yml, with hosts"] += 1
        summary.stops.append(what)
