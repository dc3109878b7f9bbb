# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Who may do what in S3: every request is decided from the caller's policies, the bucket's policy and the
# bucket's block on public access.

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import unquote

from moto.moto_server.werkzeug_app import BackendRequest
from moto.s3.exceptions import S3ClientError

from slipway_lab import calls
from slipway_lab import iam_policy
from slipway_lab import principals
from slipway_lab.aws import identity
from slipway_lab.aws.s3 import rules

if TYPE_CHECKING:
    from moto.s3.models import FakeBucket
    from moto.s3.models import FakeKey
    from moto.s3.responses import S3Response

# Where the lab's own servers (the edge) say on whose behalf they ask, and with which condition keys. No header
# of a request from outside becomes such a key of the environment.
PRINCIPAL = "slipway_lab.principal"
CONTEXT = "slipway_lab.context"

_PREFLIGHT = "Options"
# What the account's root may do whatever a bucket policy says, so that nobody is locked out for ever.
_ALWAYS_ROOTS = {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}
_HEADER_KEYS = (
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
    "if-match",
    "if-none-match",
)
_QUERY_KEYS = {"prefix": "prefix", "delimiter": "delimiter", "max-keys": "max-keys", "versionId": "versionid"}


def denied(message: str) -> S3ClientError:
    return S3ClientError("AccessDenied", message)


class Caller:
    """Who makes the request that an S3Response answers, and what the policies allow them."""

    def __init__(self, response: S3Response) -> None:
        self._http = response.request
        self._key_name = response.parse_key_name() if response.bucket_name else ""
        self.operation = _operation(response, self._key_name)
        self._policies: list[Any] = []
        self._boundary: Any = None
        call = calls.read_call(self._http.environ)
        self._signed = call.access_key is not None
        self.principal: iam_policy.Principal = self._http.environ.get(PRINCIPAL)
        if self.principal is None:
            description = principals.of(call.access_key)
            self.principal = iam_policy.Principal.of(description)
            if self.principal.type in ("user", "assumed-role"):
                self._policies = identity.policies(description)
                self._boundary = identity.boundary(description)

    def check(self, bucket: FakeBucket | None, key: FakeKey | None) -> None:
        """Raise AccessDenied unless the request, which concerns bucket and the object key, is allowed."""
        action = rules.action(self.operation, self._http.args.get("versionId"))
        if bucket is None:
            self._require(action, "*", None)
            return
        expected_owner = self._http.headers.get("x-amz-expected-bucket-owner")
        if expected_owner and expected_owner != bucket.account_id:
            raise denied("Access Denied")
        if self.operation in (_PREFLIGHT, "DeleteObjects"):
            return  # browsers ask the first without credentials; the second's objects are decided one by one
        if key is not None and self._acl_allows(action, bucket, key):
            return
        self._require(action, _arn(bucket, self._key_name), bucket)
        if action == "s3:GetObject" and key is None and not self._decision("s3:ListBucket", _arn(bucket), bucket):
            raise denied("Access Denied")  # who may not list must not learn that an object is missing
        source = self._http.headers.get("x-amz-copy-source")
        if source:
            self._check_copy_source(source)

    def may_delete(self, bucket: FakeBucket, key_name: str) -> bool:
        return bool(self._decision("s3:DeleteObject", _arn(bucket, key_name), bucket))

    def refuse_public_policy(self, bucket: FakeBucket) -> S3ClientError:
        return denied(
            f"User: {self.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
            f'"{_arn(bucket)}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block '
            "Public Access."
        )

    def _require(self, action: str, resource: str, bucket: FakeBucket | None) -> None:
        decision = self._decision(action, resource, bucket)
        if not decision:
            # Those without an account in AWS are told nothing more.
            known = self.principal.type in ("root", "user", "assumed-role")
            raise denied(decision.message(self._asked(action, resource, bucket)) if known else "Access Denied")

    def _asked(self, action: str, resource: str, bucket: FakeBucket | None) -> iam_policy.Request:
        owner = bucket.account_id if bucket is not None else self.principal.account
        return iam_policy.Request(self.principal, action, resource, self._context(owner), owner)

    def _decision(self, action: str, resource: str, bucket: FakeBucket | None) -> iam_policy.Decision:
        policy = bucket.policy if bucket is not None else None
        asked = self._asked(action, resource, bucket)
        decision = iam_policy.is_allowed(asked, self._policies, policy)
        if decision and self._boundary is not None:
            decision = iam_policy.is_allowed(asked, [self._boundary])
        outside = self.principal.account != asked.resource_account
        if not decision and not outside and self.principal.type == "root" and action in _ALWAYS_ROOTS:
            return iam_policy.Decision(True, "because root may always mend a bucket's policy")
        if decision and policy and outside and self.principal.type != "service":
            block = bucket.public_access_block
            if block and block.restrict_public_buckets and iam_policy.is_public(policy):
                return iam_policy.Decision(False, "because the bucket restricts public access")
        return decision

    def _acl_allows(self, action: str, bucket: FakeBucket, key: FakeKey) -> bool:
        """Whether the object's own access control list opens it to all."""
        block = bucket.public_access_block
        ignored = bucket.ownership_rule == "BucketOwnerEnforced" or (block and block.ignore_public_acls)
        if ignored or action != "s3:GetObject" or not (key.acl and key.acl.public_read):
            return False
        return not self._decision(action, _arn(bucket, key.name), bucket).explicit

    def _check_copy_source(self, source: str) -> None:
        from moto.s3.models import s3_backends

        bucket_name, _, key_name = unquote(source).partition("?")[0].lstrip("/").partition("/")
        owner = s3_backends.bucket_accounts.get(bucket_name)
        if owner:
            partition, account = owner
            bucket = s3_backends[account][partition].get_bucket(bucket_name)
            self._require("s3:GetObject", _arn(bucket, key_name), bucket)

    def _context(self, resource_account: str) -> dict[str, Any]:
        request, principal = self._http, self.principal
        values = {
            "aws:SecureTransport": str(request.scheme == "https").lower(),
            "aws:SourceIp": request.remote_addr,
            "aws:UserAgent": request.headers.get("User-Agent"),
            "aws:Referer": request.headers.get("Referer"),
            "aws:CurrentTime": datetime.datetime.now(datetime.UTC).isoformat(),
            "aws:EpochTime": str(int(time.time())),
            "aws:PrincipalArn": principal.role_arn or principal.arn,
            "aws:PrincipalAccount": principal.account,
            "aws:PrincipalIsAWSService": str(principal.type == "service").lower(),
            "aws:ResourceAccount": resource_account,
            "s3:ResourceAccount": resource_account,
            "s3:authType": ("REST-HEADER" if "Authorization" in request.headers else "REST-QUERY-STRING")
            if self._signed
            else None,
            **{f"s3:{name}": request.headers.get(name) for name in _HEADER_KEYS},
            **{f"s3:{key}": request.args.get(name) for name, key in _QUERY_KEYS.items()},
            **request.environ.get(CONTEXT, {}),
        }
        return {key: value for key, value in values.items() if value}


def _arn(bucket: FakeBucket, key_name: str = "") -> str:
    return f"arn:aws:s3:::{bucket.name}/{key_name}" if key_name else f"arn:aws:s3:::{bucket.name}"


def _operation(response: S3Response, key_name: str) -> str:
    """The operation, whether the request names the bucket in its path or in its host."""
    request = response.request
    if request.method == "OPTIONS":
        return _PREFLIGHT
    path = f"/{response.bucket_name}/{key_name}" if response.bucket_name else "/"
    operation = calls.operation_of("s3", BackendRequest(request.environ | {"PATH_INFO": path}))
    is_form = request.method == "POST" and operation == calls.UNKNOWN_OPERATION
    return "PutObject" if is_form else operation
