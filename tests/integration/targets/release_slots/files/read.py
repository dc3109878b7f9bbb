# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Prints as JSON what is live, without the module's code. Usage: read.py NAME SOCKET URL"""

from __future__ import annotations

import csv
import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

name, path, url = sys.argv[1:]
directory = Path("/opt") / name


def show(slot: str, prop: str) -> str:
    command = ["systemctl", "show", "--value", f"--property={prop}", f"{name}-{slot}.service"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def ask_proxy() -> dict[str, str]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(b"show stat\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    rows = csv.DictReader(answer.lstrip("# ").splitlines())
    # "UP 1/3" is up, with a check that has not been passed often enough to say so for good.
    return {
        row["svname"][0]: row["status"].split()[0] for row in rows if row["pxname"] == name and row["svname"][1] == "-"
    }


def ask_application() -> dict[str, object] | None:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return None


live = directory / "live"
print(
    json.dumps(
        {
            "live": live.readlink().name if live.is_symlink() else None,
            "release": live.resolve().name if live.is_symlink() else None,
            "answer": ask_application(),
            "running": {slot: show(slot, "MainPID") for slot in "ab" if show(slot, "ActiveState") == "active"},
            "enabled": [slot for slot in "ab" if show(slot, "UnitFileState") == "enabled"],
            "traffic": ask_proxy(),
            "migrated": (directory / "migrated").read_text().split() if (directory / "migrated").exists() else [],
            "releases": sorted(item.name for item in (directory / "releases").iterdir()),
        }
    )
)
