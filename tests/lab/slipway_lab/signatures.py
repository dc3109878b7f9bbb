# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Checks requests' signatures (AWS Signature Version 4), in headers and in presigned URLs; and those of version 2 in
# presigned URLs of S3, which SDKs still make by default in the oldest region. Pure.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote
from urllib.parse import unquote
from urllib.parse import urlsplit

from botocore.auth import HmacV1Auth
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from botocore.utils import normalize_url_path

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
_HEADER = re.compile(
    rf"{ALGORITHM}\s+Credential=(?P<key>[^/,\s]+)/(?P<scope>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),"
    r"\s*Signature=(?P<signature>[0-9a-f]+)"
)
_DATE = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Signed:
    """What a request says about its signature."""

    signature: str
    # When a presigned URL ends.
    expires: datetime | None = None
    # Of version 4 only.
    scope: str = ""
    headers: tuple[str, ...] = ()
    date: str = ""

    @property
    def has_expired(self) -> bool:
        return self.expires is not None and datetime.now(UTC) > self.expires


def read(headers: Mapping[str, str], query: str) -> Signed | None:
    """The signature of a request, None if it has none of a kind that is known here."""
    match = _HEADER.match(headers.get("Authorization", ""))
    if match:
        return Signed(
            signature=match["signature"],
            scope=match["scope"],
            headers=tuple(match["headers"].split(";")),
            date=headers.get("X-Amz-Date", ""),
        )
    values = {name: unquote(value) for name, _, value in (pair.partition("=") for pair in query.split("&"))}
    if "X-Amz-Signature" in values:
        date = values["X-Amz-Date"]
        signed_at = datetime.strptime(date, _DATE).replace(tzinfo=UTC)
        return Signed(
            signature=values["X-Amz-Signature"],
            expires=signed_at + timedelta(seconds=int(values["X-Amz-Expires"])),
            scope=values["X-Amz-Credential"].partition("/")[2],
            headers=tuple(values["X-Amz-SignedHeaders"].split(";")),
            date=date,
        )
    if "AWSAccessKeyId" in values:
        expires = datetime.fromtimestamp(int(values["Expires"]), UTC)
        return Signed(signature=values["Signature"], expires=expires)
    return None


def matches(
    signed: Signed, secret: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> bool:
    """Whether the signature is that of secret over this request; path and query as they were sent."""
    if signed.expires and not signed.scope:
        own = _version_2(signed.expires, secret, method, path, query, headers)
        return hmac.compare_digest(own, signed.signature)
    service = signed.scope.split("/")[2]
    # Everybody but S3 encodes the path once more.
    path = path if service == "s3" else quote(normalize_url_path(path), safe="/~")
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&") if pair)
    canonical = "\n".join(
        [
            method,
            path or "/",
            "&".join(f"{name}={value}" for name, value in pairs if name != "X-Amz-Signature"),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed.headers),
            "",
            ";".join(signed.headers),
            _payload(signed, headers, body),
        ]
    )
    to_sign = "\n".join([ALGORITHM, signed.date, signed.scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in signed.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), signed.signature)


class _Version2(HmacV1Auth):
    """In a presigned URL, the time at which it ends stands where the date would."""

    def __init__(self, secret: str, expires: datetime) -> None:
        super().__init__(Credentials("", secret))
        self._expires = expires

    def _get_date(self) -> str:
        return str(int(self._expires.timestamp()))


def _version_2(expires: datetime, secret: str, method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    counted = ("x-amz-", "content-md5", "content-type")
    relevant = HTTPHeaders.from_pairs([pair for pair in headers.items() if pair[0].lower().startswith(counted)])
    return _Version2(secret, expires).get_signature(method, urlsplit(f"https://lab{path}?{query}"), relevant)


def _payload(signed: Signed, headers: Mapping[str, str], body: bytes) -> str:
    """The hash of the body that was signed; a body of another hash than its header says is not what was signed."""
    own = hashlib.sha256(body).hexdigest()
    named = headers.get("X-Amz-Content-SHA256")
    if named is None:
        is_presigned = signed.expires is not None and signed.scope.split("/")[2] == "s3"
        return UNSIGNED if is_presigned else own
    return own if re.fullmatch(r"[0-9a-f]{64}", named) else named
