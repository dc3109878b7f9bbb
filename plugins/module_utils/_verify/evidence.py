# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what was gathered about a project, as checks ask for it, and what a check finds. Pure;
# imports neither AWS nor Ansible.

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

if TYPE_CHECKING:
    from typing import Any

PASS, FAIL, NOT_APPLICABLE = "pass", "fail", "not applicable"

# The checklists of the guide, in its order.
CHECKLISTS = PRE, POST, HARDENING = "Pre-Deployment", "Post-Deployment", "Security Hardening"


class Unseen(Exception):
    """What a check looks at could not be read: then it fails, since nobody knows."""


class Finding(NamedTuple):
    status: str
    seen: str
    # What mends it, where that depends on what was seen; else the check's own remedy counts.
    remedy: str = ""


def passed(seen: str) -> Finding:
    return Finding(PASS, seen)


def failed(seen: str, remedy: str = "") -> Finding:
    return Finding(FAIL, seen, remedy)


def not_applicable(why: str) -> Finding:
    return Finding(NOT_APPLICABLE, why)


def judge(good: Any, seen: str) -> Finding:
    return passed(seen) if good else failed(seen)


class Evidence:
    """What was gathered: settings (what the inventory wants), aws, host and web."""

    def __init__(self, settings: dict[str, Any], aws: Any, host: Any, web: Any) -> None:
        self.settings = settings
        self._parts = {"aws": aws, "host": host, "web": web}

    def aws(self, *path: str) -> Any:
        return self._get("aws", path)

    def host(self, *path: str) -> Any:
        return self._get("host", path)

    def answer(self, name: str) -> dict[str, Any]:
        """What was answered to a request; that there was no answer is for the check to judge."""
        return self._get("web", ("answers", name))

    def port(self, name: str) -> dict[str, Any]:
        return self._get("web", ("ports", name))

    def _get(self, part: str, path: tuple[str, ...]) -> Any:
        value = self._parts[part]
        _refuse_error(value)
        for key in path:
            if not isinstance(value, dict) or key not in value:
                raise Unseen(f"{' '.join(path)}: not read")
            value = value[key]
            _refuse_error(value)
        return value

    @property
    def instance(self) -> dict[str, Any]:
        found = self.aws("instances")
        if len(found) != 1:
            raise Unseen(f"{len(found) or 'no'} instances of the project")
        return found[0]

    @property
    def distribution(self) -> dict[str, Any]:
        found = self.aws("distributions")
        if len(found) != 1:
            raise Unseen(f"{len(found) or 'no'} distributions of the project")
        return found[0]

    def origin(self, custom: bool) -> dict[str, Any]:
        """The distribution's origin for the API (custom), or for the site's files."""
        found = [origin for origin in self.distribution["origins"] if origin["custom"] == custom]
        if len(found) != 1:
            raise Unseen(f"{len(found) or 'no'} origins for the {'API' if custom else 'files'}")
        return found[0]

    def bucket(self, subject: str) -> dict[str, Any]:
        found = self.aws(subject)
        if not found["exists"]:
            raise Unseen(f"there is no bucket {found['name']}")
        return found


def _refuse_error(value: Any) -> None:
    """What could not be read is a dict with an error and nothing else."""
    if isinstance(value, dict) and list(value) == ["error"]:
        raise Unseen(str(value["error"]))


def shown(items: Any, none: str = "none", most: int = 5) -> str:
    """A list in a few words."""
    words = [str(item) for item in items]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more if words else none
