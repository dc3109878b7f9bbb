# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: which calls are made once more, by whom, and when it is better to look first.
#
# A call that fails in passing is repeated by botocore (five times in some seconds), then by AWSRetry (for minutes, with
# jitter). Two things must not be repeated blindly. A call that makes another resource each time it is made, and whose
# answer is lost: is_unrepeatable() knows them, and botocore is kept from repeating them. And a call that was carried
# out although its answer was lost, and says, repeated, that there is such a resource already: SETTLED_CODES. In both
# cases a module looks again at what there is and goes on from there, as a new run would (run_module in _modules.py).

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry as _AmazonAWSRetry

# AnsibleAWSModule says clearly that it is missing, before any call is made.
with suppress(ImportError):
    import botocore.exceptions

if TYPE_CHECKING:
    from typing import Any

THROTTLING_CODES = frozenset(
    [
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    ]
)

# AWS's own failures, under all the names that its services have for them. S3's HEAD has no body, only a status.
SERVICE_CODES = frozenset(
    [
        "500",
        "503",
        "InternalError",
        "InternalErrorException",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "ServiceFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    ]
)

# What a repeated call says of its own first attempt, and a call that comes too late of what another run has done.
SETTLED_CODES = frozenset(
    [
        # EC2
        "Gateway.NotAttached",
        "IncorrectState",
        "InvalidAssociationID.NotFound",
        "InvalidGroup.Duplicate",
        "InvalidKeyPair.Duplicate",
        "InvalidPermission.Duplicate",
        "InvalidPermission.NotFound",
        "InvalidRoute.NotFound",
        "InvalidSubnet.Conflict",
        "Resource.AlreadyAssociated",
        "RouteAlreadyExists",
        "VolumeInUse",
        # IAM; an instance profile that has its role already says LimitExceeded
        "EntityAlreadyExists",
        "LimitExceeded",
        # CloudFront
        "FunctionAlreadyExists",
        "InvalidIfMatchVersion",
        "OriginAccessControlAlreadyExists",
        "OriginAccessIdentityAlreadyExists",
        "PreconditionFailed",
        # others
        "DuplicateRecordException",
        "HealthCheckAlreadyExists",
        "HostedZoneAlreadyExists",
        "InvalidChangeBatch",
        "ResourceAlreadyExistsException",
        "ResourceExistsException",
    ]
)

# Where an error's response says which operation it answers.
OPERATION_KEY = "OperationName"

# They make another resource each time, and take neither a name that must be unique nor a token.
UNREPEATABLE = {
    "ec2": ("AllocateAddress", "CreateInternetGateway", "CreateSnapshot", "CreateVpc"),
}


class AWSRetry(_AmazonAWSRetry):
    """amazon.aws's decorators, for all names that AWS has for being throttled and for failing."""

    @staticmethod
    def found(response_code: str, catch_extra_error_codes: Any = None) -> bool:
        return (
            response_code in THROTTLING_CODES
            or response_code in SERVICE_CODES
            or _AmazonAWSRetry.found(response_code, catch_extra_error_codes)
        )


class LostAnswerError(Exception):
    """A call was sent, and whether it was carried out is not known."""

    def __init__(self, operation_name: str, reason: str) -> None:
        super().__init__(f"{reason} ({operation_name} was sent, and may have been carried out)")
        self.operation_name = operation_name


def watch_retries(client: Any) -> None:
    """Have each error of a client's connection say which operation it was, and the unrepeatable ones not repeated."""
    meta = getattr(client, "meta", None)
    if not hasattr(meta, "service_model"):
        return
    service = meta.service_model.service_id.hyphenize()
    meta.events.register_first(f"needs-retry.{service}", _name_operation)
    for operation in UNREPEATABLE.get(meta.service_model.service_name, ()):
        meta.events.register_first(f"needs-retry.{service}.{operation}", _refuse_to_repeat)


def _name_operation(
    operation: Any,
    response: tuple[Any, dict[str, Any]] | None = None,
    caught_exception: Exception | None = None,
    **_kwargs: Any,
) -> None:
    if caught_exception is not None:
        caught_exception.operation_name = operation.name
    elif response is not None and "Error" in response[1]:
        # A waiter passes on the response alone.
        response[1].setdefault("ResponseMetadata", {})[OPERATION_KEY] = operation.name


def _refuse_to_repeat(
    operation: Any,
    response: tuple[Any, dict[str, Any]] | None = None,
    caught_exception: Exception | None = None,
    **_kwargs: Any,
) -> None:
    # What never reached AWS may be sent again; botocore does.
    unsent = (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError)
    if caught_exception is not None and not isinstance(caught_exception, unsent):
        raise LostAnswerError(operation.name, str(caught_exception)) from caught_exception
    if response is not None and response[0].status_code >= 500:
        error = response[1].get("Error", {})
        if error.get("Code") not in THROTTLING_CODES:
            raise LostAnswerError(operation.name, f"{error.get('Code')}: {error.get('Message')}")


def is_worth_another_look(error: AnsibleAWSError) -> bool:
    """Whether what was to be done may have been done already."""
    if isinstance(error.exception, LostAnswerError):
        return True
    response = getattr(error.exception, "response", None) or {}
    return response.get("Error", {}).get("Code") in SETTLED_CODES
