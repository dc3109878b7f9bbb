# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The same project on Debian 12, with the older origin access identity: what differs from the life on Debian 13.

At the end its host gives way to one with Debian 13, which gets the data.
"""

from __future__ import annotations

import json
import re

import pytest
from load import measure
from plays import compare_plan
from project import INVENTORY
from releases import good_release
from web import ask

SITE = ["site.yml", "-i", INVENTORY, "-e", "ec2_host_image_family=debian-12", "-e", "static_site_origin_access=oai"]


@pytest.fixture(scope="module")
def first_run(lab):
    plan = lab.play(*SITE, "--check").expect_success()
    assert plan.writes == []
    run = lab.play(*SITE).expect_success()
    assert compare_plan(plan, run) == []
    return run


def test_the_application_answers_and_the_second_run_changes_nothing(lab, project, first_run):
    assert "bookworm" in project.on_host("cat /etc/os-release")
    assert project.ask("/analytics").content_type == "text/html"
    assert project.ask("/api/v1/health").json()["status"] == "healthy"
    bucket_url = f"{lab.environment['AWS_ENDPOINT_URL']}/{project.bucket}/index.html"
    assert ask(bucket_url, lab.tls).status == 403
    run = lab.play(*SITE).expect_success()
    assert run.changes == []
    assert run.writes == []


def test_all_is_well_without_a_domain(lab, first_run):
    run = lab.play("playbooks/verify.yml", *SITE[1:])
    assert re.findall(r"^  FAIL +(\S+)", run.output, re.MULTILINE) == ["alarm-recipients"], run.output[-6000:]
    assert "nobody is subscribed" in run.output
    assert re.findall(r"^  n/a +(\S+)", run.output, re.MULTILINE) == ["cdn-tls", "origin-tls"]


def test_a_good_release_under_load(lab, project, first_run, tmp_path):
    source = good_release(tmp_path / "backend")
    with measure(f"{project.url}/api/v1/health", rate=50, ca=lab.environment["AWS_CA_BUNDLE"]) as load:
        lab.play(
            "playbooks/deploy.yml", *SITE[1:], "-e", json.dumps({"app_backend": {"path": str(source)}})
        ).expect_success()
    assert load.result["failed"] == 0, load.result


def test_the_unit_is_hardened_and_comes_back_after_a_reboot(lab, project, first_run):
    assert project.exposure() <= 2.0
    health = project.ask("/api/v1/health").json()
    project.reboot()
    assert project.wait_until_healthy().json() == health


def test_the_identity_gives_way_to_an_access_control(lab, project, first_run):
    modern = [*SITE, "-e", "static_site_origin_access=oac"]
    plan = lab.play(*modern, "--check").expect_success()
    with measure(f"{project.url}/index.html", rate=20, ca=lab.environment["AWS_CA_BUNDLE"]) as load:
        run = lab.play(*modern).expect_success()
    assert compare_plan(plan, run) == []
    assert load.result["failed"] == 0, load.result
    policy = json.loads(lab.client("s3").get_bucket_policy(Bucket=project.bucket)["Policy"])
    sids = [statement["Sid"] for statement in policy["Statement"]]
    assert "AllowCloudFrontOAC" in sids
    assert "AllowCloudFrontOAI" not in sids
    identities = lab.client("cloudfront").list_cloud_front_origin_access_identities()
    assert identities["CloudFrontOriginAccessIdentityList"].get("Items", []) == []


def test_another_host_gets_the_data(lab, project, first_run):
    project.buy("7")
    bought, before = project.bought(), project.instance
    other = ["site.yml", "-i", INVENTORY, "-e", "ec2_host_image_family=debian-13", "-e", "ec2_host_replace=true"]
    plan = lab.play(*other, "--check").expect_success()
    assert plan.writes == []
    run = lab.play(*other).expect_success()
    assert compare_plan(plan, run) == []
    assert project.instance["InstanceId"] != before["InstanceId"]
    assert project.instance["PublicIpAddress"] == before["PublicIpAddress"]
    assert "trixie" in project.on_host("cat /etc/os-release")
    assert project.bought() == bought
