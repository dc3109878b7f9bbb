# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# What the kernel says of the host. Standard library only.

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

CPU_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


class Mount(NamedTuple):
    device: str
    path: str
    kind: str


def memory() -> dict[str, float]:
    """Section mem and, with the prefix swap_, section swap."""
    lines = re.findall(r"^(\w+): +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    kib = {name: int(value) * 1024 for name, value in lines}
    total, available = kib["MemTotal"], kib["MemAvailable"]
    swap, free = kib["SwapTotal"], kib["SwapFree"]
    return {
        "total": total,
        "used": total - available,
        "used_percent": 100 * (total - available) / total,
        "available_percent": 100 * available / total,
        "swap_free": free,
        "swap_used": swap - free,
        "swap_used_percent": 100 * (swap - free) / swap if swap else 0.0,
    }


def processors() -> dict[str, int]:
    """How long all processors together did what, since the host started."""
    line = Path("/proc/stat").read_text().splitlines()[0].split()
    return dict(zip(CPU_FIELDS, map(int, line[1:]), strict=False))


def processor_use(before: dict[str, int], after: dict[str, int]) -> dict[str, float]:
    """What share of the time between two answers of processors() went where."""
    spent = {name: after[name] - before[name] for name in CPU_FIELDS}
    whole = sum(spent.values()) or 1
    shares = {f"usage_{name}": 100 * value / whole for name, value in spent.items()}
    return shares | {"usage_active": 100 - shares["usage_idle"]}


def mounts() -> list[Mount]:
    """What is mounted, the newest of each place."""
    lines = (line.split()[:3] for line in Path("/proc/self/mounts").read_text().splitlines())
    found = {path.replace("\\040", " "): (device, kind) for device, path, kind in lines}
    return [Mount(device, path, kind) for path, (device, kind) in found.items()]


def disk(path: str) -> dict[str, float]:
    system = os.statvfs(path)
    total, free = system.f_blocks * system.f_frsize, system.f_bfree * system.f_frsize
    # What only root may use counts as neither used nor free.
    usable = (total - free) + system.f_bavail * system.f_frsize
    return {
        "total": total,
        "free": system.f_bavail * system.f_frsize,
        "used": total - free,
        "used_percent": 100 * (total - free) / usable if usable else 0.0,
        "inodes_free": system.f_favail,
    }
