# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from slipway_lab import images
from slipway_lab.images import Source
from slipway_lab.images import parse_sources
from slipway_lab.images import sources_for

ONE_LINE = """# deb http://old.example/debian bookworm main
deb [signed-by=/usr/share/keyrings/x.gpg arch=amd64] http://mirror.example/debian/ bookworm main contrib # comment
deb-src http://mirror.example/debian bookworm main
deb http://other.example/tools stable-tools main
"""
DEB822 = """Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
# a comment
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://off.example/debian
Suites: bookworm-backports
Components: main
Enabled: no
"""


def test_both_formats_are_read():
    assert parse_sources([ONE_LINE], []) == [
        Source("http://mirror.example/debian", "bookworm", ("main", "contrib")),
        Source("http://other.example/tools", "stable-tools", ("main",)),
    ]
    assert parse_sources([], [DEB822]) == [
        Source("http://mirror.example/debian", "bookworm", ("main",)),
        Source("http://mirror.example/debian", "bookworm-updates", ("main",)),
        Source("http://security.example/debian-security", "bookworm-security", ("main",)),
    ]


def test_the_machines_mirrors_serve_every_release():
    machine = parse_sources([], [DEB822])
    assert [source.line for source in sources_for("trixie", machine)] == [
        "deb http://mirror.example/debian trixie main",
        "deb http://security.example/debian-security trixie-security main",
        "deb http://mirror.example/debian trixie-updates main",
    ]


def test_a_machine_without_debian_mirror_is_told_so():
    with pytest.raises(images.ImageError, match="trixie"):
        sources_for("trixie", [Source("http://archive.example/ubuntu", "noble", ("main",))])


def test_an_images_tag_follows_its_recipe(monkeypatch):
    before = images.tag("13")
    assert before == images.tag("13")
    assert before != images.tag("12")
    monkeypatch.setattr(images, "PACKAGES", (*images.PACKAGES, "vim"))
    assert images.tag("13") != before
