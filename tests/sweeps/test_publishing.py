# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A site of 2,000 files: published, published again, rebuilt, mended, superseded, and killed in the middle of it."""

from __future__ import annotations

import json
import os
import random

import pytest
from plays import Lab
from publishing import Publisher
from sites import NEVER
from sites import Browser
from sites import named_assets
from sites import touch
from sites import write_site
from web import ask

FILES = 2000
SEED = 4
KILLS = 12
LISTED_AT_ONCE = 1000


@pytest.fixture(scope="module")
def site_lab():
    lab = Lab(f"publishing-{os.getpid()}", hosts=False)
    try:
        yield lab.start()
    finally:
        lab.stop()


@pytest.fixture
def site(site_lab, tmp_path, request):
    """A site with nothing in it: its publisher, its address, and its objects as S3 has them."""
    name = f"publish-{random.Random(request.node.name).randrange(10**6)}"
    answer = tmp_path / "answer.json"
    variables = {"name_of_site": name, "answer_file": str(answer)}
    site_lab.play("-i", "localhost,", "tests/sweeps/publishing/site.yml", "-e", json.dumps(variables)).expect_success()
    result = json.loads(answer.read_text(encoding="utf-8"))
    return Site(site_lab, result)


class Site:
    def __init__(self, lab: Lab, result: dict) -> None:
        self.lab = lab
        self.bucket = result["bucket"]
        self.url = result["url"]
        self.publish = Publisher(lab, result["bucket"], result["distribution_id"])
        self.s3 = lab.client("s3")

    def ask(self, path: str):
        return ask(self.url + path, self.lab.tls)

    def keys(self) -> set[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def missing(self, directory) -> list[str]:
        """What pages that are there name and S3 has not, the front page as it is served."""
        there = self.keys()
        served = self.ask("/")
        named = set(named_assets(served.body)) if served.status == 200 else set()
        for page in directory.rglob("*.html"):
            key = str(page.relative_to(directory))
            if key in there:
                body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()
                named |= set(named_assets(body))
        return sorted(named - there)


def test_the_life_of_a_large_site(site, tmp_path):
    source = tmp_path / "first"
    expected = write_site(source, FILES, SEED)
    assert len(expected) == FILES

    first = site.publish(source)
    assert len(first.site["uploaded"]) == FILES
    assert first.calls["PutObject"] == FILES + 2  # the manifest before and after
    assert first.site["invalidated"] == []
    for key, (content_type, cache_control) in expected.items():
        head = site.s3.head_object(Bucket=site.bucket, Key=key)
        assert (head["ContentType"].split(";")[0], head["CacheControl"]) == (content_type, cache_control), key
    for key in random.Random(SEED).sample(sorted(expected), 40):
        served = site.ask(f"/{key}")
        assert (served.status, served.content_type, served.headers["cache-control"]) == (200, *expected[key]), key

    nothing = {"GetObject": 1, "ListObjectsV2": -(-(FILES + 1) // LISTED_AT_ONCE)}
    again = site.publish(source)
    assert (again.changed, dict(again.calls)) == (False, nothing)
    touch(source)
    rebuilt = site.publish(source)
    assert (rebuilt.changed, dict(rebuilt.calls)) == (False, nothing)

    # Somebody else's tool gives some of the files other headers.
    spoiled = sorted(random.Random(SEED).sample([key for key in expected if expected[key][1] != NEVER], 5))
    for key in spoiled:
        copy = {"Bucket": site.bucket, "Key": key}
        headers = {"ContentType": "binary/octet-stream", "CacheControl": "no-store"}
        site.s3.copy_object(**copy, CopySource=copy, MetadataDirective="REPLACE", **headers)
    mended = site.publish(source)
    assert (sorted(mended.site["headers_repaired"]), mended.site["uploaded"]) == (spoiled, [])
    assert mended.calls["CopyObject"] == len(spoiled)
    for key in spoiled:
        head = site.s3.head_object(Bucket=site.bucket, Key=key)
        assert (head["ContentType"].split(";")[0], head["CacheControl"]) == expected[key]

    # A release with a tenth of the assets anew, read by somebody all the while.
    second = tmp_path / "second"
    wanted = write_site(second, FILES, SEED, release=2)
    with Browser(site.url, site.lab.tls, SEED) as browser:
        changed = site.publish(second)
        site.publish(second)
    assert browser.missing == []
    assert browser.opened > 1
    assert browser.titles[-1] == "release 2"
    gone, new = sorted(set(expected) - set(wanted)), sorted(set(wanted) - set(expected))
    assert sorted(key for key in changed.site["uploaded"] if not key.endswith(".html")) == new
    assert sorted(changed.site["superseded"]) == gone
    assert changed.site["deleted"] == []
    assert set(gone) <= site.keys()
    # New names need no invalidation; many pages are one wildcard.
    assert changed.site["invalidated"] == ["/*"]
    assert changed.calls["CreateInvalidation"] == 1

    # One file that has no hash in its name.
    (second / "robots.txt").write_text("User-agent: *\n", encoding="utf-8")
    one = site.publish(second)
    assert (one.site["uploaded"], one.site["invalidated"]) == (["robots.txt"], ["/robots.txt"])
    assert one.calls["PutObject"] == 1 + 3  # the manifest: claimed, recorded, completed

    # The days are over.
    pruned = site.publish(second, keep_days=0)
    assert sorted(pruned.site["deleted"]) == gone
    assert site.keys() == {*wanted, ".slipway/manifest.json"}


def test_a_publication_that_is_killed_anywhere(site, tmp_path):
    """First of an empty site, then of a release after another, at seeded points; whoever reads sees whole pages."""
    points = random.Random(SEED)
    release = 1
    source = tmp_path / "1"
    write_site(source, FILES, SEED)
    for point in sorted(points.sample(range(1, FILES), KILLS // 2)):
        assert site.publish.kill_after(point, source), point
        assert site.missing(source) == [], f"killed after {point} writes"
    site.publish(source)
    assert site.missing(source) == []
    killed = 0
    with Browser(site.url, site.lab.tls, SEED) as browser:
        for point in sorted(points.sample(range(1, FILES // 10), KILLS // 2)):
            release += 1
            source = tmp_path / str(release)
            write_site(source, FILES, SEED, release=release)
            if site.publish.kill_after(point, source):
                killed += 1
                assert site.missing(source) == [], f"killed after {point} writes of release {release}"
    assert killed >= KILLS // 4
    finished = site.publish(source)
    assert browser.missing == []
    assert browser.opened > KILLS
    assert site.missing(source) == []
    assert finished.site["release_id"] == site.publish(source).site["release_id"]
    assert f"release {release}" in site.ask("/").body
    left = json.loads(site.s3.get_object(Bucket=site.bucket, Key=".slipway/manifest.json")["Body"].read())
    assert "unfinished" not in left
    assert set(left["files"]) | set(left["superseded"]) | {".slipway/manifest.json"} == site.keys()
