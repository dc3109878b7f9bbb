# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The module with stand-ins for systemctl and amazon-cloudwatch-agent-ctl that keep a state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.host import Agent
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.host import digest
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.host import find_reasons
from ansible_collections.slipway.aws.plugins.modules import cloudwatch_agent_config

WANTED = {"metrics": {"metrics_collected": {"mem": {"measurement": ["used_percent"]}}}}

# Like the agent's own: -c file:<path> is the last argument; a configuration with "refuse" in it is refused; with
# "crash", the agent ends soon.
CTL = """
[ "$*" = "-a fetch-config -m ec2 -s -c ${7}" ] || { echo "unexpected: $*" >&2; exit 9; }
source=${7#file:}
grep -q refuse "$source" && { echo "Under path : /metrics/ | Error : refuse"; exit 1; }
rm -f "$AGENT"/etc/amazon-cloudwatch-agent.json "$AGENT"/etc/amazon-cloudwatch-agent.d/*
cp "$source" "$AGENT/etc/amazon-cloudwatch-agent.d/file_$(basename "$source")"
pid=$(($(sed -n 's/^MainPID=//p' "$UNIT") + 1))
printf 'MainPID=%s\\nActiveState=active\\nSubState=running\\nUnitFileState=enabled\\n' "$pid" >"$UNIT"
grep -q crash "$source" && echo 2 >"$UNIT.crash"
echo "$*" >>"$AGENT/calls"
"""
SYSTEMCTL = """
if [ -e "$UNIT.crash" ]; then
    left=$(($(cat "$UNIT.crash") - 1)); echo $left >"$UNIT.crash"
    [ $left -gt 0 ] || sed -i 's/^SubState=.*/SubState=auto-restart/; s/^ActiveState=.*/ActiveState=activating/' "$UNIT"
fi
cat "$UNIT"
"""


class Host:
    def __init__(self, directory: Path) -> None:
        self.agent = directory / "agent"
        self.configurations = self.agent / "etc" / "amazon-cloudwatch-agent.d"
        self.configurations.mkdir(parents=True)
        self.unit = directory / "unit"
        self.unit.write_text("MainPID=0\nActiveState=inactive\nSubState=dead\nUnitFileState=disabled\n")
        self.record = directory / "record.json"

    @property
    def runs(self) -> int:
        calls = self.agent / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    def params(self, **changes: Any) -> dict[str, Any]:
        return {"configuration": WANTED, "record": str(self.record), "stable_seconds": 0} | changes


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path)
    programs = tmp_path / "bin"
    for path, script in {
        host.agent / "bin" / "amazon-cloudwatch-agent-ctl": CTL,
        programs / "systemctl": SYSTEMCTL,
        programs / "journalctl": "echo it said so in the journal",
    }.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("UNIT", str(host.unit))
    monkeypatch.setenv("AGENT", str(host.agent))
    monkeypatch.setattr(cloudwatch_agent_config, "HOME", str(host.agent))
    monkeypatch.setattr(cloudwatch_agent_config.time, "sleep", lambda _seconds: None)
    return host


def test_a_configuration_is_applied_once(host: Host, call_module: Any) -> None:
    planned = call_module(cloudwatch_agent_config, host.params(), check_mode=True, diff=True)
    assert (planned["changed"], host.runs, host.record.exists()) == (True, 0, False)
    assert call_module(cloudwatch_agent_config, host.params(), diff=True) == planned
    assert json.loads((host.configurations / "file_slipway.json").read_text()) == WANTED
    for check_mode in (True, False):
        again = call_module(cloudwatch_agent_config, host.params(), check_mode=check_mode)
        assert (again["changed"], again["reasons"]) == (False, [])
    assert host.runs == 1


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda host: replace_in(host.configurations / "file_slipway.json", "used", "free"), "another configuration"),
        (lambda host: (host.configurations / "file_slipway.json").write_text("{"), "another configuration"),
        (lambda host: (host.configurations / "default").write_text("{}"), "also reads default"),
        (lambda host: (host.configurations.parent / "amazon-cloudwatch-agent.json").write_text("{}"), "also reads"),
        (lambda host: host.record.unlink(), "may not have read"),
        (lambda host: host.record.write_text("[]"), "may not have read"),
        (lambda host: replace_in(host.unit, "SubState=running", "SubState=auto-restart"), "not running"),
        (lambda host: replace_in(host.unit, "UnitFileState=enabled", "UnitFileState=disabled"), "at boot"),
    ],
)
def test_what_somebody_changed_is_put_right(host: Host, call_module: Any, spoil: Any, reason: str) -> None:
    call_module(cloudwatch_agent_config, host.params())
    spoil(host)
    planned = call_module(cloudwatch_agent_config, host.params(), check_mode=True)
    assert [True for found in planned["reasons"] if reason in found]
    assert call_module(cloudwatch_agent_config, host.params()) == planned
    assert not call_module(cloudwatch_agent_config, host.params())["changed"]


def test_what_the_agents_programs_are_busy_with_does_not_count(host: Host, call_module: Any) -> None:
    call_module(cloudwatch_agent_config, host.params())
    (host.configurations / "file_other.json.tmp").write_text("{}")
    assert not call_module(cloudwatch_agent_config, host.params())["changed"]


def test_a_configuration_that_the_agent_refuses_changes_nothing(host: Host, call_module: Any) -> None:
    call_module(cloudwatch_agent_config, host.params())
    failed = call_module(cloudwatch_agent_config, host.params(configuration={"metrics": {"refuse": 1}}))
    assert "Under path : /metrics/" in failed["msg"]
    assert not call_module(cloudwatch_agent_config, host.params())["changed"]


def test_an_agent_that_ends_again_is_noticed_and_tried_again(host: Host, call_module: Any) -> None:
    (host.agent / "logs").mkdir()
    (host.agent / "logs" / "amazon-cloudwatch-agent.log").write_text("E! cannot do crash\n")
    crashing = host.params(configuration={"metrics": {"crash": 1}}, stable_seconds=30)
    failed = call_module(cloudwatch_agent_config, crashing)
    assert "ended again" in failed["msg"]
    assert "E! cannot do crash" in failed["msg"]
    assert "it said so in the journal" in failed["msg"]
    assert call_module(cloudwatch_agent_config, crashing, check_mode=True)["changed"]


def test_without_the_agent_it_plans_and_says_what_is_missing(host: Host, call_module: Any) -> None:
    (host.agent / "bin" / "amazon-cloudwatch-agent-ctl").unlink()
    assert call_module(cloudwatch_agent_config, host.params(), check_mode=True)["changed"]
    assert "not installed" in call_module(cloudwatch_agent_config, host.params())["msg"]


def test_no_reason_when_all_is_as_wanted() -> None:
    agent = Agent({"file_slipway.json": WANTED}, digest(WANTED), is_running=True, is_enabled=True)
    assert find_reasons(agent, dict(WANTED)) == []
    assert len(find_reasons(Agent({}, None, is_running=False, is_enabled=False), WANTED)) == 4
