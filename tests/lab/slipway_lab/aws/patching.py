# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# How the emulator is changed: methods replaced one by one, each with the original at hand.

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def wraps(target: type, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replace the method name of target by one that is given the original method first, bound."""

    def decorate(replacement: Callable[..., Any]) -> Callable[..., Any]:
        original = getattr(target, name)

        @functools.wraps(original)
        def method(self: Any, *arguments: Any, **options: Any) -> Any:
            return replacement(original.__get__(self), self, *arguments, **options)

        setattr(target, name, method)
        return replacement

    return decorate
