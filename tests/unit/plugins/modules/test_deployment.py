# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""deployment, deployment_info and rollback_source on an emulated bucket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ansible_collections.slipway.aws.plugins.module_utils._deployment import api
from ansible_collections.slipway.aws.plugins.module_utils._deployment import ensure
from ansible_collections.slipway.aws.plugins.module_utils._deployment.process import describe_process
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._release.content import ensure_archive
from ansible_collections.slipway.aws.plugins.module_utils._release.content import read_content
from ansible_collections.slipway.aws.plugins.modules import deployment
from ansible_collections.slipway.aws.plugins.modules import deployment_info
from ansible_collections.slipway.aws.plugins.modules import rollback_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator

BUCKET = "shop-backups"
LOCK = "deployments/lock.json"
ALICE = {
    "run": "aaaaaaaaaaaa",
    "pid": 4711,
    "start": "1",
    "boot_id": "elsewhere",
    "pid_namespace": "pid:[1]",
    "host": "laptop",
    "user": "alice",
}
BOB = {**ALICE, "run": "bbbbbbbbbbbb", "pid": 12, "host": "runner", "user": "bob"}


class Project:
    """A project's bucket, and those who deploy into it."""

    def __init__(self, call_module: Callable[..., dict[str, Any]], directory: Path) -> None:
        self.call_module = call_module
        self.directory = directory
        self.clients = {name: boto3.client(name, region_name="us-east-1") for name in ("s3", "sts")}
        self.s3 = self.clients["s3"]
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.calls: list[str] = []
        self.s3.meta.events.register_first("before-call", self._before_call)

    def _before_call(self, model: Any, **_kwargs: Any) -> None:
        self.calls.append(model.name)

    def release(self, text: str) -> dict[str, Any]:
        tree = self.directory / text
        tree.mkdir(exist_ok=True)
        (tree / "main.py").write_text(text)
        content = read_content(str(tree), ())
        archive = self.directory / f"{content.sha256}.tar.gz"
        ensure_archive(content, str(archive))
        return {"id": content.sha256[:12], "archive": str(archive), "directory": str(tree)}

    def begin(self, owner: dict[str, Any], release: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        part = {"part": more.pop("part", "backend"), "release": release} if release else {}
        modes = {key: more.pop(key) for key in ("check_mode", "diff") if key in more}
        return self.call_module(deployment, {"bucket": BUCKET, "owner": owner, **part, **more}, self.clients, **modes)

    def end(self, owner: dict[str, Any], **more: Any) -> dict[str, Any]:
        modes = {key: more.pop(key) for key in ("check_mode",) if key in more}
        params = {"bucket": BUCKET, "owner": owner, "state": "ended", **more}
        return self.call_module(deployment, params, self.clients, **modes)

    def deploy(self, owner: dict[str, Any], release: dict[str, Any], before: str = "", **more: Any) -> dict[str, Any]:
        begun = self.begin(owner, release, before=before)
        assert not begun.get("failed"), begun
        return self.end(owner, **more)

    def info(self) -> dict[str, Any]:
        return self.call_module(deployment_info, {"bucket": BUCKET}, self.clients)

    def lock(self) -> dict[str, Any]:
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=LOCK)["Body"].read())

    def keys(self, prefix: str) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


@pytest.fixture
def project(
    call_module: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Project(call_module, tmp_path)


def test_a_deployment_of_two_parts(project: Project) -> None:
    one, two = project.release("one"), project.release("two")
    begun = project.begin(ALICE, one, before="0123", source={"repo": "https://u:secret@git.example.com/a.git"})
    assert begun["changed"]
    assert begun["deployment"]["result"] == "started"
    assert project.lock()["held"]
    assert project.info()["lock"]["owner"]["user"] == "alice"
    assert project.info()["deployments"][0]["result"] == "running"

    again = project.begin(ALICE, two, part="frontend")
    assert not again.get("failed"), again
    ended = project.end(ALICE, backup="app.db-1")["deployment"]
    assert ended["result"] == "succeeded"
    assert {name: part["after"] for name, part in ended["parts"].items()} == {
        "backend": one["id"],
        "frontend": two["id"],
    }
    assert ended["parts"]["backend"]["source"] == {"repo": "https://git.example.com/a.git"}
    assert ended["parts"]["frontend"]["before"] is None
    assert ended["backup"] == "app.db-1"
    assert ended["by"]["arn"].startswith("arn:aws:sts::")

    assert not project.lock()["held"]
    assert project.info()["lock"] == {}
    assert [record["result"] for record in project.info()["deployments"]] == ["succeeded"]
    assert project.keys("releases/") == [
        f"releases/backend/{one['id']}.tar.gz",
        f"releases/frontend/{two['id']}.tar.gz",
    ]
    assert not project.end(ALICE)["changed"]
    assert not project.end(BOB)["changed"]


def test_check_mode_writes_nothing_and_warns_of_a_lock(project: Project) -> None:
    planned = project.begin(ALICE, project.release("one"), check_mode=True)
    assert planned["changed"]
    assert planned["deployment"]["parts"]["backend"]["result"] == "started"
    assert project.keys("") == []
    project.begin(ALICE, project.release("one"))
    kept = project.keys("")
    planned = project.begin(BOB, project.release("two"), check_mode=True)
    assert "alice@laptop" in str(planned["warnings"])
    assert project.end(ALICE, check_mode=True)["changed"]
    assert not project.end(BOB, check_mode=True)["changed"]
    assert project.keys("") == kept
    assert project.lock()["owner"]["run"] == ALICE["run"]


@pytest.mark.parametrize("bucket", ["not-made-yet", UNKNOWN])
def test_a_bucket_that_is_not_made_yet(project: Project, bucket: str) -> None:
    params = {"bucket": bucket, "owner": ALICE}
    assert project.call_module(deployment, params, project.clients, check_mode=True)["changed"]
    ended = project.call_module(deployment, {**params, "state": "ended"}, project.clients, check_mode=True)
    assert not ended["changed"]
    assert project.call_module(deployment, params, project.clients)["failed"]


def test_one_run_deploys_at_a_time(project: Project) -> None:
    one, two = project.release("one"), project.release("two")
    project.begin(ALICE, one)
    refused = project.begin(BOB, two)
    assert refused["failed"]
    for word in ("alice@laptop", "process 4711", "-e deployment_lock_take_over=aaaaaaaaaaaa"):
        assert word in refused["msg"]
    # Whoever is refused has written nothing.
    assert project.keys("releases/") == [f"releases/backend/{one['id']}.tar.gz"]
    assert len(project.keys("deployments/")) == 2
    assert project.begin(BOB, two, take_over="cccccccccccc")["failed"]
    project.end(ALICE)
    assert not project.begin(BOB, two).get("failed")


def test_a_lock_that_is_taken_over_is_noticed(project: Project) -> None:
    project.begin(ALICE, project.release("one"))
    taken = project.begin(BOB, project.release("two"), take_over=ALICE["run"])
    assert "taken over, as asked for, from alice@laptop" in str(taken["warnings"])

    lost = project.begin(ALICE, project.release("three"), part="frontend")
    assert lost["failed"]
    project.end(BOB)
    lost = project.begin(ALICE, project.release("three"), part="frontend")
    assert "This run's lock was taken over: it is free, and was last that of bob@runner" in lost["msg"]
    assert project.keys("releases/frontend/") == []

    ended = project.end(ALICE)
    assert "The release is out" in ended["msg"]
    results = {record["run"]: record["result"] for record in project.info()["deployments"]}
    assert results == {ALICE["run"]: "failed", BOB["run"]: "succeeded"}
    assert not project.lock()["held"]


def test_who_ends_late_leaves_the_others_lock_alone(project: Project) -> None:
    project.begin(ALICE, project.release("one"))
    project.begin(BOB, project.release("two"), take_over=ALICE["run"])
    assert not project.end(ALICE, result="failed", reason="it broke").get("failed")
    assert project.lock()["owner"]["run"] == BOB["run"]
    assert project.lock()["held"]


def test_a_lock_expires(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.begin(ALICE, project.release("one"), ttl=60)
    later = datetime.now(UTC) + timedelta(seconds=61)
    monkeypatch.setattr(api.objects, "read_time", lambda _response: later)
    assert project.info()["lock"]["is_dead"]
    assert project.info()["deployments"][0]["result"] == "interrupted"
    taken = project.begin(BOB, project.release("two"))
    assert "it was good until" in str(taken["warnings"])


def test_the_lock_of_a_process_that_was_killed_is_taken_over(project: Project) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = {**describe_process(child.pid), "run": "cccccccccccc"}
    project.begin(owner, project.release("one"))
    assert "is good until" in project.begin(BOB, project.release("two"))["msg"]
    child.kill()
    child.communicate()
    assert project.info()["deployments"][0]["result"] == "interrupted"
    taken = project.begin(BOB, project.release("two"))
    assert "has ended without freeing it" in str(taken["warnings"])
    assert project.end(BOB)["deployment"]["result"] == "succeeded"
    assert [record["result"] for record in project.info()["deployments"]].count("interrupted") == 1


def test_a_failure_is_recorded_and_ends_the_run(project: Project) -> None:
    project.begin(ALICE, project.release("one"))
    ended = project.end(ALICE, result="failed", reason="it did not answer\n\nLast lines:\nsecret")["deployment"]
    assert (ended["result"], ended["reason"]) == ("failed", "it did not answer")
    assert not project.lock()["held"]
    assert "A step of this run has failed before" in project.begin(ALICE, project.release("two"))["msg"]
    assert not project.begin(BOB, project.release("two")).get("failed")


def test_of_many_at_once_one_gets_the_lock(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """All read the free lock before any of them writes."""
    many = 6
    barrier = threading.Barrier(many)
    one_write = threading.Lock()  # the emulator's condition and write are two steps
    put, first = api._put, threading.local()

    def put_together(client: Any, bucket: str, key: str, body: bytes, condition: dict[str, str]) -> str:
        if key == LOCK and not getattr(first, "seen", False):
            first.seen = True
            barrier.wait(timeout=30)
        with one_write:
            return put(client, bucket, key, body, condition)

    monkeypatch.setattr(api, "_put", put_together)
    params = {"take_over": None, "action": "deploy", "ttl": 60, "part": None}
    outcomes: list[str] = []

    def take(number: int) -> None:
        owner = {**ALICE, "run": f"{number:012x}", "arn": "arn"}
        place = ensure.Place(project.s3, BUCKET, owner, outcomes.append)
        try:
            ensure.begin(place, params, False)
            outcomes.append("won")
        except api.AnsibleDeploymentError as error:
            outcomes.append("refused" if "Another run holds the lock" in str(error) else str(error))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * (many - 1) + ["won"]


def test_a_write_whose_answer_was_lost_is_no_conflict(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    put = api._put

    def put_twice(*arguments: Any) -> str:
        put(*arguments)
        return put(*arguments)

    monkeypatch.setattr(api, "_put", put_twice)
    assert not project.begin(ALICE, project.release("one")).get("failed")
    assert project.end(ALICE)["deployment"]["result"] == "succeeded"


def kill_at_write(s3: Any, number: int) -> list[int]:
    """Break off before the write of this number, from 0 on; -1 in the list that is returned lets all pass."""
    left = [number]

    def before_call(model: Any, **_kwargs: Any) -> None:
        if model.name.startswith("Put"):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1

    s3.meta.events.register_first("before-call", before_call)
    return left


def test_killed_before_each_write_the_next_run_finishes(
    tmp_path: Path, call_module: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another name, as another process has; the killed one's is known to be dead."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    runs = iter(range(1000))
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "main.py").write_text("one")
    content = read_content(str(tree), ())
    ensure_archive(content, str(tmp_path / "a.tar.gz"))
    release = {"id": content.sha256[:12], "archive": str(tmp_path / "a.tar.gz")}

    writes = 0
    for kill_at in range(10):
        with mock_aws():
            clients = {name: boto3.client(name, region_name="us-east-1") for name in ("s3", "sts")}
            clients["s3"].create_bucket(Bucket=BUCKET)
            left = kill_at_write(clients["s3"], kill_at)
            owner = {**describe_process(os.getpid()), "start": "0", "run": f"{next(runs):012x}"}
            params = {"bucket": BUCKET, "owner": owner, "part": "backend", "release": release}
            try:
                call_module(deployment, params, clients)
                call_module(deployment, {**params, "state": "ended"}, clients)
            except KeyboardInterrupt:
                left[0] = -1
            else:
                writes = kill_at
                break
            params["owner"] = {**owner, "run": f"{next(runs):012x}"}
            begun = call_module(deployment, params, clients)
            assert not begun.get("failed"), begun
            ended = call_module(deployment, {**params, "state": "ended"}, clients)
            assert ended["deployment"]["result"] == "succeeded"
            found = call_module(deployment_info, {"bucket": BUCKET}, clients)
            assert found["lock"] == {}
            assert [item["id"] for item in found["releases"]["backend"]] == [release["id"]]
            assert "running" not in [record["result"] for record in found["deployments"]]
    assert writes == 5  # lock, archive, record; record, lock


def test_old_releases_go_and_what_is_needed_stays(project: Project) -> None:
    releases = [project.release(f"release {number}") for number in range(5)]
    before = ""
    for release in releases:
        owner = {**ALICE, "run": release["id"]}
        assert not project.deploy(owner, release, before, keep_releases=2).get("failed")
        before = release["id"]
    assert {key.split("/")[2].split(".")[0] for key in project.keys("releases/")} == {
        release["id"] for release in releases[-2:]
    }


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"part": "back end", "release": {"id": "abc"}}, "part: back end has other characters"),
        ({"part": "backend"}, "needs the release with its id"),
        ({"part": "backend", "release": {"id": "../x"}}, "needs the release with its id"),
        ({"ttl": 0}, "ttl: 0 is too small"),
        ({"keep_releases": 1}, "keep_releases: 1 is too small, the least is 2"),
        ({"owner": None}, "it is not known who runs this"),
    ],
)
def test_odd_parameters(project: Project, params: dict[str, Any], words: str) -> None:
    result = project.call_module(deployment, {"bucket": BUCKET, "owner": ALICE, **params}, project.clients)
    assert words in result["msg"]
    assert project.calls == []


@pytest.mark.parametrize("body", [b"{", b'{"version": 9}'])
def test_a_lock_that_nobody_understands_stops(project: Project, body: bytes) -> None:
    project.s3.put_object(Bucket=BUCKET, Key=LOCK, Body=body)
    result = project.begin(ALICE, project.release("one"))
    assert result["failed"]
    assert LOCK in result["msg"]
    assert project.keys("") == [LOCK]


def rollback(project: Project, cache: Path, **more: Any) -> dict[str, Any]:
    params = {"bucket": BUCKET, "parts": ["backend", "frontend"], "cache_directory": str(cache), **more}
    return project.call_module(rollback_source, params, project.clients)


def test_the_release_that_was_live_before_comes_back(project: Project, tmp_path: Path) -> None:
    one, two = project.release("one"), project.release("two")
    project.deploy(ALICE, one)
    begun = project.begin(BOB, two, before=one["id"], source={"path": "/srv"})
    assert not begun.get("failed")
    project.end(BOB)
    for _time in range(2):  # the second finds it in the cache
        found = rollback(project, tmp_path / "cache")
        back = found["releases"]["backend"]
        assert list(found["releases"]) == ["backend"]
        assert back["id"] == one["id"]
        assert Path(back["directory"], "main.py").read_text() == "one"
        assert Path(back["archive"]).read_bytes() == Path(one["archive"]).read_bytes()
        assert found["undone"]["run"] == BOB["run"]
    named = rollback(project, tmp_path / "cache", release=two["id"])
    assert named["releases"]["backend"]["id"] == two["id"]
    assert named["sources"]["backend"] == {"path": "/srv"}
    assert named["undone"] == {}


def test_a_release_that_is_not_kept_is_named_with_those_that_are(project: Project, tmp_path: Path) -> None:
    one = project.release("one")
    project.deploy(ALICE, one)
    result = rollback(project, tmp_path / "cache", release="0123456789ab")
    assert result["failed"]
    assert f"Release 0123456789ab is not kept. Kept are, the newest first: of backend {one['id']}" in result["msg"]


@pytest.mark.parametrize("damage", ["another release", "no archive"])
def test_what_is_not_the_release_is_refused(project: Project, tmp_path: Path, damage: str) -> None:
    one, two = project.release("one"), project.release("two")
    project.deploy(ALICE, one)
    body = Path(two["archive"]).read_bytes() if damage == "another release" else b"damaged"
    project.s3.put_object(Bucket=BUCKET, Key=f"releases/backend/{one['id']}.tar.gz", Body=body)
    result = rollback(project, tmp_path / "cache", release=one["id"])
    assert result["failed"]
    assert one["id"] in result["msg"]
    assert list((tmp_path / "cache" / "releases").iterdir()) == []
