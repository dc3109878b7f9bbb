# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads a topic with its alarms in two batches, and carries out the steps that compare.py
# decided.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch import api
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import normalise_alarm
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import normalise_topic
from ansible_collections.slipway.aws.plugins.module_utils._sts.api import get_caller

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import Step


def read_set(clients: dict[str, Any], name: str, prefix: str) -> tuple[str, dict[str, Any]]:
    """The ARN that the topic has or will have, and the set as it is."""
    sns, cloudwatch = clients["sns"], clients["cloudwatch"]
    first = gather(
        caller=lambda: get_caller(clients["sts"]),
        # Without a prefix CloudWatch lists every alarm.
        alarms=lambda: api.list_alarms(cloudwatch, prefix),
    )
    partition = first["caller"]["Arn"].split(":")[1]
    arn = f"arn:{partition}:sns:{sns.meta.region_name}:{first['caller']['Account']}:{name}"

    def tags_read(alarm: dict[str, Any]) -> Any:
        return lambda: api.get_alarm_tags(cloudwatch, alarm["AlarmArn"])

    second = gather(
        topic=lambda: api.get_topic(sns, arn),
        subscriptions=lambda: api.list_subscriptions(sns, arn),
        topic_tags=lambda: api.get_topic_tags(sns, arn),
        # By ARN, which no other read is named by.
        **{alarm["AlarmArn"]: tags_read(alarm) for alarm in first["alarms"]},
    )
    alarms = {alarm["AlarmName"]: normalise_alarm(alarm, second[alarm["AlarmArn"]]) for alarm in first["alarms"]}
    topic = normalise_topic(arn, second["topic"], second["subscriptions"], second["topic_tags"])
    return arn, {"topic": topic, "alarms": alarms}


def apply(clients: dict[str, Any], steps: Iterable[Step]) -> None:
    for step in steps:
        getattr(api, step.action)(clients[step.service], **step.arguments)
