# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to IAM that a runtime role is made of.

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.iam import AnsibleIAMError
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any

WAITER_CONFIG = {"Delay": 2, "MaxAttempts": 60}

retry = AWSRetry.jittered_backoff()
# IAM is eventually consistent: what was made a moment ago may not be there yet for the next call.
retry_until_visible = AWSRetry.jittered_backoff(catch_extra_error_codes=["NoSuchEntity"])


class IAMErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleIAMError
    _SERVICE = "iam"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("NoSuchEntity")


@IAMErrorHandler.list_error_handler("read role {name}")
@retry
def get_role(client: Any, name: str) -> dict[str, Any]:
    return client.get_role(RoleName=name)["Role"]


@IAMErrorHandler.common_error_handler("list roles")
@retry
def list_roles(client: Any) -> list[dict[str, Any]]:
    """All roles, without their tags: IAM's list does not tell them."""
    return client.get_paginator("list_roles").paginate().build_full_result()["Roles"]


@IAMErrorHandler.list_error_handler("read instance profile {name}")
@retry
def get_instance_profile(client: Any, name: str) -> dict[str, Any]:
    return client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]


@IAMErrorHandler.common_error_handler("list instance profiles")
@retry
def list_instance_profiles(client: Any) -> list[dict[str, Any]]:
    """All instance profiles, without their tags."""
    return client.get_paginator("list_instance_profiles").paginate().build_full_result()["InstanceProfiles"]


@IAMErrorHandler.list_error_handler("list the managed policies of role {name}", [])
@retry
def list_attached_policies(client: Any, name: str) -> list[dict[str, str]]:
    paginator = client.get_paginator("list_attached_role_policies")
    return paginator.paginate(RoleName=name).build_full_result()["AttachedPolicies"]


@IAMErrorHandler.list_error_handler("list the inline policies of role {name}", [])
@retry
def list_inline_policies(client: Any, name: str) -> list[str]:
    return client.get_paginator("list_role_policies").paginate(RoleName=name).build_full_result()["PolicyNames"]


@IAMErrorHandler.common_error_handler("read inline policy {policy} of role {name}")
@retry
def get_inline_policy(client: Any, name: str, policy: str) -> dict[str, Any]:
    return client.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]


@IAMErrorHandler.list_error_handler("list the instance profiles of role {name}", [])
@retry
def list_profiles_of_role(client: Any, name: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("list_instance_profiles_for_role")
    return paginator.paginate(RoleName=name).build_full_result()["InstanceProfiles"]


@IAMErrorHandler.list_error_handler("read managed policy {arn}")
@retry
def get_managed_policy(client: Any, arn: str) -> dict[str, Any]:
    return client.get_policy(PolicyArn=arn)["Policy"]


@IAMErrorHandler.list_error_handler("list the managed policies of this account", [])
@retry
def list_own_managed_policies(client: Any) -> list[dict[str, Any]]:
    return client.get_paginator("list_policies").paginate(Scope="Local").build_full_result()["Policies"]


@IAMErrorHandler.common_error_handler("create role {name}")
@retry
def create_role(client: Any, name: str, trust: dict[str, Any], tags: dict[str, str], **settings: Any) -> None:
    client.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(trust),
        Tags=ansible_dict_to_boto3_tag_list(tags),
        **settings,
    )


@IAMErrorHandler.common_error_handler("wait until role {name} exists")
def wait_for_role(client: Any, name: str) -> None:
    client.get_waiter("role_exists").wait(RoleName=name, WaiterConfig=WAITER_CONFIG)


@IAMErrorHandler.common_error_handler("update role {name}")
@retry_until_visible
def update_role(client: Any, name: str, **settings: Any) -> None:
    client.update_role(RoleName=name, **settings)


@IAMErrorHandler.common_error_handler("update the trust policy of role {name}")
@retry_until_visible
def update_trust(client: Any, name: str, trust: dict[str, Any]) -> None:
    client.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))


@IAMErrorHandler.common_error_handler("set the permissions boundary of role {name} to {arn}")
@retry_until_visible
def put_boundary(client: Any, name: str, arn: str) -> None:
    client.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=arn)


@IAMErrorHandler.deletion_error_handler("remove the permissions boundary of role {name}")
@retry
def delete_boundary(client: Any, name: str) -> None:
    client.delete_role_permissions_boundary(RoleName=name)


@IAMErrorHandler.common_error_handler("attach managed policy {arn} to role {name}")
@retry_until_visible
def attach_policy(client: Any, name: str, arn: str) -> None:
    client.attach_role_policy(RoleName=name, PolicyArn=arn)


@IAMErrorHandler.deletion_error_handler("detach managed policy {arn} from role {name}")
@retry
def detach_policy(client: Any, name: str, arn: str) -> None:
    client.detach_role_policy(RoleName=name, PolicyArn=arn)


@IAMErrorHandler.common_error_handler("put inline policy {policy} into role {name}")
@retry_until_visible
def put_policy(client: Any, name: str, policy: str, document: dict[str, Any]) -> None:
    client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


@IAMErrorHandler.deletion_error_handler("delete inline policy {policy} of role {name}")
@retry
def delete_policy(client: Any, name: str, policy: str) -> None:
    client.delete_role_policy(RoleName=name, PolicyName=policy)


@IAMErrorHandler.common_error_handler("tag role {name}")
@retry_until_visible
def tag_role(client: Any, name: str, tags: dict[str, str]) -> None:
    client.tag_role(RoleName=name, Tags=ansible_dict_to_boto3_tag_list(tags))


@IAMErrorHandler.common_error_handler("remove tags {keys} from role {name}")
@retry
def untag_role(client: Any, name: str, keys: list[str]) -> None:
    client.untag_role(RoleName=name, TagKeys=keys)


@IAMErrorHandler.deletion_error_handler("delete role {name}")
@retry
def delete_role(client: Any, name: str) -> None:
    client.delete_role(RoleName=name)


@IAMErrorHandler.common_error_handler("create instance profile {name}")
@retry
def create_profile(client: Any, name: str, path: str, tags: dict[str, str]) -> None:
    client.create_instance_profile(InstanceProfileName=name, Path=path, Tags=ansible_dict_to_boto3_tag_list(tags))


@IAMErrorHandler.common_error_handler("wait until instance profile {name} exists")
def wait_for_profile(client: Any, name: str) -> None:
    client.get_waiter("instance_profile_exists").wait(InstanceProfileName=name, WaiterConfig=WAITER_CONFIG)


@IAMErrorHandler.common_error_handler("add role {role} to instance profile {name}")
@retry_until_visible
def add_role_to_profile(client: Any, name: str, role: str) -> None:
    client.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)


@IAMErrorHandler.deletion_error_handler("remove role {role} from instance profile {name}")
@retry
def remove_role_from_profile(client: Any, name: str, role: str) -> None:
    client.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)


@IAMErrorHandler.common_error_handler("tag instance profile {name}")
@retry_until_visible
def tag_profile(client: Any, name: str, tags: dict[str, str]) -> None:
    client.tag_instance_profile(InstanceProfileName=name, Tags=ansible_dict_to_boto3_tag_list(tags))


@IAMErrorHandler.common_error_handler("remove tags {keys} from instance profile {name}")
@retry
def untag_profile(client: Any, name: str, keys: list[str]) -> None:
    client.untag_instance_profile(InstanceProfileName=name, TagKeys=keys)


@IAMErrorHandler.deletion_error_handler("delete instance profile {name}")
@retry
def delete_profile(client: Any, name: str) -> None:
    client.delete_instance_profile(InstanceProfileName=name)
