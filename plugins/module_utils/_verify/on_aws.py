# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what checks find in what AWS says. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import broad_policies
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import Finding
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import failed
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import judge
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import not_applicable
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import passed
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import shown

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import Evidence

CLOUDFRONT_ADDRESSES = "com.amazonaws.global.cloudfront.origin-facing"
SSH = 22

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html
MODERN_TLS = ("TLSv1.2_", "TLSv1.3_")

BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


# --- identity and host -----------------------------------------------------------------------------------------


def find_identity(e: Evidence) -> Finding:
    caller = e.aws("identity")
    return judge(caller["account"] == str(e.settings["account_id"]), f"{caller['arn']} in account {caller['account']}")


def find_running(e: Evidence) -> Finding:
    instance = e.instance
    return judge(instance["state"] == "running", f"{instance['id']} ({instance['type']}) is {instance['state']}")


def find_elastic_ip(e: Evidence) -> Finding:
    instance = e.instance
    address = instance["public_ip"]
    kind = "an Elastic IP" if address in instance["elastic_ips"] else "no Elastic IP"
    return judge(address and kind == "an Elastic IP", f"{address or 'no public address'}, {kind}")


def find_imdsv2(e: Evidence) -> Finding:
    tokens = e.instance["http_tokens"]
    return judge(tokens == "required", f"HttpTokens is {tokens}")


def find_encrypted_volumes(e: Evidence) -> Finding:
    volumes = e.instance["volumes"]
    plain = [volume["id"] for volume in volumes if not volume["encrypted"]]
    if plain:
        return failed(f"not encrypted: {shown(plain)}")
    return judge(volumes, f"{len(volumes)} volumes, all encrypted")


def find_termination_protection(e: Evidence) -> Finding:
    protected = e.instance["termination_protection"]
    return judge(protected, f"DisableApiTermination is {str(bool(protected)).lower()}")


def find_role(e: Evidence) -> Finding:
    profile, role = e.instance["profile"], e.aws("role")
    if not profile:
        return failed("the instance has no instance profile")
    broad = list(broad_policies({"managed_policies": role["managed_policies"], "policies": role["policies"]}))
    if broad:
        return failed("; ".join(item.partition(". ")[0] for item in broad))
    policies = shown([*role["managed_policies"], *role["policies"]], "no policies")
    return judge(role["roles"], f"{profile} with {policies}")


# --- security groups -------------------------------------------------------------------------------------------


def _covers(rule: dict[str, Any], port: int) -> bool:
    if rule["protocol"] == "-1":
        return True
    return rule["protocol"] == "tcp" and rule["from_port"] <= port <= rule["to_port"]


def _describe(rule: dict[str, Any]) -> str:
    if rule["protocol"] == "-1":
        return f"everything from {rule['source']}"
    ports = {rule["from_port"], rule["to_port"]}
    return f"{rule['protocol']} {'-'.join(map(str, sorted(ports)))} from {rule['source']}"


def find_ssh_rules(e: Evidence) -> Finding:
    e.instance  # noqa: B018  without one there are no rules that would count
    rules = [rule for rule in e.aws("ingress") if _covers(rule, SSH)]
    sources = {rule["source"] for rule in rules}
    seen = shown(sorted(map(_describe, rules)), f"port {SSH} is closed to all")
    if e.settings["access"] != "direct":
        return judge(not rules, seen)
    wanted = {cidr.strip() for cidr in e.settings["admin_cidrs"]}
    return judge(sources == wanted and "0.0.0.0/0" not in sources, f"{seen} (admin_cidrs: {shown(sorted(wanted))})")


def find_api_rules(e: Evidence) -> Finding:
    e.instance  # noqa: B018
    port = e.settings["api_port"]
    rules = [rule for rule in e.aws("ingress") if _covers(rule, port)]
    seen = shown(sorted(map(_describe, rules)), f"port {port} is closed to all")
    return judge({rule["source"] for rule in rules} == {CLOUDFRONT_ADDRESSES}, seen)


def find_other_rules(e: Evidence) -> Finding:
    e.instance  # noqa: B018
    known = (SSH, e.settings["api_port"])
    rules = [rule for rule in e.aws("ingress") if not any(_covers(rule, port) for port in known)]
    return judge(not rules, shown(sorted(map(_describe, rules)), "no other rule"))


# --- buckets ---------------------------------------------------------------------------------------------------


def _forgets(bucket: dict[str, Any]) -> int | None:
    """After how many days replaced and deleted versions go; None if they stay for ever."""
    days = [rule["noncurrent_days"] for rule in bucket["lifecycle"] if rule["enabled"] and rule["noncurrent_days"]]
    return min(days, default=None)


def _is_tls_only(bucket: dict[str, Any]) -> bool:
    def denies(statement: dict[str, Any]) -> bool:
        insecure = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
        everybody = statement.get("Principal") in ("*", {"AWS": "*"})
        everything = "s3:*" in _as_list(statement.get("Action"))
        return statement.get("Effect") == "Deny" and everybody and everything and str(insecure).lower() == "false"

    return any(denies(statement) for statement in bucket["statements"])


def _exposures(bucket: dict[str, Any]) -> list[str]:
    """Why others than its owner could get at a bucket."""
    found = [f"{name} is off" for name in BLOCKS if not bucket["public_access_block"].get(name)]
    if bucket["ownership"] != "BucketOwnerEnforced":
        found.append(f"object ownership is {bucket['ownership']}, so that access lists count")
    return found


def find_site_versioning(e: Evidence) -> Finding:
    bucket = e.bucket("bucket")
    if not bucket["versioned"]:
        return failed(f"{bucket['name']} is not versioned")
    days = _forgets(bucket)
    return judge(days, f"versioned, replaced files are kept {f'{days} days' if days else 'for ever'}")


def find_site_privacy(e: Evidence) -> Finding:
    bucket = e.bucket("bucket")
    found = _exposures(bucket)
    return judge(not found, shown(found, "all four blocks are on, access lists are off"))


def find_site_encryption(e: Evidence) -> Finding:
    algorithm = e.bucket("bucket")["encryption"]
    return judge(algorithm, f"default encryption is {algorithm or 'off'}")


def find_site_policy(e: Evidence) -> Finding:
    bucket = e.bucket("bucket")
    if not _is_tls_only(bucket):
        return failed("requests without TLS are not denied")
    distribution, files = e.distribution, e.origin(custom=False)
    allowing = [statement for statement in bucket["statements"] if statement.get("Effect") == "Allow"]
    strangers = [
        statement.get("Sid") or str(statement.get("Principal"))
        for statement in allowing
        if not _is_ours(statement, distribution["arn"], files["access_identity"])
    ]
    if strangers:
        return failed(f"lets others in than the distribution, or do more than read: {shown(strangers)}")
    return judge(allowing, f"lets in {distribution['id'] if allowing else 'nobody'} alone, by TLS")


def _is_ours(statement: dict[str, Any], distribution_arn: str, identity: str) -> bool:
    """Whether a statement lets the distribution read objects, or list them, and nobody do anything else."""
    principal = statement.get("Principal")
    if set(_as_list(statement.get("Action"))) - {"s3:GetObject", "s3:ListBucket"}:
        return False
    if principal == {"Service": "cloudfront.amazonaws.com"}:
        equals = statement.get("Condition", {}).get("StringEquals", {})
        sources = [value for key, value in equals.items() if key.lower() == "aws:sourcearn"]
        return len(sources) == 1 and _as_list(sources[0]) == [distribution_arn]
    users = _as_list(principal.get("AWS")) if isinstance(principal, dict) else []
    return bool(identity) and [user.rpartition(" ")[2] for user in users] == [identity]


def find_site_files(e: Evidence) -> Finding:
    e.bucket("bucket")
    site = e.aws("site")
    if not site["release"]:
        return failed("nothing was published")
    if site["missing"] or site["unfinished"]:
        missing = f"not as published: {shown(site['missing'])}" if site["missing"] else "its publication did not end"
        return failed(f"release {site['release']}: {missing}")
    cached = site["page_cache_control"]
    if "immutable" in (cached or ""):
        return failed(f"browsers keep index.html: {cached}")
    return passed(
        f"release {site['release']}, {site['files']} files, index.html is {cached or 'without Cache-Control'}"
    )


# --- distribution ----------------------------------------------------------------------------------------------


def find_distribution(e: Evidence) -> Finding:
    distribution = e.distribution
    state = f"{distribution['status']}, {'enabled' if distribution['enabled'] else 'disabled'}"
    missing = sorted(set(e.settings["domain_names"]) - set(distribution["aliases"]))
    seen = f"{distribution['id']} at {distribution['domain_name']}: {state}"
    if missing:
        return failed(f"{seen}, does not answer to {shown(missing)}")
    return judge(distribution["enabled"] and distribution["status"] == "Deployed" and distribution["domain_name"], seen)


def find_origins(e: Evidence) -> Finding:
    distribution, files, api = e.distribution, e.origin(custom=False), e.origin(custom=True)
    if distribution["default_behavior"]["origin"] != files["id"]:
        return failed(f"the site's paths go to {distribution['default_behavior']['origin']}")
    paths = [behavior["path_pattern"] for behavior in distribution["behaviors"] if behavior["origin"] == api["id"]]
    if not paths:
        return failed("no path goes to the API's host")
    seen = f"{shown(paths)} to {api['domain_name']}, the rest to {files['domain_name']}"
    if api["protocol_policy"] == "http-only":
        host = e.instance["public_dns_name"]
        if (api["domain_name"], api["port"]) != (host, e.settings["api_port"]):
            wrong = f"the API's origin is {api['domain_name']}:{api['port']}"
            return failed(f"{wrong}, the host is {host}:{e.settings['api_port']}")
    return passed(seen)


def find_origin_access(e: Evidence) -> Finding:
    files = e.origin(custom=False)
    if files["access_control"]:
        return judge(
            files["signing"] == "always sigv4",
            f"origin access control, signs {files['signing'] or 'nothing: it is gone'}",
        )
    if files["access_identity"]:
        there = files.get("identity_exists")
        return judge(there, f"origin access identity {files['access_identity']}{'' if there else ', which is gone'}")
    return failed("requests to the bucket are not signed")


def find_viewer_tls(e: Evidence) -> Finding:
    if not e.settings["domain_names"]:
        return not_applicable(
            "with CloudFront's own certificate AWS ignores the setting; it needs a domain of your own"
        )
    distribution = e.distribution
    version = distribution["minimum_protocol_version"] or "not set"
    good = version.startswith(MODERN_TLS) and not distribution["default_certificate"]
    return judge(good, f"minimum is {version}")


def find_origin_tls(e: Evidence) -> Finding:
    if not e.settings["domain_names"]:
        return not_applicable(
            "the host has no name that a certificate could be for; the origin secret travels in clear"
        )
    policy = e.origin(custom=True)["protocol_policy"]
    return judge(policy == "https-only", f"CloudFront speaks {policy} with the host")


# --- backups and monitoring ------------------------------------------------------------------------------------


def find_backup_objects(e: Evidence) -> Finding:
    if not e.settings["backup_bucket"]:
        return failed("no bucket is named")
    newest = e.aws("backup_objects")["newest"]
    if not newest:
        return failed(f"nothing in {e.settings['backup_bucket']}")
    most = e.settings["backup_max_age_hours"]
    seen = f"{newest['key']}, {newest['age_hours']:.1f} hours old, {newest['size']} bytes"
    return judge(newest["age_hours"] <= most and newest["size"] > 0, seen)


def find_backup_bucket(e: Evidence) -> Finding:
    if not e.settings["backup_bucket"]:
        return failed("no bucket is named")
    bucket = e.bucket("backup_bucket")
    found = _exposures(bucket)
    found += [] if bucket["versioned"] else ["not versioned"]
    found += [] if bucket["encryption"] else ["not encrypted"]
    found += [] if _is_tls_only(bucket) else ["requests without TLS are not denied"]
    found += (
        [] if any(rule["enabled"] and rule["days"] for rule in bucket["lifecycle"]) else ["backups are kept for ever"]
    )
    found += [] if _forgets(bucket) else ["deleted backups are kept for ever"]
    return judge(not found, shown(found, f"{bucket['name']}: versioned, encrypted, private, forgets", most=10))


def find_backup_alarm(e: Evidence) -> Finding:
    alarms = [alarm for alarm in e.aws("alarms") if alarm["metric"] == "Slipway/NewestBackupAge"]
    return judge(alarms, shown([alarm["name"] for alarm in alarms], "no alarm on Slipway/NewestBackupAge"))


def find_alarms(e: Evidence) -> Finding:
    alarms = e.aws("alarms")
    mute = [alarm["name"] for alarm in alarms if not (alarm["actions_enabled"] and alarm["actions"])]
    if mute:
        return failed(f"tell nobody: {shown(mute)}")
    ringing = [alarm["name"] for alarm in alarms if alarm["state"] == "ALARM"]
    return judge(alarms, f"{len(alarms) or 'no'} alarms, in alarm now: {shown(ringing)}")


def find_recipients(e: Evidence) -> Finding:
    topics = e.aws("topics")
    subscriptions = [subscription for topic in topics for subscription in topic["subscriptions"]]
    pending = [item["endpoint"] for item in subscriptions if not item["confirmed"]]
    if pending:
        return failed(f"not confirmed: {shown(pending)}")
    empty = [topic["arn"].rpartition(":")[2] for topic in topics if not topic["subscriptions"]]
    if empty:
        return failed(f"nobody is subscribed to {shown(empty)}")
    return judge(
        topics, f"{len(subscriptions)} subscriptions of {len(topics)} topics, all confirmed" if topics else "no topic"
    )


def find_budget(e: Evidence) -> Finding:
    budgets = e.aws("budgets")
    if not budgets:
        return failed("no budget")
    notifications = [item for budget in budgets for item in budget["notifications"] if item["subscribers"]]
    kinds = sorted({item["type"] for item in notifications})
    limits = shown(f"{budget['name']} ({budget['limit']})" for budget in budgets)
    seen = f"{limits}, tells of {shown(kinds, 'nothing')}"
    return judge({"ACTUAL", "FORECASTED"} <= set(kinds), seen)


def find_billing_alarm(e: Evidence) -> Finding:
    if not e.settings["billing_alarm"]:
        return not_applicable("the inventory wants none; the budget watches the costs")
    alarms = [alarm for alarm in e.aws("alarms") if alarm["metric"] == "AWS/Billing/EstimatedCharges"]
    if not alarms:
        return failed("no alarm on AWS/Billing/EstimatedCharges")
    good = any(alarm["region"] == "us-east-1" and alarm["dimensions"].get("Currency") == "USD" for alarm in alarms)
    alarm = alarms[0]
    return judge(
        good, f"{alarm['name']} in {alarm['region']}, dimensions {alarm['dimensions']}, at {alarm['threshold']}"
    )


def find_external_check(e: Evidence) -> Finding:
    wanted = {"domain_name": e.settings["url"].partition("://")[2], "path": e.settings["health_path"]}
    checks = [check for check in e.aws("health_checks") if {key: check[key] for key in wanted} == wanted]
    running = [check for check in checks if not check["disabled"]]
    if not running:
        return failed(f"no health check asks {wanted['domain_name']}{wanted['path']}")
    identifiers = {check["id"] for check in running}
    alarms = [
        alarm
        for alarm in e.aws("alarms")
        if alarm["metric"] == "AWS/Route53/HealthCheckStatus"
        and alarm["dimensions"].get("HealthCheckId") in identifiers
    ]
    return judge(alarms, f"{shown(sorted(identifiers))} with {shown([a['name'] for a in alarms], 'no alarm')}")


def find_log_groups(e: Evidence) -> Finding:
    if not e.settings["logs"]:
        return not_applicable("the inventory sends no logs to CloudWatch; the journal on the host is capped")
    groups = e.aws("log_groups")
    endless = [group["name"] for group in groups if not group["retention_days"]]
    if endless:
        return failed(f"kept for ever: {shown(endless)}")
    kept = shown(f"{group['name']} ({group['retention_days']} days)" for group in groups)
    return judge(groups, kept if groups else "no log group")
