# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what to ask an account about before a project is made, and what the answers mean. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

from ansible_collections.slipway.aws.plugins.module_utils._inventory.addresses import RULES_QUOTA
from ansible_collections.slipway.aws.plugins.module_utils._inventory.names import NAME
from ansible_collections.slipway.aws.plugins.module_utils._inventory.names import domain_zone
from ansible_collections.slipway.aws.plugins.module_utils._inventory.names import project_names
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import DOMAIN_VARIABLES
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Problem
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping

    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory

CREDENTIALS_LINE = "Use credentials of the right account (export AWS_PROFILE=..., or aws sso login)"
SERVED_ARCHITECTURES = ("x86_64", "arm64")


class Questions(NamedTuple):
    """What M(slipway.aws.project_account_info) is asked, in its words; empty where the inventory says nothing valid."""

    region: str
    tags: dict[str, str]
    network_name: str
    host_name: str
    instance_type: str
    image_family: str
    bucket_names: list[str]
    aliases: list[str]
    data_volume_size: int
    availability_zones: list[str]
    rules_per_security_group: int
    regional: bool
    hosted_zone: str


def build_questions(inventory: Inventory, facts: Facts, wiring: Mapping[str, Any]) -> Questions:
    region = inventory.get("aws_region") or ""
    if facts.regions and region not in facts.regions:
        region = ""
    legal = bool(NAME.fullmatch(inventory.name))
    names = project_names(inventory, wiring) if legal else {}
    account = inventory.get("aws_account_id") or ""
    buckets = {name: value for name, value in {**inventory.values, **names}.items() if name.endswith("_bucket_name")}
    zones = [str(subnet["availability_zone"]) for subnet in inventory.get("network_subnets") or []]
    return Questions(
        # Who is asking, and global names, are known everywhere.
        region=region or "us-east-1",
        tags={"Project": inventory.get("project"), "Stage": inventory.get("stage")} if legal else {},
        network_name=names.get("network_name", ""),
        host_name=names.get("ec2_host_name", ""),
        instance_type=inventory.get("ec2_host_instance_type") or "",
        image_family=inventory.get("ec2_host_image_family") or "",
        # Without the account's number, the name would be another one.
        bucket_names=sorted(value for value in buckets.values() if isinstance(value, str) and account),
        aliases=site_aliases(inventory),
        data_volume_size=inventory.get("ec2_host_data_volume_size") or 0,
        availability_zones=[zone if zone.startswith(region) else f"{region}{zone}" for zone in zones] if region else [],
        rules_per_security_group=inventory.get("network_rules_per_security_group") or 0,
        regional=bool(region),
        # One that the run makes needs not be there.
        hosted_zone="" if inventory.get("domain_create_zone") else domain_zone(inventory),
    )


def site_aliases(inventory: Inventory) -> list[str]:
    """The names of its own that the project's distribution answers to."""
    named = [inventory.domain, *(inventory.get("domain_alternative_names") or [])]
    return sorted({name for name in named if isinstance(name, str) and name})


# --- the answers -----------------------------------------------------------------------------------------------


def check_account(
    questions: Questions, account_id: str, account: Mapping[str, Any], build: bool = True
) -> Iterator[Problem]:
    """What stands in the project's way, by what project_account_info has returned as its account.

    account_id: the account that the inventory names; empty where it names no valid one.
    build: whether the project is to be made or changed; to remove it, the account must be the right one.
    """
    if account_id and account["account_id"] != account_id:
        yield Problem(
            "aws_account_id",
            f"the credentials belong to account {account['account_id']} ({account['arn']}), the inventory expects "
            f"{account_id}",
            f'{CREDENTIALS_LINE}, or write: aws_account_id: "{account["account_id"]}"',
        )
        # What is true of another account says nothing about this one.
        return
    if not build:
        return
    if account.get("region_status") == "not-opted-in":
        reason = f"the account has not opted in to {questions.region}"
        advice = f"Run: aws account enable-region --region-name {questions.region}; or write: aws_region: us-east-1"
        yield Problem("aws_region", reason, advice)
        return
    for check in ACCOUNT_CHECKS:
        yield from check(questions, account)


def describe_owner(tags: Mapping[str, str]) -> str:
    project = tags.get("Project")
    if not project:
        return "something else in this account"
    return f"the project {project} ({tags.get('Stage') or 'no stage'}) in this account"


def is_others(tags: Mapping[str, str], mine: Mapping[str, str]) -> bool:
    """Whether tags say that a thing belongs to another project or stage. What has no tags may be ours, half made."""
    return any(tags.get(key) and tags[key] != value for key, value in mine.items())


def check_buckets(questions: Questions, account: Mapping[str, Any]) -> Iterator[Problem]:
    advice = f"{write('project: another-name')} (bucket names are shared by all of AWS)"
    for name, bucket in sorted(account.get("buckets", {}).items()):
        if bucket["owner"] == "other":
            reason = f"the bucket {name}, which its name asks for, belongs to another account"
            yield Problem("project", reason, advice)
        elif bucket["owner"] == "self" and is_others(bucket["tags"], questions.tags):
            reason = f"the bucket {name}, which its name asks for, belongs to {describe_owner(bucket['tags'])}"
            yield Problem("project", reason, advice)
        elif bucket["owner"] == "self" and bucket["region"] not in ("", questions.region) and questions.regional:
            reason = f"the bucket {name} is in {bucket['region']} already"
            yield Problem("aws_region", reason, f"Write: aws_region: {bucket['region']}, or remove the bucket first")


def check_aliases(questions: Questions, account: Mapping[str, Any]) -> Iterator[Problem]:
    variable = DOMAIN_VARIABLES[0]
    for distribution in account.get("distributions", []):
        if not questions.tags or not is_same(distribution["tags"], questions.tags):
            for alias in sorted(set(distribution["aliases"]) & set(questions.aliases)):
                owner = describe_owner(distribution["tags"])
                reason = f"the distribution {distribution['id']} of {owner} answers to {alias} already"
                advice = f"{write(f'{variable}: another.example.com')} (or take the alias from that distribution)"
                yield Problem(variable, reason, advice)


def is_same(tags: Mapping[str, str], mine: Mapping[str, str]) -> bool:
    return all(tags.get(key) == value for key, value in mine.items())


def check_hosted_zone(questions: Questions, account: Mapping[str, Any]) -> Iterator[Problem]:
    if not questions.hosted_zone or account.get("has_hosted_zone") is not False:
        return
    reason = f"this account has no public hosted zone {questions.hosted_zone}"
    advice = f"{write('domain_create_zone: true')} (a person then delegates the domain to it)"
    yield Problem("domain_zone", reason, f"{advice}; or the name of the zone: domain_zone: example.com")


def check_instance_type(questions: Questions, account: Mapping[str, Any]) -> Iterator[Problem]:
    found = account.get("instance_type")
    if not questions.instance_type or found is None:
        return
    variable, wanted = "ec2_host_instance_type", questions.instance_type
    if not found["exists"]:
        reason = f"there is no instance type {wanted} in {questions.region}"
        yield Problem(variable, reason, write(f"{variable}: t3.micro"))
        return
    runs = " and ".join(found["architectures"])
    if not set(found["architectures"]) & set(SERVED_ARCHITECTURES):
        reason = f"{wanted} runs {runs}, and there are images for x86_64 and arm64 alone"
        yield Problem(variable, reason, write(f"{variable}: t3.micro"))
    elif questions.image_family and account.get("image_exists") is False:
        reason = f"{questions.region} has no image of {questions.image_family} for {wanted} ({runs})"
        yield Problem("ec2_host_image_family", reason, write("ec2_host_image_family: debian-13"))
    zones = found.get("zones")
    # The host goes into the first subnet.
    first = questions.availability_zones[0] if questions.availability_zones else ""
    if zones and first and first not in zones and first in account.get("availability_zones", [first]):
        reason = f"{first}, the zone of the first subnet, has no {wanted}; {', '.join(sorted(zones))} have"
        yield Problem(variable, reason, f"{write(f'{variable}: t3.micro')} (or take a subnet in another zone)")


def check_zones(questions: Questions, account: Mapping[str, Any]) -> Iterator[Problem]:
    there = account.get("availability_zones")
    if not there:
        return
    for zone in sorted(set(questions.availability_zones) - set(there)):
        letter = there[0][len(questions.region) :]
        reason = f"there is no zone {zone} for this account; there are {', '.join(sorted(there))}"
        yield Problem("network_subnets", reason, write(f"availability_zone: {letter}"))


def check_volume(questions: Questions, account: Mapping[str, Any]) -> Iterator[Problem]:
    largest = max((volume["size"] for volume in account.get("data_volumes", [])), default=0)
    if questions.data_volume_size and questions.data_volume_size < largest:
        reason = f"the data volume has {largest} GiB already, and a volume cannot shrink"
        yield Problem("ec2_host_data_volume_size", reason, write(f"ec2_host_data_volume_size: {largest}"))


def check_quotas(questions: Questions, account: Mapping[str, Any]) -> Iterator[Problem]:
    """Only what has yet to be made needs room. A quota that could not be read is None, and not judged."""
    quotas, used = account.get("quotas", {}), account.get("used", {})
    for key, what, code, made in (
        ("vpcs", "VPCs", "vpc L-F678F1CE", account.get("has_network")),
        ("elastic_ips", "Elastic IP addresses", "ec2 L-0263D0A3", account.get("has_address")),
    ):
        quota = quotas.get(key)
        if quota is not None and not made and used.get(key, 0) >= quota:
            service, number = code.split()
            reason = (
                f"the account has {used[key]} of {quota} {what} in {questions.region} already, and one more is needed"
            )
            advice = (
                f"Release one, or run: aws service-quotas request-service-quota-increase --service-code {service} "
                f"--quota-code {number} --desired-value {quota + 5}; or write: aws_region: another-region-1"
            )
            yield Problem("aws_region", reason, advice)
    rules = quotas.get("rules_per_security_group")
    if rules is not None and questions.rules_per_security_group > rules:
        yield Problem(
            "network_rules_per_security_group",
            f"the account's quota ({RULES_QUOTA}) is {rules}, not {questions.rules_per_security_group}",
            f"{write(f'network_rules_per_security_group: {rules}')}, or have AWS raise the quota first",
        )


def check_clash(questions: Questions, account: Mapping[str, Any]) -> Iterator[Problem]:
    """Two projects must not share a name: what AWS cannot tag is found by it."""
    for tags in account.get("namesakes", []):
        if is_others(tags, questions.tags):
            reason = f"the names that are made of it belong to {describe_owner(tags)}"
            yield Problem("project", reason, write("project: another-name"))
            return


ACCOUNT_CHECKS = (
    check_buckets,
    check_aliases,
    check_hosted_zone,
    check_instance_type,
    check_zones,
    check_volume,
    check_quotas,
    check_clash,
)
