# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: runs a release on a copy of the database before it gets the real one. Standard library
# only, because it runs on managed hosts.
#
# The slot's units run under other names, with the copy mounted where the data is: the release finds it there whatever
# says where it looks. They are units of their own because a setting that is left behind by a killed run must never
# come to a unit that becomes live, which would then write into the copy. They are below /run, and gone after a reboot.

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import ReleaseError
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import name_beside
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import remove_file
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import write_file

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._release_slots.data import Data
    from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import Application
    from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotFiles

UNIT_DIRECTORY = "/run/systemd/system"
# The copy, and as much again for what a migration writes: it may copy each table.
SPACE = 2
SPARE = 16 << 20


def adapt_unit(text: str, copy: str, data_directory: str) -> str:
    """A slot's unit as it is rehearsed: once, on the copy, which nothing has to be spared for in the end."""
    source, target = (path.replace("%", "%%").replace(":", "\\:") for path in (copy, data_directory))
    return f"{text.rstrip()}\n\n[Service]\nBindPaths={source}:{target}\nRestart=no\nTimeoutStopSec=5\n"


class Rehearsal:
    def __init__(self, app: Application, directory: str, data: Data) -> None:
        self.app = app
        self.data = data
        self.directory = os.path.join(directory, app.name)
        self.unit = f"{app.name}-rehearsal.service"
        self.migration_unit = f"{app.name}-rehearsal-migrate.service"

    def _unit_files(self) -> list[str]:
        return [os.path.join(UNIT_DIRECTORY, unit) for unit in (self.unit, self.migration_unit)]

    def _all_files(self) -> list[str]:
        return [*self._unit_files(), *map(name_beside, self._unit_files())]

    def is_left(self) -> bool:
        """Whether a killed run has left one."""
        return any(os.path.exists(path) for path in [self.directory, *self._all_files()])

    def clear(self) -> None:
        """Stop it, and leave nothing of it."""
        if not self.is_left():
            return
        for path in self._unit_files():
            if os.path.exists(path):
                self.app.systemctl("stop", os.path.basename(path))
        if os.path.exists(self.directory):
            shutil.rmtree(self.directory)
        for path in self._all_files():
            remove_file(path)
        self.app.systemctl("daemon-reload")

    def prepare(self, files: SlotFiles, backup: dict[str, Any]) -> None:
        """Unpack the backup, and write the units of the slot that has these files."""
        needed = SPACE * backup["database_size"] + SPARE
        os.makedirs(os.path.dirname(self.directory), mode=0o755, exist_ok=True)
        free = shutil.disk_usage(os.path.dirname(self.directory)).free
        if free < needed:
            raise ReleaseError(
                f"there is not enough space to rehearse it on a copy of the database: the disk of {self.directory} has "
                f"{free >> 20} MiB free, and {(needed >> 20) + 1} MiB are needed ({SPACE} times the database and "
                f"{SPARE >> 20} MiB). Free some space there, or name another python_app_rehearsal_directory, or "
                "release without a rehearsal: python_app_rehearsal: false"
            )
        self.data.make_private(self.directory)
        self.data.unpack(backup, self.copy)
        self.write_units(files)

    @property
    def copy(self) -> str:
        return os.path.join(self.directory, os.path.basename(self.data.database))

    def write_units(self, files: SlotFiles) -> None:
        os.makedirs(UNIT_DIRECTORY, exist_ok=True)
        for path, text in zip(self._unit_files(), (files.unit, files.migration_unit)):  # noqa: B905
            if text is not None:
                write_file(path, adapt_unit(text, self.directory, os.path.dirname(self.data.database)), 0o644)
        self.app.systemctl("daemon-reload")

    def migrate(self) -> bool:
        """Run the migration on the copy; whether it changed the schema."""
        before = self._read_schema()
        self.app.migrate(self.migration_unit)
        return self._read_schema() != before

    def _read_schema(self) -> str:
        with _sqlite.acting_as(self.copy):
            return _sqlite.read_schema(self.copy)

    def answer(self, port: int, path: str, expected: Any, timeout: float) -> None:
        """Start the service on the copy, and stop it when it has answered as expected."""
        self.app.start(self.unit)
        self.app.wait_until_healthy(self.unit, port, path, expected, timeout)
        self.app.systemctl("stop", self.unit)
