# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A first run of `site.yml` is killed after each of its changes in turn, each time on an empty account."""

from __future__ import annotations

import functools
import os

import state
from controller_side import KILLED
from controller_side import expect_end
from controller_side import run_controller_side
from plays import Lab
from sweep import Summary


def read_account(lab: Lab) -> state.State:
    return state.normalise(state.read(functools.cache(lab.client)))


def test_killed_after_each_change(summary: Summary) -> None:
    with Lab(f"site-undisturbed-{os.getpid()}", hosts=False) as lab:
        run = expect_end(run_controller_side(lab))
        changes = run.changes
        expected = read_account(lab)
        again = expect_end(run_controller_side(lab))
        assert (again.changes, again.writes) == ([], [])
    # SLIPWAY_SWEEP_POINTS=3,17 repeats some of them.
    chosen = os.environ.get("SLIPWAY_SWEEP_POINTS")
    points = [int(point) for point in chosen.split(",")] if chosen else range(1, len(changes) + 1)
    for point in points:
        what = f"killed after change {point} of {len(changes)}: {changes[point - 1]}"
        with Lab(f"site-kill-{os.getpid()}", hosts=False) as lab:
            killed = run_controller_side(lab, kill_after_change=point)
            assert killed.code == KILLED, f"{what}\n{killed.output[-4000:]}"
            assert len(killed.changes) in (point - 1, point), what
            expect_end(run_controller_side(lab))
            found = read_account(lab)
            different = state.differences(expected, found)
            assert not different, f"{what}: {different}"
            assert state.duplicates(found) == [], what
            again = expect_end(run_controller_side(lab))
            assert (again.changes, again.writes) == ([], []), what
        summary.kill_points["site.yml, controller side"] += 1
