# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Releases under load, every second request on a connection of its own: none of them fails.

Each kind of bad one, which must not become live, then twenty good ones in a row.
"""

from __future__ import annotations

import json

import pytest
from bad_releases import BAD_RELEASES
from bad_releases import expect_refused
from load import measure
from project import INVENTORY
from releases import good_release
from releases import migrating_release

TIMES = 20
# From this one on, the releases have a migration more.
MIGRATING = TIMES // 2


@pytest.fixture(scope="module")
def built(lab, project):
    lab.play("site.yml", "-i", INVENTORY).expect_success()
    project.buy("5")
    return project.bought()


# First, for their migrations follow the one that the example has.
@pytest.mark.parametrize("bad", BAD_RELEASES)
def test_a_bad_release_under_load(lab, project, built, tmp_path, bad):
    expect_refused(lab, project, bad, tmp_path)
    assert project.bought() == built


@pytest.mark.parametrize("number", range(TIMES))
def test_a_release_under_load(lab, project, built, tmp_path, number):
    make = migrating_release if number >= MIGRATING else good_release
    source = make(tmp_path / "backend", f"4.0.{number}")
    code = json.dumps({"app_backend": {"path": str(source)}})
    with measure(f"{project.url}/api/v1/health", rate=50, ca=lab.environment["AWS_CA_BUNDLE"], count="version") as load:
        run = lab.play("playbooks/deploy.yml", "-i", INVENTORY, "-e", code)
    print(json.dumps({"release": number, **load.result}))
    run.expect_success()
    assert load.result["failed"] == 0, load.result
    assert load.result["requests"] >= 200
    assert f"4.0.{number}" in load.result["seen"]
    assert project.ask("/api/v1/health").json()["version"] == f"4.0.{number}"
    assert project.bought() == built
