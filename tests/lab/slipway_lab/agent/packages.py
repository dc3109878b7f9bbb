# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Amazon's CloudWatch agent, as a lab has it: a package of the same name with a stand-in in it (package/), signed by a
# key of the lab's. Made when a lab starts; bucket.py publishes it.

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from slipway_lab.commands import run

# Real ones, of which there are packages in Amazon's bucket.
VERSIONS = ("1.300071.0b1720", "1.300072.0b1766")
ARCHITECTURES = ("amd64", "arm64")

_FILES = Path(__file__).with_name("package")
_SCHEMA = Path(__file__).resolve().parents[3] / "data" / "amazon-cloudwatch-agent.schema.json"
_HOME = Path("opt/aws/amazon-cloudwatch-agent")

_CONTROL = """\
Package: amazon-cloudwatch-agent
Version: {version}-1
Architecture: all
Section: admin
Priority: optional
Depends: python3 (>= 3.11)
Maintainer: The slipway.aws developers <slipway@example.com>
Description: Stand-in of a lab for Amazon's CloudWatch agent
"""


def directory_of(lab_directory: Path) -> Path:
    return lab_directory / "agent"


def fingerprint(lab_directory: Path) -> str | None:
    """Fingerprint of the key that signed a lab's packages, None if the lab has none."""
    path = directory_of(lab_directory) / "fingerprint"
    return path.read_text() if path.exists() else None


def build(lab_directory: Path) -> None:
    """Make and sign the packages, in the directory of a lab."""
    directory = directory_of(lab_directory)
    directory.mkdir(exist_ok=True)
    for version in VERSIONS:
        _build_package(version, directory / f"{version}.deb")
    # The secret key is not needed any more when all is signed. gpg wants a short path for its socket.
    with tempfile.TemporaryDirectory(prefix="slipway-") as home:
        _sign(home, directory)


def _build_package(version: str, package: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-") as directory:
        tree = Path(directory) / "tree"
        shutil.copytree(_FILES, tree, ignore=shutil.ignore_patterns("__pycache__"))
        agent = tree / _HOME
        (tree / "DEBIAN" / "control").write_text(_CONTROL.format(version=version))
        (agent / "bin" / "CWAGENT_VERSION").write_text(f"{version}\n")
        (agent / "doc").mkdir()
        shutil.copy(_SCHEMA, agent / "doc" / "amazon-cloudwatch-agent-schema.json")
        for part in ("etc/amazon-cloudwatch-agent.d", "logs", "var"):
            (agent / part).mkdir(parents=True)
        # For everybody, whatever this machine's umask is.
        run("chmod", "-R", "u=rwX,go=rX", str(tree))
        programs = tree / "usr" / "bin"
        programs.mkdir(parents=True)
        os.symlink(f"/{_HOME}/bin/amazon-cloudwatch-agent-ctl", programs / "amazon-cloudwatch-agent-ctl")
        run("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(package))


def _sign(home: str, directory: Path) -> None:
    gpg = ("gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
    key = directory / "amazon-cloudwatch-agent.gpg"
    try:
        run(*gpg, "--quick-generate-key", f"Slipway lab {directory.parent.name}", "rsa2048", "sign", "never")
        run(*gpg, "--armor", "--output", str(key), "--export")
        for package in directory.glob("*.deb"):
            run(*gpg, "--output", f"{package}.sig", "--detach-sign", str(package))
        listed = run(*gpg, "--with-colons", "--list-keys")
    finally:
        run("gpgconf", "--homedir", home, "--kill", "gpg-agent", check=False)
    found = [line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")]
    (directory / "fingerprint").write_text(found[0])


def objects(lab_directory: Path) -> dict[str, Path]:
    """What the bucket holds, as Amazon's does."""
    directory = directory_of(lab_directory)
    found = {"assets/amazon-cloudwatch-agent.gpg": directory / "amazon-cloudwatch-agent.gpg"}
    for version in VERSIONS:
        for architecture in ARCHITECTURES:
            key = f"debian/{architecture}/{version}/amazon-cloudwatch-agent.deb"
            found |= {f"{key}{ending}": directory / f"{version}.deb{ending}" for ending in ("", ".sig")}
    return found
