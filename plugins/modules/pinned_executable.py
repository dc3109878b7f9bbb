#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pinned_executable
version_added: 0.1.0
short_description: Install one executable out of an archive whose checksum is known
description:
  - Downloads an archive, refuses it if its SHA-256 checksum is not the one given, and installs one file of it.
  - What was installed, and from which archive, is recorded; the archive is fetched again only if another one is wanted,
    or if the file is missing or no longer what was installed.
options:
  path:
    description:
      - Where the executable is installed. It belongs to root, with the mode V(0755).
    type: path
    required: true
  archives:
    description:
      - The archive for each machine architecture, as C(uname -m) calls it (V(x86_64), V(aarch64)).
    type: dict
    required: true
  record_directory:
    description:
      - Directory of the record.
    type: path
    default: /var/lib/slipway/executables
  timeout:
    description:
      - How many seconds the server may stay silent during the download.
    type: int
    default: 60
notes:
  - Each value of O(archives) is a dict with the keys C(url), C(checksum) (SHA-256, hexadecimal) and C(member) (path of
    the executable within the archive). Archives are zip files (which Python wheels are) and tar files.
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
"""

EXAMPLES = r"""
- name: Install uv
  slipway.aws.pinned_executable:
    path: /usr/local/bin/uv
    archives:
      x86_64:
        url: "https://files.pythonhosted.org/packages/c5/32/52ee34636aea1ab3f8baeeae1c3599461b8cddfb379862cc72ac61b8d91c/\
          uv-0.13.8-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
        checksum: e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984
        member: uv-0.13.8.data/scripts/uv
"""

RETURN = r"""
executable:
  description: The executable, and the archive that it is from.
  returned: success
  type: dict
  contains:
    path:
      description: Where it is.
      type: str
      returned: success
      sample: /usr/local/bin/uv
    url:
      description: Address of the archive.
      type: str
      returned: success
      sample: https://example.com/uv-x86_64-unknown-linux-gnu.tar.gz
    checksum:
      description: SHA-256 checksum of the archive.
      type: str
      returned: success
      sample: e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984
    member:
      description: Path of the executable within the archive.
      type: str
      returned: success
      sample: uv-x86_64-unknown-linux-gnu/uv
"""

import hashlib
import json
import os
import platform
import shutil
import tarfile
import tempfile
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO
    from typing import Any

ARCHIVE_KEYS = ("url", "checksum", "member")


class InstallError(Exception):
    pass


def choose_archive(archives: dict[str, Any], machine: str) -> dict[str, str]:
    archive = archives.get(machine)
    if archive is None:
        raise InstallError(
            f"No archive is given for this machine's architecture, {machine}; there are {sorted(archives)}"
        )
    missing = [key for key in ARCHIVE_KEYS if not archive.get(key)]
    if missing:
        raise InstallError(f"The archive for {machine} lacks {', '.join(missing)}")
    return archive


def digest_file(path: str) -> str | None:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def read_record(path: str) -> dict[str, str]:
    try:
        with open(path) as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return {}


def build_record(archive: dict[str, str], digest: str | None) -> dict[str, str | None]:
    return {"archive": archive["checksum"].lower(), "member": archive["member"], "executable": digest}


def is_root_only(path: str) -> bool:
    state = os.stat(path)
    return (state.st_uid, state.st_gid, state.st_mode & 0o7777) == (0, 0, 0o755)


@contextmanager
def open_member(archive: str, url: str, member: str) -> Iterator[IO[bytes]]:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as container, container.open(member) as file:
                yield file
        else:
            with tarfile.open(archive) as container:
                file = container.extractfile(member)
                if file is None:
                    raise InstallError(f"{member} in {url} is not a file")
                yield file
    except KeyError as error:
        raise InstallError(f"{url} has no {member}") from error
    except tarfile.TarError as error:
        raise InstallError(f"{url} is neither a zip file nor a tar file ({error})") from error


def install(path: str, archive: dict[str, str], record_path: str, timeout: int) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-") as directory:
        downloaded = os.path.join(directory, "archive")
        try:
            with open(downloaded, "wb") as file:
                shutil.copyfileobj(open_url(archive["url"], timeout=timeout), file)
        except Exception as error:  # urllib's and the socket's errors have no common base but this
            raise InstallError(f"Failed to download {archive['url']}: {error}") from error
        found = digest_file(downloaded)
        if found != archive["checksum"].lower():
            raise InstallError(f"{archive['url']} has the checksum {found}, not {archive['checksum']}: not installed")
        # Beside its place, so that the move is one step: a process that runs the old one keeps it.
        beside = f"{path}.new"
        with open_member(downloaded, archive["url"], archive["member"]) as source, open(beside, "wb") as target:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
    os.chown(beside, 0, 0)
    os.chmod(beside, 0o755)  # noqa: S103 (an executable for everybody)
    os.replace(beside, path)
    os.makedirs(os.path.dirname(record_path), mode=0o755, exist_ok=True)
    with open(record_path, "w") as file:
        json.dump(build_record(archive, digest_file(path)), file)


def run(module: AnsibleModule) -> dict[str, Any]:
    path = module.params["path"]
    archive = choose_archive(module.params["archives"], platform.machine())
    # Named after the whole path: executables of the same name in different directories have a record each.
    record_path = os.path.join(module.params["record_directory"], f"{path.strip('/').replace('/', '-')}.json")
    record = read_record(record_path)
    digest = digest_file(path)
    changed = digest is None or record != build_record(archive, digest) or not is_root_only(path)
    if changed and not module.check_mode:
        install(path, archive, record_path, module.params["timeout"])
    before = {"path": path, "checksum": record.get("archive"), "member": record.get("member")} if digest else None
    after = {key: archive[key] for key in ARCHIVE_KEYS} | {"path": path}
    return module_result("executable", changed, before, after, module._diff)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "archives": {"type": "dict", "required": True},
            "record_directory": {"type": "path", "default": "/var/lib/slipway/executables"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (InstallError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
