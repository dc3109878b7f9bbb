#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: static_site_sync
version_added: 0.1.0
short_description: Publish a directory as a static site in an S3 bucket
description:
  - Makes a bucket, or a part of one, hold exactly the files of a directory, each with the right content type and
    C(Cache-Control) header, and invalidates what changed in a CloudFront distribution.
  - Contents are compared, never times. A build that writes the same files anew sends nothing.
  - Files go first, pages after them, and the front page last, so that a page never names a file that is not there.
    What the new release does not have any more is kept for some days, for pages that are still open.
  - A manifest object beside the site records what was published. A run with nothing to do costs one reading of it
    and one listing of the bucket (a request for each thousand objects). Objects that somebody else has changed or
    removed since are found and put right.
  - A run may be killed at any point. The next one finishes the publication, or publishes something else, and sends
    the invalidation that is still owed.
options:
  bucket:
    description:
      - Name of the bucket. It must exist, except in check mode.
    type: str
    required: true
  source:
    description:
      - Directory on the controller whose files make the site.
      - A symbolic link to a file is published as the file. One to a directory, or to something outside of the
        directory, is an error.
    type: path
    required: true
  release_id:
    description:
      - Identity of the release, as RV(slipway.aws.release_source#module:release.id). It is recorded in the manifest.
      - The default is a hash of the files.
    type: str
  key_prefix:
    description:
      - Part of the bucket that holds the site, such as V(docs/). The default is the whole bucket.
    type: str
    default: ""
  url_path:
    description:
      - Path below which the distribution serves what is below O(key_prefix); it matters for invalidations only.
      - The default suits an origin whose path is O(key_prefix). Where O(key_prefix) is a part of the URL, repeat it
        here.
    type: str
    default: /
  index_document:
    description:
      - The file that is the front page. It must exist, and is published after all others.
    type: str
    default: index.html
  cache_rules:
    description:
      - The C(Cache-Control) header for each file. The first rule that fits a file decides, and a file that fits none
        gets no such header.
      - The default gives files of C(assets/) whose names carry a hash V(public, max-age=31536000, immutable), pages
        V(no-cache), and all others V(public, max-age=300).
    type: list
    elements: dict
    suboptions:
      pattern:
        description:
          - The files that the rule is for. A pattern without a slash means names of files, in whatever directory;
            one with a slash means paths, seen from the top of the site. C(*) matches any characters, slashes too.
        type: str
        required: true
      cache_control:
        description:
          - Value of the header. V(immutable) in it says that another content will have another name, so such
            paths are invalidated only if something else stood there.
        type: str
        required: true
      hashed_names:
        description:
          - Whether the rule is only for names that carry a hash of the content, as bundlers write them
            (C(index-DiwrgTda.js), C(main.3f2a9c41.css)).
          - A file without one that lies beside them, such as C(assets/logo.svg), can so be corrected later.
        type: bool
        default: false
  content_types:
    description:
      - Content types by file name extension, in addition to those that the module knows, or in their place.
      - The module has a table of its own, because those of machines differ.
    type: dict
    default: {}
  exclude:
    description:
      - Patterns, as in O(cache_rules[].pattern), of files and directories that are not published.
      - Never published are C(.git), C(.gitignore), C(.gitkeep), C(.env), C(.env.*), C(.DS_Store), C(Thumbs.db) and
        C(desktop.ini).
    type: list
    elements: str
    default: []
  prune:
    description:
      - What becomes of objects of earlier releases that the new one does not have.
      - V(delayed) takes pages away at once, and everything else when it has been superseded for O(keep_days).
      - V(none) keeps them all.
    type: str
    choices: [delayed, none]
    default: delayed
  keep_days:
    description:
      - How many days a superseded file is kept for. With V(0), it goes in the run that publishes its successor.
    type: int
    default: 7
  purge_unmanaged:
    description:
      - Treat objects below O(key_prefix) that this module has not published as superseded ones too. They go as
        O(prune) says.
      - For a bucket that another tool has filled before. By default such objects are left alone, unless the site has
        a file of that name.
    type: bool
    default: false
  distribution_id:
    description:
      - CloudFront distribution that serves the site. The paths that changed are invalidated in it, and only those;
        of more than 15, the directory that they share, with a wildcard.
      - Without it, nothing is invalidated.
    type: str
  wait:
    description:
      - Wait until the invalidation is complete.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds O(wait) takes at most.
    type: int
    default: 600
  manifest_key:
    description:
      - Key of the manifest, below O(key_prefix).
      - It holds names and hashes of the published files and no secret, yet nobody needs it through the
        distribution. Have the bucket policy, or the function that rewrites requests, refuse C(/.slipway/*).
    type: str
    default: .slipway/manifest.json
  concurrency:
    description:
      - How many objects are sent at the same time.
    type: int
    default: 16
notes:
  - Needs the permissions C(s3:ListBucket), C(s3:GetObject), C(s3:PutObject) and C(s3:DeleteObject), and with
    O(distribution_id) C(cloudfront:CreateInvalidation) and C(cloudfront:GetInvalidation).
  - The manifest is replaced only if no other run has replaced it meanwhile; one of two runs that publish to the same
    site at the same time fails, and says so. That needs botocore 1.35.69 or newer.
  - An object carries the SHA-256 of its content in its metadata (C(x-amz-meta-sha256)), and is sent with it as
    checksum, so that S3 refuses what was damaged on its way.
author:
  - The slipway.aws developers (@slipway-aws)
seealso:
  - module: slipway.aws.release_source
  - module: slipway.aws.cloudfront_site
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Publish what the build has made
  slipway.aws.static_site_sync:
    bucket: etf-portfolio-site
    source: ../frontend/dist

- name: Publish, and have the distribution fetch what changed
  slipway.aws.static_site_sync:
    bucket: etf-portfolio-site
    source: "{{ frontend.release.directory }}"
    release_id: "{{ frontend.release.id }}"
    distribution_id: "{{ cdn.distribution.id }}"
    keep_days: 14
    exclude:
      - "*.map"
    cache_rules:
      - pattern: assets/*
        hashed_names: true
        cache_control: public, max-age=31536000, immutable
      - pattern: "*.html"
        cache_control: no-cache
      - pattern: service-worker.js
        cache_control: no-cache
      - pattern: "*"
        cache_control: public, max-age=3600
"""

RETURN = r"""
site:
  description: The site, and what was done, or in check mode would be done, to publish it.
  returned: success
  type: dict
  contains:
    bucket:
      description: Name of the bucket.
      type: str
      returned: success
      sample: etf-portfolio-site
    key_prefix:
      description: The part of the bucket that holds the site.
      type: str
      returned: success
      sample: ""
    manifest_key:
      description: Key of the manifest, with the prefix.
      type: str
      returned: success
      sample: .slipway/manifest.json
    release_id:
      description: The release that is live now.
      type: str
      returned: success
      sample: 5d41402abc4b
    previous_release_id:
      description: The release that was live before the run; the same one if the run brought no other. Null if none was.
      type: str
      returned: success
      sample: 0f3c1d2e9a8b
    files:
      description: How many files the site has.
      type: int
      returned: success
      sample: 42
    uploaded:
      description: Keys, below the prefix, of objects whose content was sent.
      type: list
      elements: str
      returned: success
      sample: [assets/index-DiwrgTda.js, index.html]
    headers_repaired:
      description: Keys of objects that got other headers, and no other content.
      type: list
      elements: str
      returned: success
      sample: []
    superseded:
      description: Keys of objects of earlier releases that are kept yet.
      type: list
      elements: str
      returned: success
      sample: [assets/index-B7mDlVAf.js]
    deleted:
      description: Keys of objects of earlier releases that were deleted.
      type: list
      elements: str
      returned: success
      sample: []
    invalidated:
      description: Paths that were invalidated.
      type: list
      elements: str
      returned: success
      sample: ["/", "/index.html"]
    invalidation_id:
      description: Id of the invalidation. Null if there was nothing to invalidate.
      type: str
      returned: success
      sample: I2J0I21PCUYOIK
    is_changed:
      description: Whether there was anything to do. As C(changed), which C(changed_when) may have set otherwise.
      type: bool
      returned: success
      sample: true
"""

from contextlib import suppress
from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING

with suppress(ImportError):  # AnsibleAWSModule says so
    from botocore.config import Config

from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result
from ansible_collections.slipway.aws.plugins.module_utils._release.content import content_sha256
from ansible_collections.slipway.aws.plugins.module_utils._s3.objects import is_missing_bucket
from ansible_collections.slipway.aws.plugins.module_utils._site import api
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import Plan
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import Policy
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import Remote
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import build_diff
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import build_plan
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import collapse_paths
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import keys_to_inspect
from ansible_collections.slipway.aws.plugins.module_utils._site.files import DEFAULT_CACHE_RULES
from ansible_collections.slipway.aws.plugins.module_utils._site.files import read_site
from ansible_collections.slipway.aws.plugins.module_utils._site.publish import Site
from ansible_collections.slipway.aws.plugins.module_utils._site.publish import inspect
from ansible_collections.slipway.aws.plugins.module_utils._site.publish import publish
from ansible_collections.slipway.aws.plugins.module_utils._site.publish import read_remote
from ansible_collections.slipway.aws.plugins.module_utils._tree import TreeError

if TYPE_CHECKING:
    from typing import Any


def check_numbers(params: dict[str, Any]) -> None:
    for name, least in (("concurrency", 1), ("keep_days", 0), ("wait_timeout", 0)):
        if params[name] < least:
            raise api.AnsibleSiteError(message=f"{name}: {params[name]} is too small, the least is {least}.")


def read_source(params: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """All that can be wrong with the files is found here, before the first call."""
    try:
        files, locations = read_site(
            params["source"],
            params["exclude"],
            params["cache_rules"] if params["cache_rules"] is not None else DEFAULT_CACHE_RULES,
            params["content_types"],
        )
    except TreeError as error:
        raise api.AnsibleSiteError(message=f"source: {error}") from error
    if params["index_document"] not in files:
        content = f"has no {params['index_document']} among its {len(files)} files" if files else "holds no file"
        raise api.AnsibleSiteError(
            message=f"source: {params['source']} {content}. Name the directory that the build has written, "
            "or the front page with index_document."
        )
    if params["manifest_key"] in files:
        raise api.AnsibleSiteError(
            message=f"manifest_key: {params['source']} has a file {params['manifest_key']}. "
            "Choose another manifest_key, or exclude the file."
        )
    return files, locations


def read_state(module: AnsibleAWSModule, site: Site) -> tuple[Remote, datetime]:
    """What is published. In check mode the bucket may be one that an earlier task would have made."""
    empty = Remote(), datetime.now(timezone.utc)  # noqa: UP017 (not before Python 3.11)
    if is_unknown(site.bucket):
        return empty
    try:
        return read_remote(site)
    except api.AnsibleSiteError as error:
        if module.check_mode and is_missing_bucket(error):
            return empty
        raise


def describe_site(site: Site, plan: Plan, previous: str | None, invalidation_id: str | None) -> dict[str, Any]:
    return {
        "bucket": site.bucket,
        "key_prefix": site.prefix,
        "manifest_key": site.manifest_object,
        "release_id": plan.release_id,
        "previous_release_id": previous,
        "files": len(plan.desired),
        "uploaded": plan.uploads,
        "headers_repaired": plan.repairs,
        "superseded": [key for key in plan.superseded if key not in plan.due],
        "deleted": plan.due,
        "invalidated": collapse_paths(plan.paths),
        "invalidation_id": invalidation_id,
        "is_changed": plan.changed,
    }


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    check_numbers(params)
    files, locations = read_source(params)
    prefix = params["key_prefix"].strip("/")
    site = Site(
        s3=module.client("s3", config=Config(max_pool_connections=params["concurrency"])),
        bucket=params["bucket"],
        prefix=f"{prefix}/" if prefix else "",
        manifest_key=params["manifest_key"],
        index_document=params["index_document"],
        concurrency=params["concurrency"],
        distribution_id=params["distribution_id"],
    )
    policy = Policy(
        prune=params["prune"] == "delayed",
        keep_days=params["keep_days"],
        purge_unmanaged=params["purge_unmanaged"],
        invalidate=bool(params["distribution_id"]),
        url_path=params["url_path"],
    )
    release_id = (
        params["release_id"] or content_sha256((key, "file", file["sha256"]) for key, file in files.items())[:12]
    )

    remote, now = read_state(module, site)
    inspected = inspect(site, keys_to_inspect(files, remote))
    plan = build_plan(release_id, files, remote, inspected, policy, now)

    invalidation_id = UNKNOWN if plan.paths else None
    if plan.changed and not module.check_mode:
        cloudfront = module.client("cloudfront") if plan.paths else None
        invalidation_id = publish(site, plan, remote, locations, cloudfront)
        if invalidation_id and params["wait"]:
            api.wait_for_invalidation(cloudfront, site.distribution_id, invalidation_id, params["wait_timeout"])

    before, after = build_diff(plan, remote.manifest, policy.keep_days)
    result = module_result("site", plan.changed, before, after, module._diff)
    return {**result, "site": describe_site(site, plan, remote.manifest.release_id, invalidation_id)}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "source": {"type": "path", "required": True},
            "release_id": {"type": "str"},
            "key_prefix": {"type": "str", "default": "", "no_log": False},
            "url_path": {"type": "str", "default": "/"},
            "index_document": {"type": "str", "default": "index.html"},
            "cache_rules": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "pattern": {"type": "str", "required": True},
                    "cache_control": {"type": "str", "required": True},
                    "hashed_names": {"type": "bool", "default": False},
                },
            },
            "content_types": {"type": "dict", "default": {}},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "prune": {"type": "str", "choices": ["delayed", "none"], "default": "delayed"},
            "keep_days": {"type": "int", "default": 7},
            "purge_unmanaged": {"type": "bool", "default": False},
            "distribution_id": {"type": "str"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 600},
            "manifest_key": {"type": "str", "default": ".slipway/manifest.json", "no_log": False},
            "concurrency": {"type": "int", "default": 16},
        },
        supports_check_mode=True,
    )
    module.require_botocore_at_least("1.35.69", reason="to replace the manifest only if no other run has")
    run_module(module, run)


if __name__ == "__main__":
    main()
