# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: writes the files of an archive. Standard library only.

from __future__ import annotations

import os
import shutil
import tarfile
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._tree import is_excluded

if TYPE_CHECKING:
    from collections.abc import Sequence


def unpack(tar: tarfile.TarFile, destination: str, exclude: Sequence[str]) -> None:
    """Write what an archive holds. tarfile's own way is safe only since Python 3.11.4, and Debian 12 has 3.11.2."""
    for member in tar:
        if is_excluded(member.name, exclude):
            continue
        if os.path.isabs(member.name) or os.pardir in member.name.split("/"):
            raise tarfile.ExtractError(f"{member.name} leads out of the tree")
        target = os.path.join(destination, member.name)
        if not os.path.realpath(os.path.dirname(target)).startswith(os.path.realpath(destination)):
            raise tarfile.ExtractError(f"{member.name} leads out of the tree by a link")
        if member.isdir():
            os.makedirs(target, exist_ok=True)
        elif member.issym():
            os.symlink(member.linkname, target)
        elif member.isfile():
            with tar.extractfile(member) as source, open(target, "xb") as file:
                shutil.copyfileobj(source, file)
            os.chmod(target, 0o755 if member.mode & 0o100 else 0o644)
