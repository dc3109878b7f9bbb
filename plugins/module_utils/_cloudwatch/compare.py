# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: a topic and its alarms as they are and should be, and the steps between. Pure.
#
# A set, as read or as wanted, is a dict:
#   topic: None, or {arn, name, display_name, kms_key_id, policy, tags, subscriptions [{protocol, endpoint, arn}]}
#   alarms: {full name: {description, ..., tags}}; one that was read has arn and state as well
# In what is wanted, None for a topic's setting, for tags or for subscriptions means "leave alone". An alarm has no such
# thing: CloudWatch replaces an alarm as a whole, so what is not said is CloudWatch's own default.

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.metrics import place_problems
from ansible_collections.slipway.aws.plugins.module_utils._kms import same_key
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._s3.policy import merge_statements

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from typing import Any

# What SNS lists instead of the ARN of a subscription whose owner has not confirmed it, and of one that is gone.
PENDING = "PendingConfirmation"
DELETED = "Deleted"
# For whose subscriptions somebody must confirm.
ASKS_FIRST = ("email", "email-json", "http", "https")

# In a list of actions, the set's own topic.
TOPIC = "topic"
ACTIONS = ("alarm_actions", "ok_actions", "insufficient_data_actions")

CLOUDWATCH_SID = "AllowCloudWatchAlarms"
BUDGETS_SID = "AllowBudgets"

# How an alarm's settings are called by CloudWatch.
SETTINGS = {
    "description": "AlarmDescription",
    "actions_enabled": "ActionsEnabled",
    "metric_name": "MetricName",
    "namespace": "Namespace",
    "statistic": "Statistic",
    "extended_statistic": "ExtendedStatistic",
    "period": "Period",
    "evaluation_periods": "EvaluationPeriods",
    "datapoints_to_alarm": "DatapointsToAlarm",
    "threshold": "Threshold",
    "comparison_operator": "ComparisonOperator",
    "treat_missing_data": "TreatMissingData",
    "unit": "Unit",
    "evaluate_low_sample_count_percentile": "EvaluateLowSampleCountPercentile",
    "alarm_actions": "AlarmActions",
    "ok_actions": "OKActions",
    "insufficient_data_actions": "InsufficientDataActions",
}

DAY = 86400
# Quotas of CloudWatch.
ACTIONS_LIMIT = 5
DIMENSIONS_LIMIT = 30
NAME_LIMIT = 255
# How many alarms one call deletes.
DELETE_BATCH = 100


class Step(NamedTuple):
    """One write: the service, a function of api.py and its arguments."""

    service: str
    action: str
    arguments: dict[str, Any]


# --- what is there ---------------------------------------------------------------------------------------------


def normalise_topic(
    arn: str, attributes: dict[str, str] | None, subscriptions: list[dict[str, str]], tags: dict[str, str]
) -> dict[str, Any] | None:
    if attributes is None:
        return None
    return {
        "arn": arn,
        "name": arn.rpartition(":")[2],
        "display_name": attributes.get("DisplayName", ""),
        "kms_key_id": attributes.get("KmsMasterKeyId", ""),
        "policy": json.loads(attributes["Policy"]) if attributes.get("Policy") else None,
        "tags": tags,
        "subscriptions": [
            {"protocol": item["Protocol"], "endpoint": item["Endpoint"], "arn": item["SubscriptionArn"]}
            for item in subscriptions
            if item["SubscriptionArn"] != DELETED
        ],
    }


def normalise_alarm(described: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    alarm = {name: described.get(key) for name, key in SETTINGS.items()}
    return {
        **_with_defaults(alarm),
        "dimensions": {item["Name"]: item["Value"] for item in described.get("Dimensions") or []},
        "tags": tags,
        "arn": described["AlarmArn"],
        "state": described.get("StateValue", ""),
    }


def _with_defaults(alarm: dict[str, Any]) -> dict[str, Any]:
    """An alarm with what CloudWatch takes for what is not said."""
    periods = alarm["evaluation_periods"]
    return {
        **alarm,
        "description": alarm["description"] or "",
        "actions_enabled": alarm["actions_enabled"] is not False,
        "datapoints_to_alarm": alarm["datapoints_to_alarm"] or periods,
        "threshold": None if alarm["threshold"] is None else float(alarm["threshold"]),
        "treat_missing_data": alarm["treat_missing_data"] or "missing",
        **{kind: list(alarm[kind] or []) for kind in ACTIONS},
    }


# --- what should be there --------------------------------------------------------------------------------------


def build_set(params: dict[str, Any], arn: str) -> dict[str, Any]:
    """The set that the module's options ask for; arn is the topic's."""
    return {
        "topic": {
            "arn": arn,
            "name": params["name"],
            "display_name": params["display_name"],
            "kms_key_id": params["kms_key_id"],
            "statements": topic_statements(arn, params["allow_budgets"]),
            "tags": _texts(params["tags"]),
            "subscriptions": params["subscriptions"],
        },
        "alarms": {
            f"{alarm_prefix(params)}{alarm['name']}": build_alarm(alarm, arn, _texts(params["tags"]))
            for alarm in params["alarms"] or []
        },
    }


def alarm_prefix(params: dict[str, Any]) -> str:
    # A slash, because a dash would make the alarms of "shop" out of those of "shop-staging".
    return f"{params['name']}/" if params["alarm_prefix"] is None else params["alarm_prefix"]


def _texts(tags: dict[str, Any] | None) -> dict[str, str] | None:
    return None if tags is None else {key: str(value) for key, value in tags.items()}


def build_alarm(alarm: dict[str, Any], topic_arn: str, tags: dict[str, str] | None) -> dict[str, Any]:
    settings = {name: alarm[name] for name in SETTINGS}
    if not alarm["statistic"] and not alarm["extended_statistic"]:
        settings["statistic"] = "Average"
    for kind in ACTIONS:
        wanted = [TOPIC] if alarm[kind] is None else alarm[kind]
        settings[kind] = [topic_arn if action == TOPIC else action for action in wanted]
    dimensions = {name: str(value) for name, value in (alarm["dimensions"] or {}).items()}
    return {**_with_defaults(settings), "dimensions": dimensions, "tags": tags}


def topic_statements(arn: str, allow_budgets: bool) -> dict[str, dict[str, Any] | None]:
    """The statements of the topic's policy that are ours, by Sid; None for one that must not be there."""
    partition, region, account = (arn.split(":")[place] for place in (1, 3, 4))

    def allow(sid: str, service: str, source: str) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sns:Publish",
            "Resource": arn,
            # Without these, what another account has there could publish to this topic.
            "Condition": {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": source}},
        }

    alarms = f"arn:{partition}:cloudwatch:{region}:{account}:alarm:*"
    budgets = f"arn:{partition}:budgets::{account}:*"
    return {
        CLOUDWATCH_SID: allow(CLOUDWATCH_SID, "cloudwatch.amazonaws.com", alarms),
        BUDGETS_SID: allow(BUDGETS_SID, "budgets.amazonaws.com", budgets) if allow_budgets else None,
    }


# --- what must not be ------------------------------------------------------------------------------------------


def find_problems(params: dict[str, Any], region: str) -> list[str]:
    """Everything in the options that CloudWatch or SNS would refuse, or that would stay silent, said at once."""
    problems = list(_topic_problems(params))
    names = [alarm["name"] for alarm in params["alarms"] or []]
    problems += [f"alarms: {name} is there twice" for name in sorted({name for name in names if names.count(name) > 1})]
    for alarm in params["alarms"] or []:
        problems += [f"alarms: {alarm['name']}: {problem}" for problem in _alarm_problems(alarm, params, region)]
    return problems


def _topic_problems(params: dict[str, Any]) -> Iterator[str]:
    if params["alarm_prefix"] == "":
        yield "alarm_prefix: every alarm of the region begins with an empty prefix. Write what those of this set share"
    if same_key(params["kms_key_id"], "alias/aws/sns", default="-"):
        yield (
            "kms_key_id: CloudWatch cannot publish to a topic that is encrypted with alias/aws/sns. Use a key of your "
            "own whose policy lets cloudwatch.amazonaws.com use kms:Decrypt and kms:GenerateDataKey"
        )
    seen = set()
    for item in params["subscriptions"] or []:
        if item["protocol"].startswith("email") and "@" not in item["endpoint"] and not is_unknown(item["endpoint"]):
            yield f"subscriptions: {item['endpoint']} is no e-mail address"
        if _identity(item) in seen:
            yield f"subscriptions: {item['protocol']} {item['endpoint']} is there twice"
        seen.add(_identity(item))


def _alarm_problems(alarm: dict[str, Any], params: dict[str, Any], region: str) -> Iterator[str]:
    if len(alarm_prefix(params)) + len(alarm["name"]) > NAME_LIMIT:
        yield f"its full name is longer than {NAME_LIMIT} characters"
    if alarm["statistic"] and alarm["extended_statistic"]:
        yield "statistic and extended_statistic exclude each other"
    yield from _period_problems(alarm)
    if len(alarm["dimensions"] or {}) > DIMENSIONS_LIMIT:
        yield f"dimensions: {len(alarm['dimensions'])}, and at most {DIMENSIONS_LIMIT} are possible"
    for kind in ACTIONS:
        if len(alarm[kind] or []) > ACTIONS_LIMIT:
            yield f"{kind}: {len(alarm[kind])}, and at most {ACTIONS_LIMIT} are possible"
        for action in alarm[kind] or []:
            if action != TOPIC and not action.startswith("arn:") and not is_unknown(action):
                yield f"{kind}: {action} is neither an ARN nor the word {TOPIC}"
            elif action.split(":")[2:3] == ["sns"] and action.split(":")[3] != region:
                yield f"{kind}: {action} is not in {region}, and an alarm tells only topics of its own region"
    yield from place_problems({**alarm, "dimensions": alarm["dimensions"] or {}}, region)


def _period_problems(alarm: dict[str, Any]) -> Iterator[str]:
    period, periods = alarm["period"], alarm["evaluation_periods"]
    if period not in (10, 20, 30) and (period < 60 or period % 60):
        yield f"period: {period} seconds are not possible; 10, 20, 30 and multiples of 60 are"
    elif period < 60 and alarm["namespace"].startswith("AWS/"):
        yield f"period: {alarm['namespace']} has no data every {period} seconds; 60 is the least"
    days = 7 if period >= 3600 else 1
    if period * periods > days * DAY:
        yield (
            f"period, evaluation_periods: {periods} times {period} seconds is more than CloudWatch looks back, which "
            f"is {days} day(s)"
        )
    if periods < 1:
        yield f"evaluation_periods: {periods} is no number of periods"
    if not 1 <= (alarm["datapoints_to_alarm"] or 1) <= max(periods, 1):
        yield f"datapoints_to_alarm: {alarm['datapoints_to_alarm']} is not between 1 and evaluation_periods, {periods}"


# --- the steps between -----------------------------------------------------------------------------------------


def _identity(subscription: dict[str, str]) -> tuple[str, str]:
    endpoint = subscription["endpoint"]
    # Mail servers may tell capitals apart; people and SNS's own checks do not.
    return subscription["protocol"], endpoint.lower() if subscription["protocol"].startswith("email") else endpoint


def set_steps(current: dict[str, Any], desired: dict[str, Any], purge: dict[str, bool]) -> list[Step]:
    """The writes that turn current into desired, in an order in which each can name what it needs.

    purge: whether to remove alarms, subscriptions and tags that are not wanted
    """
    steps = list(_topic_steps(current["topic"], desired["topic"], purge["tags"]))
    now = (current["topic"] or {}).get("subscriptions", [])
    wanted = desired["topic"]["subscriptions"]
    arn = desired["topic"]["arn"]
    steps += [
        Step("sns", "subscribe", {"arn": arn, "protocol": item["protocol"], "endpoint": item["endpoint"]})
        for item in new_subscriptions(now, wanted)
    ]
    for name, alarm in desired["alarms"].items():
        steps += _alarm_steps(name, current["alarms"].get(name), alarm, purge["tags"])
    if purge["alarms"]:
        steps += deletion_of_alarms(name for name in current["alarms"] if name not in desired["alarms"])
    steps += [
        Step("sns", "unsubscribe", {"arn": item["arn"]})
        for item in unwanted_subscriptions(now, wanted)
        if purge["subscriptions"]
    ]
    return steps


def new_subscriptions(now: list[dict[str, str]], wanted: list[dict[str, str]] | None) -> list[dict[str, str]]:
    there = {_identity(item) for item in now}
    return [item for item in wanted or [] if _identity(item) not in there]


def unwanted_subscriptions(now: list[dict[str, str]], wanted: list[dict[str, str]] | None) -> list[dict[str, str]]:
    """Confirmed subscriptions that are not wanted. SNS cannot remove a pending one: it forgets it within two days."""
    if wanted is None:
        return []
    kept = {_identity(item) for item in wanted}
    return [item for item in now if _identity(item) not in kept and item["arn"] != PENDING]


def _topic_steps(now: dict[str, Any] | None, wanted: dict[str, Any], purge_tags: bool) -> Iterator[Step]:
    arn = wanted["arn"]
    attributes = {"DisplayName": wanted["display_name"], "KmsMasterKeyId": wanted["kms_key_id"]}
    if now is None:
        _changed, policy = merge_statements(None, wanted["statements"])
        arguments = {
            "name": wanted["name"],
            "policy": policy,
            "tags": wanted["tags"] or {},
            "attributes": {key: value for key, value in attributes.items() if value},
        }
        yield Step("sns", "create_topic", arguments)
        return
    changed, policy = merge_statements(now["policy"], wanted["statements"])
    if changed:
        yield Step("sns", "set_topic_attribute", {"arn": arn, "name": "Policy", "value": json.dumps(policy)})
    if wanted["display_name"] not in (None, now["display_name"]):
        yield Step("sns", "set_topic_attribute", {"arn": arn, "name": "DisplayName", "value": wanted["display_name"]})
    if wanted["kms_key_id"] is not None and not same_key(wanted["kms_key_id"] or None, now["kms_key_id"], default="-"):
        yield Step("sns", "set_topic_attribute", {"arn": arn, "name": "KmsMasterKeyId", "value": wanted["kms_key_id"]})
    yield from _tag_steps("sns", "topic", arn, now["tags"], wanted["tags"], purge_tags)


def _tag_steps(
    service: str, kind: str, arn: str, now: dict[str, str], wanted: dict[str, str] | None, purge: bool
) -> Iterator[Step]:
    if wanted is None:
        return
    to_set, to_remove = compare_aws_tags(now, wanted, purge)
    if to_remove:
        yield Step(service, f"untag_{kind}", {"arn": arn, "keys": to_remove})
    if to_set:
        yield Step(service, f"tag_{kind}", {"arn": arn, "tags": to_set})


def _alarm_steps(name: str, now: dict[str, Any] | None, wanted: dict[str, Any], purge_tags: bool) -> Iterator[Step]:
    if now is None or any(now[key] != wanted[key] for key in (*SETTINGS, "dimensions")):
        tags = wanted["tags"] or {} if now is None else {}
        yield Step("cloudwatch", "put_alarm", {"name": name, "settings": alarm_request(wanted), "tags": tags})
    if now is not None:
        yield from _tag_steps("cloudwatch", "alarm", now["arn"], now["tags"], wanted["tags"], purge_tags)


def alarm_request(alarm: dict[str, Any]) -> dict[str, Any]:
    """An alarm as PutMetricAlarm wants it."""
    request = {key: alarm[name] for name, key in SETTINGS.items() if alarm[name] is not None}
    request["Dimensions"] = [{"Name": name, "Value": value} for name, value in sorted(alarm["dimensions"].items())]
    return request


def deletion_of_alarms(names: Iterable[str]) -> list[Step]:
    ordered = sorted(names)
    return [
        Step("cloudwatch", "delete_alarms", {"names": ordered[start : start + DELETE_BATCH]})
        for start in range(0, len(ordered), DELETE_BATCH)
    ]


def deletion_steps(current: dict[str, Any]) -> list[Step]:
    """The writes that take the set away. The topic goes last, and its subscriptions with it."""
    steps = deletion_of_alarms(current["alarms"])
    if current["topic"]:
        steps.append(Step("sns", "delete_topic", {"arn": current["topic"]["arn"]}))
    return steps


# --- what is told ----------------------------------------------------------------------------------------------


def planned_set(current: dict[str, Any], desired: dict[str, Any], purge: dict[str, bool]) -> dict[str, Any]:
    """What the set will be; what AWS decides stays as it is, or is UNKNOWN if it does not exist yet."""
    now, wanted = current["topic"] or {}, desired["topic"]
    _changed, policy = merge_statements(now.get("policy"), wanted["statements"])
    there = now.get("subscriptions", [])
    gone = unwanted_subscriptions(there, wanted["subscriptions"]) if purge["subscriptions"] else []
    coming = [
        {**item, "arn": PENDING if item["protocol"] in ASKS_FIRST else UNKNOWN}
        for item in new_subscriptions(there, wanted["subscriptions"])
    ]
    arn = wanted["arn"]
    topic = {
        "arn": arn,
        "name": wanted["name"],
        "display_name": now.get("display_name", "") if wanted["display_name"] is None else wanted["display_name"],
        "kms_key_id": now.get("kms_key_id", "") if wanted["kms_key_id"] is None else wanted["kms_key_id"],
        "policy": policy,
        "tags": _planned_tags(now.get("tags", {}), wanted["tags"], purge["tags"]),
        "subscriptions": [item for item in there if item not in gone] + coming,
    }
    kept = {} if purge["alarms"] else current["alarms"]
    arn_prefix = arn.replace(":sns:", ":cloudwatch:").rpartition(":")[0]
    alarms = dict(kept)
    for name, alarm in desired["alarms"].items():
        before = current["alarms"].get(name, {"arn": f"{arn_prefix}:alarm:{name}", "state": UNKNOWN, "tags": {}})
        alarms[name] = {**before, **alarm, "tags": _planned_tags(before["tags"], alarm["tags"], purge["tags"])}
    return {"topic": topic, "alarms": alarms}


def _planned_tags(now: dict[str, str], wanted: dict[str, str] | None, purge: bool) -> dict[str, str]:
    kept = {} if purge and wanted is not None else now
    return {**kept, **(wanted or {})}


def set_result(found: dict[str, Any]) -> dict[str, Any]:
    """What the module returns of a set: topic, alarms and pending_subscriptions."""
    topic = found["topic"] or {}
    subscriptions = [
        {
            "protocol": item["protocol"],
            "endpoint": item["endpoint"],
            "arn": item["arn"],
            "pending": item["arn"] == PENDING,
        }
        for item in topic.get("subscriptions", [])
    ]
    return {
        "topic": topic
        and {
            **{key: topic[key] for key in ("arn", "name", "display_name", "kms_key_id", "tags")},
            "subscriptions": subscriptions,
        },
        "alarms": [{"name": name, **alarm} for name, alarm in sorted(found["alarms"].items())],
        "pending_subscriptions": [
            {"protocol": item["protocol"], "endpoint": item["endpoint"], "topic_arn": topic["arn"]}
            for item in subscriptions
            if item["pending"]
        ],
    }


def set_view(found: dict[str, Any]) -> dict[str, Any]:
    """The set as a person reads it in a diff: without IDs, and without the states that alarms are in."""
    if not found["topic"] and not found["alarms"]:
        return {}
    topic = found["topic"]
    return {
        "topic": topic
        and {
            **{key: topic[key] for key in ("name", "display_name", "kms_key_id", "policy", "tags")},
            "subscriptions": {
                f"{item['protocol']} {item['endpoint']}": "pending" if item["arn"] == PENDING else "confirmed"
                for item in topic["subscriptions"]
            },
        },
        "alarms": {
            name: {key: alarm[key] for key in (*SETTINGS, "dimensions", "tags") if alarm[key] not in (None, "", {})}
            for name, alarm in sorted(found["alarms"].items())
        },
    }
