# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# How long AWS takes to do things, so that waiting is exercised.

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MODES = ("off", "scaled", "aws")

# Seconds, as seen on AWS; scaled divides them by SCALE.
AWS_SECONDS = {
    "instance_pending": 20,
    "instance_stopping": 20,
    "instance_terminating": 20,
    "distribution_deploying": 240,
    "invalidation": 30,
    "function_publish": 5,
    "volume_creating": 3,
    "volume_attaching": 3,
    "snapshot_pending": 20,
    "record_change": 30,
    "certificate_records": 5,
    "certificate_validation": 120,
}
SCALE = 60


class Delays:
    def __init__(self, mode: str = "off") -> None:
        self.mode = mode

    @property
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"A lab's delays are one of {', '.join(MODES)}, not {mode!r}.")
        self._mode = mode

    def seconds(self, event: str) -> float:
        """How long event takes; an unknown event is an error in the lab, not a delay of zero."""
        seconds = AWS_SECONDS[event]
        return {"off": 0.0, "scaled": seconds / SCALE, "aws": float(seconds)}[self.mode]

    def after(self, event: str, callback: Callable[[], None]) -> None:
        """Call back when event is over: before this returns if that takes no time, else from a thread."""
        later(self.seconds(event), callback)


def later(seconds: float, callback: Callable[[], None]) -> None:
    """Call back after seconds from a thread, or, if there are none, before this returns."""
    if seconds <= 0:
        callback()
        return
    timer = threading.Timer(seconds, callback)
    timer.daemon = True
    timer.start()
