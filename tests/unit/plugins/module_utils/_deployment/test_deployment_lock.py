# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._deployment import lock as locks
from ansible_collections.slipway.aws.plugins.module_utils._deployment.process import describe_process
from ansible_collections.slipway.aws.plugins.module_utils._deployment.process import is_gone

NOW = datetime(2026, 11, 21, 15, 30, tzinfo=timezone.utc)  # noqa: UP017 (not before Python 3.11)
OWNER = {
    "run": "aaaa",
    "arn": "arn:aws:iam::123456789012:user/alice",
    "user": "alice",
    "host": "laptop",
    "pid": 4711,
    "start": "123",
    "boot_id": "boot",
    "pid_namespace": "pid:[1]",
}


def held(minutes_left: int = 30):
    began = NOW - timedelta(minutes=30)
    lock = locks.build_held(OWNER, "deploy", "deployments/r.json", locks.format_time(began), began, 3600)
    return {**lock, "expires": locks.format_time(NOW + timedelta(minutes=minutes_left))}


@pytest.mark.parametrize(
    ("lock", "run", "gone", "take_over", "may", "own", "words"),
    [
        (None, "bbbb", False, None, True, False, ""),
        (locks.build_free(held()), "bbbb", False, None, True, False, ""),
        (locks.build_free(held()), "aaaa", False, None, True, False, ""),
        (held(), "aaaa", False, None, True, True, ""),
        # Its own, whatever else is said.
        (held(-1), "aaaa", True, None, True, True, ""),
        (held(), "bbbb", False, None, False, False, "-e deployment_lock_take_over=aaaa"),
        (held(), "bbbb", False, "cccc", False, False, "not run cccc's"),
        (held(), "bbbb", False, "aaaa", True, False, "as asked for, from alice@laptop"),
        (held(), "bbbb", True, None, True, False, "has ended without freeing it"),
        (held(0), "bbbb", False, None, True, False, "good until 2026-11-21T15:30:00Z"),
        (held(-1), "bbbb", False, None, True, False, "good until 2026-11-21T15:29:00Z"),
    ],
)
def test_who_may_take_the_lock(lock, run, gone, take_over, may, own, words):
    verdict = locks.judge(lock, run, NOW, gone, take_over)
    assert (verdict.may, verdict.is_own) == (may, own)
    said = verdict.warning if may else verdict.refusal
    assert words in said
    assert bool(said) == bool(words)


def test_a_refusal_says_who_since_when_and_until_when():
    refusal = locks.judge(held(), "bbbb", NOW, False, None).refusal
    for word in (
        "alice@laptop",
        "user/alice",
        "4711",
        "began to deploy at 2026-11-21T15:00:00Z",
        "2026-11-21T16:00:00Z",
    ):
        assert word in refusal


def test_a_process_has_one_name_and_lives():
    mine = describe_process(os.getpid())
    assert mine == describe_process(os.getpid())
    assert mine["run"] != describe_process(os.getppid())["run"]
    assert not is_gone(mine)


def test_a_process_that_has_ended_is_gone():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = describe_process(child.pid)
    assert not is_gone(process)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(process)  # nobody has taken notice of its end
    child.communicate()
    assert is_gone(process)


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"start": "1"}, True),  # the number is another process's by now
        ({"start": "1", "boot_id": "another"}, False),
        ({"start": "1", "pid_namespace": "pid:[1]"}, False),
        ({"start": "1", "boot_id": "", "pid_namespace": ""}, False),
    ],
)
def test_only_the_same_machine_proves_that_a_process_has_ended(changes, gone):
    assert is_gone({**describe_process(os.getpid()), **changes}) is gone
