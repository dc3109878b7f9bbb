# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what was deployed, for people to read. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import find_source
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import find_undone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence
    from typing import Any

HEADINGS = ("release", "live since", "action", "by", "source", "state")
MOST_BAD = 10


def describe_source(source: Mapping[str, Any]) -> str:
    where = source.get("repo") or source.get("path") or ""
    version = source.get("commit", "")[:12] or source.get("version", "")
    return f"{version} of {where}" if version and where else version or where


def describe_by(by: Mapping[str, Any]) -> str:
    # All of an ARN's beginning is the account's, which is the same for all.
    return f"{by['user']}@{by['host']} ({by['arn'].rpartition(':')[2]})"


def describe_change(parts: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{name} {part['before'] or 'none'} -> {part['after']}" for name, part in parts.items()) or "-"


def find_deployment(deployments: Iterable[Mapping[str, Any]], part: str, release: str) -> Mapping[str, Any] | None:
    """The newest deployment that made a release live."""
    for record in deployments:
        entry = record["parts"].get(part)
        if entry and entry["after"] == release and entry["result"] == "succeeded":
            return record
    return None


def describe_part(
    part: str,
    deployments: Sequence[Mapping[str, Any]],
    kept: Sequence[Mapping[str, Any]],
    live: str | None,
    on_host: Sequence[str],
) -> list[dict[str, str]]:
    """The releases of a part that are somewhere, those that were live last first."""
    kept_since = {archive["id"]: archive["kept_since"] for archive in kept}
    undone = find_undone(deployments, [part])
    previous = undone["parts"][part]["before"] if undone else None
    rows = []
    for release in {*kept_since, *on_host, *([live] if live else [])}:
        record = find_deployment(deployments, part, release)
        states = {
            "live": release == live,
            "previous": release == previous and release != live,
            "kept": release in kept_since,
            "on the host": release in on_host,
        }
        rows.append(
            {
                "release": release,
                "live since": record["ended"] or record["began"] if record else "",
                "action": record["action"] if record else "",
                "by": describe_by(record["by"]) if record else "",
                "source": describe_source(find_source(deployments, part, release)),
                "state": ", ".join(state for state, applies in states.items() if applies),
            }
        )
    rows.sort(key=lambda row: (row["release"] == live, row["live since"], row["release"]), reverse=True)
    return rows


def build_table(rows: Sequence[Mapping[str, str]], headings: Sequence[str]) -> list[str]:
    widths = [max(len(heading), *(len(row[heading]) for row in rows)) for heading in headings]
    lines = [dict(zip(headings, headings)), *rows]  # noqa: B905 (not before Python 3.10)
    return [
        "  " + "  ".join(line[heading].ljust(widths[n]) for n, heading in enumerate(headings)).rstrip()
        for line in lines
    ]


def build_report(
    name: str,
    info: Mapping[str, Any],
    parts: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """info: what deployment_info returned. parts: by part, its C(live) release and those C(on_host)."""
    lines = [f"{name}: {describe_lock(info['lock'])}"]
    for part, found in parts.items():
        rows = describe_part(
            part, info["deployments"], info["releases"].get(part, []), found.get("live"), found.get("on_host") or []
        )
        lines += ["", part, *(build_table(rows, HEADINGS) if rows else ["  no release"])]
    bad = [record for record in info["deployments"] if record["result"] in ("failed", "interrupted")][:MOST_BAD]
    if bad:
        lines += ["", f"deployments that did not succeed (the newest {len(bad)})"]
        for record in bad:
            lines.append(
                f"  {record['began']}  {record['action']} {record['result']}, by {describe_by(record['by'])}: "
                f"{describe_change(record['parts'])}"
            )
            lines += [f"      {line}" for line in record["reason"].splitlines()]
    return lines


def describe_lock(lock: Mapping[str, Any]) -> str:
    if not lock:
        return "nobody deploys now"
    owner = lock["owner"]
    who = f"run {owner['run']} of {describe_by(owner)}, {lock['action']}, since {lock['since']}"
    if lock["is_dead"]:
        return f"the lock was left behind by {who}; the next run takes it over"
    return f"locked by {who}, until {lock['expires']} at the latest"
