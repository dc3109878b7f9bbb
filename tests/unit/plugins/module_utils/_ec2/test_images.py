# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import IMAGE_FAMILIES
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import choose_architecture
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import find_family
from ansible_collections.slipway.aws.plugins.module_utils._ec2.images import image_parameter_name


@pytest.mark.parametrize(
    ("parameter", "architecture", "name"),
    [
        (IMAGE_FAMILIES["debian-12"], "x86_64", "/aws/service/debian/release/12/latest/amd64"),
        (IMAGE_FAMILIES["debian-13"], "arm64", "/aws/service/debian/release/13/latest/arm64"),
        (
            IMAGE_FAMILIES["ubuntu-24.04"],
            "x86_64",
            "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
        ),
        (
            IMAGE_FAMILIES["al2023"],
            "x86_64",
            "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        ),
        (
            IMAGE_FAMILIES["al2023"],
            "arm64",
            "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
        ),
        ("/our/images/web-{architecture}", "x86_64", "/our/images/web-x86_64"),
        ("/our/images/web", "arm64", "/our/images/web"),
    ],
)
def test_the_parameter_of_an_architecture(parameter, architecture, name):
    assert image_parameter_name(parameter, architecture) == name


@pytest.mark.parametrize(
    ("supported", "preferred", "chosen"),
    [
        (["x86_64"], None, "x86_64"),
        (["i386", "x86_64"], None, "x86_64"),
        (["arm64"], None, "arm64"),
        (["i386", "x86_64"], "i386", "i386"),
        (["arm64"], "x86_64", "arm64"),
        (["arm64_mac"], None, "arm64_mac"),
        ([], None, None),
    ],
)
def test_choose_architecture(supported, preferred, chosen):
    assert choose_architecture(supported, preferred) == chosen


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("debian-12-amd64-20250316-2053", "debian-12"),
        ("debian-13-arm64-20250814-2204", "debian-13"),
        ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20250610", "ubuntu-24.04"),
        ("al2023-ami-2023.7.20250527.1-kernel-6.1-x86_64", "al2023"),
        ("al2023-ami-minimal-2023.7.20250527.1-kernel-6.1-x86_64", None),
        ("our-debian-12-image", None),
        ("", None),
    ],
)
def test_the_family_of_an_image(name, family):
    assert find_family(name) == family
