# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""An application's slot: answers at once, or on /slow/<seconds> after that many seconds. Usage: slot.py PORT PIDFILE"""

from __future__ import annotations

import os
import sys
import time
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer


class Slot(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/slow/"):
            time.sleep(float(self.path.rsplit("/", 1)[1]))
        body = f"{self.server.server_port}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Slot)
if os.fork():
    sys.exit()
os.setsid()
with open(sys.argv[2], "w") as file:
    file.write(str(os.getpid()))
nowhere = os.open(os.devnull, os.O_RDWR)
for descriptor in range(3):
    os.dup2(nowhere, descriptor)
server.serve_forever()
