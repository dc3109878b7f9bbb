# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Where a lab keeps what it must remember, and what it tells the shell.

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
import secrets
import shlex
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from slipway_lab import addresses
from slipway_lab.agent import packages

PROJECT = Path(__file__).resolve().parents[3]
LABS = PROJECT / ".lab"
DEFAULT_NAME = "default"

# The emulator reads these from its environment when it is imported.
EMULATOR_SETTINGS = {
    "MOTO_ACCOUNT_ID": addresses.ACCOUNT_ID,
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_ENABLE_AMI_VALIDATION": "true",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
}

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"A lab's name is a lower-case letter and up to 30 letters, digits and dashes, not {name!r}.")
    return name


@dataclass
class Config:
    name: str
    number: int
    hosts: bool = True
    delays: str = "off"
    access_key_id: str = field(default_factory=lambda: "AKIA" + secrets.token_hex(8).upper())
    secret_access_key: str = field(default_factory=lambda: secrets.token_urlsafe(30))

    @property
    def directory(self) -> Path:
        return directory_of(self.name)

    @property
    def url(self) -> str:
        return f"https://{addresses.api(self.number)}"

    def save(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "lab.json"
        path.touch(0o600)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")


def directory_of(name: str) -> Path:
    return LABS / check_name(name)


def load(name: str) -> Config | None:
    """What is remembered of the lab called name, None if there is no such lab."""
    try:
        return Config(**json.loads((directory_of(name) / "lab.json").read_text()))
    except FileNotFoundError:
        return None


def names() -> list[str]:
    return sorted(path.parent.name for path in LABS.glob("*/lab.json"))


def environment(config: Config) -> dict[str, str]:
    """What a shell needs to work with the lab as it would with AWS."""
    directory = config.directory
    bundle = str(directory / "ca-bundle.pem")
    signer = packages.fingerprint(directory)
    return {
        "AWS_ENDPOINT_URL": config.url,
        "AWS_ACCESS_KEY_ID": config.access_key_id,
        "AWS_SECRET_ACCESS_KEY": config.secret_access_key,
        "AWS_REGION": addresses.REGION,
        "AWS_DEFAULT_REGION": addresses.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # No other than the lab's: a module reads it for each connection, and the system's take thirty times as long.
        "AWS_CA_BUNDLE": str(directory / "ca.pem"),
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "SLIPWAY_ACCOUNT_ID": addresses.ACCOUNT_ID,
        "SLIPWAY_ADMIN_CIDRS": f"{addresses.controller(config.number)}/32",
        "SLIPWAY_SSH_KEY": str(directory / "ssh" / "id_ed25519"),
        # In the place of Amazon's, which has signed nothing here.
        **({"SLIPWAY_CLOUDWATCH_AGENT_KEY": signer} if signer else {}),
        # In the place of Let's Encrypt's
        "SLIPWAY_ACME_DIRECTORY": f"{config.url}/_acme/directory",
        "SLIPWAY_LAB": config.name,
        "SLIPWAY_LAB_URL": f"{config.url}/_lab",
    }


def render_environment(config: Config) -> str:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment(config).items()]
    # A profile or a session token of another account would win over, or spoil, these credentials.
    lines.append("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN")
    tools = PROJECT / ".venv" / "bin"
    lines.append(
        f'case ":$PATH:" in *:{shlex.quote(str(tools))}:*) ;; *) export PATH={shlex.quote(str(tools))}:"$PATH" ;; esac'
    )
    return "\n".join(lines) + "\n"


def environment_files(name: str) -> list[Path]:
    files = [directory_of(name) / "env"]
    if name == DEFAULT_NAME:
        files.append(LABS / "env")
    return files


class ServerLock:
    """Held by a lab's server as long as it lives, whatever ends it; names its process."""

    def __init__(self, name: str) -> None:
        self.path = directory_of(name) / "server.pid"

    def acquire(self) -> bool:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()
        return True

    def holder(self) -> int | None:
        """The process id of the living server, None if there is none."""
        try:
            with self.path.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read() or 0) or None
        except FileNotFoundError:
            pass
        return None
