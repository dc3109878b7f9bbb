# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Bad inventories, each the example's with faults planted: every fault is named, the run fails, nothing is written."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from typing import NamedTuple

import pytest
import yaml
from plays import ROOT
from plays import Lab

EXAMPLE = ROOT / "inventories" / "etf_portfolio"
CODE = ROOT / "examples" / "etf_portfolio"
# Put together here, so that no scanner takes this file for one that holds secrets.
KEY = "AKIA" + "IOSFODNN7EXAMPLE"
PASSWORD = "hunter2-hunter2"
MISSING = object()


class Bad(NamedTuple):
    """Variables to change (MISSING removes one), and what the report must say: beginning and line of each problem."""

    changes: dict[str, Any]
    problems: list[tuple[str, str]]


def subnet(**changes):
    return {"name": "public-a", "cidr_block": "10.20.0.0/20", "availability_zone": "a", **changes}


# Faults that can stand together in one inventory. Alone, each is a host of one and the same inventory and run.
SINGLE = {
    "an unknown variable": Bad({"colour": "red"}, [("colour: there is no such variable", "write: local_colour: ...")]),
    "a misspelt variable": Bad(
        {"ec2_host_instance_typ": "t3.micro"},
        [("ec2_host_instance_typ: there is no such variable. Did you mean", "Write: ec2_host_instance_type: ...")],
    ),
    "a variable that the playbooks work out": Bad(
        {"network_name": "mine"}, [("network_name: the playbook works it out itself", "Remove it")]
    ),
    "a missing variable": Bad(
        {"app_health_body": MISSING},
        [("app_health_body: it is required, and missing", "Write: app_health_body: {status: healthy}")],
    ),
    "wrong types": Bad(
        {"ec2_host_root_volume_size": "four", "ec2_host_replace": "perhaps", "app_migrate_command": {"a": 1}},
        [
            ("ec2_host_root_volume_size: it is not a whole number", "Write: ec2_host_root_volume_size: 20"),
            ("ec2_host_replace: it is not true or false", "Write: ec2_host_replace: false"),
            ("app_migrate_command: it is not a list", "Write: app_migrate_command: [...]"),
        ],
    ),
    "a choice that there is not": Bad(
        {"static_site_price_class": "PriceClass_300"},
        [("static_site_price_class: value of", "Write: static_site_price_class: PriceClass_100")],
    ),
    "numbers out of range": Bad(
        {"static_site_api_port": 70000, "python_app_keep_releases": 1, "release_proxy_request_timeout": 0},
        [
            ("static_site_api_port: 70000 is out of range", "Write: static_site_api_port: 65535"),
            ("python_app_keep_releases: 1 is out of range", "Write: python_app_keep_releases: 2"),
            ("release_proxy_request_timeout: 0 is out of range", "Write: release_proxy_request_timeout: 1"),
        ],
    ),
    "two users of one port": Bad(
        {"python_app_ports": {"a": 8101, "b": 8101}},
        [("python_app_ports.b: port 8101 is python_app_ports.a's already", "Write: python_app_ports.b: ")],
    ),
    "secrets in the application's environment": Bad(
        {
            "app_environment": {
                "DB_PASSWORD": PASSWORD,
                "AWS_ACCESS_KEY_ID": KEY,
                "DATABASE_URL": f"postgresql://app:{PASSWORD}@db.example.com/app",
            }
        },
        [
            ("app_environment.DB_PASSWORD: it holds what its name says", "Write: app_secrets: [DB_PASSWORD]"),
            ("app_environment.AWS_ACCESS_KEY_ID: it holds an AWS access key", "Write: ec2_host_policies: {...}"),
            ("app_environment.DATABASE_URL: it holds a URL with a password", "Write: app_secrets: [DATABASE_URL]"),
        ],
    ),
    "secrets elsewhere": Bad(
        {"local_deploy_token": PASSWORD, "host_base_extra_packages": [f"https://u:{PASSWORD}@example.com/x.deb"]},
        [
            ("local_deploy_token: it holds", 'Write: local_deploy_token: "{{ vault_local_deploy_token }}"'),
            ("host_base_extra_packages[0]: it holds a URL with a password", "Write: host_base_extra_packages: "),
        ],
    ),
    "ssh open to the world": Bad(
        {"admin_cidrs": ["0.0.0.0/0", "::/0", "16.0.0.0/6"]},
        [
            ("admin_cidrs: 0.0.0.0/0 lets the whole world try", 'Write: admin_cidrs: ["203.0.113.7/32"]'),
            ("admin_cidrs: ::/0 lets the whole world try", 'Write: admin_cidrs: ["203.0.113.7/32"]'),
        ],
    ),
    "a private key that is not there": Bad(
        {"ssh_private_key_file": "/no/such/key"},
        [("ssh_private_key_file: there is no file /no/such/key", "write: ssh_private_key_file: ~/.ssh/id_ed25519")],
    ),
    "an address range of the VPC that cannot be": Bad(
        {"network_cidr_block": "10.0.0.0/8"},
        [("network_cidr_block: 10.0.0.0/8 cannot be a VPC's", "Write: network_cidr_block: 10.20.0.0/16")],
    ),
    "an image past its end of life": Bad(
        {"ec2_host_image_family": "debian-11"},
        [
            ("ec2_host_image_family: Debian 11 (LTS) has had no security updates", "ec2_host_image_family: debian-13"),
            ("ec2_host_image_family: value of", "Write: ec2_host_image_family: debian-13"),
        ],
    ),
    "a Python past its end of life": Bad(
        {"python_app_python": "/usr/bin/python3.9"},
        [("python_app_python: Python 3.9 has had no", "Write: python_app_python: /usr/bin/python3")],
    ),
    "an HTTP origin that nobody acknowledged": Bad(
        {"acknowledged_warnings": []},
        [("CloudFront reaches the host over HTTP", "acknowledged_warnings: [http_origin]")],
    ),
    "code that is not there": Bad(
        {"app_backend": {"path": "/no/such/backend"}, "app_frontend": {"path": "/no/such/frontend"}},
        [
            ("app_backend: there is no directory /no/such/backend", "Write: app_backend: {path: "),
            ("app_frontend: there is no directory /no/such/frontend", "write: app_frontend: {path: "),
        ],
    ),
    "a health path of the site's": Bad(
        {"app_health_path": "health"},
        [
            ("app_health_path: health does not begin with a slash", "Write: app_health_path: /health"),
            ("app_health_path: CloudFront sends /api/* to the back end", "Write: app_health_path: /api/health"),
        ],
    ),
    "production without protection": Bad(
        {"ec2_host_termination_protection": False, "ec2_host_data_volume_on_delete": "delete"},
        [
            ("ec2_host_termination_protection: anybody could", "Write: ec2_host_termination_protection: true"),
            ("ec2_host_data_volume_on_delete: production's data", "Write: ec2_host_data_volume_on_delete: snapshot"),
        ],
    ),
    "another account's number": Bad(
        {"aws_account_id": "210987654321"},
        [("aws_account_id: the credentials belong to account 123456789012", 'write: aws_account_id: "123456789012"')],
    ),
}

# Faults that are in each other's way, or are of the inventory as a whole: each has a run of its own.
APART = {
    "a vault that is not encrypted": Bad(
        {"vault_password": PASSWORD},
        [("vault_password: it stands in group_vars/all/main.yml, which is not encrypted", "ansible-vault encrypt")],
    ),
    "an account of too few digits": Bad(
        {"aws_account_id": 12345}, [("aws_account_id: 12345 is no account", 'Write: aws_account_id: "123456789012"')]
    ),
    "a region that does not exist": Bad(
        {"aws_region": "us-esat-1"}, [("aws_region: us-esat-1 is no region", "Write: aws_region: us-east-1")]
    ),
    "a shape that does not exist": Bad(
        {"shape": "spa_wm"}, [("shape: value of shape must be", "Write: shape: spa_vm")]
    ),
    "names that AWS does not take": Bad(
        {"project": "ETF_Portfolio", "stage": "Test Stage"},
        [
            ("project: 'ETF_Portfolio' cannot be part of names", "Write: project: etf-portfolio"),
            ("stage: 'Test Stage' cannot be part of names", "Write: stage: test-stage"),
        ],
    ),
    "names that are too long": Bad(
        {"project": "a" * 45},
        [("project: the names made of project are too long", f"Write: project: {'a' * 32}")],
    ),
    "a stage that looks like production": Bad(
        {"stage": "prod"}, [("stage: prod looks like production", "Write: stage: production")]
    ),
    "malformed address ranges": Bad(
        {"admin_cidrs": ["203.0.113.300/32", "203.0.113.7/24"], "network_subnets": [subnet(cidr_block="10.30.0.0/20")]},
        [
            ("admin_cidrs: 203.0.113.300/32 is not an address range", "Write: admin_cidrs: "),
            ("admin_cidrs: 203.0.113.7/24 names an address within", "203.0.113.7/32 for it alone, or 203.0.113.0/24"),
            ("network_subnets: public-a: 10.30.0.0/20 lies outside of", "Write: network_subnets: "),
        ],
    ),
    "nobody may reach the host": Bad(
        {"admin_cidrs": []}, [("admin_cidrs: it is empty, so nobody could reach", "Write: admin_cidrs: ")]
    ),
    "more ranges than rules": Bad(
        {"admin_cidrs": [f"203.0.113.{number}/32" for number in range(6)]},
        [("admin_cidrs: 6 ranges and CloudFront's prefix list, which counts for 55", "at most, or access: ssm")],
    ),
    "a private key that others can read": Bad(
        {"ssh_private_key_file": "{{ inventory_dir }}/../planted/open_key"},
        [
            ("ssh_private_key_file: others can read", "Run: chmod 600"),
            ("ssh_private_key_file: there is no public key", "Run: ssh-keygen -y -f"),
        ],
    ),
    "an undefined name in a template": Bad(
        {"app_frontend": {"path": "{{ no_such_name }}/dist"}, "project": "{{ neither_this }}"},
        [
            ("app_frontend: its value cannot be worked out: 'no_such_name' is undefined", "Write: app_frontend: "),
            ("project: its value cannot be worked out: 'neither_this' is undefined", "Write: project: my-app"),
        ],
    ),
    "code that uv cannot build": Bad(
        {
            "app_backend": {"path": "{{ inventory_dir }}/../planted/bare"},
            "app_frontend": {"path": "{{ inventory_dir }}/../planted/bare"},
        },
        [
            ("app_backend: there is no pyproject.toml", "Run there: uv init --bare"),
            ("app_backend: there is no uv.lock", "Run there: uv lock"),
            ("app_module: there is no app/main.py", "Write: app_module: app.main:app"),
            ("app_frontend: there is no index.html", "Build it (npm run build)"),
        ],
    ),
    "an application that is called otherwise": Bad(
        {"app_module": "app.main:api"}, [("app_module:", "Write: app_module: app.main:app")]
    ),
    "a back end for an old Python, and a front end for an old Node": Bad(
        {
            "app_backend": {"path": "{{ inventory_dir }}/../planted/old/backend"},
            "app_frontend": {"path": "{{ inventory_dir }}/../planted/old/frontend/dist"},
            "app_migrate_command": [],
        },
        [
            ("app_backend: requires-python of", 'Write: requires-python = ">=3.11" there'),
            ("app_frontend:", "Write: >="),
        ],
    ),
    "an instance type that does not exist": Bad(
        {"ec2_host_instance_type": "t3.mikro"},
        [("ec2_host_instance_type: there is no instance type t3.mikro", "Write: ec2_host_instance_type: t3.micro")],
    ),
    "an architecture that no image is for": Bad(
        {"ec2_host_instance_type": "mac2.metal"},
        [("ec2_host_instance_type: mac2.metal runs arm64_mac", "Write: ec2_host_instance_type: t3.micro")],
    ),
    "a zone that does not exist": Bad(
        {"network_subnets": [subnet(availability_zone="z")]},
        [("network_subnets: there is no zone us-east-1z", "Write: availability_zone: a")],
    ),
    "a bucket name that another account has": Bad(
        {"project": "taken"},
        [
            (
                "project: the bucket taken-frontend-123456789012, which its name asks for, belongs to another account",
                "Write:",
            )
        ],
    ),
    "names that another project has": Bad(
        {"project": "clash"},
        [
            ("project: the bucket clash-frontend-123456789012, which", "Write: project: another-name"),
            ("project: the names that are made of it belong to the project blog", "Write: project: another-name"),
        ],
    ),
    "a data volume that would shrink": Bad(
        {"project": "shrink", "ec2_host_data_volume_size": 10},
        [("ec2_host_data_volume_size: the data volume has 20 GiB already", "Write: ec2_host_data_volume_size: 20")],
    ),
    "no room for a VPC and an address": Bad(
        {"aws_region": "eu-west-1"},
        [
            ("aws_region: the account has 5 of 5 VPCs in eu-west-1", "--quota-code L-F678F1CE"),
            ("aws_region: the account has 5 of 5 Elastic IP addresses in eu-west-1", "--quota-code L-0263D0A3"),
        ],
    ),
    "a quota that the account does not have": Bad(
        {"network_rules_per_security_group": 200},
        [("network_rules_per_security_group: the account's quota", "Write: network_rules_per_security_group: 60")],
    ),
    "an acknowledgement of nothing": Bad(
        {"acknowledged_warnings": ["http_origin", "htp_origin"]},
        [("acknowledged_warnings: there is no warning htp_origin", "Write: acknowledged_warnings: [http_origin]")],
    ),
    "nothing at all": Bad(
        dict.fromkeys(
            yaml.safe_load((EXAMPLE / "group_vars" / "all" / "main.yml").read_text(encoding="utf-8")), MISSING
        ),
        [
            ("project: it is required, and missing", "Write: project: my-app"),
            ("aws_account_id: it is required, and missing", 'Write: aws_account_id: "123456789012"'),
            ("app_backend: it is required, and missing", "Write: app_backend: {path: "),
            ("ssh_private_key_file: it is required, and missing", "Write: ssh_private_key_file: "),
        ],
    ),
}

ALL_AT_ONCE = Bad(
    {name: value for bad in SINGLE.values() for name, value in bad.changes.items()},
    [problem for bad in SINGLE.values() for problem in bad.problems],
)
RUNS = {**APART, "all of the single ones at once": ALL_AT_ONCE}
BAD = {**SINGLE, **RUNS}


def changed_variables(changes: dict[str, Any]) -> dict[str, Any]:
    """The example's variables with changes, the shape among them."""
    variables = yaml.safe_load((EXAMPLE / "group_vars" / "all" / "main.yml").read_text(encoding="utf-8"))
    variables["shape"] = "spa_vm"
    variables["app_backend"] = {"path": str(CODE / "backend")}
    variables["app_frontend"] = {"path": str(CODE / "frontend" / "dist")}
    variables.update(changes)
    # Copies: what stands in a dump twice becomes a YAML alias, which nobody writes.
    return copy.deepcopy({name: value for name, value in variables.items() if value is not MISSING})


def write_hosts(directory: Path, hosts: list[str]) -> Path:
    example = yaml.safe_load((EXAMPLE / "hosts.yml").read_text(encoding="utf-8"))
    (settings,) = example["all"]["hosts"].values()
    local = {name: value for name, value in settings.items() if name != "shape"}
    directory.mkdir(parents=True)
    inventory = {"all": {"hosts": {host: dict(local) for host in hosts}}}
    (directory / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    return directory


def write_inventory(directory: Path, changes: dict[str, Any]) -> Path:
    """The example's inventory with changes, in a directory of its own."""
    write_hosts(directory, ["etf_portfolio"])
    (directory / "group_vars" / "all").mkdir(parents=True)
    text = yaml.safe_dump(changed_variables(changes))
    (directory / "group_vars" / "all" / "main.yml").write_text(text, encoding="utf-8")
    return directory


def write_inventory_of_hosts(directory: Path, changes: dict[str, dict[str, Any]]) -> Path:
    """One inventory with a project for each host."""
    write_hosts(directory, list(changes))
    (directory / "host_vars").mkdir()
    for host, of_host in changes.items():
        text = yaml.safe_dump(changed_variables(of_host))
        (directory / "host_vars" / f"{host}.yml").write_text(text, encoding="utf-8")
    return directory


def plant_files(directory: Path) -> None:
    """What some of the inventories name: a key that is open, and code that cannot be released."""
    directory.mkdir()
    key = directory / "open_key"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n", encoding="utf-8")
    key.chmod(0o644)
    (directory / "bare").mkdir()
    old = directory / "old"
    shutil.copytree(CODE / "backend", old / "backend", ignore=shutil.ignore_patterns(".*", "__pycache__", "*.db*"))
    project = old / "backend" / "pyproject.toml"
    project.write_text(
        project.read_text(encoding="utf-8").replace('requires-python = ">=3.11"', 'requires-python = "<3.10"'),
        encoding="utf-8",
    )
    shutil.copytree(CODE / "frontend" / "dist", old / "frontend" / "dist")
    (old / "frontend" / "package.json").write_text(json.dumps({"engines": {"node": "18.x"}}), encoding="utf-8")


def occupy_account(lab: Lab) -> None:
    """What is on the account already, and stands in the way of some of the inventories."""
    s3, ec2, iam = (lab.client(service) for service in ("s3", "ec2", "iam"))
    blog = [{"Key": "Project", "Value": "blog"}, {"Key": "Stage", "Value": "production"}]
    s3.create_bucket(Bucket="clash-frontend-123456789012")
    s3.put_bucket_tagging(Bucket="clash-frontend-123456789012", Tagging={"TagSet": blog})
    iam.create_role(RoleName="clash-backend", AssumeRolePolicyDocument="{}", Tags=blog)
    tags = {"Name": "shrink-backend-data", "Project": "shrink", "Stage": "production"}
    named = [{"Key": key, "Value": value} for key, value in tags.items()]
    ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=20, TagSpecifications=[{"ResourceType": "volume", "Tags": named}]
    )
    full = lab.client("ec2", region="eu-west-1")
    while len(full.describe_vpcs()["Vpcs"]) < 5:
        full.create_vpc(CidrBlock="10.0.0.0/16")
    for _address in range(5):
        full.allocate_address(Domain="vpc")


class Report(NamedTuple):
    code: int
    text: str  # blanks and line ends as one blank, for Ansible breaks lines

    @property
    def problems(self) -> str:
        return self.text.partition("nothing was changed:")[2]


def run(
    lab: Lab, inventory: Path, *arguments: str, playbook: str = "playbooks/preflight.yml", **environment: str
) -> Report:
    done = subprocess.run(
        ["ansible-playbook", playbook, "-i", str(inventory), *arguments],
        cwd=ROOT,
        env={**lab.environment, "HOME": os.environ.get("HOME", "/"), "ANSIBLE_NOCOLOR": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    # YAML doubles a quote within quotes.
    return Report(done.returncode, " ".join(done.stdout.split()).replace("''", "'"))


class Sweep(NamedTuple):
    reports: dict[str, Report]
    writes: list[str]


def split_by_host(report: Report) -> dict[str, Report]:
    """What one run has reported for each of its hosts."""
    parts = re.split(r"fatal: \[(\w+)\]: FAILED! => ", report.text.partition("PLAY RECAP")[0])
    return {host: Report(report.code, text) for host, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.fixture(scope="module")
def sweep(api_lab, tmp_path_factory):
    """All bad inventories, run in pairs; and what was written meanwhile."""
    occupy_account(api_lab)
    root = tmp_path_factory.mktemp("bad")
    plant_files(root / "planted")
    hosts = {f"host_{number}": name for number, name in enumerate(SINGLE)}
    directories = {
        None: write_inventory_of_hosts(root / "hosts", {h: SINGLE[name].changes for h, name in hosts.items()})
    }
    for number, (name, bad) in enumerate(RUNS.items()):
        directories[name] = write_inventory(root / f"inventory_{number}", bad.changes)
    before = api_lab.calls_since(0)["seq"]
    with ThreadPoolExecutor(max_workers=2) as pairs:
        done = pairs.map(lambda directory: run(api_lab, directory), directories.values())
        reports = dict(zip(directories, done, strict=True))
    calls = api_lab.calls_since(before)["calls"]
    assert calls, "the account was not asked at all"
    by_host = split_by_host(reports.pop(None))
    reports.update({hosts[host]: report for host, report in by_host.items()})
    return Sweep(reports, [f"{call['service']}:{call['operation']}" for call in calls if call["mutating"]])


def test_there_are_enough_of_them():
    assert len(RUNS) >= 25


@pytest.mark.parametrize("name", BAD)
def test_every_planted_problem_is_reported(sweep, name):
    report = sweep.reports[name]
    assert report.code != 0, report.text[-3000:]
    for beginning, line in BAD[name].problems:
        assert beginning in report.problems, report.text[-6000:]
        assert line in report.problems.partition(beginning)[2], report.text[-6000:]
    for sign in ("Traceback", "Unexpected Exception", "object has no attribute"):
        assert sign not in report.text


@pytest.mark.parametrize("name", SINGLE)
def test_nothing_else_is_reported(sweep, name):
    count = int(sweep.reports[name].text.partition(" problem(s) in the inventory")[0].rpartition(" ")[2].strip("'\"-"))
    assert count == len(SINGLE[name].problems), sweep.reports[name].text[-4000:]


def test_no_secret_is_shown(sweep):
    for name, report in sweep.reports.items():
        assert PASSWORD not in report.text, name
        assert KEY not in report.text, name


def test_nothing_was_written(sweep):
    assert sweep.writes == []


def test_the_good_one_passes(api_lab, tmp_path):
    report = run(api_lab, write_inventory(tmp_path / "good", {}))
    assert report.code == 0, report.text[-4000:]
    assert "etf-portfolio (production) in account 123456789012, region us-east-1, as arn:aws:iam::" in report.text
    example = run(api_lab, EXAMPLE)
    assert example.code == 0, example.text[-4000:]


def test_an_account_that_does_not_answer_is_one_problem_among_the_others(api_lab, tmp_path):
    inventory = write_inventory(tmp_path / "x", {"colour": "red"})
    report = run(api_lab, inventory, AWS_SECRET_ACCESS_KEY="wrong")
    assert report.code != 0
    assert "colour: there is no such variable" in report.problems
    assert "aws_account_id: the account could not be asked" in report.problems
    assert "Use credentials of the account" in report.problems


def operations() -> list[str]:
    """The playbooks that a user runs: those that are not a part of others."""
    books = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "playbooks").glob("*.yml"))}
    parts = {name for name in books if any(f"import_playbook: {name}" in text for text in books.values())}
    return sorted(set(books) - parts)


@pytest.mark.parametrize("playbook", operations())
def test_every_operation_begins_with_preflight(playbook):
    begins_with = playbook
    while begins_with not in (None, "preflight.yml"):
        first = yaml.safe_load((ROOT / "playbooks" / begins_with).read_text(encoding="utf-8"))[0]
        begins_with = first.get("ansible.builtin.import_playbook")
    assert begins_with == "preflight.yml", playbook


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/deploy.yml", "playbooks/destroy.yml"])
def test_an_operation_stops_before_it_makes_anything(api_lab, tmp_path, playbook):
    inventory = write_inventory(tmp_path / "x", {"project": "Not_Legal", "colour": "red"})
    before = api_lab.calls_since(0)["seq"]
    report = run(api_lab, inventory, "-e", "confirm=Not_Legal", playbook=playbook)
    assert report.code != 0
    assert "Write: project: not-legal" in report.problems
    assert "colour: there is no such variable" in report.problems
    assert [call["operation"] for call in api_lab.calls_since(before)["calls"] if call["mutating"]] == []


def test_a_project_whose_code_is_gone_can_still_be_removed(api_lab, tmp_path):
    changes = {"app_backend": {"path": "/no/such/backend"}, "acknowledged_warnings": [], "admin_cidrs": ["0.0.0.0/0"]}
    inventory = write_inventory(tmp_path / "x", changes)
    assert run(api_lab, inventory).code != 0
    book = [{"import_playbook": str(ROOT / "playbooks" / "preflight.yml"), "vars": {"preflight_for": "removal"}}]
    (tmp_path / "removal.yml").write_text(yaml.safe_dump(book), encoding="utf-8")
    removal = run(api_lab, inventory, playbook=str(tmp_path / "removal.yml"))
    assert removal.code == 0, removal.text[-4000:]
