# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# What goes wrong between a program and AWS, on demand: calls that are throttled, fail, are slow or are never answered,
# and resources that are there already and are not seen yet. Also a gate that holds calls back, so that a program can be
# killed between any two of them.
#
# What happens to a call is drawn from the seed, the operation, and how many calls of that operation came before: the
# same whatever the order in which threads ask.

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING

from slipway_lab import calls
from slipway_lab import visibility
from slipway_lab.journal import is_mutating

if TYPE_CHECKING:
    from typing import Any

    from slipway_lab.calls import ApiCall

    Answer = tuple[int, dict[str, str], bytes]

THROTTLED, INTERNAL, UNAVAILABLE = "throttled", "internal", "unavailable"
RESET_BEFORE, RESET_AFTER, SLOW, INVISIBLE = "reset_before", "reset_after", "slow", "invisible"
KINDS = (THROTTLED, INTERNAL, UNAVAILABLE, RESET_BEFORE, RESET_AFTER, SLOW, INVISIBLE)
# In the journal only: the caller was held, and what became of it is not known.
HELD = "held"

# How long a call is held for a harness that has forgotten about it.
LONGEST_HOLD = 120

# Status and code of each service, where its API reference names others than its protocol's common ones.
_THROTTLED = {
    "ec2": (503, "RequestLimitExceeded"),
    "s3": (503, "SlowDown"),
    "sns": (429, "Throttled"),
    "apigateway": (429, "TooManyRequestsException"),
}
_INTERNAL = {
    "ec2": (500, "InternalError"),
    "s3": (500, "InternalError"),
    "iam": (500, "ServiceFailure"),
    "sns": (500, "InternalError"),
    "secretsmanager": (500, "InternalServiceError"),
    "ssm": (500, "InternalServerError"),
    "budgets": (500, "InternalErrorException"),
}
_UNAVAILABLE = {
    "ec2": (503, "Unavailable"),
    "logs": (503, "ServiceUnavailableException"),
}
_MESSAGES = {
    THROTTLED: "Rate exceeded",
    INTERNAL: "We encountered an internal error. Please try again.",
    UNAVAILABLE: "The service is unavailable. Please try again.",
}


class ConnectionLostError(Exception):
    """The connection is to be reset instead of an answer."""


def error_of(kind: str, call: ApiCall) -> tuple[int, str, str]:
    """Status, code and message with which a service tells of a fault."""
    in_json = calls.protocol_of(call) in ("json", "rest-json", "smithy-rpc-v2-cbor")
    if kind == THROTTLED:
        status, code = _THROTTLED.get(call.service, (400, "ThrottlingException" if in_json else "Throttling"))
    elif kind == INTERNAL:
        status, code = _INTERNAL.get(call.service, (500, "InternalFailure"))
    else:
        status, code = _UNAVAILABLE.get(call.service, (503, "ServiceUnavailable"))
    return status, code, _MESSAGES[kind]


@dataclass(frozen=True)
class Settings:
    """What is to go wrong.

    rate: the share of calls to which something happens
    kinds: what of KINDS may happen
    services, operations: the only ones to which it happens, if there are any
    persistent: draw once for each operation, so that trying again does not help
    limit: so many faults at the most
    slow_seconds, invisible_seconds: how long at the most
    hold: {"nth": 3, "when": "before" or "after"} holds back the third call that may change something, before it is
        carried out or before it is answered, and all such calls that come after it
    """

    seed: int = 0
    rate: float = 0.0
    kinds: tuple[str, ...] = KINDS
    services: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    persistent: bool = False
    limit: int | None = None
    slow_seconds: float = 1.0
    invisible_seconds: float = 2.0
    hold: dict[str, Any] | None = None

    @classmethod
    def of(cls, wanted: dict[str, Any]) -> Settings:
        """What a request asks for; ValueError says what is wrong with it."""
        unknown = sorted(set(wanted) - set(cls.__dataclass_fields__))
        if unknown:
            raise ValueError(f"Faults have no {', '.join(unknown)}; there are {', '.join(cls.__dataclass_fields__)}.")
        lists = {name: tuple(wanted[name]) for name in ("kinds", "services", "operations") if name in wanted}
        settings = cls(**{**wanted, **lists})
        unknown = sorted(set(settings.kinds) - set(KINDS))
        if unknown:
            raise ValueError(f"There is no fault {', '.join(unknown)}; there are {', '.join(KINDS)}.")
        if not 0 <= settings.rate <= 1:
            raise ValueError(f"The rate of faults is from 0 to 1, not {settings.rate}.")
        hold = settings.hold
        if hold is not None and (
            set(hold) != {"nth", "when"} or hold["when"] not in ("before", "after") or int(hold["nth"]) < 1
        ):
            raise ValueError('A hold is {"nth": 1 or more, "when": "before" or "after"}.')
        return settings

    def concerns(self, call: ApiCall) -> bool:
        return (not self.services or call.service in self.services) and (
            not self.operations or call.operation in self.operations
        )


def draw(settings: Settings, call: ApiCall, number: int) -> str | None:
    """What happens to the number-th call of its operation; None: nothing."""
    kinds = [kind for kind in settings.kinds if kind != INVISIBLE or visibility.makes(call)]
    if not kinds or not settings.concerns(call):
        return None
    drawn = "" if settings.persistent else f"/{number}"
    source = random.Random(f"{settings.seed}/{call.service}/{call.operation}{drawn}")
    return source.choice(kinds) if source.random() < settings.rate else None


@dataclass
class _Session:
    """What has happened since the settings were given."""

    settings: Settings
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    calls: int = 0
    writes: int = 0
    injected: dict[str, Counter[str]] = field(default_factory=dict)
    held: list[dict[str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def total(self) -> int:
        return sum(counter.total() for counter in self.injected.values())


class Faults:
    """Decides on each call, and counts. One set of settings is in force at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session = _Session(Settings())
        self._unseen = visibility.Unseen()

    def set(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Put settings into force, and let go of what the former ones held: it is lost. Returns what they did."""
        settings = Settings.of(wanted)
        with self._lock:
            before, self._session = self._session, _Session(settings)
            self._unseen = visibility.Unseen()
        before.over.set()
        return _report(before)

    def report(self) -> dict[str, Any]:
        with self._lock:
            return _report(self._session)

    def carry_out(self, call: ApiCall, of_host: bool, execute: Callable[[], Answer]) -> tuple[Answer, str | None]:
        """Answer a call, or raise ConnectionLostError; beside the answer, what was done to the call."""
        with self._lock:
            session = self._session
            unseen = self._unseen
            kind, place = self._decide(session, call, of_host)
        if place is not None:
            self._hold(session, call, place, execute)
        hidden = unseen.refusal(call)
        if hidden:
            self._count(session, INVISIBLE, call)
            return _refuse(call, *hidden), INVISIBLE
        if kind in (THROTTLED, INTERNAL, UNAVAILABLE):
            return _refuse(call, *error_of(kind, call)), kind
        if kind == RESET_BEFORE:
            raise ConnectionLostError(RESET_BEFORE)
        if kind == SLOW:
            time.sleep(random.uniform(0.2, 1) * session.settings.slow_seconds)
        answer = execute()
        if kind == RESET_AFTER:
            raise ConnectionLostError(RESET_AFTER)
        if kind == INVISIBLE:
            unseen.hide(call, answer, random.uniform(0.3, 1) * session.settings.invisible_seconds)
        body, hidden_now = unseen.without(call, answer[2])
        if hidden_now:
            self._count(session, INVISIBLE, call)
            return (answer[0], answer[1], body), INVISIBLE
        return answer, kind

    def _decide(self, session: _Session, call: ApiCall, of_host: bool) -> tuple[str | None, str | None]:
        settings = session.settings
        session.calls += 1
        session.seen[call.service, call.operation] += 1
        place = None
        # What hosts do by themselves is not the run that is to be interrupted.
        if is_mutating(call.operation) and not of_host and settings.concerns(call):
            session.writes += 1
            if settings.hold is not None and session.writes >= settings.hold["nth"]:
                place = settings.hold["when"] if session.writes == settings.hold["nth"] else "before"
        if settings.limit is not None and session.total >= settings.limit:
            return None, place
        kind = draw(settings, call, session.seen[call.service, call.operation])
        if kind is not None and kind != INVISIBLE:
            session.injected.setdefault(kind, Counter())[call.service] += 1
        return kind, place

    def _hold(self, session: _Session, call: ApiCall, place: str, execute: Callable[[], Answer]) -> None:
        if place == "after":
            execute()
        with self._lock:
            session.held.append({"service": call.service, "operation": call.operation, "when": place})
        session.over.wait(LONGEST_HOLD)
        raise ConnectionLostError(RESET_AFTER if place == "after" else RESET_BEFORE)

    def _count(self, session: _Session, kind: str, call: ApiCall) -> None:
        with self._lock:
            session.injected.setdefault(kind, Counter())[call.service] += 1


def _report(session: _Session) -> dict[str, Any]:
    return {
        "calls": session.calls,
        "writes": session.writes,
        "injected": {kind: dict(counter) for kind, counter in session.injected.items()},
        "held": list(session.held),
    }


def _refuse(call: ApiCall, status: int, code: str, message: str) -> Answer:
    content_type, body = calls.render_error(call, code, message)
    headers = {"Content-Type": content_type}
    # A header that botocore would take for the code, with a part that is not one.
    if not re.search("xml", content_type):
        headers["x-amzn-errortype"] = code
    return status, headers, body if isinstance(body, bytes) else body.encode()
