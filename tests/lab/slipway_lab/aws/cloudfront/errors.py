# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# CloudFront's errors, by the codes of its service model (which gives each its HTTP status).

from __future__ import annotations


class CloudFrontError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def invalid_argument(message: str) -> CloudFrontError:
    return CloudFrontError("InvalidArgument", message)


def check_version(if_match: str | None, etag: str) -> None:
    """Refuse a change that does not say which version of the resource it is meant for, or says an older one."""
    if not if_match:
        raise CloudFrontError("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.")
    if if_match.strip('"') not in (etag, "*"):
        raise CloudFrontError(
            "PreconditionFailed",
            "The request failed because it didn't meet the preconditions in one or more request-header fields.",
        )
