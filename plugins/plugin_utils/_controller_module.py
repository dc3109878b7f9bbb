# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: modules that run on the controller, without a new Python each time.
#
# An ordinary task starts a shell and a Python, unpacks the module with all that it imports, and compiles and imports
# that: nearly all the time of a task with nothing to do. Here, the module is imported once by the main process, when
# a strategy asks for the task's action plugin, and each task runs it in a fork. What a module gets and what becomes of
# its result stays ansible-core's: only "build a program that contains the module" and "run it by the connection" are
# replaced. In any situation that is not plainly one for this, the task runs as if this file did not exist.

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from typing import NamedTuple

from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils import basic
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as OrdinaryActionModule
from ansible.release import __version__ as core_version
from ansible.utils.display import Display

from ansible_collections.slipway.aws.plugins.plugin_utils import _botocore_data
from ansible_collections.slipway.aws.plugins.plugin_utils._child_process import run_forked

try:
    # All that is used of ansible-core and is not its public interface, besides three methods of ActionBase.
    from ansible.executor.module_common import _BuiltModule
    from ansible.module_utils import _internal
    from ansible.module_utils._internal import _traceback
    from ansible.module_utils._internal._ansiballz import _loader
    from ansible.module_utils.common.json import Direction
    from ansible.module_utils.common.json import get_module_encoder
except ImportError:  # ansible-core 2.17 and 2.18
    HAS_INTERFACE = False
else:
    HAS_INTERFACE = True

if TYPE_CHECKING:
    from typing import Any

display = Display()

# The releases of ansible-core whose inside this was written against and is tested with; others run modules as ever.
TESTED_CORE = ("2.19", "2.20", "2.21")
# How modules and ansible-core talk; core reads it out of a module's source, and there is no other for Python modules.
PROFILE = "legacy"
SWITCH = "SLIPWAY_AWS_FORK_MODULES"
# Read by Python, the C library or botocore as they start, which the main process did long ago.
READ_AT_START = ("AWS_DATA_PATH", "HOME", "LANG", "LANGUAGE", "TZ")
PREFIXES_READ_AT_START = ("LC_", "LD_", "PYTHON", "MALLOC_", "GLIBC_", "ANSIBLE_")


class Situation(NamedTuple):
    """What decides how a module is run."""

    core: str
    has_interface: bool
    platform: str
    threads: int
    switch: str
    background: int
    become: bool
    connection: str
    interpreter: object
    own_interpreter: str
    environment: dict[str, Any]
    keep_files: bool
    debug: bool
    instrumented: bool


def explain_ordinary(situation: Situation) -> str:
    """Why a module must be run in the ordinary way; "" if it may run in a fork of the worker."""
    reasons = {
        "it is switched off": not is_on(situation.switch),
        f"it is not tested with ansible-core {situation.core}": not situation.has_interface
        or ".".join(situation.core.split(".")[:2]) not in TESTED_CORE,
        # macOS has libraries that do not work in a fork.
        f"it is for Linux, not for {situation.platform}": situation.platform != "linux",
        "the worker has several threads": situation.threads != 1,
        "the task is asynchronous": bool(situation.background),
        "the task becomes another user": situation.become,
        f"the connection is {situation.connection}": situation.connection != "ansible.builtin.local",
        "the interpreter is not the controller's own": situation.interpreter != situation.own_interpreter,
        "files are to be kept": situation.keep_files,
        "ansible-core debugs": situation.debug,
        "the module is to be debugged or measured": situation.instrumented,
    }
    reasons.update({f"{name} is set for the task": is_read_at_start(name) for name in situation.environment})
    return next((reason for reason, applies in reasons.items() if applies), "")


def is_on(switch: str) -> bool:
    """Whether a switch is on; off as well if it is not understood."""
    try:
        return boolean(switch)
    except TypeError:
        return False


def is_read_at_start(name: object) -> bool:
    name = str(name)
    return not name.isidentifier() or name in READ_AT_START or name.startswith(PREFIXES_READ_AT_START)


def preload(module: str) -> None:
    """Import a module, and so all that it imports, once for all forks. Where that fails, the task says so itself."""
    if is_on(os.environ.get(SWITCH, "yes")) and HAS_INTERFACE:
        with suppress(Exception):
            importlib.import_module(module)
            if "boto3" in sys.modules:
                _botocore_data.read_data()


def run_module(name: str, parameters: bytes) -> None:
    """In a fork: be the program that core would have built around a module."""
    # What core, as a program with an inventory, set up in the code that it shares with modules.
    _internal.is_controller = False
    _traceback._is_traceback_enabled = _traceback._is_module_traceback_enabled
    _traceback._module_tracebacks_enabled_events = None
    basic._PARSED_MODULE_ARGS = None
    sys.argv = [""]
    sys.modules.pop(name, None)  # it is __main__ now; what it imports stays
    if "boto3" in sys.modules:
        with suppress(Exception):
            _botocore_data.give_data(_botocore_data.read_data())
    _loader.run_module(
        json_params=parameters,
        profile=PROFILE,
        module_fqn=name,
        modlib_path=os.path.dirname(os.path.dirname(basic.__file__)),
        extensions={},
    )


class ControllerModule(OrdinaryActionModule):
    """Runs the module of the task's name."""

    # Set while a module is to run in a fork: its name in Python, its parameters, its environment.
    _is_forked = False
    _module = ""
    _parameters = b""
    _environment: dict[str, Any] | None = None

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        reason = explain_ordinary(self._look(task_vars or {}))
        if reason:
            display.vvv(f"{self._task.action} runs in the ordinary way: {reason}")
        self._is_forked = not reason
        return super().run(tmp, task_vars)

    def _look(self, task_vars: dict[str, Any]) -> Situation:
        host_vars = task_vars
        if self._task.delegate_to:
            host_vars = task_vars.get("ansible_delegated_vars", {}).get(self._task.delegate_to, {})
        environment: dict[str, Any] = {}
        interpreter = None
        with suppress(AnsibleError):  # a template that cannot be rendered is told in the ordinary way
            self._compute_environment_string(environment)
            interpreter = self._templar.template(host_vars.get("ansible_python_interpreter"))
        return Situation(
            core=core_version,
            has_interface=HAS_INTERFACE,
            platform=sys.platform,
            threads=threading.active_count(),
            switch=os.environ.get(SWITCH, "yes"),
            background=self._task.async_val,
            become=self._connection.become is not None,
            connection=getattr(self._connection, "ansible_name", ""),
            interpreter=interpreter,
            own_interpreter=sys.executable,
            environment=environment,
            keep_files=constants.DEFAULT_KEEP_REMOTE_FILES,
            debug=constants.DEFAULT_DEBUG,
            instrumented=any(name.startswith("_ANSIBLE_ANSIBALLZ_") for name in os.environ)
            or bool(constants.config.get_config_value("PYTHON_MODULE_RLIMIT_NOFILE", variables=task_vars)),
        )

    def _is_pipelining_enabled(self, *arguments: Any, **options: Any) -> bool:
        # Nothing is written to disk for a module in a fork, as with pipelining.
        return self._is_forked or super()._is_pipelining_enabled(*arguments, **options)

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> Any:
        if not self._is_forked:
            return super()._configure_module(module_name=module_name, module_args=module_args, task_vars=task_vars)
        found = self._shared_loader_obj.module_loader.find_plugin_with_context(
            module_name, ".py", collection_list=self._task.collections
        )
        encoder = get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE)
        try:
            text = json.dumps({"ANSIBLE_MODULE_ARGS": module_args}, cls=encoder)
        except TypeError as error:
            raise AnsibleError(f"Failed to serialize arguments for the {module_name!r} module.") from error
        namespace, collection, name = found.resolved_fqcn.split(".")
        self._module = f"ansible_collections.{namespace}.{collection}.plugins.modules.{name}"
        self._parameters = text.encode()
        self._environment = {}
        self._compute_environment_string(self._environment)
        built = _BuiltModule(
            b_module_data=self._parameters,
            module_style="new",
            shebang=f"#!{sys.executable}",
            serialization_profile=PROFILE,
        )
        return built, found.plugin_resolved_path

    def _low_level_execute_command(self, cmd: str, *arguments: Any, **options: Any) -> Any:
        if not self._is_forked or options.get("in_data") is not self._parameters:
            return super()._low_level_execute_command(cmd, *arguments, **options)
        display.vvv(f"FORK {self._module}", host=self._play_context.remote_addr)
        ended = run_forked(
            functools.partial(run_module, self._module, self._parameters),
            {name: str(value) for name, value in (self._environment or {}).items()},
            self._loader.get_basedir(),
        )
        stdout, stderr = (text.decode(errors="surrogateescape") for text in (ended.stdout, ended.stderr))
        return {
            "rc": ended.code if ended.code >= 0 else 128 - ended.code,  # a signal, as a shell tells of it
            "stdout": stdout,
            "stdout_lines": stdout.splitlines(),
            "stderr": stderr,
            "stderr_lines": stderr.splitlines(),
        }
