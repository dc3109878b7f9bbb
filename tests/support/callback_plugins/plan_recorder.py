# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Records what each task of a run reports, one JSON object a line, in the file that SLIPWAY_PLAN_FILE names.

The tests compare the record of a plan (--check) with that of the run that follows it.
"""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: plan_recorder
type: aggregate
short_description: Records what each task reports
description: One JSON object a line, in the file that SLIPWAY_PLAN_FILE names.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "plan_recorder"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._play = ""
        self._path = os.environ["SLIPWAY_PLAN_FILE"]

    def v2_playbook_on_play_start(self, play):
        self._play = play.get_name()

    def _record(self, result, status):
        task, outcome = result.task, result.result
        if status != "item" and "results" in outcome and task.loop is not None:
            return  # each item was recorded on its own
        line = {
            "play": self._play,
            "host": result.host.get_name(),
            "task": task.get_name(),
            "item": str(outcome.get("_ansible_item_label", outcome.get("item", ""))),
            "status": status,
            "changed": bool(outcome.get("changed", False)),
        }
        if status == "failed":
            line["msg"] = str(outcome.get("msg", ""))
        with open(self._path, "a", encoding="utf-8") as record:
            record.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result):
        self._record(result, "ok")

    def v2_runner_item_on_ok(self, result):
        self._record(result, "item")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._record(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result):
        self._record(result, "failed")
