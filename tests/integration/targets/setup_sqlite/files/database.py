# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes and asks a database without the modules' code.

database.py make|add|count|rollback PATH     make it in WAL mode, add a row, print how many there are, leave WAL mode
database.py hold PATH PIDFILE                stay in the background with the database open
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys

command, path = sys.argv[1:3]
connection = sqlite3.connect(path if command == "make" else f"file:{path}?mode=rw", uri=command != "make")
if command == "make":
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
elif command == "add":
    connection.execute("INSERT INTO note (text) VALUES (hex(randomblob(1000)))")
elif command == "count":
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    print(connection.execute("SELECT count(*) FROM note").fetchone()[0])
elif command == "rollback":
    print(connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0])
elif command == "hold":
    connection.execute("SELECT count(*) FROM note").fetchone()
    if os.fork():
        os._exit(0)
    os.setsid()
    with open(sys.argv[3], "w") as file:
        file.write(str(os.getpid()))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    signal.pause()
connection.commit()
connection.close()
