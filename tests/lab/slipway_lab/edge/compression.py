# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Compression at the edge (developer guide, "Serve compressed files"): gzip only, Brotli is not in Python. Pure.

from __future__ import annotations

import gzip

from slipway_lab.edge.messages import Headers
from slipway_lab.edge.messages import Response

_SIZES = range(1_000, 10_000_001)
_TYPES = {
    "application/dash+xml",
    "application/eot",
    "application/font",
    "application/font-sfnt",
    "application/javascript",
    "application/json",
    "application/opentype",
    "application/otf",
    "application/pdf",
    "application/pkcs7-mime",
    "application/protobuf",
    "application/rss+xml",
    "application/truetype",
    "application/ttf",
    "application/vnd.apple.mpegurl",
    "application/vnd.mapbox-vector-tile",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/xhtml+xml",
    "application/xml",
    "application/x-font-opentype",
    "application/x-font-truetype",
    "application/x-font-ttf",
    "application/x-httpd-cgi",
    "application/x-javascript",
    "application/x-mpegurl",
    "application/x-opentype",
    "application/x-otf",
    "application/x-perl",
    "application/x-ttf",
    "font/eot",
    "font/opentype",
    "font/otf",
    "font/ttf",
    "image/svg+xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/js",
    "text/plain",
    "text/richtext",
    "text/tab-separated-values",
    "text/xml",
    "text/x-component",
    "text/x-java-source",
    "text/x-script",
    "vnd.apple.mpegurl",
}


def accepted(headers: Headers, version: str) -> str:
    """What of the viewer's Accept-Encoding counts here: "gzip" or nothing."""
    if version == "HTTP/1.0":
        return ""
    offers = (offer.strip().partition(";") for offer in headers.joined("Accept-Encoding").lower().split(","))
    return "gzip" if any(name == "gzip" and parameters.strip() != "q=0" for name, _, parameters in offers) else ""


def is_compressible(response: Response) -> bool:
    headers = response.headers
    content_type = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    return (
        response.status in (200, 403, 404)
        and "Content-Encoding" not in headers
        and (headers.get("Content-Length") or "").isdecimal()
        and len(response.body) in _SIZES
        and content_type in _TYPES
    )


def compressed(response: Response) -> Response:
    response = response.copy()
    response.body = gzip.compress(response.body, 6, mtime=0)
    headers = response.headers
    headers.set("Content-Encoding", "gzip")
    headers.set("Content-Length", str(len(response.body)))
    vary = [name.strip() for name in headers.joined("Vary").split(",") if name.strip()]
    if "accept-encoding" not in map(str.lower, vary):
        headers.set("Vary", ", ".join([*vary, "Accept-Encoding"]))
    # The body's bytes are others now, so a strong tag becomes a weak one; an invalid one goes.
    tag = headers.get("ETag")
    if tag is not None and tag.startswith('"'):
        headers.set("ETag", f"W/{tag}")
    elif tag is not None and not tag.startswith("W/"):
        headers.remove("ETag")
    return response
