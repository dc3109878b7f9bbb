# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to EC2 that several modules make, and those of a host.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import AnsibleEC2Error
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_specifications
from ansible_collections.amazon.aws.plugins.module_utils.waiter import custom_waiter_config

from ansible_collections.slipway.aws.plugins.module_utils._ec2.errors import NOT_YET_VISIBLE
from ansible_collections.slipway.aws.plugins.module_utils._ec2.errors import EC2ErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._ec2.waiters import EC2WaiterFactory
from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any

PROFILE_NOT_VISIBLE = "ProfileNotYetVisible"


class _ProfileRetry(AWSRetry):
    """Tells an instance profile that EC2 does not see yet from other invalid parameters: the code is the same."""

    @staticmethod
    def status_code_from_exception(error: Any) -> str:
        if "Invalid IAM Instance Profile" in error.response["Error"].get("Message", ""):
            return PROFILE_NOT_VISIBLE
        return AWSRetry.status_code_from_exception(error)


retry = AWSRetry.jittered_backoff()
retry_until_visible = AWSRetry.jittered_backoff(catch_extra_error_codes=NOT_YET_VISIBLE)
retry_until_profile_visible = _ProfileRetry.jittered_backoff(
    max_delay=15, catch_extra_error_codes=[*NOT_YET_VISIBLE, PROFILE_NOT_VISIBLE]
)


@EC2ErrorHandler.list_error_handler("list managed prefix lists", [])
@retry
def list_managed_prefix_lists(client: Any, **query: Any) -> list[dict[str, Any]]:
    return client.get_paginator("describe_managed_prefix_lists").paginate(**query).build_full_result()["PrefixLists"]


@EC2ErrorHandler.list_error_handler("list the entries of managed prefix list {prefix_list_id}", [])
@retry
def list_managed_prefix_list_entries(client: Any, prefix_list_id: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("get_managed_prefix_list_entries")
    return paginator.paginate(PrefixListId=prefix_list_id).build_full_result()["Entries"]


def _filters(filters: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": value if isinstance(value, list) else [value]} for name, value in filters.items()]


# --- reads -----------------------------------------------------------------------------------------------------


@EC2ErrorHandler.list_error_handler("list instances with {filters}", [])
@retry
def list_instances(client: Any, filters: dict[str, Any]) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_instances")
    reservations = paginator.paginate(Filters=_filters(filters)).build_full_result()["Reservations"]
    return [instance for reservation in reservations for instance in reservation["Instances"]]


@EC2ErrorHandler.list_error_handler("list Elastic IP addresses with {filters}", [])
@retry
def list_addresses(client: Any, filters: dict[str, Any]) -> list[dict[str, Any]]:
    return client.describe_addresses(Filters=_filters(filters))["Addresses"]


@EC2ErrorHandler.list_error_handler("list volumes with {filters}", [])
@retry
def list_volumes(client: Any, filters: dict[str, Any]) -> list[dict[str, Any]]:
    return client.get_paginator("describe_volumes").paginate(Filters=_filters(filters)).build_full_result()["Volumes"]


@EC2ErrorHandler.list_error_handler("list snapshots with {filters}", [])
@retry
def list_snapshots(client: Any, filters: dict[str, Any]) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_snapshots")
    return paginator.paginate(OwnerIds=["self"], Filters=_filters(filters)).build_full_result()["Snapshots"]


@EC2ErrorHandler.list_error_handler("read key pair {name}", [])
@retry
def list_key_pairs(client: Any, name: str) -> list[dict[str, Any]]:
    return client.describe_key_pairs(KeyNames=[name], IncludePublicKey=True)["KeyPairs"]


@EC2ErrorHandler.list_error_handler("list security groups {group_ids}", [])
@retry
def list_security_groups(client: Any, group_ids: list[str]) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_security_groups")
    return paginator.paginate(Filters=_filters({"group-id": group_ids})).build_full_result()["SecurityGroups"]


@EC2ErrorHandler.list_error_handler("read subnet {subnet_id}")
@retry
def get_subnet(client: Any, subnet_id: str) -> dict[str, Any]:
    return client.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]


@EC2ErrorHandler.common_error_handler("read instance type {instance_type}")
@retry
def get_instance_type(client: Any, instance_type: str) -> dict[str, Any]:
    return client.describe_instance_types(InstanceTypes=[instance_type])["InstanceTypes"][0]


@EC2ErrorHandler.list_error_handler("read image {image_id}", [])
@retry
def list_images(client: Any, image_id: str) -> list[dict[str, Any]]:
    return client.describe_images(ImageIds=[image_id])["Images"]


@EC2ErrorHandler.common_error_handler("read whether instance {instance_id} is protected from termination")
@retry
def get_termination_protection(client: Any, instance_id: str) -> bool:
    answer = client.describe_instance_attribute(InstanceId=instance_id, Attribute="disableApiTermination")
    return answer["DisableApiTermination"]["Value"]


@EC2ErrorHandler.list_error_handler("list the instance profile associations of instance {instance_id}", [])
@retry
def list_profile_associations(client: Any, instance_id: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("describe_iam_instance_profile_associations")
    filters = _filters({"instance-id": instance_id, "state": ["associating", "associated"]})
    return paginator.paginate(Filters=filters).build_full_result()["IamInstanceProfileAssociations"]


# --- key pair --------------------------------------------------------------------------------------------------


@EC2ErrorHandler.common_error_handler("import key pair {name}")
@retry
def import_key_pair(client: Any, name: str, public_key: str, tags: dict[str, str]) -> None:
    specifications = boto3_tag_specifications(tags, types="key-pair")
    client.import_key_pair(KeyName=name, PublicKeyMaterial=public_key.encode(), TagSpecifications=specifications)


@EC2ErrorHandler.deletion_error_handler("delete key pair {name}")
@retry
def delete_key_pair(client: Any, name: str) -> None:
    client.delete_key_pair(KeyName=name)


# --- instance --------------------------------------------------------------------------------------------------


@EC2ErrorHandler.common_error_handler("launch an instance")
@retry_until_profile_visible
def run_instance(client: Any, request: dict[str, Any]) -> dict[str, Any]:
    return client.run_instances(**request)["Instances"][0]


@EC2ErrorHandler.common_error_handler("start instance {instance_id}")
@retry_until_visible
def start_instance(client: Any, instance_id: str) -> None:
    client.start_instances(InstanceIds=[instance_id])


@EC2ErrorHandler.common_error_handler("stop instance {instance_id}")
@retry_until_visible
def stop_instance(client: Any, instance_id: str) -> None:
    client.stop_instances(InstanceIds=[instance_id])


@EC2ErrorHandler.deletion_error_handler("terminate instance {instance_id}")
@retry
def terminate_instance(client: Any, instance_id: str) -> None:
    client.terminate_instances(InstanceIds=[instance_id])


@EC2ErrorHandler.common_error_handler("change instance {instance_id} to type {instance_type}")
@retry_until_visible
def modify_instance_type(client: Any, instance_id: str, instance_type: str) -> None:
    client.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": instance_type})


@EC2ErrorHandler.common_error_handler("set the security groups of instance {instance_id} to {group_ids}")
@retry_until_visible
def modify_security_groups(client: Any, instance_id: str, group_ids: list[str]) -> None:
    client.modify_instance_attribute(InstanceId=instance_id, Groups=group_ids)


@EC2ErrorHandler.common_error_handler("set termination protection of instance {instance_id} to {value}")
@retry_until_visible
def modify_termination_protection(client: Any, instance_id: str, value: bool) -> None:
    client.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": value})


@EC2ErrorHandler.common_error_handler("set the metadata options of instance {instance_id}")
@retry_until_visible
def modify_metadata_options(client: Any, instance_id: str, hop_limit: int) -> None:
    client.modify_instance_metadata_options(
        InstanceId=instance_id, HttpEndpoint="enabled", HttpTokens="required", HttpPutResponseHopLimit=hop_limit
    )


@EC2ErrorHandler.common_error_handler("give instance profile {profile} to instance {instance_id}")
@retry_until_profile_visible
def associate_profile(client: Any, instance_id: str, profile: str) -> None:
    client.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile={"Name": profile})


@EC2ErrorHandler.common_error_handler("replace instance profile association {association_id} by {profile}")
@retry_until_profile_visible
def replace_profile(client: Any, association_id: str, profile: str) -> None:
    client.replace_iam_instance_profile_association(AssociationId=association_id, IamInstanceProfile={"Name": profile})


@EC2ErrorHandler.deletion_error_handler("remove instance profile association {association_id}")
@retry
def disassociate_profile(client: Any, association_id: str) -> None:
    client.disassociate_iam_instance_profile(AssociationId=association_id)


# --- Elastic IP ------------------------------------------------------------------------------------------------


@EC2ErrorHandler.common_error_handler("allocate an Elastic IP address for host {tags[Name]}")
@retry
def allocate_address(client: Any, tags: dict[str, str]) -> str:
    specifications = boto3_tag_specifications(tags, types="elastic-ip")
    return client.allocate_address(Domain="vpc", TagSpecifications=specifications)["AllocationId"]


@EC2ErrorHandler.common_error_handler("associate Elastic IP address {allocation_id} with instance {instance_id}")
@retry_until_visible
def associate_address(client: Any, allocation_id: str, instance_id: str) -> None:
    client.associate_address(AllocationId=allocation_id, InstanceId=instance_id, AllowReassociation=True)


@EC2ErrorHandler.deletion_error_handler("disassociate Elastic IP address by {association_id}")
@retry
def disassociate_address(client: Any, association_id: str) -> None:
    client.disassociate_address(AssociationId=association_id)


@EC2ErrorHandler.deletion_error_handler("release Elastic IP address {allocation_id}")
@retry
def release_address(client: Any, allocation_id: str) -> None:
    client.release_address(AllocationId=allocation_id)


# --- volumes and snapshots -------------------------------------------------------------------------------------


@EC2ErrorHandler.common_error_handler("create volume {tags[Name]}")
@retry
def create_volume(client: Any, request: dict[str, Any], tags: dict[str, str]) -> str:
    return client.create_volume(**request, TagSpecifications=boto3_tag_specifications(tags, types="volume"))["VolumeId"]


@EC2ErrorHandler.common_error_handler("attach volume {volume_id} to instance {instance_id} as {device}")
@retry_until_visible
def attach_volume(client: Any, volume_id: str, instance_id: str, device: str) -> None:
    client.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device=device)


@EC2ErrorHandler.common_error_handler("modify volume {volume_id} to {request}")
@retry
def modify_volume(client: Any, volume_id: str, request: dict[str, Any]) -> None:
    try:
        client.modify_volume(VolumeId=volume_id, **request)
    except is_boto3_error_code("IncorrectModificationState"):
        # A run that was interrupted has asked for it already; who calls waits for the end.
        return


@EC2ErrorHandler.deletion_error_handler("delete volume {volume_id}")
@retry
def delete_volume(client: Any, volume_id: str) -> None:
    client.delete_volume(VolumeId=volume_id)


@EC2ErrorHandler.common_error_handler("create a snapshot of volume {volume_id}")
@retry
def create_snapshot(client: Any, volume_id: str, description: str, tags: dict[str, str]) -> str:
    specifications = boto3_tag_specifications(tags, types="snapshot")
    answer = client.create_snapshot(VolumeId=volume_id, Description=description, TagSpecifications=specifications)
    return answer["SnapshotId"]


# --- tags ------------------------------------------------------------------------------------------------------


@EC2ErrorHandler.common_error_handler("tag {resource_id}")
@retry_until_visible
def create_tags(client: Any, resource_id: str, tags: dict[str, str]) -> None:
    client.create_tags(Resources=[resource_id], Tags=ansible_dict_to_boto3_tag_list(tags))


@EC2ErrorHandler.common_error_handler("remove tags {keys} from {resource_id}")
@retry_until_visible
def delete_tags(client: Any, resource_id: str, keys: list[str]) -> None:
    client.delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in keys])


# --- SSM -------------------------------------------------------------------------------------------------------


class SSMErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleEC2Error
    _SERVICE = "ssm"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("ParameterNotFound")


@SSMErrorHandler.list_error_handler("read SSM parameter {name}")
@retry
def get_parameter(client: Any, name: str) -> str:
    return client.get_parameter(Name=name)["Parameter"]["Value"]


# --- waits -----------------------------------------------------------------------------------------------------


@EC2ErrorHandler.common_error_handler("see {what}")
def wait_for(client: Any, what: str, waiter: str, timeout: int, query: dict[str, Any]) -> None:
    """Wait with a waiter of botocore."""
    client.get_waiter(waiter).wait(**query, WaiterConfig=custom_waiter_config(timeout, default_pause=3))


@EC2ErrorHandler.common_error_handler("see {what}")
def wait_for_own(client: Any, what: str, waiter: str, timeout: int, query: dict[str, Any], public_ip: str = "") -> None:
    """Wait with a waiter of this collection."""
    own = EC2WaiterFactory(public_ip).get_waiter(client, waiter)
    own.wait(**query, WaiterConfig=custom_waiter_config(timeout, default_pause=3))
