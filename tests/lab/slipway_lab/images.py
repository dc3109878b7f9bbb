# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The hosts' images: Debian made from packages, as the official cloud images hold them, one per release. Built with
# mmdebstrap from the machine's own mirror, kept in podman's store, and rebuilt only when the recipe changes.

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slipway_lab.commands import CommandError
from slipway_lab.commands import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable

# Debian's major release -> its code name.
RELEASES = {"13": "trixie", "12": "bookworm"}

# Of the official cloud images, what deployments touch. Kernel, boot loader and cloud-init have no use in a
# container: the lab itself does what cloud-init would.
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "sudo", "python3", "python3-apt"),
    *("ca-certificates", "curl", "less", "procps", "psmisc", "tzdata", "netbase", "adduser"),
    *("iproute2", "iputils-ping", "e2fsprogs", "lsb-release"),
)
# Fails in any container; would make the host "degraded".
MASKED_UNITS = ("systemd-modules-load.service",)

_CUSTOMIZE = (
    # Each host makes its own identity at its first boot.
    'rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/resolv.conf',
    ': > "$1"/etc/machine-id',
    f'systemctl --root "$1" mask --quiet {" ".join(MASKED_UNITS)}',
)

SOURCES_DIRECTORY = Path("/etc/apt")
LOCK_FILE = Path("/run/lock/slipway-lab-images.lock")


class ImageError(Exception):
    pass


@dataclass(frozen=True)
class Source:
    uri: str
    suite: str
    components: tuple[str, ...]

    @property
    def line(self) -> str:
        return f"deb {self.uri} {self.suite} {' '.join(self.components)}"


def parse_sources(list_texts: Iterable[str], deb822_texts: Iterable[str]) -> list[Source]:
    """The binary package sources in texts of apt's one-line and deb822 formats."""
    sources = []
    for text in list_texts:
        for line in text.splitlines():
            match = re.match(r"\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line)
            if match:
                sources.append(Source(match[1].rstrip("/"), match[2], tuple(match[3].split())))
    for text in deb822_texts:
        for stanza in re.split(r"\n\s*\n", text):
            fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
            if "deb" not in fields.get("Types", "").split() or fields.get("Enabled", "yes").lower() == "no":
                continue
            for uri in fields.get("URIs", "").split():
                for suite in fields.get("Suites", "").split():
                    sources.append(Source(uri.rstrip("/"), suite, tuple(fields.get("Components", "").split())))
    return sources


def sources_for(codename: str, machine: Iterable[Source]) -> list[Source]:
    """The sources of a release, on the mirrors that the machine itself uses for Debian.

    A suite of the machine's such as <its code name>-security becomes <codename>-security on the same mirror.
    """
    found: dict[str, Source] = {}
    for source in machine:
        match = re.fullmatch(r"([a-z]+)(|-updates|-security)", source.suite)
        if (
            match
            and match[1] in {*RELEASES.values(), "stable", "oldstable", "testing", "sid"}
            and "main" in source.components
        ):
            suite = f"{codename}{match[2]}"
            found.setdefault(suite, Source(source.uri, suite, ("main",)))
    if codename not in found:
        raise ImageError(
            f"No mirror of Debian {codename} to build the hosts from: the sources of apt on this machine name none."
        )
    return [found[suite] for suite in sorted(found)]


def machine_sources(directory: Path = SOURCES_DIRECTORY) -> list[Source]:
    parts = directory / "sources.list.d"
    lists = [path for path in (directory / "sources.list", *sorted(parts.glob("*.list"))) if path.is_file()]
    return parse_sources(
        [path.read_text() for path in lists],
        [path.read_text() for path in sorted(parts.glob("*.sources"))],
    )


def tag(release: str) -> str:
    """The name of a release's image: its tag changes with the recipe, not with the mirror."""
    recipe = json.dumps([RELEASES[release], PACKAGES, MASKED_UNITS, _CUSTOMIZE])
    return f"localhost/slipway-lab-debian{release}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def missing() -> list[str]:
    return [release for release in RELEASES if not _exists(release)]


def _exists(release: str) -> bool:
    try:
        run("podman", "image", "exists", tag(release))
    except CommandError:
        return False
    return True


def build(say: Callable[[str], None]) -> None:
    """Build the images that are missing, all at once; labs that start together build them once."""
    if not missing():
        return
    with LOCK_FILE.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build_missing(say)


def _build_missing(say: Callable[[str], None]) -> None:
    releases = missing()
    if not releases:
        return
    named = " and ".join(f"Debian {release}" for release in releases)
    say(f"Building the host image{'s' if len(releases) > 1 else ''} for {named} (once; about a minute).")
    machine = machine_sources()
    with ThreadPoolExecutor(len(releases)) as pool:
        for future in [pool.submit(_build, release, sources_for(RELEASES[release], machine)) for release in releases]:
            future.result()


def _build(release: str, sources: list[Source]) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-lab-") as directory:
        archive = str(Path(directory) / "root.tar")
        hooks = [f"--customize-hook={hook}" for hook in _CUSTOMIZE]
        command = [
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", *hooks),
            *(RELEASES[release], archive, *(source.line for source in sources)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ImageError(f"Building the image of Debian {release} failed:\n{done.stderr[-3000:]}")
        run("podman", "import", "--quiet", "--change", 'CMD ["/sbin/init"]', archive, tag(release), timeout=300)
