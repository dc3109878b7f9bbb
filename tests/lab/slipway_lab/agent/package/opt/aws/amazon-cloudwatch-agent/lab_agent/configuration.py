# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# What the configuration tells the agent to do. Pure; standard library only.

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from lab_agent.schema import find_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_INTERVAL = 60

# What this stand-in does, by path; a name in braces stands for any. The schema allows more, which it would be a lie
# to accept here.
KNOWN = {
    "/": {"agent", "metrics", "logs"},
    "/agent": {"metrics_collection_interval"},
    "/metrics": {"namespace", "append_dimensions", "aggregation_dimensions", "metrics_collected"},
    "/metrics/metrics_collected": {"cpu", "disk", "mem", "swap"},
    "/metrics/metrics_collected/cpu": {"measurement", "metrics_collection_interval", "totalcpu", "append_dimensions"},
    "/metrics/metrics_collected/disk": {
        "measurement",
        "metrics_collection_interval",
        "resources",
        "append_dimensions",
        "drop_original_metrics",
        "ignore_file_system_types",
    },
    "/metrics/metrics_collected/mem": {"measurement", "metrics_collection_interval", "append_dimensions"},
    "/metrics/metrics_collected/swap": {"measurement", "metrics_collection_interval", "append_dimensions"},
    "/logs": {"logs_collected", "log_stream_name"},
    "/logs/logs_collected": {"journald"},
    "/logs/logs_collected/journald": {"collect_list"},
    "/logs/logs_collected/journald/collect_list": {
        *("log_group_name", "log_stream_name", "units", "priority", "matches", "filters"),
    },
}
# Section -> measurement -> unit.
MEASUREMENTS = {
    "cpu": dict.fromkeys(
        ("usage_active", "usage_idle", "usage_iowait", "usage_steal", "usage_system", "usage_user"), "Percent"
    ),
    "disk": {"used_percent": "Percent", "free": "Bytes", "total": "Bytes", "used": "Bytes", "inodes_free": "Count"},
    "mem": {"used_percent": "Percent", "available_percent": "Percent", "total": "Bytes", "used": "Bytes"},
    "swap": {"used_percent": "Percent", "free": "Bytes", "used": "Bytes"},
}
FACTS = ("ImageId", "InstanceId", "InstanceType")


@dataclass(frozen=True)
class Journal:
    """A part of the journal, and where it goes."""

    group: str
    stream: str
    # Of journalctl.
    selection: tuple[str, ...]
    # (include or exclude, expression)
    filters: tuple[tuple[str, str], ...] = ()

    def passes(self, event: str) -> bool:
        included = [expression for kind, expression in self.filters if kind == "include"]
        excluded = [expression for kind, expression in self.filters if kind == "exclude"]
        return not any(re.search(expression, event) for expression in excluded) and (
            not included or any(re.search(expression, event) for expression in included)
        )


@dataclass(frozen=True)
class Measurement:
    name: str
    published_as: str
    unit: str


def check(configuration: Any, schema: dict[str, Any]) -> list[str]:
    """What is wrong with a configuration, one sentence each; [] if this agent does all of it."""
    problems = find_problems(configuration, schema, schema)
    return problems or _unknown(configuration)


def _unknown(configuration: dict[str, Any]) -> list[str]:
    problems = []
    for path, known in KNOWN.items():
        for node in _nodes(configuration, path):
            problems += [
                f"Under path : {path} | Error : the lab's stand-in for the agent does not know {name}"
                for name in sorted(set(node) - known)
            ]
    for section, options in configuration.get("metrics", {}).get("metrics_collected", {}).items():
        if section not in MEASUREMENTS:
            continue
        problems += [
            f"Under path : /metrics/metrics_collected/{section} | Error : the stand-in does not measure {each.name}"
            for each in measurements(section, options)
            if each.name not in MEASUREMENTS[section]
        ]
    for name, value in configuration.get("metrics", {}).get("append_dimensions", {}).items():
        if name not in FACTS or value != f"${{aws:{name}}}":
            problems.append(f"Under path : /metrics/append_dimensions | Error : {name}: {value} is not supported")
    return problems


def _nodes(configuration: dict[str, Any], path: str) -> list[dict[str, Any]]:
    node: Any = configuration
    for part in path.strip("/").split("/") if path != "/" else []:
        node = node.get(part) if isinstance(node, dict) else None
    return node if isinstance(node, list) else [node] if isinstance(node, dict) else []


def measurements(section: str, options: Mapping[str, Any]) -> list[Measurement]:
    """What is measured for a section of metrics_collected, and the name and unit under which it is published."""
    found = []
    for entry in options["measurement"]:
        given = entry if isinstance(entry, dict) else {"name": entry}
        name = given["name"].removeprefix(f"{section}_")
        unit = given.get("unit") or MEASUREMENTS.get(section, {}).get(name, "None")
        found.append(Measurement(name, given.get("rename") or f"{section}_{name}", unit))
    return found


def dimension_sets(dimensions: dict[str, str], groups: list[list[str]], is_dropped: bool) -> list[dict[str, str]]:
    """With which dimensions a metric is published: its own unless it is dropped, and those it is rolled up to."""
    rolled_up = [
        {name: dimensions[name] for name in group}
        for group in groups
        # A group as large as the metric's own dimensions is none to roll up to.
        if len(group) < len(dimensions) and set(group) <= set(dimensions)
    ]
    return rolled_up if is_dropped else [dimensions, *rolled_up]


def journals(configuration: dict[str, Any], instance_id: str) -> list[Journal]:
    logs = configuration.get("logs", {})
    found = []
    for entry in logs.get("logs_collected", {}).get("journald", {}).get("collect_list", []):
        stream = entry.get("log_stream_name") or logs.get("log_stream_name") or "{instance_id}"
        selection = [f"--unit={unit}" for unit in entry.get("units", [])]
        selection.append(f"--priority={entry.get('priority', 'info')}")
        for index, match in enumerate(entry.get("matches", [])):
            selection += ["+"] * bool(index) + [f"{field}={value}" for field, value in match.items()]
        filters = tuple((each["type"], each["expression"]) for each in entry.get("filters", []))
        names = (text.replace("{instance_id}", instance_id) for text in (entry["log_group_name"], stream))
        found.append(Journal(*names, tuple(selection), filters))
    return found
