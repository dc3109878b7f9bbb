# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A project of the shape spa_vm in a lab: what it has on AWS, and its host."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from web import Answer
from web import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plays import Lab

INVENTORY = "inventories/etf_portfolio"
NAME = "etf-portfolio"
LOCK = "deployments/lock.json"


class Project:
    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    @property
    def distribution(self) -> dict:
        found = self.lab.client("cloudfront").list_distributions()["DistributionList"].get("Items", [])
        mine = [item for item in found if item["Comment"].startswith(f"{NAME}:")]
        assert len(mine) == 1, f"{len(mine)} distributions of {NAME}: {[item['Id'] for item in mine]}"
        return mine[0]

    @property
    def instance(self) -> dict:
        filters = [
            {"Name": "tag:Name", "Values": [f"{NAME}-backend"]},
            {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
        ]
        found = self.lab.client("ec2").describe_instances(Filters=filters)["Reservations"]
        mine = [instance for reservation in found for instance in reservation["Instances"]]
        assert len(mine) == 1, f"{len(mine)} instances of {NAME}"
        return mine[0]

    @property
    def bucket(self) -> str:
        return f"{NAME}-frontend-{self.lab.environment['SLIPWAY_ACCOUNT_ID']}"

    @property
    def backup_bucket(self) -> str:
        return f"{NAME}-backups-{self.lab.environment['SLIPWAY_ACCOUNT_ID']}"

    def deployments(self) -> list[dict]:
        """The records of deployments, the newest first."""
        s3 = self.lab.client("s3")
        listed = s3.list_objects_v2(Bucket=self.backup_bucket, Prefix="deployments/2")
        keys = sorted((item["Key"] for item in listed.get("Contents", [])), reverse=True)
        return [json.load(s3.get_object(Bucket=self.backup_bucket, Key=key)["Body"]) for key in keys]

    def lock(self) -> dict:
        return json.load(self.lab.client("s3").get_object(Bucket=self.backup_bucket, Key=LOCK)["Body"])

    @contextmanager
    def locked_by_another(self) -> Iterator[str]:
        """While a run on another machine deploys; yields its name."""
        s3, free = self.lab.client("s3"), self.lock()
        owner = {**free["owner"], "run": "0123456789ab", "boot_id": "another", "host": "another"}
        body = json.dumps({**free, "held": True, "owner": owner, "expires": "2099-01-01T00:00:00Z"})
        s3.put_object(Bucket=self.backup_bucket, Key=LOCK, Body=body.encode())
        yield owner["run"]
        s3.put_object(Bucket=self.backup_bucket, Key=LOCK, Body=json.dumps(free).encode())

    @property
    def url(self) -> str:
        return f"https://{self.distribution['DomainName']}"

    def ask(self, path: str, **arguments: object) -> Answer:
        return ask(self.url + path, self.lab.tls, **arguments)

    def buy(self, units: str) -> None:
        body = {"isin": "IE00B4L5Y983", "kind": "buy", "units": units, "price": "85.10", "traded_on": "2026-01-05"}
        made = self.ask("/api/v1/transactions", method="POST", body=body)
        assert made.status == 201, made.body

    def bought(self) -> list[float]:
        """The units of all transactions that the application has."""
        return sorted(float(item["units"]) for item in self.ask("/api/v1/transactions").json()["items"])

    def on_host(self, command: str, check: bool = True, stdin: str = "") -> str:
        """Run a shell command as root on the host, over ssh, and return its output."""
        address = self.instance["PublicIpAddress"]
        ssh = ["ssh", "-i", self.lab.environment["SLIPWAY_SSH_KEY"], "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
        ssh += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        done = subprocess.run(
            [*ssh, f"admin@{address}", f"sudo sh -c {shlex.quote(command)}"],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def dump(self) -> str:
        """The database with its schema and rows, as SQL, and without the application's help."""
        code = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1], uri=True).iterdump(), sep=chr(10))"
        return self.on_host(f"python3 -c {shlex.quote(code)} 'file:/var/lib/{NAME}/app.db?mode=ro'")

    def secrets(self, stage: str = "AWSCURRENT") -> dict[str, str]:
        """The values of the project's generated secrets by name."""
        client = self.lab.client("secretsmanager")
        return {
            name: client.get_secret_value(SecretId=f"{NAME}/{name}", VersionStage=stage)["SecretString"]
            for name in ("APP_SECRET_KEY", "origin-secret")
        }

    def ask_past_the_edge(self, secret: str, path: str = "/api/v1/health") -> int:
        """The status with which the host answers somebody who stands where the edge does and shows this value."""
        script = (
            "import sys, urllib.request, urllib.error\n"
            "header = {'X-Origin-Secret': sys.stdin.readline().strip()}\n"
            f"asked = urllib.request.Request('http://127.0.0.1:8000{path}', headers=header)\n"
            "try: print(urllib.request.urlopen(asked).status)\n"
            "except urllib.error.HTTPError as error: print(error.code)\n"
        )
        return int(self.on_host(f"python3 -c {shlex.quote(script)}", stdin=f"{secret}\n"))

    def exposure(self) -> float:
        """What systemd-analyze makes of the live unit: 0 is sealed, 10 is open."""
        live = self.on_host(f"basename $(readlink /opt/{NAME}/live)")
        said = self.on_host(f"systemd-analyze security --no-pager {NAME}-{live}.service | tail -n 1")
        return float(said.split(":")[1].split()[0])

    def reboot(self) -> None:
        """Reboot the host through AWS, and return when it has started anew."""

        def started() -> str:
            return self.on_host("cut -d' ' -f22 /proc/1/stat; cat /proc/sys/kernel/random/boot_id", check=False)

        before = started()
        self.lab.client("ec2").reboot_instances(InstanceIds=[self.instance["InstanceId"]])
        deadline = time.monotonic() + 180
        while started() in ("", before):
            assert time.monotonic() < deadline, "the host did not come back"
            time.sleep(1)

    def wait_until_healthy(self, seconds: float = 180) -> Answer:
        deadline = time.monotonic() + seconds
        while True:
            answer = self.ask("/api/v1/health")
            if answer.status == 200 or time.monotonic() > deadline:
                return answer
            time.sleep(1)
