# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: asks web servers and ports from outside, and tells what they answered. Nothing is judged
# here. Standard library only.

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import ssl
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing import Any

# Of a body no more is returned than this; its digest is of all of it.
SHOWN_BODY = 4096

# What a server may set that is nobody else's to read.
HIDDEN_HEADERS = frozenset(["set-cookie"])


def explain(error: Exception) -> str:
    """Why there was no answer, in words for people."""
    if isinstance(error, socket.gaierror):
        return f"the name does not resolve ({error.strerror})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", "") or str(error) or type(error).__name__


def ask(request: dict[str, Any], timeout: float, context: ssl.SSLContext) -> tuple[dict[str, Any], str]:
    """What is answered to one request, redirects not followed, and the whole body.

    request: url, method, headers
    The answer has status (None if there is none), headers (names in lower case), the beginning of the body,
    body_sha256, tls, error.
    """
    parts = urlsplit(request["url"])
    nothing = {"status": None, "headers": {}, "body": "", "body_sha256": None, "tls": None}
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(request["method"], target, headers=request["headers"])
        tls = connection.sock.version() if parts.scheme == "https" else None
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        return {"url": request["url"], **nothing, "error": explain(error)}, ""
    finally:
        connection.close()
    headers = {name.lower(): value for name, value in response.getheaders() if name.lower() not in HIDDEN_HEADERS}
    text = body.decode("utf-8", errors="replace")
    found = {
        "url": request["url"],
        "status": response.status,
        "headers": headers,
        "body": text[:SHOWN_BODY],
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "tls": tls,
        "error": "",
    }
    return found, text


def knock(host: str, port: int, timeout: float) -> dict[str, Any]:
    """Whether somebody answers at a port. Refused and silent are both closed: a security group is silent."""
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except OSError as error:
        return {"host": host, "port": port, "open": False, "error": explain(error)}
    return {"host": host, "port": port, "open": True, "error": ""}


def find_local_addresses(text: str) -> list[str]:
    """Addresses of servers on the reader's own machine. Without a port they are placeholders that libraries use."""
    return sorted(set(re.findall(r"https?://(?:localhost|127\.0\.0\.1):\d+", text)))


class _Assets(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "script" and attributes.get("src"):
            self.found.append(str(attributes["src"]))
        relations = (attributes.get("rel") or "").split()
        if tag == "link" and attributes.get("href") and {"stylesheet", "modulepreload", "icon"} & set(relations):
            self.found.append(str(attributes["href"]))


def find_assets(page: str, url: str) -> list[str]:
    """The addresses of the scripts, styles and icons that a page at url names, of its own server's only, in order."""
    parser = _Assets()
    parser.feed(page)
    home = urlsplit(url)[:2]
    addresses = [urljoin(url, address) for address in parser.found]
    return list(dict.fromkeys(address for address in addresses if urlsplit(address)[:2] == home))
