# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""An application that says what it is; on /wait when there is a file "go" in its directory. Usage: app.py PORT

A release whose directory has the file "crashes" ends at its start; one with "sleeps" does not answer for a minute.
"""

from __future__ import annotations

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent


class App(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/wait":
            print("a request waits", flush=True)
            while not (HERE / "go").exists():
                time.sleep(0.1)
        said = {"release": HERE.name, "greeting": os.environ["GREETING"], "secret": len(os.environ["SECRET"])}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if (HERE / "crashes").exists():
    print("looking for the database")
    raise RuntimeError("there is no database")
if (HERE / "sleeps").exists():
    time.sleep(60)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), App).serve_forever()
