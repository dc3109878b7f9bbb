# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from ansible_collections.slipway.aws.plugins.module_utils._verify.report import build_junit
from ansible_collections.slipway.aws.plugins.module_utils._verify.report import build_table
from ansible_collections.slipway.aws.plugins.module_utils._verify.report import summarise


def result(name: str, status: str, *checklists: str, seen: str = "what is there") -> dict[str, Any]:
    failed = status == "fail"
    return {
        **{"id": name, "title": f"Title of {name}", "checklists": list(checklists), "status": status},
        **{"looked_at": "the place", "seen": seen},
        **{"why": "it hurts" if failed else "", "remedy": "mend it" if failed else ""},
    }


RESULTS = [
    result("late", "pass", "Security Hardening"),
    result("sg-ssh", "fail", "Pre-Deployment", "Security Hardening", seen="tcp 22 from 0.0.0.0/0 & <more>\x00"),
    result("tls", "not applicable", "Pre-Deployment"),
]


def test_the_table_is_by_checklist_in_the_guides_order():
    assert build_table(RESULTS) == [
        ("", "Pre-Deployment"),
        ("fail", "  FAIL  sg-ssh  Title of sg-ssh [also Security Hardening]"),
        ("fail", "                the place -> tcp 22 from 0.0.0.0/0 & <more>\x00"),
        ("fail", "                why it matters: it hurts"),
        ("fail", "                what mends it: mend it"),
        ("not applicable", "  n/a   tls     Title of tls"),
        ("not applicable", "                the place -> what is there"),
        ("", "Security Hardening"),
        ("pass", "  pass  late    Title of late"),
        ("pass", "                the place -> what is there"),
    ]


def test_the_summary_names_what_failed():
    assert summarise(RESULTS) == "3 checks: 1 passed, 1 failed, 1 not applicable. Failed: sg-ssh"
    assert summarise(RESULTS[:1]) == "1 checks: 1 passed, 0 failed, 0 not applicable"


def test_junit():
    text = build_junit(RESULTS, "shop")
    assert text.startswith('<?xml version="1.0" encoding="utf-8"?>\n')
    root = ElementTree.fromstring(text.encode())
    assert root.attrib == {
        **{"name": "verify shop", "tests": "3", "failures": "1", "skipped": "1"},
        **{"errors": "0", "time": "0"},
    }
    assert [(s.get("name"), s.get("tests"), s.get("failures")) for s in root] == [
        ("Pre-Deployment", "2", "1"),
        ("Security Hardening", "1", "0"),
    ]
    failed, skipped = root[0]
    assert (failed.get("classname"), failed.get("name")) == ("shop.Pre-Deployment", "sg-ssh")
    assert [p.attrib for p in failed.find("properties")] == [
        {"name": "title", "value": "Title of sg-ssh"},
        {"name": "checklist", "value": "Pre-Deployment"},
        {"name": "checklist", "value": "Security Hardening"},
    ]
    failure = failed.find("failure")
    assert failure.get("message") == "tcp 22 from 0.0.0.0/0 & <more>?"  # a zero byte has no place in XML
    assert failure.text == "Why it matters: it hurts\nWhat mends it: mend it"
    assert skipped.find("skipped").get("message") == "what is there"
    passed = root[1][0]
    assert passed.find("failure") is None
    assert passed.find("skipped") is None
    assert passed.find("system-out").text == "Title of late\nlooked at: the place\nseen: what is there"
