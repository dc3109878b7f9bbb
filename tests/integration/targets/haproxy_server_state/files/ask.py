# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ask HAProxy what its administrator set, without the module's code. Usage: ask.py SOCKET BACKEND SERVER"""

from __future__ import annotations

import csv
import socket
import sys

path, backend, server = sys.argv[1:]
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(path)
    connection.sendall(b"show stat\n")
    answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
for row in csv.DictReader(answer.lstrip("# ").splitlines()):
    if (row["pxname"], row["svname"]) == (backend, server):
        print(row["status"])
