# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Runs other programs.

from __future__ import annotations

import subprocess


class CommandError(RuntimeError):
    pass


class CommandTimeout(CommandError):
    pass


def run(*argv: str, stdin: str | None = None, check: bool = True, timeout: float = 120) -> str:
    """The standard output of a program; CommandError with what it said on standard error if it fails."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise CommandTimeout(f"{' '.join(argv[:6])} took longer than {timeout:.0f} s") from error
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise CommandError(f"{' '.join(argv[:6])} failed with status {done.returncode}: {said}")
    return done.stdout
