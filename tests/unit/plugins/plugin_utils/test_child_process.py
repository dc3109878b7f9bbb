# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.slipway.aws.plugins.plugin_utils._child_process import Ended
from ansible_collections.slipway.aws.plugins.plugin_utils._child_process import run_forked


def run(function: Callable[[], None]) -> Ended:
    return run_forked(function, {"OF_THE_CHILD": "1"}, "/")


def test_the_child_has_its_own_environment_directory_and_streams() -> None:
    def function() -> None:
        print(os.environ["OF_THE_CHILD"], os.getcwd(), repr(sys.stdin.read()))
        print("err\udcff", file=sys.stderr)

    assert run(function) == Ended(0, b"1 / ''\n", b"err\\udcff\n")
    assert "OF_THE_CHILD" not in os.environ


@pytest.mark.parametrize(
    ("end", "code", "error"), [(None, 0, b""), (3, 3, b""), (True, 1, b""), (256 + 7, 7, b""), ("words", 1, b"words\n")]
)
def test_it_ends_as_a_program_does(end: object, code: int, error: bytes) -> None:
    assert run(lambda: sys.exit(end)) == Ended(code, b"", error)


def test_an_exception_is_told() -> None:
    ended = run(lambda: int("words"))
    assert ended.code == 1
    assert ended.stderr.endswith(b"ValueError: invalid literal for int() with base 10: 'words'\n")


def test_a_signal_is_told() -> None:
    assert run(lambda: os.kill(os.getpid(), signal.SIGTERM)).code == -signal.SIGTERM


def test_threads_are_waited_for_and_much_output_is_read() -> None:
    def late() -> None:
        time.sleep(0.05)
        print("x" * 10**6)

    assert len(run(lambda: threading.Thread(target=late).start()).stdout) == 10**6 + 1


def test_a_wait_that_is_interrupted_ends_the_child(tmp_path: Path) -> None:
    # The child interrupts, when the fork is long over: while Python still tidies up after it, an exception would be
    # lost, and the lock of the module logging with it.
    def interrupt_and_write_late() -> None:
        time.sleep(0.3)
        os.kill(os.getppid(), signal.SIGALRM)
        time.sleep(0.5)
        (tmp_path / "late").touch()

    def interrupt(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(TimeoutError):
            run(interrupt_and_write_late)
    finally:
        signal.signal(signal.SIGALRM, before)
    time.sleep(0.6)
    assert not list(tmp_path.iterdir())
