#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rollback_source
version_added: 0.2.0
short_description: Take the releases to go back to out of the bucket that keeps them
description:
  - Finds out which releases were live before the newest deployment that succeeded, or takes one that is named, and
    fetches them from the bucket in which M(slipway.aws.deployment) keeps them. What it returns is used like that of
    M(slipway.aws.release_source).
  - A release is refused whose content is not what its id says.
  - Fails, and lists the releases that are kept, if there is nothing to go back to.
  - Runs on the controller, writes to a cache there, and changes nothing on AWS.
options:
  bucket:
    description: Name of the bucket.
    type: str
    required: true
  parts:
    description:
      - The parts of the project that may go back. Those that the newest deployment of any of them has changed do.
    type: list
    elements: str
    required: true
  release:
    description:
      - Id of the release to take. The parts that have one of that id go to it.
      - By default, each part goes to what was live before the newest deployment.
    type: str
  cache_directory:
    description:
      - Directory for releases, readable by its owner only. What is in it may be removed at any time.
      - The default is C(slipway) below C($XDG_CACHE_HOME), or below C(~/.cache).
    type: path
author:
  - The slipway.aws developers (@slipway-aws)
seealso:
  - module: slipway.aws.deployment
  - module: slipway.aws.release_source
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes.info
"""

EXAMPLES = r"""
- name: Take what was live before
  slipway.aws.rollback_source:
    bucket: shop-backups-123456789012
    parts: [backend, frontend]
  register: previous

- name: Take one release of the front end
  slipway.aws.rollback_source:
    bucket: shop-backups-123456789012
    parts: [frontend]
    release: 5d41402abc4b
  register: named
"""

RETURN = r"""
releases:
  description: The releases by part; parts that stay as they are have none.
  returned: success
  type: dict
  contains:
    backend:
      description: A release, with the keys of RV(slipway.aws.release_source#module:release) but for C(commit).
      type: dict
      returned: if that part goes back
      sample: {id: 81c5e7a2f09d, files: 42, archive: /home/deploy/.cache/slipway/releases/81c5e7a2f09d.tar.gz}
sources:
  description: Where each of these releases came from, as far as a record tells.
  returned: success
  type: dict
  sample: {backend: {repo: "https://git.example.com/shop.git", commit: 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d}}
undone:
  description:
    - The deployment that this takes back, as RV(slipway.aws.deployment#module:deployment).
    - Empty if a release was named.
  returned: success
  type: dict
  sample: {}
"""

import os
import tarfile
import tempfile
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._deployment import api
from ansible_collections.slipway.aws.plugins.module_utils._deployment.ensure import read_records
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import RELEASES
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import NoTargetError
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import archive_key
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import choose_target
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import find_source
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import sort_archives
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._release.cache import keep_release
from ansible_collections.slipway.aws.plugins.module_utils._release.cache import keep_tree
from ansible_collections.slipway.aws.plugins.module_utils._release.cache import prepare_cache
from ansible_collections.slipway.aws.plugins.module_utils._release.content import ReleaseError
from ansible_collections.slipway.aws.plugins.module_utils._release.content import read_content
from ansible_collections.slipway.aws.plugins.module_utils._release.unpack import unpack

if TYPE_CHECKING:
    from typing import Any

# More deployments than that are not looked through for one to take back.
MOST_RECORDS = 100


def fetch(client: Any, bucket: str, part: str, release: str, cache: str) -> dict[str, Any]:
    """A kept release, unpacked, and an archive of it as release_source makes it."""
    key = archive_key(part, release)
    with tempfile.TemporaryDirectory(dir=os.path.join(cache, "trees"), prefix=".tree-") as temporary:
        fetched, fresh = (os.path.join(temporary, name) for name in ("archive.tar.gz", "tree"))
        api.get_archive(client, bucket, key, fetched)
        os.mkdir(fresh)
        try:
            with tarfile.open(fetched, mode="r:gz") as tar:
                unpack(tar, fresh, ())
            sha256 = read_content(fresh, ()).sha256
        except (tarfile.TarError, EOFError, OSError, ReleaseError) as error:
            raise api.AnsibleDeploymentError(message=f"Failed to unpack s3://{bucket}/{key}: {error}") from error
        if not sha256.startswith(release):
            raise api.AnsibleDeploymentError(
                message=f"s3://{bucket}/{key} is not release {release}: its content has the id {sha256[:12]}. "
                "Nobody should go back to it; remove the object, and choose another release"
            )
        directory, content = keep_tree(cache, fresh, sha256, ())
    return keep_release(cache, directory, content)


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    client, bucket = module.client("s3"), params["bucket"]
    records = read_records(client, bucket, MOST_RECORDS)
    kept = sort_archives(api.list_objects(client, bucket, RELEASES))
    try:
        target = choose_target(records, kept, params["parts"], params["release"])
    except NoTargetError as error:
        raise api.AnsibleDeploymentError(message=str(error)) from error
    cache = prepare_cache(params["cache_directory"])
    releases = {part: fetch(client, bucket, part, release, cache) for part, release in target.releases.items()}
    return {
        "changed": False,
        "releases": releases,
        "sources": {part: find_source(records, part, release) for part, release in target.releases.items()},
        "undone": target.undone or {},
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "parts": {"type": "list", "elements": "str", "required": True},
            "release": {"type": "str"},
            "cache_directory": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        run_module(module, run)
    except OSError as error:
        module.fail_json(msg=f"Failed to use {error.filename}: {error.strerror}")


if __name__ == "__main__":
    main()
