# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the host roles' templates say with the roles' own defaults, and with what an inventory may set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import FilterModule

ROLES = Path(__file__).resolve().parents[3] / "roles"

REQUIRED = {
    "origin_certificate": {"origin_certificate_name": "origin.shop.example"},
    "release_proxy": {"release_proxy_app_name": "shop"},
    "python_app": {
        "python_app_name": "shop",
        "python_app_release": {"id": "r1"},
        "slot": "b",
        "__python_app_systemctl": {"stdout": "systemd 257 (257.13-1~deb13u1)\n+PAM +AUDIT"},
    },
}


def resolve(environment: jinja2.Environment, value: Any, variables: dict[str, Any]) -> Any:
    """A variable's value, with those that it is made of."""
    while isinstance(value, str) and "{{" in value:
        value = environment.from_string(value).render(variables)
    return value


def render(role: str, template: str, **changes: Any) -> list[str]:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLES / role / "templates"), trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(FilterModule().filters())
    variables: dict[str, Any] = {}
    for source in ("defaults", "vars"):
        path = ROLES / role / source / "main.yml"
        variables.update((yaml.safe_load(path.read_text()) if path.exists() else None) or {})
    variables.update(REQUIRED.get(role, {}), **changes)
    variables = {
        key: resolve(environment, value, variables) for key, value in variables.items() if key != "__python_app_slots"
    }
    return environment.get_template(template).render(variables).splitlines()


def test_unit_runs_the_slot_as_its_own_user_with_nothing_to_write_but_the_data() -> None:
    lines = render("python_app", "app.service.j2")
    assert "WorkingDirectory=/opt/shop/slots/b" in lines
    assert "EnvironmentFile=/etc/shop/b.env" in lines
    assert "RequiresMountsFor=/var/lib/shop" in lines
    assert "ReadWritePaths=/var/lib/shop" in lines
    assert {"User=shop", "NoNewPrivileges=yes", "ProtectSystem=strict", "UMask=0077"} <= set(lines)
    start = next(line for line in lines if line.startswith("ExecStart="))
    assert start.startswith('ExecStart=/opt/shop/slots/b/.venv/bin/python -m uvicorn "app.main:app" --host 127.0.0.1 ')
    assert "--port 8102 " in start
    assert not [line for line in lines if "home" in line.lower() and line != "ProtectHome=yes"]


@pytest.mark.parametrize(
    ("version", "pauses"),
    [
        ("systemd 252 (252.39-1~deb12u1)", ["RestartSec=5"]),
        ("systemd 254 (254)", ["RestartSec=1", "RestartSteps=4", "RestartMaxDelaySec=15"]),
        ("systemd 257 (257.13-1~deb13u1)", ["RestartSec=1", "RestartSteps=4", "RestartMaxDelaySec=15"]),
    ],
)
def test_what_ends_is_started_again_later_and_later_but_not_for_ever(version: str, pauses: list[str]) -> None:
    lines = render("python_app", "app.service.j2", __python_app_systemctl={"stdout": f"{version}\n+PAM"})
    assert [line for line in lines if line.startswith("Restart")] == ["Restart=always", *pauses]
    unit, service = lines.index("[Unit]"), lines.index("[Service]")
    limits = dict(line.split("=") for line in lines[unit:service] if line.startswith("StartLimit"))
    longest = int(pauses[-1].split("=")[1])
    # What ends at once must come to the limit within the interval.
    assert int(limits["StartLimitBurst"]) * longest < int(limits["StartLimitIntervalSec"])


def test_unit_speaks_with_the_host_alone_unless_told() -> None:
    allowed = [line for line in render("python_app", "app.service.j2") if line.startswith("IPAddress")]
    assert allowed == ["IPAddressDeny=any", "IPAddressAllow=localhost"]
    lines = render("python_app", "app.service.j2", python_app_allowed_addresses=["169.254.169.254"])
    assert "IPAddressAllow=169.254.169.254" in lines


@pytest.mark.parametrize(("workers", "checks"), [(1, 0), ("1", 0), (2, 1)])
def test_several_workers_are_preceded_by_an_import(workers: Any, checks: int) -> None:
    lines = render("python_app", "app.service.j2", python_app_workers=workers)
    assert len([line for line in lines if line.startswith("ExecStartPre=")]) == checks


def test_arguments_reach_the_program_as_they_are() -> None:
    lines = render("python_app", "app.service.j2", python_app_uvicorn_arguments=["--header", 'X: "$5 100%" \\'])
    assert any(line.endswith(r'"--header" "X: \"$$5 100%%\" \\"') for line in lines)


def test_migration_has_the_same_limits_as_the_application() -> None:
    command = ["alembic", "upgrade", "head"]
    migration = render("python_app", "migrate.service.j2", python_app_migrate_command=command)
    assert 'ExecStart=/opt/shop/slots/b/.venv/bin/alembic "upgrade" "head"' in migration
    application = render("python_app", "app.service.j2")
    own = application[application.index("User=shop") : application.index("[Install]") - 1]
    assert migration[migration.index("User=shop") :] == own


def test_proxy_without_a_secret_accepts_every_request() -> None:
    assert not [line for line in render("release_proxy", "haproxy.cfg.j2") if "deny" in line]


def test_proxy_with_a_secret_refuses_first_and_never_hands_it_on() -> None:
    secrets = ["first-secret-of-some-length", "second-secret"]
    lines = [line.strip() for line in render("release_proxy", "haproxy.cfg.j2", release_proxy_secrets=secrets)]
    public = lines[lines.index("frontend public") : lines.index("frontend local")]
    rules = [line for line in public if line.startswith("http-request")]
    assert rules[:2] == [
        "http-request deny deny_status 403 unless has_secret",
        "http-request del-header X-Origin-Secret",
    ]
    digests = render("release_proxy", "digests.j2", release_proxy_secrets=secrets)
    assert not [line for line in lines + digests if any(secret in line for secret in secrets)]
    assert [len(line) for line in digests[1:]] == [64, 64]


def test_proxy_knows_both_slots_by_name_and_port() -> None:
    lines = [line.split() for line in render("release_proxy", "haproxy.cfg.j2") if line.strip().startswith("server ")]
    assert [line[1:3] for line in lines] == [["a-8101", "127.0.0.1:8101"], ["b-8102", "127.0.0.1:8102"]]


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [("", "bind :8000"), ("/etc/a.pem", "bind :8000 ssl crt /etc/a.pem ssl-min-ver TLSv1.2")],
)
def test_proxy_speaks_tls_if_it_has_a_certificate(certificate: str, expected: str) -> None:
    lines = [line.strip() for line in render("release_proxy", "haproxy.cfg.j2", release_proxy_certificate=certificate)]
    # What stays on the host needs none.
    assert [line for line in lines if line.startswith("bind ")] == [expected, "bind 127.0.0.1:8009"]


@pytest.mark.parametrize(
    ("email", "expected"), [("", "--register-unsafely-without-email"), ("a@shop.example", "--email a@shop.example")]
)
def test_certificate_is_asked_for_and_renewed_by_one_command(email: str, expected: str) -> None:
    lines = render("origin_certificate", "origin-certificate.service.j2", origin_certificate_email=email)
    assert f"    {expected} \\" in lines
    assert any("--keep-until-expiring" in line for line in lines)
    directory = next(line.split()[1] for line in lines if line.strip().startswith("--config-dir"))
    assert f"ReadWritePaths={directory}" in lines
    other = render(
        "origin_certificate", "origin-certificate.service.j2", origin_certificate_directory_url="https://x/y"
    )
    assert not any(directory in line for line in other)


def test_ssh_server_lets_nobody_in_by_password_whatever_is_merged() -> None:
    lines = render("host_base", "sshd.conf.j2", host_base_sshd_options={"MaxAuthTries": 6})
    assert {"PasswordAuthentication no", "PermitRootLogin no", "MaxAuthTries 6"} <= set(lines)


@pytest.mark.parametrize(("reboot", "word"), [(True, "true"), (False, "false"), ("no", "false")])
def test_reboot_is_written_as_apt_reads_it(reboot: Any, word: str) -> None:
    lines = render("host_base", "unattended-upgrades.conf.j2", host_base_reboot=reboot)
    assert f'Unattended-Upgrade::Automatic-Reboot "{word}";' in lines


def test_the_journal_is_kept_and_capped() -> None:
    lines = render("host_base", "journald.conf.j2", host_base_journal_max_use="1G")
    assert lines[lines.index("[Journal]") + 1 :] == ["Storage=persistent", "SystemMaxUse=1G"]


@pytest.mark.parametrize(
    "role", ["host_base", "data_volume", "uv", "release_proxy", "python_app", "cloudwatch_agent", "origin_certificate"]
)
def test_defaults_are_those_of_the_argument_specs(role: str) -> None:
    options = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
    specs = options["options"]
    defaults = yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text()) or {}
    assert set(defaults) == {name for name, spec in specs.items() if not spec.get("required")}
    for name, spec in specs.items():
        assert spec["description"], name
        if "default" in spec:
            assert spec["default"] == defaults[name], name
