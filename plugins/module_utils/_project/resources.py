# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: which of the things that services list belong to a project. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

if TYPE_CHECKING:
    from typing import Any


class Ec2Kind(NamedTuple):
    """A kind of resource that EC2 lists by tag."""

    type: str
    operation: str
    id_key: str
    state_key: str = "State"


EC2_KINDS = (
    Ec2Kind("vpc", "describe_vpcs", "VpcId"),
    Ec2Kind("subnet", "describe_subnets", "SubnetId"),
    Ec2Kind("internet_gateway", "describe_internet_gateways", "InternetGatewayId"),
    Ec2Kind("route_table", "describe_route_tables", "RouteTableId"),
    Ec2Kind("security_group", "describe_security_groups", "GroupId"),
    Ec2Kind("instance", "describe_instances", "InstanceId"),
    Ec2Kind("volume", "describe_volumes", "VolumeId"),
    Ec2Kind("snapshot", "describe_snapshots", "SnapshotId"),
    Ec2Kind("elastic_ip", "describe_addresses", "AllocationId"),
    Ec2Kind("key_pair", "describe_key_pairs", "KeyPairId"),
)

# An instance that is being terminated, or was within the last hour, is gone as far as its owner can tell.
LIVING_INSTANCES = {"instance-state-name": ["pending", "running", "stopping", "stopped"]}


def resource(
    service: str, kind: str, identifier: str, name: str = "", arn: str = "", state: str = ""
) -> dict[str, str]:
    return {"service": service, "type": kind, "id": identifier, "name": name, "arn": arn, "state": state}


def flatten_instances(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """describe_instances lists reservations, each with its instances; the other operations list resources."""
    return [instance for item in items for instance in item.get("Instances", [item])]


def ec2_resource(kind: Ec2Kind, item: dict[str, Any], tags: dict[str, str]) -> dict[str, str]:
    state = item.get(kind.state_key, "")
    if isinstance(state, dict):
        state = state.get("Name", "")
    name = tags.get("Name") or item.get("KeyName") or item.get("GroupName") or ""
    return resource("ec2", kind.type, item[kind.id_key], name=name, state=state)


def belongs_by_tags(tags: dict[str, str], wanted: dict[str, str]) -> bool:
    return all(tags.get(key) == value for key, value in wanted.items())


def is_others(tags: dict[str, str], wanted: dict[str, str]) -> bool:
    """Whether tags say that a resource named after the project is another's: app-test-host of stage test, not of app.

    One without tags may be what a run left that was killed before it tagged.
    """
    return "Project" in tags and not belongs_by_tags(tags, wanted)


def belongs_by_name(name: str, prefix: str) -> bool:
    """Whether a resource that has no tags is named after the project: its name alone, or followed by a dash or slash.

    Without the dash, app would also claim what belongs to a project app2.
    """
    return name == prefix or name.startswith((f"{prefix}-", f"{prefix}/"))
