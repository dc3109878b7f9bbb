# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from fixtures import api_lab
from plays import Lab

__all__ = ["api_lab", "lab"]


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab without hosts that all targets which need none run on."""
    with Lab(f"integration-{os.getpid()}", hosts=False) as lab:
        yield lab
