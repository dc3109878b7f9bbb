# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: decides what makes a release live in one of two slots. Pure; standard library only,
# because it runs on managed hosts.
#
# What makes an interrupted run harmless: the link "live" is the only record of a decision. Before it is set, the slot
# being prepared has no traffic, and the next run prepares it again from the beginning. Once it is set, everything else
# (which server takes traffic, which unit runs and starts at boot) follows from it, and the next run finishes that.

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
REDACTED = "(redacted)"


class SlotFiles(NamedTuple):
    """What a slot is made of, on the host or as desired."""

    release: str | None
    unit: str | None
    migration_unit: str | None
    environment: str | None


class SlotState(NamedTuple):
    """A slot as found on the host."""

    files: SlotFiles
    active: bool
    enabled: bool
    server_state: str


class Attempt(NamedTuple):
    """What is written down before a release begins to work on the database, until it is live or has given up."""

    release: str
    backup: str  # id of the backup that was made before
    schema: str  # digest of the schema as it was
    health: Any  # what the live release's health answer held of what is expected; None if it did not answer well


class Plan(NamedTuple):
    slot: str  # the slot that is live in the end
    reasons: list[str]  # why a new one must be started; empty if the live one stays
    unsettled: list[str]  # what an interrupted run, or somebody by hand, left undone around the live slot
    prune: list[str]  # releases to remove

    @property
    def changed(self) -> bool:
        return bool(self.reasons or self.unsettled or self.prune)


def render_environment(values: dict[str, Any]) -> str:
    """The text of a file for systemd's EnvironmentFile=, which undoes exactly these escapes in double quotes."""
    lines = []
    for name in sorted(values):
        if not VARIABLE_NAME.match(name):
            raise ValueError(f"'{name}' is not a name for an environment variable")
        value = values[name]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if "\0" in text:
            raise ValueError(f"the value of {name} has a zero byte")
        escaped = re.sub(r'(["\\`$])', r"\\\1", text)
        lines.append(f'{name}="{escaped}"\n')
    return "".join(lines)


def redact_environment(text: str | None, secret_names: set[str]) -> str:
    """The same file with the values of secrets hidden.

    A value may have line breaks; one that does is hidden as a whole, because what follows belongs to it.
    """
    assignments = re.findall(r'^([A-Za-z_][A-Za-z0-9_]*)=("(?:\\.|[^"\\])*")', text or "", re.MULTILINE | re.DOTALL)
    return "".join(
        f"{name}={REDACTED if name in secret_names or chr(10) in value else value}\n" for name, value in assignments
    )


def find_differences(current: SlotState, desired: SlotFiles) -> list[str]:
    """Why a slot cannot go on as it is, in words for people."""
    reasons = []
    if current.files.release != desired.release:
        reasons.append(f"release {desired.release} instead of {current.files.release}")
    if current.files.environment != desired.environment:
        reasons.append("its environment changed")
    if (current.files.unit, current.files.migration_unit) != (desired.unit, desired.migration_unit):
        reasons.append("its unit changed")
    if not current.active:
        reasons.append("its service does not run")
    return reasons


def find_unsettled(live: str, states: dict[str, SlotState]) -> list[str]:
    """What is not yet as it follows from the live slot: that one alone takes traffic, runs, and starts at boot."""
    unsettled = []
    for name, state in states.items():
        is_live = name == live
        if (state.server_state == "ready") != is_live or state.server_state == "drain":
            unsettled.append(f"slot {name} is {state.server_state} in the proxy")
        if state.enabled != is_live:
            unsettled.append(f"slot {name} is {'enabled' if state.enabled else 'disabled'}")
        if state.active and not is_live:
            unsettled.append(f"slot {name} still runs")
    return unsettled


def choose_pruned(releases: list[str], keep: int, needed: set[str]) -> list[str]:
    """Which of the releases (newest first) to remove: all but the newest `keep` and those that are needed."""
    kept = set(needed)
    for release in releases:
        if len(kept) < max(keep, len(needed)):
            kept.add(release)
    return [release for release in releases if release not in kept]


def make_plan(
    live: str | None,
    states: dict[str, SlotState],
    desired: dict[str, SlotFiles],
    releases: list[str],
    unfinished: list[str],
    keep: int,
    leftovers: Sequence[str] = (),
) -> Plan:
    """releases are those that were built to their end, newest first; unfinished those that were not.

    leftovers are what a killed run has left besides, in words. Whatever is started begins by taking them away.
    """
    if live is None:
        slot, reasons = next(iter(desired)), ["no release is live yet"]
    else:
        slot, reasons = live, find_differences(states[live], desired[live])
        if reasons:
            slot = next(name for name in desired if name != live)
    # The release that was live before stays for a way back, however few are kept.
    needed = {desired[slot].release}
    needed.update(state.files.release for name, state in states.items() if name == live or not reasons)
    needed.discard(None)
    return Plan(
        slot=slot,
        reasons=reasons,
        unsettled=[] if reasons else [*find_unsettled(slot, states), *leftovers],
        prune=choose_pruned(releases, keep, needed) + [name for name in unfinished if name not in needed],
    )


def explain_answer(status: int, body: str, expected: Any) -> str | None:
    """Why an answer to the health request is not the one expected, or None if it is."""
    shown = body.strip()[:300]
    if status != 200:
        return f"it answered with status {status}: {shown}"
    if isinstance(expected, str) and expected not in body:
        return f"its answer does not contain '{expected}': {shown}"
    if isinstance(expected, dict):
        try:
            answer = json.loads(body)
        except ValueError:
            return f"its answer is not JSON: {shown}"
        for key, value in expected.items():
            if not isinstance(answer, dict) or answer.get(key) != value:
                return f"its answer does not have {json.dumps(key)}: {json.dumps(value)}: {shown}"
    return None


def keep_fulfilled(status: int, body: str, expected: Any) -> Any:
    """What of an expectation an answer fulfils, to be expected of the same release later; None if it is no good one.

    The release that is live need not say all that the next one has to: another version, for example.
    """
    if explain_answer(status, body, None) is not None:
        return None
    if isinstance(expected, dict):
        return {key: value for key, value in expected.items() if explain_answer(status, body, {key: value}) is None}
    return expected if expected and explain_answer(status, body, expected) is None else {}


def is_put_back(changed: bool, written: Sequence[str], answers: bool) -> bool:
    """Whether the database is put back to what it was before a release that did not become live.

    changed: its schema, or the record of its migrations, is another one
    written: the tables that the release that stays live has written to since (or the migration itself)
    answers: whether that release works with the database as it is now
    """
    # What its users wrote since is worth more than a schema that is as it was, so long as it works with the new one.
    return changed and not (written and answers)


def explain_migration(properties: dict[str, str]) -> str:
    """Why a migration did not end well."""
    result, status = properties.get("Result", ""), properties.get("ExecMainStatus", "0")
    if result == "timeout":
        return "its migration did not end in the time that it has (TimeoutStartSec), and was ended"
    if result == "exit-code":
        return f"its migration failed (exit status {status})"
    return f"its migration failed ({result})"


def is_before_start(properties: dict[str, str]) -> bool:
    """Whether systemd has yet to start a service's main process, after what its unit says has to come before."""
    if properties["ActiveState"] in ("inactive", "failed"):
        return properties.get("Job", "0") not in ("", "0")
    # Type=exec: "activating" is also the pause before a restart.
    return properties["ActiveState"] == "activating" and properties["SubState"] in ("condition", "start-pre", "start")


def explain_unit(properties: dict[str, str]) -> str | None:
    """Why a service that was started a moment ago will not answer, or None if it still may."""
    if properties["ActiveState"] == "active" and properties.get("NRestarts", "0") == "0":
        return None
    if is_before_start(properties):
        return None
    # Of a program that ran before the main one there is a result, but no status.
    status = properties.get("ExecMainStatus", "0")
    return f"its process ended ({properties['Result']}{'' if status == '0' else f', exit status {status}'})"
