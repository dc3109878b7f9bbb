# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.slipway.aws.plugins.module_utils._verify.checks import make_checks
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import FAIL
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import PASS
from ansible_collections.slipway.aws.plugins.module_utils._verify.report import build_junit
from ansible_collections.slipway.aws.plugins.module_utils._verify.report import build_table
from ansible_collections.slipway.aws.plugins.module_utils._verify.report import summarise

if TYPE_CHECKING:
    from typing import Any

display = Display()

ARGUMENTS = {
    "settings": {"type": "dict", "required": True},
    "project": {"type": "dict", "required": True},
    "host": {"type": "dict", "required": True},
    "web": {"type": "dict", "required": True},
    "junit_file": {"type": "path"},
}


def show(results: list[dict[str, Any]], summary: str) -> None:
    colors = {PASS: constants.COLOR_OK, FAIL: constants.COLOR_ERROR}
    for status, line in build_table(results):
        display.display(line, color=colors.get(status, constants.COLOR_SKIP if status else constants.COLOR_HIGHLIGHT))
    display.display(summary)


def write(path: str, text: str) -> None:
    """Replace a file as a whole, so that whoever reads it never sees half a report."""
    beside = Path(f"{path}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise AnsibleActionFail(
            f"Failed to write the report to {path}: {error.strerror}. Choose another verify_junit_file"
        ) from error


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENTS)
        settings = arguments["settings"]
        results = make_checks(settings, arguments["project"], arguments["host"], arguments["web"])
        summary = summarise(results)
        show(results, summary)
        path = arguments["junit_file"]
        if path:
            write(path, build_junit(results, str(settings["project_name"])))
        return {
            "changed": False,
            "checks": results,
            "failed_checks": [result["id"] for result in results if result["status"] == FAIL],
            "summary": summary,
            "junit_file": path or "",
        }
