# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads what HAProxy's admin socket answers. Pure; standard library only, because it
# runs on managed hosts.

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# Bits of srv_admin_state (HAProxy's management guide, "show servers state"). The others tell where a state was
# inherited from; only these two are what an administrator sets through the socket.
FORCED_MAINTENANCE = 0x01
FORCED_DRAIN = 0x08

# srv_check_state: the server has health checks. srv_check_result: none of them has ended yet.
CHECK_CONFIGURED = 0x02
CHECK_UNKNOWN = "0"

OPERATIONAL_STATES = {"0": "stopped", "1": "starting", "2": "running", "3": "stopping"}

# What makes two dumps mean the same. The rest (times, results of checks) changes from one second to the next.
_LASTING_COLUMNS = ("be_name", "srv_name", "srv_addr", "srv_port", "srv_uweight")


def parse_servers(dump: str) -> list[dict[str, str]]:
    """The rows of 'show servers state', or of a file it was written to, as dicts by column name."""
    columns: list[str] = []
    rows = []
    for line in dump.splitlines():
        if line.startswith("# "):
            columns = line[2:].split()
        elif columns and line.strip():
            rows.append(dict(zip(columns, line.split())))  # noqa: B905 (strict= came with Python 3.10)
    return rows


def parse_statistics(dump: str) -> list[dict[str, str]]:
    """The rows of 'show stat' as dicts by column name."""
    return list(csv.DictReader(dump.lstrip("# ").splitlines()))


def find_server(rows: list[dict[str, str]], backend: str, server: str) -> dict[str, str] | None:
    for row in rows:
        if (row["be_name"], row["srv_name"]) == (backend, server):
            return row
    return None


def administrative_state(row: dict[str, str]) -> str:
    """What the administrator wants of the server, whatever its health checks say."""
    flags = int(row["srv_admin_state"])
    if flags & FORCED_MAINTENANCE:
        return "maint"
    return "drain" if flags & FORCED_DRAIN else "ready"


def operational_state(row: dict[str, str]) -> str:
    """What HAProxy makes of the server. It takes a server for running until the first check has ended."""
    state = OPERATIONAL_STATES.get(row["srv_op_state"], "unknown")
    if (
        state == "running"
        and int(row["srv_check_state"]) & CHECK_CONFIGURED
        and row["srv_check_result"] == CHECK_UNKNOWN
    ):
        return "unchecked"
    return state


def describe_server(row: dict[str, str], statistics: list[dict[str, str]]) -> dict[str, Any]:
    """What the module returns of a server."""
    backend, server = row["be_name"], row["srv_name"]
    counts = next((item for item in statistics if (item["pxname"], item["svname"]) == (backend, server)), {})
    return {
        "backend": backend,
        "name": server,
        "address": f"{row['srv_addr']}:{row['srv_port']}",
        "state": administrative_state(row),
        "operational_state": operational_state(row),
        "sessions": int(counts.get("scur") or 0),
        "queued": int(counts.get("qcur") or 0),
        "last_check": " ".join(filter(None, (counts.get("check_status"), counts.get("last_chk")))),
    }


def is_settled(server: dict[str, Any]) -> bool:
    """Whether the state has had its effect: a ready server is up, another one has nothing left to finish."""
    if server["state"] == "ready":
        return server["operational_state"] == "running"
    return server["sessions"] == 0 and server["queued"] == 0


def _lasting(rows: list[dict[str, str]]) -> list[tuple[str, ...]]:
    return sorted((*(row.get(column, "") for column in _LASTING_COLUMNS), administrative_state(row)) for row in rows)


def same_states(dump: str, recorded: str) -> bool:
    """Whether a recorded dump would restore the same servers as this one does."""
    return _lasting(parse_servers(dump)) == _lasting(parse_servers(recorded))
