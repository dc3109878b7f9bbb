# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import threading

import pytest

from slipway_lab.delays import AWS_SECONDS
from slipway_lab.delays import SCALE
from slipway_lab.delays import Delays


@pytest.mark.parametrize(("mode", "factor"), [("off", 0), ("scaled", 1 / SCALE), ("aws", 1)])
def test_seconds_by_mode(mode, factor):
    delays = Delays(mode)
    assert {event: delays.seconds(event) for event in AWS_SECONDS} == {
        event: seconds * factor for event, seconds in AWS_SECONDS.items()
    }


def test_without_delay_the_callback_runs_before_after_returns():
    called = []
    Delays("off").after("instance_pending", lambda: called.append(threading.current_thread()))
    assert called == [threading.current_thread()]


def test_with_delay_the_caller_goes_on():
    done = threading.Event()
    Delays("scaled").after("volume_creating", done.set)
    assert not done.is_set()
    assert done.wait(10)


def test_unknown_events_and_modes_are_errors():
    with pytest.raises(KeyError):
        Delays("off").seconds("lunch")
    with pytest.raises(ValueError, match="off, scaled, aws"):
        Delays("fast")
