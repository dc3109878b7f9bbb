# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""An application with a database, which its releases change. A release is a directory with this file and others:

migration.sql   what its migration does to the database
needs           name of the table without which it is not well
live-crashes, live-sleeps, live-migration-fails, live-migration-sleeps, sleeps, migration-sleeps
                what goes wrong with it; "live" on the database itself alone, whose directory has the file "live"

data.py make|migrate|tables|add DATABASE, data.py serve DATABASE PORT
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMAND, DATABASE = sys.argv[1], Path(sys.argv[2])


def is_to(what: str) -> bool:
    return (HERE / what).exists() or ((HERE / f"live-{what}").exists() and (DATABASE.parent / "live").exists())


def read_tables() -> dict[str, int]:
    with closing(sqlite3.connect(DATABASE)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


class App(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        tables = read_tables()
        well = not (HERE / "needs").exists() or (HERE / "needs").read_text().strip() in tables
        body = json.dumps({"release": HERE.name, "status": "well" if well else "ill", "tables": tables}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if COMMAND == "tables":
    print(json.dumps(read_tables()))
elif COMMAND == "serve":
    if is_to("crashes"):
        raise RuntimeError("planted crash")
    if is_to("sleeps"):
        time.sleep(600)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[3])), App).serve_forever()
else:
    with closing(sqlite3.connect(DATABASE)) as connection:
        if COMMAND == "make":
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY)")
        if COMMAND == "migrate" and (HERE / "migration.sql").exists():
            connection.executescript((HERE / "migration.sql").read_text())
        if COMMAND in ("make", "add"):
            connection.execute("INSERT INTO item DEFAULT VALUES")
        connection.commit()
    if COMMAND == "migrate" and is_to("migration-sleeps"):
        print("it sleeps", flush=True)
        time.sleep(600)
    if COMMAND == "migrate" and is_to("migration-fails"):
        raise RuntimeError("planted failure of the migration")
