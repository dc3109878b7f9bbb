# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The network of a lab: one network namespace per lab, one per VPC, one per host. Each VPC's namespace is its
# router, so that VPCs with the same addresses live side by side as they do in AWS.
#
#   machine            lab namespace                    VPC namespace                   host namespace
#   slw<N> ----------- wan
#   10.90.N.1/31       10.90.N.0/31, API, edge on lo
#                      v-<vpc> ------------------------ wan
#                      169.254.0.2                      169.254.0.3, security groups
#                                                       h-<host> ---------------------- eth0
#                                                       169.254.0.1                     <private address>/32

from __future__ import annotations

import ctypes
import os
import re
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from slipway_lab import addresses
from slipway_lab.commands import CommandError
from slipway_lab.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def lab_namespace(number: int) -> str:
    return f"slw{number}"


def machine_table(number: int) -> str:
    return f"slipway_lab_{number}"


def _short(resource_id: str) -> str:
    # Interface names hold 15 characters; 12 of an id's 17 are as good as all.
    return resource_id.rpartition("-")[2][:12]


def vpc_namespace(number: int, vpc_id: str) -> str:
    return f"slw{number}-vpc-{_short(vpc_id)}"


def host_namespace(number: int, instance_id: str) -> str:
    return f"slw{number}-i-{_short(instance_id)}"


def host_interface(instance_id: str) -> str:
    """The interface of a host in its VPC's namespace."""
    return f"h-{_short(instance_id)}"


def vpc_interface(vpc_id: str) -> str:
    """The interface of a VPC in the lab's namespace."""
    return f"v-{_short(vpc_id)}"


def namespaces_of(number: int) -> list[str]:
    own = lab_namespace(number)
    if not NAMESPACES.is_dir():
        return []
    return sorted(path.name for path in NAMESPACES.iterdir() if path.name == own or path.name.startswith(f"{own}-"))


def lab_numbers() -> set[int]:
    """The numbers of all labs on this machine."""
    names = [path.name for path in NAMESPACES.iterdir()] if NAMESPACES.is_dir() else []
    return {int(match[1]) for match in (re.fullmatch(r"slw(\d+)", name) for name in names) if match}


def servers_of(number: int) -> list[int]:
    """The process ids of servers in a lab's namespace (where the hosts' monitors run as well)."""
    processes = run("ip", "netns", "pids", lab_namespace(number), check=False).split()
    return [int(process) for process in processes if b"slipway_lab" in Path("/proc", process, "cmdline").read_bytes()]


def _setns(descriptor: int) -> None:
    # os.setns came with Python 3.12.
    if _libc.setns(descriptor, _CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "setns")


def enter(namespace: str) -> None:
    """Move this thread, and those it will start, into namespace."""
    descriptor = os.open(NAMESPACES / namespace, os.O_RDONLY)
    try:
        _setns(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Within, this thread is in namespace: what sockets it makes stay there."""
    before = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
    try:
        enter(namespace)
        try:
            yield
        finally:
            _setns(before)
    finally:
        os.close(before)


def _ip(commands: str, namespace: str | None = None) -> None:
    within = ["-n", namespace] if namespace else []
    run("ip", *within, "-batch", "-", stdin=commands)


def _sysctl(namespace: str, **settings: int) -> None:
    with inside(namespace):
        for name, value in settings.items():
            Path("/proc/sys/net", *name.split("__")).write_text(f"{value}\n")


def apply_nft(ruleset: str, namespace: str | None = None) -> None:
    within = ["nsenter", f"--net={NAMESPACES / namespace}"] if namespace else []
    run(*within, "nft", "-f", "-", stdin=ruleset)


def _add_namespace(namespace: str) -> None:
    run("ip", "netns", "add", namespace)
    # Settings of interfaces that come later are inherited from default.
    _sysctl(namespace, ipv4__ip_forward=1, ipv4__conf__all__rp_filter=0, ipv4__conf__default__rp_filter=0)


def claim_number() -> int:
    """The first free lab number; its namespace exists from now on."""
    for number in addresses.LAB_NUMBERS:
        if (NAMESPACES / lab_namespace(number)).exists():
            continue
        try:
            _add_namespace(lab_namespace(number))
        except CommandError:
            # Another lab that starts at the same time was faster.
            if (NAMESPACES / lab_namespace(number)).exists():
                continue
            raise
        return number
    raise RuntimeError("Every lab number is taken: stop a lab first.")


def render_machine_rules(number: int) -> str:
    """What the machine lets pass: its own connections into the lab, and the lab's to the outside world."""
    interface = f"slw{number}"
    table = machine_table(number)
    return f"""table ip {table} {{}}
delete table ip {table}
table ip {table} {{
  chain forward {{
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    iifname "{interface}" oifname "slw*" drop
    oifname "{interface}" drop
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname "{interface}" ct state new drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {addresses.network(number)} oifname != "{interface}" masquerade
  }}
}}
"""


def up(number: int) -> None:
    """Connect the lab's namespace (claimed before) with the machine."""
    namespace = lab_namespace(number)
    _ip(f"""link add slw{number} type veth peer name wan netns {namespace}
addr add {addresses.controller(number)}/31 dev slw{number}
link set slw{number} up
""")
    _ip(
        f"""link set lo up
addr add {addresses.api(number)}/32 dev lo
addr add {addresses.edge(number)}/32 dev lo
addr add {addresses.EDGE_SOURCE}/32 dev lo
addr add {addresses.wan(number)}/31 dev wan
link set wan up
route add default via {addresses.controller(number)}
route add blackhole {addresses.network(number)}
""",
        namespace,
    )
    _ip(f"route add {addresses.network(number)} via {addresses.wan(number)} dev slw{number}\n")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
    apply_nft(render_machine_rules(number))


def down(number: int) -> None:
    """Remove whatever is left of the lab's network; quiet where nothing is."""
    run("ip", "link", "delete", f"slw{number}", check=False)
    for namespace in namespaces_of(number):
        run("ip", "netns", "delete", namespace, check=False)
    run("nft", "delete", "table", "ip", machine_table(number), check=False)


def add_vpc(number: int, vpc_id: str) -> None:
    namespace, interface = vpc_namespace(number, vpc_id), vpc_interface(vpc_id)
    if (NAMESPACES / namespace).exists():
        return
    _add_namespace(namespace)
    _ip(
        f"""link add {interface} type veth peer name wan netns {namespace}
addr add {addresses.UPLINK_OUTSIDE}/32 dev {interface}
link set {interface} up
""",
        lab_namespace(number),
    )
    _ip(
        f"""link set lo up
addr add {addresses.HOST_GATEWAY}/32 dev lo
addr add {addresses.METADATA}/32 dev lo
addr add {addresses.DNS}/32 dev lo
addr add {addresses.UPLINK_INSIDE}/32 dev wan
link set wan up
route add default via {addresses.UPLINK_OUTSIDE} dev wan onlink
""",
        namespace,
    )


def remove_vpc(number: int, vpc_id: str) -> None:
    run("ip", "-n", lab_namespace(number), "link", "delete", vpc_interface(vpc_id), check=False)
    run("ip", "netns", "delete", vpc_namespace(number, vpc_id), check=False)


def add_host(number: int, vpc_id: str, instance_id: str, private_address: str, mac_address: str) -> None:
    """A namespace for a host that knows its private address only, joined to its VPC's."""
    vpc, host, interface = (
        vpc_namespace(number, vpc_id),
        host_namespace(number, instance_id),
        host_interface(instance_id),
    )
    run("ip", "netns", "add", host)
    _ip(
        f"""link add {interface} type veth peer name eth0 netns {host}
link set {interface} up
route add {private_address}/32 dev {interface}
""",
        vpc,
    )
    _ip(
        f"""link set lo up
link set eth0 address {mac_address}
addr add {private_address}/32 dev eth0
link set eth0 up
route add default via {addresses.HOST_GATEWAY} dev eth0 onlink
""",
        host,
    )


def remove_host(number: int, vpc_id: str, instance_id: str) -> None:
    run("ip", "-n", vpc_namespace(number, vpc_id), "link", "delete", host_interface(instance_id), check=False)
    run("ip", "netns", "delete", host_namespace(number, instance_id), check=False)


def route_public(number: int, address: str, vpc_id: str) -> None:
    """Send a public address to the VPC in which it is used."""
    run(
        *("ip", "-n", lab_namespace(number), "route", "replace", f"{address}/32"),
        *("via", addresses.UPLINK_INSIDE, "dev", vpc_interface(vpc_id), "onlink"),
    )


def unroute_public(number: int, address: str) -> None:
    run("ip", "-n", lab_namespace(number), "route", "delete", f"{address}/32", check=False)
