# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the object beside a published site that says what was published. Pure.
#
# {
#   "version": 1,
#   "run": "...",            who wrote this; tells one's own write from another's
#   "publications": 3,       how many were finished
#   "release_id": "...",     the release that is live
#   "files":      {key: {sha256, size, etag, content_type, cache_control}},         its objects
#   "superseded": {key: {since, ...the same as far as known}},       objects of earlier releases that are kept yet
#   "unfinished": {release_id, keys, invalidation}     while a publication is under way: the objects that it may
#                                                      have made, and the paths that it owes an invalidation
# }

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

VERSION = 1


class ManifestError(Exception):
    pass


@dataclass(frozen=True)
class Manifest:
    release_id: str | None = None
    publications: int = 0
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    superseded: dict[str, dict[str, Any]] = field(default_factory=dict)
    unfinished: dict[str, Any] | None = None
    # Of the object that it was read from.
    etag: str | None = None
    modified: datetime | None = None

    def recorded(self, key: str) -> dict[str, Any] | None:
        return self.files.get(key) or self.superseded.get(key)


def parse_manifest(body: bytes, etag: str, modified: datetime) -> Manifest:
    try:
        document = json.loads(body)
        if document["version"] != VERSION:
            raise ManifestError(f"is of version {document['version']}, and this module knows version {VERSION}")
        return Manifest(
            release_id=document["release_id"],
            publications=document["publications"],
            files=document["files"],
            superseded=document["superseded"],
            unfinished=document.get("unfinished"),
            etag=etag,
            modified=modified,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ManifestError(f"is not a manifest of this module ({type(error).__name__}: {error})") from error


def format_manifest(manifest: Manifest, run: str) -> bytes:
    document = {
        "version": VERSION,
        "run": run,
        "publications": manifest.publications,
        "release_id": manifest.release_id,
        "files": manifest.files,
        "superseded": manifest.superseded,
    }
    if manifest.unfinished is not None:
        document["unfinished"] = manifest.unfinished
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
