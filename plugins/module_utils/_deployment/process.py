# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: which process a run of ansible-playbook is, and whether another one's has ended. Standard
# library only; runs on the controller.

from __future__ import annotations

import hashlib
import os
import pwd
import socket
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# Numbers of processes mean something only within these two. Machines and containers that look alike differ in them.
PLACE = ("boot_id", "pid_namespace")


def describe_process(pid: int) -> dict[str, Any]:
    """A process in words that tell it from every other one, on this machine or another, now or later.

    C(run) is a short name for it: the same for all that asks about the same process.
    """
    process = {"pid": pid, "start": read_start(pid), "host": socket.gethostname(), **describe_place()}
    identity = "/".join(str(process[key]) for key in sorted(process))
    return {**process, "run": hashlib.sha256(identity.encode()).hexdigest()[:12], "user": read_user()}


def describe_place() -> dict[str, str]:
    """Where numbers of processes are this process's own; empty where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return {"boot_id": file.read().strip(), "pid_namespace": os.readlink("/proc/self/ns/pid")}
    except OSError:
        return dict.fromkeys(PLACE, "")


def read_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container that was given a number
        return str(os.getuid())


def read_stat(pid: int) -> tuple[str, str] | None:
    """A process's state and when it was started; None if the system does not show them."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            # The second field is the program's name, which may hold anything.
            state, *fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return state, fields[18]


def read_start(pid: int) -> str:
    """When a process was started, in whatever unit the system has."""
    stat = read_stat(pid)
    if stat:
        return stat[1]
    # AnsibleModule.run_command is not there: this is asked by Ansible's main program, too.
    shown = subprocess.run(  # pylint: disable=ansible-bad-function
        ["ps", "-o", "lstart=", "-p", str(pid)],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip()


def is_gone(process: dict[str, Any]) -> bool:
    """Whether a process is proven to have ended.

    Only the machine that it ran on can prove it, until that is started anew.
    """
    here = describe_place()
    if not here["boot_id"] or any(process.get(key) != here[key] for key in PLACE):
        return False
    try:
        os.kill(process["pid"], 0)  # asks, and sends nothing
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # somebody else's
    stat = read_stat(process["pid"])
    # The number may be another process's by now. One that is hidden is taken for the same.
    return stat is not None and (stat[0] in "ZX" or stat[1] != process["start"])
