# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: until when releases get security updates. Pure.
#
# Long-term support that everybody gets counts as support; support that is sold (ELTS, Ubuntu Pro) does not. After a
# date, "end of life" is what preflight says. The dates were looked up in November 2026; a project may move one.

from __future__ import annotations

from datetime import date
from typing import NamedTuple


class Lifetime(NamedTuple):
    name: str
    end: date
    source: str


# By the names of ec2_host_image_family; also such as are offered no longer, so that an old inventory is told why.
IMAGE_FAMILIES = {
    "debian-11": Lifetime("Debian 11 (LTS)", date(2026, 8, 31), "https://wiki.debian.org/LTS"),
    "debian-12": Lifetime("Debian 12 (LTS)", date(2028, 6, 30), "https://wiki.debian.org/LTS"),
    "debian-13": Lifetime("Debian 13 (LTS)", date(2030, 6, 30), "https://wiki.debian.org/LTS"),
    "ubuntu-20.04": Lifetime("Ubuntu 20.04 LTS", date(2025, 5, 31), "https://ubuntu.com/about/release-cycle"),
    "ubuntu-22.04": Lifetime("Ubuntu 22.04 LTS", date(2027, 5, 31), "https://ubuntu.com/about/release-cycle"),
    "ubuntu-24.04": Lifetime("Ubuntu 24.04 LTS", date(2029, 5, 31), "https://ubuntu.com/about/release-cycle"),
    "al2": Lifetime("Amazon Linux 2", date(2026, 6, 30), "https://aws.amazon.com/amazon-linux-2/faqs/"),
    "al2023": Lifetime(
        "Amazon Linux 2023", date(2029, 6, 30), "https://docs.aws.amazon.com/linux/al2023/ug/release-cadence.html"
    ),
}

_PYTHON = "https://devguide.python.org/versions/"
PYTHONS = {
    "3.8": Lifetime("Python 3.8", date(2024, 10, 7), _PYTHON),
    "3.9": Lifetime("Python 3.9", date(2025, 10, 31), _PYTHON),
    "3.10": Lifetime("Python 3.10", date(2026, 10, 31), _PYTHON),
    "3.11": Lifetime("Python 3.11", date(2027, 10, 31), _PYTHON),
    "3.12": Lifetime("Python 3.12", date(2028, 10, 31), _PYTHON),
    "3.13": Lifetime("Python 3.13", date(2029, 10, 31), _PYTHON),
    "3.14": Lifetime("Python 3.14", date(2030, 10, 31), _PYTHON),
    "3.15": Lifetime("Python 3.15", date(2031, 10, 31), _PYTHON),
}

_NODE = "https://github.com/nodejs/Release"
NODES = {
    "16": Lifetime("Node 16", date(2023, 9, 11), _NODE),
    "18": Lifetime("Node 18", date(2025, 4, 30), _NODE),
    "20": Lifetime("Node 20", date(2026, 4, 30), _NODE),
    "22": Lifetime("Node 22", date(2027, 4, 30), _NODE),
    "24": Lifetime("Node 24", date(2028, 4, 30), _NODE),
    "26": Lifetime("Node 26", date(2029, 4, 30), _NODE),
}

# The Python that python_app_python names by default: /usr/bin/python3 of each family. A distribution looks after its
# own Python for as long as itself, whatever the date above.
# https://packages.debian.org/python3  https://packages.ubuntu.com/python3
# https://docs.aws.amazon.com/linux/al2023/ug/python.html
SYSTEM_PYTHONS = {"debian-12": "3.11", "debian-13": "3.13", "ubuntu-24.04": "3.12", "al2023": "3.9"}


def is_over(lifetime: Lifetime | None, today: date) -> bool:
    """Whether support has ended; not for what the tables do not know."""
    return lifetime is not None and today > lifetime.end


def describe_end(lifetime: Lifetime) -> str:
    return f"{lifetime.name} has had no security updates since {lifetime.end.isoformat()} ({lifetime.source})"


def newest(lifetimes: dict[str, Lifetime], today: date) -> str:
    """What to move to: the one that is supported for longest."""
    supported = [name for name, lifetime in lifetimes.items() if lifetime.end > today]
    return max(supported, key=lambda name: lifetimes[name].end, default="")
