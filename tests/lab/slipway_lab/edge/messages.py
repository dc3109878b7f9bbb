# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# HTTP requests and responses as the edge passes them around. Pure.

from __future__ import annotations

import http
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field


class Headers:
    """Header fields in order; names compare without regard to case."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = [(name, value) for name, value in fields]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first field of that name."""
        wanted = name.lower()
        return next((value for key, value in self._fields if key.lower() == wanted), default)

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self._fields if key.lower() == wanted]

    def joined(self, name: str) -> str:
        """All fields of that name as the one list that they mean together."""
        return ", ".join(self.all(name))

    def set(self, name: str, value: str) -> None:
        self.remove(name)
        self.add(name, value)

    def add(self, name: str, value: str) -> None:
        self._fields.append((name, value))

    def remove(self, *names: str) -> None:
        unwanted = {name.lower() for name in names}
        self._fields = [(name, value) for name, value in self._fields if name.lower() not in unwanted]

    def copy(self) -> Headers:
        return Headers(self._fields)


@dataclass
class Request:
    method: str
    path: str  # as it came, percent-encoded, without the query
    query: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    scheme: str = "https"
    client: str = ""
    client_port: int = 0
    version: str = "HTTP/1.1"

    @property
    def host(self) -> str:
        """The host asked for, without its port."""
        return (self.headers.get("Host") or "").partition(":")[0].lower()

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass
class Response:
    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    # What X-Cache says of how the response came about.
    result: str = ""

    def copy(self) -> Response:
        return Response(self.status, self.headers.copy(), self.body, self.result)


def reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
