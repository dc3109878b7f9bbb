# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Fixtures of the tests that play whole projects; each conftest.py that has use for them imports them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from plays import Lab
from project import Project


def name_module(request: pytest.FixtureRequest) -> str:
    return request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab of the module's own, empty at its beginning."""
    with Lab(f"{name_module(request)}-{os.getpid()}") as lab:
        yield lab


@pytest.fixture(scope="module")
def api_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """One without hosts."""
    with Lab(f"{name_module(request)}-{os.getpid()}", hosts=False) as lab:
        yield lab


@pytest.fixture(scope="module")
def project(lab: Lab) -> Project:
    return Project(lab)
