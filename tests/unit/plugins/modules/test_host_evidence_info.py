# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""On a machine that is no host of ours: every part says why it could not be read, and none hides another."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._verify.host import Reader
from ansible_collections.slipway.aws.plugins.modules import host_evidence_info
from ansible_collections.slipway.aws.plugins.modules.host_evidence_info import capture


def params(tmp_path: Path) -> dict:
    return {
        "name": "no-such-application",
        "directory": str(tmp_path / "opt"),
        "configuration_directory": str(tmp_path / "etc"),
        "data_directory": str(tmp_path / "lib"),
        "ports": {"a": 8101, "b": 8102},
        "health_path": "/health",
        "database": str(tmp_path / "lib/app.db"),
        "backup_directory": str(tmp_path / "backups"),
        "timers": ["no-such-application-backup.timer"],
    }


@pytest.fixture(autouse=True)
def no_systemd(monkeypatch):
    def output(_self: Reader, *command: str) -> str:
        raise OSError(f"{command[0]}: not here")

    monkeypatch.setattr(Reader, "output", output)


def test_a_machine_that_is_no_host(call_module, tmp_path):
    result = call_module(host_evidence_info, params(tmp_path))
    found = result["evidence"]
    assert not result["changed"]
    assert "FileNotFoundError" in found["live"]["error"]
    assert found["unit"]["error"].startswith("no release is live")
    assert "not here" in found["sshd"]["error"]
    assert "not here" in found["timers"]["no-such-application-backup.timer"]["error"]
    assert "no-such-application" in found["user"]["error"]
    assert found["database"] == {"path": str(tmp_path / "lib/app.db"), "exists": False}
    assert found["backups"]["exists"] is False
    assert isinstance(found["listening"], list)
    assert "stranger" not in found  # no port of a proxy was named


def test_the_database_is_read_without_the_rest(call_module, tmp_path):
    (tmp_path / "lib").mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(tmp_path / "lib/app.db")) as connection:
        connection.execute("CREATE TABLE items (id INTEGER)")
        connection.commit()
    found = call_module(host_evidence_info, params(tmp_path))["evidence"]["database"]
    assert (found["check"], found["tables"], found["directory"]["mode"]) == ("ok", 1, "0700")


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), KeyError("name"), ValueError("odd"), SyntaxError("bad")])
def test_what_cannot_be_read_says_why(error):
    def read() -> None:
        raise error

    assert capture(read)["error"].startswith(type(error).__name__)
