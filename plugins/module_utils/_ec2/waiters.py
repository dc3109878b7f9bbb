# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the waits for EC2 that botocore has no waiter for.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory

if TYPE_CHECKING:
    from typing import Any


def _all(state: str, expected: str, argument: str) -> dict[str, str]:
    return {"state": state, "matcher": "pathAll", "expected": expected, "argument": argument}


def _any(state: str, expected: str, argument: str) -> dict[str, str]:
    return {"state": state, "matcher": "pathAny", "expected": expected, "argument": argument}


class EC2WaiterFactory(BaseWaiterFactory):
    """Waiters by name; public_ip is the address that instance_has_address waits for."""

    def __init__(self, public_ip: str = "") -> None:
        self.public_ip = public_ip
        super().__init__()

    @property
    def _waiter_model_data(self) -> dict[str, Any]:
        modification = "VolumesModifications[].ModificationState"
        attachment = "Volumes[].Attachments[].State"
        return {
            "volume_modified": {
                "operation": "DescribeVolumesModifications",
                "delay": 5,
                "maxAttempts": 120,
                "acceptors": [
                    # The new size can be used while EC2 still moves data.
                    _all("success", "completed", modification),
                    _all("success", "optimizing", modification),
                    _any("failure", "failed", modification),
                ],
            },
            "volume_attached": {
                "operation": "DescribeVolumes",
                "delay": 2,
                "maxAttempts": 120,
                "acceptors": [_all("success", "attached", attachment)],
            },
            # DescribeInstances tells a new address, and the name that goes with it, some seconds late.
            "instance_has_address": {
                "operation": "DescribeInstances",
                "delay": 2,
                "maxAttempts": 60,
                "acceptors": [_all("success", self.public_ip, "Reservations[].Instances[].PublicIpAddress")],
            },
        }
