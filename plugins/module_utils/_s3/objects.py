# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what all have in common that read and write S3's objects.

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code

from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

# Of a write with a condition: somebody else wrote the object meanwhile, or removed it.
CONFLICT_CODES = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409")

# The codes of a missing object. HEAD has no body to carry a code, so there the status is the code.
MISSING_CODES = ("NoSuchKey", "404")

# Beside what AWSRetry knows of each service.
retry = AWSRetry.jittered_backoff(
    retries=8, delay=1, max_delay=15, catch_extra_error_codes=["RequestTimeout", "502", "504"]
)


def is_missing_bucket(error: AnsibleAWSError) -> bool:
    return isinstance(error, is_ansible_aws_error_code("NoSuchBucket", error))


def read_time(response: dict[str, Any]) -> datetime:
    """S3's time when it answered: the controller's clock may be wrong."""
    date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(date) if date else datetime.now(timezone.utc)  # noqa: UP017 (not before Python 3.11)


@retry
def delete(client: Any, bucket: str, keys: list[str]) -> list[dict[str, Any]]:
    """Delete up to 1,000 objects; returns what S3 said of those that it did not delete."""
    objects = [{"Key": key} for key in keys]
    return client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
