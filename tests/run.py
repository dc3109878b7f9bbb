# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Runs the levels of the tests, independent ones side by side, and says what failed.

Without arguments all of them; with names, those alone, one after the other. Each level's output goes to
tests/output/<level>.log, and to the terminal when it fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv" / "bin"
OUTPUT = ROOT / "tests" / "output"
# Each log ends with the tests that took longest: where to look when the whole takes too long.
PYTEST = f"{BIN}/python -m pytest --durations=20 --durations-min=20"

# A level is a list of commands for a shell at the root; the first that fails ends it.
LEVELS = {
    "lint": [
        f"{BIN}/ruff check .",
        f"{BIN}/ruff format --check .",
        f"{BIN}/yamllint --strict .",
        f"{BIN}/ansible-lint --offline --strict",
        f"{BIN}/antsibull-changelog lint",
    ],
    "sanity": [f"{BIN}/python tests/sanity/run.py"],
    "unit": [f"{PYTEST} tests/unit tests/lab/tests -m 'not lab'"],
    "examples": [f"{PYTEST} tests/examples"],
    "lab": [f"{PYTEST} tests/lab/tests -m lab"],
    "integration": [f"{PYTEST} tests/integration"],
    "project": [f"{PYTEST} -x tests/project/test_spa_vm_life.py"],
    "variants": [f"{PYTEST} tests/project --ignore=tests/project/test_spa_vm_life.py"],
    "sweeps": [f"SLIPWAY_EVERY_KILL=yes {PYTEST} tests/unit -k killed_anywhere", f"{PYTEST} -s tests/sweeps"],
    "molecule": [
        # A run that was cut off has left word that its hosts are there; the lab is a new one.
        "tests/lab/lab start --name molecule && . .lab/molecule/env && molecule reset && molecule test; ended=$?;"
        " tests/lab/lab stop --name molecule && exit $ended"
    ],
}
# The project's life applies the same roles on both releases of Debian; the other levels hold samples of the sweeps.
ONLY_LONG = {"molecule", "sweeps"}
# Seconds after which a command that still runs is ended, for it hangs; faulthandler_timeout has said where.
LIMIT = 3600
LIMITS = {"sweeps": 4 * 3600}
WITH_LAB = {"lab", "integration", "project", "variants", "molecule", "sweeps"}
# What runs beside what. Lives wait often, for hosts and for what spreads: three lanes on two cores, each as long as the
# others.
LANES = [
    ["project", "lab", "lint", "sanity", "molecule"],
    ["variants", "unit", "examples", "sweeps"],
    ["integration"],
]


def run_command(command: str, limit: int, out: TextIO) -> tuple[int, float]:
    """Run a command; returns its exit status, and the processor's minutes that it and what it waited for took."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    out.write(f"$ {command}\n")
    out.flush()
    limited = ["timeout", "--foreground", "--kill-after=60", str(limit), "sh", "-c", command]
    process = subprocess.Popen(limited, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    _pid, status, used = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(status), (used.ru_utime + used.ru_stime) / 60


def run_level(name: str) -> bool:
    """Run one level's commands; True if all succeeded."""
    log = OUTPUT / f"{name}.log"
    code, worked, started = 0, 0.0, time.monotonic()
    with log.open("w", encoding="utf-8") as out:
        for command in LEVELS[name]:
            code, minutes = run_command(command, LIMITS.get(name, LIMIT), out)
            worked += minutes
            if code != 0:
                break
    minutes = (time.monotonic() - started) / 60
    print(f"{'FAILED' if code else 'passed'}  {name}  ({minutes:.1f} min, {worked:.1f} of a processor)", flush=True)
    if code:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-120:]
        print("\n".join([f"---- the end of {log.relative_to(ROOT)}", *tail, "----"]), flush=True)
    return code == 0


def run_lane(names: list[str], results: dict[str, bool]) -> None:
    for name in names:
        results[name] = run_level(name)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the tests.")
    parser.add_argument("levels", nargs="*", choices=[*LEVELS, []], help="levels to run; all of them if none is named")
    parser.add_argument(
        "--long", action="store_true", help="the levels too that repeat what others show, more thoroughly"
    )
    arguments = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    # What several levels need (packages, host images) is made once, by a first lab, before they start side by side.
    if not arguments.levels or set(arguments.levels) & WITH_LAB:
        for command in ("start", "stop"):
            subprocess.run(["tests/lab/lab", command, "--name", "first"], cwd=ROOT, check=True)
    left_out = set() if arguments.long else ONLY_LONG
    lanes = (
        [arguments.levels] if arguments.levels else [[name for name in lane if name not in left_out] for lane in LANES]
    )
    results: dict[str, bool] = {}
    threads = [threading.Thread(target=run_lane, args=(lane, results)) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = [name for name, passed in results.items() if not passed]
    print(f"\n{len(results) - len(failed)} of {len(results)} levels passed" + (f"; failed: {failed}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
