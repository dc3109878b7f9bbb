# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: domain names by their meaning. Pure.

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\([0-7]{3})")


def canonical_name(name: str) -> str:
    r"""The same for all ways of writing a name: lower case, with a dot at the end, \052 as *."""
    name = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), name.strip()).lower()
    return name if name.endswith(".") else f"{name}."


def is_within(name: str, zone: str) -> bool:
    """Whether name is zone or stands below it (both canonical)."""
    return name == zone or name.endswith(f".{zone}")
