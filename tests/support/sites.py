# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Static sites of any size to publish, the same for the same seed, and what a browser would make of them."""

from __future__ import annotations

import hashlib
import os
import random
import re
import threading
from typing import TYPE_CHECKING

from web import ask

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

IMMUTABLE = "public, max-age=31536000, immutable"
SHORT = "public, max-age=300"
NEVER = "no-cache"

# Written down here a second time, so that the publisher's own table is held against something: (extension, type).
ASSETS = {
    "js": "text/javascript",
    "css": "text/css",
    "woff2": "font/woff2",
    "png": "image/png",
    "svg": "image/svg+xml",
    "wasm": "application/wasm",
    "js.map": "application/json",
}
OTHERS = {
    "favicon.ico": ("image/vnd.microsoft.icon", SHORT),
    "robots.txt": ("text/plain", SHORT),
    "site.webmanifest": ("application/manifest+json", SHORT),
    "service-worker.js": ("text/javascript", SHORT),
    "feed.xml": ("application/xml", SHORT),
    "terms.pdf": ("application/pdf", SHORT),
    "assets/logo.svg": ("image/svg+xml", SHORT),
    "data/years.json": ("application/json", SHORT),
}
ASSET_NAME = re.compile(r"/(assets/[\w.-]+)")


def write_site(directory: Path, files: int, seed: int, release: int = 1) -> dict[str, tuple[str, str]]:
    """Write a release of a site; each release after the first has another tenth of its assets anew.

    Every page names assets of its own, and the front page some of all. Returns content type and Cache-Control by key.
    """
    pages = max(files // 20, 1)
    assets = files - pages - len(OTHERS) - 1
    expected, names = {}, []
    for number in range(assets):
        extension = list(ASSETS)[number % len(ASSETS)]
        # What an asset was made anew for, last.
        made = max((n for n in range(2, release + 1) if number % 10 == n % 10), default=1)
        content = random.Random(f"{seed} {number} {made}").randbytes(200 + number % 4000)
        name = f"assets/chunk{number}-A{hashlib.sha256(content).hexdigest()[:7]}.{extension}"
        _write(directory / name, content)
        expected[name] = (ASSETS[extension], IMMUTABLE)
        names.append(name)
    for name, headers in OTHERS.items():
        _write(directory / name, f"{name} of site {seed}\n".encode())
        expected[name] = headers
    for number in range(pages):
        _write(directory / f"page{number}" / "index.html", _page(names[number::pages][:10], f"page {number}"))
        expected[f"page{number}/index.html"] = ("text/html", NEVER)
    _write(directory / "index.html", _page(names[:: max(assets // 60, 1)], f"release {release}"))
    expected["index.html"] = ("text/html", NEVER)
    return expected


def _page(names: list[str], title: str) -> bytes:
    links = "".join(f'<link href="/{name}">\n' for name in names)
    return f"<!doctype html>\n<title>{title}</title>\n{links}".encode()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def touch(directory: Path, seconds: float = 3600) -> None:
    """What a build does that changes nothing: all that differs is the files' times."""
    for path in directory.rglob("*"):
        if path.is_file():
            later = path.stat().st_mtime + seconds
            os.utime(path, (later, later))


def named_assets(page: str) -> list[str]:
    return ASSET_NAME.findall(page)


class Browser:
    """Opens a site again and again while something is done to it, and keeps what it did not get."""

    def __init__(self, url: str, tls: ssl.SSLContext, seed: int) -> None:
        self.url, self.tls = url, tls
        self.missing: list[str] = []
        self.opened = 0
        self.titles: list[str] = []
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._browse, daemon=True)

    def __enter__(self) -> Browser:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _browse(self) -> None:
        while not self._stop.is_set():
            page = self._get("/")
            if not page:
                continue
            title = page.partition("<title>")[2].partition("</title>")[0]
            if title not in self.titles:
                self.titles.append(title)
            names = named_assets(page)
            for name in self._random.sample(names, min(8, len(names))):
                self._get(f"/{name}")
            self.opened += 1

    def _get(self, path: str) -> str:
        answer = ask(self.url + path, self.tls)
        if answer.status != 200:
            self.missing.append(f"{answer.status} {path}")
        return answer.body
