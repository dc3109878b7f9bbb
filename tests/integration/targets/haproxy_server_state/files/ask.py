# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ask HAProxy what its administrator set, without the module's code. Usage: ask.py SOCKET BACKEND SERVER"""

from __future__ import annotations

import socket
import sys

path, backend, server = sys.argv[1:]
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(path)
    connection.sendall(b"show stat\n")
    answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
columns = answer.splitlines()[0].lstrip("# ").split(",")
for line in answer.splitlines()[1:]:
    row = dict(zip(columns, line.split(",")))
    if (row.get("pxname"), row.get("svname")) == (backend, server):
        print(row["status"])
