# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what AWS's answers say about a project, in the words that checks use. Pure. Values of
# headers that an origin gets are left out: they are secrets.

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Any

PENDING = "PendingConfirmation"


def describe_instance(
    instance: dict[str, Any], protected: bool, volumes: Iterable[dict[str, Any]], addresses: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    metadata = instance.get("MetadataOptions") or {}
    identifier = instance["InstanceId"]
    return {
        "id": identifier,
        "state": instance["State"]["Name"],
        "type": instance["InstanceType"],
        "http_tokens": metadata.get("HttpTokens"),
        "termination_protection": protected,
        "profile": instance.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2],
        "public_ip": instance.get("PublicIpAddress"),
        "public_dns_name": instance.get("PublicDnsName"),
        "elastic_ips": [item["PublicIp"] for item in addresses if item.get("InstanceId") == identifier],
        "security_group_ids": [group["GroupId"] for group in instance.get("SecurityGroups") or []],
        "volumes": [
            {"id": volume["VolumeId"], "encrypted": bool(volume.get("Encrypted")), "size": volume["Size"]}
            for volume in volumes
            if any(item.get("InstanceId") == identifier for item in volume.get("Attachments") or [])
        ],
    }


def describe_ingress(group: dict[str, Any], prefix_lists: dict[str, str]) -> list[dict[str, Any]]:
    """A group's rules, one for each source. prefix_lists: names by id."""
    rules = []
    for permission in group.get("IpPermissions") or []:
        sources = [("cidr", item["CidrIp"]) for item in permission.get("IpRanges") or []]
        sources += [("cidr", item["CidrIpv6"]) for item in permission.get("Ipv6Ranges") or []]
        sources += [
            ("prefix_list", prefix_lists.get(item["PrefixListId"], item["PrefixListId"]))
            for item in permission.get("PrefixListIds") or []
        ]
        sources += [("group", item["GroupId"]) for item in permission.get("UserIdGroupPairs") or []]
        for kind, source in sources:
            rules.append(
                {
                    "group_id": group["GroupId"],
                    "protocol": permission["IpProtocol"],
                    "from_port": permission.get("FromPort"),
                    "to_port": permission.get("ToPort"),
                    "kind": kind,
                    "source": source,
                }
            )
    return rules


def describe_behavior(behavior: dict[str, Any]) -> dict[str, Any]:
    associations = (behavior.get("FunctionAssociations") or {}).get("Items") or []
    return {
        "path_pattern": behavior.get("PathPattern", "*"),
        "origin": behavior["TargetOriginId"],
        "viewer_protocol_policy": behavior["ViewerProtocolPolicy"],
        "methods": sorted((behavior.get("AllowedMethods") or {}).get("Items") or []),
        "cache_policy": behavior.get("CachePolicyId"),
        "functions": {item["EventType"]: item["FunctionARN"] for item in associations},
    }


def describe_origin(origin: dict[str, Any]) -> dict[str, Any]:
    custom = origin.get("CustomOriginConfig") or {}
    identity = (origin.get("S3OriginConfig") or {}).get("OriginAccessIdentity", "")
    return {
        "id": origin["Id"],
        "domain_name": origin["DomainName"],
        "custom": bool(custom),
        "protocol_policy": custom.get("OriginProtocolPolicy"),
        "port": custom.get("HTTPPort"),
        "access_control": origin.get("OriginAccessControlId") or "",
        "access_identity": identity.rpartition("/")[2],
        "header_names": [item["HeaderName"] for item in (origin.get("CustomHeaders") or {}).get("Items") or []],
    }


def describe_distribution(distribution: dict[str, Any]) -> dict[str, Any]:
    config = distribution["DistributionConfig"]
    certificate = config.get("ViewerCertificate") or {}
    return {
        "id": distribution["Id"],
        "arn": distribution["ARN"],
        "domain_name": distribution["DomainName"],
        "status": distribution["Status"],
        "enabled": config["Enabled"],
        "aliases": (config.get("Aliases") or {}).get("Items") or [],
        "root_object": config.get("DefaultRootObject", ""),
        "minimum_protocol_version": certificate.get("MinimumProtocolVersion"),
        "default_certificate": bool(certificate.get("CloudFrontDefaultCertificate")),
        "origins": [describe_origin(item) for item in config["Origins"].get("Items") or []],
        "default_behavior": describe_behavior(config["DefaultCacheBehavior"]),
        "behaviors": [describe_behavior(item) for item in (config.get("CacheBehaviors") or {}).get("Items") or []],
        "error_pages": [
            {"code": item["ErrorCode"], "page": item["ResponsePagePath"]}
            for item in (config.get("CustomErrorResponses") or {}).get("Items") or []
            if item.get("ResponsePagePath")
        ],
    }


def describe_bucket(
    versioning: dict[str, Any],
    encryption: dict[str, Any],
    public_access_block: dict[str, bool],
    ownership: str | None,
    lifecycle: list[dict[str, Any]],
    policy: dict[str, Any] | None,
) -> dict[str, Any]:
    statements = (policy or {}).get("Statement", [])
    return {
        "versioned": versioning.get("Status") == "Enabled",
        "encryption": encryption.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm"),
        "public_access_block": public_access_block,
        "ownership": ownership,
        "lifecycle": [
            {
                "id": rule.get("ID", ""),
                "enabled": rule["Status"] == "Enabled",
                "days": rule.get("Expiration", {}).get("Days"),
                "noncurrent_days": rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
                "delete_markers": rule.get("Expiration", {}).get("ExpiredObjectDeleteMarker", False),
            }
            for rule in lifecycle
        ],
        "statements": [statements] if isinstance(statements, dict) else statements,
    }


def describe_newest(objects: Iterable[dict[str, Any]], now: datetime) -> dict[str, Any] | None:
    """The newest object with its age in hours; None if there is none."""
    newest = max(objects, key=lambda item: item["LastModified"], default=None)
    if newest is None:
        return None
    age = (now - newest["LastModified"]).total_seconds() / 3600
    return {"key": newest["Key"], "size": newest["Size"], "age_hours": round(age, 2)}


def describe_alarm(alarm: dict[str, Any], region: str) -> dict[str, Any]:
    return {
        "name": alarm["AlarmName"],
        "region": region,
        "metric": f"{alarm.get('Namespace', '')}/{alarm.get('MetricName', '')}",
        "dimensions": {item["Name"]: item["Value"] for item in alarm.get("Dimensions") or []},
        "threshold": alarm.get("Threshold"),
        "actions": alarm.get("AlarmActions") or [],
        "actions_enabled": alarm.get("ActionsEnabled", True),
        "state": alarm.get("StateValue"),
    }


def describe_subscription(subscription: dict[str, str]) -> dict[str, Any]:
    return {
        "protocol": subscription["Protocol"],
        "endpoint": subscription.get("Endpoint", ""),
        "confirmed": subscription["SubscriptionArn"] not in (PENDING, "Deleted"),
    }


def describe_notification(notification: dict[str, Any], subscribers: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "type": notification["NotificationType"],
        "threshold": notification["Threshold"],
        "subscribers": len(subscribers),
    }


def describe_health_check(check: dict[str, Any]) -> dict[str, Any]:
    config = check["HealthCheckConfig"]
    return {
        "id": check["Id"],
        "type": config["Type"],
        "domain_name": config.get("FullyQualifiedDomainName", ""),
        "path": config.get("ResourcePath", ""),
        "port": config.get("Port"),
        "disabled": config.get("Disabled", False),
    }
