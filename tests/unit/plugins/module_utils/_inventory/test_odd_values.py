# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""No inventory, however wrong, makes a check fail: each known variable in turn gets each odd value."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._inventory.account import build_questions
from ansible_collections.slipway.aws.plugins.module_utils._inventory.checks import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Unreadable
from ansible_collections.slipway.aws.plugins.module_utils._inventory.variables import read_values
from ansible_collections.slipway.aws.plugins.plugin_utils._inventory_facts import read_facts
from ansible_collections.slipway.aws.plugins.plugin_utils._inventory_facts import read_known

COLLECTION = Path(__file__).resolve().parents[5]
KNOWN = read_known(COLLECTION, "spa_vm")
ODD = [
    None,
    "",
    "text",
    "/",
    "/dev/null",
    "a\0b",
    "ä" * 300,
    "{{ x }}",
    "{[(*+?\\",
    "a:b",
    ":",
    True,
    0,
    -1,
    10**30,
    1.5,
    float("nan"),
    [],
    [None],
    [[]],
    [{}],
    ["text", 5],
    [{"name": "x"}],
    [{"name": "x", "cidr_block": 5, "availability_zone": []}],
    [{"name": {}, "cidr_block": {}, "availability_zone": {}}],
    {},
    {"path": []},
    {"path": "/dev/null", "subdirectory": "../.."},
    {"path": "relative"},
    {"a": "x", "b": None},
    {1: 2, None: [], ("a",): {}},
    {"cidr_blocks": ["0.0.0.0/0", 5, None, {}], "port": {}},
    date(2026, 1, 1),
    Unreadable("'x' is undefined"),
]
GOOD = {
    "project": "my-app",
    "stage": "production",
    "shape": "spa_vm",
    "aws_account_id": "123456789012",
    "aws_region": "us-east-1",
    "access": "direct",
    "admin_cidrs": ["203.0.113.7/32"],
    "app_module": "app.main:app",
    "app_backend": {"path": str(COLLECTION / "examples" / "etf_portfolio" / "backend")},
    "app_frontend": {"path": str(COLLECTION / "examples" / "etf_portfolio" / "frontend" / "dist")},
    "app_health_path": "/api/health",
    "app_health_body": {"status": "healthy"},
    "acknowledged_warnings": ["http_origin"],
}


def problems_of(variables):
    values, type_problems = read_values(variables, KNOWN.options, KNOWN.derived)
    inventory = Inventory(variables, values, frozenset(KNOWN.options))
    facts = read_facts(inventory, "", date(2026, 11, 21))
    build_questions(inventory, facts, KNOWN.wiring)
    return [str(problem) for problem in find_problems(inventory, facts, type_problems, KNOWN.wiring)]


@pytest.mark.parametrize("name", sorted(KNOWN.options))
def test_no_value_of_any_variable_makes_a_check_fail(name):
    for odd in ODD:
        for problem in problems_of({**GOOD, name: odd}):
            variable, colon, rest = problem.partition(": ")
            assert variable, problem
            assert colon, problem
            assert rest, problem


def test_all_variables_odd_at_once():
    for odd in ODD:
        assert problems_of(dict.fromkeys(KNOWN.options, odd))
    assert problems_of({})
