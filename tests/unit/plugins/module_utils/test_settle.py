# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.slipway.aws.plugins.module_utils import _settle


@pytest.fixture
def slept(monkeypatch):
    """A clock that only sleeping moves."""
    pauses = []
    clock = SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append)
    monkeypatch.setattr(_settle, "time", clock)
    return pauses


def test_a_settled_read_is_the_only_one(slept):
    assert _settle.read_settled(lambda: 1, lambda found: found == 1) == 1
    assert slept == []


def test_it_reads_until_it_is_settled(slept):
    reads = iter([None, None, "made"])
    assert _settle.read_settled(lambda: next(reads), bool) == "made"
    assert len(slept) == 2


def test_in_the_end_it_takes_what_there_is(slept):
    assert _settle.read_settled(lambda: "old", lambda found: False, timeout=30) == "old"
    assert 10 < sum(slept) <= 30
    assert max(slept) <= _settle.LONGEST_PAUSE


def test_without_patience_it_reads_once(slept):
    assert _settle.read_settled(lambda: "old", lambda found: False, timeout=0) == "old"
    assert slept == []
