# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from slipway_lab.metadata import Metadata
from slipway_lab.metadata import look_up

TREE = {
    "meta-data": {
        "ami-id": "ami-1",
        "iam": {"security-credentials": {"web": lambda: "secret"}},
        "placement": {"region": "us-east-1"},
        "public-keys": {"0=deploy": {"openssh-key": "ssh-ed25519 A"}},
    },
    "user-data": "#!/bin/sh\n",
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("meta-data/ami-id", "ami-1"),
        ("meta-data", "ami-id\niam/\nplacement/\npublic-keys/"),
        ("meta-data/", "ami-id\niam/\nplacement/\npublic-keys/"),
        ("meta-data/placement/region", "us-east-1"),
        ("meta-data/iam/security-credentials/", "web"),
        ("meta-data/iam/security-credentials/web", "secret"),
        ("meta-data/public-keys/", "0=deploy"),
        ("meta-data/public-keys/0/openssh-key", "ssh-ed25519 A"),
        ("user-data", "#!/bin/sh\n"),
        ("meta-data/ami-id/more", None),
        ("meta-data/nothing", None),
        ("dynamic", None),
    ],
)
def test_look_up(path, text):
    assert look_up(TREE, path) == text


def test_a_token_is_good_for_its_instance_only():
    metadata = Metadata()
    token = metadata.new_token("i-1", 60)
    assert metadata.is_valid(token, "i-1")
    assert not metadata.is_valid(token, "i-2")
    assert not metadata.is_valid("made up", "i-1")


def test_a_token_ends(monkeypatch):
    metadata = Metadata()
    now = [1000.0]
    monkeypatch.setattr("slipway_lab.metadata.time.monotonic", lambda: now[0])
    token = metadata.new_token("i-1", 60)
    now[0] += 61
    assert not metadata.is_valid(token, "i-1")
