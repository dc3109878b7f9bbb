# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ends a process with SIGKILL before the n-th thing that it does to files.

Python itself tells of each (sys.addaudithook), so the code that is tested knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

# What changes or reads files, as Python's audit events name it.
EVENTS = {
    "open",
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "shutil.rmtree",
    "sqlite3.connect",
    "subprocess.Popen",
    "tempfile.mkdtemp",
}


def install(number: int) -> None:
    seen = 0

    def hook(event: str, _arguments: tuple) -> None:
        nonlocal seen
        if event in EVENTS:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def run_until_killed(code: str, number: int, path: list[Path]) -> int:
    """Run Python code in a process that ends before its number-th act; returns its exit status, -9 if it was killed."""
    script = f"import sys; sys.path[:0] = {[str(item) for item in [Path(__file__).parent, *path]]!r}\n"
    # What the code imports is there already when the counting begins.
    script += f"import _sqlite, killed, _strptime\nkilled.install({number})\n{code}"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=120).returncode
