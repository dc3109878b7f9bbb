# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the alarms that a project has without anybody writing them. Pure; imports neither AWS nor
# Ansible.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch import agent
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.metrics import GLOBAL_REGION
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.metrics import OWN_NAMESPACE
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.metrics import home_region

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from typing import Any

# What is too much, in the metric's unit. Backups are made once a day; the rest of the limit is for a slow one.
THRESHOLDS = {
    "cpu_percent": 90,
    "memory_percent": 90,
    "disk_percent": 85,
    "error_percent": 5,
    "backup_age_seconds": 26 * 3600,
}

# Missing data says nothing, and nobody is told of it: no traffic, no percentage of it.
QUIET = {"insufficient_data_actions": []}


def project_alarms(
    instance_id: str = "",
    agent_disk_paths: Iterable[str] = (),
    backup_project: str = "",
    backup_databases: Iterable[str] = (),
    distribution_id: str = "",
    health_check_id: str = "",
    billing_amount: float = 0,
    thresholds: dict[str, float] | None = None,
    extra: Iterable[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """The alarms on what there is, as cloudwatch_alarms takes them; one of extra takes the place of its namesake.

    An input that is empty has no alarms. agent_disk_paths: mount points that the CloudWatch agent measures; without
    any, the host has no agent. ValueError names a threshold that is not known.
    """
    unknown = set(thresholds or {}) - set(THRESHOLDS)
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: no such threshold. There are {', '.join(sorted(THRESHOLDS))}")
    limits = {**THRESHOLDS, **(thresholds or {})}
    alarms = []
    if instance_id:
        alarms += _host_alarms(instance_id, limits)
        alarms += _agent_alarms(instance_id, list(agent_disk_paths), limits)
    for database in backup_databases:
        alarms += _backup_alarms(backup_project, database, limits)
    if distribution_id:
        alarms.append(_error_alarm(distribution_id, limits))
    if health_check_id:
        alarms.append(_reachable_alarm(health_check_id))
    if billing_amount:
        alarms.append(_billing_alarm(billing_amount))
    by_name = {alarm["name"]: alarm for alarm in alarms}
    return list({**by_name, **{alarm["name"]: alarm for alarm in extra}}.values())


def by_region(alarms: Iterable[dict[str, Any]], region: str) -> dict[str, list[dict[str, Any]]]:
    """The alarms by the region that has their metrics: region, unless AWS keeps them in one alone."""
    found: dict[str, list[dict[str, Any]]] = {region: [], GLOBAL_REGION: []}
    for alarm in alarms:
        # An alarm without a namespace is for the module to refuse.
        found[home_region(alarm.get("namespace", "")) or region].append(alarm)
    return found


def _host_alarms(instance_id: str, limits: dict[str, float]) -> Iterator[dict[str, Any]]:
    dimensions = {"InstanceId": instance_id}
    yield {
        "name": "host-down",
        "description": "The host or what it runs on fails EC2's checks, or it is stopped.",
        "namespace": "AWS/EC2",
        "metric_name": "StatusCheckFailed",
        "dimensions": dimensions,
        "statistic": "Maximum",
        "period": 60,
        "evaluation_periods": 3,
        "threshold": 1,
        "comparison_operator": "GreaterThanOrEqualToThreshold",
        "treat_missing_data": "breaching",
    }
    yield {
        "name": "cpu-high",
        "description": "The host has been busy for half an hour.",
        "namespace": "AWS/EC2",
        "metric_name": "CPUUtilization",
        "dimensions": dimensions,
        "statistic": "Average",
        "period": 300,
        "evaluation_periods": 6,
        "threshold": limits["cpu_percent"],
        "comparison_operator": "GreaterThanThreshold",
        **QUIET,
    }


def _agent_alarms(instance_id: str, paths: list[str], limits: dict[str, float]) -> Iterator[dict[str, Any]]:
    if not paths:
        return
    yield {
        "name": "memory-high",
        "description": "The host's memory is nearly used up. Without data, the CloudWatch agent does not run.",
        "namespace": agent.NAMESPACE,
        "metric_name": "mem_used_percent",
        "dimensions": agent.build_dimensions("mem_used_percent", instance_id),
        "statistic": "Average",
        "period": 300,
        "evaluation_periods": 3,
        "threshold": limits["memory_percent"],
        "comparison_operator": "GreaterThanThreshold",
    }
    for path in paths:
        yield {
            "name": "disk-full" + re.sub(r"[^\w.]+", "-", f"/{path.strip('/')}").rstrip("-"),
            "description": f"The file system at {path} is nearly full.",
            "namespace": agent.NAMESPACE,
            "metric_name": "disk_used_percent",
            "dimensions": agent.build_dimensions("disk_used_percent", instance_id, path),
            "statistic": "Maximum",
            "period": 300,
            "evaluation_periods": 3,
            "threshold": limits["disk_percent"],
            "comparison_operator": "GreaterThanThreshold",
        }


def _backup_alarms(project: str, database: str, limits: dict[str, float]) -> Iterator[dict[str, Any]]:
    dimensions = {"Project": project, "Database": database}
    yield {
        "name": f"backup-old-{database}",
        "description": f"The newest good backup of {database} is too old, or nobody says how old it is.",
        "namespace": OWN_NAMESPACE,
        "metric_name": "NewestBackupAge",
        "dimensions": dimensions,
        "statistic": "Minimum",
        "period": 3600,
        "evaluation_periods": 2,
        "threshold": limits["backup_age_seconds"],
        "comparison_operator": "GreaterThanThreshold",
        # The host that should tell may be gone, and the backups with it.
        "treat_missing_data": "breaching",
    }
    yield {
        "name": f"backup-failed-{database}",
        "description": f"A backup of {database} has failed; those before it are still there.",
        "namespace": OWN_NAMESPACE,
        "metric_name": "BackupFailed",
        "dimensions": dimensions,
        "statistic": "Sum",
        "period": 300,
        "evaluation_periods": 1,
        "threshold": 1,
        "comparison_operator": "GreaterThanOrEqualToThreshold",
        # It is published only when one fails.
        "treat_missing_data": "notBreaching",
        "ok_actions": [],
    }


def _error_alarm(distribution_id: str, limits: dict[str, float]) -> dict[str, Any]:
    return {
        "name": "errors",
        "description": "CloudFront answers too many requests with a server's error.",
        "namespace": "AWS/CloudFront",
        "metric_name": "5xxErrorRate",
        "dimensions": {"DistributionId": distribution_id, "Region": "Global"},
        "statistic": "Average",
        "period": 300,
        "evaluation_periods": 3,
        "threshold": limits["error_percent"],
        "comparison_operator": "GreaterThanThreshold",
        "treat_missing_data": "notBreaching",
    }


def _reachable_alarm(health_check_id: str) -> dict[str, Any]:
    return {
        "name": "unreachable",
        "description": "The application does not answer Route 53's health checkers.",
        "namespace": "AWS/Route53",
        "metric_name": "HealthCheckStatus",
        "dimensions": {"HealthCheckId": health_check_id},
        "statistic": "Minimum",
        "period": 60,
        "evaluation_periods": 3,
        "threshold": 1,
        "comparison_operator": "LessThanThreshold",
        "treat_missing_data": "breaching",
    }


def _billing_alarm(amount: float) -> dict[str, Any]:
    return {
        "name": "charges",
        "description": f"AWS will bill more than {amount:g} USD for this month.",
        "namespace": "AWS/Billing",
        "metric_name": "EstimatedCharges",
        "dimensions": {"Currency": "USD"},
        "statistic": "Maximum",
        # Charges are estimated several times a day.
        "period": 21600,
        "evaluation_periods": 1,
        "threshold": amount,
        "comparison_operator": "GreaterThanThreshold",
        **QUIET,
    }
