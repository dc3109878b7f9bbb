# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the variables of an inventory, compared with those that are known. Pure.

from __future__ import annotations

import difflib
import json
import os
import re
from typing import TYPE_CHECKING

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Problem
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Unreadable
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import write

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from collections.abc import Mapping
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts

# Variables with these beginnings are Ansible's or the user's own.
FREE_PREFIXES = ("ansible_", "vault_", "local_")

# The line to write, where the type alone does not say enough.
EXAMPLES = {
    "project": "project: my-app",
    "stage": "stage: production",
    "shape": "shape: spa_vm (in hosts.yml, under the host)",
    "aws_account_id": 'aws_account_id: "123456789012" (aws sts get-caller-identity tells it)',
    "aws_region": "aws_region: us-east-1",
    "access": "access: direct",
    "admin_cidrs": 'admin_cidrs: ["203.0.113.7/32"] (your own public address)',
    "ssh_private_key_file": "ssh_private_key_file: ~/.ssh/id_ed25519",
    "app_backend": 'app_backend: {path: "{{ inventory_dir }}/../../backend"}',
    "app_frontend": 'app_frontend: {path: "{{ inventory_dir }}/../../frontend/dist"}',
    "app_module": "app_module: app.main:app",
    "app_health_path": "app_health_path: /api/health",
    "app_health_body": "app_health_body: {status: healthy}",
    "app_environment": "app_environment: {LOG_LEVEL: INFO}",
    "app_secrets": "app_secrets: [APP_SECRET_KEY]",
    "acknowledged_warnings": "acknowledged_warnings: [http_origin]",
}
BY_TYPE = {
    "str": "text",
    "int": "10",
    "bool": "true",
    "list": "[...]",
    "dict": "{...}",
    "path": "/path",
    "float": "1.5",
}

# From, to (None: no end), by the exact name or else the ending of a variable that holds a whole number.
RANGES = {
    # https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html
    "ec2_host_root_volume_size": (8, 16384),
    "ec2_host_data_volume_size": (1, 16384),
    # 1,000 is the most that AWS grants, over all groups of a network interface.
    "network_rules_per_security_group": (1, 1000),
    # The live one and the one before, which a rollback goes to.
    "python_app_keep_releases": (2, 100),
    "python_app_workers": (1, 64),
}
RANGES_BY_ENDING = {"_port": (1, 65535), "_size": (1, None), "_timeout": (1, None), "_days": (0, None)}


# --- what is known ---------------------------------------------------------------------------------------------


def merge_options(argument_specs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The options of all entry points of several roles' argument_specs.yml, by variable name."""
    options: dict[str, dict[str, Any]] = {}
    for document in argument_specs:
        for entry in document.get("argument_specs", {}).values():
            options.update(entry.get("options", {}))
    return options


def given_to_roles(node: Any) -> Iterator[str]:
    """The names of all variables that playbooks give to roles, playbooks or tasks under C(vars)."""
    if isinstance(node, dict):
        if isinstance(node.get("vars"), dict):
            yield from node["vars"]
        for inner in node.values():
            yield from given_to_roles(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from given_to_roles(inner)


# --- types -----------------------------------------------------------------------------------------------------


def to_argument_spec(option: Mapping[str, Any]) -> dict[str, Any]:
    """One option of an argument_specs.yml as ArgumentSpecValidator wants it: without words and defaults."""
    spec = {key: option[key] for key in ("type", "elements", "choices", "required") if key in option}
    if "options" in option:
        spec["options"] = {name: to_argument_spec(inner) for name, inner in option["options"].items()}
    return spec


def is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, tuple, dict)) and not value)


def validate_value(name: str, value: Any, option: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """The value as the role would get it, and what is wrong with it."""
    if isinstance(value, Unreadable):
        return None, [f"its value cannot be worked out: {value.reason}"]
    kind = option.get("type", "str")
    if value is None:
        return None, ["it is required, and empty" if option.get("required") else "it is empty"]
    if is_empty(value):
        if option.get("required"):
            return None, ["it is required, and empty"]
        return (None, ["it is empty"]) if value == "" and kind not in ("str", "path", "raw") else (value, [])
    # Ansible would make one text of a dict or a list, and print it somewhere.
    if kind in ("str", "path") and isinstance(value, (dict, list, tuple)):
        return None, [f"it is a {'dict' if isinstance(value, dict) else 'list'}, and should be a text"]
    odd_keys = [key for key in keys_within(value) if not isinstance(key, str)] if "options" in option else []
    if odd_keys:
        return None, [f"its key {odd_keys[0]} is not a text"]
    spec = {**to_argument_spec(option), "required": False}
    # What should be a dict and is none makes Ansible's look at what is within it fail. So that comes second.
    for part in ({**spec, "options": None}, spec):
        result = ArgumentSpecValidator({name: part}).validate({name: value})
        if result.error_messages:
            return None, [explain_type_error(name, text) for text in result.error_messages]
        value = result.validated_parameters.get(name)
    return value, []


def keys_within(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from keys_within(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from keys_within(inner)


def explain_type_error(name: str, text: str) -> str:
    """Ansible's message in the words of an inventory."""
    if "Supported parameters include" in text:
        # "app_backend.pth. Supported parameters include: path, repo." says not what is wrong with the first.
        wrong, _, known = text.partition(". Supported parameters include: ")
        keys = [word.strip() for word in known.rstrip(".").split(",")]
        unsupported = wrong.rpartition(".")[2].strip(" '\"[]()")
        meant = next(iter(difflib.get_close_matches(unsupported, keys, n=1, cutoff=0.6)), "")
        hint = f" Did you mean {meant}?" if meant else ""
        return f"there is no {wrong.strip()} in it.{hint} It may hold {', '.join(keys)}"
    # "argument 'x' is of type <class 'str'> and we were unable to convert to int: ..."
    converted = re.search(r"we were unable to convert to (\w+)", text)
    if converted:
        element = "an element of it" if text.lower().startswith("elements value") else "it"
        kind = {"int": "a whole number", "bool": "true or false", "dict": "a dict", "list": "a list"}
        return f"{element} is not {kind.get(converted[1], f'of the type {converted[1]}')}"
    return text.rstrip(".")


# --- names -----------------------------------------------------------------------------------------------------


def suggest_name(name: str, known: Iterable[str]) -> str:
    """The known name that name is probably meant to be, or an empty string."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)), "")


def unknown_problem(name: str, known: Iterable[str]) -> Problem:
    meant = suggest_name(name, known)
    if meant:
        return Problem(name, f"there is no such variable. Did you mean {meant}", write(f"{meant}: ..."))
    reason = "there is no such variable, so nothing would read it"
    return Problem(name, reason, f"Remove it, or write: local_{name}: ... (if it is your own)")


def example_line(name: str, option: Mapping[str, Any]) -> str:
    if name in EXAMPLES:
        return EXAMPLES[name]
    if option.get("choices"):
        return f"{name}: {option.get('default', option['choices'][0])}"
    default = option.get("default")
    if default not in (None, "", [], {}):
        # JSON is YAML, and fits on one line.
        return f"{name}: {default if isinstance(default, str) else json.dumps(default)}"
    return f"{name}: {BY_TYPE.get(option.get('type', 'str'), '...')}"


def read_values(
    variables: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]], derived: Iterable[str]
) -> tuple[dict[str, Any], list[Problem]]:
    """The valid values of the known variables, defaults filled in, and what is wrong with the others.

    variables: what the inventory sets, by name; an Unreadable stands for what could not be templated.
    options: the variables that are known, as in a role's argument_specs.yml.
    derived: names that the playbooks set themselves, so that the inventory's value would be ignored.
    """
    derived = set(derived)
    known = set(options) - derived
    values: dict[str, Any] = {
        name: options[name]["default"] for name in known if name not in variables and "default" in options[name]
    }
    problems = []
    required = {name for name in known if options[name].get("required")}
    for name in sorted(set(variables) | required):
        if name in known:
            value, reasons = validate_value(name, variables.get(name), options[name])
            if value is not None and not reasons:
                values[name] = value
            if name not in variables:
                reasons = ["it is required, and missing"]
            line = example_line(name, options[name])
            problems += [Problem(name, reason, write(line)) for reason in reasons]
        elif name.startswith(FREE_PREFIXES):
            if isinstance(variables[name], Unreadable):
                problems.append(
                    Problem(name, f"its value cannot be worked out: {variables[name].reason}", "Repair its template")
                )
        elif name in derived:
            reason = "the playbook works it out itself, and would ignore this line"
            problems.append(Problem(name, reason, "Remove it"))
        else:
            problems.append(unknown_problem(name, known))
    return values, problems


# --- ranges ----------------------------------------------------------------------------------------------------


def range_of(name: str) -> tuple[int, int | None] | None:
    if name in RANGES:
        return RANGES[name]
    return next((limits for ending, limits in RANGES_BY_ENDING.items() if name.endswith(ending)), None)


def check_ranges(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    for name in sorted(inventory.values):
        value, limits = inventory.values[name], range_of(name)
        if limits is None or isinstance(value, bool) or not isinstance(value, int):
            continue
        low, high = limits
        if value < low or (high is not None and value > high):
            span = f"from {low} to {high}" if high is not None else f"{low} at least"
            nearest = low if value < low else high
            yield Problem(name, f"{value} is out of range, which is {span}", write(f"{name}: {nearest}"))


def check_ports(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    """One host has each port once."""
    used = {22: "ssh"}
    ports = {name: inventory.get(name) for name in ("static_site_api_port", "release_proxy_local_port")}
    ports.update({f"python_app_ports.{slot}": port for slot, port in (inventory.get("python_app_ports") or {}).items()})
    for name, port in ports.items():
        if not isinstance(port, int):
            continue
        if name.startswith("python_app_ports") and not 1 <= port <= 65535:
            advice = write("python_app_ports: {a: 8101, b: 8102}")
            yield Problem(name, f"{port} is out of range, which is from 1 to 65535", advice)
        if port in used:
            yield Problem(name, f"port {port} is {used[port]}'s already", write(f"{name}: {free_port(port, used)}"))
        used.setdefault(port, name)


def free_port(port: int, used: Iterable[int]) -> int:
    return next(candidate for candidate in (port + 8000, *range(8000, 65535)) if candidate not in set(used))


def check_key_file(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    path, key = inventory.get("ssh_private_key_file"), facts.key_file
    if not path or key is None:
        return
    name = "ssh_private_key_file"
    if not os.path.isabs(path):
        yield Problem(name, f"the path {path} is relative", write(f"{name}: ~/.ssh/id_ed25519"))
        return
    if not key.exists:
        advice = f"Run: ssh-keygen -t ed25519 -f {path}; or write: {name}: ~/.ssh/id_ed25519"
        yield Problem(name, f"there is no file {path}, or it cannot be read", advice)
        return
    if not key.is_private_key:
        reason = f"{path} is no private ssh key (the public one, with the ending .pub, is found beside it)"
        yield Problem(name, reason, write(f"{name}: ~/.ssh/id_ed25519"))
    if key.mode & 0o077:
        reason = f"others can read {path} (mode {key.mode:04o}), and ssh refuses such a key"
        yield Problem(name, reason, f"Run: chmod 600 {path}")
    if not key.has_public_key:
        reason = f"there is no public key {path}.pub, which the host gets"
        yield Problem(name, reason, f"Run: ssh-keygen -y -f {path} > {path}.pub")


def check_acknowledged(inventory: Inventory, known: Mapping[str, str]) -> Iterator[Problem]:
    for key in inventory.get("acknowledged_warnings") or []:
        if key not in known:
            meant = suggest_name(key, known) or "http_origin"
            reason = f"there is no warning {key}; there are {', '.join(sorted(known))}"
            yield Problem("acknowledged_warnings", reason, write(f"acknowledged_warnings: [{meant}]"))
