# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory
from ansible_collections.amazon.aws.plugins.module_utils.waiter import custom_waiter_config

from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.api import CloudFrontErrorHandler

if TYPE_CHECKING:
    from typing import Any


class CloudFrontWaiterFactory(BaseWaiterFactory):
    @property
    def _waiter_model_data(self) -> dict[str, Any]:
        return {
            "distribution_deployed": {
                "operation": "GetDistribution",
                "delay": 5,
                "maxAttempts": 360,
                "acceptors": [
                    {
                        "state": "success",
                        "matcher": "path",
                        "argument": "Distribution.Status",
                        "expected": "Deployed",
                    },
                    # It will not come back; the waiter that boto3 has would go on asking.
                    {"state": "failure", "matcher": "error", "expected": "NoSuchDistribution"},
                ],
            },
        }


waiter_factory = CloudFrontWaiterFactory()


@CloudFrontErrorHandler.common_error_handler(
    "wait until distribution {identifier} is deployed everywhere (for up to {timeout} s; running again goes on waiting)"
)
def wait_until_deployed(client: Any, identifier: str, timeout: int) -> None:
    waiter = waiter_factory.get_waiter(client, "distribution_deployed")
    waiter.wait(Id=identifier, WaiterConfig=custom_waiter_config(timeout, default_pause=5))
