# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# EC2: what the emulator's own classes lack or get wrong, and the hosts, disks and network behind its resources.

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from slipway_lab.aws import ec2_addresses
from slipway_lab.aws import ec2_images
from slipway_lab.aws import ec2_instances
from slipway_lab.aws import ec2_networks
from slipway_lab.aws import ec2_tokens
from slipway_lab.aws import ec2_volumes
from slipway_lab.fabric import Fabric
from slipway_lab.hosts import Hosts
from slipway_lab.volumes import Volumes

if TYPE_CHECKING:
    from collections.abc import Callable

    from slipway_lab.context import Lab
    from slipway_lab.dns import Upstream

log = logging.getLogger(__name__)


class Compute:
    """What stands behind the instances of a lab. Without hosts, all of it but the names is left out."""

    def __init__(self, lab: Lab, upstream: Upstream | None) -> None:
        self.lab = lab
        self.fabric = Fabric(lab, upstream)
        self.hosts = Hosts(lab, self._host_ended) if lab.hosts else None
        self.volumes = Volumes(lab.directory / "volumes") if lab.hosts else None

    def _host_ended(self, instance_id: str) -> None:
        ec2_instances.host_ended(self, instance_id)

    def in_background(self, action: Callable[[], None]) -> None:
        """Act without keeping the caller: but at once where there is no host that would take its time."""

        def guarded() -> None:
            try:
                action()
            except Exception:
                log.exception("What a call began could not be finished")

        if self.hosts is None:
            guarded()
        else:
            threading.Thread(target=guarded, daemon=True).start()


def install(lab: Lab, upstream: Upstream | None) -> Compute:
    compute = Compute(lab, upstream)
    ec2_images.install()
    ec2_addresses.install(compute)
    ec2_networks.install()
    ec2_volumes.install(compute)
    # Last: what is answered again is not made again.
    ec2_tokens.install()
    ec2_instances.install(compute)
    return compute
