# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The life of the project etf_portfolio, in the order in which it is lived: each test begins where the last ended."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from bad_releases import expect_refused
from leaks import GitServer
from leaks import ProcessWatch
from leaks import count_in_journal
from leaks import find_as_root_on_host
from leaks import find_in_files
from leaks import find_in_text
from leaks import find_readable_on_host
from leaks import key_lines
from load import measure
from plays import compare_plan
from plays import is_host_plan
from project import INVENTORY
from project import NAME
from releases import BACKEND
from releases import OTHER_PAGE
from releases import good_release
from releases import other_page
from web import ask
from web import is_closed

SITE = ["site.yml", "-i", INVENTORY]
DEPLOY = ["playbooks/deploy.yml", "-i", INVENTORY]
HOST_ROLES = {
    *("host_base", "data_volume", "uv", "release_proxy", "cloudwatch_agent"),
    *("python_app", "sqlite_backup"),
}


# As much as Ansible says of what it does, and what each process says of itself meanwhile: no secret may be in it.
@pytest.fixture(scope="module")
def watch():
    with ProcessWatch() as watch:
        yield watch


@pytest.fixture(scope="module")
def first_plan(lab, watch):
    return lab.play(*SITE, "--check", "--diff", "-vvv").expect_success()


@pytest.fixture(scope="module")
def first_run(lab, first_plan):
    return lab.play(*SITE, "--diff", "-vvv").expect_success()


def test_the_plan_on_an_empty_account_writes_nothing_and_names_what_will_be_made(lab, first_plan):
    assert first_plan.writes == []
    assert {change.item for change in first_plan.changes if is_host_plan(change)} == HOST_ROLES
    for name in (
        "10.20.0.0/16",  # VPC
        "public-a",
        "tcp 8000 com.amazonaws.global.cloudfront.origin-facing",  # rule of the security group
        "etf-portfolio-backend",  # role, host
        "ami-",  # the newest image of the family
        "etf-portfolio-frontend-",  # bucket
        "etf-portfolio-viewer-request",  # function
        "etf-portfolio/origin-secret",
        "etf-portfolio/APP_SECRET_KEY",
        "/api/*",
        "AllowCloudFrontOAC",
        "index.html",
        "etf-portfolio-backups-",
        "/aws/ec2/etf-portfolio/application",
        "etf-portfolio-alarms",
        "EstimatedCharges",
    ):
        assert name in first_plan.output, f"the plan does not name {name}"


def test_the_run_does_what_was_planned(first_plan, first_run):
    assert compare_plan(first_plan, first_run) == []
    assert "etf-portfolio answers at https://" in first_run.output


def test_the_application_answers_through_the_edge(project, first_run):
    page = project.ask("/")
    assert (page.status, page.content_type) == (200, "text/html")
    deep = project.ask("/transactions")
    assert (deep.status, deep.body) == (200, page.body)

    health = project.ask("/api/v1/health")
    assert (health.status, health.content_type) == (200, "application/json")
    assert health.json()["status"] == "healthy"

    unknown = project.ask("/api/v1/no-such-thing")
    assert (unknown.status, unknown.content_type) == (404, "application/json")
    for manifest in ("/.slipway/manifest.json", "/%2eslipway/manifest.json"):
        assert project.ask(manifest).status == 404
    missing = project.ask("/assets/no-such-file.js")
    assert missing.status in (403, 404)
    assert missing.body != page.body

    made = project.ask(
        "/api/v1/transactions",
        method="POST",
        body={"isin": "IE00B4L5Y983", "kind": "buy", "units": "2", "price": "85.10", "traded_on": "2026-01-05"},
    )
    assert made.status == 201, made.body
    assert project.ask("/api/v1/analytics/portfolio-summary").status == 200


def test_nothing_but_the_projects_own_distribution_is_let_in(lab, project, first_run):
    bucket_url = f"{lab.environment['AWS_ENDPOINT_URL']}/{project.bucket}/index.html"
    assert ask(bucket_url, lab.tls).status == 403

    address = project.instance["PublicIpAddress"]
    assert is_closed(address, 8000)
    assert not is_closed(address, 22)

    # A stranger's distribution with the same origins: it comes from the same addresses, but has no secret, and is
    # not named in the bucket's policy.
    cloudfront = lab.client("cloudfront")
    config = cloudfront.get_distribution_config(Id=project.distribution["Id"])["DistributionConfig"]
    config["CallerReference"] = "stranger"
    config["Comment"] = "a stranger"
    for origin in config["Origins"]["Items"]:
        origin["CustomHeaders"] = {"Quantity": 0}
    stranger = cloudfront.create_distribution(DistributionConfig=config)
    try:
        url = f"https://{stranger['Distribution']['DomainName']}"
        cloudfront.get_waiter("distribution_deployed").wait(Id=stranger["Distribution"]["Id"])
        assert ask(f"{url}/", lab.tls).status == 403
        assert ask(f"{url}/api/v1/health", lab.tls).status == 403
    finally:
        config["Enabled"] = False
        etag = cloudfront.get_distribution(Id=stranger["Distribution"]["Id"])["ETag"]
        off = cloudfront.update_distribution(Id=stranger["Distribution"]["Id"], IfMatch=etag, DistributionConfig=config)
        cloudfront.delete_distribution(Id=stranger["Distribution"]["Id"], IfMatch=off["ETag"])


def test_a_finished_deployment_is_planned_and_run_without_a_change(lab, first_run):
    plan = lab.play(*SITE, "--check", "--diff").expect_success()
    assert plan.changes == []
    assert plan.writes == []
    run = lab.play(*SITE).expect_success()
    assert run.changes == []
    assert run.writes == []


# Each begins where the one before it ended, so its plan also takes back what that one had changed.
@pytest.mark.parametrize(
    "variables",
    [
        {"static_site_price_class": "PriceClass_200"},
        {
            "app_environment": {"API_V1_PREFIX": "/api/v1", "LOG_LEVEL": "WARNING", "PROJECT_NAME": "ETFs"},
            "python_app_keep_releases": 3,
            "host_base_packages": ["curl", "sqlite3"],
        },
    ],
    ids=["on AWS", "on the host"],
)
def test_a_changed_variable_is_planned_as_it_is_run(lab, project, first_run, variables):
    changed = [*SITE, "--diff", "-e", json.dumps(variables)]
    plan = lab.play(*changed, "--check").expect_success()
    assert plan.writes == []
    assert plan.changes != []
    run = lab.play(*changed).expect_success()
    assert compare_plan(plan, run) == []
    assert project.ask("/api/v1/health").status == 200


def test_a_good_release_is_deployed_under_load_without_a_failed_request(lab, project, first_run, tmp_path):
    before = project.ask("/api/v1/health").json()["release"]
    backend, frontend = good_release(tmp_path / "backend"), other_page(tmp_path / "frontend")
    with measure(f"{project.url}/api/v1/health", rate=50, ca=lab.environment["AWS_CA_BUNDLE"]) as load:
        run = lab.play(*DEPLOY, "-e", json.dumps({"app_backend": {"path": str(backend)}, "app_frontend": frontend}))
    run.expect_success()
    after = project.ask("/api/v1/health").json()["release"]
    assert after != before
    assert OTHER_PAGE in project.ask("/").body
    assert load.result["requests"] > 200
    assert load.result["failed"] == 0, load.result

    record = project.deployments()[0]
    assert (record["action"], record["result"], record["reason"]) == ("deploy", "succeeded", "")
    assert (record["parts"]["backend"]["before"], record["parts"]["backend"]["after"]) == (before, after)
    assert record["parts"]["backend"]["source"] == {"path": str(backend)}
    assert record["parts"]["frontend"]["source"] == {"path": frontend["path"]}
    assert record["began"] < record["ended"]
    assert record["by"]["arn"].startswith("arn:aws:")
    assert not project.lock()["held"]


# What the run says of each: the reason, and what stands in the last lines of the log.
# tests/sweeps/test_releases.py has all of them.
@pytest.mark.parametrize("bad", ["crash", "migration", "uv sync"])
def test_a_bad_release_never_becomes_live(lab, project, first_run, tmp_path, bad):
    expect_refused(lab, project, bad, tmp_path)


def test_a_rollback_brings_back_both_parts_out_of_the_bucket(lab, project, first_run):
    undone = next(record for record in project.deployments() if record["result"] == "succeeded")["parts"]
    # As on another host, which has never had that release.
    project.on_host(f"rm -r /opt/{NAME}/releases/{undone['backend']['before']}*")
    with measure(f"{project.url}/api/v1/health", rate=50, ca=lab.environment["AWS_CA_BUNDLE"]) as load:
        run = lab.play("playbooks/rollback.yml", "-i", INVENTORY).expect_success()
    assert load.result["failed"] == 0, load.result
    assert project.ask("/api/v1/health").json()["release"] == undone["backend"]["before"]
    assert OTHER_PAGE not in project.ask("/").body
    record = project.deployments()[0]
    assert (record["action"], record["result"]) == ("roll back", "succeeded")
    assert {name: part["after"] for name, part in record["parts"].items()} == {
        name: part["before"] for name, part in undone.items()
    }
    said = " ".join(run.output.split())
    assert "-e confirm=etf-portfolio -e backup=" in said
    assert "app_backend:" in said

    unknown = lab.play("playbooks/rollback.yml", "-i", INVENTORY, "-e", "release=0123456789ab")
    assert unknown.code != 0
    assert unknown.writes == []
    assert "Release 0123456789ab is not kept. Kept are, the newest first: of backend" in " ".join(
        unknown.output.split()
    )
    assert undone["backend"]["after"] in unknown.output


def test_nobody_deploys_beside_another_and_a_killed_run_is_finished_by_the_next(lab, project, first_run, tmp_path):
    source = ["-e", json.dumps({"app_backend": {"path": str(good_release(tmp_path / "backend"))}})]
    with project.locked_by_another() as stranger:
        refused = lab.play(*DEPLOY, *source)
    assert refused.code != 0
    assert refused.writes == []
    assert f"-e deployment_lock_take_over={stranger}" in " ".join(refused.output.split())

    before = project.deployments()
    lab.kill_play(lambda: len(project.deployments()) > len(before), *DEPLOY, *source)
    assert project.lock()["held"]
    listed = lab.play("playbooks/releases.yml", "-i", INVENTORY).expect_success()
    assert listed.writes == []
    assert listed.changes == []
    said = " ".join(listed.output.split())
    assert "deploy interrupted" in said
    assert "the lock was left behind by" in said
    for state in ("live, kept, on the host", "previous, kept"):
        assert state in said

    run = lab.play(*DEPLOY, *source).expect_success()
    assert "has ended without freeing it" in " ".join(run.output.split())
    assert project.deployments()[0]["result"] == "succeeded"
    assert not project.lock()["held"]
    assert project.ask("/api/v1/health").json()["release"] == project.deployments()[0]["parts"]["backend"]["after"]

    lab.play(*DEPLOY).expect_success()  # what the inventory says, for the tests after this one


def test_other_secrets_without_a_failed_request(lab, project, first_run, watch):
    rotate = ["playbooks/rotate_secrets.yml", "-i", INVENTORY, "--diff", "-vvv"]
    old = project.secrets()
    plan = lab.play(*rotate, "--check").expect_success()
    assert plan.writes == []
    with measure(f"{project.url}/api/v1/health", rate=50, ca=lab.environment["AWS_CA_BUNDLE"]) as load:
        run = lab.play(*rotate).expect_success()
        project.on_host("for turn in 1 2 3 4 5 6 7 8 9 10; do systemctl reload haproxy && sleep 0.5; done")
    assert compare_plan(plan, run) == []
    assert load.result["requests"] > 200
    assert load.result["failed"] == 0, load.result

    record = project.deployments()[0]
    assert (record["action"], record["result"], record["parts"]) == ("rotate secrets", "succeeded", {})
    assert not project.lock()["held"]

    new = project.secrets()
    assert not set(old.values()) & set(new.values())
    assert project.ask_past_the_edge(new["origin-secret"]) == 200
    assert project.ask_past_the_edge(old["origin-secret"]) == 403
    live = project.on_host("basename $(readlink /opt/etf-portfolio/live)")
    assert find_as_root_on_host(project, f"/etc/etf-portfolio/{live}.env", new) == [f"/etc/etf-portfolio/{live}.env"]
    assert find_as_root_on_host(project, f"/etc/etf-portfolio/{live}.env", old) == []

    again = lab.play(*SITE).expect_success()
    assert again.changes == [], again.output[-4000:]
    assert again.writes == []

    values = {**{f"old {name}": value for name, value in old.items()}, **new}
    assert find_secrets(lab, project, [plan, run, again], watch, values) == []


def find_secrets(lab, project, runs, watch, values) -> list[str]:
    """Where any of these values can be seen: in what runs said and returned, in files, journals and processes."""
    key = Path(lab.environment["SLIPWAY_SSH_KEY"])
    values = {**values, **key_lines(key.read_text(encoding="utf-8"))}
    found = [f"{name}, in the output of {run.command}" for run in runs for name in find_in_text(run.output, values)]
    found += [f"{name}, in the results of {run.command}" for run in runs for name in find_in_text(run.results, values)]
    found += [f"{name}, in a process" for name in watch.found(values)]
    found += find_in_files([Path.home() / ".ansible" / "tmp", *(key.parents[1].glob("*.log"))], values)
    found += [f"on the host, for all to read: {file}" for file in find_readable_on_host(project, values)]
    found += [f"on the host, left by Ansible: {file}" for file in find_as_root_on_host(project, "/home /root", values)]
    found += [f"in the host's journal: {count} lines" for count in [count_in_journal(project, values)] if count]
    return found


def test_secrets_are_seen_nowhere(lab, project, first_plan, first_run, watch, tmp_path):
    """Those that are generated, those of a vault, and the password in the address of a repository."""
    planted = {"vault": "Vault+planted/9d41c2$x'y", "password": "Git+planted%7a53 e1"}
    server = GitServer(tmp_path, BACKEND, "deploy", planted["password"])
    password_file = tmp_path / "vault-password"
    password_file.write_text("opens the vault\n", encoding="utf-8")
    vault = tmp_path / "vault.yml"
    secrets = {"vault_mail_password": planted["vault"], "vault_git_password": planted["password"]}
    vault.write_text(json.dumps(secrets), encoding="utf-8")
    subprocess.run(
        ["ansible-vault", "encrypt", "--vault-password-file", str(password_file), str(vault)],
        env=lab.environment,
        check=True,
        capture_output=True,
    )
    address = f"http://deploy:{{{{ vault_git_password | urlencode }}}}@{server.address}"
    variables = {
        "app_backend": {"repo": address, "version": "main"},
        "app_environment": {"LOG_FORMAT": "json", "MAIL_LOGIN": "shop:{{ vault_mail_password }}"},
    }
    deploy = ["playbooks/deploy.yml", "-i", INVENTORY, "--diff", "-vvv", "-e", f"@{vault}", "-e", json.dumps(variables)]
    try:
        plan = lab.play(*deploy, "--vault-password-file", str(password_file), "--check").expect_success()
    finally:
        server.stop()
    assert server.served > 0  # it was read with the password
    assert any("Make the release live" in change.task for change in plan.changes)
    assert find_secrets(lab, project, [first_plan, first_run, plan], watch, {**project.secrets(), **planted}) == []


def test_a_secret_that_is_seen_is_found(lab, project, first_run, tmp_path):
    """What the test before looks at, with one secret planted in each place."""
    values = {"planted": "Seen+planted/5c0e$'\"\\"}
    play = tmp_path / "leak.yml"
    tasks = [{"name": "Leak", "ansible.builtin.set_fact": {"leak": values["planted"]}}]
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    with ProcessWatch() as watch:
        run = lab.play("-i", "localhost,", str(play), "-vvv").expect_success()
        project.on_host("sh -c 'umask 022; cat > /srv/planted'", stdin=f"{values['planted']}\n")
        project.on_host("systemd-cat -t planted", stdin=f"{values['planted']}\n")
        project.on_host('sh -c "sleep 2; true" "$(cat)"', stdin=values["planted"])
    try:
        found = find_secrets(lab, project, [run], watch, values)
    finally:
        project.on_host("rm /srv/planted")
    assert any("in the output" in line for line in found), found
    assert any("in the results" in line for line in found), found
    assert "planted, in a process" in found
    assert "on the host, for all to read: /srv/planted" in found
    assert any("journal" in line for line in found), found


@pytest.mark.parametrize("source", ["disk", "s3"])
def test_a_backup_brings_back_the_data_of_its_time(lab, project, first_run, source):
    project.buy("3")
    lab.play("playbooks/backup.yml", "-i", INVENTORY).expect_success()
    then = project.bought()
    project.buy("4")
    assert project.bought() != then

    restore = ["playbooks/restore.yml", "-i", INVENTORY, "-e", f"backup_from={source}"]
    if source == "disk":
        refused = lab.play(*restore)
        assert refused.code != 0
        assert "-e confirm=etf-portfolio" in refused.output
        assert project.bought() != then

    lab.play(*restore, "-e", "confirm=etf-portfolio").expect_success()
    assert project.bought() == then
    drill = lab.play("playbooks/restore_drill.yml", "-i", INVENTORY, "-e", f"backup_from={source}").expect_success()
    assert drill.changes == []
    assert project.bought() == then


def test_the_deployed_unit_is_hardened_and_comes_back_after_a_reboot(lab, project, first_run):
    assert project.exposure() <= 2.0
    health = project.ask("/api/v1/health").json()
    project.reboot()
    assert project.wait_until_healthy().json() == health


def test_destroy_refuses_without_confirmation(lab, project, first_run):
    run = lab.play("playbooks/destroy.yml", "-i", INVENTORY)
    assert run.code != 0
    assert "-e confirm=etf-portfolio" in run.output
    assert run.writes == []
    assert project.ask("/api/v1/health").status == 200


def test_destroy_leaves_nothing_but_what_it_announces(lab, project, first_run):
    run = lab.play("playbooks/destroy.yml", "-i", INVENTORY, "-e", "confirm=etf-portfolio").expect_success()
    assert re.search(r"Kept on purpose: .*\betf-portfolio-backups-\d+\b", run.output)
    assert re.search(r"Kept on purpose: .*\bsnap-\w+\b", run.output)
    assert leftovers(lab) == []
    again = lab.play("playbooks/destroy.yml", "-i", INVENTORY, "-e", "confirm=etf-portfolio").expect_success()
    assert again.changes == [], again.output[-4000:]
    assert again.writes == []


def leftovers(lab) -> list[str]:
    """What the account still holds of the project, asked without the collection's own modules."""
    ec2 = lab.client("ec2")
    mine = [{"Name": "tag:Project", "Values": ["etf-portfolio"]}]
    states = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    left = [r["InstanceId"] for r in _instances(ec2.describe_instances(Filters=mine + states))]
    left += [v["VpcId"] for v in ec2.describe_vpcs(Filters=mine)["Vpcs"]]
    left += [s["GroupId"] for s in ec2.describe_security_groups(Filters=mine)["SecurityGroups"]]
    left += [s["SubnetId"] for s in ec2.describe_subnets(Filters=mine)["Subnets"]]
    left += [v["VolumeId"] for v in ec2.describe_volumes(Filters=mine)["Volumes"]]
    left += [a["AllocationId"] for a in ec2.describe_addresses(Filters=mine)["Addresses"]]
    left += [k["KeyName"] for k in ec2.describe_key_pairs()["KeyPairs"] if k["KeyName"].startswith("etf-portfolio")]
    left += [g["InternetGatewayId"] for g in ec2.describe_internet_gateways(Filters=mine)["InternetGateways"]]
    buckets = [b["Name"] for b in lab.client("s3").list_buckets()["Buckets"] if b["Name"].startswith("etf-portfolio")]
    left += [name for name in buckets if not name.startswith("etf-portfolio-backups-")]
    left += [
        r["RoleName"] for r in lab.client("iam").list_roles()["Roles"] if r["RoleName"].startswith("etf-portfolio")
    ]
    left += [s["Name"] for s in lab.client("secretsmanager").list_secrets()["SecretList"]]
    cloudfront = lab.client("cloudfront")
    left += [d["Id"] for d in cloudfront.list_distributions()["DistributionList"].get("Items", [])]
    left += [o["Name"] for o in cloudfront.list_origin_access_controls()["OriginAccessControlList"].get("Items", [])]
    left += [f["Name"] for f in cloudfront.list_functions()["FunctionList"].get("Items", [])]
    left += [a["AlarmName"] for a in lab.client("cloudwatch").describe_alarms()["MetricAlarms"]]
    left += [t["TopicArn"] for t in lab.client("sns").list_topics()["Topics"]]
    left += [g["logGroupName"] for g in lab.client("logs").describe_log_groups()["logGroups"]]
    left += [h["Id"] for h in lab.client("route53").list_health_checks()["HealthChecks"]]
    budgets = lab.client("budgets").describe_budgets(AccountId=lab.environment["SLIPWAY_ACCOUNT_ID"])
    left += [b["BudgetName"] for b in budgets.get("Budgets", [])]
    return left


def _instances(answer):
    return [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]


def test_the_site_can_be_built_again(lab, project, first_run):
    lab.play(*SITE).expect_success()
    assert project.wait_until_healthy().status == 200
