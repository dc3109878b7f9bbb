# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: compares an inventory's variables with what the collection knows. Pure.

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from typing import Any

# Variables with these beginnings are Ansible's or the user's own.
FREE_PREFIXES = ("ansible_", "vault_", "local_")


class Unreadable(NamedTuple):
    """A variable whose value could not be worked out, and why (an undefined name in its template, for instance)."""

    reason: str


def merge_options(argument_specs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The options of all entry points of several roles' argument_specs.yml, by variable name."""
    options: dict[str, dict[str, Any]] = {}
    for document in argument_specs:
        for entry in document.get("argument_specs", {}).values():
            options.update(entry.get("options", {}))
    return options


def to_argument_spec(option: Mapping[str, Any]) -> dict[str, Any]:
    """One option of an argument_specs.yml as ArgumentSpecValidator wants it: without words and defaults."""
    spec = {key: option[key] for key in ("type", "elements", "choices", "required") if key in option}
    if "options" in option:
        spec["options"] = {name: to_argument_spec(inner) for name, inner in option["options"].items()}
    return spec


def is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def check_value(name: str, value: Any, option: Mapping[str, Any]) -> list[str]:
    """What is wrong with the value of a variable that the collection knows."""
    if isinstance(value, Unreadable):
        return [f"its value cannot be worked out: {value.reason}"]
    if is_empty(value):
        return ["it is required, and empty"] if option.get("required") else []
    spec = {name: {**to_argument_spec(option), "required": False}}
    messages = ArgumentSpecValidator(spec).validate({name: value}).error_messages
    # Ansible's own words for a key that is not known begin with the key, without saying what is wrong with it.
    return [f"Unsupported: {text}" if "Supported parameters include" in text else text for text in messages]


def suggest_name(name: str, known: Iterable[str]) -> str:
    """The known name that name is probably meant to be, or an empty string."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.8)), "")


def unknown_problem(name: str, known: Iterable[str]) -> str:
    meant = suggest_name(name, known)
    if meant:
        return f"{name}: there is no such variable. Did you mean {meant}? Write: {meant}: ..."
    return (
        f"{name}: there is no such variable, so nothing would read it. "
        f"Remove it, or call it local_{name} if it is your own."
    )


def find_problems(
    variables: Mapping[str, Any],
    options: Mapping[str, Mapping[str, Any]],
    derived: Iterable[str] = (),
    examples: Mapping[str, str] | None = None,
) -> list[str]:
    """All that is wrong with an inventory, a sentence each, in the order of the variables' names.

    variables: what the inventory sets, by name; an Unreadable stands for what could not be templated.
    options: the variables that are known, as in a role's argument_specs.yml.
    derived: names that the playbooks set themselves, so that the inventory's value would be ignored.
    examples: a line to write for a variable.
    """
    derived = set(derived)
    examples = examples or {}
    known = set(options) - derived
    problems = []
    for name in sorted(set(variables) | {name for name in known if options[name].get("required")}):
        if name in known:
            line = examples.get(name, f"{name}: ... ({options[name].get('type', 'str')})")
            problems += [
                f"{name}: {reason}. Write: {line}" for reason in check_value(name, variables.get(name), options[name])
            ]
        elif name.startswith(FREE_PREFIXES):
            continue
        elif name in derived:
            problems.append(f"{name}: the playbook works it out itself, and would ignore this line. Remove it.")
        else:
            problems.append(unknown_problem(name, known))
    return problems
