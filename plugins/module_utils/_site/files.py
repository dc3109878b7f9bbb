# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: which files of a directory make a site, and with which headers each is served. Reads
# the directory; knows no AWS and no Ansible.

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._tree import TreeEntry
from ansible_collections.slipway.aws.plugins.module_utils._tree import TreeError
from ansible_collections.slipway.aws.plugins.module_utils._tree import file_sha256
from ansible_collections.slipway.aws.plugins.module_utils._tree import list_tree
from ansible_collections.slipway.aws.plugins.module_utils._tree import matches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence
    from typing import Any

# One PutObject takes no more, and a copy of an object onto itself neither.
LARGEST_FILE = 5 * 1024**3
LONGEST_KEY = 1024

# No part of any site, whatever lies there: histories, secrets, and what desktops leave behind.
DEFAULT_EXCLUDE = (".git", ".gitignore", ".gitkeep", ".env", ".env.*", ".DS_Store", "Thumbs.db", "desktop.ini")

# A name that carries a hash of the content is never used again for another content; everything else may be.
DEFAULT_CACHE_RULES: tuple[dict[str, Any], ...] = (
    {"pattern": "assets/*", "hashed_names": True, "cache_control": "public, max-age=31536000, immutable"},
    {"pattern": "*.html", "hashed_names": False, "cache_control": "no-cache"},
    {"pattern": "*", "hashed_names": False, "cache_control": "public, max-age=300"},
)

# A table of our own: Python's mimetypes asks the machine, and machines answer differently.
CONTENT_TYPES = {
    ".avif": "image/avif",
    ".atom": "application/atom+xml",
    ".bmp": "image/bmp",
    ".cjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".eot": "application/vnd.ms-fontobject",
    ".flac": "audio/flac",
    ".geojson": "application/geo+json",
    ".gif": "image/gif",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".gz": "application/gzip",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".ics": "text/calendar; charset=utf-8",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".jxl": "image/jxl",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".rss": "application/rss+xml",
    ".svg": "image/svg+xml",
    ".tar": "application/x-tar",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zip": "application/zip",
}
# Has no extension, and Apple wants it as JSON.
CONTENT_TYPES_BY_NAME = {"apple-app-site-association": "application/json"}
UNKNOWN_CONTENT_TYPE = "application/octet-stream"

# The last eight characters before the extensions, as Vite, Rollup, esbuild, webpack and Parcel write them, or a
# longer hexadecimal hash; after a dash or a dot. Eight letters in lower case are a word, eight digits a date.
_HASHED_NAME = re.compile(
    r"""[-.](?:
        (?=[^.]*[A-Za-z])(?=[^.]*[0-9A-Z])[A-Za-z0-9_-]{8}
        | [0-9a-f]{16,64}
    )(?:\.[A-Za-z0-9]+)+$""",
    re.VERBOSE,
)


def is_page(key: str) -> bool:
    """Pages name the other files, so they are published after them, and taken away at once."""
    return key.endswith((".html", ".htm", ".xhtml"))


def has_hashed_name(key: str) -> bool:
    return _HASHED_NAME.search(key.rsplit("/", 1)[-1]) is not None


def content_type_of(key: str, extra: Mapping[str, str]) -> str:
    name = key.rsplit("/", 1)[-1]
    extension = os.path.splitext(name)[1].lower()
    known = {**CONTENT_TYPES, **{f".{given.lstrip('.').lower()}": value for given, value in extra.items()}}
    return CONTENT_TYPES_BY_NAME.get(name) or known.get(extension, UNKNOWN_CONTENT_TYPE)


def cache_control_of(key: str, rules: Sequence[Mapping[str, Any]]) -> str | None:
    """What the first rule for this file says. A pattern with a slash means the path, one without the name."""
    for rule in rules:
        if matches(key, rule["pattern"]) and (not rule["hashed_names"] or has_hashed_name(key)):
            return rule["cache_control"]
    return None


def read_site(
    source: str,
    exclude: Sequence[str],
    cache_rules: Sequence[Mapping[str, Any]],
    content_types: Mapping[str, str],
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """By key: what each object of the site is to be, and where its content is."""
    entries = list_tree(source, [*DEFAULT_EXCLUDE, *exclude])
    locations = {entry.path: _file_behind(entry) for entry in entries}
    files = {}
    for key, location in locations.items():
        _check_key(key)
        size = os.path.getsize(location)
        if size > LARGEST_FILE:
            raise TreeError(f"{key} has {size} bytes; more than {LARGEST_FILE} cannot be published. Exclude it.")
        files[key] = {
            "sha256": file_sha256(location),
            "size": size,
            "content_type": content_type_of(key, content_types),
            "cache_control": cache_control_of(key, cache_rules),
        }
    return files, locations


def _file_behind(entry: TreeEntry) -> str:
    if entry.link is not None and not os.path.isfile(entry.location):
        raise TreeError(
            f"The symbolic link {entry.path} does not lead to a file. Put what is meant in its place, or exclude it."
        )
    return entry.location


def _check_key(key: str) -> None:
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise TreeError(f"The name {key!r} is not UTF-8, so it has no URL. Rename or exclude it.") from error
    if length > LONGEST_KEY:
        raise TreeError(f"The name {key} is longer than the {LONGEST_KEY} bytes that S3 takes. Rename or exclude it.")
