# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Fixtures of the tests that play whole projects; each conftest.py that has use for them imports them."""

from __future__ import annotations

import os

import pytest
from plays import Lab
from project import Project


@pytest.fixture(scope="module")
def lab(request):
    """A lab of the module's own, empty at its beginning."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    lab = Lab(f"{name}-{os.getpid()}")
    try:
        yield lab.start()
    finally:
        if not os.environ.get("SLIPWAY_KEEP_LAB"):
            lab.stop()


@pytest.fixture(scope="module")
def project(lab):
    return Project(lab)
