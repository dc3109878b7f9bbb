# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Releases that must never become live, and the check that they do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from load import measure
from plays import Lab
from project import INVENTORY
from project import NAME
from project import Project
from releases import crash_at_start
from releases import failing_migration
from releases import failing_sync
from releases import hang_at_start
from releases import hanging_migration
from releases import unhealthy_release


class BadRelease(NamedTuple):
    """How it is made, the reason that a run must give, and what the last lines of a log must show."""

    make: Callable[[Path], Path]
    reason: str
    last_lines: str


BAD_RELEASES = {
    "crash": BadRelease(crash_at_start, "its process ended", "planted crash"),
    "health": BadRelease(unhealthy_release, "after 30 seconds: it answered with status 503", "planted fault"),
    "migration": BadRelease(failing_migration, "its migration failed", "planted migration failure"),
    "hanging migration": BadRelease(
        hanging_migration, "its migration did not end in the time that it has", "planted hang of the migration"
    ),
    "uv sync": BadRelease(failing_sync, "Failed to install what uv.lock names", "Hash mismatch"),
    "hang": BadRelease(hang_at_start, "after 30 seconds: no answer", "planted hang"),
}


def expect_refused(lab: Lab, project: Project, name: str, directory: Path) -> None:
    """Deploy a bad release under load: it fails with its reason, no request does, and all is as it was."""
    bad = BAD_RELEASES[name]

    def look() -> tuple:
        rehearsal = project.on_host("ls /var/lib/slipway/rehearsal; ls /run/systemd/system | grep rehearsal; true")
        return project.ask("/api/v1/health").json(), project.dump(), project.on_host("ls /etc/etf-portfolio"), rehearsal

    before, releases = look(), project.on_host(f"ls -A /opt/{NAME}/releases")
    variables = {
        "app_backend": {"path": str(bad.make(directory / "backend"))},
        "python_app_health_timeout": 30,
        "python_app_migrate_timeout": 30,
    }
    deploy = ["playbooks/deploy.yml", "-i", INVENTORY, "-e", json.dumps(variables), "-e", "part=backend"]
    with measure(f"{project.url}/api/v1/health", rate=50, ca=lab.environment["AWS_CA_BUNDLE"]) as load:
        run = lab.play(*deploy)
    assert run.code != 0
    failures = "\n".join(run.failures)
    assert bad.reason in failures, failures
    assert bad.last_lines in failures, failures
    assert load.result["failed"] == 0, load.result
    assert look() == before
    if bad.make is failing_sync:
        assert project.on_host(f"ls -A /opt/{NAME}/releases") == releases

    record = project.deployments()[0]
    assert record["result"] == "failed"
    assert bad.reason in record["reason"]
    assert "Last lines" not in record["reason"]  # a log has not been looked through for what must not be kept
    assert not project.lock()["held"]
