# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from unittest.mock import MagicMock
from xml.etree import ElementTree

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.slipway.aws.plugins.action import verify_report

SETTINGS = {"project_name": "shop", "account_id": "123456789012"}
PROJECT = {"identity": {"account": "123456789012", "arn": "arn:aws:iam::123456789012:user/admin"}}


@pytest.fixture
def shown(monkeypatch):
    lines = []
    monkeypatch.setattr(verify_report.display, "display", lambda line, color=None: lines.append(line))
    return lines


@pytest.fixture
def report(shown):
    def run(**arguments):
        arguments = {"settings": SETTINGS, "project": PROJECT, "host": {"error": "off"}, "web": {}, **arguments}
        task = MagicMock(async_val=0, args=arguments, check_mode=False)
        action = verify_report.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        return action.run(task_vars={})

    return run


def test_it_shows_all_checks_and_fails_none(report, shown):
    result = report()
    assert not result["changed"]
    assert not result.get("failed")
    assert result["failed_checks"]
    assert "account" not in result["failed_checks"]
    assert shown[0] == "Pre-Deployment"
    assert shown[-1] == result["summary"]
    assert any(line.split()[:2] == ["pass", "account"] for line in shown)
    assert any(line.split()[:2] == ["FAIL", "host-ssh"] for line in shown)
    assert result["junit_file"] == ""


def test_it_writes_junit_over_an_earlier_one(report, tmp_path):
    path = tmp_path / "verify.xml"
    path.write_text("an earlier one")
    result = report(junit_file=str(path))
    assert result["junit_file"] == str(path)
    root = ElementTree.parse(path).getroot()
    assert int(root.get("failures")) == len(result["failed_checks"])
    assert int(root.get("tests")) == len(result["checks"]) == len(root.findall("testsuite/testcase"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["verify.xml"]


def test_a_place_where_it_cannot_write_is_named(report, tmp_path):
    with pytest.raises(AnsibleActionFail, match=r"none/verify\.xml: No such file .* verify_junit_file"):
        report(junit_file=str(tmp_path / "none" / "verify.xml"))


def test_an_argument_that_nobody_knows_is_refused(report):
    with pytest.raises(Exception, match="junit"):
        report(junit="verify.xml")
