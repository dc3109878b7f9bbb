# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# What every part of a running lab may ask for. The server makes one Lab, sets it as current, and hands it to
# the parts' install(lab) and serve(lab).

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING

from slipway_lab import addresses
from slipway_lab.faults import Faults
from slipway_lab.mail import Mail
from slipway_lab.public_dns import PublicDns

if TYPE_CHECKING:
    from pathlib import Path

    from slipway_lab.ca import Authority
    from slipway_lab.delays import Delays
    from slipway_lab.journal import Journal
    from slipway_lab.names import Names


@dataclass
class Lab:
    """One running lab.

    delays: .seconds(event) -> float; .after(event, callback) calls back when AWS would be done (at once if off)
    names: .publish(name, address), .withdraw(name), .resolve(name) -> the address the public sees, or None
    ca: .server_context(names, allow) -> ssl.SSLContext that issues leaf certificates by SNI on demand
    journal: every API call that was answered
    public_dns: what the hosted zones show whose domains are delegated
    mail: what AWS would have sent by e-mail
    faults: what goes wrong on demand
    """

    name: str
    number: int
    directory: Path
    delays: Delays
    names: Names
    ca: Authority
    journal: Journal
    mail: Mail = field(default_factory=Mail)
    faults: Faults = field(default_factory=Faults)
    public_dns: PublicDns = field(init=False)
    account_id: str = addresses.ACCOUNT_ID
    region: str = addresses.REGION
    # Without hosts, instances change their states but nothing boots.
    hosts: bool = True
    api_address: str = field(init=False)
    edge_address: str = field(init=False)
    # What origins see as the edge's address: inside the managed prefix list of CloudFront's origin-facing servers.
    prefix_list_source: str = field(init=False, default=addresses.EDGE_SOURCE)

    def __post_init__(self) -> None:
        self.api_address = addresses.api(self.number)
        self.edge_address = addresses.edge(self.number)
        self.public_dns = PublicDns(self.names)


_current: Lab | None = None


def set_current(lab: Lab) -> None:
    global _current
    _current = lab


def current() -> Lab:
    if _current is None:
        raise RuntimeError("No lab is running in this process.")
    return _current
