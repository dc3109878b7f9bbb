# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what a managed prefix list costs of a security group's rule quota. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# The weights that AWS documents for its own lists; the API does not tell them. A name is
# com.amazonaws.<region or "global">.<one of these>.
# https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html#aws-managed-prefix-list-weights
AWS_MANAGED_WEIGHTS = {
    "cloudfront.origin-facing": 55,
    "dynamodb": 1,
    "ec2-instance-connect": 2,
    "groundstation": 5,
    "ipv6.cloudfront.origin-facing": 55,
    "ipv6.ec2-instance-connect": 2,
    "ipv6.route53-healthchecks": 25,
    "ipv6.vpc-lattice": 10,
    "route53-healthchecks": 25,
    "s3": 1,
    "s3express": 6,
    "vpc-lattice": 10,
}


def prefix_list_weight(name: str, owner_id: str, max_entries: int | None) -> int | None:
    """How many rules a reference to the list counts for; None for a list of AWS whose weight is not documented."""
    if owner_id != "AWS":
        return max_entries
    return AWS_MANAGED_WEIGHTS.get(".".join(name.split(".")[3:]))


def normalise_prefix_list(prefix_list: dict[str, Any], entries: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    name = prefix_list["PrefixListName"]
    owner_id = prefix_list.get("OwnerId", "")
    max_entries = prefix_list.get("MaxEntries")
    result = {
        "prefix_list_id": prefix_list["PrefixListId"],
        "prefix_list_name": name,
        "arn": prefix_list.get("PrefixListArn"),
        "owner_id": owner_id,
        "address_family": prefix_list.get("AddressFamily"),
        "max_entries": max_entries,
        "weight": prefix_list_weight(name, owner_id, max_entries),
        "state": prefix_list.get("State"),
        "version": prefix_list.get("Version"),
        "tags": {tag["Key"]: tag["Value"] for tag in prefix_list.get("Tags") or []},
    }
    if entries is not None:
        result["entries"] = [{"cidr": entry["Cidr"], "description": entry.get("Description", "")} for entry in entries]
    return result
