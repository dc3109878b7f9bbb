# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import threading

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._batch import MAX_WORKERS
from ansible_collections.slipway.aws.plugins.module_utils._batch import gather


def test_results_come_under_their_names():
    assert gather(one=lambda: 1, two=lambda: [2]) == {"one": 1, "two": [2]}


def test_nothing_to_read():
    assert gather() == {}


def test_reads_run_side_by_side():
    everybody = threading.Barrier(3, timeout=10)
    assert set(gather(a=everybody.wait, b=everybody.wait, c=everybody.wait).values()) == {0, 1, 2}


def test_more_reads_than_workers():
    reads = {f"read{number}": lambda number=number: number for number in range(3 * MAX_WORKERS)}
    assert list(gather(**reads).values()) == list(range(3 * MAX_WORKERS))


def test_an_error_of_a_read_is_raised():
    def fail():
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        gather(works=lambda: 1, fails=fail)
