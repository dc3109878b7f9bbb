# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: names of a project, and whether AWS and Linux take what is made of them. Pure.

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import DOMAIN_VARIABLES
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Problem
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import write

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from collections.abc import Mapping
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory

# What buckets, Linux users and CloudFront's things may all be called.
NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
PROJECT_LINE = "project: my-app"

# Users that the images or their packages have already; the application's own user is called as the project.
SYSTEM_USERS = {
    "adm", "admin", "backup", "bin", "daemon", "debian", "dnsmasq", "ec2-user", "ftp", "games", "haproxy", "irc",
    "list", "lp", "mail", "man", "messagebus", "news", "nobody", "ntp", "operator", "polkitd", "proxy", "root", "sshd",
    "sync", "sys", "syslog", "systemd-network", "systemd-resolve", "ubuntu", "uucp", "www-data",
}  # fmt: skip

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
RESERVED_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")


class Limit(NamedTuple):
    """How long a name may be, for the variables of the wiring (playbooks/vars/) that end so."""

    ending: str
    what: str
    longest: int
    suffix: str = ""  # what the role itself appends


LIMITS = (
    Limit("_bucket_name", "bucket", 63),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    Limit("ec2_host_name", "IAM role", 64),
    Limit("python_app_name", "Linux user", 32),
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
    Limit("static_site_name", "CloudFront function", 64, "-viewer-request"),
)

# Names of one meaning. Only the first is left out of names, and protected as production is.
PRODUCTION_ALIASES = {"prod", "prd", "live", "main"}

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def render_names(wiring: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """The variables of the wiring that are put together from names alone, worked out."""
    rendered = {}
    for variable, template in wiring.items():
        if not isinstance(template, str) or not _PLACEHOLDER.search(template):
            continue
        placeholders = set(_PLACEHOLDER.findall(template))
        plain = _PLACEHOLDER.sub("", template)
        if placeholders <= set(known) and not re.search(r"[{}]", plain):
            rendered[variable] = _PLACEHOLDER.sub(lambda match: known[match[1]], template)
    return rendered


def project_names(inventory: Inventory, wiring: Mapping[str, Any]) -> dict[str, str]:
    """Names that the wiring makes of the project's, by variable; none if the project's own is not known."""
    if not inventory.name:
        return {}
    known = {
        "project_name": inventory.name,
        "project": inventory.get("project"),
        "stage": inventory.get("stage"),
        # Twelve digits, also where they are not known yet: only the length matters then.
        "aws_account_id": inventory.get("aws_account_id") or "0" * 12,
        "aws_region": inventory.get("aws_region") or "",
    }
    return render_names(wiring, known)


def check_project(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    project, stage = inventory.get("project"), inventory.get("stage")
    if project and not NAME.fullmatch(project):
        yield Problem(
            "project",
            f"{project!r} cannot be part of names on AWS: lower-case letters, digits and single dashes can, "
            "the first one a letter, the last one no dash",
            write(f"project: {suggest_name(project, 'my-app')}"),
        )
    if project and project.startswith(RESERVED_BUCKET_PREFIXES):
        yield Problem("project", f"AWS keeps buckets to itself that are named {project}-...", write(PROJECT_LINE))
    if stage and not NAME.fullmatch(stage):
        yield Problem(
            "stage",
            f"{stage!r} cannot be part of names on AWS: lower-case letters, digits and single dashes can",
            write(f"stage: {suggest_name(stage, 'staging')}"),
        )
    elif stage and stage != "production" and means_production(stage):
        reason = (
            f"{stage} looks like production, and would be treated as any other stage: its names would carry {stage}"
        )
        yield Problem("stage", reason, f"{write('stage: production')} (or another word)")
    if inventory.name in SYSTEM_USERS:
        reason = f"the application's user would be called {inventory.name}, as a user that the host has already"
        yield Problem("project", reason, write(f"project: {inventory.name}-app"))


def suggest_name(name: str, default: str) -> str:
    """A legal name that looks like the one given."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    legal = "-".join(words).lstrip("0123456789-")
    return legal or default


def means_production(stage: str) -> bool:
    return stage in PRODUCTION_ALIASES or bool(difflib.get_close_matches(stage, ["production"], cutoff=0.8))


def check_names(inventory: Inventory, wiring: Mapping[str, Any]) -> Iterator[Problem]:
    """Whether what the wiring makes of project and stage is short enough everywhere."""
    excess = 0
    reasons = []
    for variable, value in sorted(project_names(inventory, wiring).items()):
        for limit in LIMITS:
            full = value + limit.suffix
            if variable.endswith(limit.ending) and len(full) > limit.longest:
                reasons.append(f"the {limit.what} {full} has {len(full)} characters, {limit.longest} are allowed")
                excess = max(excess, len(full) - limit.longest)
    if reasons:
        project = inventory.get("project")
        shorter = project[: max(len(project) - excess, 1)].rstrip("-")
        part = "project" if inventory.get("stage") == "production" else "project and stage"
        yield Problem(
            "project",
            f"the names made of {part} are too long: {'; '.join(reasons)}",
            f"{write(f'project: {shorter}')} ({excess} characters less)",
        )


def check_account_id(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    account = inventory.get("aws_account_id")
    if account and not re.fullmatch(r"\d{12}", account):
        yield Problem(
            "aws_account_id",
            f"{account} is no account: that is 12 digits, in quotes (YAML reads a leading zero its own way)",
            'Write: aws_account_id: "123456789012" (aws sts get-caller-identity tells)',
        )


def check_region(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    region = inventory.get("aws_region")
    if not region:
        return
    if facts.regions and region not in facts.regions:
        reason = f"{region} is no region of AWS's that has CloudFront (those of China and of governments are apart)"
        yield Problem("aws_region", reason, write(f"aws_region: {suggest_region(region, facts.regions)}"))
    elif not re.fullmatch(r"[a-z]{2,}(?:-[a-z]+)+-\d+", region):
        yield Problem("aws_region", f"{region} is no region of AWS's", write("aws_region: us-east-1"))


def suggest_region(region: str, regions: Iterable[str]) -> str:
    # Letters that changed places are the likeliest slip.
    swapped = [name for name in sorted(regions) if sorted(name) == sorted(region.lower())]
    close = difflib.get_close_matches(region, sorted(regions), n=1, cutoff=0.5)
    return next(iter(swapped + close), "us-east-1")


# --- the domain ------------------------------------------------------------------------------------------------

# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})+")


def check_domain(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    own, others = DOMAIN_VARIABLES[0], "domain_alternative_names"
    examples = {own: "app.example.com", others: "[www.example.com]"}
    if not inventory.domain:
        for variable in (others, "domain_create_zone"):
            if inventory.get(variable):
                yield Problem(variable, "it says nothing without a domain", write(f"{own}: {examples[own]}"))
        return
    zone = domain_zone(inventory)
    named = [(own, inventory.domain.lower()), *((others, name.lower()) for name in inventory.get(others) or [])]
    for variable, name in named:
        plain = name if variable == own else name.removeprefix("*.")
        if not _DOMAIN.fullmatch(plain):
            yield Problem(variable, f"{name} is no name of a domain", write(f"{variable}: {examples[variable]}"))
        elif plain != zone and not plain.endswith(f".{zone}"):
            above = plain if variable == own else plain.partition(".")[2]
            advice = f"{write(f'domain_zone: {above}')} (a domain that all the names are below)"
            yield Problem(variable, f"{name} is not in the hosted zone {zone}", advice)


def domain_zone(inventory: Inventory) -> str:
    """The hosted zone that the domain is in, as Route 53 calls it, without the last dot; empty without a domain."""
    zone = inventory.get("domain_zone")
    # The role's default is a template: the domain itself.
    return (inventory.domain if not zone or "{{" in zone else zone).lower().rstrip(".")


# --- certificates ----------------------------------------------------------------------------------------------

_CERTIFICATE = re.compile(r"arn:aws:acm:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):certificate/[0-9a-f-]{36}")


def check_certificates(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    account = inventory.get("aws_account_id")
    shown = account if account and re.fullmatch(r"\d{12}", account) else "123456789012"
    line = "arn:aws:acm:us-east-1:{account}:certificate/<id> (aws acm list-certificates --region us-east-1)"
    for variable in sorted(inventory.values):
        value = inventory.values[variable]
        if not variable.endswith("certificate_arn") or not value or not isinstance(value, str):
            continue
        match = _CERTIFICATE.fullmatch(value)
        advice = write(f"{variable}: {line.format(account=shown)}")
        if not match:
            yield Problem(variable, f"{value} is no certificate of AWS Certificate Manager's", advice)
            continue
        if match["region"] != "us-east-1":
            reason = f"the certificate is in {match['region']}, and CloudFront takes those of us-east-1 alone"
            yield Problem(variable, reason, f"{advice}; request it there first")
        if account and match["account"] != account:
            yield Problem(variable, f"the certificate is account {match['account']}'s, not {account}'s", advice)
