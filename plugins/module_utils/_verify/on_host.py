# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what checks find in what the host says. Pure.

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import Finding
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import failed
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import judge
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import not_applicable
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import passed
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import shown

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import Evidence

OLDEST_PYTHON = (3, 11)

# What a unit must say, for one that is reachable from outside and holds secrets.
HARDENING = {
    "NoNewPrivileges": ("yes",),
    "ProtectSystem": ("strict",),
    "ProtectHome": ("yes", "tmpfs"),
    "PrivateTmp": ("yes", "disconnected"),
    "PrivateDevices": ("yes",),
    "CapabilityBoundingSet": ("",),
}
MOST_EXPOSURE = 2.0

SWITCHED_OFF = ("", "0", "false", "no", "off")
TALKATIVE = ("DEBUG", "TRACE", "NOTSET")
SHELLS_OF_NOBODY = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")
GROUPS_OF_ROOT = {"sudo", "wheel", "admin", "root", "docker", "disk", "shadow"}


# --- the release and how it runs -------------------------------------------------------------------------------


def find_release(e: Evidence) -> Finding:
    live = e.host("live")
    state = "built to its end" if live["complete"] else "not built to its end"
    return judge(live["complete"], f"slot {live['slot']}: release {live['release']}, {state}")


def find_dependencies(e: Evidence) -> Finding:
    python, packages = e.host("live")["python"], e.host("dependencies")
    if not python:
        return failed("the live release has no Python of its own")
    seen = f"Python {python}, uv {packages['uv_version']}, {shown(packages['said'], 'uv said nothing')}"
    version = tuple(int(part) for part in python.split(".")[:2])
    return judge(packages["complete"] and version >= OLDEST_PYTHON, seen)


def find_environment_file(e: Evidence) -> Finding:
    file, live = e.host("environment"), e.host("live")
    seen = f"{file['path']}: {file['owner']}, {file['mode']}, {len(file['names'])} variables"
    apart = not file["path"].startswith(f"{live['directory']}/")
    return judge(file["owner"] == "root" and file["mode"] in ("0600", "0400") and file["names"] and apart, seen)


def find_debug(e: Evidence) -> Finding:
    values = e.host("environment", "values")
    if "DEBUG" not in values:
        return passed("DEBUG is not set")
    return judge(values["DEBUG"].lower() in SWITCHED_OFF, f"DEBUG is {values['DEBUG']}")


def find_log_level(e: Evidence) -> Finding:
    values = e.host("environment", "values")
    if "LOG_LEVEL" not in values:
        return passed("LOG_LEVEL is not set")
    return judge(values["LOG_LEVEL"].upper() not in TALKATIVE, f"LOG_LEVEL is {values['LOG_LEVEL']}")


def find_cors_origins(e: Evidence) -> Finding:
    text = e.host("environment", "values").get("CORS_ORIGINS")
    if text is None:
        return not_applicable("the application has no CORS_ORIGINS: site and API are of one origin")
    origins = read_origins(text)
    ours = {e.settings["url"], f"https://{e.distribution['domain_name']}"}
    ours |= {f"https://{name}" for name in e.settings["domain_names"]}
    return judge(origins and set(origins) <= ours and e.settings["url"] in origins, f"CORS_ORIGINS is {shown(origins)}")


def read_origins(text: str) -> list[str]:
    """The origins of a variable that is a JSON list, or words between commas."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text.split(",")
    items = value if isinstance(value, list) else [value]
    return [str(item).strip().rstrip("/") for item in items if str(item).strip()]


def find_migrations(e: Evidence) -> Finding:
    if not e.settings["migrates"]:
        return not_applicable("app_migrate_command is not alembic's")
    if not e.settings["database"]:
        return not_applicable("the application has no SQLite database of ours")
    heads, revisions = e.host("migrations")["heads"], _database(e)["revisions"]
    return judge(heads and revisions == heads, f"database at {shown(revisions)}, release at {shown(heads)}")


def find_enabled(e: Evidence) -> Finding:
    unit = e.host("unit")
    return judge(unit["UnitFileState"] == "enabled", f"{unit['name']} is {unit['UnitFileState'] or unit['LoadState']}")


def find_active(e: Evidence) -> Finding:
    unit = e.host("unit")
    seen = f"{unit['name']} is {unit['ActiveState']}, restarted {unit['NRestarts']} times"
    if unit["ActiveState"] != "active":
        return failed(seen)
    answer = e.host("health")
    wrong = explain_health(answer["status"], answer.get("body", ""), e.settings["health_body"])
    asked = f"127.0.0.1:{answer['port']}{answer['path']}"
    return (
        failed(f"{seen}; {asked}: {wrong or answer['error']}") if wrong else passed(f"{seen}; {asked} says it is well")
    )


def explain_health(status: int | None, body: str, expected: dict[str, Any]) -> str:
    """Why an answer does not say that the application works; empty if it does."""
    if status is None:
        return "no answer"
    if status != 200:
        return f"status {status}"
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if expected and not isinstance(document, dict):
        return "the answer is no JSON object"
    wrong = [f"{key} is {document.get(key)}" for key, value in expected.items() if document.get(key) != value]
    return ", ".join(wrong)


def find_restarts(e: Evidence) -> Finding:
    unit = e.host("unit")
    seen = f"Restart={unit['Restart']}, given up after {unit['StartLimitBurst']} starts in a row"
    return judge(unit["Restart"] in ("always", "on-failure") and int(unit["StartLimitBurst"]) > 0, seen)


def find_hardening(e: Evidence) -> Finding:
    unit, level = e.host("unit"), e.host("exposure")["level"]
    weak = [f"{name}={unit.get(name, '')}" for name, good in HARDENING.items() if unit.get(name, "?") not in good]
    if weak:
        return failed(f"{shown(weak)}; systemd-analyze security says {level}")
    return judge(
        level <= MOST_EXPOSURE, f"systemd-analyze security says {level}, {len(HARDENING)} settings as they should be"
    )


def find_user(e: Evidence) -> Finding:
    unit, user = e.host("unit"), e.host("user")
    powers = sorted(GROUPS_OF_ROOT & set(user["groups"]))
    seen = (
        f"runs as {unit['User'] or 'root'} ({user['shell']}, {'in ' + shown(powers) if powers else 'no group of root'})"
    )
    own = unit["User"] == user["name"] and user["uid"] != 0
    return judge(own and user["shell"] in SHELLS_OF_NOBODY and not powers, seen)


def find_code(e: Evidence) -> Finding:
    code = e.host("code")
    if code["foreign"]:
        return failed(
            f"{code['foreign']} of {code['entries']} files can be changed by others than root: {shown(code['named'])}"
        )
    return judge(code["entries"], f"{code['entries']} files in {code['directory']}, all root's")


def find_log(e: Evidence) -> Finding:
    log = e.host("log")
    return judge(log["errors"] == 0, f"{log['errors']} errors in {log['lines']} lines of {log['unit']} since its start")


# --- the database ----------------------------------------------------------------------------------------------


def _database(e: Evidence) -> dict[str, Any]:
    database = e.host("database")
    # A database that is not there has no other keys; checks of its content say so.
    return {"revisions": [], "journal_mode": None, "check": None, "tables": 0, "error": "it is not there", **database}


def find_database(e: Evidence) -> Finding:
    if not e.settings["database"]:
        return not_applicable("the application has no SQLite database of ours")
    database = _database(e)
    if database["error"]:
        return failed(f"{database['path']}: {database['error']}")
    seen = f"{database['path']}: {database['size']} bytes, {database['tables']} tables, quick_check {database['check']}"
    return judge(database["check"] == "ok" and database["tables"], seen)


def find_database_mode(e: Evidence) -> Finding:
    if not e.settings["database"]:
        return not_applicable("the application has no SQLite database of ours")
    database, user = _database(e), e.settings["app_name"]
    if not database["exists"]:
        return failed(f"{database['path']}: it is not there")
    directory = database["directory"]
    seen = f"{database['path']}: {database['owner']}, {database['mode']}"
    seen += f"; its directory: {directory['owner']}, {directory['mode']}"
    tight = database["mode"] == "0600" and directory["mode"] == "0700"
    return judge(tight and {database["owner"], directory["owner"]} == {user}, seen)


def find_wal(e: Evidence) -> Finding:
    if not e.settings["database"]:
        return not_applicable("the application has no SQLite database of ours")
    database = _database(e)
    return judge(database["journal_mode"] == "wal", f"journal_mode is {database['journal_mode'] or 'unknown'}")


# --- the host --------------------------------------------------------------------------------------------------


def find_reboot(e: Evidence) -> Finding:
    proxy, mount = e.host("proxy"), e.host("mount")
    found = []
    if proxy["UnitFileState"] != "enabled":
        found.append(f"{proxy['name']} is {proxy['UnitFileState'] or proxy['LoadState']}")
    if not mount["mounted"]:
        found.append(f"nothing is mounted at {mount['mount_point']}")
    elif not mount["at_boot"]:
        found.append(f"{mount['mount_point']} is not in /etc/fstab")
    return judge(not found, shown(found, f"{proxy['name']} is enabled, {mount['mount_point']} is in /etc/fstab"))


def find_updates(e: Evidence) -> Finding:
    updates = e.host("updates")
    found = [] if updates["installed"] else ["unattended-upgrades is not installed"]
    found += [] if updates["lists"] not in ("", "0") else ["package lists are not updated"]
    found += [] if updates["upgrade"] not in ("", "0") else ["APT::Periodic::Unattended-Upgrade is off"]
    found += [] if any("ecurity" in origin for origin in updates["origins"]) else ["no security archive is named"]
    timer = updates["timer"]
    if timer["UnitFileState"] != "enabled" or timer["ActiveState"] != "active":
        found.append(f"{timer['name']} is {timer['UnitFileState']} and {timer['ActiveState']}")
    restart = f"restarts at {updates['reboot_time']}" if updates["reboot"] == "true" else "never restarts by itself"
    return judge(not found, shown(found, f"security updates daily, {restart}"))


def find_ssh_settings(e: Evidence) -> Finding:
    sshd = e.host("sshd")
    wrong = [
        f"{name} {sshd[name]}"
        for name in ("passwordauthentication", "kbdinteractiveauthentication", "permitrootlogin")
        if sshd[name] != "no"
    ]
    wrong += [] if sshd["pubkeyauthentication"] == "yes" else [f"pubkeyauthentication {sshd['pubkeyauthentication']}"]
    return judge(not wrong, shown(wrong, "keys only, not as root (sshd -T)"))


def find_listening(e: Evidence) -> Finding:
    ports = sorted({socket["port"] for socket in e.host("listening") if not socket["loopback"]})
    strange = sorted(set(ports) - set(e.settings["open_ports"]))
    return judge(
        not strange, f"listens on {shown(ports)}{f', of these nobody asked for {shown(strange)}' if strange else ''}"
    )


def find_secret(e: Evidence) -> Finding:
    names, header = e.origin(custom=True)["header_names"], e.settings["secret_header"]
    if header.lower() not in [name.lower() for name in names]:
        return failed(f"CloudFront sends no {header} to the host")
    answer = e.host("stranger")
    without = f"status {answer['status']}" if answer["status"] else f"no answer ({answer['error']})"
    return judge(answer["status"] == 403, f"CloudFront sends {header}; without it the host's port answers: {without}")


# --- backups ---------------------------------------------------------------------------------------------------


def find_backup_timer(e: Evidence) -> Finding:
    name = e.settings["backup_timer"]
    if not name:
        return failed("no timer is named")
    timer = e.host("timers", name)
    if timer["LoadState"] != "loaded":
        return failed(f"{name} is {timer['LoadState']}")
    elapses = timer.get("NextElapseUSecRealtime") or timer.get("NextElapseUSecMonotonic") or ""
    seen = f"{name} is {timer['UnitFileState']} and {timer['ActiveState']}, next at {elapses or 'no time'}"
    return judge(timer["UnitFileState"] == "enabled" and timer["ActiveState"] == "active" and elapses, seen)


def find_backup_result(e: Evidence) -> Finding:
    name = e.settings["backup_timer"]
    if not name:
        return failed("no timer is named")
    service = e.host("timers", name)["service"]
    if service["LoadState"] != "loaded":
        return failed(f"{service['name']} is {service['LoadState']}")
    if service["Result"] != "success":
        return failed(f"{service['name']} ended with {service['Result']}, exit status {service['ExecMainStatus']}")
    backups, most = e.host("backups"), e.settings["backup_max_age_hours"]
    newest = backups["newest"]
    if not newest:
        return failed(f"no good backup in {backups['directory']}")
    seen = f"{newest['id']} in {backups['directory']}, {newest['age_hours']:.1f} hours old, {newest['size']} bytes"
    return judge(newest["age_hours"] <= most, seen)


def find_backup_faults(e: Evidence) -> Finding:
    backups = e.host("backups")
    if backups["faulty"]:
        return failed(shown(backups["faulty"]))
    return judge(backups["count"], f"{backups['count'] or 'no'} good backups in {backups['directory']}, no faulty one")


def find_backup_mode(e: Evidence) -> Finding:
    backups = e.host("backups")
    newest = backups["newest"]
    if not newest:
        return failed(f"no good backup in {backups['directory']}")
    seen = f"{backups['directory']}: {backups['owner']}, {backups['mode']}; {newest['id']}: {newest['mode']}"
    return judge(backups["mode"] == "0700" and newest["mode"] in ("0600", "0400"), seen)


def find_agent(e: Evidence) -> Finding:
    if not e.settings["logs"]:
        return not_applicable("the inventory sends no logs to CloudWatch; the journal on the host is capped")
    unit = e.host("units", e.settings["agent_unit"])
    seen = f"{unit['name']} is {unit['UnitFileState'] or unit['LoadState']} and {unit['ActiveState']}"
    return judge(unit["UnitFileState"] == "enabled" and unit["ActiveState"] == "active", seen)
