# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: who may deploy. Pure.
#
# One object in the project's bucket, replaced only by conditional writes. It is never removed: a lock that is free
# says so, and whose it was last. (S3 has conditional deletion, too, but in a versioned bucket that leaves markers, and
# it asks for one more permission.)
#
# {
#   "version": 1,
#   "held": true,
#   "owner": {"run", "arn", "user", "host", "pid", "start", "boot_id", "pid_namespace"},
#   "action": "deploy",
#   "record": "deployments/20261121T150400Z-3f2a9c0d41be.json",
#   "since": "2026-11-21T15:04:00Z", "expires": "2026-11-21T16:04:00Z"
# }

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from typing import TYPE_CHECKING
from typing import NamedTuple

if TYPE_CHECKING:
    from typing import Any

VERSION = 1
TAKE_OVER = "-e deployment_lock_take_over"


class Verdict(NamedTuple):
    """Whether a run may take the lock; why not, or whom it takes it from."""

    may: bool
    is_own: bool = False
    refusal: str = ""
    warning: str = ""


def format_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")


def is_held(lock: dict[str, Any] | None) -> bool:
    return bool(lock and lock["held"])


def is_held_by(lock: dict[str, Any] | None, run: str) -> bool:
    return is_held(lock) and lock["owner"]["run"] == run


def is_expired(lock: dict[str, Any], now: datetime) -> bool:
    return parse_time(lock["expires"]) <= now


def describe_owner(owner: dict[str, Any]) -> str:
    return f"{owner['user']}@{owner['host']} as {owner['arn']}, process {owner['pid']}, run {owner['run']}"


def judge(lock: dict[str, Any] | None, run: str, now: datetime, owner_is_gone: bool, take_over: str | None) -> Verdict:
    """Whether this run may write itself into the lock."""
    if not is_held(lock):
        return Verdict(True)
    if is_held_by(lock, run):
        return Verdict(True, is_own=True)
    owner = lock["owner"]
    who = f"{describe_owner(owner)}, which began to {lock['action']} at {lock['since']}"
    if owner_is_gone:
        return Verdict(True, warning=f"The lock is taken over from {who}: that process has ended without freeing it.")
    if is_expired(lock, now):
        return Verdict(True, warning=f"The lock is taken over from {who}: it was good until {lock['expires']}.")
    if take_over == owner["run"]:
        return Verdict(True, warning=f"The lock is taken over, as asked for, from {who}.")
    asked = f"It is not run {take_over}'s, which was to be taken over. " if take_over else ""
    return Verdict(
        False,
        refusal=f"Another run holds the lock of this project: {who}. The lock is good until {lock['expires']}; {asked}"
        "Wait until that run has ended, then run again. If you know that it is dead, take its place with "
        f"{TAKE_OVER}={owner['run']}",
    )


def build_held(owner: dict[str, Any], action: str, record: str, since: str, now: datetime, ttl: int) -> dict[str, Any]:
    expires = format_time(now + timedelta(seconds=ttl))
    return {
        "version": VERSION,
        "held": True,
        "owner": owner,
        "action": action,
        "record": record,
        "since": since,
        "expires": expires,
    }


def build_free(lock: dict[str, Any]) -> dict[str, Any]:
    return {**lock, "held": False}
