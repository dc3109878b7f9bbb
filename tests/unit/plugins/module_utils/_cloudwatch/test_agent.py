# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the agent is told, held against the agent's own schema; and that it, its alarms and its rights agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.agent import PUBLISHED
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.agent import AgentError
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.agent import build_configuration
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.agent import build_dimensions
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.agent import build_policy
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.agent import check_version

SCHEMA = json.loads((Path(__file__).parents[4] / "data" / "amazon-cloudwatch-agent.schema.json").read_text())
CHECKER = jsonschema.Draft4Validator(SCHEMA)

UNITS = ["shop-a.service", "shop-b.service"]
MATCHES = [{"_TRANSPORT": "kernel"}, {"_TRANSPORT": "syslog", "PRIORITY": "3"}]


def configuration(**changes: Any) -> dict[str, Any]:
    given = {"units": UNITS, "system_matches": MATCHES, "disk_paths": ["/", "/var/lib/shop"]} | changes
    return build_configuration("/aws/ec2/shop", **given)


def collected(built: dict[str, Any]) -> list[dict[str, Any]]:
    return built["logs"]["logs_collected"]["journald"]["collect_list"]


@pytest.mark.parametrize(
    "changes", [{}, {"units": []}, {"system_matches": []}, {"disk_paths": ["/"]}, {"units": [], "system_matches": []}]
)
def test_configuration_is_what_the_agents_schema_allows(changes: dict[str, Any]) -> None:
    assert [error.message for error in CHECKER.iter_errors(configuration(**changes))] == []


def test_the_schema_refuses_the_section_of_the_guides() -> None:
    built = configuration()
    built["logs"]["logs_collected"]["journal"] = {"unit_name": "shop"}
    assert not CHECKER.is_valid(built)
    built = configuration()
    collected(built)[0]["unit"] = "shop"
    assert not CHECKER.is_valid(built)


def test_the_logs_have_a_group_each_and_the_instance_as_stream() -> None:
    system, application = collected(configuration())
    assert (system["log_group_name"], application["log_group_name"]) == (
        "/aws/ec2/shop/syslog",
        "/aws/ec2/shop/application",
    )
    assert {system["log_stream_name"], application["log_stream_name"]} == {"{instance_id}"}
    assert (system["matches"], application["units"]) == (MATCHES, UNITS)
    # Either would widen what the agent must be allowed.
    assert not {"retention_in_days", "log_group_class"} & (set(system) | set(application))


def test_without_matches_the_system_log_is_the_whole_journal() -> None:
    assert not {"matches", "units"} & set(collected(configuration(system_matches=[]))[0])


def test_without_units_there_is_no_log_of_the_application() -> None:
    assert [entry["log_group_name"] for entry in collected(configuration(units=[]))] == ["/aws/ec2/shop/syslog"]


def test_every_metric_that_is_collected_is_in_the_table_and_the_other_way_round() -> None:
    sections = configuration()["metrics"]["metrics_collected"]
    told = {f"{section}_{name}" for section, options in sections.items() for name in options["measurement"]}
    assert told == set(PUBLISHED)


def published_dimensions(built: dict[str, Any], metric: str) -> set[frozenset[str]]:
    """With which dimensions the agent publishes a metric: as its rollup processor and its output do it.

    https://github.com/aws/amazon-cloudwatch-agent/blob/main/processor/rollupprocessor/processor.go
    """
    own = {"mem": [], "swap": [], "cpu": ["cpu"], "disk": ["path", "device", "fstype"]}
    section = metric.split("_")[0]
    original = frozenset([*built["metrics"]["append_dimensions"], *own[section]])
    rolled_up = {
        frozenset(group)
        for group in built["metrics"]["aggregation_dimensions"]
        if len(group) < len(original) and original.issuperset(group)
    }
    dropped = built["metrics"]["metrics_collected"][section].get("drop_original_metrics", [])
    return rolled_up | (set() if metric in dropped else {original})


@pytest.mark.parametrize("metric", PUBLISHED)
def test_each_metric_is_published_once_with_the_dimensions_of_the_table(metric: str) -> None:
    assert published_dimensions(configuration(), metric) == {frozenset(PUBLISHED[metric].dimensions)}


@pytest.mark.parametrize(
    ("metric", "path", "dimensions"),
    [
        ("mem_used_percent", None, {"InstanceId": "i-1"}),
        ("mem_used_percent", "/", {"InstanceId": "i-1"}),
        ("disk_used_percent", "/data", {"InstanceId": "i-1", "path": "/data"}),
        ("cpu_usage_steal", None, {"InstanceId": "i-1", "cpu": "cpu-total"}),
    ],
)
def test_dimensions_for_an_alarm(metric: str, path: str | None, dimensions: dict[str, str]) -> None:
    assert build_dimensions(metric, "i-1", path) == dimensions


@pytest.mark.parametrize(
    ("metric", "words"), [("DiskSpaceUtilization", "disk_used_percent"), ("disk_used_percent", "mount point")]
)
def test_an_alarm_on_what_is_not_published_is_refused(metric: str, words: str) -> None:
    with pytest.raises(AgentError, match=words):
        build_dimensions(metric, "i-1")


@pytest.mark.parametrize("version", ["1.300070.0b1600", "1.300071.0b1720", "1.300100.1b2", "2.0.0b1"])
def test_versions_that_read_the_journal(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize(
    ("version", "words"),
    [("1.300069.0b1529", "cannot read the journal"), ("1.247358.0b252413", "cannot"), ("latest", "no version")],
)
def test_versions_that_do_not(version: str, words: str) -> None:
    with pytest.raises(AgentError, match=words):
        check_version(version)


def test_policy_names_the_two_groups_and_the_namespace_and_no_more() -> None:
    logs, metrics = build_policy("/aws/ec2/shop", "eu-west-1", "123456789012")["Statement"]
    base = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/ec2/shop"
    assert logs["Resource"] == [
        f"{base}/syslog",
        f"{base}/syslog:*",
        f"{base}/application",
        f"{base}/application:*",
    ]
    assert not [action for action in logs["Action"] if "*" in action or "Group" in action or "Retention" in action]
    assert metrics["Action"] == "cloudwatch:PutMetricData"
    assert metrics["Condition"] == {"StringEquals": {"cloudwatch:namespace": "CWAgent"}}
