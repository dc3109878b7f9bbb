# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the SQLite database that the two slots share, and the backups made before releases.
# Standard library only, because it runs on managed hosts.

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# For the backup that the timer may be making, and for a lock on the database.
LOCK_TIMEOUT = 300


class Data:
    def __init__(self, database: str, backup_directory: str) -> None:
        self.database = os.path.realpath(database)
        self.backup_directory = backup_directory

    def exists(self) -> bool:
        """Whether there is anything to keep: a file without a byte is a database that nobody has used."""
        return os.path.isfile(self.database) and os.path.getsize(self.database) > 0

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """The lock on the backups, taken with the rights of the database's owner, which end before the lock does."""
        with contextlib.ExitStack() as stack:
            with _sqlite.acting_as(self.database):
                stack.enter_context(_sqlite.locked(self.backup_directory, LOCK_TIMEOUT))
            yield

    def back_up(self, release: str, keep: int) -> dict[str, Any]:
        """Make a backup before a release, and keep so many of those."""
        _sqlite.make_directory(self.backup_directory, self.database)
        with self._locked(), _sqlite.acting_as(self.database):
            backup = _sqlite.make_backup(
                self.database, self.backup_directory, require_wal=False, timeout=LOCK_TIMEOUT, release=release
            )
            _sqlite.remove_backups_before_releases(self.backup_directory, self.database, keep)
        return backup

    def make_private(self, directory: str) -> None:
        """Make a directory for the database's owner alone."""
        owner = os.stat(self.database)
        os.mkdir(directory, 0o700)
        os.chown(directory, owner.st_uid, owner.st_gid)

    def unpack(self, backup: dict[str, Any], target: str) -> None:
        with _sqlite.acting_as(self.database):
            _sqlite.unpack_backup(os.path.join(self.backup_directory, backup["id"]), backup, target)

    def read_schema(self) -> str:
        """'' without a database."""
        with _sqlite.acting_as(self.database):
            return _sqlite.read_schema(self.database)

    def find_written(self, backup: str) -> list[str]:
        """The tables that were written to since the backup; none if there is no database."""
        if not self.exists():
            return []
        with (
            self._found(backup) as (folder, manifest),
            _sqlite.acting_as(self.database),
            _sqlite.working_directory(self.backup_directory, f"{_sqlite.MAKING}compare-") as work,
        ):
            earlier = os.path.join(work, "earlier")
            _sqlite.unpack_backup(folder, manifest, earlier)
            return _sqlite.find_written(self.database, earlier)

    def put_back(self, backup: str) -> str:
        """Restore the backup; returns where the database that was there is set aside, '' if that was the same."""
        with self._found(backup) as (folder, manifest):
            return _sqlite.restore_backup(self.database, folder, manifest)["set_aside"]

    @contextlib.contextmanager
    def _found(self, backup: str) -> Iterator[tuple[str, dict[str, Any]]]:
        with self._locked(), contextlib.ExitStack() as stack:
            with _sqlite.acting_as(self.database):
                found = stack.enter_context(_sqlite.found_backup(self.database, self.backup_directory, backup))
            yield found
