# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the checks of a project of the shape spa_vm, as a table, and how they are made. Pure.
#
# A check's function looks at evidence and says what it found; everything else about it stands here.

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible_collections.slipway.aws.plugins.module_utils._verify import from_outside
from ansible_collections.slipway.aws.plugins.module_utils._verify import on_aws
from ansible_collections.slipway.aws.plugins.module_utils._verify import on_host
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import FAIL
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import HARDENING
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import POST
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import PRE
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import Evidence
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import Finding
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import Unseen
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SITE = "ansible-playbook site.yml"
DEPLOY = "ansible-playbook playbooks/deploy.yml"


class Check(NamedTuple):
    """One check.

    checklists: those of the guide that ask for it
    looks_at: what is read for it
    why: what goes wrong without it
    remedy: the command or variable that mends it
    """

    id: str
    title: str
    checklists: tuple[str, ...]
    looks_at: str
    why: str
    remedy: str
    look: Callable[[Evidence], Finding]


CHECKS = (
    Check(
        "account",
        "The credentials are the account's",
        (PRE,),
        "sts get-caller-identity",
        "another account would be read, and changed by the next run",
        "use the credentials of aws_account_id (AWS_PROFILE)",
        on_aws.find_identity,
    ),
    Check(
        "host-running",
        "One host is there and runs",
        (PRE,),
        "ec2 describe-instances by tags",
        "without its host the API answers nobody",
        SITE,
        on_aws.find_running,
    ),
    Check(
        "host-elastic-ip",
        "The host has an Elastic IP",
        (PRE, HARDENING),
        "ec2 describe-addresses",
        "after a stop the address changes, and CloudFront asks a stranger's machine",
        SITE,
        on_aws.find_elastic_ip,
    ),
    Check(
        "host-imdsv2",
        "Metadata is given to IMDSv2 only",
        (HARDENING,),
        "MetadataOptions of the instance",
        "a forged request of the application could fetch the host's credentials",
        SITE,
        on_aws.find_imdsv2,
    ),
    Check(
        "host-volumes-encrypted",
        "All volumes are encrypted",
        (HARDENING,),
        "ec2 describe-volumes",
        "a snapshot that is shared by mistake can be read by anybody",
        f"{SITE} -e ec2_host_replace=true for the root volume; copy a data volume by an encrypted snapshot",
        on_aws.find_encrypted_volumes,
    ),
    Check(
        "host-termination-protection",
        "The host is protected from termination",
        (HARDENING,),
        "attribute disableApiTermination of the instance",
        "one wrong click ends the service",
        f"ec2_host_termination_protection: true, then {SITE}",
        on_aws.find_termination_protection,
    ),
    Check(
        "host-role",
        "The host's role is there, and narrow",
        (HARDENING,),
        "instance profile, managed and inline policies",
        "without a role backups and logs are lost; with a wide one a break-in is the whole account's",
        f"{SITE}; name narrow policies in ec2_host_policies",
        on_aws.find_role,
    ),
    Check(
        "sg-ssh",
        "ssh is open to the administrators only",
        (PRE, HARDENING),
        "rules of the instance's security groups",
        "an open port 22 is tried within minutes",
        f"admin_cidrs, then {SITE} (rules that it does not list are removed)",
        on_aws.find_ssh_rules,
    ),
    Check(
        "sg-api",
        "The API's port is open to CloudFront only",
        (PRE, POST, HARDENING),
        "rules of the instance's security groups",
        "whoever reaches the host directly goes past CloudFront",
        f"{SITE} (rules that it does not list are removed)",
        on_aws.find_api_rules,
    ),
    Check(
        "sg-others",
        "No other port is open",
        (HARDENING,),
        "rules of the instance's security groups",
        "what nobody knows to be open, nobody watches",
        f"{SITE} (rules that it does not list are removed)",
        on_aws.find_other_rules,
    ),
    Check(
        "site-bucket-versioned",
        "The site's bucket is versioned, and forgets",
        (PRE,),
        "versioning and lifecycle of the bucket",
        "a file that was overwritten cannot be brought back, or is paid for for ever",
        f"static_site_noncurrent_days, then {SITE}",
        on_aws.find_site_versioning,
    ),
    Check(
        "site-bucket-private",
        "The site's bucket is private",
        (POST, HARDENING),
        "public access block and object ownership of the bucket",
        "one access list or policy is enough to publish all of it",
        SITE,
        on_aws.find_site_privacy,
    ),
    Check(
        "site-bucket-encrypted",
        "The site's bucket is encrypted",
        (HARDENING,),
        "default encryption of the bucket",
        "rules of most companies ask for it",
        SITE,
        on_aws.find_site_encryption,
    ),
    Check(
        "site-bucket-policy",
        "The bucket lets CloudFront in alone, by TLS",
        (PRE, HARDENING),
        "policy of the bucket",
        "others could read, or replace, what browsers run",
        f"remove the foreign statement from the bucket's policy, then {SITE}",
        on_aws.find_site_policy,
    ),
    Check(
        "site-object-direct",
        "The bucket refuses who does not come by CloudFront",
        (POST, HARDENING),
        "GET of index.html at S3 itself, unsigned",
        "what CloudFront adds (TLS, headers, addresses) can be gone round",
        SITE,
        from_outside.find_direct_object,
    ),
    Check(
        "site-files",
        "All published files are there",
        (PRE,),
        "the publisher's list, objects of the bucket, Cache-Control of index.html",
        "open pages find their chunks missing",
        f"{DEPLOY} --tags publish",
        on_aws.find_site_files,
    ),
    Check(
        "site-production-build",
        "The front end was built for production",
        (PRE,),
        "scripts and styles that the page names: addresses such as http://localhost:8000",
        "every browser would ask its own machine for the API",
        "build it with VITE_API_URL=/api/v1 (npm ci && npm run build, Node 22 or 24), then " + DEPLOY,
        from_outside.find_local_addresses,
    ),
    Check(
        "cdn-distribution",
        "One distribution, enabled and deployed, with its names",
        (PRE,),
        "cloudfront list-distributions by tags",
        "users get an error, or an old configuration",
        f"{SITE} (it waits until CloudFront has deployed)",
        on_aws.find_distribution,
    ),
    Check(
        "cdn-origins",
        "The site comes from the bucket, the API from the host",
        (PRE,),
        "origins and behaviours of the distribution",
        "requests go nowhere, or to an address that is somebody else's by now",
        SITE,
        on_aws.find_origins,
    ),
    Check(
        "cdn-origin-access",
        "CloudFront signs what it asks of the bucket",
        (PRE,),
        "origin access control or identity of the distribution",
        "the bucket would have to be public",
        f"static_site_origin_access: oac, then {SITE}",
        on_aws.find_origin_access,
    ),
    Check(
        "cdn-https",
        "CloudFront enforces HTTPS",
        (HARDENING,),
        "viewer protocol policies; GET http://",
        "passwords and data cross cafés in clear",
        SITE,
        from_outside.find_https,
    ),
    Check(
        "cdn-tls",
        "TLS 1.2 is the least that viewers may speak",
        (HARDENING,),
        "MinimumProtocolVersion of the distribution",
        "old TLS can be broken",
        f"a domain of your own, then {SITE}",
        on_aws.find_viewer_tls,
    ),
    Check(
        "origin-tls",
        "CloudFront reaches the host by TLS",
        (HARDENING,),
        "OriginProtocolPolicy of the API's origin",
        "data and origin secret cross the internet in clear",
        f"a domain of your own, then {SITE}",
        on_aws.find_origin_tls,
    ),
    Check(
        "cdn-security-headers",
        "Security headers are sent",
        (HARDENING,),
        "headers of GET /",
        "the page can be framed, its types guessed, its HTTPS dropped",
        SITE,
        from_outside.find_security_headers,
    ),
    Check(
        "cdn-hidden-files",
        "The publisher's list of files is nobody's to read",
        (HARDENING,),
        "GET /.slipway/manifest.json",
        "it tells what every release was made of",
        SITE,
        from_outside.find_manifest,
    ),
    Check(
        "site-page",
        "The front end loads over HTTPS",
        (POST,),
        "GET /",
        "nobody can use the application",
        SITE,
        from_outside.find_page,
    ),
    Check(
        "site-assets",
        "What the page names loads, too",
        (POST,),
        "GET of its scripts, styles and icons",
        "users see an empty page and errors in the console",
        f"{DEPLOY} --tags publish",
        from_outside.find_assets,
    ),
    Check(
        "site-routes",
        "Navigation works: an address within the application is answered",
        (POST,),
        "GET of a path without a file",
        "a reload or a bookmark ends in an error",
        f"static_site_client_routes: true, then {SITE}",
        from_outside.find_routes,
    ),
    Check(
        "api-health",
        "The API is well, through CloudFront",
        (POST,),
        "GET of app_health_path",
        "the site loads and cannot do anything",
        f"{DEPLOY}; the application's log says more",
        from_outside.find_health,
    ),
    Check(
        "api-paths",
        "The API's other paths answer",
        (POST,),
        "GET of verify_api_paths",
        "the application is well, and of no use",
        f"{DEPLOY}; the application's log says more",
        from_outside.find_paths,
    ),
    Check(
        "api-errors",
        "Errors of the API stay errors",
        (POST,),
        "CustomErrorResponses; GET of a path of the API that is not there",
        "clients take a page for data",
        f"{SITE} (no error page is for the whole distribution)",
        from_outside.find_api_errors,
    ),
    Check(
        "api-cors",
        "The site's page may use the API, strangers' pages may not",
        (POST, HARDENING),
        "OPTIONS with Origin, the site's and a stranger's",
        "browsers refuse the site, or act for any page that a user opens",
        f"CORS_ORIGINS in app_environment (leave it out: it follows the distribution), then {SITE}",
        from_outside.find_cors,
    ),
    Check(
        "host-port-closed",
        "The host's port is closed to who does not come by CloudFront",
        (POST,),
        "connect to the host's address",
        "whoever reaches the host directly goes past CloudFront",
        SITE,
        from_outside.find_direct_port,
    ),
    Check(
        "host-origin-secret",
        "The host answers only requests with the distribution's secret",
        (HARDENING,),
        "names of the origin's headers; GET on the host without the secret",
        "every customer's CloudFront is on the list of addresses",
        SITE,
        on_host.find_secret,
    ),
    Check(
        "app-release",
        "A release is live, built to its end",
        (PRE,),
        "/opt/<name>/live",
        "nobody knows what runs",
        DEPLOY,
        on_host.find_release,
    ),
    Check(
        "app-dependencies",
        "Python, uv and all packages are there",
        (PRE,),
        "the release's Python; uv pip check",
        "what is missing fails at the request that needs it",
        f"{SITE} --tags uv, then {DEPLOY}",
        on_host.find_dependencies,
    ),
    Check(
        "app-environment-file",
        "The environment file is root's alone",
        (PRE, HARDENING),
        "owner and mode of /etc/<name>/<slot>.env, names in it",
        "it holds the application's secrets",
        SITE,
        on_host.find_environment_file,
    ),
    Check(
        "app-debug",
        "DEBUG is off",
        (POST, HARDENING),
        "DEBUG in the environment file",
        "errors show code and variables to who asks",
        'DEBUG: "false" in app_environment, then ' + SITE,
        on_host.find_debug,
    ),
    Check(
        "app-log-level",
        "The log is not one for debugging",
        (HARDENING,),
        "LOG_LEVEL in the environment file",
        "requests and their data end up in the log",
        "LOG_LEVEL: INFO in app_environment, then " + SITE,
        on_host.find_log_level,
    ),
    Check(
        "app-cors-origins",
        "CORS_ORIGINS names the distribution's HTTPS address only",
        (POST, HARDENING),
        "CORS_ORIGINS in the environment file",
        "browsers act for any page that it lets in",
        f"CORS_ORIGINS in app_environment (leave it out: it follows the distribution), then {SITE}",
        on_host.find_cors_origins,
    ),
    Check(
        "app-migrations",
        "The database is at the release's migration",
        (PRE,),
        "table alembic_version; migrations of the live release",
        "queries fail on columns that are not there",
        f"app_migrate_command, then {DEPLOY}",
        on_host.find_migrations,
    ),
    Check(
        "app-enabled",
        "The live slot's service starts at boot",
        (PRE, POST),
        "systemctl show: UnitFileState",
        "after a reboot the API stays away",
        SITE,
        on_host.find_enabled,
    ),
    Check(
        "app-active",
        "The live slot's service runs and is well",
        (PRE,),
        "systemctl show; GET of app_health_path on the host",
        "the API answers nobody",
        f"{DEPLOY}; journalctl -u '<name>-*' says more",
        on_host.find_active,
    ),
    Check(
        "app-restarts",
        "The service comes back by itself, within limits",
        (POST, HARDENING),
        "systemctl show: Restart, StartLimitBurst",
        "a crash at night lasts till morning; without a limit a broken release starts for ever",
        SITE,
        on_host.find_restarts,
    ),
    Check(
        "app-hardening",
        "The service may do what it must, and no more",
        (HARDENING,),
        "systemctl show; systemd-analyze security",
        "a break-in could change the code, or the host",
        SITE,
        on_host.find_hardening,
    ),
    Check(
        "app-user",
        "The service has a user of its own, without a shell",
        (HARDENING,),
        "systemctl show: User; /etc/passwd, /etc/group",
        "a break-in would have what that user has",
        SITE,
        on_host.find_user,
    ),
    Check(
        "app-code",
        "The code is root's, and nobody else can write it",
        (HARDENING,),
        "owner and mode of all files of the live release",
        "a break-in could rewrite what runs next",
        f"chown -R root: and chmod -R go-w the release, or {DEPLOY} of a new one",
        on_host.find_code,
    ),
    Check(
        "app-log",
        "The log has no errors since the service's start",
        (POST,),
        "the journal of the live slot's service",
        "something fails for somebody",
        "journalctl -u '<name>-*' on the host; mend the application, then " + DEPLOY,
        on_host.find_log,
    ),
    Check(
        "db-intact",
        "The database is there and intact",
        (POST,),
        "PRAGMA quick_check, read-only",
        "data is lost, or will be",
        "restore the newest backup",
        on_host.find_database,
    ),
    Check(
        "db-permissions",
        "The database is the application's alone",
        (HARDENING,),
        "owner and mode of the file and its directory",
        "every program on the host could read it",
        f"chmod 0600 the file; {SITE} sets the directory to 0700",
        on_host.find_database_mode,
    ),
    Check(
        "db-wal",
        "The database has a write-ahead log",
        (POST,),
        "PRAGMA journal_mode",
        "readers and backups keep writers waiting",
        "PRAGMA journal_mode=WAL by the application, once",
        on_host.find_wal,
    ),
    Check(
        "host-reboot",
        "Proxy and data volume come back after a reboot",
        (POST,),
        "UnitFileState of the proxy; /proc/self/mounts, /etc/fstab",
        "the service waits for what does not come",
        f"{SITE} --tags data_volume,release_proxy",
        on_host.find_reboot,
    ),
    Check(
        "host-updates",
        "Security updates are applied by themselves",
        (HARDENING,),
        "apt-config dump; apt-daily-upgrade.timer",
        "known holes stay open",
        f"{SITE} --tags host_base",
        on_host.find_updates,
    ),
    Check(
        "host-ssh",
        "ssh takes keys only, and not root",
        (HARDENING,),
        "sshd -T",
        "passwords are guessed",
        f"{SITE} --tags host_base",
        on_host.find_ssh_settings,
    ),
    Check(
        "host-listening",
        "Nothing else listens on the host",
        (HARDENING,),
        "/proc/net/tcp, /proc/net/tcp6",
        "one wrong rule of the security group, and it is open",
        "stop what listens; name it in verify_open_ports if it is meant to",
        on_host.find_listening,
    ),
    Check(
        "backup-scheduled",
        "Backups are scheduled",
        (POST, HARDENING),
        "the backup's systemd timer",
        "the database is on one disk",
        f"{SITE} --tags sqlite_backup",
        on_host.find_backup_timer,
    ),
    Check(
        "backup-recent",
        "The last backup succeeded, and is recent",
        (POST, HARDENING),
        "result of the backup's service; newest backup of the directory",
        "what was written since is lost with the disk",
        "journalctl of the backup's service says why; then ansible-playbook playbooks/backup.yml",
        on_host.find_backup_result,
    ),
    Check(
        "backup-good",
        "Each backup on the host was verified, and is whole",
        (HARDENING,),
        "manifests of the backups, which are made when a copy has been verified",
        "a backup that cannot be restored is none",
        "remove the faulty one, then ansible-playbook playbooks/backup.yml; playbooks/restore.yml can try one out",
        on_host.find_backup_faults,
    ),
    Check(
        "backup-permissions",
        "Backups on the host are private",
        (HARDENING,),
        "mode of the directory and its newest backup",
        "a backup holds all that the database does",
        f"{SITE} --tags sqlite_backup",
        on_host.find_backup_mode,
    ),
    Check(
        "backup-offsite",
        "A recent backup is in S3",
        (POST, HARDENING),
        "newest object of the backup bucket",
        "backups beside the database are lost with it",
        "ansible-playbook playbooks/backup.yml; the journal of the backup's service says why it could not",
        on_aws.find_backup_objects,
    ),
    Check(
        "backup-bucket",
        "The backup bucket is private, versioned, and forgets",
        (HARDENING,),
        "settings and policy of the backup bucket",
        "it holds all data there is, and is what is left after a break-in",
        SITE,
        on_aws.find_backup_bucket,
    ),
    Check(
        "backup-alarm",
        "A backup that does not come is noticed",
        (HARDENING,),
        "alarms on Slipway/NewestBackupAge",
        "that backups stopped is found when one is needed",
        SITE,
        on_aws.find_backup_alarm,
    ),
    Check(
        "health-check",
        "The application is watched from outside, with an alarm",
        (POST, HARDENING),
        "Route 53 health checks by tags; alarms on HealthCheckStatus",
        "users tell you first",
        SITE,
        on_aws.find_external_check,
    ),
    Check(
        "alarms",
        "Each alarm tells somebody",
        (POST,),
        "cloudwatch describe-alarms",
        "an alarm without action rings in an empty room",
        SITE,
        on_aws.find_alarms,
    ),
    Check(
        "alarm-recipients",
        "All who are to be told have agreed",
        (POST,),
        "sns list-subscriptions-by-topic",
        "an unconfirmed address gets nothing",
        "open the mail from AWS Notifications and confirm; it is sent anew by " + SITE,
        on_aws.find_recipients,
    ),
    Check(
        "budget",
        "A budget tells of costs, spent and forecast",
        (POST, HARDENING),
        "budgets describe-budgets and their notifications",
        "the first word about costs is the bill",
        SITE,
        on_aws.find_budget,
    ),
    Check(
        "billing-alarm",
        "The billing alarm is where billing metrics are",
        (POST, HARDENING),
        "alarms on AWS/Billing/EstimatedCharges",
        "elsewhere, or without Currency, it never has data",
        SITE,
        on_aws.find_billing_alarm,
    ),
    Check(
        "logs-retention",
        "CloudWatch keeps logs, for a limited time",
        (HARDENING,),
        "logs describe-log-groups",
        "logs die with the host, or are paid for for ever",
        SITE,
        on_aws.find_log_groups,
    ),
    Check(
        "logs-agent",
        "The CloudWatch agent runs",
        (HARDENING,),
        "the agent's systemd service",
        "logs and memory are seen on the host alone",
        f"{SITE} --tags cloudwatch_agent",
        on_host.find_agent,
    ),
)


def make_check(check: Check, evidence: Evidence) -> dict[str, Any]:
    try:
        finding = check.look(evidence)
    except Unseen as error:
        finding = failed(f"could not be seen: {error}")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        # Evidence that nobody expected must not hide what the other checks found, nor pass.
        finding = failed(f"the evidence is not understood ({type(error).__name__}: {error})")
    return {
        "id": check.id,
        "title": check.title,
        "checklists": list(check.checklists),
        "status": finding.status,
        "looked_at": check.looks_at,
        "seen": finding.seen,
        "why": check.why if finding.status == FAIL else "",
        "remedy": (finding.remedy or check.remedy) if finding.status == FAIL else "",
    }


def make_checks(settings: dict[str, Any], aws: Any, host: Any, web: Any) -> list[dict[str, Any]]:
    """What every check found, in the table's order."""
    evidence = Evidence(settings, aws, host, web)
    return [make_check(check, evidence) for check in CHECKS]
