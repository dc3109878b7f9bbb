# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what the checks of an inventory work with. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from datetime import date
    from typing import Any


class Unreadable(NamedTuple):
    """A variable whose value could not be worked out, and why (an undefined name in its template, for instance)."""

    reason: str


class Problem(NamedTuple):
    """What is wrong with one variable, and what to do about it."""

    variable: str
    reason: str
    advice: str
    # A problem with a key is a matter of judgement: it is none if acknowledged_warnings names the key.
    key: str = ""

    def __str__(self) -> str:
        text = f"{self.variable}: {self.reason}. {self.advice}"
        if self.key:
            text += f"; or, to accept it as it is: acknowledged_warnings: [{self.key}]"
        return text


# What may be acknowledged, and why somebody would.
WARNINGS = {
    "http_origin": "without a domain the origin secret travels in clear between CloudFront and the host",
    "end_of_life": "a host or an application goes on for a while without security updates, until it is moved",
}

# The project's variable that names its domain.
DOMAIN_VARIABLES = ("domain_name",)


class KeyFile(NamedTuple):
    """A private ssh key on the controller, as its file is; nothing of its content."""

    exists: bool = True
    mode: int = 0o600
    is_private_key: bool = True
    has_public_key: bool = True


class Backend(NamedTuple):
    """The directory of a back end's code on the controller."""

    directory: str
    exists: bool = True
    files: frozenset[str] = frozenset()  # of pyproject.toml and uv.lock, those that are there
    error: str = ""  # why one of them cannot be read
    packages: frozenset[str] = frozenset()  # those of uv.lock
    requires_python: str = ""
    # Of the versions of Python in lifetimes.py, those that requires-python allows. None: it says nothing that is known.
    pythons: frozenset[str] | None = None
    python_version: str = ""  # what .python-version says
    module_file: str = ""  # the file of app_module's module; empty if there is none
    # What is defined at the top of that file. None if that cannot be told by reading it.
    module_names: frozenset[str] | None = None


class Frontend(NamedTuple):
    """The directory of a front end's built files on the controller."""

    directory: str
    exists: bool = True
    has_index: bool = True
    node: str = ""  # what package.json's engines or .nvmrc say about the Node that builds it
    node_file: str = ""


class Facts(NamedTuple):
    """What the checks know of the world beside the variables."""

    today: date
    regions: frozenset[str] = frozenset()  # empty: not known
    key_file: KeyFile | None = None
    backend: Backend | None = None  # None: it is not on the controller
    frontend: Frontend | None = None
    # Variables vault_* that stand in files that are not encrypted, with the file's name.
    plain_vault: Mapping[str, str] = {}


class Inventory(NamedTuple):
    """An inventory's variables, after their types have been checked."""

    # As they are written, without templates being worked out.
    raw: Mapping[str, Any]
    # As the roles get them: of the right type, defaults filled in. What is missing or wrong is not in it.
    values: Mapping[str, Any]
    # The names of all variables that an inventory may set.
    known: frozenset[str] = frozenset()

    def get(self, name: str) -> Any:
        """The variable's value; None if it is missing or wrong, which has been reported already."""
        return self.values.get(name)

    @property
    def name(self) -> str:
        """What everything of the project is named after; empty if that is not known."""
        project, stage = self.get("project"), self.get("stage")
        if not (project and stage):
            return ""
        return project if stage == "production" else f"{project}-{stage}"

    @property
    def domain(self) -> str:
        """The name of its own that the project answers to; empty if it has none."""
        return next((self.get(name) for name in DOMAIN_VARIABLES if self.get(name)), "")


def write(line: str) -> str:
    return f"Write: {line}"


def acknowledge(problems: Iterable[Problem], acknowledged: Iterable[str]) -> list[Problem]:
    """The problems without those that somebody has acknowledged."""
    accepted = set(acknowledged)
    return [problem for problem in problems if not problem.key or problem.key not in accepted]
