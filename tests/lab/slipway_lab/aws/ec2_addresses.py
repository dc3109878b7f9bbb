# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Public addresses: from the lab's pool, kept, moved and given back as AWS does.

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends
from moto.ec2.models import elastic_ip_addresses
from moto.ec2.models import elastic_network_interfaces
from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses

from slipway_lab import addresses
from slipway_lab.aws import ec2_errors
from slipway_lab.aws.patching import wraps

if TYPE_CHECKING:
    from typing import Any

    from slipway_lab.aws.ec2 import Compute


def public_name(address: str, region: str) -> str:
    dashed = address.replace(".", "-")
    domain = "compute-1.amazonaws.com" if region == "us-east-1" else f"{region}.compute.amazonaws.com"
    return f"ec2-{dashed}.{domain}"


def has_gateway(backend: Any, vpc_id: str) -> bool:
    return any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in backend.internet_gateways.values())


def elastic_address_of(nic: NetworkInterface) -> Any:
    return next((address for address in nic.ec2_backend.addresses if address.eni is nic), None)


class Pool:
    """The lab's public addresses. One that was just given back is used again last, as its names may linger."""

    def __init__(self, account_id: str, number: int) -> None:
        self._account_id = account_id
        self._free = addresses.public_pool(number)
        self._lock = threading.Lock()

    def _used(self) -> set[str]:
        used = set()
        for backend in list(ec2_backends[self._account_id].values()):
            used |= {address.public_ip for address in backend.addresses}
            used |= {nic.public_ip for nic in backend.enis.values() if nic.public_ip}
        return used

    def take(self, *_unused: object) -> str:
        with self._lock:
            used = self._used()
            for address in self._free:
                if address not in used:
                    self._free.remove(address)
                    self._free.append(address)
                    return address
        raise ec2_errors.address_limit()


def install(compute: Compute) -> None:
    _install_pool(compute)
    _install_names()
    _install_association()


def _install_pool(compute: Compute) -> None:
    pool = Pool(compute.lab.account_id, compute.lab.number)
    elastic_ip_addresses.random_ip = pool.take
    elastic_network_interfaces.random_public_ip = pool.take

    @wraps(NetworkInterface, "check_auto_public_ip")
    def check_auto_public_ip(original: Any, self: NetworkInterface) -> None:
        # The emulator draws a new address over an associated Elastic IP.
        if elastic_address_of(self) is None:
            original()

    @wraps(NetworkInterface, "stop")
    def stop(original: Any, self: NetworkInterface) -> None:
        if elastic_address_of(self) is None:
            original()


def _install_names() -> None:
    def dns_name(nic: NetworkInterface) -> str | None:
        # An instance that is gone is listed for an hour, longer than its VPC may be there.
        if not nic.public_ip:
            return None
        # AWS gives public names only in a VPC that has them switched on.
        vpc = nic.ec2_backend.vpcs.get(nic.vpc_id)
        if vpc is None or str(vpc.enable_dns_hostnames).lower() != "true":
            return None
        return public_name(nic.public_ip, nic.ec2_backend.region_name)

    Instance.public_dns_name = property(lambda self: dns_name(self.nics[0]))

    emulated_association = NetworkInterface.association.fget

    def association(self: NetworkInterface) -> dict[str, Any]:
        found = emulated_association(self)
        if found:
            found["publicDnsName"] = dns_name(self) or ""
            found["ipOwnerId"] = self.ec2_backend.account_id if elastic_address_of(self) else "amazon"
        return found

    NetworkInterface.association = property(association)


def _install_association() -> None:
    @wraps(ElasticAddressBackend, "associate_address")
    def associate_address(original: Any, self: Any, instance: Any = None, eni: Any = None, **options: Any) -> Any:
        if instance and instance.state not in ("running", "stopped", "stopping"):
            raise ec2_errors.instance_not_valid(instance.id, instance.state)
        nic = eni or instance.nics[0]
        if not has_gateway(self, nic.vpc_id):
            raise ec2_errors.no_gateway(nic.vpc_id)
        before = elastic_address_of(nic)
        associated = original(instance=instance, eni=eni, **options)
        if before is not None and before is not associated:
            # Associating another address takes the place of the first, which stays allocated.
            before.instance = before.eni = before.association_id = None
        for other in self.enis.values():
            if other is not nic and other.public_ip == associated.public_ip:
                other.public_ip = None
        associated.instance = associated.instance or nic.instance
        return associated

    @wraps(ElasticIPAddresses, "release_address")
    def release_address(original: Any, self: Any) -> Any:
        found = self.ec2_backend.address_by_allocation([self._get_param("AllocationId")])
        if found[0].association_id:
            raise ec2_errors.address_in_use(found[0].public_ip)
        return original()
