# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A project with a domain of its own, which a person has to delegate; and what verify and diagnose say of it.

All is well after the run; then faults are planted, and each is seen by its own checks alone.
"""

from __future__ import annotations

import json
import shlex
import urllib.request
from contextlib import ExitStack
from xml.etree import ElementTree

import pytest
from leaks import find_readable_on_host
from leaks import key_lines
from plays import compare_plan
from project import INVENTORY
from project import NAME
from web import ask

ZONE = "portfolio.example"
DOMAIN = f"app.{ZONE}"
WITH_DOMAIN = {
    "domain_name": DOMAIN,
    "domain_zone": ZONE,
    "domain_create_zone": True,
    # The lab's authority takes no longer.
    "domain_wait_timeout": 20,
    "origin_certificate_directory_url": "{{ lookup('ansible.builtin.env', 'SLIPWAY_ACME_DIRECTORY') }}",
    # With a domain there is nothing to acknowledge.
    "acknowledged_warnings": [],
}
PROJECT = ["-i", INVENTORY, "-e", json.dumps(WITH_DOMAIN)]
STRANGERS = "203.0.113.0/24"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


class Report:
    """What a run of the playbook wrote as JUnit's XML: what each check has seen, by its status."""

    def __init__(self, path):
        self.root = ElementTree.parse(path).getroot()
        self.passed, self.failed, self.skipped = {}, {}, {}
        for case in self.root.findall("testsuite/testcase"):
            failure, skipped = case.find("failure"), case.find("skipped")
            if failure is not None:
                assert "Why it matters: " in failure.text
                assert "What mends it: " in failure.text
                self.failed[case.get("name")] = failure.get("message")
            elif skipped is not None:
                self.skipped[case.get("name")] = skipped.get("message")
            else:
                self.passed[case.get("name")] = case.findtext("system-out")


@pytest.fixture(scope="module")
def verify(lab, tmp_path_factory):
    path = tmp_path_factory.mktemp("verify") / "verify.xml"

    def run():
        path.unlink(missing_ok=True)
        play = lab.play("playbooks/verify.yml", *PROJECT, "-e", f"verify_junit_file={path}")
        assert play.changes == []
        assert play.writes == []
        assert path.exists(), play.output[-6000:]
        report = Report(path)
        assert (play.code == 0) == (not report.failed)
        for name in report.failed:
            assert f"FAIL  {name} " in play.output
        return report

    return run


def test_an_account_without_the_project_passes_next_to_nothing(lab, verify):
    report = verify()
    assert set(report.passed) == {"account"}
    assert "host-running" in report.failed


@pytest.fixture(scope="module")
def waiting(lab):
    """What the plan and the run say of a domain that nobody has delegated yet."""
    lab.environment["SLIPWAY_ALERT_EMAILS"] = "ops@example.com"
    plan = lab.play("site.yml", *PROJECT, "--check").expect_success()
    return plan, lab.play("site.yml", *PROJECT).expect_success()


def name_servers(lab):
    (zone,) = lab.client("route53").list_hosted_zones()["HostedZones"]
    return lab.client("route53").get_hosted_zone(Id=zone["Id"])["DelegationSet"]["NameServers"]


def test_a_domain_that_is_not_delegated_is_a_stop(lab, project, waiting):
    plan, run = waiting
    assert plan.writes == []
    assert compare_plan(plan, run) == []
    assert f"{DOMAIN} waits for a person" in run.output
    assert all(server in run.output for server in name_servers(lab))
    # All that does not need it is there; what would ask for it is not.
    assert project.instance["State"]["Name"] == "running"
    assert lab.client("cloudfront").list_distributions()["DistributionList"].get("Items", []) == []


@pytest.fixture(scope="module")
def built(lab, waiting):
    """The same command again, when the domain is delegated."""
    body = json.dumps({"zone": ZONE, "name_servers": name_servers(lab)}).encode()
    request = urllib.request.Request(f"{lab.environment['SLIPWAY_LAB_URL']}/delegations", data=body, method="PUT")
    urllib.request.urlopen(request, context=lab.tls, timeout=30).close()
    run = lab.play("site.yml", *PROJECT).expect_success()
    confirm_subscriptions(lab)
    return run


def test_the_run_goes_on_when_a_person_has_delegated_the_domain(lab, project, built):
    assert f"answers at https://{DOMAIN}/" in built.output
    assert ask(f"https://{DOMAIN}/analytics", lab.tls).content_type == "text/html"
    health = ask(f"https://{DOMAIN}/api/v1/health", lab.tls, headers={"Origin": f"https://{DOMAIN}"})
    assert health.json()["status"] == "healthy"
    assert health.headers["access-control-allow-origin"] == f"https://{DOMAIN}"
    run = lab.play("site.yml", *PROJECT).expect_success()
    assert run.changes == []
    assert run.writes == []


def test_the_headers_secret_is_rotated_where_the_host_speaks_tls(lab, project, built):
    old = project.secrets()
    lab.play("playbooks/rotate_secrets.yml", *PROJECT, "-e", "secret=origin-secret").expect_success()
    new = project.secrets()
    assert old["origin-secret"] != new["origin-secret"]
    assert old["APP_SECRET_KEY"] == new["APP_SECRET_KEY"]
    assert ask(f"https://{DOMAIN}/api/v1/health", lab.tls).status == 200
    key = project.on_host("cat /etc/origin-certificate/*/live/*/privkey.pem")
    assert find_readable_on_host(project, {**key_lines(key), **new}) == []


def confirm_subscriptions(lab):
    """Follow the links of the mails that AWS has sent."""
    url = f"{lab.environment['SLIPWAY_LAB_URL']}/mail"
    with urllib.request.urlopen(url, context=lab.tls, timeout=30) as answer:
        messages = json.load(answer)["messages"]
    # A link is good once; a newer mail takes the place of an earlier one.
    links = {(message["topic_arn"], message["to"]): message["token"] for message in messages if message["token"]}
    for (topic, _to), token in links.items():
        lab.client("sns").confirm_subscription(TopicArn=topic, Token=token)


def test_all_is_well_after_a_run(lab, project, built, verify):
    before = project.on_host("touch /run/before-verify; ls -A /var/lib/etf-portfolio /var/backups/etf-portfolio")
    report = verify()
    assert report.failed == {}
    assert report.skipped == {}
    assert len(report.passed) >= 65
    # Nothing was written on the host, and no secret was read into the report.
    assert project.on_host("ls -A /var/lib/etf-portfolio /var/backups/etf-portfolio") == before
    assert project.on_host(f"find /etc /usr /opt/{NAME} -newer /run/before-verify -not -type d") == ""
    text = ElementTree.tostring(report.root, encoding="unicode")
    for secret in (f"{NAME}/APP_SECRET_KEY", f"{NAME}/origin-secret"):
        assert lab.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"] not in text


# --- faults on AWS: each is a context in which it is there, and which takes it away whatever happens ---


class Planted:
    """A fault: what its generator does up to the yield is there, until what comes after has undone it."""

    def __init__(self, steps):
        self._steps = steps

    def __enter__(self):
        return next(self._steps)

    def __exit__(self, *error):
        next(self._steps, None)


def open_port(lab, project, port):
    """A rule of the security group that lets strangers in."""
    group = project.instance["SecurityGroups"][0]["GroupId"]
    ranges = [{"CidrIp": STRANGERS}]
    rule = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges}]
    lab.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
    yield
    lab.client("ec2").revoke_security_group_ingress(GroupId=group, IpPermissions=rule)


def ssh_open(lab, project):
    with Planted(open_port(lab, project, 22)):
        yield


def api_open(lab, project):
    with Planted(open_port(lab, project, 8000)):
        yield


def database_port_open(lab, project):
    with Planted(open_port(lab, project, 5432)):
        yield


def metadata_v1(lab, project):
    instance = project.instance["InstanceId"]
    lab.client("ec2").modify_instance_metadata_options(InstanceId=instance, HttpTokens="optional")
    yield
    lab.client("ec2").modify_instance_metadata_options(InstanceId=instance, HttpTokens="required")


def unprotected_host(lab, project):
    instance = project.instance["InstanceId"]
    lab.client("ec2").modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    yield
    lab.client("ec2").modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})


def broad_role(lab, project):
    lab.client("iam").attach_role_policy(RoleName=f"{NAME}-backend", PolicyArn=ADMINISTRATOR)
    yield
    lab.client("iam").detach_role_policy(RoleName=f"{NAME}-backend", PolicyArn=ADMINISTRATOR)


def unversioned_bucket(lab, project):
    s3 = lab.client("s3")
    s3.put_bucket_versioning(Bucket=project.bucket, VersioningConfiguration={"Status": "Suspended"})
    yield
    s3.put_bucket_versioning(Bucket=project.bucket, VersioningConfiguration={"Status": "Enabled"})


def public_bucket(lab, project):
    s3 = lab.client("s3")
    blocks = s3.get_public_access_block(Bucket=project.bucket)["PublicAccessBlockConfiguration"]
    opened = {**blocks, "RestrictPublicBuckets": False}
    s3.put_public_access_block(Bucket=project.bucket, PublicAccessBlockConfiguration=opened)
    yield
    s3.put_public_access_block(Bucket=project.bucket, PublicAccessBlockConfiguration=blocks)


def shared_bucket(lab, project):
    s3 = lab.client("s3")
    policy = s3.get_bucket_policy(Bucket=project.bucket)["Policy"]
    shared = json.loads(policy)
    shared["Statement"].append(
        {
            "Sid": "Partner",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{project.bucket}/*",
        }
    )
    s3.put_bucket_policy(Bucket=project.bucket, Policy=json.dumps(shared))
    yield
    s3.put_bucket_policy(Bucket=project.bucket, Policy=policy)


def missing_chunk(lab, project):
    """A file that a page of the application loads later."""
    s3 = lab.client("s3")
    listed = s3.list_objects_v2(Bucket=project.bucket, Prefix="assets/transactions-")["Contents"]
    marker = s3.delete_object(Bucket=project.bucket, Key=listed[0]["Key"])["VersionId"]
    yield
    s3.delete_object(Bucket=project.bucket, Key=listed[0]["Key"], VersionId=marker)


def changed_distribution(lab, project, change):
    cloudfront = lab.client("cloudfront")
    identifier = project.distribution["Id"]

    def update(edit):
        told = cloudfront.get_distribution_config(Id=identifier)
        config = edit(told["DistributionConfig"])
        cloudfront.update_distribution(Id=identifier, IfMatch=told["ETag"], DistributionConfig=config)
        cloudfront.get_waiter("distribution_deployed").wait(Id=identifier)

    before = cloudfront.get_distribution_config(Id=identifier)["DistributionConfig"]
    update(change)
    yield
    update(lambda _config: before)


def plain_http(lab, project):
    def change(config):
        config["CacheBehaviors"]["Items"][0]["ViewerProtocolPolicy"] = "allow-all"
        return config

    with Planted(changed_distribution(lab, project, change)):
        yield


def old_tls(lab, project):
    def change(config):
        config["ViewerCertificate"]["MinimumProtocolVersion"] = "TLSv1.1_2016"
        return config

    with Planted(changed_distribution(lab, project, change)):
        yield


def masked_errors(lab, project):
    def change(config):
        for page in config["CustomErrorResponses"]["Items"]:
            if page["ErrorCode"] == 501:
                page.update({"ResponsePagePath": "/index.html", "ResponseCode": "200"})
        return config

    with Planted(changed_distribution(lab, project, change)):
        yield


def endless_logs(lab, project):
    group = f"/aws/ec2/{NAME}/application"
    days = lab.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"]
    lab.client("logs").delete_retention_policy(logGroupName=group)
    yield
    lab.client("logs").put_retention_policy(logGroupName=group, retentionInDays=days)


def mute_alarm(lab, project):
    cloudwatch = lab.client("cloudwatch")
    name = cloudwatch.describe_alarms(AlarmNamePrefix=f"{NAME}/host-down")["MetricAlarms"][0]["AlarmName"]
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    yield
    cloudwatch.enable_alarm_actions(AlarmNames=[name])


def nobody_subscribed(lab, project):
    sns = lab.client("sns")
    (topic,) = [t["TopicArn"] for t in sns.list_topics()["Topics"] if f":{NAME}-" in t["TopicArn"]]
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    for subscription in subscriptions:
        sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    yield
    for subscription in subscriptions:
        sns.subscribe(TopicArn=topic, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"])
    confirm_subscriptions(lab)


def budget_without_forecast(lab, project):
    budgets, of = lab.client("budgets"), {"AccountId": lab.environment["SLIPWAY_ACCOUNT_ID"], "BudgetName": NAME}
    told = budgets.describe_notifications_for_budget(**of)["Notifications"]
    gone = [item for item in told if item["NotificationType"] == "FORECASTED"]
    subscribers = [
        budgets.describe_subscribers_for_notification(**of, Notification=item)["Subscribers"] for item in gone
    ]
    for item in gone:
        budgets.delete_notification(**of, Notification=item)
    yield
    for item, people in zip(gone, subscribers, strict=True):
        budgets.create_notification(**of, Notification=item, Subscribers=people)


def disabled_health_check(lab, project):
    route53 = lab.client("route53")
    for check in route53.list_health_checks()["HealthChecks"]:
        route53.update_health_check(HealthCheckId=check["Id"], Disabled=True)
    yield
    for check in route53.list_health_checks()["HealthChecks"]:
        route53.update_health_check(HealthCheckId=check["Id"], Disabled=False)


def endless_backups(lab, project):
    s3, bucket = lab.client("s3"), f"{NAME}-backups-{lab.environment['SLIPWAY_ACCOUNT_ID']}"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    yield
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


# --- faults on the host: a command that plants one, and one that takes it away; {slot} is the live one ---

LIVE = f"/opt/{NAME}/live"
ENVIRONMENT = f"/etc/{NAME}/{{slot}}.env"
UNIT = f"{NAME}-{{slot}}.service"
BACKUP = f"{NAME}-backup"


def in_environment(name, planted, good):
    """Another value of a variable. The service goes on with the one that it was started with."""
    return [f"sed -i 's/^{name}=.*/{name}=\"{value}\"/' {ENVIRONMENT}" for value in (planted, good)]


HOST_FAULTS = {
    "app-environment-file": (f"chmod 0644 {ENVIRONMENT}", f"chmod 0600 {ENVIRONMENT}"),
    "app-debug": in_environment("DEBUG", "true", "false"),
    "app-log-level": in_environment("LOG_LEVEL", "DEBUG", "INFO"),
    "app-cors-origins": (
        f"sed -i -e 's/^CORS_ORIGINS=/#&/' -e '$ a CORS_ORIGINS=\"*\"' {ENVIRONMENT}",
        f"sed -i -e '/^CORS_ORIGINS=\"[*]\"$/d' -e 's/^#CORS_ORIGINS=/CORS_ORIGINS=/' {ENVIRONMENT}",
    ),
    "app-enabled": (f"systemctl disable -q {UNIT}", f"systemctl enable -q {UNIT}"),
    "app-code": (f"chown nobody {LIVE}/app/main.py", f"chown root {LIVE}/app/main.py"),
    "app-hardening": (
        f"mkdir -p /run/systemd/system/{UNIT}.d && printf '[Service]\\nProtectSystem=no\\n' "
        f"> /run/systemd/system/{UNIT}.d/planted.conf && systemctl daemon-reload",
        f"rm -r /run/systemd/system/{UNIT}.d && systemctl daemon-reload",
    ),
    "db-permissions": (f"chmod 0644 /var/lib/{NAME}/app.db", f"chmod 0600 /var/lib/{NAME}/app.db"),
    "host-ssh": (
        "echo PasswordAuthentication yes > /etc/ssh/sshd_config.d/00-planted.conf",
        "rm /etc/ssh/sshd_config.d/00-planted.conf",
    ),
    "host-updates": (
        "echo 'APT::Periodic::Unattended-Upgrade \"0\";' > /etc/apt/apt.conf.d/99-planted",
        "rm /etc/apt/apt.conf.d/99-planted",
    ),
    "host-listening": (
        "systemd-run -q --unit=planted python3 -m http.server 9999 --directory /mnt && sleep 2",
        "systemctl stop planted",
    ),
    "host-reboot": ("systemctl disable -q haproxy", "systemctl enable -q haproxy"),
    "host-origin-secret": (
        "cp -p /etc/haproxy/haproxy.cfg /root/ && sed -i '/http-request deny/d' /etc/haproxy/haproxy.cfg "
        "&& systemctl reload haproxy",
        "cp -p /root/haproxy.cfg /etc/haproxy/ && systemctl reload haproxy",
    ),
    "backup-scheduled": (f"systemctl stop {BACKUP}.timer", f"systemctl start {BACKUP}.timer"),
    "backup-recent": (
        f"mkdir -p /run/systemd/system/{BACKUP}.service.d && printf '[Service]\\nExecStartPre=/bin/false\\n' "
        f"> /run/systemd/system/{BACKUP}.service.d/planted.conf && systemctl daemon-reload "
        f"&& ! systemctl start {BACKUP}.service",
        f"rm -r /run/systemd/system/{BACKUP}.service.d && systemctl daemon-reload && systemctl start {BACKUP}.service",
    ),
    "backup-good": (
        f"cd /var/backups/{NAME} && cp -a $(ls -d app.db-* | tail -n 1) app.db-20260101T020000000Z",
        f"rm -r /var/backups/{NAME}/app.db-20260101T020000000Z",
    ),
    "backup-permissions": (f"chmod 0755 /var/backups/{NAME}", f"chmod 0700 /var/backups/{NAME}"),
    "logs-agent": ("systemctl stop amazon-cloudwatch-agent", "systemctl start amazon-cloudwatch-agent"),
}


def on_host(project, commands):
    slot = project.on_host(f"basename $(readlink {LIVE})")
    for command in commands:
        project.on_host(command.format(slot=slot))


def host_faults(project, names):
    planted, mended = zip(*(HOST_FAULTS[name] for name in names), strict=True)
    on_host(project, planted)
    yield
    on_host(project, mended)


# --- the rounds: faults that do not touch each other are planted together ---

AWS_ROUNDS = {
    "rules and settings": {
        "sg-ssh": (ssh_open, f"tcp 22 from {STRANGERS}"),
        "sg-others": (database_port_open, f"tcp 5432 from {STRANGERS}"),
        "host-imdsv2": (metadata_v1, "optional"),
        "host-termination-protection": (unprotected_host, "false"),
        "host-role": (broad_role, "AdministratorAccess"),
        "site-bucket-versioned": (unversioned_bucket, "not versioned"),
        "logs-retention": (endless_logs, f"kept for ever: /aws/ec2/{NAME}/application"),
        "alarms": (mute_alarm, f"{NAME}/host-down"),
        "budget": (budget_without_forecast, "tells of ACTUAL"),
    },
    "who is let in, and told": {
        "sg-api": (api_open, f"tcp 8000 from {STRANGERS}"),
        "site-bucket-private": (public_bucket, "RestrictPublicBuckets is off"),
        "site-bucket-policy": (shared_bucket, "Partner"),
        "site-files": (missing_chunk, "assets/transactions-"),
        "cdn-https": (plain_http, "/api/* (allow-all)"),
        "cdn-tls": (old_tls, "TLSv1.1_2016"),
        "api-errors": (masked_errors, "501 as /index.html"),
        "alarm-recipients": (nobody_subscribed, "nobody is subscribed"),
        "health-check": (disabled_health_check, "no health check asks"),
        "backup-bucket": (endless_backups, "kept for ever"),
    },
}


@pytest.mark.parametrize("name", AWS_ROUNDS)
def test_each_fault_on_aws_is_seen_by_its_own_check(lab, project, built, verify, name):
    faults = AWS_ROUNDS[name]
    with ExitStack() as planted:
        for plant, _seen in faults.values():
            planted.enter_context(Planted(plant(lab, project)))
        report = verify()
    assert set(report.failed) == set(faults), report.failed
    for check, (_plant, seen) in faults.items():
        assert seen in report.failed[check]


def test_each_fault_on_the_host_is_seen_by_its_own_check(project, built, verify):
    with Planted(host_faults(project, HOST_FAULTS)):
        report = verify()
    assert set(report.failed) == set(HOST_FAULTS), report.failed


def test_an_application_that_is_down_is_seen_from_both_sides(project, built, verify):
    on_host(project, [f"systemctl stop {UNIT}"])
    try:
        report = verify()
    finally:
        on_host(project, [f"systemctl start {UNIT}"])
        project.wait_until_healthy()
    assert {"app-active", "api-health"} <= set(report.failed)
    assert "sg-api" in report.passed
    assert "db-intact" in report.passed


def test_all_is_well_again(project, built, verify):
    project.wait_until_healthy()
    assert verify().failed == {}


def test_diagnose_shows_what_is_wrong_and_no_secret(lab, project, built):
    secret = lab.client("secretsmanager").get_secret_value(SecretId=f"{NAME}/APP_SECRET_KEY")["SecretString"]
    project.on_host(f"printf 'planted %s\\n' {shlex.quote(secret)} > /run/planted")
    project.on_host(f"systemd-run -q --wait --unit={BACKUP}-planted cat /run/planted")
    play = lab.play("playbooks/diagnose.yml", *PROJECT).expect_success()
    assert play.changes == []
    assert play.writes == []
    assert "Disks" in play.output
    assert "planted ********" in play.output
    assert secret not in play.output


def test_destroy_takes_the_domain_along(lab, project, built):
    plan = lab.play("playbooks/destroy.yml", *PROJECT, "-e", f"confirm={NAME}", "--check").expect_success()
    run = lab.play("playbooks/destroy.yml", *PROJECT, "-e", f"confirm={NAME}").expect_success()
    assert compare_plan(plan, run) == []
    assert lab.client("route53").list_hosted_zones()["HostedZones"] == []
    assert lab.client("acm").list_certificates()["CertificateSummaryList"] == []
