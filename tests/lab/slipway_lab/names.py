# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The names that a lab publishes. Hosts ask the lab's DNS server (dns.py), the controller finds them in a marked
# block of /etc/hosts.

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator

HOSTS_FILE = Path("/etc/hosts")
LOCK_FILE = Path("/run/lock/slipway-lab-names.lock")


def with_block(text: str, number: int, lines: Iterable[str]) -> str:
    """text with the block of lab number holding lines, or without the block if there are none."""
    begin, end = f"# slipway lab {number}: begin", f"# slipway lab {number}: end"
    kept, inside = [], False
    for line in text.splitlines():
        if line == begin:
            inside = True
        if not inside:
            kept.append(line)
        if line == end:
            inside = False
    lines = list(lines)
    if lines:
        kept += [begin, *lines, end]
    return "".join(f"{line}\n" for line in kept)


@contextmanager
def _locked() -> Iterator[None]:
    with LOCK_FILE.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(temporary).chmod(path.stat().st_mode & 0o7777)
    try:
        Path(temporary).replace(path)
    except OSError:
        # Where the machine is itself a container, the file is a mount and can only be written in place.
        Path(temporary).unlink()
        path.write_text(text)


def write_hosts_block(number: int, lines: Iterable[str], path: Path = HOSTS_FILE) -> None:
    """Make the block of lab number in path hold lines; nobody else's lines are touched."""
    with _locked():
        text = path.read_text()
        wanted = with_block(text, number, lines)
        if wanted != text:
            _replace(path, wanted)


class Names:
    """Names and their addresses, as the public (the edge included) sees them."""

    def __init__(self, number: int, hosts_file: Path = HOSTS_FILE) -> None:
        self._number = number
        self._hosts_file = hosts_file
        self._lock = threading.RLock()
        self._addresses: dict[str, str] = {}

    def publish(self, name: str, address: str) -> None:
        """Make name resolve to address; a leftmost label * stands for any, but not on the controller."""
        with self._lock:
            self._addresses[_normalised(name)] = address
            self._write()

    def withdraw(self, name: str) -> None:
        with self._lock:
            if self._addresses.pop(_normalised(name), None):
                self._write()

    def resolve(self, name: str) -> str | None:
        return look_up(self._addresses, name)

    def _write(self) -> None:
        # /etc/hosts knows no wildcards.
        lines = [f"{address} {name}" for name, address in sorted(self._addresses.items()) if not name.startswith("*.")]
        write_hosts_block(self._number, lines, self._hosts_file)


def _normalised(name: str) -> str:
    return name.rstrip(".").lower()


def look_up(names: dict[str, str], name: str) -> str | None:
    """The exact name's address, else that of the wildcard that covers it most closely."""
    name = _normalised(name)
    if name in names:
        return names[name]
    labels = name.split(".")
    for start in range(1, len(labels)):
        address = names.get(".".join(["*", *labels[start:]]))
        if address:
            return address
    return None
