# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: decides what publishing a site takes. Pure.

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from ansible_collections.slipway.aws.plugins.module_utils._site.files import is_page
from ansible_collections.slipway.aws.plugins.module_utils._site.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from typing import Any

CONTENT = ("sha256", "size")
IDENTITY = (*CONTENT, "content_type", "cache_control")

# RFC 1738's safe and reserved characters. CloudFront wants those and no others as they are; an asterisk would be a
# wildcard, a question mark begin a query.
SAFE_IN_PATHS = "/;:@=&$-_.+!'(),"

# CloudFront's first thousand paths of a month are free, and a wildcard counts as one path.
MOST_PATHS = 15


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it."""

    etag: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Remote:
    """What is below the site's prefix."""

    manifest: Manifest = field(default_factory=Manifest)
    objects: Mapping[str, Listed] = field(default_factory=dict)

    def vouches_for(self, key: str) -> bool:
        """Whether the object is as the manifest recorded it.

        The manifest is written after all others, so what is younger was written by somebody else; that may be the
        same content with other headers, which a listing does not show.
        """
        recorded, listed = self.manifest.recorded(key), self.objects.get(key)
        return (
            recorded is not None
            and listed is not None
            and (recorded.get("etag"), recorded.get("size")) == (listed.etag, listed.size)
            and listed.modified <= self.manifest.modified
        )


@dataclass(frozen=True)
class Policy:
    """How to treat what is not a part of the new release."""

    prune: bool = True
    keep_days: int = 7
    purge_unmanaged: bool = False
    invalidate: bool = True
    url_path: str = "/"


@dataclass(frozen=True)
class Plan:
    release_id: str
    desired: dict[str, dict[str, Any]]
    uploads: list[str]  # keys whose content is to be sent
    repairs: list[str]  # keys whose headers alone differ
    found: dict[str, dict[str, Any]]  # the objects of desired as they are, as far as that is known
    superseded: dict[str, dict[str, Any]]  # what earlier releases leave behind
    due: list[str]  # keys of superseded that go now
    removed: list[str]  # keys that leave the site with this release
    paths: list[str]  # to be invalidated
    changed: bool

    @property
    def writes(self) -> list[str]:
        return [*self.uploads, *self.repairs]


def keys_to_inspect(desired: Mapping[str, Mapping[str, Any]], remote: Remote) -> list[str]:
    """The objects whose content and headers must be asked for one by one: those nobody vouches for.

    One of another size is sent anew anyway.
    """
    return [
        key
        for key, file in desired.items()
        if key in remote.objects and remote.objects[key].size == file["size"] and not remote.vouches_for(key)
    ]


def is_immutable(file: Mapping[str, Any]) -> bool:
    return "immutable" in (file.get("cache_control") or "")


def differs(one: Mapping[str, Any], other: Mapping[str, Any], keys: Iterable[str] = IDENTITY) -> bool:
    return any(one.get(key) != other.get(key) for key in keys)


def build_plan(
    release_id: str,
    desired: dict[str, dict[str, Any]],
    remote: Remote,
    inspected: Mapping[str, dict[str, Any]],
    policy: Policy,
    now: datetime,
) -> Plan:
    found = {key: remote.manifest.recorded(key) for key in desired if remote.vouches_for(key)}
    found = {key: _as_file(entry) for key, entry in {**found, **inspected}.items()}
    kept = {key for key, entry in found.items() if not differs(entry, desired[key], CONTENT)}
    uploads = [key for key in desired if key not in kept]
    repairs = [key for key in desired if key in kept and differs(found[key], desired[key])]
    superseded = find_superseded(desired, remote, policy, now)
    due = [key for key, entry in superseded.items() if is_due(key, entry, policy, now)]
    paths = find_stale_paths(desired, remote, {*uploads, *repairs}, due, policy) if policy.invalidate else []

    before = remote.manifest
    still_there = {key: entry for key, entry in before.superseded.items() if key in remote.objects}
    # What is sent or repaired gets a new ETag, and the manifest with it.
    unchanged = (
        not (uploads or repairs or due or paths)
        and before.unfinished is None
        and (before.release_id, before.files, still_there) == (release_id, found, superseded)
    )
    return Plan(
        release_id=release_id,
        desired=desired,
        uploads=uploads,
        repairs=repairs,
        found=found,
        superseded=superseded,
        due=due,
        removed=[key for key in before.files if key not in desired],
        paths=paths,
        changed=not unchanged,
    )


def _as_file(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry.get(key) for key in (*IDENTITY, "etag")}


def find_superseded(
    desired: Mapping[str, Any], remote: Remote, policy: Policy, now: datetime
) -> dict[str, dict[str, Any]]:
    """The objects of earlier releases, finished or not, that are there and not wanted, with the time they fell out."""
    manifest = remote.manifest
    known = {**dict.fromkeys((manifest.unfinished or {}).get("keys", ())), **manifest.files, **manifest.superseded}
    if policy.purge_unmanaged:
        known = {**dict.fromkeys(remote.objects), **known}
    return {
        key: {"since": format_time(now), **(known[key] or {})}
        for key in sorted(known)
        if key in remote.objects and key not in desired
    }


def is_due(key: str, entry: Mapping[str, Any], policy: Policy, now: datetime) -> bool:
    """Whether a superseded object goes now. Pages that are open may still ask for anything but another page."""
    if not policy.prune:
        return False
    return is_page(key) or parse_time(entry["since"]) + timedelta(days=policy.keep_days) <= now


def find_stale_paths(
    desired: Mapping[str, Mapping[str, Any]], remote: Remote, written: set[str], due: Iterable[str], policy: Policy
) -> list[str]:
    """The paths under which a cache may hold something that is not so any more."""
    manifest = remote.manifest
    published_before = manifest.release_id is not None

    def is_stale(key: str, file: Mapping[str, Any]) -> bool:
        if key in written and key in remote.objects:
            return True  # something else was there
        if is_immutable(file) or not published_before:
            return False
        # It may have been written already, by a run that was killed. What is new was a cached error until now.
        return key in written or differs(manifest.recorded(key) or {}, file)

    stale = [key for key, file in desired.items() if is_stale(key, file)]
    gone = [key for key in due if not is_immutable(manifest.recorded(key) or {})]
    owed = (manifest.unfinished or {}).get("invalidation", ())
    return sorted({path for key in [*stale, *gone] for path in url_paths(key, policy.url_path)} | set(owed))


def url_paths(key: str, url_path: str) -> list[str]:
    """The paths an object is served at: an index also as its directory."""
    path = "/".join(["", *filter(None, url_path.split("/")), quote(key, safe=SAFE_IN_PATHS)])
    directory, _slash, name = path.rpartition("/")
    return [path, f"{directory}/"] if name == "index.html" else [path]


def collapse_paths(paths: list[str]) -> list[str]:
    """Few paths as they are; many as one wildcard over the directory that they share."""
    if len(paths) <= MOST_PATHS:
        return paths
    split = [path.split("/")[:-1] for path in paths]
    shared = 0
    while all(len(parts) > shared for parts in split) and len({parts[shared] for parts in split}) == 1:
        shared += 1
    return ["/".join([*split[0][:shared], "*"])]


def order_writes(keys: Iterable[str], index_document: str) -> list[list[str]]:
    """What may be written side by side, in the order of these groups: what pages name, the pages, the front page."""
    keys = list(keys)
    groups = [
        [key for key in keys if not is_page(key) and key != index_document],
        [key for key in keys if is_page(key) and key != index_document],
        [key for key in keys if key == index_document],
    ]
    return [group for group in groups if group]


def build_caller_reference(site: str, plan: Plan, publications: int) -> str:
    """The same for a run that repeats a killed one, which CloudFront answers with the invalidation it has already.

    The number of publications makes it another one when the same release is published again after a rollback.
    """
    identity = json.dumps([site, plan.release_id, publications, plan.paths])
    return f"{plan.release_id}-{publications}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def build_claim(plan: Plan, before: Manifest) -> Manifest:
    """Written before the first object: this publication is under way, and this is what it may leave behind."""
    made = set(plan.uploads) | set((before.unfinished or {}).get("keys", ()))
    unknown = sorted(key for key in made if before.recorded(key) is None)
    unfinished = {"release_id": plan.release_id, "keys": unknown, "invalidation": plan.paths}
    return dataclasses.replace(before, unfinished=unfinished)


def build_record(plan: Plan, before: Manifest, written: Mapping[str, str]) -> Manifest:
    """Written when all objects are there: the release is live. written has the ETags that objects got."""
    files = {
        key: {**file, "etag": written[key] if key in written else plan.found[key]["etag"]}
        for key, file in plan.desired.items()
    }
    more = plan.due or plan.paths
    owed = {"release_id": plan.release_id, "keys": [], "invalidation": plan.paths} if more else None
    return dataclasses.replace(
        before,
        release_id=plan.release_id,
        publications=before.publications + (0 if owed else 1),
        files=files,
        superseded=plan.superseded,
        unfinished=owed,
    )


def build_completion(plan: Plan, record: Manifest) -> Manifest:
    """Written when nothing is left to delete or to invalidate."""
    superseded = {key: entry for key, entry in plan.superseded.items() if key not in plan.due}
    return dataclasses.replace(record, publications=record.publications + 1, superseded=superseded, unfinished=None)


def describe_file(file: Mapping[str, Any]) -> str:
    """One line of a diff."""
    content = (file.get("sha256") or "unknown content")[:15]
    return f"{content}, {file.get('size')} bytes, {file.get('content_type')}, {file.get('cache_control')}"


def build_diff(plan: Plan, before: Manifest, keep_days: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only what differs: a site may have thousands of files."""
    old = {key: describe_file(plan.found[key]) for key in plan.writes if key in plan.found}
    old.update({key: describe_file(before.files[key]) for key in (*plan.uploads, *plan.removed) if key in before.files})
    new = {key: describe_file(plan.desired[key]) for key in plan.writes}
    new.update({key: _fate(key, plan, keep_days) for key in plan.removed if key in plan.superseded})
    old.update({key: "superseded" for key in plan.due if key not in old})
    return (
        {"release_id": before.release_id, "complete": before.unfinished is None, "files": old, "invalidated": []},
        {"release_id": plan.release_id, "complete": True, "files": new, "invalidated": collapse_paths(plan.paths)},
    )


def _fate(key: str, plan: Plan, keep_days: int) -> str:
    return "deleted" if key in plan.due else f"superseded, kept for {keep_days} days"


def format_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
