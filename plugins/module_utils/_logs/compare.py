# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: log groups as they are and should be, and the steps between. Pure.
#
# A log group, as read or as wanted, is a dict:
#   name, retention_in_days (0: for ever), kms_key_id ("": none of the account's), log_group_class, tags
# In what is wanted, None means "leave alone". A group that was read has arn and stored_bytes as well.

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._kms import same_key
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
# fmt: off
RETENTIONS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)
# fmt: on
FOR_EVER = 0
NAME = re.compile(r"[\w./#-]{1,512}", re.ASCII)


class Step(NamedTuple):
    """One write: a function of api.py and its arguments."""

    action: str
    arguments: dict[str, Any]


def normalise_group(described: dict[str, Any] | None, tags: dict[str, str]) -> dict[str, Any] | None:
    if described is None:
        return None
    return {
        "name": described["logGroupName"],
        "arn": group_arn(described),
        "retention_in_days": described.get("retentionInDays", FOR_EVER),
        "kms_key_id": described.get("kmsKeyId", ""),
        "log_group_class": described.get("logGroupClass", "STANDARD"),
        "stored_bytes": described.get("storedBytes", 0),
        "tags": tags,
    }


def group_arn(described: dict[str, Any]) -> str:
    """The ARN by which a group is tagged: without the :* that stands for its streams."""
    return described.get("logGroupArn") or described["arn"].removesuffix(":*")


def build_groups(params: dict[str, Any]) -> list[dict[str, Any]]:
    tags = params["tags"]
    return [
        {**group, "tags": None if tags is None else {key: str(value) for key, value in tags.items()}}
        for group in params["log_groups"]
    ]


def find_problems(params: dict[str, Any]) -> list[str]:
    """Everything in the options that CloudWatch Logs would refuse, said at once."""
    names = [group["name"] for group in params["log_groups"]]
    problems = [
        f"log_groups: {name} is there twice" for name in sorted({name for name in names if names.count(name) > 1})
    ]
    for group in params["log_groups"]:
        name, days = group["name"], group["retention_in_days"]
        if not NAME.fullmatch(name):
            problems.append(f"log_groups: {name} has other characters than letters, digits and _-./#, or over 512")
        if days not in (None, FOR_EVER, *RETENTIONS):
            nearest = min(RETENTIONS, key=lambda allowed: abs(allowed - days))
            problems.append(
                f"log_groups: {name}: retention_in_days: {days} is not possible; the nearest that is, is {nearest}. "
                f"Possible are {', '.join(map(str, RETENTIONS))}, and {FOR_EVER} for ever"
            )
    return problems


def class_problem(current: dict[str, Any] | None, desired: dict[str, Any]) -> str | None:
    if current and desired["log_group_class"] not in (None, current["log_group_class"]):
        return (
            f"log_groups: {current['name']}: log_group_class: it is {current['log_group_class']}, and AWS cannot "
            f"change it to {desired['log_group_class']}. Keep that class, or delete the group first"
        )
    return None


def group_steps(current: dict[str, Any] | None, desired: dict[str, Any], purge_tags: bool) -> Iterator[Step]:
    """The writes that turn current into desired; what is in a group is never lost by them but through retention."""
    name, days, key = desired["name"], desired["retention_in_days"], desired["kms_key_id"]
    if current is None:
        settings = {"kmsKeyId": key, "logGroupClass": desired["log_group_class"]}
        settings = {option: value for option, value in settings.items() if value}
        yield Step("create_log_group", {"name": name, "settings": settings, "tags": desired["tags"] or {}})
        # There is no way to say it in the call that makes the group.
        if days:
            yield Step("put_retention", {"name": name, "days": days})
        return
    if days is not None and days != current["retention_in_days"]:
        yield Step("put_retention", {"name": name, "days": days}) if days else Step("delete_retention", {"name": name})
    if key is not None and not same_key(key or None, current["kms_key_id"] or None, default="-"):
        yield Step("associate_key", {"name": name, "key": key}) if key else Step("disassociate_key", {"name": name})
    if desired["tags"] is not None:
        to_set, to_remove = compare_aws_tags(current["tags"], desired["tags"], purge_tags)
        if to_remove:
            yield Step("untag_log_group", {"arn": current["arn"], "keys": to_remove})
        if to_set:
            yield Step("tag_log_group", {"arn": current["arn"], "tags": to_set})


def planned_group(current: dict[str, Any] | None, desired: dict[str, Any], purge_tags: bool) -> dict[str, Any]:
    """What the group will be; what AWS decides stays as it is, or is UNKNOWN if it does not exist yet."""
    defaults = {"retention_in_days": FOR_EVER, "kms_key_id": "", "log_group_class": "STANDARD"}
    now = current or {"arn": UNKNOWN, "stored_bytes": 0, "tags": {}, **defaults}
    kept = {} if purge_tags and desired["tags"] is not None else now["tags"]
    return {
        **now,
        "name": desired["name"],
        **{key: now[key] if desired[key] is None else desired[key] for key in defaults},
        "tags": {**kept, **(desired["tags"] or {})},
    }


def groups_view(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """The groups as a person reads them in a diff."""
    told = ("retention_in_days", "kms_key_id", "log_group_class", "tags")
    return {group["name"]: {key: group[key] for key in told} for group in groups}
