# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""All that an account holds, in a form in which two accounts can be compared with ==.

read(client) asks each service for what the collection can make, normalise() replaces what AWS makes up (ids, addresses,
times) by names that depend on nothing but where they stand, and duplicates() finds what is there more than once.

What is left out: invalidations (an interrupted run may ask for one more), records of deployments (an interrupted one
has its own), records of changes, metrics, the number of versions of an object or a secret. What terminated instances
leave behind for an hour is left out, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from typing import NamedTuple

from botocore.exceptions import ClientError

State = dict[str, list[dict[str, Any]]]
Client = Callable[[str], Any]

# The lab's; budgets are asked for by account.
ACCOUNT = "123456789012"


# --- reading -------------------------------------------------------------------------------------------------------


def read(client: Client, services: Iterable[str] = ()) -> State:
    """All that the account holds, or what these services hold, as AWS tells it; client(service) makes a client."""
    return {kind: items for service in services or READERS for kind, items in READERS[service](client(service)).items()}


def _pages(client: Any, operation: str, key: str, **query: Any) -> list[dict[str, Any]]:
    return client.get_paginator(operation).paginate(**query).build_full_result().get(key, [])


_EC2_LISTS = {
    "vpc": ("describe_vpcs", "Vpcs"),
    "subnet": ("describe_subnets", "Subnets"),
    "internet gateway": ("describe_internet_gateways", "InternetGateways"),
    "route table": ("describe_route_tables", "RouteTables"),
    "security group": ("describe_security_groups", "SecurityGroups"),
    "volume": ("describe_volumes", "Volumes"),
    "network interface": ("describe_network_interfaces", "NetworkInterfaces"),
    "profile association": (
        "describe_iam_instance_profile_associations",
        "IamInstanceProfileAssociations",
    ),
}


def _read_ec2(ec2: Any) -> State:
    state = {f"ec2 {kind}": _pages(ec2, *listing) for kind, listing in _EC2_LISTS.items()}
    for vpc in state["ec2 vpc"]:
        for attribute in ("enableDnsSupport", "enableDnsHostnames"):
            answer = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
            vpc[attribute] = answer[attribute[0].upper() + attribute[1:]]["Value"]
    for association in state["ec2 profile association"]:
        association["IamInstanceProfile"].pop("Id")  # made up; its ARN says which one it is
    reservations = _pages(ec2, "describe_instances", "Reservations")
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    alive = [item for item in instances if item["State"]["Name"] not in ("shutting-down", "terminated")]
    for instance in alive:
        for attribute in ("disableApiTermination", "userData"):
            answer = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute=attribute)
            instance[attribute] = answer[attribute[0].upper() + attribute[1:]].get("Value")
    return {
        **state,
        "ec2 instance": alive,
        "ec2 address": ec2.describe_addresses()["Addresses"],
        "ec2 key pair": ec2.describe_key_pairs()["KeyPairs"],
        "ec2 snapshot": _pages(ec2, "describe_snapshots", "Snapshots", OwnerIds=["self"]),
    }


def _read_iam(iam: Any) -> State:
    roles = []
    for role in _pages(iam, "list_roles", "Roles"):
        name = {"RoleName": role["RoleName"]}
        policies = _pages(iam, "list_role_policies", "PolicyNames", **name)
        full = iam.get_role(**name)["Role"]
        full.pop("RoleLastUsed", None)
        full["Attached"] = _pages(iam, "list_attached_role_policies", "AttachedPolicies", **name)
        full["Inline"] = [
            {"Name": policy, "Document": iam.get_role_policy(**name, PolicyName=policy)["PolicyDocument"]}
            for policy in sorted(policies)
        ]
        roles.append(full)
    profiles = [
        iam.get_instance_profile(InstanceProfileName=profile["InstanceProfileName"])["InstanceProfile"]
        for profile in _pages(iam, "list_instance_profiles", "InstanceProfiles")
    ]
    for profile in profiles:
        profile["Roles"] = [role["RoleName"] for role in profile["Roles"]]
    return {"iam role": roles, "iam instance profile": profiles}


_BUCKET_SETTINGS = (
    "get_bucket_tagging",
    "get_bucket_versioning",
    "get_bucket_encryption",
    "get_public_access_block",
    "get_bucket_ownership_controls",
    "get_bucket_lifecycle_configuration",
    "get_bucket_cors",
    "get_bucket_policy",
)


def _read_s3(s3: Any) -> State:
    buckets = []
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        settings: dict[str, Any] = {"Name": name}
        for operation in _BUCKET_SETTINGS:
            # What is not set is an error of its own kind for each of them.
            with suppress(ClientError):
                answer = getattr(s3, operation)(Bucket=name)
                settings[operation] = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        if "get_bucket_policy" in settings:
            settings["get_bucket_policy"] = json.loads(settings["get_bucket_policy"]["Policy"])
        settings["objects"] = [_read_object(s3, name, item["Key"]) for item in _objects(s3, name)]
        buckets.append(settings)
    return {"s3 bucket": buckets}


_DEPLOYMENT = re.compile(r"deployments/\d{8}T\d{6}Z-[0-9a-f]+\.json")


def _objects(s3: Any, bucket: str) -> list[dict[str, Any]]:
    found = _pages(s3, "list_objects_v2", "Contents", Bucket=bucket)
    return [item for item in found if not _DEPLOYMENT.fullmatch(item["Key"])]


_HEADERS = ("ContentType", "CacheControl", "ContentEncoding", "ContentDisposition", "Metadata", "ServerSideEncryption")


def _read_object(s3: Any, bucket: str, key: str) -> dict[str, Any]:
    answer = s3.get_object(Bucket=bucket, Key=key)
    body = answer["Body"].read()
    content: Any = hashlib.sha256(body).hexdigest()
    # Records that programs keep for themselves: with times in them, but otherwise the same.
    if answer.get("ContentType") == "application/json" and len(body) < 1_000_000:
        with suppress(ValueError):
            content = json.loads(body)
    return {"Key": key, "content": content, **{name: answer[name] for name in _HEADERS if name in answer}}


def _read_cloudfront(cloudfront: Any) -> State:
    def items(operation: str, key: str) -> list[dict[str, Any]]:
        return getattr(cloudfront, operation)()[key].get("Items", [])

    distributions = []
    for item in items("list_distributions", "DistributionList"):
        distribution = cloudfront.get_distribution(Id=item["Id"])["Distribution"]
        distribution.pop("InProgressInvalidationBatches", None)
        distribution["Tags"] = cloudfront.list_tags_for_resource(Resource=item["ARN"])["Tags"].get("Items", [])
        distributions.append(distribution)
    functions = []
    for item in items("list_functions", "FunctionList"):
        for stage in ("DEVELOPMENT", "LIVE"):
            with suppress(cloudfront.exceptions.NoSuchFunctionExists):
                summary = cloudfront.describe_function(Name=item["Name"], Stage=stage)["FunctionSummary"]
                summary["code"] = (
                    cloudfront.get_function(Name=item["Name"], Stage=stage)["FunctionCode"].read().decode()
                )
                functions.append(summary)
    return {
        "cloudfront distribution": distributions,
        "cloudfront function": functions,
        "cloudfront access control": items("list_origin_access_controls", "OriginAccessControlList"),
        "cloudfront access identity": items(
            "list_cloud_front_origin_access_identities", "CloudFrontOriginAccessIdentityList"
        ),
    }


def _read_secretsmanager(secretsmanager: Any) -> State:
    secrets = []
    for item in _pages(secretsmanager, "list_secrets", "SecretList", IncludePlannedDeletion=True):
        secret = secretsmanager.describe_secret(SecretId=item["ARN"])
        secret.pop("ResponseMetadata", None)
        stages = secret.pop("VersionIdsToStages", {}).values()
        secret["has"] = sorted({stage for those in stages for stage in those})
        if "AWSCURRENT" in secret["has"] and "DeletedDate" not in secret:
            # Its value is generated; how long it is, is asked for.
            value = secretsmanager.get_secret_value(SecretId=item["ARN"])
            secret["length"] = len(value.get("SecretString", ""))
        secret["DeletedDate"] = "DeletedDate" in secret
        secrets.append(secret)
    return {"secretsmanager secret": secrets}


def _read_cloudwatch(cloudwatch: Any) -> State:
    alarms = _pages(cloudwatch, "describe_alarms", "MetricAlarms")
    for alarm in alarms:
        alarm["Tags"] = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    return {"cloudwatch alarm": alarms}


def _read_sns(sns: Any) -> State:
    topics = []
    for item in _pages(sns, "list_topics", "Topics"):
        arn = item["TopicArn"]
        attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        for name in ("Policy", "EffectiveDeliveryPolicy"):
            if name in attributes:
                attributes[name] = json.loads(attributes[name])
        topics.append(
            {
                "Attributes": attributes,
                "Tags": sns.list_tags_for_resource(ResourceArn=arn)["Tags"],
                "Subscriptions": _pages(sns, "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn),
            }
        )
    return {"sns topic": topics}


def _read_logs(logs: Any) -> State:
    groups = _pages(logs, "describe_log_groups", "logGroups")
    for group in groups:
        # What is in it is not what a run makes.
        group.pop("storedBytes", None)
        arn = group["arn"].removesuffix(":*")
        group["tags"] = logs.list_tags_for_resource(resourceArn=arn)["tags"]
    return {"logs group": groups}


def _read_budgets(budgets: Any) -> State:
    account = {"AccountId": ACCOUNT}
    found = budgets.describe_budgets(**account).get("Budgets", [])
    for budget in found:
        query = {**account, "BudgetName": budget["BudgetName"]}
        budget["notifications"] = budgets.describe_notifications_for_budget(**query).get("Notifications", [])
        for notification in budget["notifications"]:
            exact = {key: value for key, value in notification.items() if key != "NotificationState"}
            answer = budgets.describe_subscribers_for_notification(**query, Notification=exact)
            notification["subscribers"] = answer["Subscribers"]
    return {"budgets budget": found}


def _read_route53(route53: Any) -> State:
    zones = _pages(route53, "list_hosted_zones", "HostedZones")
    for zone in zones:
        identifier = zone["Id"].rpartition("/")[2]
        zone["records"] = _pages(route53, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=identifier)
        zone["tags"] = _route53_tags(route53, "hostedzone", identifier)
        # Authorities' names are dealt out to each zone anew, and come back in its own NS and SOA records.
        for record in zone["records"]:
            if record["Type"] in ("NS", "SOA") and record["Name"] == zone["Name"]:
                record["ResourceRecords"] = len(record["ResourceRecords"])
    checks = _pages(route53, "list_health_checks", "HealthChecks")
    for check in checks:
        check["tags"] = _route53_tags(route53, "healthcheck", check["Id"])
    return {"route53 zone": zones, "route53 health check": checks}


def _route53_tags(route53: Any, kind: str, identifier: str) -> list[dict[str, str]]:
    answer = route53.list_tags_for_resource(ResourceType=kind, ResourceId=identifier)
    return answer["ResourceTagSet"]["Tags"]


def _read_acm(acm: Any) -> State:
    certificates = []
    for item in _pages(acm, "list_certificates", "CertificateSummaryList"):
        arn = item["CertificateArn"]
        certificate = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        certificate["Tags"] = acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
        certificates.append(certificate)
    return {"acm certificate": certificates}


READERS: dict[str, Callable[[Any], State]] = {
    "ec2": _read_ec2,
    "iam": _read_iam,
    "s3": _read_s3,
    "cloudfront": _read_cloudfront,
    "secretsmanager": _read_secretsmanager,
    "cloudwatch": _read_cloudwatch,
    "sns": _read_sns,
    "logs": _read_logs,
    "budgets": _read_budgets,
    "route53": _read_route53,
    "acm": _read_acm,
}


# --- normalising ---------------------------------------------------------------------------------------------------

# What is made up anew, wherever it stands: the first group is what kind of thing it is.
_MADE_UP = re.compile(
    r"\b(?P<ec2>vpc|pl|subnet|igw|rtb|rtbassoc|acl|aclassoc|sg|sgr|i|vol|snap|eipalloc|eipassoc|eni|eni-attach|r|key|"
    r"iip-assoc|dopt|vpc-cidr-assoc|subnet-cidr-assoc)-[0-9a-f]{8,17}\b"
    r"|\b(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b"
    r"|\b(?P<domain>d[0-9a-z]{12,14})(?=\.cloudfront\.net)"
    r"|\b(?P<cloudfront>E[0-9A-Z]{12,14})\b"
    r"|(?<=hostedzone/)(?P<zone>[0-9A-Z]{10,})\b"
    r"|(?<=deployments/)(?P<deployment>\d{8}T\d{6}Z-[0-9a-f]+)\b"
    r"|(?<=secret:)(?P<secret>[\w/+=.@-]+-[A-Za-z0-9]{6})\b(?!-)"
    r"|\b(?P<role>A(?:ROA|IPA|IDA)[0-9A-Z]{12,})\b"
    r"|\b(?P<mac>(?:[0-9a-f]{2}:){5}[0-9a-f]{2})\b"
    r"|\b(?P<name>(?:ec2|ip)-\d+-\d+-\d+-\d+)(?=\.)"
    r"|(?<![\d./])(?P<address>\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?![\d./])"
)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:?\d\d)?")

# Keys whose values say when, or how often, something was done.
_VOLATILE = frozenset(
    {
        "ETag",
        "LastModifiedTime",
        "LastModified",
        "LastChangedDate",
        "LastAccessedDate",
        "CallerReference",
        "creationTime",
        "CreatedDate",
        "CreateDate",
        "CreatedTime",
        "CreateTime",
        "LaunchTime",
        "AttachTime",
        "AttachedAt",
        "LastUpdatedTime",
        "StartTime",
        "UsageOperationUpdateTime",
        "AlarmConfigurationUpdatedTimestamp",
        "StateUpdatedTimestamp",
        "StateTransitionedTimestamp",
        "StateReasonData",
        "HealthCheckVersion",
        "ReservationId",
        "RoleId",
        "S3CanonicalUserId",
        "InstanceProfileId",
        "ClientToken",
        "StateTransitionReason",
        "Serial",
        "NotBefore",
        "NotAfter",
        "IssuedAt",
        "CreatedAt",
        "SubscriptionArn",
        "SubscriptionsPending",
        "SubscriptionsConfirmed",
        "TimePeriod",
        "CalculatedSpend",
        "run",  # of static_site_sync's manifest, and of a deployment: which run it was
        "pid",
        "start",
    }
)
# Values that are generated, or a lab's own. How long they are, is asked for.
_GENERATED = frozenset({"HeaderValue", "KeyFingerprint"})
# The first behavior that matches is the one that counts.
_ORDERED = frozenset({"CacheBehaviors"})


def normalise(state: State) -> State:
    """A copy in which what is made up is called by its kind and number, lists are sorted, and times are gone."""
    bare = {kind: [_strip(item) for item in items] for kind, items in state.items()}
    ordered = {
        kind: sorted((_sort(item) for item in items), key=lambda item: _text(_blank(item)))
        for kind, items in sorted(bare.items())
    }
    numbers: dict[tuple[str, str], str] = {}
    counts: Counter[str] = Counter()

    def placeholder(found: re.Match[str]) -> str:
        kind, value = _kind(found)
        if (kind, value) not in numbers:
            counts[kind] += 1
            numbers[kind, value] = f"<{kind} {counts[kind]}>"
        return numbers[kind, value]

    return {kind: [_replace(item, placeholder) for item in items] for kind, items in ordered.items()}


def _kind(found: re.Match[str]) -> tuple[str, str]:
    if found["ec2"]:
        return found["ec2"], found[0]
    kind = found.lastgroup or ""
    return kind, found[0]


def _strip(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: f"<{len(item)} characters>" if key in _GENERATED else _strip(item)
            for key, item in value.items()
            if key not in _VOLATILE and key != "ResponseMetadata"
        }
    if isinstance(value, (list, tuple)):
        return [_strip(item) for item in value]
    if isinstance(value, (str, int, float, bool, type(None))):
        return _TIME.sub("<time>", value) if isinstance(value, str) else value
    return _TIME.sub("<time>", str(value))


def _replace(value: Any, by: Callable[[re.Match[str]], str]) -> Any:
    if isinstance(value, dict):
        return {_MADE_UP.sub(by, key): _replace(item, by) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace(item, by) for item in value]
    return _MADE_UP.sub(by, value) if isinstance(value, str) else value


def _blank(value: Any) -> Any:
    return _replace(value, lambda found: f"<{_kind(found)[0]}>")


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _sort(value: Any) -> Any:
    """Dicts by their keys, and lists by what stands in them, without what is made up."""
    if isinstance(value, dict):
        return {key: _keep(value[key]) if key in _ORDERED else _sort(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((_sort(item) for item in value), key=lambda item: _text(_blank(item)))
    return value


def _keep(value: dict[str, Any]) -> dict[str, Any]:
    """A list of CloudFront's whose order matters."""
    return {**_sort(value), **({"Items": [_sort(item) for item in value["Items"]]} if "Items" in value else {})}


# --- comparing -----------------------------------------------------------------------------------------------------


class Difference(NamedTuple):
    where: str
    expected: Any
    found: Any


def differences(expected: Any, found: Any, where: str = "") -> list[Difference]:
    """Where two normalised states differ; [] if they are equal."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted({*expected, *found})
        nothing = "(nothing)"
        return [
            difference
            for key in keys
            for difference in differences(expected.get(key, nothing), found.get(key, nothing), f"{where}/{key}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            difference
            for index, (one, other) in enumerate(zip(expected, found, strict=True))
            for difference in differences(one, other, f"{where}[{index}]")
        ]
    if isinstance(expected, list) and isinstance(found, list):
        missing = [item for item in expected if item not in found]
        surplus = [item for item in found if item not in expected]
        return [Difference(where, missing or len(expected), surplus or len(found))]
    return [] if expected == found else [Difference(where, expected, found)]


# By which name each kind of thing is known; there is one of a name.
_NAMES = {
    "ec2 vpc": "Name",
    "ec2 subnet": "Name",
    "ec2 internet gateway": "Name",
    "ec2 route table": "Name",
    "ec2 security group": "Name",
    "ec2 instance": "Name",
    "ec2 volume": "Name",
    "ec2 address": "Name",
    "ec2 key pair": ("KeyName",),
    "iam role": ("RoleName",),
    "iam instance profile": ("InstanceProfileName",),
    "s3 bucket": ("Name",),
    "cloudfront distribution": ("DistributionConfig", "Comment"),
    "cloudfront access control": ("Name",),
    "cloudfront access identity": ("Comment",),
    "secretsmanager secret": ("Name",),
    "cloudwatch alarm": ("AlarmName",),
    "sns topic": ("Attributes", "TopicArn"),
    "logs group": ("logGroupName",),
    "budgets budget": ("BudgetName",),
    "route53 zone": ("Name",),
    "route53 health check": "Name",
    "acm certificate": ("DomainName",),
}


def duplicates(state: State) -> list[str]:
    """What is there more than once under one name."""
    counted = Counter(
        (kind, name) for kind, path in _NAMES.items() for item in state.get(kind, []) for name in _names_of(item, path)
    )
    return [f"{count} of {kind} {name}" for (kind, name), count in sorted(counted.items()) if count > 1]


def _names_of(item: dict[str, Any], path: str | tuple[str, ...]) -> Iterable[str]:
    if isinstance(path, str):
        tags = item.get("Tags", item.get("tags", []))
        return [tag["Value"] for tag in tags if tag["Key"] == path]
    value: Any = item
    for key in path:
        value = value[key]
    return [value]


def leftovers(before: State, after: State) -> list[str]:
    """What kinds of things there are more of than before."""
    return [
        f"{len(after[kind]) - len(before[kind])} more of {kind}"
        for kind in after
        if len(after[kind]) > len(before[kind])
    ]
