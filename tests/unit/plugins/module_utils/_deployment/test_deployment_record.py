# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import datetime
from datetime import timezone

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._deployment import lock as locks
from ansible_collections.slipway.aws.plugins.module_utils._deployment import record as records
from ansible_collections.slipway.aws.plugins.module_utils._deployment import report

NOW = datetime(2026, 11, 21, 15, 30, tzinfo=timezone.utc)  # noqa: UP017 (not before Python 3.11)
OWNER = {
    "run": "aaaa",
    "arn": "arn:aws:iam::123456789012:user/alice",
    "user": "alice",
    "host": "laptop",
    "pid": 4711,
}


def deployed(result="succeeded", reason="", **parts):
    """A finished deployment; parts by name: before and after."""
    record = records.start(OWNER, "deploy", NOW)
    for name, (before, after) in parts.items():
        record = records.start_part(record, name, before, after, {"path": f"/srv/{name}"})
    return records.finish(record, result, reason, None, NOW)


def archive(release, part="backend", modified="2026-11-21T15:00:00Z"):
    return {"key": f"releases/{part}/{release}.tar.gz", "size": 1, "modified": modified}


def kept(**parts):
    objects = [archive(release, part) for part, releases in parts.items() for release in releases]
    return records.sort_archives(objects)


def test_parts_end_as_the_deployment_goes_on():
    record = records.start_part(records.start(OWNER, "deploy", NOW), "backend", "a1", "b1", {})
    assert record["parts"]["backend"]["result"] == "started"
    record = records.start_part(record, "frontend", None, "b2", {"path": "/srv"})
    assert {name: part["result"] for name, part in record["parts"].items()} == {
        "backend": "succeeded",
        "frontend": "started",
    }
    record = records.finish(record, "failed", "it broke\nat once\n\nLast lines:\npassword", "backup-1", NOW)
    assert record["parts"]["backend"]["result"] == "succeeded"
    assert record["parts"]["frontend"]["result"] == "failed"
    assert (record["result"], record["reason"], record["backup"]) == ("failed", "it broke\nat once", "backup-1")
    assert record["ended"] == "2026-11-21T15:30:00Z"


def test_a_reason_has_an_end():
    assert len(records.shorten("x" * 5000)) == records.LONGEST_REASON + 3


def test_keys():
    key = records.record_key(NOW, "abc123")
    assert key == "deployments/20261121T153000Z-abc123.json"
    keys = [key, "deployments/lock.json", "deployments/20261120T153000Z-abc123.json", "deployments/notes.txt"]
    assert records.find_record(keys, "abc123") == key
    assert records.find_record(keys, "abc1") is None
    assert records.find_newest(keys, 1) == [key]
    assert len(records.find_newest(keys, 10)) == 2


@pytest.mark.parametrize(
    ("lock_run", "gone", "expires", "result"),
    [
        ("aaaa", False, "2026-11-21T16:00:00Z", "running"),
        ("aaaa", True, "2026-11-21T16:00:00Z", "interrupted"),
        ("aaaa", False, "2026-11-21T15:30:00Z", "interrupted"),
        ("bbbb", False, "2026-11-21T16:00:00Z", "interrupted"),
        (None, False, "", "interrupted"),
    ],
)
def test_a_record_that_nobody_finishes_was_interrupted(lock_run, gone, expires, result):
    lock = lock_run and {
        **locks.build_held({**OWNER, "run": lock_run}, "deploy", "", "", NOW, 1),
        "expires": expires,
    }
    assert records.judge_result(records.start(OWNER, "deploy", NOW), lock, gone, NOW) == result
    assert records.judge_result(deployed("failed"), lock, gone, NOW) == "failed"


def test_archives_are_sorted_by_part_the_newest_first():
    objects = [
        archive("a1", modified="2026-11-01T00:00:00Z"),
        archive("b1", modified="2026-11-03T00:00:00Z"),
        archive("c2", "frontend"),
        {"key": "releases/backend/notes.txt", "size": 1, "modified": "2026-11-03T00:00:00Z"},
    ]
    found = records.sort_archives(objects)
    assert {part: [item["id"] for item in items] for part, items in found.items()} == {
        "backend": ["b1", "a1"],
        "frontend": ["c2"],
    }


@pytest.mark.parametrize(
    ("archives", "keep", "needed", "pruned"),
    [
        ([], 2, ["a1"], []),
        (["c1", "b1", "a1"], 3, ["c1", "b1"], []),
        (["c1", "b1", "a1"], 2, ["c1", "b1"], ["a1"]),
        # What is live, or was before, stays however old it is.
        (["d1", "c1", "b1", "a1"], 2, ["a1", "b1"], ["d1", "c1"]),
        (["d1", "c1", "b1", "a1"], 3, ["a1", None], ["b1"]),
        (["b1", "a1"], 2, ["f1", "e1"], ["b1", "a1"]),
    ],
)
def test_what_is_not_kept_any_more(archives, keep, needed, pruned):
    assert records.choose_pruned([{"id": release} for release in archives], keep, needed) == pruned


BOTH = ("backend", "frontend")


@pytest.mark.parametrize(
    ("history", "parts", "release", "target"),
    [
        # The newest deployment that changed something is taken back, in all parts that it changed.
        ([deployed(backend=("a1", "b1"), frontend=("a2", "b2"))], BOTH, None, {"backend": "a1", "frontend": "a2"}),
        ([deployed(backend=("b1", "c1")), deployed(frontend=("a2", "b2"))], BOTH, None, {"backend": "b1"}),
        # What failed changed nothing, and what released the same again neither.
        ([deployed("failed", backend=("b1", "c1")), deployed(backend=("a1", "b1"))], BOTH, None, {"backend": "a1"}),
        ([deployed(backend=("b1", "b1")), deployed(backend=("a1", "b1"))], BOTH, None, {"backend": "a1"}),
        # A first publication beside a new back end: only the latter has something to go back to.
        ([deployed(backend=("a1", "b1"), frontend=(None, "b2"))], BOTH, None, {"backend": "a1"}),
        # One part alone.
        ([deployed(backend=("b1", "c1")), deployed(frontend=("a2", "b2"))], ["frontend"], None, {"frontend": "a2"}),
        # A release that is named.
        ([], BOTH, "b1", {"backend": "b1"}),
        ([], BOTH, "a2", {"frontend": "a2"}),
    ],
)
def test_what_to_go_back_to(history, parts, release, target):
    found = records.choose_target(history, kept(backend=["c1", "b1", "a1"], frontend=["b2", "a2"]), parts, release)
    assert found.releases == target
    assert (found.undone is None) is bool(release)


@pytest.mark.parametrize(
    ("history", "parts", "release", "words"),
    [
        ([], BOTH, None, "No deployment of backend or frontend that succeeded"),
        ([deployed("failed", backend=("a1", "b1"))], BOTH, None, "No deployment"),
        ([deployed(backend=(None, "b1"))], BOTH, None, "was the first of backend"),
        ([deployed(backend=("f1", "b1"))], BOTH, None, "is not kept: backend f1"),
        ([deployed(backend=("a1", "b1"))], BOTH, "f1", "Release f1 is not kept"),
        ([deployed(backend=("a1", "b1"))], ["frontend"], "a1", "Release a1 is not kept"),
    ],
)
def test_nothing_to_go_back_to_lists_what_is_kept(history, parts, release, words):
    with pytest.raises(records.NoTargetError) as error:
        records.choose_target(history, kept(backend=["b1", "a1"]), parts, release)
    assert words in str(error.value)
    assert ("backend b1, a1" if "backend" in parts else "frontend none") in str(error.value)


def test_the_source_of_a_release_is_the_newest_that_is_known():
    history = [deployed(backend=("b1", "a1")), deployed(backend=("a1", "b1"))]
    assert records.find_source(history, "backend", "b1") == {"path": "/srv/backend"}
    assert records.find_source(history, "backend", "f1") == {}


def test_the_report_says_what_is_live_and_what_went_wrong():
    history = [
        {**deployed("failed", "Release c1 did not become live", backend=("b1", "c1"))},
        {**records.start(OWNER, "deploy", NOW), "result": "interrupted"},
        deployed(backend=("a1", "b1"), frontend=(None, "a2")),
    ]
    info = {"lock": {}, "deployments": history, "releases": kept(backend=["c1", "b1", "a1"], frontend=["a2"])}
    lines = report.build_report(
        "shop", info, {"backend": {"live": "b1", "on_host": ["b1", "a1"]}, "frontend": {"live": "a2"}}
    )
    text = "\n".join(lines)
    assert lines[0] == "shop: nobody deploys now"
    rows = {
        line.split()[0]: line for line in lines if line.startswith("  ") and line.split()[0] in ("a1", "b1", "c1", "a2")
    }
    assert rows["b1"].endswith("live, kept, on the host")
    assert "alice@laptop (user/alice)" in rows["b1"]
    assert "/srv/backend" in rows["b1"]
    assert rows["a1"].endswith("previous, kept, on the host")
    assert rows["c1"].endswith("kept")
    assert rows["a2"].endswith("live, kept")
    assert "Release c1 did not become live" in text
    assert "deploy interrupted" in text


@pytest.mark.parametrize(("is_dead", "words"), [(False, "locked by run aaaa"), (True, "left behind by run aaaa")])
def test_the_report_says_who_deploys(is_dead, words):
    lock = {"owner": OWNER, "action": "deploy", "since": "s", "expires": "e", "is_dead": is_dead}
    info = {"lock": lock, "deployments": [], "releases": {}}
    lines = report.build_report("shop", info, {"backend": {}})
    assert words in lines[0]
    assert lines[-1] == "  no release"
