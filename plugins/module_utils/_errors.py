# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the base of every service's error handler.

from __future__ import annotations

import functools
import inspect
from contextlib import suppress
from typing import TYPE_CHECKING

# AnsibleAWSModule says clearly that it is missing, before any call is made.
with suppress(ImportError):
    import botocore

from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler as _AmazonAWSErrorHandler

from ansible_collections.slipway.aws.plugins.module_utils._retries import OPERATION_KEY
from ansible_collections.slipway.aws.plugins.module_utils._retries import SERVICE_CODES
from ansible_collections.slipway.aws.plugins.module_utils._retries import THROTTLING_CODES
from ansible_collections.slipway.aws.plugins.module_utils._retries import LostAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DENIED_CODES = frozenset(
    [
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "Client.UnauthorizedOperation",
        "UnauthorizedOperation",
        "403",  # S3's answer to HEAD, which has no body
    ]
)

# Where a permission is not named as its operation is.
PERMISSIONS = {
    ("budgets", "CreateBudget"): "ModifyBudget",
    ("budgets", "CreateNotification"): "ModifyBudget",
    ("budgets", "CreateSubscriber"): "ModifyBudget",
    ("budgets", "DeleteBudget"): "ModifyBudget",
    ("budgets", "DeleteNotification"): "ModifyBudget",
    ("budgets", "DeleteSubscriber"): "ModifyBudget",
    ("budgets", "DescribeBudget"): "ViewBudget",
    ("budgets", "DescribeNotificationsForBudget"): "ViewBudget",
    ("budgets", "DescribeSubscribersForNotification"): "ViewBudget",
    ("budgets", "UpdateBudget"): "ModifyBudget",
    ("budgets", "UpdateNotification"): "ModifyBudget",
    ("budgets", "UpdateSubscriber"): "ModifyBudget",
    ("cloudfront", "CreateDistributionWithTags"): "CreateDistribution",
    ("s3", "CopyObject"): "PutObject",
    ("s3", "DeleteBucketCors"): "PutBucketCORS",
    ("s3", "DeleteBucketLifecycle"): "PutLifecycleConfiguration",
    ("s3", "DeleteBucketTagging"): "PutBucketTagging",
    ("s3", "DeleteObjects"): "DeleteObject",
    ("s3", "GetBucketCors"): "GetBucketCORS",
    ("s3", "GetBucketEncryption"): "GetEncryptionConfiguration",
    ("s3", "GetBucketLifecycleConfiguration"): "GetLifecycleConfiguration",
    ("s3", "GetPublicAccessBlock"): "GetBucketPublicAccessBlock",
    ("s3", "HeadBucket"): "ListBucket",
    ("s3", "HeadObject"): "GetObject",
    ("s3", "ListObjectVersions"): "ListBucketVersions",
    ("s3", "ListObjectsV2"): "ListBucket",
    ("s3", "PutBucketCors"): "PutBucketCORS",
    ("s3", "PutBucketEncryption"): "PutEncryptionConfiguration",
    ("s3", "PutBucketLifecycleConfiguration"): "PutLifecycleConfiguration",
    ("s3", "PutPublicAccessBlock"): "PutBucketPublicAccessBlock",
}


def build_failure_message(description: str, service: str, error: Exception) -> str:
    """What was being done, and what to do next: which permission to ask for, or whether to run again at once."""
    failed = f"Failed to {description}"
    response = getattr(error, "response", None) or {}
    code = response.get("Error", {}).get("Code")
    operation = getattr(error, "operation_name", "*")
    if code in DENIED_CODES:
        permission = PERMISSIONS.get((service, operation), operation)
        return f"{failed}. Allow {service}:{permission} to the identity that makes this call, then run again"
    if code in THROTTLING_CODES:
        return (
            f"{failed}. AWS goes on refusing {service}:{operation}, because too many such calls come from this "
            "account. Wait a minute, then run again; what is done stays done"
        )
    if code in SERVICE_CODES:
        return f"{failed}. AWS itself goes on failing at {service}:{operation}. Run again; what is done stays done"
    if not response and (isinstance(error, LostAnswerError) or _is_of_connection(error)):
        return (
            f"{failed}. No answer came to {service}:{operation}. If other programs reach AWS, run again; what is done "
            "stays done, and is found"
        )
    if code and str(code).lower().endswith(("notfound", "nosuchentity", "notfoundexception")):
        return f"{failed}. If it was made a moment ago, AWS may not know it everywhere yet: run again"
    return failed


def build_wait_message(description: str, service: str, error: Any) -> str:
    """What was waited for, and what to do next: a wait ends because it was long, or because one of its calls failed."""
    last = error.last_response if isinstance(error.last_response, dict) else {}
    if "Max attempts" in str(error):
        return f"Timeout trying to {description}. Run again to go on waiting"
    if "Error" in last:
        operation = last.get("ResponseMetadata", {}).get(OPERATION_KEY, "*")
        return build_failure_message(description, service, botocore.exceptions.ClientError(last, operation))
    return f"Timeout trying to {description}"


def _is_of_connection(error: Exception) -> bool:
    return isinstance(error, botocore.exceptions.HTTPClientError)


class AWSErrorHandler(_AmazonAWSErrorHandler):
    """amazon.aws's decorators; messages name the parameters of the call and the missing permission.

    Descriptions are verb phrases that may hold placeholders: "create subnet {name}". amazon.aws fills them in only
    since https://github.com/ansible-collections/amazon.aws/pull/2944 (11.x), and 10.0 is supported here; when it
    no longer is, the formatting can go.
    """

    # As permissions name it; if not set, the service that the call's client is of.
    _SERVICE = ""

    @classmethod
    def common_error_handler(cls, description: str) -> Callable:
        def wrapper(func: Callable) -> Callable:
            signature = inspect.signature(inspect.unwrap(func))

            @functools.wraps(func)
            def handler(*args: Any, **kwargs: Any) -> Any:
                try:
                    return func(*args, **kwargs)
                except botocore.exceptions.WaiterError as error:
                    doing = _describe(description, signature, args, kwargs)
                    message = build_wait_message(doing, cls._service_of(args), error)
                    raise cls._CUSTOM_EXCEPTION(message=message, exception=error) from error
                except (
                    botocore.exceptions.ClientError,
                    botocore.exceptions.BotoCoreError,
                    LostAnswerError,
                ) as error:
                    doing = _describe(description, signature, args, kwargs)
                    message = build_failure_message(doing, cls._service_of(args), error)
                    raise cls._CUSTOM_EXCEPTION(message=message, exception=error) from error

            return handler

        return wrapper

    @classmethod
    def _service_of(cls, args: tuple) -> str:
        return cls._SERVICE or args[0].meta.service_model.signing_name

    # The next two are amazon.aws's, but its 10.x hides the parameters' names from common_error_handler.
    @classmethod
    def list_error_handler(cls, description: str, default_value: Any = None) -> Callable:
        return cls._missing_handler(description, default_value)

    @classmethod
    def deletion_error_handler(cls, description: str) -> Callable:
        return cls._missing_handler(description, False)

    @classmethod
    def _missing_handler(cls, description: str, value: Any) -> Callable:
        def wrapper(func: Callable) -> Callable:
            @cls.common_error_handler(description)
            @functools.wraps(func)
            def handler(*args: Any, **kwargs: Any) -> Any:
                try:
                    return func(*args, **kwargs)
                except cls._is_missing():
                    return value

            return handler

        return wrapper


def _describe(description: str, signature: inspect.Signature, args: tuple, kwargs: dict[str, Any]) -> str:
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return description.format(**bound.arguments)
