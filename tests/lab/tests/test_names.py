# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from slipway_lab import names
from slipway_lab.names import Names
from slipway_lab.names import look_up
from slipway_lab.names import with_block

BLOCK = "# slipway lab 3: begin\n10.90.3.3 a.example\n# slipway lab 3: end\n"


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("127.0.0.1 localhost\n", ["10.90.3.3 a.example"], f"127.0.0.1 localhost\n{BLOCK}"),
        (f"127.0.0.1 localhost\n{BLOCK}", [], "127.0.0.1 localhost\n"),
        (f"{BLOCK}::1 localhost\n", ["10.90.3.3 a.example"], f"::1 localhost\n{BLOCK}"),
        # Another lab's block is nobody else's business.
        (BLOCK.replace("lab 3", "lab 30"), [], BLOCK.replace("lab 3", "lab 30")),
        ("no newline at the end", [], "no newline at the end\n"),
    ],
)
def test_with_block(text, lines, expected):
    assert with_block(text, 3, lines) == expected


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("a.example", "1"),
        ("A.Example.", "1"),
        ("b.example", "2"),
        ("x.b.example", "2"),
        ("x.c.example", "3"),
        ("example", None),
        ("other", None),
    ],
)
def test_look_up(name, address):
    assert look_up({"a.example": "1", "*.example": "2", "*.c.example": "3"}, name) == address


@pytest.fixture
def hosts_file(tmp_path, monkeypatch):
    monkeypatch.setattr(names, "LOCK_FILE", tmp_path / "lock")
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 localhost\n")
    file.chmod(0o644)
    return file


def test_names_are_published_and_withdrawn(hosts_file):
    lab = Names(3, hosts_file)
    lab.publish("Web.Example", "10.90.3.16")
    lab.publish("*.wild.example", "10.90.3.3")
    assert lab.resolve("web.example") == "10.90.3.16"
    assert lab.resolve("any.wild.example") == "10.90.3.3"
    assert "10.90.3.16 web.example\n" in hosts_file.read_text()
    assert "*" not in hosts_file.read_text()
    lab.withdraw("web.example")
    lab.withdraw("*.wild.example")
    assert lab.resolve("web.example") is None
    assert hosts_file.read_text() == "127.0.0.1 localhost\n"
    assert hosts_file.stat().st_mode & 0o777 == 0o644


def test_two_labs_share_the_file(hosts_file):
    one, two = Names(1, hosts_file), Names(2, hosts_file)
    one.publish("a.example", "10.90.1.16")
    two.publish("a.example", "10.90.2.16")
    one.withdraw("a.example")
    assert "10.90.2.16 a.example" in hosts_file.read_text()
    assert "10.90.1.16" not in hosts_file.read_text()
