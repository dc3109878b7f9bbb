# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the role's timers run, as a process, with the uploader and services that take or refuse what it sends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlite_writer import count_transactions
from sqlite_writer import make_database

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite

ROOT = Path(__file__).resolve().parents[5]
FILES = ROOT / "roles" / "sqlite_backup" / "files"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
}


class Host:
    """A host as the role leaves it: the program, the uploader with its environment, a configuration, a database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database, self.directory = path / "app.db", path / "backups"
        self.environment = dict(ENVIRONMENT)
        self.config = {
            "name": "shop",
            "database": str(self.database),
            "directory": str(self.directory),
            "keep_days": 7,
            "keep_last": 1,
            "require_wal": True,
            "allow_violations": True,
            "timeout": 1,
            "bucket": "",
            "prefix": "sqlite/shop",
            "region": "us-east-1",
            "uploader": str(path / "uploader"),
            "topic_arn": "",
            "publish_metrics": True,
            "metric_namespace": "Slipway",
        }
        make_database(self.database)
        self.directory.mkdir()
        for source in (ROOT / "plugins" / "module_utils" / "_sqlite.py", FILES / "slipway_sqlite.py"):
            shutil.copy(source, path)
        python = path / "uploader" / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        shutil.copy(FILES / "uploader" / "uploader.py", path / "uploader")

    def run(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (self.path / "config.json").write_text(json.dumps(self.config))
        return subprocess.run(
            [sys.executable, self.path / "slipway_sqlite.py", self.path / "config.json", command],
            capture_output=True,
            text=True,
            env={**self.environment, **environment},
            check=False,
        )

    @property
    def good(self) -> list[dict[str, Any]]:
        return _sqlite.list_backups(str(self.directory), str(self.database))[0]

    @property
    def store(self) -> _sqlite.Store:
        return _sqlite.Store(self.config["uploader"], self.config["bucket"], self.config["prefix"], "us-east-1")

    def age_all(self, days: float) -> None:
        """Let the backups be so many days older."""
        for manifest in self.good:
            moment = _sqlite.read_stamp(manifest["id"]) - days * _sqlite.DAY
            older = _sqlite.name_backup(
                str(self.database), _sqlite.datetime.datetime.fromtimestamp(moment, _sqlite.UTC)
            )
            os.rename(self.directory / manifest["id"], self.directory / older)
            _sqlite.write_manifest(str(self.directory / older), {**manifest, "id": older})


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def cloud(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """S3, CloudWatch and SNS that answer; gives a function that makes a client."""
    pytest.importorskip("moto", reason="the emulator is installed with the tools of the checkout")
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address, port = server.get_host_and_port()
    for key, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://{address}:{port}"}.items():
        monkeypatch.setenv(key, value)
        host.environment[key] = value
    urllib.request.urlopen(urllib.request.Request(f"http://{address}:{port}/moto-api/reset", method="POST")).close()
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="shop-backups")
    host.config["bucket"] = "shop-backups"
    yield lambda service: boto3.client(service, region_name="us-east-1")
    server.stop()


class Refuses(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"<Error><Code>AccessDenied</Code><Message>You may not</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    do_POST = do_GET = do_HEAD = do_PUT

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def refusal(host: Host) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host.environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{server.server_port}"
    host.config["bucket"] = "shop-backups"
    yield
    server.shutdown()


def test_old_backups_go_when_a_new_one_is_good(host: Host) -> None:
    assert host.run("run").returncode == 0
    host.age_all(8)
    old = host.good[0]["id"]
    done = host.run("run")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"removed: {old}" in done.stdout
    assert [item["id"] != old for item in host.good] == [True]


@pytest.mark.parametrize("ruin", ["missing", "damaged", "locked"])
def test_a_backup_that_fails_removes_nothing_and_is_noticed(host: Host, ruin: str) -> None:
    assert host.run("run").returncode == 0
    assert host.run("run").returncode == 0
    host.age_all(8)
    before = host.good
    held = None
    if ruin == "missing":
        os.rename(host.database, host.path / "away.db")
    elif ruin == "damaged":
        host.database.write_bytes(b"not a database" * 1000)
    else:
        held = _sqlite.locked(str(host.directory), 0)
        held.__enter__()
    done = host.run("run")
    if held:
        held.__exit__(None, None, None)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(host.path) in done.stderr
    assert host.good == before


def test_s3_that_refuses_keeps_everything_here_and_is_noticed(host: Host, refusal: None) -> None:
    bucket, host.config["bucket"] = host.config["bucket"], ""
    assert host.run("run").returncode == 0
    host.age_all(8)
    host.config["bucket"] = bucket
    done = host.run("run")
    assert done.returncode == 1
    assert "AccessDenied" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(host.good) == 2
    assert {item["uploaded"] for item in host.good} == {""}
    age = host.run("age")
    assert age.returncode == 1
    assert "no good backup" in age.stderr
    assert "and in S3" in age.stderr


def test_the_next_run_sends_what_s3_lacks_and_it_can_be_fetched(host: Host, cloud: Any) -> None:
    bucket, host.config["bucket"] = host.config["bucket"], ""
    assert host.run("run").returncode == 0
    host.config["bucket"] = bucket
    assert host.run("run").returncode == 0
    made = [item["id"] for item in host.good]
    assert len(made) == 2
    assert {item["uploaded"] for item in host.good} == {"s3://shop-backups/sqlite/shop/"}
    assert host.store.list_ids(str(host.database)) == made
    assert host.store.list_ids("/elsewhere/other.db") == []
    keys = [item["Key"] for item in cloud("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert sorted(keys) == sorted(f"sqlite/shop/{name}/{file}" for name in made for file in (FILE, _sqlite.MANIFEST))

    # One whose manifest has not come is not complete.
    cloud("s3").delete_object(Bucket=bucket, Key=f"sqlite/shop/{made[0]}/{_sqlite.MANIFEST}")
    assert host.store.list_ids(str(host.database)) == made[1:]
    shutil.rmtree(host.directory / made[1])
    with _sqlite.found_backup(str(host.database), str(host.directory), None, host.store) as (folder, manifest):
        assert manifest["id"] == made[1]
        _sqlite.unpack_backup(folder, manifest, str(host.path / "restored"))
    assert count_transactions(host.path / "restored") == 0
    assert [path.name for path in host.directory.iterdir() if path.name != ".lock"] == made[:1]


FILE = _sqlite.FILES[_sqlite.choose_compression()]


def test_what_came_from_s3_is_not_trusted(host: Host, cloud: Any) -> None:
    assert host.run("run").returncode == 0
    name = host.good[0]["id"]
    cloud("s3").put_object(Bucket="shop-backups", Key=f"sqlite/shop/{name}/{FILE}", Body=b"something else")
    find = (str(host.database), str(host.directory), name, host.store)
    with (
        _sqlite.found_backup(*find) as (folder, manifest),
        pytest.raises(_sqlite.SqliteError, match="is damaged: the checksum"),
    ):
        _sqlite.restore_backup(str(host.database), folder, manifest)
    cloud("s3").put_object(Bucket="shop-backups", Key=f"sqlite/shop/{name}/{_sqlite.MANIFEST}", Body=b"{}")
    with (
        pytest.raises(_sqlite.SqliteError, match="cannot be used: its manifest is of another format"),
        _sqlite.found_backup(*find),
    ):
        pass


def test_the_age_is_published(host: Host, cloud: Any) -> None:
    assert host.run("run").returncode == 0
    host.age_all(0.5)
    done = host.run("age")
    assert (done.returncode, done.stderr) == (0, "")
    dimensions = [{"Name": "Project", "Value": "shop"}, {"Name": "Database", "Value": "app.db"}]
    found = cloud("cloudwatch").get_metric_statistics(
        Namespace="Slipway",
        MetricName="NewestBackupAge",
        Dimensions=dimensions,
        StartTime=time.time() - 600,
        EndTime=time.time() + 600,
        Period=3600,
        Statistics=["Maximum"],
        Unit="Seconds",
    )["Datapoints"]
    assert [43200 <= point["Maximum"] < 43300 for point in found] == [True]


def test_a_failure_is_published(host: Host, cloud: Any) -> None:
    topic = cloud("sns").create_topic(Name="alarms")["TopicArn"]
    queue = cloud("sqs").create_queue(QueueName="mail")["QueueUrl"]
    arn = cloud("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    cloud("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    host.config["topic_arn"] = topic
    done = host.run("failed", MONITOR_SERVICE_RESULT="exit-code")
    assert (done.returncode, done.stderr) == (0, "")
    message = json.loads(cloud("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"])
    assert message["Subject"] == "shop: backup failed"
    assert "has failed (exit-code). The newest good backup does not exist; none was removed." in message["Message"]
    assert "journalctl -u shop-backup.service" in message["Message"]
    metrics = cloud("cloudwatch").list_metrics(Namespace="Slipway")["Metrics"]
    assert [item["MetricName"] for item in metrics] == ["BackupFailed"]


def test_a_failure_that_cannot_be_published_is_one_itself(host: Host, refusal: None) -> None:
    host.config["topic_arn"] = "arn:aws:sns:us-east-1:123456789012:alarms"
    done = host.run("failed")
    assert done.returncode == 1
    assert "Failed to metric" not in done.stderr
    assert "calling the PutMetricData operation" in done.stderr
    assert "calling the Publish operation" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_uploader_that_is_not_there(host: Host) -> None:
    host.config.update(bucket="shop-backups", uploader=str(host.path / "nowhere"))
    done = host.run("run")
    assert done.returncode == 1
    assert "The role sqlite_backup installs it when it is given a bucket" in done.stderr
    assert len(host.good) == 1
