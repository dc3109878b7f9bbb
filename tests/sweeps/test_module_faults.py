# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Each module that writes to AWS, with faults in a third of its calls: it succeeds, or says clearly why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import build_cases
from cases import write_sites
from module_runs import Modules
from plays import Lab
from sweep import Life
from sweep import Summary
from sweep import live_with_faults

TITLES = [case.title for case in build_cases()]
FAULTS = {
    "passing": {"seed": 1, "rate": 0.33},
    "passing, others": {"seed": 3, "rate": 0.33},
    # What does not pass ends a run. Throttling would too, after minutes of trying.
    "staying": {"seed": 2, "rate": 0.1, "persistent": True, "kinds": ["reset_before", "reset_after"]},
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("title", TITLES)
def test_faults(api_lab: Lab, summary: Summary, tmp_path: Path, title: str, kind: str) -> None:
    key = Path(f"{api_lab.environment['SLIPWAY_SSH_KEY']}.pub").read_text(encoding="utf-8")
    cases = {case.title: case for case in build_cases(*write_sites(tmp_path), key)}
    live_with_faults(Life(Modules(api_lab), cases[title]), summary, FAULTS[kind])


def test_there_were_enough_faults(summary: Summary) -> None:
    assert summary.faults >= 500
