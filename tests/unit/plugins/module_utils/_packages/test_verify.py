# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import base64

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import Installed
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import VerificationError
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import check_package
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import find_signer
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import read_fingerprint
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import read_installed
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import read_key

KEY = "7CC8C7962EFC1FF498F1B443771807832A069F6D"
OTHER = "937616F3450B7D806CBD9725D58167303B789C72"
GOOD = f"[GNUPG:] GOODSIG {KEY[-16:]} Lab <lab@example.com>"
VALID = f"[GNUPG:] VALIDSIG {KEY} 2026-11-21 1795246097 0 4 0 1 10 00"


@pytest.mark.parametrize(
    ("output", "installed"),
    [
        ("installed 1.300071.0b1720-1", Installed("installed", "1.300071.0b1720-1")),
        ("half-configured 1.0-1\n", Installed("half-configured", "1.0-1")),
        ("config-files 1.0-1", Installed("config-files", "1.0-1")),
        ("not-installed ", None),
        ("", None),
    ],
)
def test_what_dpkg_says(output: str, installed: Installed | None) -> None:
    assert read_installed(output) == installed


@pytest.mark.parametrize("text", [KEY, KEY.lower(), "7CC8 C796 2EFC 1FF4 98F1  B443 7718 0783 2A06 9F6D"])
def test_a_fingerprint_however_it_is_written(text: str) -> None:
    assert read_fingerprint(text) == KEY


@pytest.mark.parametrize("text", ["", KEY[-16:], KEY[:-1], f"{KEY}0", "g" * 40])
def test_what_is_no_fingerprint(text: str) -> None:
    with pytest.raises(VerificationError, match="no fingerprint"):
        read_fingerprint(text)


@pytest.mark.parametrize(
    ("lines", "signer"),
    [
        ([GOOD, f"{VALID} {KEY}"], KEY),
        # A subkey signed.
        ([GOOD, f"{VALID} {OTHER}"], OTHER),
        ([GOOD, VALID], KEY),
        ([GOOD], None),
        ([f"{VALID} {KEY}"], None),
        ([f"[GNUPG:] BADSIG {KEY[-16:]} Lab"], None),
        ([f"[GNUPG:] EXPKEYSIG {KEY[-16:]} Lab", f"{VALID} {KEY}"], None),
        ([f"[GNUPG:] REVKEYSIG {KEY[-16:]} Lab", f"{VALID} {KEY}"], None),
        # Two signatures, one of which is not good.
        ([GOOD, f"{VALID} {KEY}", "[GNUPG:] ERRSIG 1234567890ABCDEF 1 10 00 1795246097 9 -"], None),
        # Not from gpgv.
        ([GOOD.removeprefix("[GNUPG:] "), f"{VALID} {KEY}".removeprefix("[GNUPG:] ")], None),
        ([], None),
    ],
)
def test_who_signed(lines: list[str], signer: str | None) -> None:
    assert find_signer("\n".join(["[GNUPG:] NEWSIG", *lines])) == signer


def armoured(key: bytes, headers: str = "", checksum: str = "\n=wTp1", newline: str = "\n") -> bytes:
    body = "\n".join(base64.b64encode(key).decode()[i : i + 64] for i in range(0, len(key) * 2, 64)).strip()
    text = f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n{headers}\n{body}{checksum}\n-----END PGP PUBLIC KEY BLOCK-----\n"
    return text.replace("\n", newline).encode()


BYTES = bytes(range(256)) * 3


@pytest.mark.parametrize(
    "content",
    [
        BYTES,
        armoured(BYTES),
        armoured(BYTES, headers="Version: GnuPG v2.0.22 (GNU/Linux)\nComment: none\n"),
        armoured(BYTES, checksum=""),
        armoured(BYTES, newline="\r\n"),
        b"A word before.\n" + armoured(BYTES),
    ],
)
def test_a_key_with_and_without_armour(content: bytes) -> None:
    assert read_key(content) == BYTES


@pytest.mark.parametrize(
    "content",
    [armoured(BYTES)[:-40], b"-----BEGIN PGP MESSAGE-----\n\naaaa\n-----END PGP MESSAGE-----\n", armoured(b"")],
)
def test_what_is_no_public_key(content: bytes) -> None:
    with pytest.raises(VerificationError, match="key"):
        read_key(content)


FIELDS = "Package: agent\nVersion: 2-1\nArchitecture: amd64\n"


@pytest.mark.parametrize("fields", [FIELDS, FIELDS.replace("amd64", "all")])
def test_the_package_that_is_wanted(fields: str) -> None:
    check_package(fields, "agent", "2-1", "amd64")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (FIELDS.replace("2-1", "1-1"), "Version is 1-1, not 2-1"),
        (FIELDS.replace("agent", "other"), "Package is other, not agent"),
        (FIELDS.replace("amd64", "arm64"), "Architecture is arm64, not amd64"),
        ("", "Package is None"),
    ],
)
def test_another_package(fields: str, words: str) -> None:
    with pytest.raises(VerificationError, match=words):
        check_package(fields, "agent", "2-1", "amd64")
