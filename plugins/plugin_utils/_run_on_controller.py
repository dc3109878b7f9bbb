# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# What the links in plugins/action lead to: the action plugin of each module that runs on the controller, under the
# module's own name. (A redirection in meta/runtime.yml would give all modules one name, and so one's module_defaults to
# all; and plugin_routing.modules' action_plugin is not looked at before the worker has been started.)

from __future__ import annotations

from ansible_collections.slipway.aws.plugins.plugin_utils._controller_module import ControllerModule
from ansible_collections.slipway.aws.plugins.plugin_utils._controller_module import preload


class ActionModule(ControllerModule):
    pass


preload(__name__.replace(".plugins.action.", ".plugins.modules."))
