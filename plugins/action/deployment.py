# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._deployment.process import describe_process
from ansible_collections.slipway.aws.plugins.plugin_utils._controller_module import ControllerModule
from ansible_collections.slipway.aws.plugins.plugin_utils._controller_module import preload

if TYPE_CHECKING:
    from typing import Any


class ActionModule(ControllerModule):
    """Tells the module who asks: it cannot know which of the processes above it is ansible-playbook."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        # An action runs in a worker, whose parent is ansible-playbook.
        self._task.args = {"owner": describe_process(os.getppid()), **self._task.args}
        return super().run(tmp, task_vars)


preload(__name__.replace(".plugins.action.", ".plugins.modules."))
