# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# What the lab was asked: every API call that was answered, in order.

from __future__ import annotations

import dataclasses
import re
import threading
import time
from dataclasses import dataclass
from typing import Any

# Operations that change nothing, by the first word of their name, or whole.
_READS = re.compile(
    "(Describe|Get|List|Head|BatchGet|Lookup|Search|Simulate|Test|Check|Validate|Estimate|Preview|AssumeRole|Decode)"
    "|(Query|Scan)$"
)


def is_mutating(operation: str) -> bool:
    """Whether an operation of this name changes anything."""
    return not _READS.match(operation)


@dataclass(frozen=True)
class Call:
    seq: int
    time: float
    service: str
    operation: str
    mutating: bool
    status: int
    error: str | None
    principal: str
    # Which fault was injected; without an answer, the status is 0.
    injected: str | None = None


class Journal:
    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def record(
        self,
        service: str,
        operation: str,
        status: int,
        error: str | None,
        principal: str,
        injected: str | None = None,
    ) -> None:
        with self._lock:
            seq = len(self._calls) + 1
            mutating = is_mutating(operation)
            call = Call(seq, time.time(), service, operation, mutating, status, error, principal, injected)
            self._calls.append(call)

    def since(self, seq: int) -> dict[str, Any]:
        """The calls after number seq, and the number of the last."""
        with self._lock:
            return {"seq": len(self._calls), "calls": [dataclasses.asdict(call) for call in self._calls[max(seq, 0) :]]}
