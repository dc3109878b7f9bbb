# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# S3 of the lab: the emulator's own, made to do what it leaves out: new buckets as AWS makes them since 2023,
# policies whose conditions count, the block on public access, refusals of rules that AWS refuses.

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import BackendRequest
from moto.s3 import models
from moto.s3 import responses
from moto.s3.exceptions import S3ClientError
from werkzeug.test import EnvironBuilder

from slipway_lab import context
from slipway_lab import iam_policy
from slipway_lab.aws import cloudfront
from slipway_lab.aws.s3 import access
from slipway_lab.aws.s3 import rules

if TYPE_CHECKING:
    from slipway_lab.context import Lab

# Names of AWS's documentation. Bucket names are everybody's, and these belong to another account.
TAKEN_NAMES = ("amzn-s3-demo-bucket", "amzn-s3-demo-bucket1", "amzn-s3-demo-bucket2")
# Also the name that a project called "taken" asks for: somebody was faster.
TAKEN_BY_ACCOUNT = "taken-frontend-{account}"
_OTHER_ACCOUNT = "999999999999"

_caller: ContextVar[access.Caller] = ContextVar("caller")
# Put-if-absent and put-if-unchanged are one step in S3, and two in the emulator.
_conditional_put = threading.Lock()
_originals: dict[tuple[type, str], Any] = {}


def install(lab: Lab) -> None:
    """Change the emulator's S3; before the first request to it."""
    if not _originals:
        _patch(models.FakeBucket, "__init__", _new_bucket)
        _patch(models.FakeBucket, "get_permission", _get_permission)
        _patch(models.FakeBucket, "set_lifecycle", _set_lifecycle)
        _patch(models.S3Backend, "put_object", _store_object)
        _patch(models.S3Backend, "delete_object", _delete_object)
        # Deleting all versions of a key calls this, and the emulator's delete markers lack it.
        models.FakeDeleteMarker.dispose = lambda self: None
        _patch(models.S3Backend, "put_bucket_policy", _put_bucket_policy)
        _patch(models.S3Backend, "put_bucket_acl", _put_bucket_acl)
        _patch(models.S3Backend, "delete_bucket_encryption", _delete_bucket_encryption)
        _patch(responses.S3Response, "_bucket_response", _bucket_response)
        _patch(responses.S3Response, "_key_response", _key_response)
        _patch(responses.S3Response, "put_object", _put_object)
        _patch(responses.S3Response, "_acl_from_headers", _acl_from_headers)
        responses.bucket_policy_is_public = iam_policy.is_public
        # The emulator disposes of every version that it deletes, and forgot that delete markers are some.
        models.FakeDeleteMarker.dispose = lambda self, garbage=False: None
    for name in (*TAKEN_NAMES, TAKEN_BY_ACCOUNT.format(account=lab.account_id)):
        if name not in models.s3_backends.bucket_accounts:
            models.s3_backends[_OTHER_ACCOUNT]["aws"].create_bucket(name, "us-east-1")


def _patch(owner: type, name: str, replacement: Callable[..., Any]) -> None:
    _originals[owner, name] = getattr(owner, name)
    setattr(owner, name, replacement)


# --- who may -----------------------------------------------------------------------------------------------------


def _bucket_response(self: responses.S3Response, request: Any, full_url: str) -> Any:
    caller = access.Caller(self)
    _caller.set(caller)
    bucket = _bucket(self.bucket_name)
    if caller.operation == "CreateBucket":
        caller.check(None, None)  # a bucket of that name, if there is one, has no say
        _check_new_acl(request.headers)
    elif bucket is not None or not self.bucket_name:
        caller.check(bucket, None)
    return _originals[responses.S3Response, "_bucket_response"](self, request, full_url)


def _key_response(self: responses.S3Response, request: Any, full_url: str) -> Any:
    caller = access.Caller(self)
    _caller.set(caller)
    bucket = _bucket(self.bucket_name)
    if bucket is not None:
        key = self.backend.get_object(self.bucket_name, self.parse_key_name(), version_id=request.args.get("versionId"))
        try:
            caller.check(bucket, key)
        except S3ClientError:
            if request.method == "HEAD":
                return 403, {}, ""  # the answer to HEAD has no body to tell more
            raise
    return _originals[responses.S3Response, "_key_response"](self, request, full_url)


def _bucket(name: str | None) -> models.FakeBucket | None:
    owner = models.s3_backends.bucket_accounts.get(name)
    if owner is None:
        return None
    partition, account = owner
    return models.s3_backends[account][partition].get_bucket(name)


def _get_permission(self: models.FakeBucket, action: str, resource: str) -> PermissionResult:
    """The emulator asks again; all was decided before, but for the objects of DeleteObjects."""
    caller = _caller.get(None)
    if caller is not None and action == "s3:DeleteObject":
        key_name = resource.partition("/")[2]
        return PermissionResult.PERMITTED if caller.may_delete(self, key_name) else PermissionResult.DENIED
    return PermissionResult.PERMITTED


# --- new buckets -------------------------------------------------------------------------------------------------


def _new_bucket(self: models.FakeBucket, *args: Any, **kwargs: Any) -> None:
    _originals[models.FakeBucket, "__init__"](self, *args, **kwargs)
    self.encryption = _default_encryption()
    self.public_access_block = models.PublicAccessBlock(True, True, True, True)
    self.ownership_rule = "BucketOwnerEnforced"


def _default_encryption() -> dict[str, Any]:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}
    return {"Rule": rule}


def _delete_bucket_encryption(self: models.S3Backend, bucket_name: str) -> None:
    # Every bucket is encrypted: what is deleted is the deviation from the default.
    self.get_bucket(bucket_name).encryption = _default_encryption()


# --- policies, access control lists, lifecycle ---------------------------------------------------------------------


def _put_bucket_policy(self: models.S3Backend, bucket_name: str, policy: bytes) -> None:
    bucket = self.get_bucket(bucket_name)
    problem = rules.policy_problem(policy, bucket_name, _principal_exists)
    if problem:
        raise S3ClientError("MalformedPolicy", problem)
    block = bucket.public_access_block
    if block and block.block_public_policy and iam_policy.is_public(policy):
        raise _caller.get().refuse_public_policy(bucket)
    _originals[models.S3Backend, "put_bucket_policy"](self, bucket_name, rules.stored_policy(policy))


def _principal_exists(name: str) -> bool:
    """Whether an "AWS" principal of a bucket policy stands for somebody; other accounts' are taken on trust."""
    if re.fullmatch(r"(arn:aws:iam::)?\d{12}(:root)?", name):
        return True
    if name.startswith("arn:aws:iam::cloudfront:user/"):
        return any(name == one.arn for one in cloudfront.service().identities.values())
    found = re.fullmatch(r"arn:aws:(?:iam::(\d{12}):(user|role)|sts::\d{12}:assumed-role/[^/]+)/.+", name)
    if found is None:
        return False
    account, kind = found.groups()
    if account != context.current().account_id:
        return True
    backend = iam_backends[account]["aws"]
    return any(owner.arn == name for owner in (backend.users if kind == "user" else backend.roles).values())


def _put_bucket_acl(self: models.S3Backend, bucket_name: str, acl: models.FakeAcl | None) -> None:
    _check_acl(self.get_bucket(bucket_name), acl)
    _originals[models.S3Backend, "put_bucket_acl"](self, bucket_name, acl)


def _acl_from_headers(self: responses.S3Response, headers: dict[str, str]) -> models.FakeAcl | None:
    acl = _originals[responses.S3Response, "_acl_from_headers"](self, headers)
    bucket = _bucket(self.bucket_name)
    if acl is not None and bucket is not None and headers.get("x-amz-acl") != "bucket-owner-full-control":
        _check_acl(bucket, acl)
    return acl


def _check_new_acl(headers: Any) -> None:
    ownership = headers.get("x-amz-object-ownership", "BucketOwnerEnforced")
    if "x-amz-acl" in headers and ownership == "BucketOwnerEnforced":
        raise S3ClientError(
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        )


def _check_acl(bucket: models.FakeBucket, acl: models.FakeAcl | None) -> None:
    is_new = _caller.get().operation == "CreateBucket"  # its ownership, checked before, is set last
    if bucket.ownership_rule == "BucketOwnerEnforced" and not is_new:
        raise S3ClientError("AccessControlListNotSupported", "The bucket does not allow ACLs")
    block = bucket.public_access_block
    if block and block.block_public_acls and acl is not None and acl.public_read:
        raise access.denied("Access Denied")


def _set_lifecycle(self: models.FakeBucket, lifecycle_rules: list[dict[str, Any]]) -> None:
    problem = rules.lifecycle_problem(lifecycle_rules)
    if problem:
        raise S3ClientError(*problem)
    _originals[models.FakeBucket, "set_lifecycle"](self, lifecycle_rules)


# --- objects -------------------------------------------------------------------------------------------------------


def _put_object(self: responses.S3Response) -> Any:
    if "If-None-Match" not in self.headers and "If-Match" not in self.headers:
        return _originals[responses.S3Response, "put_object"](self)
    with _conditional_put:
        return _originals[responses.S3Response, "put_object"](self)


def _store_object(self: models.S3Backend, *args: Any, **kwargs: Any) -> models.FakeKey:
    key = _originals[models.S3Backend, "put_object"](self, *args, **kwargs)
    # What was uploaded without a content type gets this one; the emulator would call it XML.
    key.set_metadata({"content-type": "binary/octet-stream"})
    return key


def _delete_object(
    self: models.S3Backend, bucket_name: str, key_name: str, version_id: str | None = None, bypass: bool = False
) -> tuple[bool, dict[str, Any]]:
    """Where versioning is suspended, a version that is named goes alone; the emulator would delete all versions."""
    bucket = self.get_bucket(bucket_name)
    if version_id is None or bucket.versioning_status != "Suspended":
        return _originals[models.S3Backend, "delete_object"](self, bucket_name, key_name, version_id, bypass)
    versions = bucket.keys.getlist(key_name, [])
    kept = [version for version in versions if str(version.version_id) != str(version_id)]
    if kept:
        bucket.keys.setlist(key_name, kept)
    elif versions:
        bucket.keys.pop(key_name)
    return len(kept) < len(versions), {"version-id": version_id}


# --- for the lab's own servers -------------------------------------------------------------------------------------


def answer(
    method: str,
    path: str,
    query: str,
    headers: list[tuple[str, str]],
    body: bytes,
    *,
    scheme: str,
    client: str,
    principal: iam_policy.Principal,
    conditions: dict[str, str],
) -> tuple[int, list[tuple[str, str]], bytes]:
    """S3's answer to a path-style request (bucket and key percent-encoded) that principal signed.

    conditions: condition keys of the request that only its signer can set, as aws:SourceArn.
    """
    unsigned = [(name, value) for name, value in headers if name.lower() not in ("host", "authorization")]
    environ = EnvironBuilder(
        path, f"{scheme}://s3.amazonaws.com", query_string=query, method=method, headers=unsigned, data=body
    ).get_environ()
    environ |= {"REMOTE_ADDR": client, access.PRINCIPAL: principal, access.CONTEXT: conditions}
    request = BackendRequest(environ)
    has_key = "/" in path.lstrip("/").rstrip("/")
    dispatch = responses.S3Response.key_dispatch if has_key else responses.S3Response.bucket_dispatch
    status, fields, content = dispatch(request, request.url, request.headers)
    content = content.encode() if isinstance(content, str) else content
    kept = [(name, str(value)) for name, value in fields.items() if name.lower() not in _INTERNAL_HEADERS]
    return int(status), [("Server", "AmazonS3"), *kept], content


# The emulator's own, and what it keeps of the upload's headers though S3 does not.
_INTERNAL_HEADERS = (
    "status",
    "server",
    "date",
    "x-amzn-requestid",
    "x-amz-content-sha256",
    "x-amz-sdk-checksum-algorithm",
)
