# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: where the controller keeps releases: each archive and each unpacked tree under the hash of
# its content. Standard library only.

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._release.content import ensure_archive
from ansible_collections.slipway.aws.plugins.module_utils._release.content import read_content

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._release.content import Content


def prepare_cache(path: str | None) -> str:
    """Make the cache at path, or at its default place, for its owner alone; returns where it is."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    cache = os.path.abspath(path or os.path.join(home, "slipway"))
    for name in ("", "releases", "trees"):
        os.makedirs(os.path.join(cache, name), mode=0o700, exist_ok=True)
    return cache


def keep_tree(cache: str, fresh: str, sha256: str, exclude: Sequence[str]) -> tuple[str, Content]:
    """Move a tree that has this hash into the cache, unless the same is there; returns where it is, and its content."""
    directory = os.path.join(cache, "trees", sha256)
    if os.path.isdir(directory):
        kept = read_content(directory, exclude)
        if kept.sha256 == sha256:
            return directory, kept
        shutil.rmtree(directory, ignore_errors=True)
    os.replace(fresh, directory)
    return directory, read_content(directory, exclude)


def keep_release(cache: str, directory: str, content: Content) -> dict[str, Any]:
    """Write the release's archive, unless it is there; returns what release_source says of a release."""
    archive = os.path.join(cache, "releases", f"{content.sha256}.tar.gz")
    ensure_archive(content, archive)
    return {
        "id": content.sha256[:12],
        "content_sha256": content.sha256,
        "files": len(content.files),
        "archive": archive,
        "directory": directory,
    }
