# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the reads for all that belongs to a project that its services' own api.py do not have.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any

retry = AWSRetry.jittered_backoff()

# S3's list of buckets goes on naming for a while what is deleted.
MISSING = ["NoSuchTagSet", "NoSuchBucket"]


class AnsibleProjectError(AnsibleAWSError):
    pass


class ProjectErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleProjectError

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(MISSING)


@ProjectErrorHandler.common_error_handler("list by tag with {operation}")
@retry
def list_ec2(client: Any, operation: str, tags: dict[str, str], filters: dict[str, list[str]]) -> list[dict[str, Any]]:
    """What an EC2 describe operation lists for these tags, pages joined."""
    query = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    query += [{"Name": name, "Values": values} for name, values in filters.items()]
    arguments: dict[str, Any] = {"Filters": query}
    # Without an owner, AWS lists every public snapshot.
    if operation == "describe_snapshots":
        arguments["OwnerIds"] = ["self"]
    if client.can_paginate(operation):
        answer = client.get_paginator(operation).paginate(**arguments).build_full_result()
    else:
        answer = getattr(client, operation)(**arguments)
    return next((value for key, value in answer.items() if isinstance(value, list)), [])


@ProjectErrorHandler.list_error_handler("read the tags of bucket {name}", {})
@retry
def get_bucket_tags(client: Any, name: str) -> dict[str, str]:
    """The bucket's tags; none if it has just been deleted."""
    return boto3_tag_list_to_ansible_dict(client.get_bucket_tagging(Bucket=name)["TagSet"])
