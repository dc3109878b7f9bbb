# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The part of `site.yml` that runs on the controller, on a lab without hosts.

--limit keeps to the inventory's own host, so the plays on the hosts that a run makes have nobody to run on. The run
ends where it would first ask the application: everything on AWS is made by then, the published site included.
"""

from __future__ import annotations

from plays import Kill
from plays import Lab
from plays import Run
from project import INVENTORY

COMMAND = ["site.yml", "-i", INVENTORY, "--limit", "etf_portfolio"]
END = "Wait until the API answers through the CDN"
KILLED = -9


def run_controller_side(lab: Lab, kill_after_change: int = 0) -> Run:
    """Run it to its end, or kill it after so many changes."""
    return lab.play(*COMMAND, kill=Kill(after_change=kill_after_change, at_task=END))


def expect_end(run: Run) -> Run:
    """Check that a run came to its end: killed there, and nowhere before."""
    assert (run.code, run.failures) == (KILLED, []), f"{run.code} {run.failures}\n{run.output[-4000:]}"
    assert run.output.rstrip().splitlines(), "it said nothing"
    assert "Wait until CloudFront has spread the distribution" in run.output, run.output[-4000:]
    return run
