# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# As much of JSON Schema (draft 4) as the agent's schema uses. Pure; standard library only.

from __future__ import annotations

import re
from typing import Any

_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
_LIMITS = {
    "minLength": lambda value, limit: len(value) >= limit,
    "maxLength": lambda value, limit: len(value) <= limit,
    "minItems": lambda value, limit: len(value) >= limit,
    "maxItems": lambda value, limit: len(value) <= limit,
    "minProperties": lambda value, limit: len(value) >= limit,
    "maxProperties": lambda value, limit: len(value) <= limit,
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
}
# What a limit is about; values of other types are not its business.
_LIMITED = {"Length": str, "Items": list, "Properties": dict, "imum": (int, float), "pattern": str}


def is_type(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def find_problems(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str = "") -> list[str]:
    """Where and why value is not what schema allows, one sentence each; root holds what $ref names."""
    if "$ref" in schema:
        return find_problems(value, _resolve(schema["$ref"], root), root, path)
    here = path or "/"
    problems = []
    types = schema.get("type")
    if isinstance(types, str) and not is_type(value, types):
        return [f"Under path : {here} | Error : {value!r} is no {types}"]
    if "enum" in schema and value not in schema["enum"]:
        problems.append(f"Under path : {here} | Error : {value!r} is none of {', '.join(map(str, schema['enum']))}")
    for keyword, allows in _LIMITS.items():
        kind = next(kind for ending, kind in _LIMITED.items() if keyword.endswith(ending))
        limit = schema.get(keyword)
        if limit is None or not isinstance(value, kind) or isinstance(value, bool):
            continue
        if not allows(value, limit):
            problems.append(f"Under path : {here} | Error : {value!r} is not allowed by {keyword} {limit}")
    problems += _combined(value, schema, root, path, here)
    if isinstance(value, dict):
        problems += _object(value, schema, root, path, here)
    if isinstance(value, list):
        if schema.get("uniqueItems") and any(item in value[:index] for index, item in enumerate(value)):
            problems.append(f"Under path : {here} | Error : items are not unique")
        if "items" in schema:
            for index, item in enumerate(value):
                problems += find_problems(item, schema["items"], root, f"{path}/{index}")
    return problems


def _resolve(reference: str, root: dict[str, Any]) -> dict[str, Any]:
    found = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _object(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], path: str, here: str) -> list[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    problems = [
        f"Under path : {here} | Error : {name} is required" for name in schema.get("required", []) if name not in value
    ]
    for name, item in value.items():
        if name in known:
            problems += find_problems(item, known[name], root, f"{path}/{name}")
        elif others is False:
            problems.append(f"Under path : {here} | Error : Additional property {name} is not allowed")
        elif isinstance(others, dict):
            problems += find_problems(item, others, root, f"{path}/{name}")
    return problems


def _combined(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str, here: str) -> list[str]:
    problems = [problem for part in schema.get("allOf", []) for problem in find_problems(value, part, root, path)]
    for keyword, is_allowed in (("anyOf", lambda fitting: fitting > 0), ("oneOf", lambda fitting: fitting == 1)):
        if keyword in schema:
            fitting = sum(not find_problems(value, part, root, path) for part in schema[keyword])
            if not is_allowed(fitting):
                problems.append(f"Under path : {here} | Error : {fitting} of the schemas of {keyword} fit")
    if "not" in schema and not find_problems(value, schema["not"], root, path):
        problems.append(f"Under path : {here} | Error : it is what must not be there")
    return problems
