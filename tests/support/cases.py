# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Each module that writes to AWS, with the steps of a life: made, changed, removed. What it needs is made before."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

NAME = "sweep"
ACCOUNT = "123456789012"
TAGS = {"Project": NAME, "Stage": "test"}
OTHER_TAGS = {"Project": NAME, "Stage": "test", "Colour": "red"}
BUCKET = f"{NAME}-bucket-{ACCOUNT}"


class Ref:
    """What an earlier module returned: Ref("vpc_network", "network", "vpc_id")."""

    def __init__(self, *path: str) -> None:
        self.path = path


def resolve(value: Any, made: dict[str, Any]) -> Any:
    """value with what its references stand for."""
    if isinstance(value, Ref):
        found: Any = made
        for key in value.path:
            found = found[key]
        return found
    if isinstance(value, dict):
        return {key: resolve(item, made) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, made) for item in value]
    return value


@dataclass(frozen=True)
class Case:
    """steps: the options of each run of the module, of which the last removes what the others have made.

    services: where the module writes, and so whose state is compared
    needs: modules and options of what is made before, and taken away at the end in the opposite order
    """

    module: str
    services: tuple[str, ...]
    steps: tuple[dict[str, Any], ...]
    needs: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = ()
    name: str = field(default="")

    @property
    def title(self) -> str:
        return self.name or self.module


def statement(*actions: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": f"arn:aws:s3:::{BUCKET}/*"}],
    }


def write_sites(directory: Path) -> tuple[Path, Path]:
    """Two builds of a small site: the second has other assets, one page less and one more."""
    sites = []
    for number, pages in (("1", ("index", "about")), ("2", ("index", "contact"))):
        site = directory / f"site-{number}"
        (site / "assets").mkdir(parents=True)
        for page in pages:
            text = f'<!doctype html><title>{page}</title><script src="/assets/app-{number}00000000.js"></script>\n'
            (site / f"{page}.html").write_text(text, encoding="utf-8")
        (site / "assets" / f"app-{number}00000000.js").write_text(f"const build = {number};\n", encoding="utf-8")
        (site / "robots.txt").write_text("User-agent: *\n", encoding="utf-8")
        sites.append(site)
    return sites[0], sites[1]


def build_cases(first_site: Path = Path(), second_site: Path = Path(), public_key: str = "") -> list[Case]:
    subnets = [
        {"name": "a", "cidr_block": "10.231.0.0/24", "availability_zone": "a"},
        {"name": "b", "cidr_block": "10.231.1.0/24", "availability_zone": "b"},
    ]
    groups = [
        {
            "name": "web",
            "description": "Web hosts",
            "ingress": [
                {"port": 8000, "prefix_lists": ["com.amazonaws.global.cloudfront.origin-facing"]},
                {"port": 22, "cidr_blocks": ["203.0.113.7/32"]},
            ],
        },
        {"name": "db", "ingress": [{"port": 5432, "security_groups": ["web"]}], "egress": []},
    ]
    network = {
        "name": NAME,
        "cidr_block": "10.231.0.0/16",
        "subnets": subnets,
        "security_groups": groups,
        "tags": TAGS,
    }
    changed_network = {
        **network,
        "subnets": [*subnets, {"name": "c", "cidr_block": "10.231.2.0/24", "availability_zone": "c", "public": False}],
        "security_groups": [
            {**groups[0], "ingress": [{"port": 22, "cidr_blocks": ["198.51.100.0/24"], "description": "Office"}]},
            groups[1],
            {"name": "new"},
        ],
        "tags": OTHER_TAGS,
    }
    role = {
        "name": NAME,
        "description": "A role",
        "managed_policies": ["AmazonSSMManagedInstanceCore"],
        "policies": {"backups": statement("s3:PutObject"), "logs": statement("s3:GetObject")},
        "tags": TAGS,
    }
    changed_role = {
        **role,
        "description": "Another role",
        "managed_policies": ["CloudWatchAgentServerPolicy"],
        "policies": {"backups": statement("s3:GetObject", "s3:PutObject"), "metrics": statement("s3:PutObject")},
        "permissions_boundary": "arn:aws:iam::aws:policy/PowerUserAccess",
        "max_session_duration": 7200,
        "tags": OTHER_TAGS,
    }
    host = {
        "name": NAME,
        "image_family": "debian-13",
        "instance_type": "t3.small",
        "subnet_id": Ref("vpc_network", "network", "subnets", "a", "subnet_id"),
        "security_group_ids": [Ref("vpc_network", "network", "security_groups", "web")],
        "instance_profile": NAME,
        "public_key": public_key,
        "root_volume": {"size": 10},
        "data_volume": {"size": 5},
        "tags": TAGS,
    }
    changed_host = {
        **host,
        "instance_type": "t3.medium",
        "security_group_ids": [Ref("vpc_network", "network", "security_groups", "db")],
        "data_volume": {"size": 8},
        "termination_protection": False,
        "tags": OTHER_TAGS,
    }
    gone_network = {"name": NAME, "state": "absent"}
    gone_role = {"name": NAME, "state": "absent"}
    bucket = {
        "name": BUCKET,
        "lifecycle_rules": [{"id": "old-versions", "noncurrent_expiration_days": 30}],
        "cors_rules": [{"allowed_origins": ["https://a.example.com"], "allowed_methods": ["GET"]}],
        "tags": TAGS,
    }
    gone_bucket = {"name": BUCKET, "state": "absent", "force": True}
    function = {"name": NAME, "code": "function handler(event) { return event.request; }\n", "comment": "One"}
    control = {"name": NAME, "description": "Reads the bucket"}
    files = {
        "id": "files",
        "domain_name": f"{BUCKET}.s3.us-east-1.amazonaws.com",
        "origin_access_control_id": Ref("cloudfront_origin_access_control", "origin_access_control", "id"),
    }
    api = {
        "id": "api",
        "domain_name": "api.example.com",
        "custom": {"protocol_policy": "http-only", "http_port": 8000},
        "secret_headers": {"X-Origin-Secret": f"{NAME}/origin"},
    }
    site = {
        "name": NAME,
        "comment": f"{NAME}: a site",
        "default_root_object": "index.html",
        "price_class": "PriceClass_100",
        "origins": [files, api],
        "default_behavior": {
            "target_origin_id": "files",
            "function_associations": {"viewer_request": Ref("cloudfront_function", "function", "arn")},
        },
        "behaviors": [
            {
                "path_pattern": "/api/*",
                "target_origin_id": "api",
                "allowed_methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
                "cache_policy": "CachingDisabled",
                "origin_request_policy": "AllViewerExceptHostHeader",
            }
        ],
        "tags": TAGS,
    }
    gone_site = {"name": NAME, "state": "absent"}
    alarm = {
        "name": "host-down",
        "namespace": "AWS/EC2",
        "metric_name": "StatusCheckFailed",
        "dimensions": {"InstanceId": "i-0123456789abcdef0"},
        "statistic": "Maximum",
        "period": 60,
        "evaluation_periods": 3,
        "threshold": 1,
        "comparison_operator": "GreaterThanOrEqualToThreshold",
    }
    alarms = {
        "name": NAME,
        "subscriptions": [{"endpoint": "ops@example.com"}, {"endpoint": "other@example.com"}],
        "alarms": [alarm, {**alarm, "name": "host-slow", "threshold": 2}],
        "tags": TAGS,
    }
    log_groups = [{"name": f"/sweep/{name}", "retention_in_days": 30} for name in ("one", "two")]
    budget = {
        "name": NAME,
        "amount": 20,
        "notifications": [
            {"threshold": 80, "emails": ["ops@example.com", "other@example.com"]},
            {"type": "FORECASTED", "threshold": 100, "emails": ["ops@example.com"]},
        ],
        "tags": TAGS,
    }
    zone = {"name": "sweep.example.com", "comment": "A zone", "tags": TAGS}
    gone_zone = {"name": "sweep.example.com", "state": "absent", "force": True}
    record = {"name": "www.sweep.example.com", "type": "A", "value": "203.0.113.7"}
    records = {
        "zone": "sweep.example.com",
        "records": [record, {"name": "sweep.example.com", "type": "TXT", "values": ["v=spf1 -all"]}],
    }
    check = {"name": NAME, "domain_name": "www.example.com", "path": "/health", "tags": TAGS}
    certificate = {"name": NAME, "domain_name": "sweep.example.com", "region": "us-east-1", "tags": TAGS}
    secret = {"name": f"{NAME}/KEY", "description": "A key", "tags": TAGS}
    made_bucket = ("s3_bucket_baseline", {"name": BUCKET, "tags": TAGS}, gone_bucket)
    made_control = ("cloudfront_origin_access_control", control, {"name": NAME, "state": "absent"})
    made_function = ("cloudfront_function", function, {"name": NAME, "state": "absent"})
    origin_secret = {"name": f"{NAME}/origin", "exclude_characters": "\"'"}
    made_secret = (
        "secretsmanager_random_secret",
        origin_secret,
        {"name": f"{NAME}/origin", "state": "absent", "force_delete": True},
    )
    site_needs = (made_bucket, made_control, made_function, made_secret)
    made_site = ("cloudfront_site", site, gone_site)
    publish = {
        "bucket": BUCKET,
        "source": str(first_site),
        "distribution_id": Ref("cloudfront_site", "distribution", "id"),
        "keep_days": 0,
    }
    return [
        Case("vpc_network", ("ec2",), (network, changed_network, gone_network)),
        Case("iam_runtime_role", ("iam",), (role, changed_role, gone_role)),
        Case(
            "ec2_host",
            ("ec2",),
            (
                host,
                changed_host,
                {"name": NAME, "state": "absent", "force": True, "data_volume_on_delete": "delete", "tags": TAGS},
            ),
            needs=(("vpc_network", network, gone_network), ("iam_runtime_role", role, gone_role)),
        ),
        Case(
            "s3_bucket_baseline",
            ("s3",),
            (bucket, {**bucket, "cors_rules": [], "versioning": False, "tags": OTHER_TAGS}, gone_bucket),
        ),
        Case(
            "cloudfront_function",
            ("cloudfront",),
            (
                function,
                {**function, "code": f"// changed\n{function['code']}", "comment": "Two"},
                {"name": NAME, "state": "absent"},
            ),
        ),
        Case(
            "cloudfront_origin_access_control",
            ("cloudfront",),
            (control, {**control, "description": "Reads it still"}, {"name": NAME, "state": "absent"}),
        ),
        Case(
            "cloudfront_origin_access_identity",
            ("cloudfront",),
            ({"name": NAME}, {"name": NAME, "state": "absent"}),
        ),
        Case(
            "cloudfront_site",
            ("cloudfront",),
            (
                site,
                {**site, "price_class": "PriceClass_200", "comment": f"{NAME}: another", "tags": OTHER_TAGS},
                gone_site,
            ),
            needs=site_needs,
        ),
        Case(
            "cloudfront_bucket_policy",
            ("s3",),
            (
                {"bucket": BUCKET, "distribution_arns": [Ref("cloudfront_site", "distribution", "arn")]},
                {"bucket": BUCKET, "state": "absent"},
            ),
            needs=(*site_needs, made_site),
        ),
        Case(
            "static_site_sync",
            ("s3", "cloudfront"),
            (publish, {**publish, "source": str(second_site)}),
            needs=(*site_needs, made_site),
        ),
        Case(
            "cloudwatch_alarms",
            ("cloudwatch", "sns"),
            (
                alarms,
                {
                    **alarms,
                    "subscriptions": alarms["subscriptions"][:1],
                    "alarms": [{**alarm, "threshold": 5}],
                    "tags": OTHER_TAGS,
                },
                {"name": NAME, "state": "absent"},
            ),
        ),
        Case(
            "cloudwatch_log_groups",
            ("logs",),
            (
                {"log_groups": log_groups, "tags": TAGS},
                {"log_groups": [{**group, "retention_in_days": 90} for group in log_groups], "tags": OTHER_TAGS},
                {"log_groups": log_groups, "state": "absent"},
            ),
        ),
        Case(
            "budgets_budget",
            ("budgets",),
            (
                budget,
                {
                    **budget,
                    "amount": 30,
                    "notifications": [{"threshold": 80, "emails": ["new@example.com"]}],
                    "tags": OTHER_TAGS,
                },
                {"name": NAME, "state": "absent"},
            ),
        ),
        Case(
            "secretsmanager_random_secret",
            ("secretsmanager",),
            (
                secret,
                {**secret, "description": "Another key", "tags": OTHER_TAGS},
                {"name": secret["name"], "state": "absent", "force_delete": True},
            ),
        ),
        Case(
            "route53_hosted_zone", ("route53",), (zone, {**zone, "comment": "Another", "tags": OTHER_TAGS}, gone_zone)
        ),
        Case(
            "route53_records",
            ("route53",),
            (
                records,
                {**records, "records": [{**record, "value": "203.0.113.8"}]},
                {**records, "records": [{**item, "state": "absent"} for item in records["records"]]},
            ),
            needs=(("route53_hosted_zone", zone, gone_zone),),
        ),
        Case(
            "route53_endpoint_health_check",
            ("route53",),
            (check, {**check, "path": "/other", "tags": OTHER_TAGS}, {"name": NAME, "state": "absent"}),
        ),
        Case(
            "acm_certificate_request",
            ("acm",),
            (
                certificate,
                {**certificate, "tags": OTHER_TAGS},
                {"name": NAME, "domain_name": "sweep.example.com", "region": "us-east-1", "state": "absent"},
            ),
        ),
    ]
