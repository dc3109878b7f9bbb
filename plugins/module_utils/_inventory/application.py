# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the application that an inventory names: its code, its settings, its versions. Pure.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._inventory import lifetimes
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import DOMAIN_VARIABLES
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Problem
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory

BACKEND_LINE = 'app_backend: {path: "{{ inventory_dir }}/../../backend"}'
FRONTEND_LINE = 'app_frontend: {path: "{{ inventory_dir }}/../../frontend/dist"}'
MODULE_LINE = "app_module: app.main:app"

ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Runs the application (role python_app); the host takes it from the release's own environment.
SERVER = "uvicorn"


# --- where the code is -----------------------------------------------------------------------------------------


def check_sources(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    for variable, line in (("app_backend", BACKEND_LINE), ("app_frontend", FRONTEND_LINE)):
        source = inventory.get(variable)
        if source is None:
            continue
        if bool(source.get("path")) == bool(source.get("repo")):
            reason = "it names both a path and a repo" if source.get("path") else "it names neither a path nor a repo"
            yield Problem(variable, reason, write(line))
        path = source.get("path")
        if path and not path.startswith("/"):
            reason = f"the path {path} is relative, and what to is not the same everywhere"
            yield Problem(variable, reason, f'Write: {variable}: {{path: "{{{{ inventory_dir }}}}/{path}"}}')
        if path and source.get("version"):
            yield Problem(variable, "a version is a repo's; a path is taken as it is", "Take version out")


def check_backend(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    backend = facts.backend
    if backend is None:
        return
    if not backend.exists:
        yield Problem("app_backend", f"there is no directory {backend.directory}", write(BACKEND_LINE))
        return
    if backend.error:
        yield Problem("app_backend", backend.error, "Repair the file, or run: uv lock")
    if "pyproject.toml" not in backend.files:
        reason = f"there is no pyproject.toml in {backend.directory}, so uv cannot build it"
        yield Problem("app_backend", reason, f"Run there: uv init --bare && uv add {SERVER}; or write: {BACKEND_LINE}")
    if "uv.lock" not in backend.files:
        reason = f"there is no uv.lock in {backend.directory}, so a release would not be the same twice"
        yield Problem("app_backend", reason, "Run there: uv lock")
    elif SERVER not in backend.packages and not backend.error:
        reason = f"{SERVER}, which serves the application, is not in {backend.directory}/uv.lock"
        yield Problem("app_backend", reason, f"Run there: uv add {SERVER}")
    command = inventory.get("app_migrate_command") or []
    if command and command[0] == "alembic" and backend.packages and "alembic" not in backend.packages:
        reason = f"alembic is not in {backend.directory}/uv.lock"
        yield Problem("app_migrate_command", reason, "Run there: uv add alembic; or write: app_migrate_command: []")
    yield from check_module(inventory, facts)


def check_module(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    module, backend = inventory.get("app_module"), facts.backend
    if not module or backend is None:
        return
    if not is_module(module):
        return
    name, attribute = module.split(":")
    if not backend.module_file:
        reason = f"there is no {name.replace('.', '/')}.py in {backend.directory}"
        yield Problem("app_module", reason, f"{write(MODULE_LINE)} (app/main.py, and the name in it)")
    elif backend.module_names is not None and attribute.split(".")[0] not in backend.module_names:
        found = sorted(name for name in backend.module_names if "app" in name.lower())
        meant = found[0] if found else "app"
        reason = f"{backend.module_file} defines no {attribute} at its top"
        yield Problem("app_module", reason, write(f"app_module: {name}:{meant}"))


def is_module(module: str) -> bool:
    name, colon, attribute = module.partition(":")
    return bool(colon) and all(word.isidentifier() for word in (*name.split("."), *attribute.split(".")))


def check_module_form(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    module = inventory.get("app_module")
    if module and not is_module(module):
        yield Problem("app_module", f"{module} is not of the form module:attribute", write(MODULE_LINE))


def check_frontend(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    frontend = facts.frontend
    if frontend is None:
        return
    if not frontend.exists:
        reason = f"there is no directory {frontend.directory}"
        yield Problem("app_frontend", reason, f"Build it (npm run build), or write: {FRONTEND_LINE}")
    elif not frontend.has_index:
        reason = f"there is no index.html in {frontend.directory}; the front end is the directory that its build made"
        yield Problem("app_frontend", reason, f"Build it (npm run build), or write: {FRONTEND_LINE}")


# --- its settings ----------------------------------------------------------------------------------------------


def matches_pattern(path: str, pattern: str) -> bool:
    """Whether CloudFront takes a path for a behaviour's: * is any characters, ? is one."""
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    # A leading slash of a pattern may be left out.
    return re.fullmatch(expression, path) is not None or re.fullmatch(f"/{expression}", path) is not None


def check_health(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    path, pattern = inventory.get("app_health_path"), inventory.get("static_site_api_path_pattern")
    if path and not path.startswith("/"):
        yield Problem("app_health_path", f"{path} does not begin with a slash", write(f"app_health_path: /{path}"))
        path = f"/{path}"
    if not path:
        return
    if re.search(r"[\s?#*]", path):
        reason = f"{path} is more than a path: it may hold no blanks, ?, # or *"
        yield Problem("app_health_path", reason, write("app_health_path: /api/health"))
    elif pattern and not matches_pattern(path, pattern):
        example = pattern.replace("*", "health").replace("?", "x")
        yield Problem(
            "app_health_path",
            f"CloudFront sends {pattern} to the back end, and {path} is not below that: the site would answer it",
            f"Write: app_health_path: /{example.lstrip('/')}, or another static_site_api_path_pattern",
        )


def legal_variable(name: Any) -> str:
    return re.sub(r"[^A-Z0-9_]", "_", str(name).upper()).lstrip("0123456789") or "NAME"


def check_environment(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    environment = inventory.get("app_environment") or {}
    secrets = inventory.get("app_secrets") or []
    for name, value in environment.items():
        where = f"app_environment.{name}"
        if not (isinstance(name, str) and ENVIRONMENT_NAME.fullmatch(name)):
            reason = "no environment variable can be called so: letters, digits and _ can, the first one no digit"
            yield Problem(where, reason, write(f"{legal_variable(name)}: ..."))
        if isinstance(value, (dict, list)):
            reason = "an environment variable is a text, not a list or a dict"
            yield Problem(where, reason, f"""Write: {name}: '{{"as": "JSON"}}'""")
        elif isinstance(value, str) and ("\n" in value or "\0" in value):
            yield Problem(where, "an environment variable has one line", write(f"{name}: one-line"))
    for name in secrets:
        if not ENVIRONMENT_NAME.fullmatch(name):
            reason = f"{name} cannot be the name of an environment variable: letters, digits and _ can"
            yield Problem("app_secrets", reason, write(f"app_secrets: [{legal_variable(name)}]"))
    for name in sorted({name for name in secrets if secrets.count(name) > 1}):
        yield Problem("app_secrets", f"{name} is there more than once", f"Take one {name} out")
    for name in sorted(set(secrets) & set(environment)):
        reason = f"{name} is in app_secrets too, whose value wins"
        yield Problem(f"app_environment.{name}", reason, "Take it out of one of them")


# --- versions --------------------------------------------------------------------------------------------------


def check_lifetimes(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    yield from check_image_family(inventory, facts)
    yield from check_python(inventory, facts)
    yield from check_node(facts)


def check_image_family(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    # As it is written: one that is offered no longer has no valid value.
    family = inventory.get("ec2_host_image_family") or inventory.raw.get("ec2_host_image_family")
    lifetime = lifetimes.IMAGE_FAMILIES.get(family) if isinstance(family, str) else None
    if lifetime and lifetimes.is_over(lifetime, facts.today):
        advice = write("ec2_host_image_family: debian-13, and ec2_host_replace: true (the data volume is kept)")
        yield Problem("ec2_host_image_family", lifetimes.describe_end(lifetime), advice, "end_of_life")


def used_python(inventory: Inventory) -> tuple[str, str]:
    """The version of Python that releases are built with, and what says so; empty where nobody can tell."""
    path = inventory.get("python_app_python") or ""
    named = re.search(r"python(3\.\d+)$", path)
    if named:
        return named[1], "python_app_python"
    if path == "/usr/bin/python3":
        return lifetimes.SYSTEM_PYTHONS.get(inventory.get("ec2_host_image_family") or "", ""), "ec2_host_image_family"
    return "", ""


def check_python(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    backend = facts.backend
    version, said_by = used_python(inventory)
    is_old = said_by == "python_app_python" and lifetimes.is_over(lifetimes.PYTHONS.get(version), facts.today)
    if is_old:
        reason = lifetimes.describe_end(lifetimes.PYTHONS[version])
        yield Problem("python_app_python", reason, write("python_app_python: /usr/bin/python3"), "end_of_life")
    if backend is None:
        return
    pinned = re.match(r"\D*(3\.\d+)", backend.python_version)
    if pinned and lifetimes.is_over(lifetimes.PYTHONS.get(pinned[1]), facts.today):
        reason = f".python-version of {backend.directory}: {lifetimes.describe_end(lifetimes.PYTHONS[pinned[1]])}"
        advice = f"{write('3.13')} into .python-version"
        yield Problem("app_backend", reason, advice, "end_of_life")
    if backend.pythons is None:
        return
    alive = [name for name in backend.pythons if not lifetimes.is_over(lifetimes.PYTHONS[name], facts.today)]
    where = f"requires-python of {backend.directory}/pyproject.toml ({backend.requires_python})"
    if not alive:
        reason = f"{where} allows no Python that still gets security updates"
        advice = 'Write: requires-python = ">=3.11" there, and run: uv lock'
        yield Problem("app_backend", reason, advice, "end_of_life")
    elif version and version not in backend.pythons and not is_old:
        reason = f"{where} does not allow Python {version}, which the host has ({said_by})"
        advice = f'Write: requires-python = ">={version}" there, and run: uv lock'
        yield Problem("app_backend", reason, advice)


def node_versions(spec: str) -> set[str] | None:
    """Of the versions in lifetimes.py, those that engines.node allows; None if it cannot be told.

    Whole major versions are compared: ^20.19.0 || >=22.12.0 allows 20 and everything from 22.
    """
    allowed: set[str] = set()
    for alternative in spec.split("||"):
        versions = {int(version) for version in lifetimes.NODES} | {max(map(int, lifetimes.NODES)) + 2}
        words = re.findall(r"([<>]=?|[\^~=]|)\s*v?(\d+|[xX*])((?:\.[\dxX*]+)*)(\s+-\s+)?", alternative)
        if not words or re.search(r"[^\d\s.xXv*<>=^~-]", alternative):
            return None
        upper = False
        for operator, major, rest, dash in words:
            if major in "xX*":
                continue
            number = int(major)
            if dash:
                versions = {version for version in versions if version >= number}
                upper = True
            elif upper:
                versions = {version for version in versions if version <= number}
            elif operator in (">", ">="):
                versions = {version for version in versions if version >= number}
            elif operator == "<":
                # "<21.3" still allows 21; "<21" and "<21.0.0" do not.
                whole = not rest.strip(".0")
                versions = {version for version in versions if version < number or (version == number and not whole)}
            elif operator == "<=":
                versions = {version for version in versions if version <= number}
            else:
                versions = {version for version in versions if version == number}
        allowed |= {str(version) for version in versions}
    return allowed


def check_node(facts: Facts) -> Iterator[Problem]:
    frontend = facts.frontend
    if frontend is None or not frontend.node:
        return
    # The names of long-term releases ("lts/*") and the like are not judged.
    allowed = node_versions(frontend.node)
    if not allowed or not all(version in lifetimes.NODES for version in allowed):
        return
    if all(lifetimes.is_over(lifetimes.NODES[version], facts.today) for version in allowed):
        last = lifetimes.NODES[max(allowed, key=int)]
        best = lifetimes.newest(lifetimes.NODES, facts.today)
        reason = f"{frontend.node_file} wants Node {frontend.node}: {lifetimes.describe_end(last)}"
        advice = f"{write(f'>={best}')} there, and build the front end with it"
        yield Problem("app_frontend", reason, advice, "end_of_life")


# --- what the shape cannot do safely by itself -----------------------------------------------------------------


def check_http_origin(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    if inventory.domain:
        return
    reason = "CloudFront reaches the host over HTTP, so that the origin secret travels in clear between them"
    named = [name for name in DOMAIN_VARIABLES if name in inventory.known]
    if named:
        yield Problem(named[0], f"without a domain, {reason}", write(f"{named[0]}: app.example.com"), "http_origin")
    else:
        advice = "Without a domain of its own, there is no certificate for the host"
        yield Problem("acknowledged_warnings", reason, advice, "http_origin")


# What production must not be: the value, what it should be instead, and why.
UNSAFE_IN_PRODUCTION = {
    "ec2_host_termination_protection": (False, "true", "anybody could terminate production's host by a slip"),
    "ec2_host_data_volume_on_delete": ("delete", "snapshot", "production's data would be gone with its host"),
}


def check_stage(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    if inventory.get("stage") != "production":
        return
    for variable, (unsafe, safe, reason) in UNSAFE_IN_PRODUCTION.items():
        if inventory.get(variable) == unsafe:
            yield Problem(variable, reason, f"{write(f'{variable}: {safe}')} (or take another stage)")
    for name, value in (inventory.get("app_environment") or {}).items():
        if str(name).upper() in ("DEBUG", "FLASK_DEBUG") and str(value).lower() in ("1", "true", "yes", "on"):
            reason = "in production, it shows the application's insides to everybody who makes an error happen"
            yield Problem(f"app_environment.{name}", reason, write(f'{name}: "false"'))
