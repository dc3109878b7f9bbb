# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import date

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._inventory.checks import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Problem
from ansible_collections.slipway.aws.plugins.module_utils._inventory.secrets import check_secrets
from ansible_collections.slipway.aws.plugins.module_utils._inventory.secrets import recognise_secret

FACTS = Facts(today=date(2026, 11, 21))
# Put together here, so that no scanner takes this file for one that holds a key.
KEY = "AKIA" + "IOSFODNN7EXAMPLE"


class EncryptedString:
    """What Ansible makes of !vault is called so, and is no str until it is asked for."""


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("x", KEY, "AWS access key"),
        ("x", f"key={KEY};", "AWS access key"),
        ("x", "ASIA" + "IOSFODNN7EXAMPLE", "AWS access key"),
        ("x", "postgresql://app:pa55@db:5432/app", "URL with a password"),
        ("x", "redis://:pa55@cache:6379", "URL with a password"),
        ("x", "https://{{ user }}:pa55@git.example.com/x", "URL with a password"),
        ("x", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "private key"),
        ("x", "ghp_" + "a" * 36, "token of GitHub"),
        ("x", "xoxb-" + "1" * 12, "token of Slack"),
        ("DB_PASSWORD", "pa55", "its name"),
        ("password", 12345, "its name"),
        ("jwt-secret", "x", "its name"),
        ("GITHUB_TOKEN", "x", "its name"),
        ("API_KEY", "x", "its name"),
        ("apiKey", "x", "its name"),
        ("AWS_SECRET_ACCESS_KEY", "x", "its name"),
        # No secrets:
        ("x", "AKIA-something", ""),
        ("x", "postgresql://app@db/app", ""),
        ("x", "postgresql://app:{{ vault_password }}@db/app", ""),
        ("x", "https://example.com:8443/a@b", ""),
        ("x", "sqlite:////var/lib/app/app.db", ""),
        ("DB_PASSWORD", "{{ vault_db_password }}", ""),
        ("DB_PASSWORD", "", ""),
        ("DB_PASSWORD", None, ""),
        ("DB_PASSWORD", EncryptedString(), ""),
        ("DB_SECRET", "arn:aws:secretsmanager:us-east-1:123456789012:secret:x", ""),
        ("REQUIRE_TOKEN", "true", ""),
        ("REQUIRE_TOKEN", True, ""),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "30", ""),
        ("PASSWORD_FILE", "/run/secrets/x", ""),
        ("app_secrets", "APP_SECRET_KEY", ""),
        ("MONKEY", "x", ""),
    ],
)
def test_what_a_secret_looks_like(name, value, what):
    found = recognise_secret(name, value)
    assert (what in found) if what else found == "", found


def check(raw, facts=FACTS):
    return list(check_secrets(Inventory(raw, {}), facts))


def test_secrets_are_found_at_any_depth_and_never_shown():
    raw = {
        "app_environment": {"DB_PASSWORD": "hunter2-hunter2", "X": KEY},
        "app_backend": {"repo": "https://me:hunter3-hunter3@git.example.com/x"},
        "app_secrets": [KEY],
        "local_list": [{"deep": {"token": "hunter4-hunter4"}}],
        "vault_password": "stands in a file that is encrypted",
        "static_site_secret_header": "X-Origin-Secret",
    }
    problems = check(raw)
    assert [problem.variable for problem in problems] == [
        "app_backend.repo",
        "app_environment.DB_PASSWORD",
        "app_environment.X",
        "app_secrets[0]",
        "local_list[0].deep.token",
    ]
    text = " ".join(map(str, problems))
    assert "hunter" not in text
    assert KEY not in text
    assert "Write: app_secrets: [DB_PASSWORD]" in text
    assert 'Write: token: "{{ vault_token }}"' in text


def test_the_name_of_a_secret_is_none():
    assert check({"secret": "origin-secret"}) == []
    assert [problem.variable for problem in check({"app_environment": {"secret": "hunter2"}})] == [
        "app_environment.secret"
    ]
    assert [problem.variable for problem in check({"secret": KEY})] == ["secret"]


def test_vault_variables_of_files_that_are_not_encrypted():
    (problem,) = check({"vault_x": "y"}, FACTS._replace(plain_vault={"vault_x": "group_vars/all/vault.yml"}))
    assert problem.variable == "vault_x"
    assert "ansible-vault encrypt group_vars/all/vault.yml" in problem.advice


def test_no_other_message_shows_a_secret():
    wrong_type = Problem("app_environment", f"cannot parse {KEY}", "Write: ...")
    problems = find_problems(Inventory({"app_environment": KEY}, {}), FACTS, [wrong_type])
    assert KEY not in " ".join(map(str, problems))
    assert any("cannot parse ********" in problem.reason for problem in problems)
