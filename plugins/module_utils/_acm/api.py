# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to AWS Certificate Manager.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any

# Without them ListCertificates leaves out all but RSA_1024 and RSA_2048.
KEY_TYPES = [
    "RSA_1024",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "EC_prime256v1",
    "EC_secp384r1",
    "EC_secp521r1",
]

retry = AWSRetry.jittered_backoff()


class AnsibleACMError(AnsibleAWSError):
    pass


class ACMErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleACMError
    _SERVICE = "acm"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("ResourceNotFoundException")


@ACMErrorHandler.common_error_handler("list certificates")
@retry
def list_certificates(client: Any) -> list[dict[str, Any]]:
    paginator = client.get_paginator("list_certificates")
    return paginator.paginate(Includes={"keyTypes": KEY_TYPES}).build_full_result()["CertificateSummaryList"]


@ACMErrorHandler.list_error_handler("read certificate {arn}")
@retry
def describe_certificate(client: Any, arn: str) -> dict[str, Any] | None:
    return client.describe_certificate(CertificateArn=arn)["Certificate"]


@ACMErrorHandler.list_error_handler("read the tags of certificate {arn}", {})
@retry
def get_tags(client: Any, arn: str) -> dict[str, str]:
    return boto3_tag_list_to_ansible_dict(client.list_tags_for_certificate(CertificateArn=arn).get("Tags") or [])


@ACMErrorHandler.common_error_handler("request a certificate for {request[DomainName]}")
@retry
def request_certificate(client: Any, request: dict[str, Any]) -> str:
    return client.request_certificate(**request)["CertificateArn"]


@ACMErrorHandler.common_error_handler("tag certificate {arn}")
@retry
def add_tags(client: Any, arn: str, tags: dict[str, str]) -> None:
    if tags:
        client.add_tags_to_certificate(CertificateArn=arn, Tags=ansible_dict_to_boto3_tag_list(tags))


@ACMErrorHandler.common_error_handler("remove tags from certificate {arn}")
@retry
def remove_tags(client: Any, arn: str, keys: list[str]) -> None:
    if keys:
        client.remove_tags_from_certificate(CertificateArn=arn, Tags=[{"Key": key} for key in keys])


@ACMErrorHandler.deletion_error_handler(
    "delete certificate {arn} (one that a distribution, load balancer or API uses cannot be deleted; services may need "
    "some minutes to let go of it)"
)
@retry
def delete_certificate(client: Any, arn: str) -> None:
    client.delete_certificate(CertificateArn=arn)
