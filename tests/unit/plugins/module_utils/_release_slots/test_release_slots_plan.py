# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotFiles
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotState
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import choose_pruned
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import explain_answer
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import explain_migration
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import explain_unit
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import is_put_back
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import keep_fulfilled
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import make_plan
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import redact_environment
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import render_environment
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.rehearsal import adapt_unit

FILES = SlotFiles("r1", "unit", "migration", "environment")
LIVE = SlotState(FILES, active=True, enabled=True, server_state="ready")
IDLE = SlotState(SlotFiles("r0", "unit", "migration", "old"), active=False, enabled=False, server_state="maint")


@pytest.mark.parametrize(
    ("live", "states", "desired", "slot", "reasons", "unsettled"),
    [
        pytest.param("a", (LIVE, IDLE), FILES, "a", [], [], id="nothing to do"),
        pytest.param(None, (IDLE, IDLE), FILES, "a", ["no release is live yet"], [], id="first release"),
        pytest.param(
            "a",
            (LIVE, IDLE),
            FILES._replace(release="r2"),
            "b",
            ["release r2 instead of r1"],
            [],
            id="new release",
        ),
        pytest.param(
            "b",
            (IDLE, LIVE),
            FILES._replace(environment="new"),
            "a",
            ["its environment changed"],
            [],
            id="new environment",
        ),
        pytest.param(
            "a",
            (LIVE, IDLE),
            FILES._replace(migration_unit=None),
            "b",
            ["its unit changed"],
            [],
            id="no migration more",
        ),
        pytest.param(
            "a", (LIVE._replace(active=False), IDLE), FILES, "b", ["its service does not run"], [], id="live one died"
        ),
        # Killed after the new slot was made live, before the proxy knew of it.
        pytest.param(
            "b",
            (LIVE._replace(files=IDLE.files), LIVE._replace(server_state="maint")),
            FILES,
            "b",
            [],
            [
                "slot a is ready in the proxy",
                "slot a is enabled",
                "slot a still runs",
                "slot b is maint in the proxy",
            ],
            id="switch not done",
        ),
        pytest.param(
            "a",
            (LIVE, IDLE._replace(server_state="drain")),
            FILES,
            "a",
            [],
            ["slot b is drain in the proxy"],
            id="drain not finished",
        ),
        pytest.param(
            "a",
            (LIVE, IDLE._replace(active=True)),
            FILES,
            "a",
            [],
            ["slot b still runs"],
            id="left by a start that was killed",
        ),
    ],
)
def test_plan(
    live: str | None,
    states: tuple[SlotState, SlotState],
    desired: SlotFiles,
    slot: str,
    reasons: list[str],
    unsettled: list[str],
) -> None:
    plan = make_plan(live, dict(zip("ab", states)), dict.fromkeys("ab", desired), ["r1", "r0"], [], 5)  # noqa: B905
    assert (plan.slot, plan.reasons, plan.unsettled, plan.prune) == (slot, reasons, unsettled, [])
    assert plan.changed == bool(reasons or unsettled)


@pytest.mark.parametrize(
    ("releases", "keep", "needed", "pruned"),
    [
        (["r3", "r2", "r1"], 3, {"r3"}, []),
        (["r3", "r2", "r1"], 2, {"r3"}, ["r1"]),
        (["r3", "r2", "r1"], 2, {"r1"}, ["r2"]),
        (["r3", "r2", "r1"], 1, {"r1", "r2"}, ["r3"]),
        # A plan counts the release that is yet to be built.
        (["r3", "r2", "r1"], 3, {"r4", "r3"}, ["r1"]),
        (["r3", "r2", "r1"], 0, {"r2"}, ["r3", "r1"]),
    ],
)
def test_pruned(releases: list[str], keep: int, needed: set[str], pruned: list[str]) -> None:
    assert choose_pruned(releases, keep, needed) == pruned


def test_what_was_not_built_to_its_end_is_removed_unless_it_is_about_to_be() -> None:
    states = {"a": LIVE, "b": IDLE}
    desired = dict.fromkeys("ab", FILES._replace(release="r2"))
    assert make_plan("a", states, desired, ["r1", "r0"], ["broken", "r2"], 5).prune == ["broken"]


def test_what_a_killed_run_has_left_is_finished_also_where_nothing_is_started() -> None:
    states, left = {"a": LIVE, "b": IDLE}, ["a rehearsal is left over"]
    plan = make_plan("a", states, dict.fromkeys("ab", FILES), ["r1", "r0"], [], 5, left)
    assert (plan.changed, plan.reasons, plan.unsettled) == (True, [], left)
    plan = make_plan("a", states, dict.fromkeys("ab", FILES._replace(release="r2")), ["r2", "r1", "r0"], [], 5, left)
    assert (plan.reasons, plan.unsettled) == (["release r2 instead of r1"], [])


def test_the_release_before_is_kept_however_few_are() -> None:
    desired = dict.fromkeys("ab", FILES._replace(release="r2"))
    plan = make_plan("a", {"a": LIVE, "b": IDLE}, desired, ["r2", "r1", "r0"], [], 1)
    assert plan.prune == ["r0"]


def test_environment_is_quoted_as_systemd_reads_it() -> None:
    values = {"B": 'say "x" for $5 `now` \\ ok', "A": True, "C": 3, "D": "two\nlines", "E": ""}
    text = render_environment(values)
    assert text.splitlines()[:3] == ['A="true"', r'B="say \"x\" for \$5 \`now\` \\ ok"', 'C="3"']
    # A shell undoes the same escapes in double quotes.
    shell = subprocess.run(["sh", "-c", f'{text}printf %s "$B$D"'], capture_output=True, text=True, check=True)
    assert shell.stdout == values["B"] + values["D"]


@pytest.mark.parametrize("values", [{"1A": "x"}, {"A B": "x"}, {"": "x"}, {"A\n": "x"}, {"A": "a\0b"}])
def test_environment_that_systemd_would_not_read_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"environment variable|zero byte"):
        render_environment(values)


def test_secrets_are_hidden_also_over_several_lines() -> None:
    text = render_environment({"A": "seen", "KEY": "-----BEGIN\nhidden=1\nEND", "S": 'hid"den', "T": "also"})
    assert redact_environment(text, {"S", "KEY"}) == 'A="seen"\nKEY=(redacted)\nS=(redacted)\nT="also"\n'
    assert redact_environment(None, {"S"}) == ""


@pytest.mark.parametrize(
    ("status", "body", "expected", "part"),
    [
        (200, "anything", None, None),
        (200, '{"status": "healthy", "x": 1}', {"status": "healthy"}, None),
        (200, '{"status": "ok"}', {"status": "healthy"}, '"status": "healthy"'),
        (200, '["status"]', {"status": "healthy"}, "does not have"),
        (200, "<html>", {"status": "healthy"}, "not JSON"),
        (200, "it is fine", "fine", None),
        (200, "it is bad", "fine", "does not contain 'fine'"),
        (503, '{"status": "healthy"}', {"status": "healthy"}, "status 503"),
        (200, "", {}, "not JSON"),
    ],
)
def test_answer(status: int, body: str, expected: object, part: str | None) -> None:
    reason = explain_answer(status, body, expected)
    assert reason is None if part is None else part in reason


@pytest.mark.parametrize(
    ("state", "sub_state", "restarts", "result", "status", "reason"),
    [
        ("active", "running", "0", "success", "0", None),
        ("activating", "start", "0", "success", "0", None),
        ("activating", "auto-restart", "0", "exit-code", "3", "its process ended (exit-code, exit status 3)"),
        ("activating", "auto-restart", "0", "exit-code", "0", "its process ended (exit-code)"),
        ("active", "running", "1", "success", "1", "its process ended (success, exit status 1)"),
        ("failed", "failed", "5", "oom-kill", "9", "its process ended (oom-kill, exit status 9)"),
        ("inactive", "dead", "0", "success", "0", "its process ended (success)"),
    ],
)
def test_unit(state: str, sub_state: str, restarts: str, result: str, status: str, reason: str | None) -> None:
    properties = {
        "ActiveState": state,
        "SubState": sub_state,
        "NRestarts": restarts,
        "Result": result,
        "ExecMainStatus": status,
    }
    assert explain_unit(properties) == reason


def test_a_service_that_systemd_has_yet_to_start_may_still_answer() -> None:
    properties = {"ActiveState": "inactive", "SubState": "dead", "Result": "success", "Job": "4711"}
    assert explain_unit(properties) is None
    assert explain_unit({**properties, "ActiveState": "activating", "SubState": "start-pre"}) is None
    assert explain_unit({**properties, "Job": ""}) == "its process ended (success)"


@pytest.mark.parametrize(
    ("result", "status", "reason"),
    [
        ("exit-code", "3", "its migration failed (exit status 3)"),
        ("timeout", "15", "its migration did not end in the time that it has (TimeoutStartSec), and was ended"),
        ("oom-kill", "9", "its migration failed (oom-kill)"),
    ],
)
def test_migration(result: str, status: str, reason: str) -> None:
    assert explain_migration({"Result": result, "ExecMainStatus": status}) == reason


@pytest.mark.parametrize(
    ("changed", "written", "answers", "put_back"),
    [
        (False, [], True, False),
        (False, [], False, False),
        # Nothing is lost by it.
        (True, [], True, True),
        (True, [], False, True),
        # What users wrote stays, unless nobody could use it.
        (True, ["item"], True, False),
        (True, ["item"], False, True),
    ],
)
def test_whether_the_database_is_put_back(changed: bool, written: list[str], answers: bool, put_back: bool) -> None:
    assert is_put_back(changed, written, answers) == put_back


@pytest.mark.parametrize(
    ("status", "body", "expected", "kept"),
    [
        (200, '{"status": "well", "release": "r1"}', {"status": "well", "release": "r2"}, {"status": "well"}),
        (200, "well, r1", "well", "well"),
        (200, "well, r1", "r2", {}),
        (200, "anything", None, {}),
        (200, "no JSON", {"status": "well"}, {}),
        (503, '{"status": "well"}', {"status": "well"}, None),
    ],
)
def test_what_the_live_release_already_fulfils(status: int, body: str, expected: object, kept: object) -> None:
    assert keep_fulfilled(status, body, expected) == kept


def test_a_unit_is_rehearsed_on_the_copy_and_once() -> None:
    text = adapt_unit("[Service]\nExecStart=/bin/app\n\n", "/var/lib/re%hearsal/shop", "/var/lib/shop")
    assert text.splitlines()[:2] == ["[Service]", "ExecStart=/bin/app"]
    assert "BindPaths=/var/lib/re%%hearsal/shop:/var/lib/shop" in text.splitlines()
    assert "Restart=no" in text.splitlines()
