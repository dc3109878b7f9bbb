# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# EC2's refusals that the emulator does not have.

from __future__ import annotations

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.exceptions import RulesPerSecurityGroupLimitExceededError


def _error(code: str, message: str) -> EC2ClientError:
    return EC2ClientError(code, message)


def dependency(message: str) -> EC2ClientError:
    return _error("DependencyViolation", message)


def incorrect_instance_state(instance_id: str, wanted: str) -> EC2ClientError:
    return _error(
        "IncorrectInstanceState",
        f"The instance '{instance_id}' is not in a state from which it can be {wanted}.",
    )


def must_be_stopped(instance_id: str, attribute: str) -> EC2ClientError:
    return _error(
        "IncorrectInstanceState",
        f"The instance '{instance_id}' is not in the 'stopped' state: {attribute} stays as it is.",
    )


def rules_exceeded() -> EC2ClientError:
    return RulesPerSecurityGroupLimitExceededError()


def no_capacity(architecture: str) -> EC2ClientError:
    return _error(
        "InsufficientInstanceCapacity",
        f"There is no {architecture} machine under the lab to boot this image on.",
    )


def no_host_image(image_id: str, name: str) -> EC2ClientError:
    return _error(
        "UnsupportedOperation",
        f"The lab boots Debian 13 and 12 hosts only, not {image_id} ({name}); it knows this image by name alone.",
    )


def architecture_mismatch(instance_type: str, image_architecture: str) -> EC2ClientError:
    return _error(
        "InvalidParameterValue",
        f"The architecture '{image_architecture}' of the specified AMI does not match the architecture of the instance"
        f" type {instance_type}. Specify an instance type and an AMI that have matching architectures, and try again.",
    )


def key_pair_not_found(name: str) -> EC2ClientError:
    return _error("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")


def foreign_group(group_id: str, subnet_id: str) -> EC2ClientError:
    return _error("InvalidParameter", f"Security group {group_id} and subnet {subnet_id} belong to different networks.")


def token_reused() -> EC2ClientError:
    return _error(
        "IdempotentParameterMismatch",
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
    )


def instance_not_valid(instance_id: str, state: str) -> EC2ClientError:
    return _error(
        "InvalidInstanceID", f"The {state} instance '{instance_id}' is not in a valid state for this operation."
    )


def no_gateway(vpc_id: str) -> EC2ClientError:
    return _error("Gateway.NotAttached", f"Network {vpc_id} is not attached to any internet gateway")


def address_limit() -> EC2ClientError:
    return _error("AddressLimitExceeded", "The lab has no public address left.")


def address_in_use(address: str) -> EC2ClientError:
    return _error("InvalidIPAddress.InUse", f"Address {address} is in use.")


def incorrect_state(message: str) -> EC2ClientError:
    return _error("IncorrectState", message)


def volume_in_use(volume_id: str) -> EC2ClientError:
    return _error("VolumeInUse", f"{volume_id} is already attached to an instance")


def other_zone(volume_id: str) -> EC2ClientError:
    return _error(
        "InvalidVolume.ZoneMismatch", f"The volume '{volume_id}' is not in the same availability zone as the instance"
    )


def device_taken(device: str) -> EC2ClientError:
    return _error(
        "InvalidParameterValue",
        f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use",
    )


def cannot_shrink(size: int, target: int) -> EC2ClientError:
    return _error("InvalidParameterValue", f"New size cannot be smaller than existing size ({target} < {size})")


def root_snapshot(volume_id: str) -> EC2ClientError:
    return _error(
        "UnsupportedOperation",
        f"{volume_id} is a root volume: in the lab those are the hosts' containers and cannot be copied.",
    )


def default_group(group_id: str) -> EC2ClientError:
    return _error("CannotDelete", f'the specified group: "{group_id}" name: "default" cannot be deleted by a user')


def root_detached(volume_id: str) -> EC2ClientError:
    return _error("OperationNotPermitted", f"Unable to detach root volume '{volume_id}' from a running instance")


def no_such_type(instance_type: str) -> EC2ClientError:
    return _error(
        "InvalidInstanceAttributeValue",
        f"Invalid instance type: {instance_type} does not exist, or is of another architecture than the instance.",
    )
