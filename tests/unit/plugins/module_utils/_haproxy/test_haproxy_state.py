# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._haproxy import state

# As HAProxy 2.6 answers; 3.0 has the same columns.
HEADER = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)
SERVERS = f"""1
{HEADER}
3 app 1 a 127.0.0.1 2 0 1 1 8 8 3 4 6 0 0 0 - 8101 - 0 0 - - 0
3 app 2 b 127.0.0.1 0 5 1 1 1 1 0 0 14 0 0 0 - 8102 - 0 0 - - 0

"""
STATISTICS = """# pxname,svname,qcur,qmax,scur,smax,status,check_status,last_chk
f,FRONTEND,,,3,4,OPEN,,
app,a,1,2,3,4,UP,L7OK,Layer7 check passed
app,b,0,0,0,0,MAINT,,
app,BACKEND,0,0,3,4,UP,,
"""


def row(**columns: str) -> dict[str, str]:
    return {**state.parse_servers(SERVERS)[0], **columns}


def test_parse_servers_reads_every_row_by_column_name() -> None:
    a, b = state.parse_servers(SERVERS)
    assert (a["be_name"], a["srv_name"], a["srv_port"], a["srv_agent_port"]) == ("app", "a", "8101", "0")
    assert (b["srv_op_state"], b["srv_admin_state"]) == ("0", "5")


@pytest.mark.parametrize("dump", ["", "\n", "1\n", f"1\n{HEADER}\n", "Permission denied\n"])
def test_parse_servers_of_an_answer_without_rows(dump: str) -> None:
    assert state.parse_servers(dump) == []


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("0", "ready"),
        ("1", "maint"),
        ("2", "ready"),  # maintenance inherited from a tracked server: not the administrator's
        ("4", "ready"),  # once disabled by the configuration, set to ready since
        ("5", "maint"),  # disabled by the configuration
        ("8", "drain"),
        ("9", "maint"),
        ("12", "drain"),
        ("16", "ready"),  # drain inherited
        ("32", "ready"),  # its name does not resolve
    ],
)
def test_administrative_state(flags: str, expected: str) -> None:
    assert state.administrative_state(row(srv_admin_state=flags)) == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"srv_op_state": "0"}, "stopped"),
        ({"srv_op_state": "1"}, "starting"),
        ({"srv_op_state": "2"}, "running"),
        ({"srv_op_state": "3"}, "stopping"),
        ({"srv_op_state": "9"}, "unknown"),
        ({"srv_op_state": "2", "srv_check_result": "0"}, "unchecked"),
        ({"srv_op_state": "2", "srv_check_result": "0", "srv_check_state": "0"}, "running"),  # has no check
    ],
)
def test_operational_state(columns: dict[str, str], expected: str) -> None:
    assert state.operational_state(row(**columns)) == expected


def test_describe_server() -> None:
    rows = state.parse_servers(SERVERS)
    statistics = state.parse_statistics(STATISTICS)
    assert state.describe_server(state.find_server(rows, "app", "a"), statistics) == {
        "backend": "app",
        "name": "a",
        "address": "127.0.0.1:8101",
        "state": "ready",
        "operational_state": "running",
        "sessions": 3,
        "queued": 1,
        "last_check": "L7OK Layer7 check passed",
    }
    b = state.describe_server(state.find_server(rows, "app", "b"), statistics)
    assert (b["state"], b["sessions"], b["last_check"]) == ("maint", 0, "")
    assert state.find_server(rows, "app", "c") is None


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({"state": "ready", "operational_state": "running", "sessions": 5, "queued": 5}, True),
        ({"state": "ready", "operational_state": "unchecked", "sessions": 0, "queued": 0}, False),
        ({"state": "ready", "operational_state": "stopped", "sessions": 0, "queued": 0}, False),
        ({"state": "drain", "operational_state": "running", "sessions": 0, "queued": 0}, True),
        ({"state": "drain", "operational_state": "running", "sessions": 1, "queued": 0}, False),
        ({"state": "drain", "operational_state": "stopped", "sessions": 0, "queued": 1}, False),
        ({"state": "maint", "operational_state": "stopped", "sessions": 0, "queued": 0}, True),
    ],
)
def test_is_settled(server: dict, expected: bool) -> None:
    assert state.is_settled(server) is expected


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("", "", True),
        (" 8 8 3 4 6 ", " 99 6 2 0 6 ", True),  # time passes, checks come and go
        ("127.0.0.1 0 5", "127.0.0.1 0 1", True),  # both are maintenance
        ("127.0.0.1 0 5", "127.0.0.1 2 12", False),
        ("8101", "8103", False),
        ("app 2 b", "app 2 c", False),
        ("3 app 1 a 127.0.0.1 2 0 1", "3 app 1 a 127.0.0.1 2 0 100", False),  # weight
    ],
)
def test_same_states(old: str, new: str, same: bool) -> None:
    assert state.same_states(SERVERS, SERVERS.replace(old, new)) is same


def test_a_missing_record_is_another_state() -> None:
    assert not state.same_states(SERVERS, "")
