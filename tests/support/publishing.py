# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Publishes sites with static_site_sync as a program of its own, in a lab, and counts what that asked of AWS."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plays import ROOT
from sites import NEVER
from sites import Browser
from sites import named_assets
from sites import touch
from sites import write_site
from web import ask

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from plays import Lab
    from web import Answer

LISTED_AT_ONCE = 1000
MOST_PATHS = 15
WRITES = {"PutObject", "CopyObject", "DeleteObjects", "CreateInvalidation"}


@dataclass
class Published:
    changed: bool
    site: dict[str, Any]
    calls: Counter[str]


class Publisher:
    def __init__(self, lab: Lab, bucket: str, distribution_id: str) -> None:
        self.lab = lab
        self.bucket = bucket
        self.distribution_id = distribution_id

    def __call__(self, source: Path, **options: Any) -> Published:
        before = self._sequence()
        done = self._start(source, options)
        output, errors = done.communicate(timeout=900)
        assert done.returncode == 0, f"{output[-4000:]}\n{errors[-2000:]}"
        result = json.loads(output)["plays"][0]["tasks"][0]["hosts"]["localhost"]
        return Published(result["changed"], result["site"], self.calls_since(before))

    def kill_after(self, writes: int, source: Path, **options: Any) -> bool:
        """End the publication with SIGKILL as soon as it has made so many writes; False if it ended before."""
        before = self._sequence()
        started = self._start(source, options)
        while started.poll() is None:
            if sum(count for name, count in self.calls_since(before).items() if name in WRITES) >= writes:
                os.killpg(started.pid, signal.SIGKILL)
                started.communicate()
                self._settle()
                return True
            time.sleep(0.01)
        started.communicate()
        return False

    def calls_since(self, sequence: int) -> Counter[str]:
        calls = self.lab.calls_since(sequence)["calls"]
        return Counter(call["operation"] for call in calls if call["service"] in ("s3", "cloudfront"))

    def _sequence(self) -> int:
        return self.lab.calls_since(0)["seq"]

    def _settle(self) -> None:
        """Until what was on its way when the process ended has arrived."""
        before = -1
        while before != (before := self._sequence()):
            time.sleep(0.3)

    def _start(self, source: Path, options: dict[str, Any]) -> subprocess.Popen[str]:
        arguments = {"bucket": self.bucket, "source": str(source), "distribution_id": self.distribution_id, **options}
        environment = {
            **self.lab.environment,
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_NOCOLOR": "1",
        }
        target = ["localhost", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
        return subprocess.Popen(
            ["ansible", *target, "-m", "slipway.aws.static_site_sync", "-a", json.dumps(arguments)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a group of its own, so that all of it can be ended at once
        )


class Site:
    """A site with nothing in it: its publisher, its address, and its objects as S3 has them."""

    def __init__(self, lab: Lab, name: str, directory: Path) -> None:
        answer = directory / "answer.json"
        variables = {"name_of_site": name, "answer_file": str(answer)}
        playbook = "tests/integration/publishing/site.yml"
        lab.play("-i", "localhost,", playbook, "-e", json.dumps(variables)).expect_success()
        result = json.loads(answer.read_text(encoding="utf-8"))
        self.lab = lab
        self.bucket = result["bucket"]
        self.url = result["url"]
        self.publish = Publisher(lab, result["bucket"], result["distribution_id"])
        self.s3 = lab.client("s3")

    def ask(self, path: str) -> Answer:
        return ask(self.url + path, self.lab.tls)

    def keys(self) -> set[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def missing(self, directory: Path) -> list[str]:
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


def live(site: Site, directory: Path, files: int, seed: int) -> None:
    """Publish, again, rebuilt, mended, superseded and pruned, with what each takes, and what readers see meanwhile."""
    source = directory / "first"
    expected = write_site(source, files, seed)
    assert len(expected) == files

    first = site.publish(source)
    assert len(first.site["uploaded"]) == files
    assert first.calls["PutObject"] == files + 2  # the manifest before and after
    assert first.site["invalidated"] == []
    for key, (content_type, cache_control) in expected.items():
        head = site.s3.head_object(Bucket=site.bucket, Key=key)
        assert (head["ContentType"].split(";")[0], head["CacheControl"]) == (content_type, cache_control), key
    for key in random.Random(seed).sample(sorted(expected), 40):
        served = site.ask(f"/{key}")
        assert (served.status, served.content_type, served.headers["cache-control"]) == (200, *expected[key]), key

    nothing = {"GetObject": 1, "ListObjectsV2": -(-(files + 1) // LISTED_AT_ONCE)}
    again = site.publish(source)
    assert (again.changed, dict(again.calls)) == (False, nothing)
    touch(source)
    rebuilt = site.publish(source)
    assert (rebuilt.changed, dict(rebuilt.calls)) == (False, nothing)

    # Somebody else's tool gives some of the files other headers.
    spoiled = sorted(random.Random(seed).sample([key for key in expected if expected[key][1] != NEVER], 5))
    for key in spoiled:
        copy = {"Bucket": site.bucket, "Key": key}
        metadata = site.s3.head_object(**copy)["Metadata"]
        headers = {"ContentType": "binary/octet-stream", "CacheControl": "no-store", "Metadata": metadata}
        site.s3.copy_object(**copy, CopySource=copy, MetadataDirective="REPLACE", **headers)
    mended = site.publish(source)
    assert (sorted(mended.site["headers_repaired"]), mended.site["uploaded"]) == (spoiled, [])
    assert mended.calls["CopyObject"] == len(spoiled)
    for key in spoiled:
        head = site.s3.head_object(Bucket=site.bucket, Key=key)
        assert (head["ContentType"].split(";")[0], head["CacheControl"]) == expected[key]

    # A release with a tenth of the assets anew, read by somebody all the while.
    second = directory / "second"
    wanted = write_site(second, files, seed, release=2)
    with Browser(site.url, site.lab.tls, seed) as browser:
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
    pages = [key for key in changed.site["uploaded"] if key.endswith(".html")]
    paths = sorted({path for key in pages for path in (f"/{key}", f"/{key.removesuffix('index.html')}")})
    assert changed.site["invalidated"] == (paths if len(paths) <= MOST_PATHS else ["/*"])
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


def be_killed(site: Site, directory: Path, files: int, seed: int, kills: int) -> int:
    """Kill publications, first of an empty site, then of a release after another, at seeded points; whoever reads sees
    whole pages. Returns how many were killed."""
    points = random.Random(seed)
    release = 1
    source = directory / "1"
    write_site(source, files, seed)
    killed = 0
    for point in sorted(points.sample(range(1, files), kills // 2)):
        # What is left to do gets less with each.
        killed += site.publish.kill_after(point - len(site.keys()), source)
        assert site.missing(source) == [], f"killed after {point} writes"
    site.publish(source)
    assert site.missing(source) == []
    with Browser(site.url, site.lab.tls, seed) as browser:
        for point in sorted(points.sample(range(1, files // 10), kills // 2)):
            release += 1
            source = directory / str(release)
            write_site(source, files, seed, release=release)
            if site.publish.kill_after(point, source):
                killed += 1
                assert site.missing(source) == [], f"killed after {point} writes of release {release}"
    finished = site.publish(source)
    assert browser.missing == []
    assert browser.opened > 1
    assert site.missing(source) == []
    assert finished.site["release_id"] == site.publish(source).site["release_id"]
    assert f"release {release}" in site.ask("/").body
    left = json.loads(site.s3.get_object(Bucket=site.bucket, Key=".slipway/manifest.json")["Body"].read())
    assert "unfinished" not in left
    assert set(left["files"]) | set(left["superseded"]) | {".slipway/manifest.json"} == site.keys()
    return killed
