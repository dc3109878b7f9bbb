# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""`site.yml`, controller side, and `destroy.yml` with faults in a third of their calls: first, again, changed, gone."""

from __future__ import annotations

import functools
import json

import state
from controller_side import COMMAND
from controller_side import END
from controller_side import KILLED
from controller_side import expect_end
from plays import Kill
from plays import Lab
from plays import Run
from project import INVENTORY
from sweep import Summary
from sweep import message_problems

FAULTS = {"rate": 0.33}
CHANGED = ["-e", json.dumps({"static_site_price_class": "PriceClass_200"})]
DESTROY = ["playbooks/destroy.yml", "-i", INVENTORY, "-e", "confirm=etf-portfolio"]
DESTROY += ["-e", "backup_bucket_force_destroy=true", "-e", "ec2_host_data_volume_on_delete=delete"]


def play_with_faults(lab: Lab, seed: int, summary: Summary, *command: str, end: str = "") -> Run:
    """A run that succeeds (comes to its end) or stops with a good message."""
    lab.set_faults(**FAULTS, seed=seed)
    run = lab.play(*command, kill=Kill(at_task=end) if end else None)
    summary.count_faults(lab.set_faults()["injected"])
    assert "Traceback" not in run.output, run.output[-6000:]
    if run.code in (0, KILLED) and not run.failures:
        summary.outcomes["runs that succeeded"] += 1
        return run
    failed = [record for record in run.records if record["status"] == "failed"]
    assert failed, f"{run.command} ended with {run.code} and no message\n{run.output[-4000:]}"
    for record in failed:
        assert message_problems(record.get("msg", "")) == [], f"{record['task']}: {record.get('msg')}"
        summary.stops.append(f"{record['task']}: {record['msg']}".replace("\n", " "))
    summary.outcomes["runs that stopped with a message"] += 1
    return run


def read_account(lab: Lab) -> state.State:
    return state.normalise(state.read(functools.cache(lab.client)))


def undisturbed(lab: Lab, *command: str, end: str = "") -> state.State:
    run = lab.play(*command, kill=Kill(at_task=end) if end else None)
    if end:
        expect_end(run)
    else:
        run.expect_success()
    return read_account(lab)


STEPS = [(COMMAND, END), (COMMAND, END), ([*COMMAND, *CHANGED], END), (DESTROY, "")]


def test_a_life_with_faults(api_lab: Lab, summary: Summary) -> None:
    expected = [undisturbed(api_lab, *command, end=end) for command, end in STEPS]
    for number, (command, end) in enumerate(STEPS):
        for attempt in range(2):
            play_with_faults(api_lab, 10 * number + attempt, summary, *command, end=end)
        found = undisturbed(api_lab, *command, end=end)
        different = state.differences(expected[number], found)
        assert not different, f"step {number + 1}: {different}"
        assert state.duplicates(found) == state.duplicates(expected[number])
