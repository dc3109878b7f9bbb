# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""static_site_sync beside `aws s3 sync --delete`, in turn within one run.

Publishes a site of many files to two empty buckets, publishes it again, and again after a build that has written
every file anew with a new time; and prints how long each took and the ratio. Times are for reading: what it fails
for are counts, taken from the journal of a lab (SLIPWAY_LAB_URL).

    . .lab/env && python benchmarks/static_site_sync.py

The AWS CLI is among the locked tools; it and the module send as many requests at a time, to the same lab.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections import Counter
from pathlib import Path

import boto3

MODULE = "static_site_sync"
COMMAND = "aws s3 sync --delete"
STEPS = ("first", "nothing to do", "only times differ")
LISTED_AT_ONCE = 1000


def write_site(directory: Path, files: int, size: int) -> None:
    """Nine tenths assets with hashed names, some files without, some pages; the same at each run."""
    source = random.Random(2000)  # noqa: S311 (contents, not secrets)
    (directory / "assets").mkdir(parents=True)
    (directory / "docs").mkdir()
    for number in range(files - 1):
        content = source.randbytes(size // files)
        if number % 20 == 0:
            path = directory / "docs" / f"page{number}.html"
        elif number % 20 == 1:
            path = directory / f"image{number}.png"
        else:
            extension = ("js", "css", "svg", "woff2")[number % 4]
            path = directory / "assets" / f"chunk{number}-a{hashlib.sha256(content).hexdigest()[:7]}.{extension}"
        path.write_bytes(content)
    (directory / "index.html").write_text("<!doctype html>\n")


def rewrite(directory: Path) -> None:
    """What a build does that changes nothing: all that differs is the files' times."""
    later = time.time() + 5
    for path in directory.rglob("*"):
        if path.is_file():
            os.utime(path, (later, later))


class Journal:
    """What reached the lab, by operation."""

    def __init__(self) -> None:
        self.url = os.environ.get("SLIPWAY_LAB_URL")
        self._context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
        self._last = 0
        self.read()

    def read(self) -> Counter[str]:
        if not self.url:
            return Counter()
        url = f"{self.url}/calls?since={self._last}"
        with urllib.request.urlopen(url, context=self._context) as answer:  # noqa: S310 (the lab's own address)
            page = json.load(answer)
        self._last = page["seq"]
        return Counter(call["operation"] for call in page["calls"] if call["service"] == "s3")


def run(command: list[str]) -> float:
    start = time.monotonic()
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    elapsed = time.monotonic() - start
    if result.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")
    return elapsed


def publish_with_module(site: Path, bucket: str, concurrency: int) -> float:
    interpreter = f"ansible_python_interpreter={sys.executable}"
    target = ["localhost", "-i", "localhost,", "-c", "local", "-e", interpreter]
    return run(
        [
            "ansible",
            *target,
            "-m",
            f"slipway.aws.{MODULE}",
            "-a",
            f"bucket={bucket} source={site} concurrency={concurrency}",
        ]
    )


def expected_calls(step: str, files: int) -> dict[str, int]:
    """For the module: one reading of the manifest and the listing, and only at first what writes."""
    pages = -(-(files + 1) // LISTED_AT_ONCE)  # the manifest is listed too
    if step == "first":
        return {"GetObject": 1, "ListObjectsV2": 1, "HeadObject": 2, "PutObject": files + 2}
    return {"GetObject": 1, "ListObjectsV2": pages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aws", default=shutil.which("aws"), help="the AWS CLI to compare with (default: on PATH)")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--mebibytes", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=16, help="how many requests at a time, of both")
    arguments = parser.parse_args()
    if not arguments.aws or not shutil.which(arguments.aws):
        sys.exit("There is no AWS CLI on PATH. It comes with `make tools`; or name another with --aws.")
    if not os.environ.get("AWS_ENDPOINT_URL"):
        sys.exit("AWS_ENDPOINT_URL is not set: start a lab and source its env file. AWS itself is not measured.")

    s3 = boto3.client("s3")
    journal = Journal()
    times: dict[tuple[str, str], list[float]] = {}
    wrong = []
    with tempfile.TemporaryDirectory() as temporary:
        settings = Path(temporary) / "config"
        settings.write_text(f"[default]\ns3 =\n  max_concurrent_requests = {arguments.concurrency}\n")
        os.environ["AWS_CONFIG_FILE"] = str(settings)
        site = Path(temporary) / "site"
        write_site(site, arguments.files, arguments.mebibytes * 1024**2)
        ways = {
            COMMAND: lambda bucket: run([arguments.aws, "s3", "sync", "--delete", str(site), f"s3://{bucket}"]),
            MODULE: lambda bucket: publish_with_module(site, bucket, arguments.concurrency),
        }
        for number in range(arguments.rounds):
            buckets = {way: f"benchmark-{uuid.uuid4().hex[:12]}" for way in ways}
            for bucket in buckets.values():
                s3.create_bucket(Bucket=bucket)
            order = list(ways) if number % 2 else list(reversed(ways))
            for step in STEPS:
                if step == STEPS[2]:
                    rewrite(site)
                for way in order:
                    journal.read()
                    times.setdefault((step, way), []).append(ways[way](buckets[way]))
                    calls = journal.read()
                    if way == MODULE and journal.url and dict(calls) != expected_calls(step, arguments.files):
                        wrong.append(f"{step}: {dict(calls)} instead of {expected_calls(step, arguments.files)}")
            for bucket in buckets.values():
                empty(s3, bucket)

    print(f"{arguments.files} files, {arguments.mebibytes} MiB, median of {arguments.rounds} rounds in turn")
    print(f"{'':20}{MODULE:>20}{COMMAND:>24}{'ratio':>8}")
    for step in STEPS:
        ours, theirs = (statistics.median(times[step, way]) for way in (MODULE, COMMAND))
        print(f"{step:20}{ours:18.2f} s{theirs:22.2f} s{ours / theirs:8.2f}")
    if not journal.url:
        print("The calls were not counted: SLIPWAY_LAB_URL is not set.")
    if wrong:
        sys.exit("The module made other calls than it should:\n" + "\n".join(wrong))


def empty(s3: object, bucket: str) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    s3.delete_bucket(Bucket=bucket)


if __name__ == "__main__":
    main()
