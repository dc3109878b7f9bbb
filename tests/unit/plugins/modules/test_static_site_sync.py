# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import io
import json
import random
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.stub import ANY
from botocore.stub import Stubber
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._s3.objects import is_missing_bucket
from ansible_collections.slipway.aws.plugins.module_utils._site import api
from ansible_collections.slipway.aws.plugins.modules import static_site_sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator

BUCKET = "site-bucket"
MANIFEST = ".slipway/manifest.json"
READS = ("Get", "List", "Head")
IMMUTABLE = "public, max-age=31536000, immutable"

RELEASE_1 = {
    "index.html": '<script src="/assets/index-AAAAaaa1.js"></script>',
    "about.html": '<script src="/assets/about-AAAAaaa1.js"></script>',
    "old.html": "<p>old",
    "favicon.svg": "<svg>1",
    "assets/index-AAAAaaa1.js": "index 1",
    "assets/about-AAAAaaa1.js": "about 1",
}
RELEASE_2 = {
    "index.html": '<script src="/assets/index-BBBBbbb2.js"></script>',
    "about.html": '<script src="/assets/about-AAAAaaa1.js"></script>',
    "favicon.svg": "<svg>2",
    "assets/index-BBBBbbb2.js": "index 2",
    "assets/about-AAAAaaa1.js": "about 1",
}


class Killed(BaseException):
    """The process is gone."""


class Cloud:
    """An emulated bucket and distribution, with a record of the calls that reach them."""

    def __init__(self) -> None:
        self.s3 = boto3.client("s3", region_name="us-east-1")
        self.cloudfront = boto3.client("cloudfront", region_name="us-east-1")
        self.s3.create_bucket(Bucket=BUCKET)
        origin = {
            "Id": "s3",
            "DomainName": f"{BUCKET}.s3.amazonaws.com",
            "S3OriginConfig": {"OriginAccessIdentity": ""},
        }
        behavior = {
            "TargetOriginId": "s3",
            "ViewerProtocolPolicy": "redirect-to-https",
            "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        }
        configuration = {
            "CallerReference": "site",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": behavior,
        }
        distribution = self.cloudfront.create_distribution(DistributionConfig=configuration)
        self.distribution_id = distribution["Distribution"]["Id"]
        self.calls: list[tuple[str, str]] = []
        self.kill_at: int | None = None
        for client in (self.s3, self.cloudfront):
            client.meta.events.register_first("before-call", self._before_call)

    def _before_call(self, model: Any, params: dict, **_kwargs: Any) -> None:
        if not model.name.startswith(READS):
            if self.kill_at == 0:
                raise Killed(model.name)
            if self.kill_at is not None:
                self.kill_at -= 1
        path = params["url_path"].partition("?")[0]
        self.calls.append((model.name, path.removeprefix(f"/{BUCKET}").lstrip("/")))

    def keys(self, prefix: str = "") -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]

    def site(self) -> dict[str, tuple]:
        """Every object but the manifest, with what it is served as."""
        found = {}
        for key in self.keys():
            if key != MANIFEST:
                item = self.s3.get_object(Bucket=BUCKET, Key=key)
                headers = item["ContentType"], item.get("CacheControl"), item["Metadata"]
                found[key] = (item["Body"].read().decode(), *headers)
        return found

    def manifest(self) -> dict[str, Any]:
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=MANIFEST)["Body"].read())

    def put_manifest(self, manifest: dict[str, Any]) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=MANIFEST, Body=json.dumps(manifest).encode())

    def invalidations(self) -> list[tuple[str, list[str]]]:
        """Caller references and paths, the oldest first."""
        items = self.cloudfront.list_invalidations(DistributionId=self.distribution_id)["InvalidationList"]
        batches = [
            self.cloudfront.get_invalidation(DistributionId=self.distribution_id, Id=item["Id"])["Invalidation"]
            for item in items.get("Items", [])
        ]
        batches.sort(key=lambda item: item["CreateTime"])
        return [
            (item["InvalidationBatch"]["CallerReference"], item["InvalidationBatch"]["Paths"]["Items"])
            for item in batches
        ]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Cloud]]:
    """Makes empty clouds."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    mock = mock_aws()
    mock.start()

    def make() -> Cloud:
        mock.reset()
        return Cloud()

    yield make
    mock.stop()


@pytest.fixture
def cloud(aws: Callable[[], Cloud]) -> Cloud:
    return aws()


def write(source: Path, files: dict[str, str]) -> str:
    for path in source.rglob("*"):
        if path.is_file():
            path.unlink()
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    return str(source)


@pytest.fixture
def publish(call_module, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Publish files and return the result; calls holds what reached the cloud."""

    def run(
        cloud: Cloud, files: dict[str, str], check_mode: bool = False, distribution: bool = True, **params: object
    ) -> dict[str, Any]:
        arguments = {"bucket": BUCKET, "source": write(tmp_path / "site", files), "wait": False, "concurrency": 3}
        if distribution:
            arguments["distribution_id"] = cloud.distribution_id
        cloud.calls.clear()
        clients = {"s3": cloud.s3, "cloudfront": cloud.cloudfront}
        return call_module(static_site_sync, {**arguments, **params}, clients, check_mode=check_mode, diff=True)

    (tmp_path / "site").mkdir()
    return run


def test_a_first_publication(cloud: Cloud, publish) -> None:
    planned = publish(cloud, RELEASE_1, check_mode=True)
    assert [call for call in cloud.calls if not call[0].startswith(READS)] == []
    done = publish(cloud, RELEASE_1)
    assert done == planned
    assert done["changed"] is True
    assert done["site"]["uploaded"] == sorted(RELEASE_1)
    assert done["site"]["previous_release_id"] is None
    assert done["site"]["invalidated"] == []
    assert done["diff"]["before"]["files"] == {}
    assert list(done["diff"]["after"]["files"]) == sorted(RELEASE_1)

    names = [name for call, name in cloud.calls if call == "PutObject"]
    assert names[0] == names[-1] == MANIFEST
    assert names[-2] == "index.html"
    assert sorted(names[1:4]) == ["assets/about-AAAAaaa1.js", "assets/index-AAAAaaa1.js", "favicon.svg"]
    assert sorted(names[4:6]) == ["about.html", "old.html"]

    site = cloud.site()
    assert {key: value[0] for key, value in site.items()} == RELEASE_1
    assert {key: value[1:3] for key, value in site.items()} == {
        "index.html": ("text/html; charset=utf-8", "no-cache"),
        "about.html": ("text/html; charset=utf-8", "no-cache"),
        "old.html": ("text/html; charset=utf-8", "no-cache"),
        "favicon.svg": ("image/svg+xml", "public, max-age=300"),
        "assets/index-AAAAaaa1.js": ("text/javascript; charset=utf-8", IMMUTABLE),
        "assets/about-AAAAaaa1.js": ("text/javascript; charset=utf-8", IMMUTABLE),
    }
    manifest = cloud.manifest()
    assert manifest["release_id"] == done["site"]["release_id"]
    assert "unfinished" not in manifest
    for key, value in site.items():
        assert value[3] == {"sha256": manifest["files"][key]["sha256"]}


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_run_with_nothing_to_do_reads_twice(cloud: Cloud, publish, tmp_path: Path, check_mode: bool) -> None:
    publish(cloud, RELEASE_1)
    time.sleep(0.01)
    # Writes the files anew: all that differs is their times.
    result = publish(cloud, RELEASE_1, check_mode=check_mode)
    assert result["changed"] is False
    assert cloud.calls == [("GetObject", MANIFEST), ("ListObjectsV2", "")]
    assert result["diff"]["before"] == result["diff"]["after"]


def test_a_new_release(cloud: Cloud, publish) -> None:
    first = publish(cloud, RELEASE_1)
    planned = publish(cloud, RELEASE_2, check_mode=True)
    done = publish(cloud, RELEASE_2)
    assert planned["site"].pop("invalidation_id") == UNKNOWN
    assert done["site"].pop("invalidation_id") not in (None, UNKNOWN)
    assert done == planned
    assert done["site"] == {
        "is_changed": True,
        "bucket": BUCKET,
        "key_prefix": "",
        "manifest_key": MANIFEST,
        "release_id": cloud.manifest()["release_id"],
        "previous_release_id": first["site"]["release_id"],
        "files": 5,
        "uploaded": ["assets/index-BBBBbbb2.js", "favicon.svg", "index.html"],
        "headers_repaired": [],
        "superseded": ["assets/index-AAAAaaa1.js"],
        "deleted": ["old.html"],
        "invalidated": ["/", "/favicon.svg", "/index.html", "/old.html"],
    }
    assert [paths for _reference, paths in cloud.invalidations()] == [done["site"]["invalidated"]]

    # Deleted when the new release is recorded, invalidated when nothing can bring the page back into a cache.
    order = [name if call == "PutObject" else call for call, name in cloud.calls if not call.startswith(READS)]
    assert order[-4:] == [MANIFEST, "DeleteObjects", "CreateInvalidation", MANIFEST]

    assert sorted(cloud.site()) == sorted([*RELEASE_2, "assets/index-AAAAaaa1.js"])
    assert publish(cloud, RELEASE_2)["changed"] is False
    assert cloud.calls == [("GetObject", MANIFEST), ("ListObjectsV2", "")]


def test_superseded_assets_go_when_their_days_are_over(cloud: Cloud, publish) -> None:
    publish(cloud, RELEASE_1)
    publish(cloud, RELEASE_2)
    manifest = cloud.manifest()
    entry = manifest["superseded"]["assets/index-AAAAaaa1.js"]
    entry["since"] = "2026-01-01T00:00:00Z"
    cloud.put_manifest(manifest)
    assert publish(cloud, RELEASE_2, prune="none")["changed"] is False
    planned = publish(cloud, RELEASE_2, check_mode=True)
    done = publish(cloud, RELEASE_2)
    assert planned == done
    assert done["site"]["deleted"] == ["assets/index-AAAAaaa1.js"]
    assert done["site"]["invalidated"] == []
    assert sorted(cloud.site()) == sorted(RELEASE_2)
    assert publish(cloud, RELEASE_2)["changed"] is False


def test_headers_are_repaired_without_sending_the_content(cloud: Cloud, publish) -> None:
    publish(cloud, RELEASE_1)
    rules = [{"pattern": "*.svg", "cache_control": "max-age=60"}, *static_site_sync.DEFAULT_CACHE_RULES]
    params = {"cache_rules": rules, "content_types": {"svg": "image/x-svg"}}
    planned = publish(cloud, RELEASE_1, check_mode=True, **params)
    done = publish(cloud, RELEASE_1, **params)
    assert planned["site"]["headers_repaired"] == done["site"]["headers_repaired"] == ["favicon.svg"]
    assert done["site"]["uploaded"] == []
    assert done["site"]["invalidated"] == ["/favicon.svg"]
    assert [name for call, name in cloud.calls if call == "PutObject"] == [MANIFEST] * 3
    assert cloud.site()["favicon.svg"][:3] == ("<svg>1", "image/x-svg", "max-age=60")
    assert publish(cloud, RELEASE_1, **params)["changed"] is False


def test_what_others_have_changed_is_put_right(cloud: Cloud, publish) -> None:
    publish(cloud, RELEASE_1)
    undisturbed = cloud.site()
    time.sleep(1.1)  # S3 tells times in whole seconds
    cloud.s3.put_object(Bucket=BUCKET, Key="about.html", Body=b"defaced")
    cloud.s3.delete_object(Bucket=BUCKET, Key="assets/about-AAAAaaa1.js")
    cloud.s3.copy_object(
        Bucket=BUCKET,
        Key="old.html",
        CopySource={"Bucket": BUCKET, "Key": "old.html"},
        MetadataDirective="REPLACE",
        Metadata={"sha256": undisturbed["old.html"][3]["sha256"]},
        ContentType="text/html; charset=utf-8",
        CacheControl="max-age=31536000",
    )
    cloud.s3.put_object(Bucket=BUCKET, Key="foreign.txt", Body=b"not ours")
    planned = publish(cloud, RELEASE_1, check_mode=True)
    done = publish(cloud, RELEASE_1)
    assert planned["site"]["uploaded"] == done["site"]["uploaded"] == ["about.html", "assets/about-AAAAaaa1.js"]
    assert planned["site"]["headers_repaired"] == done["site"]["headers_repaired"] == ["old.html"]
    assert done["site"]["invalidated"] == ["/about.html", "/old.html"]
    site = cloud.site()
    assert site.pop("foreign.txt")[0] == "not ours"
    assert site == undisturbed
    assert publish(cloud, RELEASE_1)["changed"] is False
    assert cloud.calls == [("GetObject", MANIFEST), ("ListObjectsV2", "")]


def test_a_bucket_that_another_tool_has_filled(cloud: Cloud, publish) -> None:
    for key, body in {**RELEASE_1, "assets/older.js": "x", "older.html": "x"}.items():
        cloud.s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())
    done = publish(cloud, RELEASE_1)
    assert done["site"]["uploaded"] == sorted(RELEASE_1)
    assert done["site"]["superseded"] == done["site"]["deleted"] == []
    purged = publish(cloud, RELEASE_1, purge_unmanaged=True)
    assert purged["site"]["superseded"] == ["assets/older.js"]
    assert purged["site"]["deleted"] == ["older.html"]
    assert publish(cloud, RELEASE_1, purge_unmanaged=True)["changed"] is False
    assert sorted(cloud.site()) == sorted([*RELEASE_1, "assets/older.js"])


def test_two_sites_in_one_bucket(cloud: Cloud, publish) -> None:
    publish(cloud, RELEASE_1, key_prefix="one", url_path="one")
    publish(cloud, RELEASE_2, key_prefix="/two/")
    assert publish(cloud, RELEASE_1, key_prefix="one/")["changed"] is False
    done = publish(cloud, RELEASE_2, key_prefix="one", url_path="one")
    assert "/one/index.html" in done["site"]["invalidated"]
    assert done["site"]["manifest_key"] == "one/.slipway/manifest.json"
    assert sorted(cloud.keys("two/")) == sorted(f"two/{key}" for key in [*RELEASE_2, MANIFEST])


def test_the_release_id_is_recorded_even_if_nothing_else_differs(cloud: Cloud, publish) -> None:
    publish(cloud, RELEASE_1, release_id="a")
    done = publish(cloud, RELEASE_1, release_id="b")
    assert done["changed"] is True
    assert (done["site"]["previous_release_id"], done["site"]["release_id"]) == ("a", "b")
    assert [call for call, _name in cloud.calls if not call.startswith(READS)] == ["PutObject"]
    assert publish(cloud, RELEASE_1, release_id="b")["changed"] is False


def test_large_files_are_streamed(cloud: Cloud, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "READ_WHOLE", 20)
    publish(cloud, RELEASE_1)
    assert {key: value[0] for key, value in cloud.site().items()} == RELEASE_1


def test_many_paths_are_invalidated_as_one(cloud: Cloud, publish) -> None:
    pages = {f"docs/{number}.html": "1" for number in range(20)}
    publish(cloud, {**RELEASE_1, **pages})
    done = publish(cloud, {**RELEASE_1, **dict.fromkeys(pages, "2")})
    assert done["site"]["invalidated"] == ["/docs/*"]


def test_a_release_that_is_published_again_is_invalidated_again(cloud: Cloud, publish) -> None:
    for files in (RELEASE_1, RELEASE_2, RELEASE_1, RELEASE_2):
        publish(cloud, files)
    references = [reference for reference, _paths in cloud.invalidations()]
    assert len(references) == len(set(references)) == 3


# Two publishers ------------------------------------------------------------------------------------------------


def test_another_run_between_reading_and_claiming(cloud: Cloud, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(cloud, RELEASE_1)
    before = cloud.site()
    listing = api.list_objects

    def list_and_be_overtaken(*arguments: Any) -> Any:
        result = listing(*arguments)
        cloud.put_manifest({**cloud.manifest(), "run": "another"})
        return result

    monkeypatch.setattr(api, "list_objects", list_and_be_overtaken)
    failed = publish(cloud, RELEASE_2)
    assert failed["failed"] is True
    assert "Another run has published to this site meanwhile" in failed["msg"]
    assert "run again" in failed["msg"]
    assert cloud.site() == before
    monkeypatch.setattr(api, "list_objects", listing)
    assert publish(cloud, RELEASE_2)["changed"] is True


def test_another_run_while_assets_are_sent(cloud: Cloud, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(cloud, RELEASE_1)
    put_file = api.put_file

    def put_and_be_overtaken(client: Any, bucket: str, key: str, *arguments: Any) -> str:
        if key == "favicon.svg":
            cloud.put_manifest({**cloud.manifest(), "run": "another"})
        return put_file(client, bucket, key, *arguments)

    monkeypatch.setattr(api, "put_file", put_and_be_overtaken)
    failed = publish(cloud, RELEASE_2)
    assert "Another run has published to this site meanwhile" in failed["msg"]
    # No page of this release, and nothing deleted that the other may need.
    site = cloud.site()
    assert {key: site[key][0] for key in ("index.html", "old.html")} == {
        key: RELEASE_1[key] for key in ("index.html", "old.html")
    }


def test_a_first_publication_beside_another(cloud: Cloud, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = api.list_objects

    def list_and_be_overtaken(*arguments: Any) -> Any:
        result = listing(*arguments)
        cloud.put_manifest({})
        return result

    monkeypatch.setattr(api, "list_objects", list_and_be_overtaken)
    failed = publish(cloud, RELEASE_1)
    assert "Another run has published to this site meanwhile" in failed["msg"]
    assert cloud.keys() == [MANIFEST]


def test_a_write_whose_answer_was_lost_recognises_itself(
    cloud: Cloud, publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = api._put_manifest

    def put_twice(*arguments: Any) -> str:
        put(*arguments)
        return put(*arguments)  # the first one's answer did not arrive

    monkeypatch.setattr(api, "_put_manifest", put_twice)
    assert publish(cloud, RELEASE_1)["changed"] is True
    monkeypatch.setattr(api, "_put_manifest", put)
    assert publish(cloud, RELEASE_1)["changed"] is False


# Interruptions -------------------------------------------------------------------------------------------------


def assert_pages_find_their_assets(cloud: Cloud) -> None:
    site = cloud.site()
    for key, value in site.items():
        if key.endswith(".html"):
            for asset in re.findall(r'src="/([^"]+)"', value[0]):
                assert asset in site, f"{key} names {asset}, which is not there"


def end_state(cloud: Cloud) -> tuple:
    manifest = cloud.manifest()
    # It names what is there, no more and no less.
    assert {*manifest["files"], *manifest["superseded"], MANIFEST} == set(cloud.keys())
    # Who wrote it, and when things fell out of the site, differ between any two runs.
    manifest.pop("run")
    for entry in manifest["superseded"].values():
        assert "since" in entry
    superseded = sorted(manifest.pop("superseded"))
    return cloud.site(), manifest, superseded


@pytest.mark.parametrize("keep_days", [7, 0])
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(
    aws: Callable[[], Cloud], publish, keep_days: int
) -> None:
    undisturbed = aws()
    publish(undisturbed, RELEASE_1)
    publish(undisturbed, RELEASE_2, keep_days=keep_days, concurrency=1)
    writes = len([call for call, _name in undisturbed.calls if not call.startswith(READS)])
    assert writes == 8  # claim, asset, icon, page, record, deletions, invalidation, completion
    expected = end_state(undisturbed)
    expected_paths = undisturbed.invalidations()[-1][1]

    for kill_at in range(writes):
        cloud = aws()
        publish(cloud, RELEASE_1)
        cloud.kill_at = kill_at
        with pytest.raises(Killed):
            publish(cloud, RELEASE_2, keep_days=keep_days, concurrency=1)
        cloud.kill_at = None
        assert_pages_find_their_assets(cloud)

        planned = publish(cloud, RELEASE_2, check_mode=True, keep_days=keep_days)
        done = publish(cloud, RELEASE_2, keep_days=keep_days)
        assert done["changed"] is planned["changed"] is True
        assert end_state(cloud) == expected
        # One invalidation: a second request for it has the same reference, which CloudFront takes for the first.
        assert {(reference, *paths) for reference, paths in cloud.invalidations()} == {
            (cloud.invalidations()[0][0], *expected_paths)
        }
        assert publish(cloud, RELEASE_2, keep_days=keep_days)["changed"] is False


def test_a_run_that_is_killed_anywhere_can_be_taken_back(aws: Callable[[], Cloud], publish) -> None:
    for kill_at in range(8):
        cloud = aws()
        publish(cloud, RELEASE_1)
        before = cloud.site()
        cloud.kill_at = kill_at
        with pytest.raises(Killed):
            publish(cloud, RELEASE_2, concurrency=1)
        cloud.kill_at = None
        publish(cloud, RELEASE_1)
        site = cloud.site()
        # What the killed run had made is known, and goes when its days are over.
        left = set(site) - set(before)
        assert left <= {"assets/index-BBBBbbb2.js"}
        assert left == set(cloud.manifest()["superseded"])
        assert {key: site[key] for key in before} == before
        # From its claim on, caches may hold something of it.
        last = cloud.invalidations()[-1:]
        assert last == [] if kill_at == 0 else "/index.html" in last[0][1]
        assert publish(cloud, RELEASE_1)["changed"] is False


def test_a_first_run_that_is_killed_anywhere_is_finished_by_the_next(aws: Callable[[], Cloud], publish) -> None:
    undisturbed = aws()
    publish(undisturbed, RELEASE_1, concurrency=1)
    writes = len([call for call, _name in undisturbed.calls if not call.startswith(READS)])
    for kill_at in range(writes):
        cloud = aws()
        cloud.kill_at = kill_at
        with pytest.raises(Killed):
            publish(cloud, RELEASE_1, concurrency=1)
        cloud.kill_at = None
        assert_pages_find_their_assets(cloud)
        assert publish(cloud, RELEASE_1)["changed"] is True
        assert end_state(cloud) == end_state(undisturbed)
        assert cloud.invalidations() == []
        assert publish(cloud, RELEASE_1)["changed"] is False


def test_calls_that_are_throttled_or_fail_are_made_again(
    cloud: Cloud, publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    chance = random.Random(4)
    faults = []

    def fail_now_and_then(request: Any, **_kwargs: Any) -> AWSResponse | None:
        if chance.random() > 1 / 3:
            return None
        status, code = chance.choice([(503, "SlowDown"), (500, "InternalError"), (503, "ServiceUnavailable")])
        faults.append(request.url)
        body = f"<Error><Code>{code}</Code><Message>Injected</Message></Error>".encode()
        return AWSResponse(request.url, status, {}, MockRawResponse(body))

    for client in (cloud.s3, cloud.cloudfront):
        client.meta.events.register_first("before-send", fail_now_and_then)
    assert publish(cloud, RELEASE_1)["changed"] is True
    assert publish(cloud, RELEASE_2)["changed"] is True
    assert publish(cloud, RELEASE_2)["changed"] is False
    assert len(faults) > 5
    for client in (cloud.s3, cloud.cloudfront):
        client.meta.events.unregister("before-send", fail_now_and_then)
    assert {key: value[0] for key, value in cloud.site().items() if key in RELEASE_2} == RELEASE_2


def test_a_refused_invalidation_is_owed(cloud: Cloud, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(cloud, RELEASE_1)
    create = api.create_invalidation

    def refuse(*_arguments: Any) -> str:
        raise api.AnsibleSiteError(message="Failed to invalidate")

    monkeypatch.setattr(api, "create_invalidation", refuse)
    assert publish(cloud, RELEASE_2)["msg"] == "Failed to invalidate"
    # The release is live and recorded all the same.
    assert cloud.manifest()["release_id"] != publish(cloud, RELEASE_1, check_mode=True)["site"]["release_id"]
    monkeypatch.setattr(api, "create_invalidation", create)
    done = publish(cloud, RELEASE_2)
    assert done["changed"] is True
    assert done["site"]["uploaded"] == []
    assert done["site"]["invalidated"] == ["/", "/favicon.svg", "/index.html", "/old.html"]
    assert publish(cloud, RELEASE_2)["changed"] is False


# Before there is anything, and when something is wrong -----------------------------------------------------------


def test_a_plan_for_a_bucket_that_is_not_made_yet(cloud: Cloud, publish) -> None:
    planned = publish(cloud, RELEASE_1, check_mode=True, bucket="not-made-yet")
    assert planned["changed"] is True
    assert planned["site"]["uploaded"] == sorted(RELEASE_1)
    unknown = publish(cloud, RELEASE_1, check_mode=True, bucket=UNKNOWN, distribution_id=UNKNOWN)
    assert unknown["changed"] is True
    assert cloud.calls == []
    failed = publish(cloud, RELEASE_1, bucket="not-made-yet")
    assert failed["msg"].startswith("Failed to read s3://not-made-yet/.slipway/manifest.json: ")
    assert "NoSuchBucket" in failed["msg"]
    failed = publish(cloud, RELEASE_1, bucket=UNKNOWN)
    assert failed["msg"].startswith("bucket: (known after apply) is a placeholder")


@pytest.mark.parametrize(
    ("files", "params", "message"),
    [
        ({}, {}, "source: {source} holds no file. Name the directory that the build has written"),
        ({"app.js": "x"}, {}, "source: {source} has no index.html among its 1 files."),
        (RELEASE_1, {"index_document": "start.html"}, "source: {source} has no start.html"),
        (RELEASE_1, {"source": "/nonexistent"}, "source: /nonexistent is not there."),
        ({**RELEASE_1, MANIFEST: "x"}, {}, "manifest_key: {source} has a file .slipway/manifest.json."),
        (RELEASE_1, {"concurrency": 0}, "concurrency: 0 is too small"),
        (RELEASE_1, {"keep_days": -1}, "keep_days: -1 is too small"),
        (RELEASE_1, {"cache_rules": [{"pattern": "*"}]}, "missing required arguments: cache_control"),
    ],
)
def test_bad_input_stops_before_the_first_call(
    cloud: Cloud, publish, tmp_path: Path, files: dict, params: dict, message: str
) -> None:
    failed = publish(cloud, files, **params)
    assert failed["failed"] is True
    assert message.format(source=tmp_path / "site") in failed["msg"]
    assert cloud.calls == []


def test_a_link_that_leads_out_is_refused(cloud: Cloud, publish, call_module, tmp_path: Path) -> None:
    source = write(tmp_path / "site", RELEASE_1)
    (tmp_path / "site/passwords.txt").symlink_to("/etc/passwd")
    failed = call_module(static_site_sync, {"bucket": BUCKET, "source": source}, {"s3": cloud.s3})
    assert failed["msg"].startswith("source: The symbolic link passwords.txt leads to /etc/passwd, outside of ")
    assert cloud.calls == []


@pytest.mark.parametrize("body", [b"{}", b"not json", b'{"version": 99}', b"[]"])
def test_a_manifest_that_is_none(cloud: Cloud, publish, body: bytes) -> None:
    cloud.s3.put_object(Bucket=BUCKET, Key=MANIFEST, Body=body)
    failed = publish(cloud, RELEASE_1)
    assert failed["failed"] is True
    assert f"s3://{BUCKET}/{MANIFEST} is " in failed["msg"]
    assert "Choose another manifest_key, or remove that object" in failed["msg"]


def test_a_file_that_changes_while_it_is_published(cloud: Cloud, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    put_file = api.put_file

    def change_and_put(client: Any, bucket: str, key: str, file: dict, location: str) -> str:
        Path(location).write_text("something else")
        return put_file(client, bucket, key, file, location)

    monkeypatch.setattr(api, "put_file", change_and_put)
    failed = publish(cloud, RELEASE_1)
    assert "was changed while it was published" in failed["msg"]
    assert sorted(cloud.keys()) == [MANIFEST]


def test_objects_that_may_not_be_deleted(cloud: Cloud, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(cloud, RELEASE_1)
    refusal = [{"Key": "old.html", "Code": "AccessDenied", "Message": "Access Denied"}]
    monkeypatch.setattr(api.objects, "delete", lambda *_arguments: refusal)
    failed = publish(cloud, RELEASE_2)
    assert "Failed to delete 1 superseded objects" in failed["msg"]
    assert "old.html (AccessDenied: Access Denied)" in failed["msg"]
    assert "Allow s3:DeleteObject" in failed["msg"]
    monkeypatch.undo()


# The calls as AWS's service models have them ---------------------------------------------------------------------


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def test_a_refused_read_says_what_to_allow(stubbed, call_module, tmp_path: Path) -> None:
    client, stubber = stubbed
    stubber.add_client_error("get_object", "AccessDenied", "Access Denied", 403)
    source = write(tmp_path, {"index.html": "x"})
    failed = call_module(static_site_sync, {"bucket": BUCKET, "source": source}, {"s3": client})
    assert failed["msg"].startswith(
        f"Failed to read s3://{BUCKET}/{MANIFEST}. Allow s3:GetObject to the identity that makes this call"
    )


def test_the_requests_of_a_publication(stubbed, call_module, tmp_path: Path) -> None:
    client, stubber = stubbed
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    stubber.add_client_error("get_object", "NoSuchKey", "", 404, expected_params={"Bucket": BUCKET, "Key": MANIFEST})
    stubber.add_response("list_objects_v2", {"KeyCount": 0}, {"Bucket": BUCKET, "Prefix": ""})
    manifest = {
        "Bucket": BUCKET,
        "Key": MANIFEST,
        "Body": ANY,
        "ContentType": "application/json",
        "CacheControl": "no-store",
    }
    stubber.add_response("put_object", {"ETag": '"claim"'}, {**manifest, "IfNoneMatch": "*"})
    stubber.add_response("head_object", {"ETag": '"claim"', "ContentLength": 1}, {"Bucket": BUCKET, "Key": MANIFEST})
    page = {
        "Bucket": BUCKET,
        "Key": "index.html",
        "Body": b"x",
        "ContentType": "text/html; charset=utf-8",
        "CacheControl": "no-cache",
        "Metadata": {"sha256": digest},
        "ChecksumSHA256": "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=",
    }
    stubber.add_response("put_object", {"ETag": '"page"'}, page)
    stubber.add_response("put_object", {"ETag": '"record"'}, {**manifest, "IfMatch": '"claim"'})
    source = write(tmp_path, {"index.html": "x"})
    done = call_module(static_site_sync, {"bucket": BUCKET, "source": source}, {"s3": client})
    assert done["changed"] is True


def test_a_throttled_call_is_made_again(stubbed, call_module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    client, stubber = stubbed
    stubber.add_client_error("get_object", "SlowDown", "Please reduce your request rate.", 503)
    body = json.dumps(
        {
            "version": 1,
            "release_id": "r",
            "publications": 1,
            "superseded": {},
            "files": {
                "index.html": {
                    "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
                    "size": 1,
                    "etag": "e",
                    "content_type": "text/html; charset=utf-8",
                    "cache_control": "no-cache",
                }
            },
        }
    ).encode()
    when = "2026-05-01T12:00:00Z"
    stubber.add_response(
        "get_object",
        {"Body": io.BytesIO(body), "ETag": '"m"', "LastModified": when},
        {"Bucket": BUCKET, "Key": MANIFEST},
    )
    stubber.add_client_error("list_objects_v2", "InternalError", "We encountered an internal error.", 500)
    contents = [
        {"Key": "index.html", "ETag": '"e"', "Size": 1, "LastModified": when},
        {"Key": MANIFEST, "ETag": '"m"', "Size": 1, "LastModified": when},
    ]
    stubber.add_response("list_objects_v2", {"Contents": contents})
    source = write(tmp_path, {"index.html": "x"})
    done = call_module(static_site_sync, {"bucket": BUCKET, "source": source, "release_id": "r"}, {"s3": client})
    assert done["changed"] is False


def test_a_wait_that_takes_too_long(cloud: Cloud, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    # The emulator never completes an invalidation.
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    publish(cloud, RELEASE_1)
    failed = publish(cloud, RELEASE_2, wait=True, wait_timeout=2)
    assert failed["msg"].startswith("Timeout trying to wait for invalidation ")
    assert publish(cloud, RELEASE_2, wait=True)["changed"] is False


def test_an_invalidation_of_a_distribution_that_is_not_there(cloud: Cloud, publish) -> None:
    publish(cloud, RELEASE_1)
    failed = publish(cloud, RELEASE_2, distribution_id="E000000")
    assert failed["msg"].startswith("Failed to invalidate ")
    assert "of distribution E000000" in failed["msg"]


def test_client_errors_are_recognised() -> None:
    error = ClientError({"Error": {"Code": "NoSuchBucket", "Message": ""}}, "GetObject")
    assert is_missing_bucket(api.AnsibleSiteError(message="x", exception=error))
    assert not is_missing_bucket(api.AnsibleSiteError(message="x"))
