# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The role cloudwatch_agent on hosts of Debian 13 and 12, in order: each test begins where the one before it ended.

What the agent did is read from CloudWatch. In a lab the agent is a stand-in (tests/lab/README.md).
"""

from __future__ import annotations

import json
import os
import runpy
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from plays import ROOT
from plays import Lab
from plays import compare_plan

PLAYS = Path(__file__).resolve().parent / "cloudwatch_agent"
PATHS = ["/", "/var/lib/shop"]
NEWER = "1.300072.0b1766"
AMAZONS_KEY = "937616F3450B7D806CBD9725D58167303B789C72"
# Machines may be slow; nothing here is expected to take nearly as long.
PATIENCE = 180


class Hosts:
    def __init__(self, lab: Lab, inventory: Path) -> None:
        self.lab = lab
        self.inventory = inventory
        self.hosts = yaml.safe_load(inventory.read_text())["all"]["hosts"]

    def play(self, *options: str, book: str = "agent") -> Any:
        return self.lab.play("-i", str(self.inventory), str(PLAYS / f"{book}.yml"), *options)

    def plan_and_run(self, *options: str) -> Any:
        """A run that changes what its plan says, and nothing when it is repeated."""
        plan = self.play("--check", *options).expect_success()
        run = self.play(*options).expect_success()
        assert compare_plan(plan, run) == []
        assert self.play(*options).expect_success().changes == []
        return run

    def run(self, name: str, command: str) -> str:
        """What a shell command prints as root on a host."""
        ssh = ["ssh", "-i", self.lab.environment["SLIPWAY_SSH_KEY"], "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"]
        ssh += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        ssh += [f"admin@{self.hosts[name]['ansible_host']}", f"sudo sh -c {shlex.quote(command)}"]
        done = subprocess.run(ssh, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def everywhere(self, command: str) -> list[str]:
        return [self.run(name, command) for name in self.hosts]

    def events(self, log: str, host: str, pattern: str = "") -> list[dict[str, Any]]:
        """The journal entries that have arrived in a log group from a host."""
        found = self.lab.client("logs").get_paginator("filter_log_events")
        pages = found.paginate(
            logGroupName=f"/aws/ec2/shop/{log}",
            logStreamNames=[self.hosts[host]["instance_id"]],
            filterPattern=pattern,
        )
        return [json.loads(event["message"])["body"] for page in pages for event in page["events"]]


def eventually(question: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(1)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    inventory = tmp_path_factory.mktemp("agent") / "inventory.yml"
    with Lab(f"agent-{os.getpid()}") as lab:
        lab.environment["ANSIBLE_ROLES_PATH"] = str(PLAYS.parent / "targets")
        lab.play("-i", "localhost,", str(PLAYS / "make.yml"), "-e", f"inventory={inventory}").expect_success()
        hosts = Hosts(lab, inventory)
        hosts.play(book="prepare").expect_success()
        yield hosts


def status_of(hosts: Hosts) -> list[dict[str, str]]:
    return [json.loads(text) for text in hosts.everywhere("amazon-cloudwatch-agent-ctl -a status")]


def test_another_key_than_amazons_is_refused(hosts: Hosts) -> None:
    run = hosts.play("-e", f"cloudwatch_agent_signing_key_fingerprint={AMAZONS_KEY}")
    assert run.code != 0
    own = hosts.lab.environment["SLIPWAY_CLOUDWATCH_AGENT_KEY"]
    assert [failure for failure in run.failures if f"signed by the key {own}, not by {AMAZONS_KEY}" in failure]
    assert hosts.everywhere("dpkg-query -W amazon-cloudwatch-agent 2>/dev/null || echo none") == ["none"] * 2


def test_a_run_does_what_its_plan_says_and_the_next_one_nothing(hosts: Hosts) -> None:
    hosts.plan_and_run()
    assert {(each["status"], each["configstatus"]) for each in status_of(hosts)} == {("running", "configured")}
    assert hosts.everywhere("systemctl is-enabled amazon-cloudwatch-agent") == ["enabled"] * 2


@pytest.mark.parametrize("host", ["debian-13", "debian-12"])
def test_the_log_of_the_application_arrives(hosts: Hosts, host: str) -> None:
    eventually(lambda: hosts.events("application", host, '"the shop is open"'))
    assert {entry["_SYSTEMD_UNIT"] for entry in hosts.events("application", host)} == {"shop-a.service"}


def said(hosts: Hosts, host: str, words: str) -> int:
    """How often words of logger --tag test have arrived. (sudo logs them too, as somebody's command.)"""
    entries = hosts.events("syslog", host, f'"{words}"')
    return len([entry for entry in entries if (entry.get("SYSLOG_IDENTIFIER"), entry["MESSAGE"]) == ("test", words)])


@pytest.mark.parametrize("host", ["debian-13", "debian-12"])
def test_the_log_of_the_system_arrives_without_the_applications(hosts: Hosts, host: str) -> None:
    hosts.run(host, "logger --tag test a word to the system")
    eventually(lambda: said(hosts, host, "a word to the system"))
    assert "stdout" not in {entry["_TRANSPORT"] for entry in hosts.events("syslog", host)}


def published(hosts: Hosts) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Each metric that has arrived in the agent's namespace, with its dimensions."""
    pages = hosts.lab.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace="CWAgent")
    return {
        (metric["MetricName"], frozenset((each["Name"], each["Value"]) for each in metric["Dimensions"]))
        for page in pages
        for metric in page["Metrics"]
    }


def test_the_metrics_arrive_with_exactly_the_dimensions_of_the_table(hosts: Hosts) -> None:
    agent = runpy.run_path(str(ROOT / "plugins" / "module_utils" / "_cloudwatch" / "agent.py"))
    wanted = {
        (name, frozenset(agent["build_dimensions"](name, host["instance_id"], path).items()))
        for host in hosts.hosts.values()
        for name in agent["PUBLISHED"]
        for path in PATHS
    }
    eventually(lambda: wanted <= published(hosts))
    assert published(hosts) == wanted


def test_a_metric_says_what_the_host_says(hosts: Hosts) -> None:
    host = hosts.hosts["debian-13"]
    hosts.run("debian-13", "dd if=/dev/zero of=/var/lib/shop/ballast bs=1M count=300 status=none; sync")
    used = int(hosts.run("debian-13", "df --output=pcent /var/lib/shop | tail -n 1").rstrip("%"))
    assert used > 25

    def reported() -> bool:
        data = hosts.lab.client("cloudwatch").get_metric_statistics(
            Namespace="CWAgent",
            MetricName="disk_used_percent",
            Dimensions=[
                {"Name": "InstanceId", "Value": host["instance_id"]},
                {"Name": "path", "Value": "/var/lib/shop"},
            ],
            StartTime=time.time() - 3600,
            EndTime=time.time() + 60,
            Period=60,
            Statistics=["Maximum"],
        )
        return any(abs(point["Maximum"] - used) < 2 for point in data["Datapoints"])

    eventually(reported)


def test_the_role_of_the_instance_is_enough_and_no_more(hosts: Hosts) -> None:
    calls = [call for call in hosts.lab.calls_since(0)["calls"] if ":assumed-role/" in (call["principal"] or "")]
    assert {call["operation"] for call in calls} == {"CreateLogStream", "PutLogEvents", "PutMetricData"}
    # Each stream is missed once, and made.
    assert {call["error"] for call in calls} == {None, "ResourceNotFoundException"}


def test_an_agent_that_was_stopped_is_started_and_goes_on_where_it_was(hosts: Hosts) -> None:
    for name in hosts.hosts:
        hosts.run(name, "systemctl stop amazon-cloudwatch-agent; logger --tag test said in between")
    hosts.plan_and_run()
    for name in hosts.hosts:
        eventually(lambda name=name: said(hosts, name, "said in between"))
        assert [said(hosts, name, words) for words in ("a word to the system", "said in between")] == [1, 1]


def test_a_section_that_the_agent_does_not_have_is_refused_and_the_old_ones_stay(hosts: Hosts, tmp_path: Path) -> None:
    wrong = {"logs": {"logs_collected": {"journal": {"unit_name": "shop"}}}}
    book = tmp_path / "wrong.yml"
    task = {"slipway.aws.cloudwatch_agent_config": {"configuration": wrong}, "name": "Configure"}
    book.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "become": True, "tasks": [task]}]))
    run = hosts.lab.play("-i", str(hosts.inventory), str(book))
    assert run.code != 0
    assert len([failure for failure in run.failures if "journal is not allowed" in failure]) == 2
    assert hosts.play("--check").expect_success().changes == []
    assert {each["status"] for each in status_of(hosts)} == {"running"}


def test_a_package_that_was_tampered_with_is_refused(hosts: Hosts) -> None:
    """A mirror of Amazon's bucket, on each host, whose package has one thing more in it."""
    base = "https://amazoncloudwatch-agent.s3.amazonaws.com"
    package = f"debian/amd64/{NEWER}/amazon-cloudwatch-agent.deb"
    hosts.everywhere(
        f"""set -e
        for file in assets/amazon-cloudwatch-agent.gpg {package} {package}.sig; do
            curl --silent --fail --create-dirs --output /srv/mirror/$file {base}/$file
        done
        cd /srv/mirror
        dpkg-deb --raw-extract {package} /tmp/package
        echo 'echo pwned >/root/pwned' >>/tmp/package/DEBIAN/postinst
        dpkg-deb --build /tmp/package {package} >/dev/null"""
    )
    mirror = ["-e", "cloudwatch_agent_package_base_url=file:///srv/mirror", "-e", f"cloudwatch_agent_version={NEWER}"]
    run = hosts.play(*mirror)
    assert run.code != 0
    assert len([failure for failure in run.failures if "no good signature" in failure]) == 2
    assert hosts.everywhere("ls /root/pwned 2>/dev/null || echo none") == ["none"] * 2
    assert hosts.play("--check").expect_success().changes == []


def test_another_version_takes_over_and_keeps_its_configuration(hosts: Hosts) -> None:
    run = hosts.plan_and_run("-e", f"cloudwatch_agent_version={NEWER}")
    assert len(run.changes) == 2
    assert {(each["status"], each["version"]) for each in status_of(hosts)} == {("running", NEWER)}


def test_it_is_taken_away(hosts: Hosts) -> None:
    hosts.plan_and_run("-e", "cloudwatch_agent_state=absent")
    left = "ls -d /opt/aws/amazon-cloudwatch-agent /etc/systemd/system/amazon-cloudwatch-agent.service 2>/dev/null"
    assert hosts.everywhere(f"{left} || true") == [""] * 2
    assert hosts.everywhere("systemctl is-active amazon-cloudwatch-agent || true") == ["inactive"] * 2
