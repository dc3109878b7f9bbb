# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: where the newest image of a distribution is found. Pure.

from __future__ import annotations

# The public SSM parameters in which each distribution publishes its newest image, for every region.
# Debian:  https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm and .../Trixie
# Ubuntu:  https://documentation.ubuntu.com/aws/en/latest/aws-how-to/instances/find-ubuntu-images/
# AL2023:  https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
IMAGE_FAMILIES = {
    "debian-12": "/aws/service/debian/release/12/latest/{architecture}",
    "debian-13": "/aws/service/debian/release/13/latest/{architecture}",
    "ubuntu-24.04": "/aws/service/canonical/ubuntu/server/24.04/stable/current/{architecture}/hvm/ebs-gp3/ami-id",
    "al2023": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}",
}

# What the names of a distribution's images begin with; the same sources.
NAME_BEGINNINGS = {
    "debian-12": "debian-12-",
    "debian-13": "debian-13-",
    "ubuntu-24.04": "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-",
    "al2023": "al2023-ami-2023.",
}

# Debian and Ubuntu say amd64 where EC2 and Amazon Linux say x86_64; both say arm64.
DEBIAN_NAMES_BELOW = ("/aws/service/debian/", "/aws/service/canonical/")
DEBIAN_NAMES = {"x86_64": "amd64"}

PLACEHOLDER = "{architecture}"


def image_parameter_name(parameter: str, architecture: str) -> str:
    """The parameter's name for an architecture as EC2 calls it (x86_64 or arm64)."""
    if parameter.startswith(DEBIAN_NAMES_BELOW):
        architecture = DEBIAN_NAMES.get(architecture, architecture)
    return parameter.replace(PLACEHOLDER, architecture)


def find_family(image_name: str) -> str | None:
    """The family that an image is of by its name; None for any other image."""
    return next((family for family, beginning in NAME_BEGINNINGS.items() if image_name.startswith(beginning)), None)


def choose_architecture(supported: list[str], preferred: str | None = None) -> str | None:
    """Which of the architectures that an instance type runs its host gets; a type of today runs one only."""
    for architecture in (preferred, "x86_64", "arm64"):
        if architecture in supported:
            return architecture
    return supported[0] if supported else None
