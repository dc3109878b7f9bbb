# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import date

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._inventory import variables
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import WARNINGS
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import KeyFile
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Problem
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Unreadable
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import acknowledge

OPTIONS = {
    "project": {"type": "str", "required": True, "description": "x"},
    "access": {"type": "str", "choices": ["direct", "ssm"]},
    "volume_size": {"type": "int", "default": 10},
    "sources": {"type": "list", "elements": "dict", "default": [{"a": 1}]},
    "source": {"type": "dict", "options": {"path": {"type": "path", "required": True, "description": "x"}}},
    "worked_out": {"type": "str"},
}
FACTS = Facts(today=date(2026, 11, 21))


def inventory(**values):
    return Inventory(values, values)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"project": "a"}, []),
        ({"project": "a", "volume_size": 12, "access": "ssm", "source": {"path": "."}}, []),
        ({"project": "a", "volume_size": "12"}, []),
        ({"project": "a", "ansible_user": "x", "vault_key": "y", "local_thing": 1}, []),
        ({"project": "a", "source": {}}, []),
        ({}, [["project", "required, and missing", "Write: project: my-app"]]),
        ({"project": ""}, [["project", "required, and empty", "Write: project: my-app"]]),
        ({"project": None}, [["project", "required, and empty"]]),
        ({"project": ["a"]}, [["project", "list", "text"]]),
        ({"project": "a", "volume_size": None}, [["volume_size", "it is empty", "Write: volume_size: 10"]]),
        ({"project": "a", "volume_size": "big"}, [["volume_size", "not a whole number", "Write: volume_size: 10"]]),
        ({"project": "a", "volume_size": {"a": 1}}, [["volume_size", "not a whole number"]]),
        ({"project": "a", "access": "telnet"}, [["access", "direct", "ssm", "Write: access: direct"]]),
        ({"project": "a", "access": ""}, []),
        ({"project": "a", "source": {"pth": "."}}, [["source", "required", "path"], ["source", "pth", "mean path?"]]),
        ({"project": "a", "source": 5}, [["source", "not a dict"]]),
        ({"project": "a", "sources": ["x"]}, [["sources", 'Write: sources: [{"a": 1}]']]),
        ({"project": "a", "volum_size": 1}, [["volum_size", "Did you mean volume_size. Write: volume_size: ..."]]),
        ({"project": "a", "colour": 1}, [["colour", "nothing would read it", "write: local_colour"]]),
        ({"project": "a", "worked_out": 1}, [["worked_out", "would ignore", "Remove it"]]),
        ({"project": Unreadable("'x' is undefined")}, [["project", "'x' is undefined", "Write: project: my-app"]]),
        ({"project": "a", "local_x": Unreadable("'y' is undefined")}, [["local_x", "'y' is undefined", "template"]]),
        ({"acess": 1, "volume_size": "z"}, [["acess", "access"], ["project"], ["volume_size"]]),
    ],
)
def test_every_problem_of_names_and_types_is_named_at_once(given, words):
    _values, problems = variables.read_values(given, OPTIONS, derived=["worked_out"])
    assert len(problems) == len(words), problems
    for problem, needed in zip(problems, words, strict=True):
        assert problem.variable == needed[0]
        assert all(word in str(problem) for word in needed), problem


def test_values_are_of_the_right_type_with_defaults_and_without_what_is_wrong():
    values, _problems = variables.read_values({"project": "a", "volume_size": "12", "access": "x"}, OPTIONS, [])
    assert values == {"project": "a", "volume_size": 12, "sources": [{"a": 1}]}


def test_options_of_all_entry_points_and_roles_are_known():
    first = {"argument_specs": {"main": {"options": {"a": {"type": "str"}}}, "find": {"options": {"b": {}}}}}
    second = {"argument_specs": {"main": {"short_description": "no options"}}}
    assert set(variables.merge_options([first, second])) == {"a", "b"}


def test_what_playbooks_give_to_roles_is_found_wherever_it_stands():
    book = [
        {"hosts": "x", "vars": {"a": 1}, "roles": [{"role": "r", "vars": {"b": 2}}]},
        {"import_playbook": "x", "vars": {"c": 1}},
        {"tasks": [{"block": [{"include_role": {"name": "r"}, "vars": {"d": 3}}]}, {"debug": {"msg": "vars"}}]},
    ]
    assert set(variables.given_to_roles(book)) == {"a", "b", "c", "d"}
    assert set(variables.given_to_roles(None)) == set()


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("ec2_host_root_volume_size", 7, "ec2_host_root_volume_size: 8"),
        ("ec2_host_root_volume_size", 20000, "ec2_host_root_volume_size: 16384"),
        ("static_site_api_port", 0, "static_site_api_port: 1"),
        ("release_proxy_port", 70000, "release_proxy_port: 65535"),
        ("python_app_keep_releases", 1, "python_app_keep_releases: 2"),
        ("some_role_of_tomorrow_days", -1, "some_role_of_tomorrow_days: 0"),
        ("some_role_of_tomorrow_timeout", 0, "some_role_of_tomorrow_timeout: 1"),
    ],
)
def test_numbers_out_of_range(name, value, line):
    problems = list(variables.check_ranges(inventory(**{name: value}), FACTS))
    assert [(problem.variable, problem.advice) for problem in problems] == [(name, f"Write: {line}")]


@pytest.mark.parametrize(
    ("name", "value"),
    [("ec2_host_root_volume_size", 8), ("some_days", 0), ("is_on_port", True), ("a_port", "80"), ("count", -5)],
)
def test_numbers_in_range(name, value):
    assert list(variables.check_ranges(inventory(**{name: value}), FACTS)) == []


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"static_site_api_port": 8000, "release_proxy_local_port": 8009, "python_app_ports": {"a": 81, "b": 82}}, []),
        ({"static_site_api_port": 22}, ["static_site_api_port"]),
        ({"static_site_api_port": 8009, "release_proxy_local_port": 8009}, ["release_proxy_local_port"]),
        ({"python_app_ports": {"a": 8101, "b": 8101}}, ["python_app_ports.b"]),
        ({"python_app_ports": {"a": 0, "b": 8101}}, ["python_app_ports.a"]),
    ],
)
def test_each_port_once(values, wrong):
    assert [problem.variable for problem in variables.check_ports(inventory(**values), FACTS)] == wrong


@pytest.mark.parametrize(
    ("path", "key", "words"),
    [
        ("/k", KeyFile(), []),
        ("/k", None, []),
        ("k", KeyFile(), ["relative"]),
        ("/k", KeyFile(exists=False), ["there is no file /k"]),
        ("/k", KeyFile(mode=0o644), ["chmod 600 /k"]),
        ("/k", KeyFile(mode=0o660, has_public_key=False), ["0660", "ssh-keygen -y -f /k > /k.pub"]),
        ("/k.pub", KeyFile(is_private_key=False), ["no private ssh key"]),
    ],
)
def test_key_file(path, key, words):
    problems = list(variables.check_key_file(inventory(ssh_private_key_file=path), FACTS._replace(key_file=key)))
    assert len(problems) == len(words), problems
    assert all(word in str(problem) for problem, word in zip(problems, words, strict=True))


def test_a_warning_is_none_once_it_is_acknowledged():
    warning, error = Problem("a", "b", "c", "http_origin"), Problem("a", "b", "c")
    assert "acknowledged_warnings: [http_origin]" in str(warning)
    assert acknowledge([warning, error], []) == [warning, error]
    assert acknowledge([warning, error], ["http_origin"]) == [error]
    assert list(variables.check_acknowledged(inventory(acknowledged_warnings=list(WARNINGS)), WARNINGS)) == []
    (unknown,) = variables.check_acknowledged(inventory(acknowledged_warnings=["http_orgin"]), WARNINGS)
    assert unknown.advice == "Write: acknowledged_warnings: [http_origin]"
