# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: takes and frees a project's lock, and writes the deployment's record beside it.
#
# Killed anywhere, the next run sees how far it came: an archive that nobody deployed is pruned in time, a lock whose
# owner has ended is taken over, a record that stays at "started" was interrupted.

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._deployment import api
from ansible_collections.slipway.aws.plugins.module_utils._deployment import lock as locks
from ansible_collections.slipway.aws.plugins.module_utils._deployment import record as records
from ansible_collections.slipway.aws.plugins.module_utils._deployment.process import is_gone
from ansible_collections.slipway.aws.plugins.module_utils._tree import TreeError
from ansible_collections.slipway.aws.plugins.module_utils._tree import file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable

# Each attempt loses to somebody else's write. More than a few are no coincidence.
ATTEMPTS = 5


class Place(NamedTuple):
    """Where a project's deployments are written down, and who asks."""

    client: Any
    bucket: str
    owner: dict[str, Any]
    warn: Callable[[str], None]

    @property
    def run(self) -> str:
        return self.owner["run"]


def read_lock(client: Any, bucket: str) -> api.Stored:
    stored = api.read_json(client, bucket, records.LOCK)
    if stored.document and stored.document.get("version") != locks.VERSION:
        raise api.AnsibleDeploymentError(
            message=f"s3://{bucket}/{records.LOCK} is of version {stored.document.get('version')}, and this collection "
            f"knows version {locks.VERSION}. Update the collection, or remove the object if nobody deploys"
        )
    return stored


def read_own_record(place: Place) -> tuple[str | None, api.Stored | None]:
    """The record that this run has begun, wherever the lock is now."""
    listed = api.list_objects(place.client, place.bucket, records.FOLDER)
    key = records.find_record((item["key"] for item in listed), place.run)
    return (key, api.read_json(place.client, place.bucket, key)) if key else (None, None)


def describe_holder(lock: dict[str, Any] | None) -> str:
    if lock is None:
        return "nobody's: its object was removed"
    who = locks.describe_owner(lock["owner"])
    return f"held by {who}, since {lock['since']}" if lock["held"] else f"free, and was last that of {who}"


def judge(place: Place, stored: api.Stored, take_over: str | None) -> locks.Verdict:
    gone = locks.is_held(stored.document) and is_gone(stored.document["owner"])
    return locks.judge(stored.document, place.run, stored.now, gone, take_over)


def check_own_record(place: Place, stored: api.Stored) -> tuple[str | None, api.Stored | None]:
    """A run that does not hold the lock any more, and began something under it, does nothing more."""
    key, own = read_own_record(place)
    if own is None or own.document is None:
        return None, None
    if own.document["result"] == "started":
        raise api.AnsibleDeploymentError(
            message=f"This run's lock was taken over: it is {describe_holder(stored.document)}. Nothing more is "
            "changed. When that run has ended, look at playbooks/releases.yml, and run again"
        )
    if own.document["result"] == "failed":
        raise api.AnsibleDeploymentError(
            message="A step of this run has failed before, and nothing more is released. See the reason above; "
            "run again when it is mended"
        )
    return key, own


def take_lock(
    place: Place, stored: api.Stored, params: dict[str, Any]
) -> tuple[dict[str, Any], str, api.Stored | None]:
    """Write this run into the lock. Returns the lock, its ETag, and the run's record if it has one."""
    own: api.Stored | None = None
    for _attempt in range(ATTEMPTS):
        verdict = judge(place, stored, params["take_over"])
        if verdict.refusal:
            raise api.AnsibleDeploymentError(message=verdict.refusal)
        if verdict.is_own:
            key, since = stored.document["record"], stored.document["since"]
            own = api.read_json(place.client, place.bucket, key)
        else:
            key, own = check_own_record(place, stored)
            key = key or records.record_key(stored.now, place.run)
            since = locks.format_time(stored.now)
        lock = locks.build_held(place.owner, params["action"], key, since, stored.now, params["ttl"])
        try:
            etag = api.write_json(place.client, place.bucket, records.LOCK, lock, stored.etag)
        except api.ConflictError:
            stored = read_lock(place.client, place.bucket)
            continue
        if verdict.warning:
            place.warn(verdict.warning)
        return lock, etag, own
    raise api.AnsibleDeploymentError(
        message=f"The lock s3://{place.bucket}/{records.LOCK} was written by others {ATTEMPTS} times while this run "
        "asked for it. Run again when they have ended"
    )


def keep_archive(place: Place, part: str, release: dict[str, Any]) -> None:
    key = records.archive_key(part, release["id"])
    if not release.get("archive") or api.has_object(place.client, place.bucket, key):
        return
    try:
        sha256 = file_sha256(release["archive"])
    except TreeError as error:
        raise api.AnsibleDeploymentError(message=f"release: {error}") from error
    api.put_archive(place.client, place.bucket, key, release["archive"], sha256)


def begin(place: Place, params: dict[str, Any], check_mode: bool) -> tuple[bool, dict[str, Any]]:
    """Take or renew the lock, and write down what begins."""
    stored = read_lock(place.client, place.bucket)
    if check_mode:
        verdict = judge(place, stored, params["take_over"])
        if verdict.refusal or verdict.warning:
            place.warn(f"Not in this plan, but in a run now: {verdict.refusal or verdict.warning}")
        started = records.start(place.owner, params["action"], stored.now)
        return True, _add_part(started, params)
    lock, etag, own = take_lock(place, stored, params)
    try:
        if params["part"]:
            keep_archive(place, params["part"], params["release"])
        now = locks.parse_time(lock["since"])
        document = own.document if own and own.document else records.start(place.owner, params["action"], now)
        document = _add_part(document, params)
        api.write_json(place.client, place.bucket, lock["record"], document, own.etag if own else None)
    except BaseException:
        api.write_json(place.client, place.bucket, records.LOCK, locks.build_free(lock), etag)
        raise
    return True, document


def _add_part(document: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    if not params["part"]:
        return document
    return records.start_part(document, params["part"], params["before"], params["release"]["id"], params["source"])


def end(place: Place, params: dict[str, Any], check_mode: bool) -> tuple[bool, dict[str, Any] | None]:
    """Finish the record and free the lock. What is not this run's stays as it is."""
    stored = read_lock(place.client, place.bucket)
    is_own = locks.is_held_by(stored.document, place.run)
    if is_own:
        key = stored.document["record"]
        own = api.read_json(place.client, place.bucket, key)
    else:
        key, own = read_own_record(place)
    document = own.document if own else None
    is_open = document is not None and document["result"] == "started"
    if check_mode or not (is_own or is_open):
        return is_own or is_open, document

    result, reason = params["result"], params["reason"]
    lost = is_open and not is_own
    if lost:
        note = f"its lock was taken over: it is {describe_holder(stored.document)}"
        result, reason = "failed", f"{reason}\n{note}".strip()
    if is_open:
        document = records.finish(document, result, reason, params["backup"], stored.now)
        api.write_json(place.client, place.bucket, key, document, own.etag)
    if is_own:
        api.write_json(place.client, place.bucket, records.LOCK, locks.build_free(stored.document), stored.etag)
    if is_open and result == "succeeded":
        prune(place, document, params["keep_releases"])
    if lost and params["result"] == "succeeded":
        raise api.AnsibleDeploymentError(
            message=f"The release is out, but while it was made live {note}. What is live now may be that run's: "
            "look at playbooks/releases.yml when it has ended"
        )
    return True, document


def prune(place: Place, document: dict[str, Any], keep: int) -> None:
    """Forget old releases. That they are there still is no reason to call a deployment failed."""
    try:
        archives = records.sort_archives(api.list_objects(place.client, place.bucket, records.RELEASES))
        due = [
            records.archive_key(name, release)
            for name, part in document["parts"].items()
            for release in records.choose_pruned(archives.get(name, []), keep, (part["before"], part["after"]))
        ]
        api.delete_objects(place.client, place.bucket, due)
    except api.AnsibleDeploymentError as error:
        place.warn(f"{error}. The deployment itself has succeeded.")


def read_records(client: Any, bucket: str, most: int) -> list[dict[str, Any]]:
    """The newest records, the newest first."""
    listed = api.list_objects(client, bucket, records.FOLDER)
    keys = records.find_newest((item["key"] for item in listed), most)
    read = gather(**{key: partial(api.read_json, client, bucket, key) for key in keys})
    found = [read[key].document for key in keys]
    return [document for document in found if document and document.get("version") == records.VERSION]
