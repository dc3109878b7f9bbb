# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._site import compare
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import Listed
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import Policy
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import Remote
from ansible_collections.slipway.aws.plugins.module_utils._site.manifest import Manifest

PUBLISHED = datetime(2026, 5, 1, 12, 0, 5, tzinfo=timezone.utc)  # noqa: UP017 (not before Python 3.11)
NOW = PUBLISHED + timedelta(days=1)
IMMUTABLE = "public, max-age=31536000, immutable"

OLD_ASSET = "assets/index-AAAAaaa1.js"
ASSET = "assets/index-BBBBbbb2.js"


def file(content: str = "1", cache_control: str | None = "no-cache", content_type: str = "text/html") -> dict:
    return {"sha256": content, "size": 10, "content_type": content_type, "cache_control": cache_control}


def asset(content: str = "a") -> dict:
    return file(content, IMMUTABLE, "text/javascript")


SITE = {"index.html": file("i"), "about.html": file("h"), "logo.svg": file("l", "max-age=300"), ASSET: asset()}


def stored(entry: dict) -> dict:
    return {**entry, "etag": f"etag-{entry['sha256']}"}


def published(files: dict | None = None, objects: dict | None = None, **manifest: object) -> Remote:
    """A bucket to which files were published at PUBLISHED; objects differ from that (None: they are gone)."""
    files = SITE if files is None else files
    record = Manifest(
        release_id="r1", publications=1, files={key: stored(entry) for key, entry in files.items()}, etag="m"
    )
    record = compare.dataclasses.replace(record, modified=PUBLISHED, **manifest)
    before = PUBLISHED - timedelta(seconds=1)
    listing = {
        key: Listed(entry["etag"], entry["size"], before)
        for key, entry in {**record.superseded, **record.files}.items()
    }
    listing.update(objects or {})
    return Remote(record, {key: listed for key, listed in listing.items() if listed})


def plan(desired: dict | None = None, remote: Remote | None = None, inspected: dict | None = None, **options: object):
    desired = SITE if desired is None else desired
    release_id = options.pop("release_id", "r1")
    remote = published() if remote is None else remote
    return compare.build_plan(release_id, desired, remote, inspected or {}, Policy(**options), NOW)


def test_nothing_to_do() -> None:
    result = plan()
    assert not result.changed
    assert (result.writes, result.due, result.paths, result.superseded) == ([], [], [], {})
    assert compare.keys_to_inspect(SITE, published()) == []


def test_a_first_publication_sends_all_and_invalidates_nothing() -> None:
    result = plan(remote=Remote())
    assert result.changed
    assert sorted(result.uploads) == sorted(SITE)
    assert (result.repairs, result.paths) == ([], [])


def test_a_first_publication_over_what_another_tool_has_put_there() -> None:
    there = {
        "index.html": Listed("x", 99, PUBLISHED),
        "about.html": Listed("y", 10, PUBLISHED),
        ASSET: Listed("z", 10, PUBLISHED),
        "foreign.txt": Listed("f", 1, PUBLISHED),
    }
    remote = Remote(objects=there)
    # One of another size needs no closer look.
    assert compare.keys_to_inspect(SITE, remote) == ["about.html", ASSET]
    inspected = {
        "about.html": {**file(None), "etag": "y"},
        ASSET: {**asset(), "etag": "z", "cache_control": None},
    }
    result = plan(remote=remote, inspected=inspected)
    assert result.uploads == ["index.html", "about.html", "logo.svg"]
    assert result.repairs == [ASSET]
    assert result.paths == ["/", "/about.html", f"/{ASSET}", "/index.html"]
    assert result.superseded == {}
    purging = plan(remote=remote, inspected=inspected, purge_unmanaged=True)
    assert purging.superseded == {"foreign.txt": {"since": "2026-05-02T12:00:05Z"}}
    assert purging.due == []


def test_a_new_release() -> None:
    old = {"index.html": file("old"), "about.html": file("h"), "gone.html": file("g"), OLD_ASSET: asset("o")}
    result = plan(remote=published(old), release_id="r2")
    assert result.uploads == ["index.html", "logo.svg", ASSET]
    assert result.repairs == []
    assert sorted(result.superseded) == [OLD_ASSET, "gone.html"]
    assert result.superseded[OLD_ASSET] == {**stored(asset("o")), "since": "2026-05-02T12:00:05Z"}
    # Pages go at once, assets may be asked for by pages that are open.
    assert result.due == ["gone.html"]
    # What changed, what is gone, and what is new but might be cached as an error; never the hashed assets.
    assert result.paths == ["/", "/gone.html", "/index.html", "/logo.svg"]


@pytest.mark.parametrize(
    ("objects", "inspected", "uploads", "repairs", "paths"),
    [
        # Removed by somebody else.
        ({"about.html": None}, {}, ["about.html"], [], ["/about.html"]),
        ({ASSET: None}, {}, [ASSET], [], []),
        # Another content.
        ({"about.html": Listed("x", 11, NOW)}, {}, ["about.html"], [], ["/about.html"]),
        ({"about.html": Listed("x", 10, NOW)}, {"about.html": file(None)}, ["about.html"], [], ["/about.html"]),
        ({ASSET: Listed("x", 10, NOW)}, {ASSET: asset("x")}, [ASSET], [], [f"/{ASSET}"]),
        # The same content with other headers: the ETag is the same, but it is younger than the manifest.
        (
            {"about.html": Listed("etag-h", 10, NOW)},
            {"about.html": file("h", "max-age=9")},
            [],
            ["about.html"],
            ["/about.html"],
        ),
        # Written again as it was.
        ({"about.html": Listed("etag-h", 10, NOW)}, {"about.html": file("h")}, [], [], []),
    ],
)
def test_what_others_have_changed_is_put_right(
    objects: dict, inspected: dict, uploads: list, repairs: list, paths: list
) -> None:
    remote = published(objects=objects)
    assert compare.keys_to_inspect(SITE, remote) == list(inspected)
    inspected = {key: {**entry, "etag": remote.objects[key].etag} for key, entry in inspected.items()}
    result = plan(remote=remote, inspected=inspected)
    assert (result.uploads, result.repairs, result.paths) == (uploads, repairs, paths)
    assert result.changed is bool(uploads or repairs)


def test_other_headers_are_repaired_without_sending_the_content() -> None:
    desired = {**SITE, "logo.svg": file("l", "max-age=60"), ASSET: file("a", IMMUTABLE, "application/javascript")}
    result = plan(desired)
    assert (result.uploads, result.repairs) == ([], ["logo.svg", ASSET])
    assert result.paths == [f"/{ASSET}", "/logo.svg"]


def test_another_release_id_alone_is_recorded() -> None:
    result = plan(release_id="r2")
    assert result.changed
    assert (result.writes, result.paths) == ([], [])


def superseded(days: float, key: str = OLD_ASSET) -> dict:
    return {key: {**stored(asset("o")), "since": compare.format_time(NOW - timedelta(days=days))}}


@pytest.mark.parametrize(
    ("days", "options", "due"),
    [
        (6.9, {}, False),
        (7, {}, True),
        (7.1, {}, True),
        (7.1, {"keep_days": 30}, False),
        (0, {"keep_days": 0}, True),
        (400, {"prune": False}, False),
    ],
)
def test_the_delayed_prune(days: float, options: dict, due: bool) -> None:
    result = plan(remote=published(superseded=superseded(days)), **options)
    assert result.due == ([OLD_ASSET] if due else [])
    assert result.changed is due
    assert result.paths == []


def test_pages_are_kept_too_if_nothing_is_pruned() -> None:
    old = {**SITE, "gone.html": file("g")}
    result = plan(remote=published(old), prune=False)
    assert (result.due, result.paths) == ([], [])
    assert list(result.superseded) == ["gone.html"]


def test_a_superseded_file_that_comes_back_is_not_sent_again() -> None:
    desired = {**SITE, OLD_ASSET: asset("o")}
    result = plan(desired, published(superseded=superseded(1)), release_id="r0")
    assert result.changed
    assert (result.uploads, result.superseded, result.paths) == ([], {}, [])


def test_a_superseded_file_that_is_gone_is_no_change() -> None:
    remote = published(superseded=superseded(8), objects={OLD_ASSET: None})
    result = plan(remote=remote)
    assert not result.changed
    assert (result.superseded, result.due) == ({}, [])


def test_without_a_distribution_nothing_is_invalidated_or_owed() -> None:
    unfinished = {"release_id": "r1", "keys": [], "invalidation": ["/x"]}
    result = plan(remote=published(unfinished=unfinished), invalidate=False)
    assert result.changed
    assert result.paths == []
    assert compare.build_record(result, published().manifest, {}).unfinished is None


def test_what_a_killed_run_has_left_is_finished() -> None:
    # Release r2 was under way: the page was sent, its record was not.
    old = {"index.html": file("old")}
    desired = {"index.html": file("i"), ASSET: asset()}
    unfinished = {"release_id": "r2", "keys": [ASSET, "assets/other-CCCCccc3.js"], "invalidation": ["/", "/index.html"]}
    objects = {
        "index.html": Listed("etag-i", 10, NOW),
        ASSET: Listed("etag-a", 10, NOW),
        "assets/other-CCCCccc3.js": Listed("c", 5, NOW),
    }
    remote = published(old, objects, unfinished=unfinished)
    assert compare.keys_to_inspect(desired, remote) == ["index.html", ASSET]
    inspected = {"index.html": stored(file("i")), ASSET: stored(asset())}
    result = plan(desired, remote, inspected, release_id="r2")
    assert result.changed
    assert result.writes == []
    assert result.paths == ["/", "/index.html"]
    # What it made and nobody wants is not forgotten.
    assert result.superseded == {"assets/other-CCCCccc3.js": {"since": "2026-05-02T12:00:05Z"}}


def test_going_back_after_a_killed_run_invalidates_what_that_one_owed() -> None:
    unfinished = {"release_id": "r2", "keys": [], "invalidation": ["/about.html"]}
    result = plan(remote=published(unfinished=unfinished))
    assert result.changed
    assert result.writes == []
    assert result.paths == ["/about.html"]


def test_the_claim_names_what_may_be_left_behind() -> None:
    remote = published(
        {"index.html": file("old")}, unfinished={"release_id": "r2", "keys": ["b.js"], "invalidation": ["/b.js"]}
    )
    result = plan(remote=remote, release_id="r3")
    claim = compare.build_claim(result, remote.manifest)
    assert claim.release_id == "r1"
    assert claim.files == remote.manifest.files
    assert claim.unfinished["release_id"] == "r3"
    assert claim.unfinished["keys"] == sorted({"about.html", "logo.svg", ASSET, "b.js"})
    assert "/b.js" in claim.unfinished["invalidation"]


def test_record_and_completion() -> None:
    old = {"index.html": file("old"), "about.html": file("h"), "gone.html": file("g"), OLD_ASSET: asset("o")}
    before = published(old)
    result = plan(remote=before, release_id="r2")
    written = {"index.html": "new-i", "logo.svg": "new-l", ASSET: "new-a"}
    record = compare.build_record(result, before.manifest, written)
    assert record.release_id == "r2"
    assert {key: entry["etag"] for key, entry in record.files.items()} == {**written, "about.html": "etag-h"}
    assert record.unfinished == {"release_id": "r2", "keys": [], "invalidation": result.paths}
    assert sorted(record.superseded) == [OLD_ASSET, "gone.html"]
    completion = compare.build_completion(result, record)
    assert completion.unfinished is None
    assert completion.publications == 2
    assert list(completion.superseded) == [OLD_ASSET]


def test_without_an_invalidation_the_record_completes() -> None:
    before = published()
    result = plan({**SITE, ASSET: asset("b")}, before, invalidate=False, release_id="r2")
    record = compare.build_record(result, before.manifest, {ASSET: "new"})
    assert (record.unfinished, record.publications) == (None, 2)


def test_the_caller_reference_is_the_same_for_a_repetition_only() -> None:
    first = plan({**SITE, "index.html": file("new")}, release_id="r2")
    again = plan({**SITE, "index.html": file("new")}, release_id="r2")
    other = plan({**SITE, "about.html": file("new")}, release_id="r2")
    reference = compare.build_caller_reference("bucket/", first, 1)
    assert reference == compare.build_caller_reference("bucket/", again, 1)
    assert reference.startswith("r2-1-")
    others = {
        compare.build_caller_reference("bucket/", other, 1),
        compare.build_caller_reference("bucket/docs/", first, 1),
        compare.build_caller_reference("bucket/", first, 3),  # released again after a rollback
    }
    assert len(others | {reference}) == 4


@pytest.mark.parametrize(
    ("key", "url_path", "expected"),
    [
        ("index.html", "/", ["/index.html", "/"]),
        ("docs/index.html", "/", ["/docs/index.html", "/docs/"]),
        ("index.html", "docs", ["/docs/index.html", "/docs/"]),
        ("a.html", "/docs/v1/", ["/docs/v1/a.html"]),
        ("über uns.html", "/", ["/%C3%BCber%20uns.html"]),
        ("a(1)+b@2x.png", "/", ["/a(1)+b@2x.png"]),
        ("what?*.html", "/", ["/what%3F%2A.html"]),
    ],
)
def test_url_paths(key: str, url_path: str, expected: list[str]) -> None:
    assert compare.url_paths(key, url_path) == expected


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], []),
        ([f"/{n}.html" for n in range(15)], [f"/{n}.html" for n in range(15)]),
        ([f"/{n}.html" for n in range(16)], ["/*"]),
        ([f"/docs/{n}.html" for n in range(16)], ["/docs/*"]),
        ([f"/docs/{n % 2}/{n}.html" for n in range(16)], ["/docs/*"]),
        (["/docs/", *(f"/docs/v1/{n}.html" for n in range(16))], ["/docs/*"]),
        (["/", *(f"/docs/{n}.html" for n in range(16))], ["/*"]),
    ],
)
def test_collapse_paths(paths: list[str], expected: list[str]) -> None:
    assert compare.collapse_paths(paths) == expected


def test_order_writes() -> None:
    keys = ["index.html", "about.html", "z.js", "docs/index.html", "a.css"]
    assert compare.order_writes(keys, "index.html") == [
        ["z.js", "a.css"],
        ["about.html", "docs/index.html"],
        ["index.html"],
    ]
    assert compare.order_writes(["index.html"], "index.html") == [["index.html"]]
    assert compare.order_writes([], "index.html") == []


def test_the_diff_names_what_differs_and_no_more() -> None:
    old = {**SITE, "index.html": file("old"), "gone.html": file("g"), OLD_ASSET: asset("o")}
    desired = {**SITE, "logo.svg": file("l", "max-age=60")}
    remote = published(old)
    before, after = compare.build_diff(plan(desired, remote, release_id="r2"), remote.manifest, keep_days=7)
    assert before == {
        "release_id": "r1",
        "complete": True,
        "files": {
            "index.html": "old, 10 bytes, text/html, no-cache",
            "logo.svg": "l, 10 bytes, text/html, max-age=300",
            "gone.html": "g, 10 bytes, text/html, no-cache",
            OLD_ASSET: f"o, 10 bytes, text/javascript, {IMMUTABLE}",
        },
        "invalidated": [],
    }
    assert after == {
        "release_id": "r2",
        "complete": True,
        "files": {
            "index.html": "i, 10 bytes, text/html, no-cache",
            "logo.svg": "l, 10 bytes, text/html, max-age=60",
            "gone.html": "deleted",
            OLD_ASSET: "superseded, kept for 7 days",
        },
        "invalidated": ["/", "/gone.html", "/index.html", "/logo.svg"],
    }
    before, after = compare.build_diff(plan(), published().manifest, keep_days=7)
    assert before == after
