# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The lab's stand-in for Amazon's CloudWatch agent: it must refuse what the agent refuses, and publish as it does."""

from __future__ import annotations

import copy
import json
import ssl
import subprocess
import sys
import urllib.request
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from botocore.exceptions import ClientError
from requests.structures import CaseInsensitiveDict

from slipway_lab import signatures
from slipway_lab.agent import bucket
from slipway_lab.agent import packages

sys.path.insert(0, str(Path(packages.__file__).with_name("package") / "opt" / "aws" / "amazon-cloudwatch-agent"))

from lab_agent import aws
from lab_agent import configuration as plan
from lab_agent import host
from lab_agent.schema import find_problems

SCHEMA = json.loads((Path(__file__).parents[2] / "data" / "amazon-cloudwatch-agent.schema.json").read_text())
CHECKER = jsonschema.Draft4Validator(SCHEMA)

GOOD: dict[str, Any] = {
    "agent": {"metrics_collection_interval": 60},
    "metrics": {
        "namespace": "CWAgent",
        "append_dimensions": {"InstanceId": "${aws:InstanceId}"},
        "aggregation_dimensions": [["InstanceId", "path"]],
        "metrics_collected": {
            "cpu": {"totalcpu": True, "measurement": ["usage_iowait"]},
            "disk": {
                "resources": ["/", "/data"],
                "measurement": ["used_percent"],
                "drop_original_metrics": ["disk_used_percent"],
            },
            "mem": {"measurement": [{"name": "used_percent", "rename": "memory", "unit": "Percent"}]},
        },
    },
    "logs": {
        "logs_collected": {
            "journald": {
                "collect_list": [
                    {"log_group_name": "a", "units": ["x.service", "y.service"], "log_stream_name": "{instance_id}"},
                    {"log_group_name": "b", "matches": [{"_TRANSPORT": "kernel"}, {"A": "1", "B": "2"}]},
                ]
            }
        }
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """GOOD with another value at a path; None takes it away."""
    made = copy.deepcopy(GOOD)
    *parents, last = path.split("/")
    node: Any = made
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    if value is None:
        del node[last]
    else:
        node[last] = value
    return made


ENTRY = "logs/logs_collected/journald/collect_list/0"
BAD = [
    changed("logs/logs_collected/journal", {"unit_name": "shop"}),
    changed("logs/logs_collected", {}),
    changed("metrics/unknown", 1),
    changed("metrics/metrics_collected", None),
    changed("metrics/metrics_collected", {}),
    changed("metrics/metrics_collected/mem", {}),
    changed("metrics/metrics_collected/mem/measurement", "used_percent"),
    changed("metrics/metrics_collected/mem/measurement", ["used_percent", "used_percent"]),
    changed("metrics/metrics_collected/mem/measurement", [""]),
    changed("metrics/metrics_collected/mem/measurement", [1]),
    changed("metrics/metrics_collected/cpu/totalcpu", "yes"),
    changed("metrics/metrics_collected/cpu/resources", ["cpu0"]),
    changed("metrics/aggregation_dimensions", []),
    changed("metrics/namespace", "x" * 256),
    changed("agent/metrics_collection_interval", 0),
    changed("agent/metrics_collection_interval", True),
    changed(f"{ENTRY}/log_group_name", None),
    changed(f"{ENTRY}/unit", "x.service"),
    changed(f"{ENTRY}/units", []),
    changed(f"{ENTRY}/priority", "loud"),
    changed(f"{ENTRY}/matches", [{"PRIORITY": 3}]),
    changed(f"{ENTRY}/filters", [{"type": "only", "expression": "x"}]),
    [],
]
FINE = [
    GOOD,
    {},
    changed(f"{ENTRY}/priority", "3"),
    changed(f"{ENTRY}/filters", [{"type": "exclude", "expression": "x"}]),
    changed("metrics/metrics_collected/cpu/resources", ["*"]),
]


@pytest.mark.parametrize("made", [*BAD, *FINE])
def test_the_schema_is_read_as_by_a_full_validator(made: Any) -> None:
    assert bool(find_problems(made, SCHEMA, SCHEMA)) == (not CHECKER.is_valid(made))


def test_both_kinds_are_there() -> None:
    assert [CHECKER.is_valid(made) for made in BAD] == [False] * len(BAD)
    assert [CHECKER.is_valid(made) for made in FINE] == [True] * len(FINE)
    assert plan.check(GOOD, SCHEMA) == []


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (changed("metrics/metrics_collected/net", {"measurement": ["bytes_sent"]}), "does not know net"),
        (changed("metrics/metrics_collected/mem/measurement", ["cached"]), "does not measure cached"),
        (changed("logs/logs_collected/files", {"collect_list": [{"file_path": "/x"}]}), "does not know files"),
        (changed(f"{ENTRY}/retention_in_days", 7), "does not know retention_in_days"),
        (changed("metrics/append_dimensions/AutoScalingGroupName", "${aws:AutoScalingGroupName}"), "not supported"),
        (changed("metrics/metrics_collected/cpu/resources", ["*"]), "does not know resources"),
        (changed("traces", {"traces_collected": {"xray": {}}}), "does not know traces"),
    ],
)
def test_what_the_agent_knows_and_the_stand_in_does_not_is_refused_too(made: Any, words: str) -> None:
    assert CHECKER.is_valid(made)
    assert words in "\n".join(plan.check(made, SCHEMA))


def test_what_is_read_from_the_journal() -> None:
    first, second = plan.journals(GOOD, "i-1")
    assert (first.group, first.stream) == ("a", "i-1")
    assert first.selection == ("--unit=x.service", "--unit=y.service", "--priority=info")
    # A plus between what fits alone; fields side by side must all fit.
    assert (second.stream, second.selection) == ("i-1", ("--priority=info", "_TRANSPORT=kernel", "+", "A=1", "B=2"))


@pytest.mark.parametrize(
    ("filters", "passing"),
    [
        ([], ["open", "closed", "broken"]),
        ([("exclude", "clos")], ["open", "broken"]),
        ([("include", "^o"), ("include", "^c")], ["open", "closed"]),
        ([("include", "o"), ("exclude", "k")], ["open", "closed"]),
    ],
)
def test_filters(filters: list[tuple[str, str]], passing: list[str]) -> None:
    journal = plan.Journal("g", "s", (), tuple(filters))
    assert [event for event in ("open", "closed", "broken") if journal.passes(event)] == passing


@pytest.mark.parametrize(
    ("dimensions", "is_dropped", "sets"),
    [
        ("InstanceId path device", False, ["InstanceId path device", "InstanceId path"]),
        ("InstanceId path device", True, ["InstanceId path"]),
        ("InstanceId path", False, ["InstanceId path"]),
        ("InstanceId cpu device", False, ["InstanceId cpu device"]),
        ("InstanceId", False, ["InstanceId"]),
    ],
)
def test_dimensions_are_rolled_up(dimensions: str, is_dropped: bool, sets: list[str]) -> None:
    found = plan.dimension_sets(dict.fromkeys(dimensions.split(), "1"), [["InstanceId", "path"]], is_dropped)
    assert found == [dict.fromkeys(names.split(), "1") for names in sets]


def test_metrics_are_published_under_their_name() -> None:
    collected = GOOD["metrics"]["metrics_collected"]
    assert plan.measurements("mem", collected["mem"]) == [plan.Measurement("used_percent", "memory", "Percent")]
    assert plan.measurements("cpu", collected["cpu"])[0].published_as == "cpu_usage_iowait"


def test_the_host_is_measured() -> None:
    memory, root = host.memory(), host.disk("/")
    assert 0 < memory["used_percent"] < 100
    assert memory["total"] > memory["used"] > 0
    assert 0 < root["used_percent"] <= 100
    assert "/" in [mount.path for mount in host.mounts()]
    before = dict.fromkeys(host.CPU_FIELDS, 100)
    use = host.processor_use(before, before | {"user": 110, "idle": 130, "iowait": 105, "steal": 105})
    assert (use["usage_active"], use["usage_iowait"], use["usage_steal"]) == (40.0, 10.0, 10.0)


def test_calls_are_signed() -> None:
    credentials = {"AccessKeyId": "AKIAEXAMPLE", "SecretAccessKey": "secret", "Token": "session"}
    body = b"Action=PutMetricData"
    sent = aws.sign("monitoring", "eu-west-1", "h.example", body, {"Content-Type": "x"}, credentials, datetime.now(UTC))
    headers = CaseInsensitiveDict(sent)
    signed = signatures.read(headers, "")
    assert set(signed.headers) == {"content-type", "host", "x-amz-date", "x-amz-security-token"}
    assert signatures.matches(signed, "secret", "POST", "/", "", headers, body)
    assert not signatures.matches(signed, "secret", "POST", "/", "", headers, body + b"&x=y")


def test_packages_are_signed_and_everybody_may_read_them(
    emulator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages.build(tmp_path)
    monkeypatch.setattr(emulator.lab, "directory", tmp_path)
    bucket.publish(emulator.lab)
    tls = ssl.create_default_context(cafile=str(emulator.lab.ca.certificate_file))
    deb = f"debian/amd64/{packages.VERSIONS[0]}/amazon-cloudwatch-agent.deb"
    files = {}
    for key in (deb, f"{deb}.sig", "assets/amazon-cloudwatch-agent.gpg"):
        files[key] = tmp_path / key.rpartition("/")[2]
        with urllib.request.urlopen(f"{emulator.url}/{bucket.NAME}/{key}", context=tls) as answer:
            files[key].write_bytes(answer.read())
    key, signature, package = (files[name] for name in ("assets/amazon-cloudwatch-agent.gpg", f"{deb}.sig", deb))
    keyring = tmp_path / "keyring"
    subprocess.run(["gpg", "--dearmor", "--output", keyring, key], check=True)
    verify = ["gpgv", "--status-fd", "1", "--keyring", keyring, signature, package]
    status = subprocess.run(verify, check=True, capture_output=True, text=True).stdout
    assert f"VALIDSIG {packages.fingerprint(tmp_path)}" in status
    fields = subprocess.run(["dpkg-deb", "--field", package], check=True, capture_output=True, text=True).stdout
    assert f"Version: {packages.VERSIONS[0]}-1\n" in fields
    # Not to be written by the lab's account, nor by anybody.
    with pytest.raises(ClientError, match="AccessDenied"):
        emulator.client("s3").put_object(Bucket=bucket.NAME, Key=deb, Body=b"")


def test_the_version_that_the_role_installs_is_there() -> None:
    defaults = Path(__file__).parents[3] / "roles" / "cloudwatch_agent" / "defaults" / "main.yml"
    assert yaml.safe_load(defaults.read_text())["cloudwatch_agent_version"] in packages.VERSIONS
