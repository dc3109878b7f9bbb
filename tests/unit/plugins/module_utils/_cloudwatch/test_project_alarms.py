# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch import agent
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch import compare
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.metrics import METRICS
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.metrics import table_problems
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.project import THRESHOLDS
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.project import by_region
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.project import project_alarms
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.modules import cloudwatch_alarms

EVERYTHING = {
    "instance_id": "i-1",
    "agent_disk_paths": ["/", "/var/lib/shop"],
    "backup_project": "shop",
    "backup_databases": ["app.db"],
    "distribution_id": "E1",
    "health_check_id": "h-1",
    "billing_amount": 20,
}
ALARMS = {alarm["name"]: alarm for alarm in project_alarms(**EVERYTHING)}


def test_the_alarms_of_a_project():
    assert list(ALARMS) == [
        "host-down",
        "cpu-high",
        "memory-high",
        "disk-full",
        "disk-full-var-lib-shop",
        "backup-old-app.db",
        "backup-failed-app.db",
        "errors",
        "unreachable",
        "charges",
    ]


@pytest.mark.parametrize("alarm", ALARMS.values(), ids=ALARMS)
def test_each_is_on_a_metric_that_somebody_publishes(alarm):
    assert table_problems(alarm) == []


@pytest.mark.parametrize("alarm", ALARMS.values(), ids=ALARMS)
def test_each_is_what_the_module_takes(alarm, call_module):
    key = (alarm["namespace"], alarm["metric_name"])
    region = METRICS[key].region or "us-east-1"
    unset = dict.fromkeys([*compare.SETTINGS, "dimensions"])
    params = {
        "name": "shop",
        "state": "present",
        "alarm_prefix": None,
        "kms_key_id": None,
        "subscriptions": [],
        "alarms": [{**unset, "period": 300, "evaluation_periods": 1, **alarm}],
    }
    assert compare.find_problems(params, region) == []
    # The module's own reading of its options: no misspelt one, none missing.
    params = {"name": "shop", "alarms": [{**alarm, "period": 7}]}
    message = call_module(cloudwatch_alarms, params, dict.fromkeys(["sts", "sns"]) | {"cloudwatch": Client()})["msg"]
    assert "7 seconds are not possible" in message


class Client:
    """As far as a module asks before it finds that its options are wrong."""

    class meta:
        region_name = "us-east-1"


def test_the_agents_own_table_says_the_dimensions():
    for name in ("memory-high", "disk-full", "disk-full-var-lib-shop"):
        alarm = ALARMS[name]
        assert alarm["namespace"] == agent.NAMESPACE
        assert tuple(alarm["dimensions"]) == agent.PUBLISHED[alarm["metric_name"]].dimensions
    assert ALARMS["disk-full-var-lib-shop"]["dimensions"]["path"] == "/var/lib/shop"


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        ({}, []),
        ({"instance_id": "i-1"}, ["host-down", "cpu-high"]),
        ({"instance_id": UNKNOWN, "agent_disk_paths": ["/"]}, ["host-down", "cpu-high", "memory-high", "disk-full"]),
        ({"agent_disk_paths": ["/"]}, []),
        (
            {"backup_project": "shop", "backup_databases": ["a", "b"]},
            ["backup-old-a", "backup-failed-a", "backup-old-b", "backup-failed-b"],
        ),
        ({"distribution_id": UNKNOWN}, ["errors"]),
        ({"billing_amount": 0}, []),
    ],
)
def test_what_is_not_there_has_no_alarms(inputs, names):
    assert [alarm["name"] for alarm in project_alarms(**inputs)] == names


@pytest.mark.parametrize(
    ("threshold", "name"),
    [
        ("cpu_percent", "cpu-high"),
        ("memory_percent", "memory-high"),
        ("disk_percent", "disk-full"),
        ("error_percent", "errors"),
        ("backup_age_seconds", "backup-old-app.db"),
    ],
)
def test_thresholds(threshold, name):
    assert ALARMS[name]["threshold"] == THRESHOLDS[threshold]
    changed = {alarm["name"]: alarm for alarm in project_alarms(**EVERYTHING, thresholds={threshold: 42})}
    assert next(alarm for alarm in changed if changed[alarm]["threshold"] == 42) == name


def test_a_threshold_that_is_misspelt():
    with pytest.raises(ValueError, match=r"cpu: no such threshold\. There are backup_age_seconds, cpu_percent"):
        project_alarms(thresholds={"cpu": 1})


def test_an_alarm_takes_the_place_of_its_namesake():
    mine = {"name": "cpu-high", "namespace": "Mine"}
    alarms = project_alarms(instance_id="i-1", extra=[mine, {"name": "other", "namespace": "Mine"}])
    assert [alarm["name"] for alarm in alarms] == ["host-down", "cpu-high", "other"]
    assert alarms[1] == mine


def test_each_goes_where_its_metric_is():
    found = by_region(ALARMS.values(), "eu-west-1")
    assert [alarm["name"] for alarm in found["us-east-1"]] == ["errors", "unreachable", "charges"]
    assert len(found["eu-west-1"]) == len(ALARMS) - 3
    for region, alarms in found.items():
        for alarm in alarms:
            assert METRICS[alarm["namespace"], alarm["metric_name"]].region in ("", region)
    assert list(by_region(ALARMS.values(), "us-east-1")) == ["us-east-1"]
    assert len(by_region(ALARMS.values(), "us-east-1")["us-east-1"]) == len(ALARMS)


def test_missing_backups_are_noticed():
    assert ALARMS["backup-old-app.db"]["treat_missing_data"] == "breaching"
    assert ALARMS["host-down"]["treat_missing_data"] == "breaching"
    assert ALARMS["unreachable"]["treat_missing_data"] == "breaching"
