# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os

import pytest
from plays import Lab


@pytest.fixture(scope="session")
def lab():
    """The lab without hosts that all targets which need none run on."""
    lab = Lab(f"integration-{os.getpid()}", hosts=False)
    try:
        yield lab.start()
    finally:
        lab.stop()
