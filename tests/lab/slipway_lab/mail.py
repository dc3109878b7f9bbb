# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The e-mail that AWS would send. Nothing leaves the lab: who wants to read it asks the control API.

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    to: str
    subject: str
    body: str
    # Of a request to confirm a subscription: what ConfirmSubscription asks for.
    topic_arn: str = ""
    token: str = ""


class Mail:
    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._lock = threading.Lock()

    def deliver(self, message: Message) -> None:
        with self._lock:
            self._messages.append(message)

    def all(self) -> list[dict[str, Any]]:
        """Every message, in order, as JSON has it."""
        with self._lock:
            return [dataclasses.asdict(message) for message in self._messages]
