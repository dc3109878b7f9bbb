# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to EC2 that several modules make, and those of a host.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

from ansible_collections.slipway.aws.plugins.module_utils._ec2.errors import EC2ErrorHandler

if TYPE_CHECKING:
    from typing import Any


@EC2ErrorHandler.list_error_handler("list managed prefix lists", [])
@AWSRetry.jittered_backoff()
def list_managed_prefix_lists(client: Any, **query: Any) -> list[dict[str, Any]]:
    return client.get_paginator("describe_managed_prefix_lists").paginate(**query).build_full_result()["PrefixLists"]


@EC2ErrorHandler.list_error_handler("list the entries of managed prefix list {prefix_list_id}", [])
@AWSRetry.jittered_backoff()
def list_managed_prefix_list_entries(client: Any, prefix_list_id: str) -> list[dict[str, Any]]:
    paginator = client.get_paginator("get_managed_prefix_list_entries")
    return paginator.paginate(PrefixListId=prefix_list_id).build_full_result()["Entries"]
