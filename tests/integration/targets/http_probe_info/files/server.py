# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A page with a script, a redirect, and nothing else: server.py PIDFILE PORTFILE. Goes to the background."""

from __future__ import annotations

import http.server
import os
import sys
from pathlib import Path

PAGES = {
    "/": ("text/html", b'<!doctype html><script src="/app.js"></script>'),
    "/app.js": ("text/javascript", b'fetch("http://localhost:8000/api")'),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, body = PAGES.get(self.path, ("text/plain", b"nothing here"))
        self.send_response(301 if self.path == "/moved" else 200 if self.path in PAGES else 404)
        if self.path == "/moved":
            self.send_header("Location", "/")
        self.send_header("Content-Type", kind)
        self.send_header("X-Seen", self.headers.get("X-Asked", ""))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
Path(sys.argv[2]).write_text(str(server.server_port))
if os.fork():
    sys.exit()
os.setsid()
for stream in (0, 1, 2):
    os.dup2(os.open(os.devnull, os.O_RDWR), stream)
Path(sys.argv[1]).write_text(str(os.getpid()))
server.serve_forever()
