# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.slipway.aws.plugins.module_utils._deployment.report import build_report

if TYPE_CHECKING:
    from typing import Any

display = Display()

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "info": {"type": "dict", "required": True},
    "parts": {"type": "dict", "required": True},
}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENTS)
        lines = build_report(arguments["name"], arguments["info"], arguments["parts"])
        for line in lines:
            display.display(line)
        return {"changed": False, "lines": lines}
