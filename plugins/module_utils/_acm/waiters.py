# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection.

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

# AnsibleAWSModule says clearly that it is missing, before any call is made.
with suppress(ImportError):
    from botocore.exceptions import WaiterError

from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory
from ansible_collections.amazon.aws.plugins.module_utils.waiter import custom_waiter_config

from ansible_collections.slipway.aws.plugins.module_utils._acm.api import ACMErrorHandler

if TYPE_CHECKING:
    from typing import Any

_FINAL_FAILURES = ("FAILED", "VALIDATION_TIMED_OUT", "REVOKED", "EXPIRED", "INACTIVE")
_OPTIONS = "(Certificate.DomainValidationOptions || `[]`)"


def _status_is(status: str, state: str) -> dict[str, Any]:
    return {"state": state, "matcher": "path", "argument": "Certificate.Status", "expected": status}


class ACMWaiterFactory(BaseWaiterFactory):
    @property
    def _waiter_model_data(self) -> dict[str, Any]:
        return {
            "certificate_issued": {
                "operation": "DescribeCertificate",
                "delay": 5,
                "maxAttempts": 120,
                "acceptors": [
                    _status_is("ISSUED", "success"),
                    *[_status_is(status, "failure") for status in _FINAL_FAILURES],
                    {"state": "failure", "matcher": "error", "expected": "ResourceNotFoundException"},
                ],
            },
            "certificate_unused": {
                "operation": "DescribeCertificate",
                "delay": 5,
                "maxAttempts": 120,
                "acceptors": [
                    {
                        "state": "success",
                        "matcher": "path",
                        "argument": "length(Certificate.InUseBy || `[]`) == `0`",
                        "expected": True,
                    },
                    {"state": "success", "matcher": "error", "expected": "ResourceNotFoundException"},
                ],
            },
            "validation_records_told": {
                "operation": "DescribeCertificate",
                "delay": 2,
                "maxAttempts": 60,
                "acceptors": [
                    {
                        "state": "success",
                        "matcher": "path",
                        "argument": f"length({_OPTIONS}) > `0` && length({_OPTIONS}[?!ResourceRecord]) == `0`",
                        "expected": True,
                    },
                    # It will never tell them; why, is said by whoever reads it next.
                    *[_status_is(status, "success") for status in _FINAL_FAILURES],
                    # It was requested a moment ago, and may not be seen everywhere.
                    {"state": "retry", "matcher": "error", "expected": "ResourceNotFoundException"},
                ],
            },
        }


waiter_factory = ACMWaiterFactory()


@ACMErrorHandler.common_error_handler("wait until AWS tells which records validate certificate {arn}")
def wait_for_validation_records(client: Any, arn: str) -> None:
    waiter_factory.get_waiter(client, "validation_records_told").wait(CertificateArn=arn)


@ACMErrorHandler.common_error_handler("wait until certificate {arn} is issued")
def wait_until_issued(client: Any, arn: str, timeout: int) -> None:
    """Return when it is issued, or when timeout (seconds) is over, or when it never will be: read it to know."""
    waiter = waiter_factory.get_waiter(client, "certificate_issued")
    try:
        waiter.wait(CertificateArn=arn, WaiterConfig=custom_waiter_config(timeout, default_pause=5))
    except WaiterError as error:
        # A refused call has no certificate in its answer, and is an error of its own.
        if "Certificate" not in (error.last_response or {}):
            raise


@ACMErrorHandler.common_error_handler(
    "wait until nothing uses certificate {arn} any more (for up to {timeout} s; DescribeCertificate names who does)"
)
def wait_until_unused(client: Any, arn: str, timeout: int) -> None:
    waiter = waiter_factory.get_waiter(client, "certificate_unused")
    waiter.wait(CertificateArn=arn, WaiterConfig=custom_waiter_config(timeout, default_pause=5))
