# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what checks found, for people and for programs that read JUnit's XML. Pure.

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import CHECKLISTS
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import FAIL
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import NOT_APPLICABLE
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import PASS

if TYPE_CHECKING:
    from typing import Any

WORDS = {PASS: "pass", FAIL: "FAIL", NOT_APPLICABLE: "n/a"}

# What XML 1.0 cannot hold in any form. https://www.w3.org/TR/xml/#charsets
UNSPEAKABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def build_table(results: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Lines to show, each with the status it is of ('' for headings): the checks by their first checklist."""
    width = max((len(result["id"]) for result in results), default=0)
    lines = []
    for checklist in _checklists(results):
        lines.append(("", checklist))
        for result in results:
            if result["checklists"][0] != checklist:
                continue
            status, margin = result["status"], " " * (width + 10)
            also = f" [also {', '.join(result['checklists'][1:])}]" if result["checklists"][1:] else ""
            said = [f"  {WORDS[status]:4}  {result['id']:{width}}  {result['title']}{also}"]
            said.append(f"{margin}{result['looked_at']} -> {result['seen']}")
            if status == FAIL:
                said += [f"{margin}why it matters: {result['why']}", f"{margin}what mends it: {result['remedy']}"]
            lines += [(status, line) for line in said]
    return lines


def _checklists(results: list[dict[str, Any]]) -> list[str]:
    """The checklists, in the guide's order, that come first for a check."""
    return [name for name in CHECKLISTS if any(result["checklists"][0] == name for result in results)]


def summarise(results: list[dict[str, Any]]) -> str:
    count = {status: len([r for r in results if r["status"] == status]) for status in (PASS, FAIL, NOT_APPLICABLE)}
    said = f"{len(results)} checks: {count[PASS]} passed, {count[FAIL]} failed, {count[NOT_APPLICABLE]} not applicable"
    failed = [result["id"] for result in results if result["status"] == FAIL]
    return f"{said}. Failed: {', '.join(failed)}" if failed else said


def build_junit(results: list[dict[str, Any]], project: str) -> str:
    """JUnit's XML: a suite for each checklist; a check that is on several stands in the first, with its properties."""
    root = ElementTree.Element("testsuites", name=_clean(f"verify {project}"), **_counts(results))
    for checklist in _checklists(results):
        mine = [result for result in results if result["checklists"][0] == checklist]
        suite = ElementTree.SubElement(root, "testsuite", name=checklist, **_counts(mine))
        for result in mine:
            _add_case(suite, result, project)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _add_case(suite: ElementTree.Element, result: dict[str, Any], project: str) -> None:
    classname = _clean(f"{project}.{result['checklists'][0]}")
    case = ElementTree.SubElement(suite, "testcase", name=result["id"], classname=classname, time="0")
    properties = ElementTree.SubElement(case, "properties")
    ElementTree.SubElement(properties, "property", name="title", value=result["title"])
    for checklist in result["checklists"]:
        ElementTree.SubElement(properties, "property", name="checklist", value=checklist)
    if result["status"] == FAIL:
        failure = ElementTree.SubElement(case, "failure", message=_clean(result["seen"]), type="check")
        failure.text = f"Why it matters: {result['why']}\nWhat mends it: {result['remedy']}"
    elif result["status"] == NOT_APPLICABLE:
        ElementTree.SubElement(case, "skipped", message=_clean(result["seen"]))
    seen = ElementTree.SubElement(case, "system-out")
    seen.text = _clean(f"{result['title']}\nlooked at: {result['looked_at']}\nseen: {result['seen']}")


def _counts(results: list[dict[str, Any]]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(len([result for result in results if result["status"] == FAIL])),
        "skipped": str(len([result for result in results if result["status"] == NOT_APPLICABLE])),
        "errors": "0",
        "time": "0",
    }


def _clean(text: str) -> str:
    return UNSPEAKABLE.sub("?", text)
