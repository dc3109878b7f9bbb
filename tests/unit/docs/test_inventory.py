# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""docs/inventory.md says what the role preflight knows: each project-level variable, its type and its default."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import WARNINGS
from ansible_collections.slipway.aws.plugins.module_utils._inventory.variables import EXAMPLES
from ansible_collections.slipway.aws.plugins.module_utils._inventory.variables import validate_value

ROOT = Path(__file__).resolve().parents[3]
SPECS = yaml.safe_load((ROOT / "roles/preflight/meta/argument_specs.yml").read_text(encoding="utf-8"))
OPTIONS = SPECS["argument_specs"]["inventory"]["options"]


class Row(NamedTuple):
    kind: str
    default: str
    meaning: str
    example: str


def read_tables() -> dict[str, Row]:
    lines = (ROOT / "docs" / "inventory.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): Row(*row[1:]) for row in cells if len(row) == 5}


ROWS = read_tables()


def test_each_variable_has_a_row_and_each_row_a_variable():
    assert sorted(ROWS) == sorted(OPTIONS)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_type_default_and_example(name):
    row, option = ROWS[name], OPTIONS[name]
    assert row.kind == option["type"]
    if option.get("required"):
        assert row.default == "required"
    elif "default" in option:
        assert row.default == f"`{json.dumps(option['default'])}`"
    else:
        assert row.default == "none"
    assert row.meaning
    example = row.example.strip("`")
    if example.startswith("-e "):
        assert example.startswith(f"-e {name}=")
        return
    (key, value), *others = yaml.safe_load(example).items()
    assert (key, others) == (name, [])
    assert validate_value(name, value, option)[1] == []


@pytest.mark.parametrize("name", sorted(name for name, option in OPTIONS.items() if option.get("required")))
def test_the_line_to_write_is_the_documents_example(name):
    assert EXAMPLES[name].startswith(ROWS[name].example.strip("`"))


def test_what_can_be_acknowledged():
    text = (ROOT / "docs" / "inventory.md").read_text(encoding="utf-8")
    table = dict(
        re.findall(r"^\| `(\w+)` \| (.+?) \|$", text.partition("## What can be acknowledged")[2], re.MULTILINE)
    )
    assert table == WARNINGS
