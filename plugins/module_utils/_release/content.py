# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what a release is made of, its identity, and the archive that carries it. Standard
# library only.

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._tree import TreeEntry
from ansible_collections.slipway.aws.plugins.module_utils._tree import TreeError
from ansible_collections.slipway.aws.plugins.module_utils._tree import file_sha256
from ansible_collections.slipway.aws.plugins.module_utils._tree import list_tree

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Sequence

# What a working directory holds beside the code: histories, environments, caches, data and secrets.
DEFAULT_EXCLUDE = (
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "node_modules",
    "__pycache__",
    "*.pyc",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".coverage",
    ".env",
    ".env.*",
    "*.db",
    "*.db-journal",
    "*.db-shm",
    "*.db-wal",
    "*.swp",
    ".DS_Store",
)


class ReleaseError(Exception):
    pass


@dataclass(frozen=True)
class Content:
    """The files of a release, with the hash of each one's content (of a link: of what it says)."""

    files: tuple[tuple[TreeEntry, str], ...]

    @property
    def sha256(self) -> str:
        return content_sha256((entry.path, _kind(entry), digest) for entry, digest in self.files)


def _kind(entry: TreeEntry) -> str:
    if entry.link is not None:
        return "link"
    return "executable" if entry.executable else "file"


def content_sha256(items: Iterable[tuple[str, str, str]]) -> str:
    """The identity of a tree, from its paths, kinds and contents: neither times, owners nor other modes are in it."""
    lines = sorted(f"{path}\0{kind}\0{digest}\n".encode("utf-8", "surrogateescape") for path, kind, digest in items)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def read_content(directory: str, exclude: Sequence[str]) -> Content:
    try:
        return Content(tuple((entry, _digest(entry)) for entry in list_tree(directory, exclude)))
    except TreeError as error:
        raise ReleaseError(str(error)) from error


def _digest(entry: TreeEntry) -> str:
    if entry.link is None:
        return file_sha256(entry.location)
    if os.path.isabs(entry.link):
        raise ReleaseError(
            f"The symbolic link {entry.path} says {entry.link}, which will not be there on a host. Make it relative."
        )
    return hashlib.sha256(os.fsencode(entry.link)).hexdigest()


def ensure_archive(content: Content, archive: str) -> None:
    """Have the archive of this content at this path."""
    # One that is there is complete, because it was moved there whole.
    if os.path.exists(archive):
        return
    descriptor, beside = tempfile.mkstemp(dir=os.path.dirname(archive), prefix=".archive-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            write_archive(content, file)
            file.flush()
            os.fsync(descriptor)
        os.replace(beside, archive)
    except BaseException:
        os.unlink(beside)
        raise


def write_archive(content: Content, file: io.BufferedIOBase) -> None:
    """Write a tar.gz whose bytes depend on nothing but the content."""
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in _directories(entry.path for entry, _digest in content.files):
            tar.addfile(_member(path, tarfile.DIRTYPE, 0o755))
        for entry, digest in content.files:
            if entry.link is not None:
                member = _member(entry.path, tarfile.SYMTYPE, 0o777)
                member.linkname = entry.link
                tar.addfile(member)
                continue
            with open(entry.location, "rb") as source:
                data = source.read()
            if hashlib.sha256(data).hexdigest() != digest:
                raise ReleaseError(
                    f"{entry.location} was changed while it was read. Run again when nothing writes there."
                )
            member = _member(entry.path, tarfile.REGTYPE, 0o755 if entry.executable else 0o644)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def _member(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    # A new TarInfo has time 0, owner 0 and no owner's name.
    member = tarfile.TarInfo(path)
    member.type = kind
    member.mode = mode
    return member


def _directories(paths: Iterable[str]) -> list[str]:
    parents = set()
    for path in paths:
        while path := os.path.dirname(path):
            parents.add(path)
    return sorted(parents)
