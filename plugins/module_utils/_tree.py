# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the files of a directory on the controller that are to go somewhere else. Standard
# library only.

from __future__ import annotations

import fnmatch
import functools
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence


class TreeError(Exception):
    pass


@dataclass(frozen=True)
class TreeEntry:
    path: str  # relative to the root, with slashes
    location: str  # where to read it
    size: int = 0
    executable: bool = False
    link: str | None = None  # what a symbolic link says


@functools.cache
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


def matches(path: str, pattern: str) -> bool:
    """Whether a file or directory is meant by a pattern.

    A pattern without a slash means the last part of the path, wherever it is; with one, the whole path. A slash
    at the front anchors (and else has no meaning), one at the end has none. An asterisk matches slashes as well.
    """
    pattern = pattern.rstrip("/")
    subject = path if "/" in pattern else path.rsplit("/", 1)[-1]
    return _compile(pattern.lstrip("/")).match(subject) is not None


def is_excluded(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path, or a directory that it is in, is meant by any of the patterns."""
    parts = path.split("/")
    paths = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    return any(matches(parent, pattern) for parent in paths for pattern in patterns)


def list_tree(root: str, exclude: Sequence[str] = ()) -> list[TreeEntry]:
    """Every file and symbolic link below root, in the order of their paths. Directories alone are not listed."""
    if not os.path.isdir(root):
        raise TreeError(f"{root} is {'not a directory' if os.path.exists(root) else 'not there'}.")
    real_root = os.path.realpath(root)
    try:
        return sorted(_walk(real_root, real_root, "", exclude), key=lambda entry: entry.path)
    except OSError as error:
        raise TreeError(f"Failed to read {error.filename or root}: {error.strerror}.") from error


def _walk(root: str, directory: str, prefix: str, exclude: Sequence[str]) -> Iterator[TreeEntry]:
    with os.scandir(directory) as children:
        for child in children:
            path = prefix + child.name
            if any(matches(path, pattern) for pattern in exclude):
                continue
            if child.is_symlink():
                yield _link(root, path, child.path)
            elif child.is_dir():
                yield from _walk(root, child.path, path + "/", exclude)
            elif child.is_file():
                status = child.stat()
                yield TreeEntry(path, child.path, status.st_size, bool(status.st_mode & stat.S_IXUSR))
            else:
                raise TreeError(f"{child.path} is neither a file nor a directory. Remove or exclude it.")


def _link(root: str, path: str, location: str) -> TreeEntry:
    target = os.path.realpath(location)
    if os.path.commonpath([root, target]) != root:
        raise TreeError(
            f"The symbolic link {path} leads to {target}, outside of {root}. Put a copy in its place, or exclude it."
        )
    return TreeEntry(path, location, link=os.readlink(location))


def file_sha256(location: str) -> str:
    digest = hashlib.sha256()
    try:
        with open(location, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise TreeError(f"Failed to read {location}: {error.strerror}.") from error
    return digest.hexdigest()
