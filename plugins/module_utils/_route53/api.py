# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to Route 53.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.amazon.aws.plugins.module_utils.waiter import custom_waiter_config

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry
from ansible_collections.slipway.aws.plugins.module_utils._route53.names import canonical_name

if TYPE_CHECKING:
    from typing import Any

# https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListTagsForResources.html
TAG_BATCH = 10

# Another change of the same zone is under way: Route 53 refuses until it is done.
retry = AWSRetry.jittered_backoff(catch_extra_error_codes=["PriorRequestNotComplete"])


class AnsibleRoute53Error(AnsibleAWSError):
    pass


class Route53ErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleRoute53Error
    _SERVICE = "route53"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("NoSuchHostedZone")


def short_id(identifier: str) -> str:
    """Z123 of /hostedzone/Z123."""
    return identifier.rsplit("/", 1)[-1]


@Route53ErrorHandler.common_error_handler("list the hosted zones named {name}")
@retry
def list_zones_by_name(client: Any, name: str) -> list[dict[str, Any]]:
    """All hosted zones, public and private, of exactly this name (canonical)."""
    zones: list[dict[str, Any]] = []
    query = {"DNSName": name}
    while True:
        page = client.list_hosted_zones_by_name(**query)
        for zone in page["HostedZones"]:
            if canonical_name(zone["Name"]) != name:
                return zones
            zones.append(zone)
        if not page.get("IsTruncated"):
            return zones
        query = {"DNSName": page["NextDNSName"], "HostedZoneId": page["NextHostedZoneId"]}


@Route53ErrorHandler.common_error_handler("list hosted zones")
@retry
def list_zones(client: Any) -> list[dict[str, Any]]:
    return client.get_paginator("list_hosted_zones").paginate().build_full_result()["HostedZones"]


@Route53ErrorHandler.list_error_handler("read hosted zone {zone_id}")
@retry
def get_zone(client: Any, zone_id: str) -> dict[str, Any] | None:
    """The answer to GetHostedZone: HostedZone, and DelegationSet (public zones) or VPCs (private ones)."""
    return client.get_hosted_zone(Id=zone_id)


@Route53ErrorHandler.common_error_handler("create hosted zone {name}")
@retry
def create_zone(client: Any, name: str, caller_reference: str, comment: str) -> dict[str, Any] | None:
    """The answer to CreateHostedZone; None if the caller reference has been used."""
    try:
        return client.create_hosted_zone(
            Name=name, CallerReference=caller_reference, HostedZoneConfig={"Comment": comment, "PrivateZone": False}
        )
    except is_boto3_error_code("HostedZoneAlreadyExists"):
        return None


@Route53ErrorHandler.common_error_handler("update the comment of hosted zone {zone_id}")
@retry
def update_comment(client: Any, zone_id: str, comment: str) -> None:
    client.update_hosted_zone_comment(Id=zone_id, Comment=comment)


@Route53ErrorHandler.deletion_error_handler("delete hosted zone {zone_id}")
@retry
def delete_zone(client: Any, zone_id: str) -> None:
    client.delete_hosted_zone(Id=zone_id)


@Route53ErrorHandler.list_error_handler("read the tags of hosted zone {zone_id}", {})
@retry
def get_tags(client: Any, zone_id: str) -> dict[str, str]:
    answer = client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id)
    return boto3_tag_list_to_ansible_dict(answer["ResourceTagSet"].get("Tags") or [])


def get_tags_of(client: Any, kind: str, identifiers: list[str]) -> dict[str, dict[str, str]]:
    """The tags of many, by their ids; kind is healthcheck or hostedzone."""
    batches = [identifiers[start : start + TAG_BATCH] for start in range(0, len(identifiers), TAG_BATCH)]
    return {identifier: tags for batch in batches for identifier, tags in _get_tags_of(client, kind, batch).items()}


@Route53ErrorHandler.common_error_handler("read the tags of {kind} {identifiers}")
@retry
def _get_tags_of(client: Any, kind: str, identifiers: list[str]) -> dict[str, dict[str, str]]:
    found = client.list_tags_for_resources(ResourceType=kind, ResourceIds=identifiers)["ResourceTagSets"]
    return {item["ResourceId"]: boto3_tag_list_to_ansible_dict(item.get("Tags") or []) for item in found}


@Route53ErrorHandler.common_error_handler("change the tags of hosted zone {zone_id}")
@retry
def change_tags(client: Any, zone_id: str, to_set: dict[str, str], to_remove: list[str]) -> None:
    request: dict[str, Any] = {}
    if to_set:
        request["AddTags"] = ansible_dict_to_boto3_tag_list(to_set)
    if to_remove:
        request["RemoveTagKeys"] = to_remove
    if request:
        client.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id, **request)


@Route53ErrorHandler.list_error_handler("list the records of hosted zone {zone_id}", [])
@retry
def list_records(client: Any, zone_id: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("list_resource_record_sets")
    return paginator.paginate(HostedZoneId=zone_id).build_full_result()["ResourceRecordSets"]


@Route53ErrorHandler.list_error_handler("list the records of {name} in hosted zone {zone_id}", [])
@retry
def list_records_of(client: Any, zone_id: str, name: str) -> list[dict[str, Any]]:
    """The records of exactly this name (canonical); the zone itself may have ten thousand."""
    records: list[dict[str, Any]] = []
    query = {"StartRecordName": name}
    while True:
        page = client.list_resource_record_sets(HostedZoneId=zone_id, **query)
        for record in page["ResourceRecordSets"]:
            if canonical_name(record["Name"]) != name:
                return records
            records.append(record)
        if not page.get("IsTruncated"):
            return records
        query = {"StartRecordName": page["NextRecordName"], "StartRecordType": page["NextRecordType"]}
        if page.get("NextRecordIdentifier"):
            query["StartRecordIdentifier"] = page["NextRecordIdentifier"]


@Route53ErrorHandler.common_error_handler("change records of hosted zone {zone_id}")
@retry
def change_records(client: Any, zone_id: str, changes: list[dict[str, Any]]) -> str:
    """The id of the change, which becomes INSYNC when all name servers have it. All of it is made, or nothing."""
    answer = client.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})
    return answer["ChangeInfo"]["Id"]


@Route53ErrorHandler.common_error_handler(
    "wait until all name servers have change {change_id} (for up to {timeout} s; the change itself is made)"
)
def wait_until_in_sync(client: Any, change_id: str, timeout: int) -> None:
    waiter = client.get_waiter("resource_record_sets_changed")
    waiter.wait(Id=change_id, WaiterConfig=custom_waiter_config(timeout, default_pause=3))
