# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what the checks of an inventory have to know of the controller's files, the collection's
# own among them. Reads, and decides nothing; runs on the controller alone.

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import tomllib
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from typing import NamedTuple

import yaml

# ansible-core depends on it; only ansible-test's own environment for testing imports is without it.
with suppress(ImportError):
    from packaging.specifiers import InvalidSpecifier
    from packaging.specifiers import SpecifierSet

from ansible_collections.slipway.aws.plugins.module_utils._inventory.lifetimes import PYTHONS
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Backend
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Frontend
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import KeyFile
from ansible_collections.slipway.aws.plugins.module_utils._inventory.variables import given_to_roles
from ansible_collections.slipway.aws.plugins.module_utils._inventory.variables import merge_options

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory

MAX_CHARACTERS = 20_000_000
VAULT_HEADER = "$ANSIBLE_VAULT;"
# A line of a file that is not encrypted. Empty values, templates, and single values with !vault are no secrets.
PLAIN_VAULT_LINE = re.compile(r"""^["']?(vault_\w+)["']?:[ \t]+(?!["']?\{\{|!vault|[ \t]*$)""", re.MULTILINE)
LOCKED_PACKAGE = re.compile(r'^\[\[package\]\]\s*\nname = "([^"]+)"', re.MULTILINE)
# As they are called in a collection's playbooks.
ROLE_NAME = re.compile(r"\bslipway\.aws\.(\w+)")


def read_text(path: Path) -> str:
    """The beginning of a file; empty if it cannot be read as text."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_CHARACTERS)
    except (OSError, ValueError):
        return ""


def read_regions() -> frozenset[str]:
    """AWS's regions, from the data of the installed botocore, without importing it, which takes most of a second."""
    found = importlib.util.find_spec("botocore")
    if not found or not found.submodule_search_locations:
        return frozenset()
    path = Path(next(iter(found.submodule_search_locations))) / "data" / "partitions.json"
    try:
        partitions = json.loads(read_text(path))["partitions"]
        regions = next(partition["regions"] for partition in partitions if partition["id"] == "aws")
    except (ValueError, KeyError, TypeError, StopIteration):
        return frozenset()
    return frozenset(regions) - {"aws-global"}


# --- the collection --------------------------------------------------------------------------------------------


class Known(NamedTuple):
    """What the collection's own files say about an inventory's variables."""

    options: dict[str, dict[str, Any]]
    # The variables that the playbooks work out for the shape, as they are written in playbooks/vars/.
    wiring: dict[str, Any]
    derived: frozenset[str]


def read_yaml(path: Path) -> Any:
    try:
        return yaml.load(read_text(path), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError:
        return None


def belongs_to(path: Path, shape: str, shapes: list[str]) -> bool:
    """Whether a playbook, or its variables, is the shape's or every shape's: others' are called after another shape."""
    return path.stem.startswith(shape) or not any(path.stem.startswith(other) for other in shapes)


def read_specs(collection: Path, books: list[Path]) -> list[dict[str, Any]]:
    """The argument_specs.yml of the roles that playbooks name, but for preflight's."""
    roles = {name for path in books for name in ROLE_NAME.findall(read_text(path))} - {"preflight"}
    paths = [collection / "roles" / role / "meta" / "argument_specs.yml" for role in sorted(roles)]
    return [read_yaml(path) or {} for path in paths if path.is_file()]


def drop_required(document: dict[str, Any]) -> dict[str, Any]:
    entries = document.get("argument_specs", {})
    options = merge_options([document])
    optional = {name: {key: option[key] for key in option if key != "required"} for name, option in options.items()}
    return {"argument_specs": {"all": {"options": optional}}} if entries else {}


def read_known(collection: Path, shape: str) -> Known:
    """The variables that an inventory of a shape may set, and may not.

    These are the project's own (entry point C(inventory) of the role preflight) and those of the roles that the
    shape's playbooks name, from their argument_specs. For a shape that does not exist, all shapes' playbooks count.
    """
    preflight = read_yaml(collection / "roles" / "preflight" / "meta" / "argument_specs.yml")
    shapes = preflight["argument_specs"]["inventory"]["options"]["shape"]["choices"]
    folder = collection / "playbooks"
    books = [path for kind in ("*.yml", "tasks/*.yml") for path in sorted(folder.glob(kind))]
    vars_files = sorted(folder.glob("vars/*.yml"))
    if shape in shapes:
        books = [path for path in books if belongs_to(path, shape, shapes)]
        vars_files = [path for path in vars_files if belongs_to(path, shape, shapes)]
    # What a role of a single operation needs is that operation's business; site.yml works without it.
    own_books = [path for path in books if path.stem.startswith(shape)] if shape in shapes else books
    needed = read_specs(collection, own_books)
    optional = [drop_required(document) for document in read_specs(collection, books)]
    options = merge_options([*optional, *needed, preflight])
    wiring: dict[str, Any] = {}
    for path in vars_files:
        wiring.update(read_yaml(path) or {})
    given = {name for path in books for name in given_to_roles(read_yaml(path))}
    # The role's own switches are the playbooks', not the inventory's.
    own = preflight["argument_specs"]["main"].get("options", {})
    project = preflight["argument_specs"]["inventory"]["options"]
    return Known(options, wiring, frozenset({*wiring, *own, *(given - set(project))}))


# --- the application -------------------------------------------------------------------------------------------


def read_key_file(path: str) -> KeyFile:
    file = Path(path)
    try:
        mode = file.stat().st_mode & 0o7777
        with file.open("rb") as opened:
            first = opened.read(64)
    except (OSError, ValueError):
        return KeyFile(exists=False)
    return KeyFile(
        mode=mode,
        is_private_key=first.startswith(b"-----BEGIN ") and b"PRIVATE KEY-----" in first,
        has_public_key=Path(f"{path}.pub").is_file(),
    )


def source_directory(source: Any) -> Path | None:
    """Where the code of app_backend or app_frontend lies; None if it is not on the controller."""
    if not isinstance(source, dict) or not source.get("path") or not os.path.isabs(source["path"]):
        return None
    return Path(os.path.normpath(os.path.join(source["path"], source.get("subdirectory") or "")))


def is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def allowed_pythons(requires: str) -> frozenset[str] | None:
    try:
        specifiers = SpecifierSet(requires)
    except InvalidSpecifier:
        return None
    # ">3.11.2" allows a later 3.11.
    return frozenset(name for name in PYTHONS if specifiers.contains(f"{name}.99") or specifiers.contains(f"{name}.0"))


def names_at_top(code: str) -> frozenset[str] | None:
    """What a module defines at its top; None if it cannot be told by reading it."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return None
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        else:
            inner = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
            names |= {part.id for part in inner if isinstance(part.ctx, ast.Store)}
            # "if", "try", "with": what is defined below them is the module's, too.
            pending += [child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node]
    return None if "__getattr__" in names else frozenset(names)


def find_module(directory: Path, module: str) -> Path | None:
    relative = Path(*module.split("."))
    # A project that is itself a package may have its modules below src/.
    for root in (directory, directory / "src"):
        for candidate in (root / relative.with_suffix(".py"), root / relative / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def read_backend(directory: Path, module: str) -> Backend:
    if not is_directory(directory):
        return Backend(str(directory), exists=False)
    files = frozenset(name for name in ("pyproject.toml", "uv.lock") if (directory / name).is_file())
    requires, error = "", ""
    try:
        project = tomllib.loads(read_text(directory / "pyproject.toml")).get("project")
        requires = str(project.get("requires-python", "")) if isinstance(project, dict) else ""
    except tomllib.TOMLDecodeError as reason:
        error = f"{directory / 'pyproject.toml'} cannot be read: {reason}"
    name, _colon, attribute = module.partition(":")
    is_name = attribute and all(word.isidentifier() for word in name.split("."))
    file = find_module(directory, name) if is_name else None
    return Backend(
        str(directory),
        files=files,
        error=error,
        packages=frozenset(LOCKED_PACKAGE.findall(read_text(directory / "uv.lock"))),
        requires_python=requires,
        pythons=allowed_pythons(requires) if requires else None,
        python_version=read_text(directory / ".python-version").strip(),
        module_file=str(file) if file else "",
        module_names=names_at_top(read_text(file)) if file else None,
    )


def read_frontend(directory: Path) -> Frontend:
    if not is_directory(directory):
        return Frontend(str(directory), exists=False)
    # The directory is what a build made; what it was made of lies beside or above it.
    for above in (directory, directory.parent):
        for name in (".nvmrc", ".node-version"):
            version = read_text(above / name).strip()
            if version:
                return Frontend(str(directory), True, (directory / "index.html").is_file(), version, str(above / name))
        try:
            package = json.loads(read_text(above / "package.json") or "{}")
        except ValueError:
            package = {}
        engines = package.get("engines") if isinstance(package, dict) else None
        if isinstance(engines, dict) and isinstance(engines.get("node"), str):
            file = str(above / "package.json")
            return Frontend(str(directory), True, (directory / "index.html").is_file(), engines["node"], file)
    return Frontend(str(directory), has_index=(directory / "index.html").is_file())


def find_plain_vault(inventory_directory: str) -> dict[str, str]:
    """Variables vault_* that stand in files which are not encrypted, with the file's path within the inventory."""
    found: dict[str, str] = {}
    root = Path(inventory_directory)
    for kind in ("group_vars", "host_vars"):
        for file in sorted((root / kind).rglob("*")):
            if not file.is_file() or file.suffix not in ("", ".yml", ".yaml", ".json"):
                continue
            text = read_text(file)
            if text.startswith(VAULT_HEADER):
                continue
            for match in PLAIN_VAULT_LINE.finditer(text):
                found[match[1]] = str(file.relative_to(root))
    return found


def read_facts(inventory: Inventory, inventory_directory: str, today: date | None = None) -> Facts:
    backend = source_directory(inventory.get("app_backend"))
    frontend = source_directory(inventory.get("app_frontend"))
    key = inventory.get("ssh_private_key_file")
    return Facts(
        today=today or date.today(),
        regions=read_regions(),
        key_file=read_key_file(key) if key else None,
        backend=read_backend(backend, inventory.get("app_module") or "") if backend else None,
        frontend=read_frontend(frontend) if frontend else None,
        plain_vault=find_plain_vault(inventory_directory) if inventory_directory else {},
    )
