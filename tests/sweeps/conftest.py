# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import api_lab
from fixtures import lab
from fixtures import name_module
from fixtures import project
from plays import ROOT
from sweep import Summary

__all__ = ["api_lab", "lab", "project", "summary"]


@pytest.fixture(scope="module")
def summary(request: pytest.FixtureRequest) -> Iterator[Summary]:
    """Counts what a module's sweeps do, and writes it to tests/output/<module>.txt in the end."""
    summary = Summary()
    yield summary
    output: Path = ROOT / "tests" / "output"
    output.mkdir(parents=True, exist_ok=True)
    name = name_module(request)
    text = "\n".join(summary.lines()) + "\n"
    (output / f"sweep_{name}.txt").write_text(text, encoding="utf-8")
    print(f"\n{name}\n{text}")
