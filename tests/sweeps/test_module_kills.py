# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Each module that writes to AWS is killed after each of its writes; the next run completes what it left."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import build_cases
from cases import write_sites
from module_runs import Modules
from plays import Lab
from sweep import Life
from sweep import Summary
from sweep import kill_everywhere


@pytest.mark.parametrize("title", [case.title for case in build_cases()])
def test_killed_after_each_write(api_lab: Lab, summary: Summary, tmp_path: Path, title: str) -> None:
    key = Path(f"{api_lab.environment['SLIPWAY_SSH_KEY']}.pub").read_text(encoding="utf-8")
    cases = {case.title: case for case in build_cases(*write_sites(tmp_path), key)}
    kill_everywhere(Life(Modules(api_lab), cases[title]), summary)
