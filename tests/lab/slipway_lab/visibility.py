# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Eventual consistency, as EC2 and IAM document it: what was made a moment ago is left out of lists, and calls that name
# it say that there is no such thing.
# https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
# S3 has been consistent since December 2020, and of the other services nothing is documented that could be imitated.

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING
from typing import NamedTuple
from xml.etree import ElementTree

if TYPE_CHECKING:
    from slipway_lab.calls import ApiCall


class Kind(NamedTuple):
    """A kind of EC2's resources: what makes it, the list it stands in, its name there, the code if it is missing."""

    operation: str
    list_name: str
    id_name: str
    code: str


EC2_KINDS = (
    Kind("CreateVpc", "vpcSet", "vpcId", "InvalidVpcID.NotFound"),
    Kind("CreateSubnet", "subnetSet", "subnetId", "InvalidSubnetID.NotFound"),
    Kind("CreateInternetGateway", "internetGatewaySet", "internetGatewayId", "InvalidInternetGatewayID.NotFound"),
    Kind("CreateRouteTable", "routeTableSet", "routeTableId", "InvalidRouteTableID.NotFound"),
    Kind("CreateSecurityGroup", "securityGroupInfo", "groupId", "InvalidGroup.NotFound"),
    Kind("RunInstances", "instancesSet", "instanceId", "InvalidInstanceID.NotFound"),
    Kind("CreateVolume", "volumeSet", "volumeId", "InvalidVolume.NotFound"),
    Kind("AllocateAddress", "addressesSet", "allocationId", "InvalidAllocationID.NotFound"),
    Kind("CreateSnapshot", "snapshotSet", "snapshotId", "InvalidSnapshot.NotFound"),
)
_BY_OPERATION = {kind.operation: kind for kind in EC2_KINDS}
_BY_LIST = {kind.list_name: kind for kind in EC2_KINDS}
_IAM_NAMES = {"CreateRole": "RoleName", "CreateInstanceProfile": "InstanceProfileName"}
_FILTER = re.compile(r"Filter\.\d+\.")


def makes(call: ApiCall) -> bool:
    """Whether a call makes something that may not be seen at once."""
    return (call.service == "ec2" and call.operation in _BY_OPERATION) or (
        call.service == "iam" and call.operation in _IAM_NAMES
    )


class Unseen:
    """What is there, and is not seen yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # (service, identifier) -> when it will be seen
        self._until: dict[tuple[str, str], float] = {}

    def hide(self, call: ApiCall, answer: tuple[int, dict[str, str], bytes], seconds: float) -> None:
        """Hide what a call has made."""
        status, _headers, body = answer
        if status >= 300:
            return
        until = time.monotonic() + seconds
        with self._lock:
            if call.service == "ec2":
                name = _BY_OPERATION[call.operation].id_name
                found = re.search(rf"<{name}>([^<]+)</{name}>".encode(), body)
                if found:
                    self._until["ec2", found[1].decode()] = until
            else:
                key = _IAM_NAMES[call.operation]
                self._until[f"iam {key}", call.request.values[key]] = until

    def _is_hidden(self, service: str, identifier: str) -> bool:
        return self._until.get((service, identifier), 0.0) > time.monotonic()

    def refusal(self, call: ApiCall) -> tuple[int, str, str] | None:
        """Status, code and message for a call that names what is not seen yet."""
        if not self._until:
            return None
        with self._lock:
            values = [(name, value) for name, value in call.request.values.items(multi=True)]
            if call.service == "iam":
                if call.operation in _IAM_NAMES:
                    return None
                for name, value in values:
                    if self._is_hidden(f"iam {name}", value):
                        what = "role" if name == "RoleName" else "Instance Profile"
                        return 404, "NoSuchEntity", f"The {what} with name {value} cannot be found."
            if call.service == "ec2":
                return self._refusal_of_ec2(values)
        return None

    def _refusal_of_ec2(self, values: list[tuple[str, str]]) -> tuple[int, str, str] | None:
        for name, value in values:
            if name == "IamInstanceProfile.Name" and self._is_hidden("iam InstanceProfileName", value):
                problem = f"Value ({value}) for parameter iamInstanceProfile.name is invalid."
                return 400, "InvalidParameterValue", f"{problem} Invalid IAM Instance Profile name"
            # A filter that nothing matches is no error.
            if not _FILTER.match(name) and self._is_hidden("ec2", value):
                code = next(kind.code for kind in EC2_KINDS if value.startswith(_PREFIXES[kind.operation]))
                return 400, code, f"The ID '{value}' does not exist"
        return None

    def without(self, call: ApiCall, body: bytes) -> tuple[bytes, bool]:
        """The body of an answer without what is not seen yet, and whether there was any of that in it."""
        if call.service != "ec2" or not call.operation.startswith("Describe") or not self._until:
            return body, False
        with self._lock:
            hidden = {identifier for service, identifier in self._until if self._is_hidden(service, identifier)}
        if not any(identifier.encode() in body for identifier in hidden):
            return body, False
        root = ElementTree.fromstring(body)
        namespace = root.tag.partition("}")[0].lstrip("{") if root.tag.startswith("{") else ""
        prefix = f"{{{namespace}}}" if namespace else ""
        removed = _remove(root, prefix, hidden)
        if not removed:
            return body, False
        if namespace:
            ElementTree.register_namespace("", namespace)
        return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True), True


_PREFIXES = {
    "CreateVpc": "vpc-",
    "CreateSubnet": "subnet-",
    "CreateInternetGateway": "igw-",
    "CreateRouteTable": "rtb-",
    "CreateSecurityGroup": "sg-",
    "RunInstances": "i-",
    "CreateVolume": "vol-",
    "AllocateAddress": "eipalloc-",
    "CreateSnapshot": "snap-",
}


def _remove(element: ElementTree.Element, prefix: str, hidden: set[str]) -> bool:
    """Remove the items of lists that are hidden, at any depth; whether there were any."""
    removed = False
    kind = _BY_LIST.get(element.tag.removeprefix(prefix))
    for child in list(element):
        if kind and child.findtext(f"{prefix}{kind.id_name}") in hidden:
            element.remove(child)
            removed = True
        else:
            removed = _remove(child, prefix, hidden) or removed
    return removed
