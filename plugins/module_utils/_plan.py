# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: how modules speak of values that a plan cannot know yet, and how they
# report what changed. Pure; imports neither AWS nor Ansible.

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# What AWS will decide when the resource is made. Modules return it in check mode and accept it as input, so
# that a plan on an empty account can go on to the tasks that use the value.
UNKNOWN = "(known after apply)"

REDACTED = "(redacted)"


def is_unknown(value: Any) -> bool:
    """Whether value is, or contains anywhere within dicts and lists, a value that is not known yet."""
    if isinstance(value, str):
        return UNKNOWN in value
    if isinstance(value, dict):
        return any(is_unknown(item) for item in value.values())
    if isinstance(value, (list, tuple, set)):
        return any(is_unknown(item) for item in value)
    return False


def changed_keys(current: dict[str, Any] | None, desired: dict[str, Any]) -> list[str]:
    """The keys of desired whose value differs from current's; None in desired means 'leave alone'."""
    current = current or {}
    return [key for key, value in desired.items() if value is not None and current.get(key) != value]


def redact(value: Any, secret_keys: Iterable[str]) -> Any:
    """A copy of value in which what stands under any of secret_keys, at any depth, is hidden.

    A value that is not set (None) stays None, so that a diff still tells set from unset.
    """
    names = frozenset(secret_keys)
    if isinstance(value, dict):
        return {
            key: REDACTED if key in names and item is not None else redact(item, names) for key, item in value.items()
        }
    if isinstance(value, list):
        return [redact(item, names) for item in value]
    return value


def module_result(
    key: str,
    changed: bool,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    diff: bool,
    secret_keys: Iterable[str] = (),
) -> dict[str, Any]:
    """The result every module of the collection returns: changed, the resource under key, and its diff if asked."""
    result: dict[str, Any] = {"changed": changed, key: after or {}}
    if diff:
        result["diff"] = {"before": redact(before or {}, secret_keys), "after": redact(after or {}, secret_keys)}
    return result
