# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what is known of the CloudWatch agent on a host, and why it must be told its configuration
# (anew). Pure; standard library only.

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from typing import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# amazon-cloudwatch-agent-ctl keeps a copy of file:<path>/slipway.json under this name.
SOURCE = "slipway.json"
COPY = f"file_{SOURCE}"


class Agent(NamedTuple):
    """What was found on a host.

    configurations: what the agent reads at its start, by file name; None for what is no JSON
    applied: digest of the configuration that this collection last saw it start with
    """

    configurations: Mapping[str, Any]
    applied: str | None
    is_running: bool
    is_enabled: bool

    @property
    def configuration(self) -> dict[str, Any] | None:
        return self.configurations.get(COPY)


def read_unit(output: str) -> dict[str, str]:
    """The properties that systemctl show has printed."""
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def digest(configuration: Any) -> str:
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()


def find_reasons(agent: Agent, wanted: dict[str, Any]) -> list[str]:
    """Why the agent must be told its configuration; [] if it runs with what is wanted."""
    others = sorted(set(agent.configurations) - {COPY})
    found = {
        "it has another configuration": agent.configuration != wanted,
        f"it also reads {', '.join(others)}": bool(others),
        # The configuration is there, but whoever brought it was killed before the agent had started with it.
        "it may not have read its configuration": agent.applied != digest(wanted),
        "it is not running": not agent.is_running,
        "it does not start at boot": not agent.is_enabled,
    }
    return [reason for reason, applies in found.items() if applies]
