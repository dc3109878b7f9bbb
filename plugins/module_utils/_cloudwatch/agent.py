# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what Amazon's CloudWatch agent is told to do on a host, what it publishes then, and what it
# must be allowed to do. Pure; imports neither AWS nor Ansible.
#
# An alarm finds a metric only by exactly the dimensions that it is published with, so both come from the table below.

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

NAMESPACE = "CWAgent"
INTERVAL = 60

# What is logged -> the end of its log group's name.
SYSTEM_LOG = "syslog"
APPLICATION_LOG = "application"

# The first version that can read the journal.
# https://github.com/aws/amazon-cloudwatch-agent/blob/main/RELEASE_NOTES
_JOURNALD_SINCE = (1, 300070)


class Metric(NamedTuple):
    """A metric as it arrives in CloudWatch.

    section, measurement: how the agent's configuration calls it
    dimensions: names of all its dimensions, no more and no less
    unit: as CloudWatch calls it
    """

    section: str
    measurement: str
    dimensions: tuple[str, ...]
    unit: str = "Percent"


# Name of the metric -> what is published under it. What EC2 itself publishes (processor, network, volumes) is not
# published, and paid for, again.
PUBLISHED = {
    "mem_used_percent": Metric("mem", "used_percent", ("InstanceId",)),
    "swap_used_percent": Metric("swap", "used_percent", ("InstanceId",)),
    "disk_used_percent": Metric("disk", "used_percent", ("InstanceId", "path")),
    # Time in which the processor waited for disks, and time that the host was entitled to and did not get.
    "cpu_usage_iowait": Metric("cpu", "usage_iowait", ("InstanceId", "cpu")),
    "cpu_usage_steal": Metric("cpu", "usage_steal", ("InstanceId", "cpu")),
}

# What the agent calls all processors together.
ALL_PROCESSORS = "cpu-total"


class AgentError(Exception):
    pass


def build_dimensions(metric: str, instance_id: str, path: str | None = None) -> dict[str, str]:
    """The dimensions of a metric of PUBLISHED, by name: what an alarm on it must say.

    path: the mount point, for the metrics that are of one
    """
    if metric not in PUBLISHED:
        raise AgentError(f"The agent does not publish {metric}; it publishes {', '.join(sorted(PUBLISHED))}")
    values = {"InstanceId": instance_id, "path": path, "cpu": ALL_PROCESSORS}
    dimensions = {name: values[name] for name in PUBLISHED[metric].dimensions}
    if None in dimensions.values():
        raise AgentError(f"{metric} is published for each mount point: name one")
    return dimensions


def log_group(prefix: str, log: str) -> str:
    """The name of a log group; log is SYSTEM_LOG or APPLICATION_LOG."""
    return f"{prefix.rstrip('/')}/{log}"


def check_version(version: str) -> None:
    """Raise AgentError if version, such as 1.300071.0b1720, is of an agent that cannot read the journal."""
    parts = version.split(".")
    if len(parts) < 3 or not all(part.isdigit() for part in parts[:2]):
        raise AgentError(f"{version!r} is no version of the agent: write all of it, as in 1.300071.0b1720")
    if tuple(int(part) for part in parts[:2]) < _JOURNALD_SINCE:
        since = ".".join(str(part) for part in _JOURNALD_SINCE)
        raise AgentError(f"The agent {version} cannot read the journal, which {since} and later can")


def build_configuration(
    log_group_prefix: str,
    units: Sequence[str],
    system_matches: Sequence[dict[str, str]],
    disk_paths: Sequence[str],
) -> dict[str, Any]:
    """The agent's configuration.

    units: the application's units; without any, it has no log
    system_matches: journal fields of what goes to the system's log, each dict a set that must all fit; none: all
    disk_paths: mount points whose use is measured
    """
    system = {"matches": [dict(match) for match in system_matches]} if system_matches else {}
    collected = [_journal(log_group(log_group_prefix, SYSTEM_LOG), **system)]
    if units:
        collected.append(_journal(log_group(log_group_prefix, APPLICATION_LOG), units=list(units)))
    return {
        "agent": {"metrics_collection_interval": INTERVAL},
        "metrics": {
            "namespace": NAMESPACE,
            "append_dimensions": {"InstanceId": "${aws:InstanceId}"},
            # A file system is published with its device and type as well, which change with the instance. This makes
            # a second metric of it, and drop_original_metrics leaves the first one out.
            "aggregation_dimensions": [["InstanceId", "path"]],
            "metrics_collected": {
                "cpu": {"totalcpu": True, "measurement": _measurements("cpu")},
                "disk": {
                    "resources": list(disk_paths),
                    "measurement": _measurements("disk"),
                    "drop_original_metrics": [name for name, metric in PUBLISHED.items() if metric.section == "disk"],
                },
                "mem": {"measurement": _measurements("mem")},
                "swap": {"measurement": _measurements("swap")},
            },
        },
        "logs": {"logs_collected": {"journald": {"collect_list": collected}}},
    }


def _measurements(section: str) -> list[str]:
    return [metric.measurement for metric in PUBLISHED.values() if metric.section == section]


def _journal(group: str, **selection: Any) -> dict[str, Any]:
    # No retention: the groups are there already, with theirs, and the host has no right to change it.
    return {"log_group_name": group, "log_stream_name": "{instance_id}", "priority": "info", **selection}


def build_policy(log_group_prefix: str, region: str, account_id: str, partition: str = "aws") -> dict[str, Any]:
    """The IAM policy that lets the agent publish what build_configuration tells it to, and nothing else."""
    groups = [
        f"arn:{partition}:logs:{region}:{account_id}:log-group:{log_group(log_group_prefix, log)}"
        for log in (SYSTEM_LOG, APPLICATION_LOG)
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "WriteLogs",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                # The group itself, and its streams.
                "Resource": [arn for group in groups for arn in (group, f"{group}:*")],
            },
            {
                "Sid": "PublishMetrics",
                "Effect": "Allow",
                "Action": "cloudwatch:PutMetricData",
                # Metrics have no ARNs; the namespace is what a policy can name.
                "Resource": "*",
                "Condition": {"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
            },
        ],
    }
