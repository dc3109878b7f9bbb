# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A rotation of all secrets, killed after each of its changes in turn, under load, and finished by the next run."""

from __future__ import annotations

import pytest
from load import measure
from plays import Kill
from project import INVENTORY
from project import NAME
from project import Project

SITE = ["site.yml", "-i", INVENTORY]
ROTATE = ["playbooks/rotate_secrets.yml", "-i", INVENTORY]


@pytest.fixture(scope="module")
def project(lab):
    lab.play(*SITE).expect_success()
    return Project(lab)


def stages(project) -> list[list[str]]:
    client = project.lab.client("secretsmanager")
    described = [client.describe_secret(SecretId=f"{NAME}/{name}") for name in project.secrets()]
    return [sorted(labels) for secret in described for labels in secret["VersionIdsToStages"].values()]


def test_a_rotation_that_is_killed_after_each_of_its_changes(project):
    lab = project.lab
    plan = lab.play(*ROTATE, "--check").expect_success()
    changes = len(plan.changes)
    assert changes > 5
    with measure(f"{project.url}/api/v1/health", rate=50, duration=7200, ca=lab.environment["AWS_CA_BUNDLE"]) as load:
        for number in range(1, changes + 1):
            old = project.secrets()
            killed = lab.play(*ROTATE, kill=Kill(after_change=number))
            assert killed.code == -9, f"{killed.command} was to be killed after {number} changes"
            lab.play(*(ROTATE if number % 2 else SITE)).expect_success()
            new = project.secrets()
            where = f"killed after change {number}, {plan.changes[number - 1]}"
            assert stages(project) == [["AWSCURRENT"], ["AWSCURRENT"]], where
            # All that was begun has ended; only what was not may have its old value.
            assert number == 1 or old["origin-secret"] != new["origin-secret"], where
            assert project.ask_past_the_edge(new["origin-secret"]) == 200, where
            if old["origin-secret"] != new["origin-secret"]:
                assert project.ask_past_the_edge(old["origin-secret"]) == 403, where
            again = lab.play(*SITE).expect_success()
            assert (again.changes, again.writes) == ([], []), where
    print(f"killed after each of {changes} changes; {load.result['requests']} requests, {load.result['failed']} failed")
    print("\n".join(map(str, load.result["first_failures"])))
    assert load.result["failed"] == 0, load.result
