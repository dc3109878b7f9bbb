# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The module with stand-ins for dpkg, apt and gpgv that keep a state and check what they are given."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.slipway.aws.plugins.modules import verified_package

KEY = "7CC8C7962EFC1FF498F1B443771807832A069F6D"
OTHER = "937616F3450B7D806CBD9725D58167303B789C72"

# $STATE holds the status and version of the one package that there is; a "package" is its control fields; a
# "signature" is the digest of what it signs, and a fingerprint.
PROGRAMS = {
    "dpkg-query": 'cat "$STATE" 2>/dev/null || exit 1',
    "dpkg-deb": 'cat "$2"',
    "dpkg": """
        [ "$1" = --print-architecture ] && echo amd64 && exit
        echo "dpkg $*" >>"$CALLS"
    """,
    "gpgv": """
        keyring=$4 signature=$5 file=$6
        read -r digest fingerprint <"$signature"
        [ "$digest  $file" = "$(sha256sum "$file")" ] || { echo "[GNUPG:] BADSIG 0 Somebody"; exit 1; }
        grep -q "$fingerprint" "$keyring" || { echo "[GNUPG:] ERRSIG 0 1 10 00 0 9 -"; exit 2; }
        echo "[GNUPG:] GOODSIG 0 Somebody"
        echo "[GNUPG:] VALIDSIG $fingerprint 2026-11-21 1795246097 0 4 0 1 10 00 $fingerprint"
    """,
    "apt-get": """
        for last; do :; done
        [ ! -e "$STATE.broken" ] || { echo "E: Unmet dependencies" >&2; exit 100; }
        case " $* " in
            *" purge "*) rm "$STATE" ;;
            *" install "*) echo "installed $(sed -n 's/^Version: //p' "$last")" >"$STATE" ;;
        esac
        echo "apt-get $*" >>"$CALLS"
    """,
}


class Host:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.state = directory / "state"
        self.calls = directory / "calls"
        self.key = directory / "key"
        self.key.write_text(f"{KEY}\n")

    def package(self, version: str, signer: str = KEY, **changes: str) -> dict[str, Any]:
        """Publish a package; the parameters that ask for it."""
        path = self._directory / "amd64.deb"
        fields = {"Package": "agent", "Version": version, "Architecture": "amd64"} | changes
        path.write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        Path(f"{path}.sig").write_text(f"{digest} {signer}\n")
        return {
            "name": "agent",
            "version": version,
            "url": f"file://{self._directory}/{{architecture}}.deb",
            "key_url": self.key.as_uri(),
            "key_fingerprint": KEY,
        }

    @property
    def file(self) -> Path:
        return self._directory / "amd64.deb"

    @property
    def installed(self) -> str | None:
        return self.state.read_text().strip() if self.state.exists() else None

    @property
    def runs(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    host = Host(tmp_path)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("STATE", str(host.state))
    monkeypatch.setenv("CALLS", str(host.calls))
    return host


def test_a_package_is_installed_once(host: Host, call_module: Any) -> None:
    wanted = host.package("2-1")
    planned = call_module(verified_package, wanted, check_mode=True, diff=True)
    assert (planned["changed"], host.installed, host.runs) == (True, None, [])
    done = call_module(verified_package, wanted, diff=True)
    assert done == planned
    assert done["package"] == {"name": "agent", "version": "2-1", "previous_version": None}
    assert host.installed == "installed 2-1"
    host.file.unlink()
    for check_mode in (True, False):
        assert not call_module(verified_package, wanted, check_mode=check_mode)["changed"]
    assert len(host.runs) == 1


def test_another_version_replaces_it_whether_newer_or_older(host: Host, call_module: Any) -> None:
    for version, previous in (("2-1", None), ("3-1", "2-1"), ("2-1", "3-1")):
        done = call_module(verified_package, host.package(version))
        assert done["package"]["previous_version"] == previous
        assert host.installed == f"installed {version}"
    assert all("--allow-downgrades" in run and "DPkg::Lock::Timeout=600" in run for run in host.runs)


def test_what_was_killed_half_way_is_finished(host: Host, call_module: Any) -> None:
    host.state.write_text("half-configured 2-1\n")
    wanted = host.package("2-1")
    assert call_module(verified_package, wanted, check_mode=True)["changed"]
    done = call_module(verified_package, wanted)
    assert (done["changed"], done["package"]["previous_version"]) == (True, None)
    assert host.runs[0] == "dpkg --configure --pending"
    assert host.installed == "installed 2-1"


def test_a_checksum_alone_is_enough(host: Host, call_module: Any) -> None:
    wanted = {key: value for key, value in host.package("2-1").items() if not key.startswith("key_")}
    wanted["checksum"] = hashlib.sha256(host.file.read_bytes()).hexdigest().upper()
    Path(f"{host.file}.sig").unlink()
    assert call_module(verified_package, wanted)["changed"]
    assert host.installed == "installed 2-1"


def tamper(host: Host, _wanted: dict[str, Any]) -> None:
    host.file.write_text(host.file.read_text() + "Depends: malware\n")


def sign_by_another_in_the_ring(host: Host, wanted: dict[str, Any]) -> None:
    host.package("2-1", signer=OTHER)
    host.key.write_text(f"{KEY}\n{OTHER}\n")


def sign_by_a_stranger(host: Host, wanted: dict[str, Any]) -> None:
    host.package("2-1", signer=OTHER)


def offer_an_older_one(host: Host, wanted: dict[str, Any]) -> None:
    host.package("1-1")


def offer_another(host: Host, wanted: dict[str, Any]) -> None:
    host.package("2-1", Package="other")


def expect_another_checksum(host: Host, wanted: dict[str, Any]) -> None:
    wanted["checksum"] = "0" * 64


def take_the_signature_away(host: Host, wanted: dict[str, Any]) -> None:
    Path(f"{host.file}.sig").unlink()


def write_a_key_id(host: Host, wanted: dict[str, Any]) -> None:
    wanted["key_fingerprint"] = KEY[-16:]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (tamper, "no good signature"),
        (sign_by_a_stranger, "no good signature"),
        (sign_by_another_in_the_ring, f"signed by the key {OTHER}, not by {KEY}"),
        (offer_an_older_one, "Version is 1-1, not 2-1"),
        (offer_another, "Package is other, not agent"),
        (expect_another_checksum, "checksum"),
        (take_the_signature_away, "could not be downloaded"),
        (write_a_key_id, "no fingerprint"),
    ],
)
def test_what_is_not_what_was_asked_for_is_not_installed(host: Host, call_module: Any, spoil: Any, words: str) -> None:
    wanted = host.package("2-1")
    spoil(host, wanted)
    failed = call_module(verified_package, wanted)
    assert failed["failed"]
    assert words in failed["msg"]
    assert "agent" in failed["msg"]
    assert (host.installed, host.runs) == (None, [])


def test_what_apt_says_is_told(host: Host, call_module: Any) -> None:
    Path(f"{host.state}.broken").touch()
    failed = call_module(verified_package, host.package("2-1"))
    assert "Unmet dependencies" in failed["msg"]


def test_a_package_without_proof_is_refused(host: Host, call_module: Any) -> None:
    wanted = {key: value for key, value in host.package("2-1").items() if not key.startswith("key_")}
    assert "checksum" in call_module(verified_package, wanted)["msg"]


def test_it_is_removed_once(host: Host, call_module: Any) -> None:
    call_module(verified_package, host.package("2-1"))
    gone = {"name": "agent", "state": "absent"}
    planned = call_module(verified_package, gone, check_mode=True, diff=True)
    assert host.installed == "installed 2-1"
    assert call_module(verified_package, gone, diff=True) == planned
    assert (planned["changed"], planned["package"], host.installed) == (True, {}, None)
    assert not call_module(verified_package, gone)["changed"]
