# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads what a host says about an application and about itself. Nothing is judged and nothing
# is written here. Standard library only, because it runs on managed hosts.
#
# The second half is pure: what the files and the commands' outputs mean.

from __future__ import annotations

import ast
import configparser
import grp
import http.client
import json
import os
import pwd
import re
import sqlite3
import ssl
import stat
import time
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._sqlite import backup_file
from ansible_collections.slipway.aws.plugins.module_utils._sqlite import find_age
from ansible_collections.slipway.aws.plugins.module_utils._sqlite import list_backups

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from typing import Any

UNIT_PROPERTIES = (
    "ActiveState",
    "SubState",
    "UnitFileState",
    "LoadState",
    "Result",
    "NRestarts",
    "InvocationID",
    "ActiveEnterTimestamp",
    "ExecMainStatus",
    "ExecMainExitTimestampMonotonic",
    "User",
    "Restart",
    "StartLimitBurst",
    "RequiresMountsFor",
    "NoNewPrivileges",
    "ProtectSystem",
    "ProtectHome",
    "PrivateTmp",
    "PrivateDevices",
    "CapabilityBoundingSet",
    "ReadWritePaths",
    "Unit",
    "NextElapseUSecRealtime",
    "NextElapseUSecMonotonic",
    "LastTriggerUSec",
)

SSHD_OPTIONS = ("passwordauthentication", "kbdinteractiveauthentication", "permitrootlogin", "pubkeyauthentication")

# Written into a release as the last step of its build.
COMPLETION_MARKER = ".release-complete"

ANSWER_TIMEOUT = 5

# Of what there may be thousands of, a few are named.
NAMED = 5

TCP_LISTEN = "0A"


class Reader:
    """Reads a host. run is AnsibleModule.run_command."""

    def __init__(self, run: Callable[..., tuple[int, str, str]]) -> None:
        self._run = run

    def output(self, *command: str) -> str:
        rc, output, error = self._run(list(command))
        if rc != 0:
            raise OSError(f"{' '.join(command)}: {error.strip() or output.strip() or f'exit status {rc}'}")
        return output

    # systemd

    def unit(self, unit: str) -> dict[str, str]:
        shown = self.output("systemctl", "show", f"--property={','.join(UNIT_PROPERTIES)}", unit)
        return {"name": unit, **parse_properties(shown)}

    def timer(self, timer: str) -> dict[str, Any]:
        """The timer, and the unit that it starts."""
        properties = self.unit(timer)
        service = properties.get("Unit") or f"{timer.rpartition('.')[0]}.service"
        return {**properties, "service": self.unit(service)}

    def exposure(self, unit: str) -> float:
        return parse_exposure(self.output("systemd-analyze", "security", "--no-pager", unit))

    def log(self, unit: str, invocation: str) -> dict[str, Any]:
        """How many lines of the unit's log since its start are errors. The lines themselves may hold anything."""
        lines = self.output(
            "journalctl", f"_SYSTEMD_INVOCATION_ID={invocation}", "--output=json", "--no-pager", "--quiet"
        ).splitlines()
        entries = [json.loads(line) for line in lines]
        return {"unit": unit, "lines": len(entries), "errors": sum(map(is_error, entries))}

    # The application

    def live(self, directory: str) -> dict[str, Any]:
        slot_link = os.path.join(directory, "live")
        slot = os.path.basename(os.readlink(slot_link))
        release = os.path.realpath(slot_link)
        python = os.path.join(release, ".venv", "bin", "python")
        return {
            "slot": slot,
            "release": os.path.basename(release),
            "directory": release,
            "complete": os.path.exists(os.path.join(release, COMPLETION_MARKER)),
            "python": self.output(python, "--version").split()[-1] if os.path.exists(python) else None,
        }

    def dependencies(self, uv: str, release: str) -> dict[str, Any]:
        """What uv finds wrong with the packages of a release. A cache would be written to."""
        version = self.output(uv, "--version").split()[1]
        python = os.path.join(release, ".venv", "bin", "python")
        rc, output, error = self._run([uv, "--no-cache", "--offline", "pip", "check", "--python", python])
        return {
            "uv": uv,
            "uv_version": version,
            "complete": rc == 0,
            "said": (error or output).strip().splitlines()[-1:],
        }

    def environment(self, path: str, shown: Iterable[str]) -> dict[str, Any]:
        with open(path, encoding="utf-8") as file:
            values = parse_environment(file.read())
        allowed = {name: values[name] for name in shown if name in values}
        return {"path": path, **_ownership(path), "names": sorted(values), "values": allowed}

    def code(self, release: str) -> dict[str, Any]:
        """What of a release is not root's, or can be written by others."""
        foreign = []
        count = 0
        for directory, directories, files in os.walk(release):
            for path in [directory, *(os.path.join(directory, name) for name in (*directories, *files))]:
                status = os.lstat(path)
                count += 1
                writable = not stat.S_ISLNK(status.st_mode) and status.st_mode & 0o022
                if status.st_uid != 0 or writable:
                    foreign.append(path)
        unique = sorted(set(foreign))
        return {"directory": release, "entries": count, "foreign": len(unique), "named": unique[:NAMED]}

    def user(self, name: str) -> dict[str, Any]:
        entry = pwd.getpwnam(name)
        groups = sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem)
        return {"name": name, "uid": entry.pw_uid, "shell": entry.pw_shell, "groups": groups}

    def database(self, path: str) -> dict[str, Any]:
        found = {"path": path, "exists": os.path.exists(path)}
        if not found["exists"]:
            return found
        directory = os.path.dirname(path)
        return {
            **found,
            **_ownership(path),
            "size": os.path.getsize(path),
            "directory": {"path": directory, **_ownership(directory)},
            **read_database(path),
        }

    def migrations(self, release: str) -> dict[str, Any]:
        """The newest revisions that alembic would find in a release, without running any of its code."""
        scripts = {}
        directory = find_migrations(release)
        for name in sorted(os.listdir(directory)):
            if name.endswith(".py"):
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    scripts[name] = file.read()
        return {"directory": directory, "heads": find_heads(scripts.values())}

    def answer(self, port: int, path: str, tls_name: str = "") -> dict[str, Any]:
        """What the host answers itself at a port; with a name, over TLS and with a certificate for that name."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT)
        try:
            if tls_name:
                connection.connect()
                connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=tls_name)
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode("utf-8", errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return {"port": port, "path": path, "status": None, "error": str(error) or type(error).__name__}
        finally:
            connection.close()
        return {"port": port, "path": path, "status": answer.status, "body": body[:1000], "error": ""}

    def backups(self, directory: str, database: str) -> dict[str, Any]:
        """The backups of a database, as the role sqlite_backup makes them: only what was verified has its name."""
        if not os.path.isdir(directory):
            return {"directory": directory, "exists": False, "count": 0, "faulty": [], "newest": None}
        good, faulty = list_backups(directory, database)
        # Those that were made before releases say nothing of the timer.
        newest = next((item for item in good if not item.get("release")), None)
        return {
            "directory": directory,
            "exists": True,
            **_ownership(directory),
            "count": len(good),
            "faulty": [f"{item['id']}: {item['fault']}" for item in faulty],
            "newest": newest
            and {
                "id": newest["id"],
                "size": newest["size"],
                "age_hours": round((find_age([newest], time.time()) or 0.0) / 3600, 2),
                **_ownership(backup_file(directory, newest)),
            },
        }

    # The host

    def mount(self, mount_point: str) -> dict[str, Any]:
        with open("/proc/self/mounts", encoding="utf-8") as file:
            mounts = parse_mounts(file.read())
        with open("/etc/fstab", encoding="utf-8") as file:
            lasting = parse_mounts(file.read())
        now = mounts.get(mount_point, {})
        return {
            "mount_point": mount_point,
            "mounted": mount_point in mounts,
            "file_system": now.get("type"),
            "at_boot": mount_point in lasting,
        }

    def updates(self) -> dict[str, Any]:
        settings = parse_apt(self.output("apt-config", "dump"))
        return {
            "installed": os.path.exists("/usr/bin/unattended-upgrade"),
            "lists": settings.get("APT::Periodic::Update-Package-Lists", ["0"])[-1],
            "upgrade": settings.get("APT::Periodic::Unattended-Upgrade", ["0"])[-1],
            "origins": settings.get("Unattended-Upgrade::Origins-Pattern::", []),
            "reboot": settings.get("Unattended-Upgrade::Automatic-Reboot", ["false"])[-1],
            "reboot_time": settings.get("Unattended-Upgrade::Automatic-Reboot-Time", [""])[-1],
            "timer": self.unit("apt-daily-upgrade.timer"),
        }

    def sshd(self) -> dict[str, str]:
        effective = parse_words(self.output("/usr/sbin/sshd", "-T"))
        return {name: effective.get(name, "") for name in SSHD_OPTIONS}

    def listening(self) -> list[dict[str, Any]]:
        sockets = []
        for path, family in (("/proc/net/tcp", 4), ("/proc/net/tcp6", 6)):
            if os.path.exists(path):
                with open(path, encoding="ascii") as file:
                    sockets += parse_sockets(file.read(), family)
        return sorted(sockets, key=lambda item: (item["port"], item["loopback"]))


def read_database(path: str) -> dict[str, Any]:
    """What a SQLite database says of itself, read without changing anything beside it."""
    # Without a write-ahead log nobody has it open in that mode, and nothing needs to be made to read it. With one, the
    # files for sharing are there and are used; the application goes on.
    mode = "mode=ro" if os.path.exists(f"{path}-wal") else "mode=ro&immutable=1"
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        connection = sqlite3.connect(f"file:{quoted}?{mode}", uri=True, timeout=10)
        try:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            revisions = []
            if "alembic_version" in tables:
                revisions = sorted(row[0] for row in connection.execute("SELECT version_num FROM alembic_version"))
            return {
                "journal_mode": read_journal_mode(path) or connection.execute("PRAGMA journal_mode").fetchone()[0],
                "check": connection.execute("PRAGMA quick_check(1)").fetchone()[0],
                "tables": len([name for name in tables if not name.startswith("sqlite_")]),
                "revisions": revisions,
                "error": "",
            }
        finally:
            connection.close()
    except sqlite3.Error as error:
        return {"journal_mode": None, "check": None, "tables": 0, "revisions": [], "error": str(error)}


def read_journal_mode(path: str) -> str:
    """'wal' if the file's header says so; empty for all other modes, of which a file knows nothing."""
    # A connection that takes the file as immutable does not tell. https://www.sqlite.org/fileformat.html
    with open(path, "rb") as file:
        return "wal" if file.read(20)[18:] == b"\x02\x02" else ""


def find_migrations(release: str) -> str:
    """Where alembic looks for the revisions of a release."""
    # alembic's own placeholder, and its %% for a percent sign: configparser has both.
    parser = configparser.ConfigParser({"here": release})
    parser.read(os.path.join(release, "alembic.ini"), encoding="utf-8")
    location = parser.get("alembic", "script_location", fallback="alembic")
    return os.path.join(release, location, "versions")


def _ownership(path: str) -> dict[str, str]:
    status = os.stat(path)
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    return {"owner": owner, "mode": f"{stat.S_IMODE(status.st_mode):04o}"}


# --- what is pure ----------------------------------------------------------------------------------------------


def parse_properties(text: str) -> dict[str, str]:
    """The output of systemctl show."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def parse_exposure(text: str) -> float:
    """The last line of systemd-analyze security: '→ Overall exposure level for shop-a.service: 0.9 SAFE :-D'."""
    found = re.search(r"exposure level for [^:]+: *([0-9.]+)", text)
    if not found:
        raise ValueError("systemd-analyze security does not say an exposure level")
    return float(found.group(1))


def parse_environment(text: str) -> dict[str, str]:
    """The variables of a file for systemd's EnvironmentFile=, with or without quotes."""
    values = {}
    pattern = r"""^[ \t]*([A-Za-z_][A-Za-z0-9_]*)=(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([^\n]*))[ \t]*$"""
    for name, double, single, plain in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
        values[name] = re.sub(r"\\(.)", r"\1", double, flags=re.DOTALL) if double else single or plain.strip()
    return values


def is_error(entry: dict[str, Any]) -> bool:
    """Whether an entry of the journal is an error: by its priority, or by what the line itself says."""
    if int(entry.get("PRIORITY", 6)) <= 3:
        return True
    message = entry.get("MESSAGE") or ""
    if not isinstance(message, str):  # bytes that are no text come as a list of numbers
        message = bytes(message).decode("utf-8", errors="replace")
    if message.startswith("{"):
        try:
            line = json.loads(message)
        except ValueError:
            return False
        return str(line.get("level") or line.get("levelname") or "").upper() in ("ERROR", "CRITICAL", "FATAL")
    return bool(re.match(r"(ERROR|CRITICAL|FATAL)\b|Traceback \(most recent call last\)", message))


def parse_mounts(text: str) -> dict[str, dict[str, str]]:
    """The lines of /proc/self/mounts or /etc/fstab, by mount point; the last one counts."""
    mounts = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4 and not line.lstrip().startswith("#"):
            point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), words[1])
            mounts[point] = {"source": words[0], "type": words[2]}
    return mounts


def parse_apt(text: str) -> dict[str, list[str]]:
    """The output of apt-config dump: the values of each name, in order."""
    values: dict[str, list[str]] = {}
    for name, value in re.findall(r'^(\S+) "(.*)";$', text, re.MULTILINE):
        values.setdefault(name, []).append(value)
    return values


def parse_words(text: str) -> dict[str, str]:
    """The output of sshd -T: a name and a value on each line."""
    return {words[0]: words[1] for words in (line.split(None, 1) for line in text.splitlines()) if len(words) == 2}


def parse_sockets(text: str, family: int) -> list[dict[str, Any]]:
    """The listening sockets of /proc/net/tcp (family 4) or /proc/net/tcp6 (family 6)."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if words[3] != TCP_LISTEN:
            continue
        address, port = words[1].split(":")
        found.append({"port": int(port, 16), "loopback": _is_loopback(address, family), "family": family})
    return found


def _is_loopback(address: str, family: int) -> bool:
    """Whether an address as the kernel writes it, words of 32 bits in the host's (little endian) order, is local."""
    octets = b"".join(bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
    if family == 4:
        return octets[0] == 127
    return octets == bytes(15) + b"\x01" or octets[:13] == bytes(10) + b"\xff\xff\x7f"


def find_heads(scripts: Iterable[str]) -> list[str]:
    """The revisions of alembic's scripts that no other script builds on."""
    revisions, earlier = set(), set()
    for script in scripts:
        names = _constants(script)
        if isinstance(names.get("revision"), str):
            revisions.add(names["revision"])
            below = names.get("down_revision")
            earlier.update([below] if isinstance(below, str) else below or ())
    return sorted(revisions - earlier)


def _constants(script: str) -> dict[str, Any]:
    """What a Python text assigns at its top level, as far as it is a constant."""
    found: dict[str, Any] = {}
    for node in ast.parse(script).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = getattr(node, "value", None)
        for target in targets:
            # Several at once: revision, down_revision = "0002", "0001"
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts))  # noqa: B905 (not before Python 3.10)
            for name, constant in pairs:
                try:
                    found[name.id] = ast.literal_eval(constant)
                except (AttributeError, ValueError, TypeError):
                    continue
    return found
