# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Records all that each task of a run returns, facts included, one JSON object a line, in the file that
SLIPWAY_RESULTS_FILE names: what any callback, log or run database of a user's gets to see."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: result_recorder
type: aggregate
short_description: Records all that each task returns
description: One JSON object a line, in the file that SLIPWAY_RESULTS_FILE names.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "result_recorder"
    CALLBACK_NEEDS_ENABLED = True

    def _record(self, result, **_arguments):
        line = {"task": result.task.get_name(), "result": result.result}
        with open(os.environ["SLIPWAY_RESULTS_FILE"], "a", encoding="utf-8") as record:
            record.write(json.dumps(line, default=str) + "\n")

    v2_runner_on_ok = _record
    v2_runner_item_on_ok = _record
    v2_runner_on_failed = _record
    v2_runner_item_on_failed = _record
    v2_runner_on_skipped = _record
    v2_runner_on_unreachable = _record
    v2_runner_retry = _record
