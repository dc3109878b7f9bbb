# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The lab's address plan. Pure.

from __future__ import annotations

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"

LAB_NUMBERS = range(1, 251)

METADATA = "169.254.169.254"
DNS = "169.254.169.253"

# The next hop of hosts (in their VPC's namespace), and the two ends of a VPC's link to the outside. Every VPC
# and every host uses the same ones: each stands in a network namespace of its own.
HOST_GATEWAY = "169.254.0.1"
UPLINK_OUTSIDE = "169.254.0.2"
UPLINK_INSIDE = "169.254.0.3"

# Any address in com.amazonaws.global.cloudfront.origin-facing as the emulator lists it would do.
EDGE_SOURCE = "13.124.199.10"

PUBLIC_POOL = range(16, 251)


def prefix(number: int) -> str:
    return f"10.90.{number}"


def network(number: int) -> str:
    return f"{prefix(number)}.0/24"


def wan(number: int) -> str:
    return f"{prefix(number)}.0"


def controller(number: int) -> str:
    return f"{prefix(number)}.1"


def api(number: int) -> str:
    return f"{prefix(number)}.2"


def edge(number: int) -> str:
    return f"{prefix(number)}.3"


def public_pool(number: int) -> list[str]:
    return [f"{prefix(number)}.{last}" for last in PUBLIC_POOL]
