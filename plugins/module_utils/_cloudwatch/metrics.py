# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the metrics that a project's alarms may be on, and where they come from. Pure; imports
# neither AWS nor Ansible.
#
# CloudWatch takes an alarm on a metric that does not exist without a word, and the alarm then never has data. So every
# alarm of ours is on a metric of this table, with exactly its dimensions.

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch import agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# What is billed, and what is served from everywhere, CloudWatch has in this region alone.
GLOBAL_REGION = "us-east-1"

# The namespace of what our own programs on hosts publish.
OWN_NAMESPACE = "Slipway"


class Metric(NamedTuple):
    """A metric of CloudWatch.

    dimensions: names of all its dimensions; a value in fixed if it is always the same
    source: who publishes it; for AWS, the page that says so
    region: where it is, if it is not wherever the resource is
    """

    dimensions: tuple[str, ...]
    source: str
    fixed: tuple[tuple[str, str], ...] = ()
    region: str = ""


_AWS = "https://docs.aws.amazon.com"
_EC2 = f"{_AWS}/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html"
_CLOUDFRONT = f"{_AWS}/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html"
_ROUTE53 = f"{_AWS}/Route53/latest/DeveloperGuide/monitoring-cloudwatch.html"
_BILLING = f"{_AWS}/AmazonCloudWatch/latest/monitoring/monitor_estimated_charges_with_cloudwatch.html"

# (namespace, name) -> what is published under it.
METRICS: dict[tuple[str, str], Metric] = {
    ("AWS/EC2", "StatusCheckFailed"): Metric(("InstanceId",), _EC2),
    ("AWS/EC2", "CPUUtilization"): Metric(("InstanceId",), _EC2),
    ("AWS/CloudFront", "5xxErrorRate"): Metric(
        ("DistributionId", "Region"), _CLOUDFRONT, (("Region", "Global"),), GLOBAL_REGION
    ),
    ("AWS/Route53", "HealthCheckStatus"): Metric(("HealthCheckId",), _ROUTE53, region=GLOBAL_REGION),
    # Published only in accounts whose billing preferences say so.
    ("AWS/Billing", "EstimatedCharges"): Metric(("Currency",), _BILLING, (("Currency", "USD"),), GLOBAL_REGION),
    (OWN_NAMESPACE, "NewestBackupAge"): Metric(("Project", "Database"), "role sqlite_backup"),
    (OWN_NAMESPACE, "BackupFailed"): Metric(("Project", "Database"), "role sqlite_backup"),
    **{
        (agent.NAMESPACE, name): Metric(metric.dimensions, "role cloudwatch_agent")
        for name, metric in agent.PUBLISHED.items()
    },
}

# Namespaces whose metrics are in one region, and the dimension without which they have none.
_PLACES = {
    "AWS/Billing": (GLOBAL_REGION, "Currency", "USD"),
    "AWS/CloudFront": (GLOBAL_REGION, "Region", "Global"),
    "AWS/Route53": (GLOBAL_REGION, "HealthCheckId", "the ID of a health check"),
}


def table_problems(alarm: dict[str, Any]) -> list[str]:
    """Why an alarm is not on a metric of the table: what the alarms that we make ourselves are held to."""
    key = (alarm["namespace"], alarm["metric_name"])
    metric = METRICS.get(key)
    if metric is None:
        return [f"{'/'.join(key)} is published by nobody known"]
    problems = []
    if set(alarm["dimensions"]) != set(metric.dimensions):
        given = ", ".join(sorted(alarm["dimensions"])) or "none"
        problems.append(f"{'/'.join(key)} has the dimensions {', '.join(metric.dimensions)}, and not {given}")
    for name, value in metric.fixed:
        if alarm["dimensions"].get(name) not in (None, value):
            problems.append(f"{'/'.join(key)} is published with {name}={value} only")
    return problems


def home_region(namespace: str) -> str:
    """The region that alone has the metrics of a namespace; empty if they are wherever the resource is."""
    return _PLACES[namespace][0] if namespace in _PLACES else ""


def place_problems(alarm: dict[str, Any], region: str) -> Iterator[str]:
    """Why an alarm of anybody's on a metric of AWS could never have data in region."""
    if alarm["namespace"] not in _PLACES:
        return
    home, dimension, value = _PLACES[alarm["namespace"]]
    if region != home:
        yield f"metrics of {alarm['namespace']} are in {home} alone; set region to {home} for this alarm"
    if dimension not in alarm["dimensions"]:
        yield f"metrics of {alarm['namespace']} have the dimension {dimension}; add it ({dimension}: {value})"
