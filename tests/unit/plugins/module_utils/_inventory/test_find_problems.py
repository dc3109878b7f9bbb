# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._inventory import Unreadable
from ansible_collections.slipway.aws.plugins.module_utils._inventory import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._inventory import merge_options

OPTIONS = {
    "project": {"type": "str", "required": True, "description": "x"},
    "access": {"type": "str", "choices": ["direct", "ssm"]},
    "volume_size": {"type": "int", "default": 10},
    "source": {"type": "dict", "options": {"path": {"type": "path", "required": True, "description": "x"}}},
    "worked_out": {"type": "str"},
}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"project": "a"}, []),
        ({"project": "a", "volume_size": 12, "access": "ssm", "source": {"path": "."}}, []),
        ({"project": "a", "volume_size": "12"}, []),
        ({"project": "a", "ansible_user": "x", "vault_key": "y", "local_thing": 1}, []),
        ({}, [["project", "required", "Write: project: my-app"]]),
        ({"project": ""}, [["project", "required"]]),
        ({"project": "a", "volume_size": "big"}, [["volume_size", "int"]]),
        ({"project": "a", "access": "telnet"}, [["access", "direct", "ssm"]]),
        ({"project": "a", "source": {}}, []),
        ({"project": "a", "source": {"pth": "."}}, [["source", "required", "path"], ["source", "Unsupported", "pth"]]),
        ({"project": "a", "volum_size": 1}, [["volum_size", "Did you mean volume_size?"]]),
        ({"project": "a", "colour": 1}, [["colour", "local_colour"]]),
        ({"project": "a", "worked_out": 1}, [["worked_out", "would ignore"]]),
        ({"project": Unreadable("'x' is undefined")}, [["project", "'x' is undefined"]]),
        ({"acess": 1, "volume_size": "z"}, [["acess", "access"], ["project"], ["volume_size"]]),
    ],
)
def test_every_problem_is_named_at_once(variables, words):
    problems = find_problems(variables, OPTIONS, derived=["worked_out"], examples={"project": "project: my-app"})
    assert len(problems) == len(words), problems
    for problem, needed in zip(problems, words, strict=True):
        assert all(word in problem for word in needed), problem


def test_options_of_all_entry_points_and_roles_are_known():
    first = {"argument_specs": {"main": {"options": {"a": {"type": "str"}}}, "find": {"options": {"b": {}}}}}
    second = {"argument_specs": {"main": {"short_description": "no options"}}}
    assert set(merge_options([first, second])) == {"a", "b"}
