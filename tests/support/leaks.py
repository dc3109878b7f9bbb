# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Looks for values that must be seen nowhere, in all places where somebody else could see them.

Every search is told the values by name, knows the ways in which they may be written, and answers with names and places:
a failing test must not show what it is about either.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from project import Project

PAUSE = 0.2
# At one look in so many, all processes are looked at.
EVERY = 10
# What others than root can read of a host, but for what only came with its packages.
PLACES_ON_HOST = "/etc /home /mnt /opt /root /run /srv /tmp /usr/local /var"


def spellings(value: str) -> set[str]:
    """The value as it is, and as JSON, YAML, Python, a URL, a shell or systemd would write it."""
    inner = json.dumps(value)[1:-1]
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return {
        value,
        inner,
        json.dumps(inner)[1:-1],  # JSON within JSON, as in the arguments of a module
        repr(value)[1:-1],
        value.replace("'", "''"),
        value.replace("'", "'\"'\"'"),
        escaped.replace("`", "\\`").replace("$", "\\$"),
        quote(value, safe=""),
        base64.b64encode(value.encode()).decode(),
    }


def key_lines(text: str) -> dict[str, str]:
    """Lines of a private key that no other key has: neither its frame nor what tells the algorithm."""
    lines = [line for line in text.splitlines() if line and "-----" not in line]
    return {f"private key, line {number}": line for number, line in enumerate(lines) if number in (2, len(lines) // 2)}


def find_in_text(text: str, values: Mapping[str, str]) -> list[str]:
    """The names of the values that stand in a text."""
    return sorted(name for name, value in values.items() if any(form in text for form in spellings(value)))


def find_in_files(paths: Iterable[Path], values: Mapping[str, str]) -> list[str]:
    """'name: file' for each value in the files below these paths, whoever may read them."""
    found = []
    for path in paths:
        for file in [path] if path.is_file() else list_files(path):
            try:
                if file.is_file() and not file.is_symlink():
                    text = file.read_bytes().decode(errors="replace")
                    found += [f"{name}: {file}" for name in find_in_text(text, values)]
            except OSError:
                continue  # gone meanwhile, or no place to read from
    return found


def list_files(directory: Path) -> list[Path]:
    """All files below a directory in which others make and remove some meanwhile."""
    # Path.rglob() ends with an error at a directory that goes; os.walk() passes it by.
    return [Path(place, name) for place, _directories, names in os.walk(directory) for name in names]


def patterns(values: Mapping[str, str]) -> str:
    """For `grep -F -f -`. Read from standard input, so that the search itself shows no value."""
    return "".join(f"{form}\n" for value in values.values() for form in sorted(spellings(value)))


def find_readable_on_host(project: Project, values: Mapping[str, str]) -> list[str]:
    """The files of a host in which somebody without any rights can read a value."""
    command = f"runuser -u nobody -- grep -rlsaF -f - {PLACES_ON_HOST} || true"
    return project.on_host(command, stdin=patterns(values)).splitlines()


def find_as_root_on_host(project: Project, places: str, values: Mapping[str, str]) -> list[str]:
    return project.on_host(f"grep -rlsaF -f - {places} || true", stdin=patterns(values)).splitlines()


def count_in_journal(project: Project, values: Mapping[str, str]) -> int:
    """The lines of a host's journal, all its fields included, with a value."""
    # The pipe has the standard input of grep.
    command = "exec 3<&0; journalctl --no-pager --all --output=json </dev/null | grep -acF -f /dev/fd/3 || true"
    return int(project.on_host(command, stdin=patterns(values)))


class ProcessWatch:
    """Looks at all processes of the machine, those of the lab's hosts included, as long as it is entered.

    What others may read of a process: its command line, and its environment only if that file's mode says so.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        # Those that exist from the beginning; others may be known only afterwards.
        self.values = dict(values or {})
        self.looks = 0
        self._seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> ProcessWatch:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        before: set[str] = set()
        fresh: set[str] = set()
        while not self._stop.is_set():
            there = {process.path for process in os.scandir("/proc") if process.name.isdigit()}
            # A new process is looked at twice, for it becomes another program in its first moments; the others, few of
            # which do so later, now and then.
            fresh, again = there - before, fresh & there
            for process in there if self.looks % EVERY == 0 else fresh | again:
                self._look(process)
            before = there
            self.looks += 1
            self._stop.wait(PAUSE)

    def _look(self, process: str) -> None:
        for name in ("cmdline", "environ"):
            try:
                file = Path(process, name)
                if file.stat().st_mode & stat.S_IROTH:
                    self._seen.add(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue  # the process has ended

    def found(self, values: Mapping[str, str] | None = None) -> list[str]:
        return find_in_text("\n".join(self._seen), values if values is not None else self.values)


class GitServer:
    """A git repository behind a user name and a password, over HTTP, as `git clone` wants it."""

    def __init__(self, directory: Path, files: Path, username: str, password: str) -> None:
        import functools
        import http.server

        self._expected = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self.refused = self.served = 0
        work = directory / "work"
        subprocess.run(["git", "init", "-q", "-b", "main", str(work)], check=True)
        subprocess.run(["cp", "-r", f"{files}/.", str(work)], check=True)
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        for command in (["add", "-A"], [*identity, "commit", "-qm", "A release"]):
            subprocess.run(["git", "-C", str(work), *command], check=True)
        subprocess.run(["git", "clone", "-q", "--bare", str(work), str(directory / "app.git")], check=True)
        subprocess.run(["git", "-C", str(directory / "app.git"), "update-server-info"], check=True)
        outer = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.headers.get("Authorization") != outer._expected:
                    outer.refused += 1
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                outer.served += 1
                super().do_GET()

            def log_message(self, *_arguments: object) -> None:
                pass

        handler = functools.partial(Handler, directory=str(directory))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}/app.git"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
