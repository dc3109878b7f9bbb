# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what dpkg and gpgv say about packages and their signatures. Pure; standard library only.

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+: [^\r\n]*\r?\n)*\r?\n(?P<body>[A-Za-z0-9+/=\s]+?)"
    rb"(?:\r?\n=[A-Za-z0-9+/]{4})?\r?\n-----END PGP PUBLIC KEY BLOCK-----"
)


class VerificationError(Exception):
    pass


class Installed(NamedTuple):
    """What dpkg knows of a package: its status (installed, config-files, half-configured, ...) and its version."""

    status: str
    version: str

    @property
    def is_complete(self) -> bool:
        return self.status == "installed"


def read_installed(output: str) -> Installed | None:
    """The answer of dpkg-query -W -f '${db:Status-Status} ${Version}'; None if the package is not there at all."""
    status, _separator, version = output.strip().partition(" ")
    return None if status in ("", "not-installed") else Installed(status, version)


def read_fingerprint(text: str) -> str:
    """A key's fingerprint without spaces, in capitals."""
    fingerprint = re.sub(r"\s", "", text).upper()
    # Of version 4 and of later keys. A key id is shorter, and others can make a key that has the same one.
    if not re.fullmatch(r"[0-9A-F]{40}|[0-9A-F]{64}", fingerprint):
        raise VerificationError(f"{text!r} is no fingerprint of a key, which has 40 hexadecimal digits or 64")
    return fingerprint


def read_key(content: bytes) -> bytes:
    """A public key as gpgv wants it: without armour."""
    if b"-----BEGIN PGP" not in content:
        return content
    match = _ARMOUR.search(content)
    if match is None:
        raise VerificationError("the key is no armoured public key, or it is not complete")
    try:
        return base64.b64decode(b"".join(match["body"].split()), validate=True)
    except binascii.Error as error:
        raise VerificationError(f"the key's armour cannot be read: {error}") from None


# What gpgv says of a signature that must not be relied on, be there another one that is good.
_NOT_GOOD = {"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"}


def find_signer(status: str) -> str | None:
    """The fingerprint of the primary key that made a good signature, from gpgv --status-fd; None if none did."""
    lines = [line.split()[1:] for line in status.splitlines() if line.startswith("[GNUPG:] ")]
    words = {line[0]: line[1:] for line in lines if line}
    if not {"GOODSIG", "VALIDSIG"} <= words.keys() or _NOT_GOOD & words.keys():
        return None
    valid = words["VALIDSIG"]
    # The last field, if it is there: a subkey may have signed.
    return valid[9] if len(valid) > 9 else valid[0]


def check_package(fields: str, name: str, version: str, architecture: str) -> None:
    """Raise VerificationError unless dpkg-deb --field says that the file is the package that is wanted.

    A signature is good for every package that its owner ever signed, an old one with known holes included.
    """
    found = dict(re.findall(r"^(Package|Version|Architecture): *(\S+)$", fields, re.MULTILINE))
    wanted = {"Package": name, "Version": version, "Architecture": architecture}
    differing = [
        f"{field} is {found.get(field)}, not {value}"
        for field, value in wanted.items()
        if found.get(field) != value and not (field == "Architecture" and found.get(field) == "all")
    ]
    if differing:
        raise VerificationError(f"it is another package: {'; '.join(differing)}")
