# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: carries out a plan, in an order that can be broken off anywhere.

from __future__ import annotations

import uuid
from concurrent.futures import FIRST_EXCEPTION
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._site import api
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import Remote
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import build_caller_reference
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import build_claim
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import build_completion
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import build_record
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import collapse_paths
from ansible_collections.slipway.aws.plugins.module_utils._site.compare import order_writes
from ansible_collections.slipway.aws.plugins.module_utils._site.files import is_page
from ansible_collections.slipway.aws.plugins.module_utils._site.manifest import Manifest
from ansible_collections.slipway.aws.plugins.module_utils._site.manifest import ManifestError
from ansible_collections.slipway.aws.plugins.module_utils._site.manifest import format_manifest
from ansible_collections.slipway.aws.plugins.module_utils._site.manifest import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._site.compare import Plan


@dataclass(frozen=True)
class Site:
    """Where a site is published."""

    s3: Any
    bucket: str
    prefix: str  # empty, or ends with a slash
    manifest_key: str  # below the prefix
    index_document: str
    concurrency: int
    distribution_id: str | None

    @property
    def manifest_object(self) -> str:
        return self.prefix + self.manifest_key

    @property
    def identity(self) -> str:
        return f"{self.bucket}/{self.prefix}"


def read_remote(site: Site) -> tuple[Remote, datetime]:
    """The manifest first: what changes after it was read makes the conditional write that follows fail."""
    stored = api.get_object(site.s3, site.bucket, site.manifest_object)
    objects, now = api.list_objects(site.s3, site.bucket, site.prefix)
    listed_manifest = objects.pop(site.manifest_key, None)
    if stored is None:
        return Remote(objects=objects), now
    try:
        # The time is taken from the listing, as the objects' times are: headers have it in whole seconds.
        modified = listed_manifest.modified if listed_manifest else stored.modified
        return Remote(parse_manifest(stored.body, stored.etag, modified), objects), now
    except ManifestError as error:
        raise api.AnsibleSiteError(
            message=f"s3://{site.bucket}/{site.manifest_object} {error}. "
            "Choose another manifest_key, or remove that object to have every object of the site compared anew."
        ) from error


def inspect(site: Site, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    return in_parallel(lambda key: api.head_object(site.s3, site.bucket, site.prefix + key), keys, site.concurrency)


def in_parallel(function: Callable[[str], Any], keys: Sequence[str], workers: int) -> dict[str, Any]:
    """The results by key. The first failure lets those under way end, and begins no other."""
    with ThreadPoolExecutor(max_workers=workers) as executor:
        futures = {key: executor.submit(function, key) for key in keys}
        try:
            done, _pending = wait(futures.values(), return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            executor.shutdown(wait=True, cancel_futures=True)
            raise
        return {key: future.result() for key, future in futures.items()}


class ManifestWriter:
    """Replaces the manifest as long as nobody else does."""

    def __init__(self, site: Site, etag: str | None) -> None:
        self._site = site
        self._etag = etag
        self._run = uuid.uuid4().hex

    def write(self, manifest: Manifest) -> None:
        body = format_manifest(manifest, self._run)
        self._etag = api.put_manifest(self._site.s3, self._site.bucket, self._site.manifest_object, body, self._etag)

    def check(self) -> None:
        api.check_manifest(self._site.s3, self._site.bucket, self._site.manifest_object, self._etag)


def publish(site: Site, plan: Plan, remote: Remote, locations: Mapping[str, str], cloudfront: Any) -> str | None:
    """Do what the plan says, and return the id of the invalidation that it took, if any.

    At each point the site is whole: what a page names is there before the page, and goes only when no current page
    names it. What a killed run leaves to do stands in the manifest, or shows in the listing.
    """
    manifest = ManifestWriter(site, remote.manifest.etag)
    written = write_objects(site, plan, remote, locations, manifest)

    record = build_record(plan, remote.manifest, written)
    manifest.write(record)
    # Only now, when it is sure that no other run has published something that needs them.
    api.delete_objects(site.s3, site.bucket, [site.prefix + key for key in plan.due])
    invalidation_id = None
    if plan.paths:
        # After the deletions, or a cache could fetch what is about to go.
        invalidation_id = api.create_invalidation(
            cloudfront,
            site.distribution_id,
            collapse_paths(plan.paths),
            build_caller_reference(site.identity, plan, remote.manifest.publications),
        )
    if record.unfinished is not None:
        manifest.write(build_completion(plan, record))
    return invalidation_id


def write_objects(
    site: Site, plan: Plan, remote: Remote, locations: Mapping[str, str], manifest: ManifestWriter
) -> dict[str, str]:
    """Upload and repair in order, and return the ETags."""

    def write_one(key: str) -> str:
        target = (site.s3, site.bucket, site.prefix + key, plan.desired[key])
        if key in repairs:
            return api.repair_headers(*target, plan.found[key]["etag"])
        return api.put_file(*target, locations[key])

    repairs = set(plan.repairs)
    written: dict[str, str] = {}
    if plan.writes:
        manifest.write(build_claim(plan, remote.manifest))
    for keys in order_writes(plan.writes, site.index_document):
        if is_page(keys[0]):
            # Sending the assets may have taken long, and pages of two releases must not mix.
            manifest.check()
        written.update(in_parallel(write_one, keys, site.concurrency))
    return written
