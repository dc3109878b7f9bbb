# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import date

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._inventory import application
from ansible_collections.slipway.aws.plugins.module_utils._inventory import lifetimes
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Backend
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Frontend
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory

TODAY = date(2026, 11, 21)
GOOD = Backend(
    "/code",
    files=frozenset(["pyproject.toml", "uv.lock"]),
    packages=frozenset(["uvicorn", "alembic"]),
    module_file="/code/app/main.py",
    module_names=frozenset(["app", "FastAPI"]),
)


def found(check, values=None, today=TODAY, **facts):
    values = values or {}
    return [str(problem) for problem in check(Inventory(values, values), Facts(today=today, **facts))]


def expect(problems, words):
    assert len(problems) == len(words), problems
    for problem, word in zip(problems, words, strict=True):
        assert word in problem, problems


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"path": "/x"}, []),
        ({"repo": "git@host:x.git", "version": "v1"}, []),
        ({}, ["neither a path nor a repo"]),
        ({"path": "/x", "repo": "y"}, ["both a path and a repo"]),
        ({"path": "code"}, ['Write: app_backend: {path: "{{ inventory_dir }}/code"}']),
        ({"path": "/x", "version": "v1"}, ["Take version out"]),
    ],
)
def test_where_the_code_is(source, words):
    expect(found(application.check_sources, {"app_backend": source}), words)


@pytest.mark.parametrize(
    ("backend", "values", "words"),
    [
        (None, {}, []),
        (GOOD, {"app_module": "app.main:app", "app_migrate_command": ["alembic", "upgrade", "head"]}, []),
        (Backend("/code", exists=False), {"app_module": "app.main:app"}, ["there is no directory /code"]),
        (GOOD._replace(files=frozenset(["pyproject.toml"])), {}, ["no uv.lock in /code"]),
        (GOOD._replace(files=frozenset(["uv.lock"])), {}, ["no pyproject.toml in /code"]),
        (GOOD._replace(files=frozenset()), {}, ["no pyproject.toml", "no uv.lock"]),
        (GOOD._replace(error="/code/pyproject.toml cannot be read: x"), {}, ["cannot be read"]),
        (GOOD._replace(packages=frozenset(["flask"])), {}, ["uvicorn, which serves the application"]),
        (
            GOOD._replace(packages=frozenset(["uvicorn"])),
            {"app_migrate_command": ["alembic", "upgrade", "head"]},
            ["app_migrate_command: alembic is not in"],
        ),
        (GOOD._replace(module_file=""), {"app_module": "app.main:app"}, ["there is no app/main.py in /code"]),
        (GOOD, {"app_module": "app.main:api"}, ["defines no api at its top. Write: app_module: app.main:app"]),
        (GOOD._replace(module_names=None), {"app_module": "app.main:api"}, []),
        (GOOD, {"app_module": "app.main"}, []),
    ],
)
def test_back_end(backend, values, words):
    expect(found(application.check_backend, values, backend=backend), words)


@pytest.mark.parametrize(
    ("module", "right"),
    [("app.main:app", True), ("main:create.app", True), ("app.main", False), ("app/main.py:app", False), (":", False)],
)
def test_form_of_the_module(module, right):
    assert (found(application.check_module_form, {"app_module": module}) == []) == right


@pytest.mark.parametrize(
    ("frontend", "words"),
    [
        (None, []),
        (Frontend("/dist"), []),
        (Frontend("/dist", exists=False), ["there is no directory /dist"]),
        (Frontend("/dist", has_index=False), ["there is no index.html in /dist"]),
    ],
)
def test_front_end(frontend, words):
    expect(found(application.check_frontend, frontend=frontend), words)


@pytest.mark.parametrize(
    ("path", "pattern", "words"),
    [
        ("/api/health", "/api/*", []),
        ("/api/v1/health", "api/*", []),
        ("/v1/health", "/v?/*", []),
        ("/health", "/api/*", ["Write: app_health_path: /api/health"]),
        ("/api", "/api/*", ["is not below that"]),
        ("health", "/api/*", ["Write: app_health_path: /health", "is not below that"]),
        ("api/health", "/api/*", ["Write: app_health_path: /api/health"]),
        ("/api/health?x=1", "/api/*", ["more than a path"]),
        ("/api/a b", "/api/*", ["more than a path"]),
    ],
)
def test_health_path(path, pattern, words):
    values = {"app_health_path": path, "static_site_api_path_pattern": pattern}
    expect(found(application.check_health, values), words)


@pytest.mark.parametrize(
    ("environment", "secrets", "words"),
    [
        ({"A": "x", "B_2": 5, "c": True}, ["D"], []),
        ({"A-B": "x"}, [], ["app_environment.A-B", "Write: A_B:"]),
        ({"1A": "x"}, [], ["Write: A:"]),
        ({5: "x"}, [], ["app_environment.5"]),
        ({"A": ["x"]}, [], ["not a list or a dict"]),
        ({"A": "x\ny"}, [], ["has one line"]),
        ({}, ["my-key"], ["Write: app_secrets: [MY_KEY]"]),
        ({}, ["K", "K"], ["K is there more than once"]),
        ({"K": "x"}, ["K"], ["app_environment.K", "app_secrets too"]),
    ],
)
def test_environment(environment, secrets, words):
    problems = found(application.check_environment, {"app_environment": environment, "app_secrets": secrets})
    assert len(problems) == min(len(words), 1), problems
    assert all(word in problems[0] for word in words), problems


@pytest.mark.parametrize(
    ("family", "today", "words"),
    [
        ("debian-13", TODAY, []),
        # Regular support of Debian 12 is over, long-term support is not.
        ("debian-12", TODAY, []),
        ("debian-12", date(2028, 6, 30), []),
        ("debian-12", date(2028, 7, 1), ["no security updates since 2028-06-30"]),
        ("debian-11", TODAY, ["no security updates since 2026-08-31"]),
        ("ubuntu-20.04", TODAY, ["since 2025-05-31"]),
        ("al2023", TODAY, []),
        ("al2023", date(2029, 7, 1), ["since 2029-06-30"]),
        ("windows-95", TODAY, []),
    ],
)
def test_end_of_life_of_images(family, today, words):
    problems = found(application.check_lifetimes, {"ec2_host_image_family": family}, today)
    expect(problems, words)
    assert all("acknowledged_warnings: [end_of_life]" in problem for problem in problems)


@pytest.mark.parametrize(
    ("values", "backend", "words"),
    [
        ({"python_app_python": "/usr/bin/python3"}, GOOD, []),
        (
            {"python_app_python": "/usr/bin/python3.9"},
            GOOD,
            ["Python 3.9 has had no security updates since 2025-10-31"],
        ),
        ({"python_app_python": "/usr/bin/python3.12"}, GOOD, []),
        ({}, GOOD._replace(python_version="3.9.18"), [".python-version of /code: Python 3.9"]),
        ({}, GOOD._replace(python_version="cpython-3.13"), []),
        (
            {},
            GOOD._replace(pythons=frozenset(["3.8", "3.9"]), requires_python="<3.10"),
            ["allows no Python that still"],
        ),
        ({}, GOOD._replace(pythons=frozenset(), requires_python="<3"), ["allows no Python that still"]),
        (
            {"python_app_python": "/usr/bin/python3", "ec2_host_image_family": "debian-12"},
            GOOD._replace(pythons=frozenset(["3.13", "3.14"]), requires_python=">=3.13"),
            ["does not allow Python 3.11, which the host has (ec2_host_image_family)"],
        ),
        (
            {"python_app_python": "/usr/bin/python3", "ec2_host_image_family": "debian-13"},
            GOOD._replace(pythons=frozenset(["3.13", "3.14"]), requires_python=">=3.13"),
            [],
        ),
        # A distribution looks after its own Python, however old.
        (
            {"python_app_python": "/usr/bin/python3", "ec2_host_image_family": "al2023"},
            GOOD._replace(pythons=frozenset(["3.9", "3.13"]), requires_python=">=3.9"),
            [],
        ),
    ],
)
def test_end_of_life_of_python(values, backend, words):
    expect(found(application.check_lifetimes, values, backend=backend), words)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("", []),
        ("^20.19.0 || >=22.12.0", []),
        (">=18", []),
        (">=18 <21", ["Node 20 has had no security updates since 2026-04-30"]),
        ("18.x", ["Node 18 has had"]),
        ("^18.0.0 || ^20.0.0", ["Node 20 has had"]),
        ("v20.11.1", ["Node 20 has had"]),
        ("16 - 20", ["Node 20 has had"]),
        ("~22.1", []),
        ("*", []),
        ("lts/*", []),
        ("nonsense", []),
    ],
)
def test_end_of_life_of_node(node, words):
    expect(found(application.check_lifetimes, frontend=Frontend("/d", node=node, node_file="/package.json")), words)


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ("^20.19.0 || >=22.12.0", {"20", "22", "24", "26", "28"}),
        (">=18 <21", {"18", "20"}),
        ("<20", {"16", "18"}),
        ("<20.5", {"16", "18", "20"}),
        ("<=20", {"16", "18", "20"}),
        ("18 - 22", {"18", "20", "22"}),
        ("18.x", {"18"}),
        ("lts/*", None),
    ],
)
def test_which_nodes_are_allowed(spec, allowed):
    assert application.node_versions(spec) == allowed


def test_the_tables_of_lifetimes_name_a_source_and_know_what_is_offered():
    for table in (lifetimes.IMAGE_FAMILIES, lifetimes.PYTHONS, lifetimes.NODES):
        assert all(lifetime.source.startswith("https://") for lifetime in table.values())
        assert lifetimes.newest(table, TODAY)
    assert set(lifetimes.SYSTEM_PYTHONS) <= set(lifetimes.IMAGE_FAMILIES)


def test_http_origin_is_a_warning_that_a_domain_or_an_acknowledgement_ends():
    (problem,) = found(application.check_http_origin)
    assert "acknowledged_warnings: [http_origin]" in problem
    assert found(application.check_http_origin, {"domain_name": "app.example.com"}) == []
    known = Inventory({}, {}, frozenset(["domain_name"]))
    (problem,) = application.check_http_origin(known, Facts(today=TODAY))
    assert "Write: domain_name: app.example.com" in str(problem)


@pytest.mark.parametrize(
    ("stage", "values", "words"),
    [
        ("production", {"ec2_host_termination_protection": True, "ec2_host_data_volume_on_delete": "snapshot"}, []),
        ("production", {"ec2_host_termination_protection": False}, ["Write: ec2_host_termination_protection: true"]),
        (
            "production",
            {"ec2_host_data_volume_on_delete": "delete"},
            ["Write: ec2_host_data_volume_on_delete: snapshot"],
        ),
        ("production", {"app_environment": {"DEBUG": "True"}}, ['Write: DEBUG: "false"']),
        ("production", {"app_environment": {"DEBUG": "false"}}, []),
        ("test", {"ec2_host_termination_protection": False, "app_environment": {"DEBUG": "1"}}, []),
    ],
)
def test_what_production_must_not_be(stage, values, words):
    expect(found(application.check_stage, {"stage": stage, **values}), words)
