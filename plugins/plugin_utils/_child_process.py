# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: a Python function in a process of its own, as if it were a program. Knows no Ansible.

from __future__ import annotations

import atexit
import os
import selectors
import signal
import sys
import tempfile
import threading
import traceback
from typing import TYPE_CHECKING
from typing import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping
    from typing import NoReturn

CHUNK = 1 << 16


class Ended(NamedTuple):
    """How a process ended (negative: by which signal), and what it wrote."""

    code: int
    stdout: bytes
    stderr: bytes


def run_forked(function: Callable[[], None], environment: Mapping[str, str], directory: str) -> Ended:
    """Call function() in a fork of this process, and wait for its end.

    It gets what a program of its own would have: its environment and working directory, no input, output to pipes,
    Python's own handlers of signals, and at its end its own atexit functions. Nothing that it does to its memory is
    seen here. Must be called while this process has no other threads. If the wait is interrupted by an exception (a
    task's timeout), the fork is killed.
    """
    pipes = [os.pipe(), os.pipe()]
    child = os.fork()
    if child == 0:
        _live_as_child(function, environment, directory, [write for _read, write in pipes])
    for _read, write in pipes:
        os.close(write)
    status = None
    try:
        stdout, stderr = _read_all([read for read, _write in pipes])
        status = os.waitpid(child, 0)[1]
    finally:
        for read, _write in pipes:
            os.close(read)
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return Ended(os.waitstatus_to_exitcode(status), stdout, stderr)


def _read_all(pipes: list[int]) -> list[bytes]:
    """What comes out of pipes until each is closed by the last who has it."""
    read = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _events in selector.select():
                chunk = os.read(key.fd, CHUNK)
                read[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
    return [bytes(read[pipe]) for pipe in pipes]


def _live_as_child(
    function: Callable[[], None], environment: Mapping[str, str], directory: str, output: list[int]
) -> NoReturn:
    """Never returns: below on the stack is the parent's program."""
    code = 1
    try:
        _forget_parent(output)
        os.chdir(directory)
        os.environ.update({"PWD": os.getcwd(), **environment})  # a shell would say so
        code = _run_as_program(function)
    finally:
        os._exit(code)


def _forget_parent(output: list[int]) -> None:
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    # What the parent registered is for its own end. Python's own multiprocessing does the same after its fork.
    atexit._clear()
    tempfile.tempdir = None  # found anew, in this environment
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for number, pipe in enumerate(output, start=1):
        os.dup2(pipe, number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


def _run_as_program(function: Callable[[], None]) -> int:
    """Call function() and what follows it, in the order in which the interpreter does so; returns the exit status."""
    try:
        function()
        code = 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            code = end.code or 0
        else:
            print(end.code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # waits for the function's threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code & 0xFF
