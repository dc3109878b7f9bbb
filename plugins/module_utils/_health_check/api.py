# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to Route 53 that a health check is made of.

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

retry = AWSRetry.jittered_backoff(catch_extra_error_codes=["PriorRequestNotComplete"])


class AnsibleHealthCheckError(AnsibleAWSError):
    pass


class HealthCheckErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleHealthCheckError
    _SERVICE = "route53"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("NoSuchHealthCheck")


@HealthCheckErrorHandler.common_error_handler("list health checks")
@retry
def list_health_checks(client: Any) -> list[dict[str, Any]]:
    return client.get_paginator("list_health_checks").paginate().build_full_result()["HealthChecks"]


@HealthCheckErrorHandler.list_error_handler("read the tags of health check {check_id}", {})
@retry
def get_tags(client: Any, check_id: str) -> dict[str, str]:
    answer = client.list_tags_for_resource(ResourceType="healthcheck", ResourceId=check_id)
    return boto3_tag_list_to_ansible_dict(answer["ResourceTagSet"]["Tags"])


@HealthCheckErrorHandler.common_error_handler("create health check {reference}")
@retry
def create_health_check(client: Any, reference: str, config: dict[str, Any]) -> str:
    return client.create_health_check(CallerReference=reference, HealthCheckConfig=config)["HealthCheck"]["Id"]


@HealthCheckErrorHandler.common_error_handler("update health check {check_id}")
@retry
def update_health_check(client: Any, check_id: str, changes: dict[str, Any]) -> None:
    client.update_health_check(HealthCheckId=check_id, **changes)


@HealthCheckErrorHandler.common_error_handler("change the tags of health check {check_id}")
@retry
def change_tags(client: Any, check_id: str, to_set: dict[str, str], to_remove: list[str]) -> None:
    changes: dict[str, Any] = {}
    if to_set:
        changes["AddTags"] = ansible_dict_to_boto3_tag_list(to_set)
    if to_remove:
        changes["RemoveTagKeys"] = to_remove
    client.change_tags_for_resource(ResourceType="healthcheck", ResourceId=check_id, **changes)


@HealthCheckErrorHandler.deletion_error_handler("delete health check {check_id}")
@retry
def delete_health_check(client: Any, check_id: str) -> None:
    client.delete_health_check(HealthCheckId=check_id)
