# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory

from ansible_collections.slipway.aws.plugins.module_utils._s3.api import S3ErrorHandler

if TYPE_CHECKING:
    from typing import Any


class S3WaiterFactory(BaseWaiterFactory):
    @property
    def _waiter_model_data(self) -> dict[str, Any]:
        return {
            "bucket_exists": {
                "operation": "HeadBucket",
                "delay": 1,
                "maxAttempts": 60,
                "acceptors": [
                    {"state": "success", "matcher": "status", "expected": 200},
                    {"state": "retry", "matcher": "status", "expected": 404},
                    {"state": "failure", "matcher": "status", "expected": 403},
                ],
            },
            "bucket_not_exists": {
                "operation": "HeadBucket",
                "delay": 1,
                "maxAttempts": 60,
                "acceptors": [{"state": "success", "matcher": "status", "expected": 404}],
            },
        }


waiter_factory = S3WaiterFactory()


@S3ErrorHandler.common_error_handler("wait until bucket {bucket} is visible")
def wait_until_bucket_exists(client: Any, bucket: str) -> None:
    waiter_factory.get_waiter(client, "bucket_exists").wait(Bucket=bucket)


@S3ErrorHandler.common_error_handler("wait until bucket {bucket} is gone")
def wait_until_bucket_is_gone(client: Any, bucket: str) -> None:
    waiter_factory.get_waiter(client, "bucket_not_exists").wait(Bucket=bucket)
