# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what is written down about a deployment, and what follows from it later. Pure.
#
# {
#   "version": 1,
#   "run": "3f2a9c0d41be", "action": "deploy",
#   "began": "2026-11-21T15:04:00Z", "ended": "2026-11-21T15:05:10Z",
#   "by": {"arn", "user", "host"},
#   "result": "started" | "succeeded" | "failed", "reason": "",
#   "parts": {"backend": {"before": "81c5e7a2f09d", "after": "5d41402abc4b", "result": ..., "source": {...}}},
#   "backup": "app-20261121T150401Z"     of the database, made before the release changed it
# }
#
# A record that says "started" and whose run has ended was interrupted: nobody else ever finishes it.

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.slipway.aws.plugins.module_utils._deployment.lock import format_time
from ansible_collections.slipway.aws.plugins.module_utils._deployment.lock import is_expired
from ansible_collections.slipway.aws.plugins.module_utils._deployment.lock import is_held_by

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

VERSION = 1
FOLDER = "deployments/"
LOCK = f"{FOLDER}lock.json"
RELEASES = "releases/"
RECORD = re.compile(rf"{FOLDER}(\d{{8}}T\d{{6}}Z)-([0-9a-f]+)\.json")
ARCHIVE = re.compile(rf"{RELEASES}([\w-]+)/([0-9a-f]+)\.tar\.gz")
PART = re.compile(r"[\w-]+")
RELEASE_ID = re.compile(r"[0-9a-f]+")
LONGEST_REASON = 1000


class NoTargetError(Exception):
    """There is nothing to go back to, or not what was asked for."""


def record_key(now: datetime, run: str) -> str:
    return f"{FOLDER}{now.strftime('%Y%m%dT%H%M%SZ')}-{run}.json"


def archive_key(part: str, release: str) -> str:
    return f"{RELEASES}{part}/{release}.tar.gz"


def find_record(keys: Iterable[str], run: str) -> str | None:
    """The key of a run's record."""
    found = [key for key in keys if (match := RECORD.fullmatch(key)) and match[2] == run]
    return max(found, default=None)


def find_newest(keys: Iterable[str], most: int) -> list[str]:
    """The keys of the newest records, the newest first."""
    return sorted((key for key in keys if RECORD.fullmatch(key)), reverse=True)[:most]


# --- a deployment's life ---------------------------------------------------------------------------------------


def start(owner: Mapping[str, Any], action: str, now: datetime) -> dict[str, Any]:
    return {
        "version": VERSION,
        "run": owner["run"],
        "action": action,
        "began": format_time(now),
        "ended": None,
        "by": {key: owner[key] for key in ("arn", "user", "host")},
        "result": "started",
        "reason": "",
        "parts": {},
        "backup": None,
    }


def start_part(
    record: Mapping[str, Any], part: str, before: str | None, after: str, source: Mapping[str, Any]
) -> dict[str, Any]:
    """The next part begins, so those before it have come to their end."""
    parts = _settle(record["parts"], "succeeded")
    parts[part] = {"before": before, "after": after, "result": "started", "source": dict(source)}
    return {**record, "result": "started", "ended": None, "parts": parts}


def finish(record: Mapping[str, Any], result: str, reason: str, backup: str | None, now: datetime) -> dict[str, Any]:
    return {
        **record,
        "result": result,
        "reason": shorten(reason),
        "ended": format_time(now),
        "parts": _settle(record["parts"], result),
        "backup": backup or record.get("backup"),
    }


def _settle(parts: Mapping[str, Mapping[str, Any]], result: str) -> dict[str, dict[str, Any]]:
    return {
        name: {**part, "result": result if part["result"] == "started" else part["result"]}
        for name, part in parts.items()
    }


def shorten(reason: str) -> str:
    """What happened, without the log that follows it: nobody has looked through that for what must not be kept."""
    first = reason.strip().partition("\n\n")[0]
    return first if len(first) <= LONGEST_REASON else first[:LONGEST_REASON] + "..."


def judge_result(record: Mapping[str, Any], lock: Mapping[str, Any] | None, owner_is_gone: bool, now: datetime) -> str:
    """V(succeeded), V(failed), V(running) or V(interrupted). owner_is_gone is said of the lock's owner."""
    if record["result"] != "started":
        return record["result"]
    lives = is_held_by(lock, record["run"]) and not owner_is_gone and not is_expired(lock, now)
    return "running" if lives else "interrupted"


# --- what is kept ----------------------------------------------------------------------------------------------


def sort_archives(objects: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The archives of a listing by part, those that came last first."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for item in sorted(objects, key=lambda item: (item["modified"], item["key"]), reverse=True):
        match = ARCHIVE.fullmatch(item["key"])
        if match:
            kept = {"id": match[2], "kept_since": item["modified"], "size": item["size"]}
            parts.setdefault(match[1], []).append(kept)
    return parts


def choose_pruned(archives: Sequence[Mapping[str, Any]], keep: int, needed: Iterable[str | None]) -> list[str]:
    """Which archives of a part (newest first) go: all but the newest and those that are needed."""
    kept = set(needed) - {None}
    for archive in archives:
        if len(kept) >= keep:
            break
        kept.add(archive["id"])
    return [archive["id"] for archive in archives if archive["id"] not in kept]


# --- a way back ------------------------------------------------------------------------------------------------


class Target(NamedTuple):
    """The releases to go back to, by part, and the deployment that this undoes (none if a release was named)."""

    releases: dict[str, str]
    undone: dict[str, Any] | None


def _changed_parts(record: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    return {
        name: part
        for name, part in record["parts"].items()
        if name in parts and record["result"] == "succeeded" and part["before"] != part["after"]
    }


def find_undone(records: Iterable[Mapping[str, Any]], parts: Sequence[str]) -> Mapping[str, Any] | None:
    """Of records, newest first, the one that a rollback of these parts takes back."""
    return next((record for record in records if _changed_parts(record, parts)), None)


def choose_target(
    records: Sequence[Mapping[str, Any]],
    kept: Mapping[str, Sequence[Mapping[str, Any]]],
    parts: Sequence[str],
    release: str | None,
) -> Target:
    """records: newest first. parts: those that may go back. release: the id of one; by default what was live before."""
    if release:
        found = {part: release for part in parts if release in _ids(kept, part)}
        if not found:
            raise NoTargetError(f"Release {release} is not kept. {describe_kept(kept, parts)}")
        return Target(found, None)
    undone = find_undone(records, parts)
    if undone is None:
        raise NoTargetError(
            f"No deployment of {' or '.join(parts)} that succeeded is recorded, so nobody knows what was live before. "
            f"Name a release with -e release=<id>. {describe_kept(kept, parts)}"
        )
    changed = _changed_parts(undone, parts)
    back = {name: part["before"] for name, part in changed.items() if part["before"]}
    if not back:
        raise NoTargetError(
            f"The deployment of {undone['began']} was the first of {' and '.join(changed)}: nothing was live before. "
            f"{describe_kept(kept, parts)}"
        )
    missing = [f"{name} {release}" for name, release in back.items() if release not in _ids(kept, name)]
    if missing:
        raise NoTargetError(
            f"What was live before the deployment of {undone['began']} is not kept: {', '.join(missing)}. "
            f"{describe_kept(kept, parts)}"
        )
    return Target(back, dict(undone))


def _ids(kept: Mapping[str, Sequence[Mapping[str, Any]]], part: str) -> list[str]:
    return [archive["id"] for archive in kept.get(part, ())]


def describe_kept(kept: Mapping[str, Sequence[Mapping[str, Any]]], parts: Sequence[str]) -> str:
    words = [f"of {part} {', '.join(_ids(kept, part)) or 'none'}" for part in parts]
    return f"Kept are, the newest first: {'; '.join(words)}."


def find_source(records: Sequence[Mapping[str, Any]], part: str, release: str) -> dict[str, Any]:
    """Where a release came from, as far as a record tells."""
    for record in records:
        entry = record["parts"].get(part, {})
        if entry.get("after") == release and entry.get("source"):
            return dict(entry["source"])
    return {}
