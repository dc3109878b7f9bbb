# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""docs/guides/: each item of a guide has one row, and all that the rows name is there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from ansible_collections.slipway.aws.plugins.module_utils._verify.checks import CHECKS

ROOT = Path(__file__).resolve().parents[3]
ITEMS = (ROOT / "tests" / "data" / "etf_portfolio_items.txt").read_text(encoding="utf-8").split()
GUIDE = (ROOT / "docs" / "guides" / "etf_portfolio.md").read_text(encoding="utf-8")
NOT_DONE = "not done on purpose: "


class Row(NamedTuple):
    item: str
    what: str
    here: str
    done_by: str
    proven_by: str


def read_rows(text: str) -> list[Row]:
    table = text.partition("| item | what | here | done by | proven by |\n|---|---|---|---|---|\n")[2].partition(
        "\n\n"
    )[0]
    cells = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in table.splitlines()]
    return [Row(row[0].strip("`"), *row[1:]) for row in cells]


def find_tests() -> Counter[str]:
    """How many files have a test of that name."""
    found: Counter[str] = Counter()
    for directory in ("tests", "examples"):
        for path in (ROOT / directory).rglob("test_*.py"):
            if not {".venv", "node_modules", "output"} & set(path.relative_to(ROOT).parts):
                found.update(read_tests(path))
    return found


def read_tests(path: Path) -> set[str]:
    return set(re.findall(r"^ *(?:async )?def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE))


def find_variables() -> set[str]:
    specs = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in ROOT.glob("roles/*/meta/argument_specs.yml")]
    return {name for spec in specs for entry in spec["argument_specs"].values() for name in entry.get("options", {})}


ROWS = read_rows(GUIDE)
TESTS = find_tests()
KNOWN = {
    *(path.stem for kind in ("modules", "filter") for path in (ROOT / "plugins" / kind).glob("*.py")),
    *find_variables(),
}
CHECK_IDS = {check.id for check in CHECKS}


def find_problems(text: str) -> list[str]:
    """What a cell names that is not there."""
    problems = []
    checks = {
        name
        for list_ in re.findall(r"\bchecks? ((?:`[^`]+`(?:, )?)+)", text)
        for name in re.findall(r"`([^`]+)`", list_)
    }
    problems += [f"there is no check {name}" for name in sorted(checks - CHECK_IDS)]
    for name in sorted(set(re.findall(r"`([^`]+)`", text)) - checks):
        path, _separator, test = name.partition("::")
        if test:
            if not (ROOT / path).is_file() or test not in read_tests(ROOT / path):
                problems.append(f"there is no test {name}")
        elif "/" in name:
            if not (ROOT / name).exists() or Path(name).is_absolute():
                problems.append(f"there is no {name}")
        elif name.startswith("test_"):
            if TESTS[name] != 1:
                problems.append(f"{TESTS[name]} files have a test {name}")
        elif name not in KNOWN and not name.endswith("="):
            problems.append(f"{name} is no module, filter or variable")
    return problems


def test_each_item_has_one_row_in_the_guides_order():
    assert len(ITEMS) == len(set(ITEMS)) == 136
    assert [row.item for row in ROWS] == ITEMS


@pytest.mark.parametrize("row", ROWS, ids=[row.item for row in ROWS])
def test_all_that_a_row_names_is_there(row):
    assert row.what
    assert row.here
    assert find_problems(row.done_by) + find_problems(row.proven_by) == []
    assert row.done_by.startswith(NOT_DONE) or "`" in row.done_by
    assert re.search("`test_|::test_|check|tests/", row.proven_by)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`roles/host_base/README.md`, `vpc_network`, `masked`, `admin_cidrs`, check `sg-api`", None),
        ("`roles/host_base/tasks/nothing.yml`", "there is no roles/host_base/tasks/nothing.yml"),
        ("`/etc/passwd`", "there is no /etc/passwd"),
        ("`vpc_networks`", "vpc_networks is no module, filter or variable"),
        ("check `sg-nothing`", "there is no check sg-nothing"),
        ("checks `sg-api`, `sg-nothing`", "there is no check sg-nothing"),
        ("`test_nobody_wrote_this`", "0 files have a test test_nobody_wrote_this"),
        (
            "`tests/unit/docs/test_guides.py::test_nothing`",
            "there is no test tests/unit/docs/test_guides.py::test_nothing",
        ),
        ("`sg-api`", "sg-api is no module, filter or variable"),
    ],
)
def test_what_is_not_there_is_found(text, problem):
    assert find_problems(text) == ([problem] if problem else [])


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", GUIDE):
        assert (ROOT / "docs" / "guides" / target).exists(), target


def test_the_costs_add_up():
    table = GUIDE.partition("## What it costs")[2]
    amounts = [float(amount) for amount in re.findall(r"^\| (?!\*).*? \| (\d+\.\d\d) \| .* \|$", table, re.MULTILINE)]
    (total,) = re.findall(r"^\| \*\*together\*\* \| \| \*\*(\d+\.\d\d)\*\* \|", table, re.MULTILINE)
    assert len(amounts) == 9
    assert round(sum(amounts), 2) == float(total)
