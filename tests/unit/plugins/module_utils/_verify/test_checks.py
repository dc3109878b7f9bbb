# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Every check, on evidence in which all is well but one thing: it alone must see that thing."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.slipway.aws.plugins.module_utils._verify.checks import CHECKS
from ansible_collections.slipway.aws.plugins.module_utils._verify.checks import make_checks
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import CHECKLISTS
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import FAIL
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import NOT_APPLICABLE
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import PASS
from ansible_collections.slipway.aws.plugins.module_utils._verify.on_host import read_origins

ROOT = Path(__file__).resolve().parents[5]

URL = "https://shop.example.com"
CDN = "d111111abcdef8.cloudfront.net"
ARN = "arn:aws:cloudfront::123456789012:distribution/E1EXAMPLE"
TLS_ONLY = {
    "Sid": "DenyInsecureTransport",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": "arn:aws:s3:::b/*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
OAC = {
    "Sid": "AllowCloudFrontOAC",
    "Effect": "Allow",
    "Principal": {"Service": "cloudfront.amazonaws.com"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::b/*",
    "Condition": {"StringEquals": {"AWS:SourceArn": ARN}},
}
OAI = {
    "Sid": "AllowCloudFrontOAI",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2IDENTITY"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::b/*",
}
PRIVATE = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
CLOUDFRONT_ADDRESSES = "com.amazonaws.global.cloudfront.origin-facing"
HEALTHY = '{"status": "healthy", "release": "r1"}'
PAGE_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
}


def rule(port: int, kind: str, source: str, **more: Any) -> dict[str, Any]:
    ports = {"from_port": port, "to_port": port}
    return {"group_id": "sg-1", "protocol": "tcp", **ports, "kind": kind, "source": source, **more}


def answer(status: int | None, content_type: str = "", body: str = "", **more: Any) -> dict[str, Any]:
    headers = {**({"content-type": content_type} if content_type else {}), **more.pop("headers", {})}
    return {
        **{"url": f"{URL}/asked", "status": status, "headers": headers, "body": body, "body_sha256": "0"},
        **{"tls": "TLSv1.3", "error": "" if status else "no answer in time", **more},
    }


def unit(name: str, **more: str) -> dict[str, str]:
    loaded = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "Result": "success"}
    return {"name": name, **loaded, "ExecMainStatus": "0", **more}


def bucket(name: str, *statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        **{"name": name, "exists": True, "versioned": True, "encryption": "AES256", "public_access_block": PRIVATE},
        **{"ownership": "BucketOwnerEnforced", "statements": list(statements)},
        "lifecycle": [
            {"id": "expire", "enabled": True, "days": 30, "noncurrent_days": None, "delete_markers": False},
            {"id": "forget", "enabled": True, "days": None, "noncurrent_days": 30, "delete_markers": False},
        ],
        **more,
    }


def alarm(name: str, metric: str, **dimensions: str) -> dict[str, Any]:
    return {
        **{"name": f"shop-{name}", "region": "us-east-1", "metric": metric, "dimensions": dimensions},
        **{"threshold": 1, "actions": ["arn:topic"], "actions_enabled": True, "state": "OK"},
    }


GOOD: dict[str, Any] = {
    "settings": {
        "project_name": "shop",
        "account_id": "123456789012",
        "access": "direct",
        "admin_cidrs": ["203.0.113.7/32"],
        "url": URL,
        "domain_names": ["shop.example.com"],
        "client_routes": True,
        "api_port": 8000,
        "api_paths": ["/api/items"],
        "health_path": "/api/health",
        "health_body": {"status": "healthy"},
        "secret_header": "X-Origin-Secret",
        "app_name": "shop",
        "database": "/var/lib/shop/app.db",
        "migrates": True,
        "open_ports": [22, 8000],
        "backup_timer": "shop-backup.timer",
        "backup_bucket": "shop-backups",
        "backup_max_age_hours": 26,
        "logs": True,
        "agent_unit": "amazon-cloudwatch-agent.service",
        "billing_alarm": True,
    },
    "aws": {
        "identity": {"account": "123456789012", "arn": "arn:aws:iam::123456789012:user/admin"},
        "instances": [
            {
                "id": "i-1",
                "state": "running",
                "type": "t3.micro",
                "http_tokens": "required",
                "termination_protection": True,
                "profile": "shop-backend",
                "public_ip": "198.51.100.7",
                "public_dns_name": "ec2-198-51-100-7.compute-1.amazonaws.com",
                "elastic_ips": ["198.51.100.7"],
                "security_group_ids": ["sg-1"],
                "volumes": [
                    {"id": "vol-1", "encrypted": True, "size": 20},
                    {"id": "vol-2", "encrypted": True, "size": 9},
                ],
            }
        ],
        "ingress": [rule(8000, "prefix_list", CLOUDFRONT_ADDRESSES), rule(22, "cidr", "203.0.113.7/32")],
        "role": {
            "profile": "shop-backend",
            "roles": ["shop-backend"],
            "managed_policies": ["AmazonSSMManagedInstanceCore"],
            "policies": {"logs": {"Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "arn:logs"}]}},
        },
        "bucket": bucket("shop-frontend", TLS_ONLY, OAC),
        "site": {"release": "f1", "files": 9, "missing": [], "unfinished": False, "page_cache_control": "no-cache"},
        "distributions": [
            {
                "id": "E1EXAMPLE",
                "arn": ARN,
                "domain_name": CDN,
                "status": "Deployed",
                "enabled": True,
                "aliases": ["shop.example.com"],
                "root_object": "index.html",
                "minimum_protocol_version": "TLSv1.2_2021",
                "default_certificate": False,
                "origins": [
                    {
                        **{"id": "files", "domain_name": "b.s3.us-east-1.amazonaws.com", "custom": False},
                        **{"access_control": "E2", "access_identity": "", "signing": "always sigv4"},
                        **{"protocol_policy": None, "port": None, "header_names": []},
                    },
                    {
                        **{"id": "api", "domain_name": "origin.shop.example.com", "custom": True, "port": 80},
                        **{"access_control": "", "access_identity": "", "protocol_policy": "https-only"},
                        "header_names": ["X-Origin-Secret"],
                    },
                ],
                "default_behavior": {
                    **{"path_pattern": "*", "origin": "files", "viewer_protocol_policy": "redirect-to-https"},
                    "methods": ["GET", "HEAD"],
                },
                "behaviors": [
                    {
                        **{"path_pattern": "/api/*", "origin": "api", "viewer_protocol_policy": "https-only"},
                        "methods": ["GET", "HEAD", "POST"],
                    }
                ],
                "error_pages": [],
            }
        ],
        "backup_bucket": bucket("shop-backups", TLS_ONLY),
        "backup_objects": {"newest": {"key": "app.db-1/database.zst", "size": 4096, "age_hours": 3.5}},
        "log_groups": [{"name": "/aws/ec2/shop/application", "retention_days": 30}],
        "alarms": [
            alarm("backup-old", "Slipway/NewestBackupAge", Project="shop", Database="app.db"),
            alarm("unreachable", "AWS/Route53/HealthCheckStatus", HealthCheckId="hc-1"),
            alarm("charges", "AWS/Billing/EstimatedCharges", Currency="USD"),
        ],
        "topics": [
            {
                "arn": "arn:aws:sns:us-east-1:123456789012:shop-alerts",
                "subscriptions": [{"protocol": "email", "endpoint": "ops@example.com", "confirmed": True}],
            }
        ],
        "budgets": [
            {
                "name": "shop",
                "limit": "20 USD",
                "notifications": [
                    {"type": "ACTUAL", "threshold": 80, "subscribers": 1},
                    {"type": "FORECASTED", "threshold": 100, "subscribers": 1},
                ],
            }
        ],
        "health_checks": [
            {
                **{"id": "hc-1", "type": "HTTPS", "domain_name": "shop.example.com", "path": "/api/health"},
                **{"port": 443, "disabled": False},
            }
        ],
    },
    "host": {
        "live": {
            **{"slot": "a", "release": "r1", "directory": "/opt/shop/releases/r1", "complete": True},
            "python": "3.13.5",
        },
        "unit": unit(
            "shop-a.service",
            NRestarts="0",
            User="shop",
            Restart="on-failure",
            StartLimitBurst="60",
            NoNewPrivileges="yes",
            ProtectSystem="strict",
            ProtectHome="yes",
            PrivateTmp="yes",
            PrivateDevices="yes",
            CapabilityBoundingSet="",
        ),
        "exposure": {"unit": "shop-a.service", "level": 0.9},
        "log": {"unit": "shop-a.service", "lines": 12, "errors": 0},
        "environment": {
            "path": "/etc/shop/a.env",
            "owner": "root",
            "mode": "0600",
            "names": ["APP_SECRET_KEY", "CORS_ORIGINS", "DEBUG", "LOG_LEVEL"],
            "values": {"CORS_ORIGINS": f'["{URL}"]', "DEBUG": "false", "LOG_LEVEL": "INFO"},
        },
        "code": {"directory": "/opt/shop/releases/r1", "entries": 2240, "foreign": 0, "named": []},
        "dependencies": {"uv": "/usr/local/bin/uv", "uv_version": "0.13.8", "complete": True, "said": ["All well"]},
        "migrations": {"directory": "/opt/shop/releases/r1/migrations/versions", "heads": ["0002"]},
        "health": {"port": 8101, "path": "/api/health", "status": 200, "body": HEALTHY, "error": ""},
        "stranger": {"port": 8000, "path": "/api/health", "status": 403, "body": "", "error": ""},
        "user": {"name": "shop", "uid": 995, "shell": "/usr/sbin/nologin", "groups": []},
        "mount": {"mount_point": "/var/lib/shop", "mounted": True, "file_system": "ext4", "at_boot": True},
        "proxy": unit("haproxy.service"),
        "updates": {
            "installed": True,
            "lists": "1",
            "upgrade": "1",
            "origins": ["origin=Debian,codename=${distro_codename}-security,label=Debian-Security"],
            "reboot": "true",
            "reboot_time": "04:00",
            "timer": unit("apt-daily-upgrade.timer"),
        },
        "sshd": {
            **{"passwordauthentication": "no", "kbdinteractiveauthentication": "no", "permitrootlogin": "no"},
            "pubkeyauthentication": "yes",
        },
        "listening": [
            {"port": 22, "loopback": False, "family": 4},
            {"port": 8000, "loopback": False, "family": 4},
            {"port": 8101, "loopback": True, "family": 4},
        ],
        "timers": {
            "shop-backup.timer": unit(
                "shop-backup.timer",
                NextElapseUSecRealtime="Sun 2026-11-22 02:00:00 UTC",
                service=unit("shop-backup.service", UnitFileState="static", ActiveState="inactive"),
            )
        },
        "units": {"amazon-cloudwatch-agent.service": unit("amazon-cloudwatch-agent.service")},
        "database": {
            **{"path": "/var/lib/shop/app.db", "exists": True, "owner": "shop", "mode": "0600", "size": 32768},
            "directory": {"path": "/var/lib/shop", "owner": "shop", "mode": "0700"},
            **{"journal_mode": "wal", "check": "ok", "tables": 3, "revisions": ["0002"], "error": ""},
        },
        "backups": {
            **{"directory": "/var/backups/shop", "exists": True, "owner": "shop", "mode": "0700", "count": 7},
            "faulty": [],
            "newest": {"id": "app.db-1", "size": 4096, "age_hours": 3.5, "owner": "shop", "mode": "0600"},
        },
    },
    "web": {
        "answers": {
            "page": answer(
                200,
                headers=PAGE_HEADERS,
                body_sha256="page",
                assets=[
                    {
                        **{"url": f"{URL}/assets/index-1.js", "status": 200, "content_type": "text/javascript"},
                        **{"local_addresses": [], "error": ""},
                    }
                ],
            ),
            "plain": answer(301, headers={"location": f"{URL}/"}, tls=None),
            "route": answer(200, "text/html", body_sha256="page"),
            "manifest": answer(404),
            "health": answer(200, "application/json", HEALTHY),
            "missing": answer(404, "application/json"),
            "cors": answer(200, headers={"access-control-allow-origin": URL}),
            "cors stranger": answer(400),
            "object": answer(403, "application/xml"),
            "api /api/items": answer(200, "application/json", "[]"),
        },
        "ports": {"api": {"host": "198.51.100.7", "port": 8000, "open": False, "error": "no answer in time"}},
    },
}

GONE = object()


def change(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The good evidence with other values at some places, written as 'aws/instances/0/state'."""
    evidence = copy.deepcopy(GOOD)
    for place, value in changes:
        *path, last = [int(key) if key.isdigit() else key for key in place.replace("//", "\0").split("/")]
        target = evidence
        for key in path:
            target = target[key.replace("\0", "/") if isinstance(key, str) else key]
        last = last.replace("\0", "/") if isinstance(last, str) else last
        if value is GONE:
            del target[last]
        else:
            target[last] = value
    return evidence


def check(evidence: dict[str, Any]) -> dict[str, dict[str, Any]]:
    results = make_checks(evidence["settings"], evidence["aws"], evidence["host"], evidence["web"])
    return {result["id"]: result for result in results}


def ids(results: dict[str, dict[str, Any]], status: str) -> set[str]:
    return {name for name, result in results.items() if result["status"] == status}


I0, D0 = "aws/instances/0", "aws/distributions/0"
INGRESS = GOOD["aws"]["ingress"]
NO_DOMAIN = [
    ("settings/domain_names", []),
    ("settings/url", f"https://{CDN}"),
    (f"{D0}/aliases", []),
    (f"{D0}/minimum_protocol_version", "TLSv1"),
    (f"{D0}/default_certificate", True),
    (f"{D0}/origins/1/protocol_policy", "http-only"),
    (f"{D0}/origins/1/domain_name", "ec2-198-51-100-7.compute-1.amazonaws.com"),
    (f"{D0}/origins/1/port", 8000),
    ("host/environment/values/CORS_ORIGINS", f'["https://{CDN}"]'),
    ("web/answers/cors/headers", {"access-control-allow-origin": f"https://{CDN}"}),
    ("aws/health_checks/0/domain_name", CDN),
]

# What is not well -> the check that says so, and a part of what it has seen.
FAULTS = [
    ("account", "in account 210987654321", [("aws/identity/account", "210987654321")]),
    ("host-running", "i-1 (t3.micro) is stopped", [(f"{I0}/state", "stopped")]),
    ("host-elastic-ip", "no Elastic IP", [(f"{I0}/elastic_ips", [])]),
    ("host-elastic-ip", "no public address", [(f"{I0}/public_ip", None), (f"{I0}/elastic_ips", [])]),
    ("host-imdsv2", "HttpTokens is optional", [(f"{I0}/http_tokens", "optional")]),
    ("host-imdsv2", "HttpTokens is None", [(f"{I0}/http_tokens", None)]),
    ("host-volumes-encrypted", "not encrypted: vol-2", [(f"{I0}/volumes/1/encrypted", False)]),
    ("host-volumes-encrypted", "0 volumes", [(f"{I0}/volumes", [])]),
    ("host-termination-protection", "is false", [(f"{I0}/termination_protection", False)]),
    ("host-role", "no instance profile", [(f"{I0}/profile", "")]),
    ("host-role", "AdministratorAccess", [("aws/role/managed_policies", ["AdministratorAccess"])]),
    ("host-role", "AmazonS3FullAccess", [("aws/role/managed_policies", ["AmazonS3FullAccess"])]),
    (
        "host-role",
        "all allows every action",
        [("aws/role/policies", {"all": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}})],
    ),
    ("host-role", "", [("aws/role/roles", [])]),
    ("sg-ssh", "tcp 22 from 0.0.0.0/0", [("aws/ingress", [*INGRESS, rule(22, "cidr", "0.0.0.0/0")])]),
    ("sg-ssh", "tcp 22 from ::/0", [("aws/ingress", [*INGRESS, rule(22, "cidr", "::/0")])]),
    ("sg-ssh", "tcp 20-30 from", [("aws/ingress", [*INGRESS, rule(20, "cidr", "192.0.2.0/24", to_port=30)])]),
    ("sg-ssh", "closed to all", [("aws/ingress", INGRESS[:1])]),
    ("sg-ssh", "", [("settings/access", "ssm")]),
    (
        "sg-ssh",
        "tcp 22 from 0.0.0.0/0",
        [("settings/admin_cidrs", ["0.0.0.0/0"]), ("aws/ingress", [INGRESS[0], rule(22, "cidr", "0.0.0.0/0")])],
    ),
    ("sg-api", "tcp 8000 from 192.0.2.0/24", [("aws/ingress", [*INGRESS, rule(8000, "cidr", "192.0.2.0/24")])]),
    ("sg-api", "closed to all", [("aws/ingress", INGRESS[1:])]),
    ("sg-others", "tcp 5432 from 10.0.0.0/8", [("aws/ingress", [*INGRESS, rule(5432, "cidr", "10.0.0.0/8")])]),
    (
        "sg-others",
        "udp 8000 from",
        [("aws/ingress", [*INGRESS, rule(8000, "cidr", "10.0.0.0/8", protocol="udp")])],
    ),
    ("site-bucket-versioned", "not versioned", [("aws/bucket/versioned", False)]),
    ("site-bucket-versioned", "for ever", [("aws/bucket/lifecycle/1/enabled", False)]),
    (
        "site-bucket-private",
        "BlockPublicPolicy is off",
        [("aws/bucket/public_access_block", {**PRIVATE, "BlockPublicPolicy": False})],
    ),
    ("site-bucket-private", "RestrictPublicBuckets is off", [("aws/bucket/public_access_block", {})]),
    ("site-bucket-private", "ObjectWriter", [("aws/bucket/ownership", "ObjectWriter")]),
    ("site-bucket-encrypted", "is off", [("aws/bucket/encryption", None)]),
    ("site-bucket-policy", "without TLS", [("aws/bucket/statements", [OAC])]),
    ("site-bucket-policy", "without TLS", [("aws/bucket/statements", [{**TLS_ONLY, "Action": "s3:GetObject"}, OAC])]),
    ("site-bucket-policy", "nobody", [("aws/bucket/statements", [TLS_ONLY])]),
    (
        "site-bucket-policy",
        "Partner",
        [
            (
                "aws/bucket/statements",
                [TLS_ONLY, OAC, {**OAC, "Sid": "Partner", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}}],
            )
        ],
    ),
    ("site-bucket-policy", "AllowCloudFrontOAC", [("aws/bucket/statements", [TLS_ONLY, {**OAC, "Condition": {}}])]),
    ("site-bucket-policy", "AllowCloudFrontOAC", [("aws/bucket/statements", [TLS_ONLY, {**OAC, "Action": "s3:*"}])]),
    ("site-bucket-policy", "AllowCloudFrontOAI", [("aws/bucket/statements", [TLS_ONLY, OAC, OAI])]),
    ("site-object-direct", ": 200", [("web/answers/object", answer(200, "text/html"))]),
    ("site-files", "nothing was published", [("aws/site/release", None)]),
    ("site-files", "assets/x.js", [("aws/site/missing", ["assets/x.js"])]),
    ("site-files", "did not end", [("aws/site/unfinished", True)]),
    ("site-files", "browsers keep index.html", [("aws/site/page_cache_control", "max-age=31536000, immutable")]),
    (
        "site-production-build",
        "http://localhost:8000",
        [("web/answers/page/assets/0/local_addresses", ["http://localhost:8000"])],
    ),
    ("cdn-distribution", "disabled", [(f"{D0}/enabled", False)]),
    ("cdn-distribution", "InProgress", [(f"{D0}/status", "InProgress")]),
    ("cdn-distribution", "does not answer to shop.example.com", [(f"{D0}/aliases", [])]),
    ("cdn-origins", "no path goes to the API", [(f"{D0}/behaviors", [])]),
    ("cdn-origins", "the site's paths go to api", [(f"{D0}/default_behavior/origin", "api")]),
    ("cdn-origins", "ec2-192-0-2-1", [*NO_DOMAIN, (f"{D0}/origins/1/domain_name", "ec2-192-0-2-1.amazonaws.com")]),
    ("cdn-origins", ":9000", [*NO_DOMAIN, (f"{D0}/origins/1/port", 9000)]),
    ("cdn-origin-access", "never sigv4", [(f"{D0}/origins/0/signing", "never sigv4")]),
    ("cdn-origin-access", "it is gone", [(f"{D0}/origins/0/signing", None)]),
    ("cdn-origin-access", "not signed", [(f"{D0}/origins/0/access_control", "")]),
    (
        "cdn-origin-access",
        "which is gone",
        [
            (f"{D0}/origins/0/access_control", ""),
            (f"{D0}/origins/0/access_identity", "E2IDENTITY"),
            (f"{D0}/origins/0/identity_exists", False),
            ("aws/bucket/statements", [TLS_ONLY, OAI]),
        ],
    ),
    ("cdn-https", "/api/* (allow-all)", [(f"{D0}/behaviors/0/viewer_protocol_policy", "allow-all")]),
    ("cdn-https", "/api/* (redirect-to-https)", [(f"{D0}/behaviors/0/viewer_protocol_policy", "redirect-to-https")]),
    ("cdn-https", "* (allow-all)", [(f"{D0}/default_behavior/viewer_protocol_policy", "allow-all")]),
    ("cdn-https", "200 text/html, to nowhere", [("web/answers/plain", answer(200, "text/html"))]),
    ("cdn-tls", "TLSv1.1_2016", [(f"{D0}/minimum_protocol_version", "TLSv1.1_2016")]),
    ("cdn-tls", "minimum is TLSv1", [(f"{D0}/minimum_protocol_version", "TLSv1")]),
    ("origin-tls", "match-viewer", [(f"{D0}/origins/1/protocol_policy", "match-viewer")]),
    ("cdn-security-headers", "without x-frame-options", [("web/answers/page/headers/x-frame-options", GONE)]),
    ("cdn-hidden-files", ": 200", [("web/answers/manifest", answer(200, "application/json"))]),
    ("site-page", ": 200 text/plain", [("web/answers/page/headers/content-type", "text/plain")]),
    ("site-page", ": 503 text/html", [("web/answers/page/status", 503)]),
    ("site-assets", "index-1.js: 404", [("web/answers/page/assets/0/status", 404)]),
    ("site-assets", "text/html", [("web/answers/page/assets/0/content_type", "text/html")]),
    ("site-routes", ": 404", [("web/answers/route", answer(404, "text/html"))]),
    ("site-routes", "another page", [("web/answers/route/body_sha256", "other")]),
    ("api-health", "status is degraded", [("web/answers/health/body", '{"status": "degraded"}')]),
    ("api-health", "status 502", [("web/answers/health", answer(502, "text/html"))]),
    ("api-health", "no JSON object", [("web/answers/health/body", "<html>")]),
    ("api-health", "no answer", [("web/answers/health", answer(None))]),
    ("api-paths", ": 500", [("web/answers/api //api//items", answer(500, "application/json"))]),
    ("api-paths", "text/html", [("web/answers/api //api//items", answer(200, "text/html"))]),
    ("api-errors", "404 as /index.html", [(f"{D0}/error_pages", [{"code": 404, "page": "/index.html"}])]),
    ("api-errors", ": 200 text/html", [("web/answers/missing", answer(200, "text/html"))]),
    ("api-cors", "any page", [("web/answers/cors stranger/headers", {"access-control-allow-origin": "*"})]),
    (
        "api-cors",
        "any page",
        [("web/answers/cors stranger/headers", {"access-control-allow-origin": "https://stranger.example"})],
    ),
    ("api-cors", "not let in", [("web/answers/cors/headers", {})]),
    ("api-cors", "no answer in time", [("web/answers/cors", answer(None))]),
    ("host-port-closed", "198.51.100.7:8000 is open", [("web/ports/api/open", True)]),
    ("host-origin-secret", "sends no X-Origin-Secret", [(f"{D0}/origins/1/header_names", [])]),
    ("host-origin-secret", "status 200", [("host/stranger/status", 200)]),
    ("host-origin-secret", "no answer (refused)", [("host/stranger/status", None), ("host/stranger/error", "refused")]),
    ("app-release", "not built to its end", [("host/live/complete", False)]),
    ("app-dependencies", "Python 3.9.2", [("host/live/python", "3.9.2")]),
    ("app-dependencies", "no Python of its own", [("host/live/python", None)]),
    (
        "app-dependencies",
        "requires anyio",
        [("host/dependencies/complete", False), ("host/dependencies/said", ["starlette requires anyio"])],
    ),
    ("app-environment-file", "0644", [("host/environment/mode", "0644")]),
    ("app-environment-file", "shop, 0600", [("host/environment/owner", "shop")]),
    ("app-environment-file", "/opt/shop", [("host/environment/path", "/opt/shop/releases/r1/.env")]),
    ("app-debug", "DEBUG is True", [("host/environment/values/DEBUG", "True")]),
    ("app-log-level", "LOG_LEVEL is debug", [("host/environment/values/LOG_LEVEL", "debug")]),
    ("app-cors-origins", "CORS_ORIGINS is *", [("host/environment/values/CORS_ORIGINS", "*")]),
    ("app-cors-origins", "http://", [("host/environment/values/CORS_ORIGINS", '["http://shop.example.com"]')]),
    ("app-cors-origins", "evil", [("host/environment/values/CORS_ORIGINS", f"{URL},https://evil.example")]),
    ("app-cors-origins", "is none", [("host/environment/values/CORS_ORIGINS", "[]")]),
    ("app-migrations", "database at 0001, release at 0002", [("host/database/revisions", ["0001"])]),
    ("app-migrations", "database at none", [("host/database/revisions", [])]),
    ("app-migrations", "release at none", [("host/migrations/heads", [])]),
    ("app-enabled", "is disabled", [("host/unit/UnitFileState", "disabled")]),
    ("app-active", "is failed", [("host/unit/ActiveState", "failed")]),
    ("app-active", "status 500", [("host/health/status", 500)]),
    ("app-active", "status is degraded", [("host/health/body", '{"status": "degraded"}')]),
    ("app-restarts", "Restart=no", [("host/unit/Restart", "no")]),
    ("app-restarts", "after 0 starts", [("host/unit/StartLimitBurst", "0")]),
    ("app-hardening", "ProtectSystem=no", [("host/unit/ProtectSystem", "no")]),
    ("app-hardening", "CapabilityBoundingSet=cap_chown", [("host/unit/CapabilityBoundingSet", "cap_chown")]),
    ("app-hardening", "says 4.5", [("host/exposure/level", 4.5)]),
    ("app-user", "runs as root", [("host/unit/User", "")]),
    ("app-user", "/bin/bash", [("host/user/shell", "/bin/bash")]),
    ("app-user", "in docker", [("host/user/groups", ["docker", "users"])]),
    ("app-code", "/opt/x", [("host/code/foreign", 2), ("host/code/named", ["/opt/x", "/opt/y"])]),
    ("app-log", "3 errors", [("host/log/errors", 3)]),
    ("db-intact", "quick_check row 5 missing", [("host/database/check", "row 5 missing")]),
    ("db-intact", "0 tables", [("host/database/tables", 0)]),
    ("db-permissions", "0644", [("host/database/mode", "0644")]),
    ("db-permissions", "0755", [("host/database/directory/mode", "0755")]),
    ("db-permissions", "root, 0600", [("host/database/owner", "root")]),
    ("db-wal", "journal_mode is delete", [("host/database/journal_mode", "delete")]),
    ("host-reboot", "haproxy.service is disabled", [("host/proxy/UnitFileState", "disabled")]),
    ("host-reboot", "nothing is mounted", [("host/mount/mounted", False)]),
    ("host-reboot", "not in /etc/fstab", [("host/mount/at_boot", False)]),
    ("host-updates", "not installed", [("host/updates/installed", False)]),
    ("host-updates", "Unattended-Upgrade is off", [("host/updates/upgrade", "0")]),
    ("host-updates", "lists are not updated", [("host/updates/lists", "0")]),
    ("host-updates", "no security archive", [("host/updates/origins", ["origin=Debian"])]),
    ("host-updates", "is masked", [("host/updates/timer/UnitFileState", "masked")]),
    ("host-ssh", "passwordauthentication yes", [("host/sshd/passwordauthentication", "yes")]),
    ("host-ssh", "permitrootlogin without-password", [("host/sshd/permitrootlogin", "without-password")]),
    ("host-ssh", "pubkeyauthentication no", [("host/sshd/pubkeyauthentication", "no")]),
    (
        "host-listening",
        "nobody asked for 5432",
        [("host/listening", [*GOOD["host"]["listening"], {"port": 5432, "loopback": False, "family": 6}])],
    ),
    ("backup-scheduled", "inactive", [("host/timers/shop-backup.timer/ActiveState", "inactive")]),
    ("backup-scheduled", "disabled", [("host/timers/shop-backup.timer/UnitFileState", "disabled")]),
    ("backup-scheduled", "no time", [("host/timers/shop-backup.timer/NextElapseUSecRealtime", "")]),
    (
        "backup-recent",
        "ended with exit-code, exit status 1",
        [
            ("host/timers/shop-backup.timer/service/Result", "exit-code"),
            ("host/timers/shop-backup.timer/service/ExecMainStatus", "1"),
        ],
    ),
    ("backup-recent", "50.0 hours old", [("host/backups/newest/age_hours", 50.0)]),
    ("backup-good", "its file has 3 bytes", [("host/backups/faulty", ["app.db-0: its file has 3 bytes, not 4"])]),
    ("backup-permissions", "0755", [("host/backups/mode", "0755")]),
    ("backup-permissions", "app.db-1: 0644", [("host/backups/newest/mode", "0644")]),
    ("backup-offsite", "50.0 hours old", [("aws/backup_objects/newest/age_hours", 50.0)]),
    ("backup-offsite", "nothing in shop-backups", [("aws/backup_objects/newest", None)]),
    ("backup-offsite", "0 bytes", [("aws/backup_objects/newest/size", 0)]),
    ("backup-bucket", "not versioned", [("aws/backup_bucket/versioned", False)]),
    ("backup-bucket", "not encrypted", [("aws/backup_bucket/encryption", None)]),
    ("backup-bucket", "without TLS", [("aws/backup_bucket/statements", [])]),
    ("backup-bucket", "backups are kept for ever", [("aws/backup_bucket/lifecycle/0/days", None)]),
    ("backup-bucket", "deleted backups are kept for ever", [("aws/backup_bucket/lifecycle/1/noncurrent_days", None)]),
    ("backup-bucket", "is off", [("aws/backup_bucket/public_access_block", {})]),
    ("backup-bucket", "no bucket shop-backups", [("aws/backup_bucket", {"name": "shop-backups", "exists": False})]),
    ("backup-alarm", "no alarm", [("aws/alarms", GOOD["aws"]["alarms"][1:])]),
    ("health-check", "no health check asks", [("aws/health_checks", [])]),
    ("health-check", "no health check asks", [("aws/health_checks/0/disabled", True)]),
    ("health-check", "no health check asks", [("aws/health_checks/0/path", "/")]),
    ("health-check", "hc-1 with no alarm", [("aws/alarms/1/dimensions", {"HealthCheckId": "hc-2"})]),
    ("alarms", "tell nobody: shop-backup-old", [("aws/alarms/0/actions", [])]),
    ("alarms", "tell nobody: shop-backup-old", [("aws/alarms/0/actions_enabled", False)]),
    ("alarm-recipients", "ops@example.com", [("aws/topics/0/subscriptions/0/confirmed", False)]),
    ("alarm-recipients", "nobody is subscribed to shop-alerts", [("aws/topics/0/subscriptions", [])]),
    ("alarm-recipients", "no topic", [("aws/topics", [])]),
    ("budget", "no budget", [("aws/budgets", [])]),
    ("budget", "tells of ACTUAL", [("aws/budgets/0/notifications/1/subscribers", 0)]),
    ("billing-alarm", "no alarm", [("aws/alarms", GOOD["aws"]["alarms"][:2])]),
    ("billing-alarm", "eu-west-1", [("aws/alarms/2/region", "eu-west-1")]),
    ("billing-alarm", "dimensions {}", [("aws/alarms/2/dimensions", {})]),
    ("logs-retention", "kept for ever: /aws/ec2/shop", [("aws/log_groups/0/retention_days", None)]),
    ("logs-retention", "no log group", [("aws/log_groups", [])]),
    ("logs-agent", "inactive", [("host/units/amazon-cloudwatch-agent.service/ActiveState", "inactive")]),
    ("logs-agent", "disabled", [("host/units/amazon-cloudwatch-agent.service/UnitFileState", "disabled")]),
]

# What a project does without -> the checks that do not concern it.
WITHOUT = [
    ({"cdn-tls", "origin-tls"}, NO_DOMAIN),
    ({"api-paths"}, [("settings/api_paths", [])]),
    ({"site-routes"}, [("settings/client_routes", False), ("web/answers/route", answer(404))]),
    (
        {"app-cors-origins"},
        [
            ("host/environment/values/CORS_ORIGINS", GONE),
            ("host/environment/names", ["DEBUG"]),
            ("web/answers/cors/headers", {}),
        ],
    ),
    ({"app-migrations"}, [("settings/migrates", False), ("host/migrations", {"error": "no alembic.ini"})]),
    (
        {"app-migrations", "db-intact", "db-permissions", "db-wal"},
        [("settings/database", ""), ("host/database", GONE)],
    ),
    ({"billing-alarm"}, [("settings/billing_alarm", False), ("aws/alarms", GOOD["aws"]["alarms"][:2])]),
    (
        {"logs-retention", "logs-agent"},
        [("settings/logs", False), ("aws/log_groups", GONE), ("host/units", {})],
    ),
]

# Other ways in which all is well.
ALSO_WELL = [
    [("host/environment/values/DEBUG", GONE), ("host/environment/values/LOG_LEVEL", GONE)],
    [("settings/access", "ssm"), ("settings/admin_cidrs", []), ("aws/ingress", INGRESS[:1])],
    [
        (f"{D0}/origins/0/access_control", ""),
        (f"{D0}/origins/0/access_identity", "E2IDENTITY"),
        (f"{D0}/origins/0/identity_exists", True),
        ("aws/bucket/statements", [TLS_ONLY, OAI]),
    ],
    [("host/environment/values/CORS_ORIGINS", f"{URL}/, https://{CDN}")],
    [(f"{D0}/minimum_protocol_version", "TLSv1.3_2025")],
    [("aws/alarms/0/state", "ALARM")],
]


def test_all_is_well():
    results = check(GOOD)
    assert ids(results, PASS) == set(results)
    for result in results.values():
        assert result["seen"]
        assert (result["why"], result["remedy"]) == ("", "")


@pytest.mark.parametrize(("expected", "seen", "changes"), FAULTS)
def test_a_fault_is_seen_by_its_check_alone(expected, seen, changes):
    results = check(change(*changes))
    assert ids(results, FAIL) == {expected}, {name: results[name]["seen"] for name in ids(results, FAIL)}
    assert seen in results[expected]["seen"]
    assert results[expected]["why"]
    assert results[expected]["remedy"]


@pytest.mark.parametrize(("expected", "changes"), WITHOUT)
def test_what_a_project_does_without_is_not_applicable(expected, changes):
    results = check(change(*changes))
    assert ids(results, NOT_APPLICABLE) == expected
    assert ids(results, FAIL) == set()


@pytest.mark.parametrize("changes", ALSO_WELL)
def test_other_ways_in_which_all_is_well(changes):
    results = check(change(*changes))
    assert {name: results[name]["seen"] for name in ids(results, FAIL)} == {}


def test_every_check_has_a_fault_that_it_sees():
    assert {item.id for item in CHECKS} == {expected for expected, _seen, _changes in FAULTS}


@pytest.mark.parametrize(
    ("part", "untouched"),
    [
        ("host", {"account", "sg-api", "site-page", "cdn-https", "budget"}),
        ("aws", {"app-active", "db-intact", "host-ssh", "site-page", "host-port-closed"}),
        ("web", {"account", "sg-api", "app-active", "db-intact", "budget"}),
    ],
)
def test_what_could_not_be_read_fails_what_looks_at_it_and_nothing_else(part, untouched):
    evidence = {**copy.deepcopy(GOOD), part: {"error": "it is on fire"}}
    results = check(evidence)
    assert untouched <= ids(results, PASS)
    assert all("it is on fire" in results[name]["seen"] for name in ids(results, FAIL))
    assert len(ids(results, FAIL)) >= 10


def test_a_part_that_may_not_be_read_says_so():
    refused = "Failed to list budgets. Allow budgets:DescribeBudgets to the identity that makes this call"
    results = check(change(("aws/budgets", {"error": refused})))
    assert ids(results, FAIL) == {"budget"}
    assert refused in results["budget"]["seen"]


def test_two_distributions_are_not_one():
    results = check(change(("aws/distributions", GOOD["aws"]["distributions"] * 2)))
    assert "2 distributions of the project" in results["cdn-distribution"]["seen"]


def test_an_empty_account_passes_next_to_nothing():
    nothing = {
        **{"identity": GOOD["aws"]["identity"], "instances": [], "ingress": [], "distributions": []},
        "role": {"profile": None, "roles": [], "managed_policies": [], "policies": {}},
        "bucket": {"name": "b", "exists": False},
        "backup_bucket": {"name": "c", "exists": False},
        "backup_objects": {"newest": None},
        "site": {"release": None, "files": 0, "missing": []},
        **{"log_groups": [], "alarms": [], "topics": [], "budgets": [], "health_checks": []},
    }
    evidence = {
        "settings": GOOD["settings"],
        "aws": nothing,
        "host": {"error": "none"},
        "web": {"answers": {}, "ports": {}},
    }
    results = check(evidence)
    assert ids(results, PASS) == {"account"}
    assert ids(results, NOT_APPLICABLE) == set()


def test_evidence_that_nobody_expected_does_not_pass():
    results = check(change(("host/live/python", "three"), (f"{I0}/volumes", None)))
    assert ids(results, FAIL) == {"app-dependencies", "host-volumes-encrypted"}
    assert "is not understood" in results["app-dependencies"]["seen"]


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ('["https://a.example", "https://b.example/"]', ["https://a.example", "https://b.example"]),
        ("https://a.example, https://b.example", ["https://a.example", "https://b.example"]),
        ('"https://a.example"', ["https://a.example"]),
        ("*", ["*"]),
        ("", []),
    ],
)
def test_read_origins(text, origins):
    assert read_origins(text) == origins


def test_the_table_is_whole():
    assert len({item.id for item in CHECKS}) == len(CHECKS)
    for item in CHECKS:
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", item.id)
        assert set(item.checklists) <= set(CHECKLISTS)
        assert list(item.checklists) == sorted(item.checklists, key=CHECKLISTS.index)
        assert item.checklists
        assert all((item.title, item.looks_at, item.why, item.remedy))


def test_the_readme_has_the_table():
    readme = (ROOT / "roles/verify/README.md").read_text(encoding="utf-8")
    section = readme.partition("## The checks")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)
    shorts = {"Pre-Deployment": "pre", "Post-Deployment": "post", "Security Hardening": "hardening"}
    assert rows == [(c.id, c.title, ", ".join(shorts[name] for name in c.checklists)) for c in CHECKS]


def test_the_settings_are_those_that_the_role_gives():
    given = yaml.safe_load((ROOT / "roles/verify/vars/main.yml").read_text(encoding="utf-8"))["__verify_settings"]
    assert set(given) == set(GOOD["settings"])
