# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# CloudWatch's alarms: refused where AWS refuses them, changed without forgetting their state, and doing what they are
# there for when somebody sets their state.

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import CloudWatchBackend

from slipway_lab.aws import sns
from slipway_lab.aws.patching import wraps

if TYPE_CHECKING:
    from typing import Any

    from moto.cloudwatch.models import Alarm

    from slipway_lab.context import Lab

log = logging.getLogger(__name__)

DAY = 86400
ACTIONS = {
    "ALARM": "alarm_actions",
    "OK": "ok_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
}
# What an alarm keeps when its definition is put again.
STATE = ("history", "state_reason", "state_reason_data", "state_value", "state_updated_timestamp")
MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")


def install(lab: Lab) -> None:
    @wraps(CloudWatchBackend, "put_metric_alarm")
    def put_metric_alarm(original: Any, self: Any, **options: Any) -> Alarm:
        if options.get("rule") is None:
            problem = alarm_problem(self.region_name, options)
            if problem:
                raise ValidationError(problem)
        before = self.alarms.get(options["name"])
        if before:
            # AWS ignores tags in a call that updates an alarm.
            options["tags"] = None
        alarm = original(**options)
        if before:
            for name in STATE:
                setattr(alarm, name, getattr(before, name))
        else:
            alarm.state_value = "INSUFFICIENT_DATA"
        return alarm

    @wraps(CloudWatchBackend, "delete_alarms")
    def delete_alarms(original: Any, self: Any, alarm_names: list[str]) -> None:
        for alarm in self.get_alarms_by_alarm_names(alarm_names):
            self.tagger.delete_all_tags_for_resource(alarm.alarm_arn)
        original(alarm_names)

    @wraps(CloudWatchBackend, "set_alarm_state")
    def set_alarm_state(original: Any, self: Any, name: str, reason: str, reason_data: str, state: str) -> None:
        before = self.alarms[name].state_value if name in self.alarms else None
        original(name, reason, reason_data, state)
        alarm = self.alarms[name]
        if state != before and alarm.actions_enabled:
            for arn in getattr(alarm, ACTIONS[state]) or []:
                _act(alarm, arn, before)


def alarm_problem(region: str, options: dict[str, Any]) -> str | None:
    """Why AWS would refuse a metric alarm, by the emulator's names of its fields."""
    period, periods = options.get("period"), options["evaluation_periods"]
    if not options.get("metric_data_queries"):
        if not options.get("statistic") and not options.get("extended_statistic"):
            return "Exactly one of Statistic and ExtendedStatistic must be specified"
        if period not in (10, 20, 30) and (not period or period % 60):
            return "Period must be 10, 20, 30 or a multiple of 60"
        longest = 7 * DAY if period >= 3600 else DAY
        if period * periods > longest:
            return (
                f"Metrics cannot be checked across more than {longest // DAY} day(s) "
                f"(EvaluationPeriods * Period must be <= {longest})."
            )
    if (options.get("datapoints_to_alarm") or 0) > periods:
        return "DatapointsToAlarm must be less than or equal to EvaluationPeriods"
    if (options.get("treat_missing_data") or "missing") not in MISSING_DATA:
        return f"Option {options['treat_missing_data']} is not supported."
    for arn in [arn for kind in ACTIONS.values() for arn in options.get(kind) or []]:
        parts = arn.split(":")
        if len(parts) < 6 or parts[0] != "arn":
            return f"Invalid arn syntax: {arn}"
        if parts[2] == "sns" and parts[3] != region:
            return f"Invalid region {parts[3]} specified. Only {region} is supported."
    return None


def _act(alarm: Alarm, arn: str, before: str | None) -> None:
    if ":sns:" not in arn:
        log.info("%s would act on %s", alarm.name, arn)
        return
    message = {
        "AlarmName": alarm.name,
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "OldStateValue": before,
        "AlarmArn": alarm.alarm_arn,
    }
    subject = f'{alarm.state_value}: "{alarm.name}"'
    problem = sns.publish_as_service(arn, "cloudwatch.amazonaws.com", alarm.alarm_arn, subject, json.dumps(message))
    if problem:
        # As on AWS, whoever set the state is not told; the alarm's history is.
        log.warning("alarm %s: %s", alarm.name, problem)
