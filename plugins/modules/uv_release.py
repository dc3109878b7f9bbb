#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: uv_release
version_added: 0.1.0
short_description: Build a release of a Python application with uv
description:
  - Unpacks an archive of a project with a C(uv.lock), and installs what it locks beside it, in C(.venv).
  - The build ends by writing a marker. A release with the marker is never touched again; one without it, because its
    build was interrupted, is built again from the beginning. Of a build that fails, nothing stays in O(path).
  - All of it belongs to root, and nobody else can write it. The code is compiled, because the application cannot.
options:
  path:
    description:
      - Directory of the release. It is built in its place, since a virtual environment cannot be moved.
      - The directory above it must exist.
    type: path
    required: true
  archive:
    description:
      - Path on the host of the tar archive with the code; needed only if the release is not there yet.
    type: path
  arguments:
    description:
      - Arguments for C(uv sync).
      - V(--no-build) refuses what would have to be built from source, which would run its code as root. Leave it out
        for a project that is itself a package, or that needs a distribution without a wheel for this host.
    type: list
    elements: str
    default: [--frozen, --no-dev, --no-build]
  timeout:
    description:
      - How many seconds C(uv sync) may take. Then it is ended, and the build has failed.
    type: int
    default: 900
  uv:
    description:
      - Path of uv.
    type: path
    default: /usr/local/bin/uv
  python:
    description:
      - Path of the interpreter to use. None is downloaded.
    type: path
    default: /usr/bin/python3
  cache_directory:
    description:
      - Directory of uv's cache.
    type: path
    default: /var/cache/uv
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
attributes:
  diff_mode:
    support: none
    details:
      - A release is built once, as a whole.
"""

EXAMPLES = r"""
- name: Build the release
  slipway.aws.uv_release:
    path: /opt/shop/releases/3f2a9c0d41be
    archive: /opt/shop/releases/3f2a9c0d41be.tar.gz

- name: Build a release that is itself a package, with an extra
  slipway.aws.uv_release:
    path: /opt/shop/releases/3f2a9c0d41be
    archive: /opt/shop/releases/3f2a9c0d41be.tar.gz
    arguments: [--frozen, --no-dev, --extra, postgres]
"""

RETURN = r"""
path:
  description: Directory of the release.
  returned: success
  type: str
  sample: /opt/shop/releases/3f2a9c0d41be
"""

import errno
import os
import shutil
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import COMPLETION_MARKER
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import write_file

if TYPE_CHECKING:
    from typing import Any


# What timeout(1) ends with when the time was over, and when SIGTERM was not enough.
TIMED_OUT = (124, 137, -9)
LAST_LINES = 30


class BuildError(Exception):
    pass


def run_step(module: AnsibleModule, doing: str, command: list[str], timeout: int = 0, **options: Any) -> None:
    limited = ["timeout", "--kill-after=10", str(timeout), *command] if timeout else command
    try:
        if not shutil.which(command[0]):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        rc, output, error = module.run_command(limited, handle_exceptions=False, **options)
    except OSError as failure:
        raise BuildError(f"Failed to {doing}: {command[0]}: {failure.strerror}. Is it installed?") from failure
    if rc != 0:
        how = f"exit status {rc}"
        if timeout and rc in TIMED_OUT:
            how = f"ended after {timeout} seconds, the time that it has"
        said = (error.strip() or output.strip()).splitlines()[-LAST_LINES:]
        separator = "\n" if len(said) > 1 else " "
        raise BuildError(f"Failed to {doing} ({how}):{separator}" + "\n".join(said)[-4000:])


def build(module: AnsibleModule, params: dict[str, Any]) -> None:
    path, archive = params["path"], params["archive"]
    if not archive or not os.path.exists(archive):
        raise BuildError(
            f"{path} was not built on this host, and there is no archive to build it from"
            f"{f' at {archive}' if archive else ''}. Deploy from the code, or choose a release that is here: "
            f"ls -t {os.path.dirname(path)}"
        )
    if os.path.exists(path):
        shutil.rmtree(path)
    os.umask(0o022)
    os.mkdir(path, 0o755)
    unpack = [
        "tar",
        "--extract",
        "--no-same-owner",
        "--no-same-permissions",
        f"--directory={path}",
        f"--file={archive}",
    ]
    run_step(module, f"unpack {archive}", unpack)
    environment = {
        "UV_PROJECT_ENVIRONMENT": os.path.join(path, ".venv"),
        "UV_CACHE_DIR": params["cache_directory"],
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
    }
    sync = [params["uv"], "sync", *params["arguments"], "--python", params["python"], "--compile-bytecode"]
    run_step(module, "install what uv.lock names", sync, params["timeout"], cwd=path, environ_update=environment)
    python = os.path.join(path, ".venv", "bin", "python")
    compile_code = [python, "-m", "compileall", "-q", "-x", r"/\.venv/", path]
    run_step(module, f"compile the code in {path}", compile_code)
    # Whatever modes the files had where they come from, or uv gave them: the application can read them, and root alone
    # can write them.
    run_step(module, f"set the modes in {path}", ["chmod", "-R", "u=rwX,go=rX", path])
    write_file(os.path.join(path, COMPLETION_MARKER), "", 0o644)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "archive": {"type": "path"},
            "arguments": {"type": "list", "elements": "str", "default": ["--frozen", "--no-dev", "--no-build"]},
            "timeout": {"type": "int", "default": 900},
            "uv": {"type": "path", "default": "/usr/local/bin/uv"},
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "cache_directory": {"type": "path", "default": "/var/cache/uv"},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    changed = not os.path.exists(os.path.join(path, COMPLETION_MARKER))
    if changed and not module.check_mode:
        try:
            build(module, module.params)
        except (BuildError, OSError) as error:
            shutil.rmtree(path, ignore_errors=True)
            module.fail_json(msg=str(error))
    module.exit_json(changed=changed, path=path)


if __name__ == "__main__":
    main()
