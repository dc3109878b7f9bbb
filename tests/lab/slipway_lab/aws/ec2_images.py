# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Machine images: those that the lab can boot, and those it knows by name so that look-ups are answered.

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING

from moto.core.parse import default_timestamp_parser
from moto.ec2.models.amis import Ami
from moto.ec2.models.amis import AmiBackend

from slipway_lab import images
from slipway_lab.aws.patching import wraps

if TYPE_CHECKING:
    from typing import Any

# Debian's and Canonical's accounts, as their projects publish them.
DEBIAN = "136693071363"
CANONICAL = "099720109477"

# When the official images that ours stand for were published: it is part of their names.
PUBLISHED = "20261012"

_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}


def image_id(name: str) -> str:
    """The same in every lab, as an image's id is everywhere within a region."""
    return f"ami-{hashlib.sha256(name.encode()).hexdigest()[:17]}"


def debian_name(release: str, architecture: str) -> str:
    return f"debian-{release}-{architecture}-{PUBLISHED}-2262"


def ubuntu_name(architecture: str) -> str:
    return f"ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{architecture}-server-{PUBLISHED}"


def _catalogue() -> list[dict[str, Any]]:
    entries = []
    for architecture, ec2_architecture in _ARCHITECTURES.items():
        common = {"architecture": ec2_architecture, "public": True}
        for release in images.RELEASES:
            entries.append(
                common
                | {
                    "name": debian_name(release, architecture),
                    "owner_id": DEBIAN,
                    "description": f"Debian {release} ({PUBLISHED}-2262)",
                    "root_device_name": "/dev/xvda",
                }
            )
        entries.append(
            common
            | {
                "name": ubuntu_name(architecture),
                "owner_id": CANONICAL,
                "description": f"Canonical, Ubuntu, 24.04, {architecture} noble image",
                "root_device_name": "/dev/sda1",
            }
        )
    return entries


def release_of(image: Ami) -> str | None:
    """The Debian release that an image holds, None if it is another system."""
    for release in images.RELEASES:
        if image.owner_id == DEBIAN and (image.name or "").startswith(f"debian-{release}-"):
            return release
    return None


def machine_architecture() -> str:
    return {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def public_parameters() -> dict[str, str]:
    """The SSM public parameters that name the newest of these images."""
    parameters = {}
    for architecture in _ARCHITECTURES:
        for release in images.RELEASES:
            name = f"/aws/service/debian/release/{release}/latest/{architecture}"
            parameters[name] = image_id(debian_name(release, architecture))
        ubuntu = f"/aws/service/canonical/ubuntu/server/24.04/stable/current/{architecture}/hvm/ebs-gp3/ami-id"
        parameters[ubuntu] = image_id(ubuntu_name(architecture))
    return parameters


def install() -> None:
    @wraps(AmiBackend, "_load_amis")
    def _load_amis(original: Any, self: Any) -> None:
        original()
        for entry in _catalogue():
            ami_id = image_id(entry["name"])
            self.amis[ami_id] = Ami(
                self,
                ami_id,
                virtualization_type="hvm",
                hypervisor="xen",
                root_device_type="ebs",
                image_location=f"{entry['owner_id']}/{entry['name']}",
                creation_date=default_timestamp_parser(f"{PUBLISHED[:4]}-{PUBLISHED[4:6]}-{PUBLISHED[6:]}T00:00:00Z"),
                boot_mode="uefi-preferred",
                **entry,
            )
