# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls that tell what an account has room for, and what is taken there, beside those of
# the services' own api.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

from ansible_collections.slipway.aws.plugins.module_utils._ec2.read import tags_of
from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry
from ansible_collections.slipway.aws.plugins.module_utils._s3.api import get_tags

if TYPE_CHECKING:
    from typing import Any

retry = AWSRetry.jittered_backoff()


class AnsibleAccountError(AnsibleAWSError):
    pass


class AccountErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleAccountError

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(["InvalidInstanceType", "NoSuchResourceException"])


@AccountErrorHandler.common_error_handler("read whether region {region} is enabled")
@retry
def get_region_status(client: Any, region: str) -> str:
    """opt-in-not-required, opted-in or not-opted-in; empty if there is no such region."""
    regions = client.describe_regions(RegionNames=[region], AllRegions=True)["Regions"]
    return next((item.get("OptInStatus", "opted-in") for item in regions if item["RegionName"] == region), "")


@AccountErrorHandler.common_error_handler("list the availability zones")
@retry
def list_zones(client: Any) -> list[str]:
    zones = client.describe_availability_zones(Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}])
    return sorted(zone["ZoneName"] for zone in zones["AvailabilityZones"])


@AccountErrorHandler.list_error_handler("read instance type {instance_type}")
@retry
def get_instance_type(client: Any, instance_type: str) -> dict[str, Any] | None:
    found = client.describe_instance_types(InstanceTypes=[instance_type])["InstanceTypes"]
    return found[0] if found else None


@AccountErrorHandler.common_error_handler("list the zones that have instance type {instance_type}")
@retry
def list_offering_zones(client: Any, instance_type: str) -> list[str]:
    filters = [{"Name": "instance-type", "Values": [instance_type]}]
    paginator = client.get_paginator("describe_instance_type_offerings")
    answer = paginator.paginate(LocationType="availability-zone", Filters=filters).build_full_result()
    return sorted(item["Location"] for item in answer["InstanceTypeOfferings"])


@AccountErrorHandler.common_error_handler("list VPCs")
@retry
def list_vpcs(client: Any) -> list[dict[str, str]]:
    """The tags of each VPC."""
    found = client.get_paginator("describe_vpcs").paginate().build_full_result()["Vpcs"]
    return [tags_of(vpc) for vpc in found]


@AccountErrorHandler.common_error_handler("read how many Elastic IP addresses the account may have")
@retry
def get_address_quota(client: Any) -> int | None:
    attributes = client.describe_account_attributes(AttributeNames=["vpc-max-elastic-ips"])["AccountAttributes"]
    named = [attribute for attribute in attributes if attribute["AttributeName"] == "vpc-max-elastic-ips"]
    values = named[0]["AttributeValues"] if named else []
    return int(values[0]["AttributeValue"]) if values else None


@AccountErrorHandler.list_error_handler("read quota {quota} of {service}")
@retry
def get_quota(client: Any, service: str, quota: str) -> int | None:
    """The quota that applies to the account; None if Service Quotas does not know it."""
    return int(client.get_service_quota(ServiceCode=service, QuotaCode=quota)["Quota"]["Value"])


@AccountErrorHandler.common_error_handler("look up bucket {bucket}")
@retry
def find_bucket(client: Any, bucket: str) -> dict[str, Any]:
    """Whose a bucket name is: nobody's, ours (self), or another account's (other)."""
    try:
        region = client.head_bucket(Bucket=bucket).get("BucketRegion", "")
    except is_boto3_error_code(["404", "NoSuchBucket"]):
        return {"owner": "", "region": "", "tags": {}}
    except is_boto3_error_code(["403", "AccessDenied"]):
        return {"owner": "other", "region": "", "tags": {}}
    return {"owner": "self", "region": region, "tags": get_tags(client, bucket)}
