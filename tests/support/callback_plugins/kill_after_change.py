# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ends a run as a power failure would: all of its processes at once, with SIGKILL.

SLIPWAY_KILL_AFTER_CHANGE names the change after which it is killed, SLIPWAY_KILL_AT_TASK a task before which it is.
The run must be the leader of a process group.
"""

from __future__ import annotations

import os
import signal

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: kill_after_change
type: aggregate
short_description: Kills a run after its n-th change, or before a task
description: For tests of what an interrupted run leaves.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kill_after_change"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._left = int(os.environ.get("SLIPWAY_KILL_AFTER_CHANGE", "0"))
        self._last_task = os.environ.get("SLIPWAY_KILL_AT_TASK", "")

    def _end(self):
        os.killpg(0, signal.SIGKILL)

    def _count(self, result, is_item):
        outcome = result.result
        if not is_item and "results" in outcome and result.task.loop is not None:
            return  # each item was counted on its own
        if outcome.get("changed", False) and self._left:
            self._left -= 1
            if not self._left:
                self._end()

    def v2_playbook_on_task_start(self, task, is_conditional):
        if self._last_task and task.get_name().rpartition(" : ")[2] == self._last_task:
            self._end()

    def v2_runner_on_ok(self, result):
        self._count(result, False)

    def v2_runner_item_on_ok(self, result):
        self._count(result, True)
