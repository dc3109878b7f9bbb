# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The edge's cache: what makes two requests the same, how long a response lives (developer guide, "Manage how
# long content stays in the cache" and "How CloudFront processes HTTP 4xx and 5xx status codes"), invalidation.

from __future__ import annotations

import email.utils
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slipway_lab.edge.behaviours import CacheSettings
from slipway_lab.edge.behaviours import Selection
from slipway_lab.edge.messages import Headers
from slipway_lab.edge.messages import Request
from slipway_lab.edge.messages import Response

ERROR_SECONDS = 10
_MAX_BYTES = 256 * 1024 * 1024

# Cached whatever the origin says, and only if it names an age.
_ERRORS_ALWAYS = {404, 414, 500, 501, 502, 503, 504}
_ERRORS_WITH_AGE = {400, 403, 405, 412, 415}
_CACHEABLE = {200, 203, 300, 301, 302, 307, 308, 410}
_ONLY_WITH_AGE = {302, 307}


@dataclass(frozen=True)
class Key:
    distribution: str
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    cookies: tuple[tuple[str, str], ...]
    encoding: str

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


def key_of(distribution: str, request: Request, settings: CacheSettings, encoding: str) -> Key:
    """What a request is cached under; encoding is what the viewer accepts, normalised (gzip, or nothing)."""
    return Key(
        distribution,
        "OPTIONS" if request.method == "OPTIONS" else "GET",
        request.path,
        selected_query(request.query, settings.query),
        tuple(
            sorted(
                (name.lower(), value)
                for name, value in request.headers
                if name.lower() in settings.headers and name.lower() != "cookie"
            )
        ),
        tuple(selected_cookies(request.headers, settings.cookies)),
        encoding if settings.gzip else "",
    )


def selected_query(query: str, selection: Selection) -> str:
    parts = [part for part in query.split("&") if part and part.partition("=")[0] in selection]
    return "&".join(parts)


def selected_cookies(headers: Headers, selection: Selection) -> list[tuple[str, str]]:
    parts = [part.strip().partition("=") for line in headers.all("Cookie") for part in line.split(";")]
    return [(name, value) for name, _, value in parts if name and name in selection]


# --- lifetime --------------------------------------------------------------------------------------------------


def directives(headers: Headers) -> dict[str, str]:
    parts = (part.strip().partition("=") for part in headers.joined("Cache-Control").split(","))
    return {name.lower(): value.strip('"') for name, _, value in parts if name}


def origin_age(headers: Headers, now: float) -> int | None:
    """How long the origin wants a response to be kept by a shared cache, in seconds; None: it does not say."""
    said = directives(headers)
    for name in ("s-maxage", "max-age"):
        if said.get(name, "").isdecimal():
            return int(said[name])
    expires = headers.get("Expires")
    if expires is None:
        return None
    try:
        return max(0, int(email.utils.parsedate_to_datetime(expires).timestamp() - now))
    except ValueError:
        return 0


def lifetime(response: Response, settings: CacheSettings, now: float, error: dict[str, Any] | None = None) -> int:
    """For how many seconds the edge keeps a response; 0: not at all. error: the distribution's error response."""
    age = origin_age(response.headers, now)
    if response.status >= 400 and response.status != 410:
        if response.status not in _ERRORS_ALWAYS and (response.status not in _ERRORS_WITH_AGE or age is None):
            return 0
        return max(ERROR_SECONDS if error is None else error["ErrorCachingMinTTL"], age or 0)
    if response.status not in _CACHEABLE or (response.status in _ONLY_WITH_AGE and age is None):
        return 0
    if {"no-cache", "no-store", "private"} & set(directives(response.headers)):
        return settings.minimum
    wanted = settings.default if age is None else age
    return min(max(settings.minimum, wanted), settings.maximum)


# --- the cache -------------------------------------------------------------------------------------------------


@dataclass
class Entry:
    response: Response
    stored: float
    expires: float
    viewer_path: str  # before a function changed it
    validators: Headers  # the origin's ETag and Last-Modified

    def age(self, now: float) -> int:
        return max(0, int(now - self.stored))

    def is_fresh(self, now: float) -> bool:
        return now < self.expires

    @property
    def size(self) -> int:
        return len(self.response.body) + 1024


class Cache:
    """Responses by key, the least recently used thrown out when they grow too big."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._size = 0
        self._generations: dict[str, int] = {}
        self._lock = threading.Lock()

    def get(self, key: Key) -> Entry | None:
        """What is kept under a key, fresh or not."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def generation(self, distribution: str) -> int:
        """Tells what was fetched before an invalidation from what was fetched after it."""
        with self._lock:
            return self._generations.get(distribution, 0)

    def put(
        self, key: Key, response: Response, seconds: int, viewer_path: str, validators: Headers, generation: int
    ) -> None:
        """Keep a response whose fetching began at generation; in vain if there was an invalidation since."""
        now = self.now()
        entry = Entry(response, now, now + seconds, viewer_path, validators)
        if entry.size > _MAX_BYTES:
            return
        with self._lock:
            if self._generations.get(key.distribution, 0) != generation:
                return
            self._drop(key)
            self._entries[key] = entry
            self._size += entry.size
            while self._size > _MAX_BYTES:
                self._drop(next(iter(self._entries)))

    def refresh(self, entry: Entry, seconds: int) -> None:
        """An origin confirmed the entry (or could not be asked): it lives on."""
        now = self.now()
        entry.stored, entry.expires = now, now + seconds

    def invalidate(self, distribution: str, paths: list[str] | None) -> None:
        """Forget what paths mean in a distribution (None: everything)."""
        with self._lock:
            self._generations[distribution] = self._generations.get(distribution, 0) + 1
            for key, entry in list(self._entries.items()):
                if key.distribution == distribution and (paths is None or is_invalidated(key, entry, paths)):
                    self._drop(key)

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= entry.size


def is_invalidated(key: Key, entry: Entry, paths: list[str]) -> bool:
    targets = (key.target, entry.viewer_path)
    return any(
        target.startswith(path[:-1]) if path.endswith("*") else target == path for path in paths for target in targets
    )
