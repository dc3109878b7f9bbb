#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: release_source
version_added: 0.1.0
short_description: Turn a directory or a git tree into a release with an identity
description:
  - Reads the code of an application from a local directory or from a git repository, derives the release's id from
    its content, and makes an archive of it.
  - The id depends on the paths, contents and executable bits of the files alone. The same code has the same id
    from a directory and from git, on every machine, whatever the times and owners of its files; so a release is
    new only if something in it is.
  - The archive is equally reproducible, byte for byte.
  - Runs on the controller, with C(delegate_to=localhost) or a local connection, and calls no cloud.
options:
  path:
    description:
      - The local directory that holds the code.
      - Exactly one of O(path) and O(repo) is required.
    type: path
  repo:
    description:
      - Address or path of the git repository that holds the code.
      - Its bare clone is kept below O(cache_directory), and fetched into unless O(version) is a full commit id that
        is already there.
      - A user and password in an C(https) address are given to git without appearing in any output or in the process
        list. Better is an address without them, and git's own credential helper or an ssh key.
      - Submodules and the contents of Git LFS are not fetched.
    type: str
  version:
    description:
      - Branch, tag or commit of O(repo). V(HEAD) is the default branch of the repository.
    type: str
    default: HEAD
  subdirectory:
    description:
      - Directory within O(path) or O(repo) that alone makes the release.
    type: str
  exclude:
    description:
      - Patterns of files and directories that are no part of the release, in addition to those of
        O(exclude_defaults).
      - A pattern without a slash means every file or directory of that name; one with a slash means a path, seen from
        the top of the release. C(*) matches any characters, slashes too.
    type: list
    elements: str
    default: []
  exclude_defaults:
    description:
      - Leave out what a working directory holds beside the code, which is C(.git), C(.hg), C(.svn), C(.venv),
        C(node_modules), C(__pycache__), C(*.pyc), C(.pytest_cache), C(.mypy_cache), C(.ruff_cache), C(.tox),
        C(.coverage), C(.env), C(.env.*), C(*.db), C(*.db-journal), C(*.db-shm), C(*.db-wal), C(*.swp) and
        C(.DS_Store).
      - Without it, secrets and databases that lie in the directory become a part of the release.
    type: bool
    default: true
  cache_directory:
    description:
      - Directory for clones and archives, readable by its owner only. What is in it may be removed at any time.
      - The default is C(slipway) below C($XDG_CACHE_HOME), or below C(~/.cache).
    type: path
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
attributes:
  check_mode:
    support: full
    details:
      - Does the same in check mode, since nothing but a cache on the controller is written.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
seealso:
  - module: slipway.aws.static_site_sync
"""

EXAMPLES = r"""
- name: Take the code from a directory beside the playbooks
  slipway.aws.release_source:
    path: ../backend
  register: source

- name: Say what would be released
  ansible.builtin.debug:
    msg: "{{ source.release.id }}: {{ source.release.files }} files in {{ source.release.archive }}"

- name: Take one part of a repository, as a tag has it
  slipway.aws.release_source:
    repo: git@git.example.com:team/portfolio.git
    version: v1.4.0
    subdirectory: backend
    exclude:
      - tests
      - /docs
"""

RETURN = r"""
release:
  description: The release.
  returned: success
  type: dict
  contains:
    id:
      description: Its identity, the first twelve digits of RV(release.content_sha256).
      type: str
      returned: success
      sample: 5d41402abc4b
    content_sha256:
      description: Hash over the paths, executable bits and contents of its files.
      type: str
      returned: success
      sample: 5d41402abc4b2a76b9719d911017c592ae3f0e1b9e0f1a7f58c4b9f1c6a0f2d3
    files:
      description: How many files it has.
      type: int
      returned: success
      sample: 42
    archive:
      description: Path on the controller of a C(tar.gz) of its files.
      type: str
      returned: success
      sample: >-
        /home/deploy/.cache/slipway/releases/5d41402abc4b2a76b9719d911017c592ae3f0e1b9e0f1a7f58c4b9f1c6a0f2d3.tar.gz
    directory:
      description:
        - Path on the controller of a directory with its files.
        - With O(path) this is the directory itself, where also lies what is left out of the release.
      type: str
      returned: success
      sample: /srv/portfolio/backend
    commit:
      description: The commit it was taken from.
      type: str
      returned: when O(repo) is used
      sample: 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
source:
  description:
    - Where the release came from, in few words and without a secret, with the keys C(path), or C(repo), C(version) and
      C(commit); and C(subdirectory), if there is one.
  returned: success
  type: dict
  sample: {path: /srv/portfolio/backend}
"""

import os
import tempfile
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils._release.cache import keep_release
from ansible_collections.slipway.aws.plugins.module_utils._release.cache import keep_tree
from ansible_collections.slipway.aws.plugins.module_utils._release.cache import prepare_cache
from ansible_collections.slipway.aws.plugins.module_utils._release.content import DEFAULT_EXCLUDE
from ansible_collections.slipway.aws.plugins.module_utils._release.content import Content
from ansible_collections.slipway.aws.plugins.module_utils._release.content import ReleaseError
from ansible_collections.slipway.aws.plugins.module_utils._release.content import read_content
from ansible_collections.slipway.aws.plugins.module_utils._release.git import Repository
from ansible_collections.slipway.aws.plugins.module_utils._release.git import secrets_of
from ansible_collections.slipway.aws.plugins.module_utils._release.git import split_credentials

if TYPE_CHECKING:
    from typing import Any


def clean_subdirectory(subdirectory: str | None) -> str:
    if not subdirectory:
        return ""
    clean = os.path.normpath(subdirectory)
    if os.path.isabs(clean) or clean.split(os.sep)[0] == os.pardir:
        raise ReleaseError(f"subdirectory: {subdirectory} leads out of the tree. Name a directory within it.")
    return "" if clean == os.curdir else clean


def read_directory(path: str, subdirectory: str, exclude: list[str]) -> tuple[str, Content]:
    directory = os.path.abspath(os.path.join(path, subdirectory))
    try:
        return directory, read_content(directory, exclude)
    except ReleaseError as error:
        raise ReleaseError(f"{'subdirectory' if subdirectory else 'path'}: {error}") from error


def read_repository(
    url: str, version: str, subdirectory: str, exclude: list[str], cache: str
) -> tuple[str, Content, str]:
    """Extract the commit anew, for a hash of what git has, and keep the tree under that hash."""
    repository = Repository(url, cache)
    trees = os.path.join(cache, "trees")
    with repository.locked(), tempfile.TemporaryDirectory(dir=trees, prefix=".tree-") as temporary:
        commit = repository.resolve(version)
        fresh = os.path.join(temporary, "tree")
        os.mkdir(fresh)
        repository.extract(commit, subdirectory, exclude, fresh)
        directory, content = keep_tree(cache, fresh, read_content(fresh, exclude).sha256, exclude)
    return directory, content, commit


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    cache = prepare_cache(params["cache_directory"])
    subdirectory = clean_subdirectory(params["subdirectory"])
    exclude = [*(DEFAULT_EXCLUDE if params["exclude_defaults"] else ()), *params["exclude"]]

    commit = None
    if params["path"]:
        directory, content = read_directory(params["path"], subdirectory, exclude)
    else:
        directory, content, commit = read_repository(params["repo"], params["version"], subdirectory, exclude, cache)
    if not content.files:
        source = "path" if params["path"] else "repo"
        raise ReleaseError(f"{source}: nothing is left of {directory} when what is excluded is left out.")

    release = keep_release(cache, directory, content)
    return {
        "changed": False,
        "release": {**release, "commit": commit} if commit else release,
        "source": describe_source(params, subdirectory, commit),
    }


def describe_source(params: dict[str, Any], subdirectory: str, commit: str | None) -> dict[str, str]:
    if params["path"]:
        source = {"path": os.path.abspath(params["path"])}
    else:
        source = {"repo": split_credentials(params["repo"])[0], "version": params["version"], "commit": commit}
    return {**source, "subdirectory": subdirectory} if subdirectory else source


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path"},
            "repo": {"type": "str"},
            "version": {"type": "str", "default": "HEAD"},
            "subdirectory": {"type": "str"},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "exclude_defaults": {"type": "bool", "default": True},
            "cache_directory": {"type": "path"},
        },
        mutually_exclusive=[("path", "repo")],
        required_one_of=[("path", "repo")],
        supports_check_mode=True,
    )
    # Only a part of repo is secret: as an option that is, it would hide the address and all that contains it.
    module.no_log_values.update(filter(None, secrets_of(module.params["repo"])))
    try:
        result = run(module)
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"Failed to use {error.filename}: {error.strerror}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
