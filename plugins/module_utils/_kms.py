# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection. Pure.

from __future__ import annotations


def same_key(first: str | None, second: str | None, default: str) -> bool:
    """Whether two ways to name a KMS key agree: its ID, an alias, the ARN of either; None is the service's own key."""

    def short(key: str | None) -> str:
        return (key or default).split(":")[-1].removeprefix("key/")

    return short(first) == short(second)
