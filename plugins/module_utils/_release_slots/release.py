# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the steps from one live release to the next, and the way back from any of them. Standard
# library only, because it runs on managed hosts.

from __future__ import annotations

import http.client
import os
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import HAProxyError
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import COMPLETION_MARKER
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import ReleaseError
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import Attempt
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotFiles
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import is_put_back
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import keep_fulfilled
from ansible_collections.slipway.aws.plugins.module_utils._sqlite import SqliteError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._release_slots.data import Data
    from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import Application
    from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import Proxy
    from ansible_collections.slipway.aws.plugins.module_utils._release_slots.rehearsal import Rehearsal

# What any step may fail with.
FAILURES = (ReleaseError, HAProxyError, SqliteError, OSError)
REACH_TIMEOUT = 30


class Release:
    def __init__(
        self,
        app: Application,
        proxy: Proxy,
        data: Data | None,
        rehearsal: Rehearsal | None,
        params: dict[str, Any],
        warn: Callable[[str], None],
    ) -> None:
        self.app = app
        self.proxy = proxy
        self.data = data
        self.rehearsal = rehearsal
        self.params = params
        self.warn = warn
        self.ports = {slot["name"]: slot["port"] for slot in params["slots"]}

    # Forward

    def start(self, slot: str, files: SlotFiles, live: str | None, live_files: SlotFiles | None) -> str:
        """Start a release beside the live one, up to a good answer to its health request.

        Returns the id of the backup that was made before; '' if there is no database.
        """
        app = self.app
        if not os.path.exists(os.path.join(app.release_directory(files.release), COMPLETION_MARKER)):
            raise ReleaseError(
                f"it is not on this host: {app.release_directory(files.release)} was not built to its end"
            )
        self.proxy.set_state(slot, "maint")
        app.finish_migration(slot)
        app.retire(slot)  # a run that was killed may have left it running
        backup = {"id": ""}
        health = self._ask_live(live)
        if self.data and self.data.exists():
            backup = self.data.back_up(files.release, self.params["keep_releases"])
            if backup["journal_mode"] != "wal":
                self.warn(f"{self.data.database} is not in WAL mode: nobody could write to it while it was copied.")
            if self.params["rehearsal"]:
                self._rehearse(slot, files, backup, live_files, health)
            attempt = app.read_attempt()
            if not attempt or attempt.release != files.release:  # or else what was before a run that was killed counts
                attempt = Attempt(files.release, backup["id"], self.data.read_schema(), health)
            app.write_attempt(attempt)
        app.write_slot(slot, files)
        if files.migration_unit is not None:
            app.migrate(app.migration_unit(slot))
        app.start(app.unit(slot))
        self._wait_until_healthy(app.unit(slot), slot, self.params["health_body"])
        return backup["id"]

    def switch(self, slot: str) -> None:
        """Make a slot live, and requests go to it."""
        self.app.set_live(slot)
        self.proxy.set_state(slot, "ready")
        if not self.proxy.wait(slot, timeout=REACH_TIMEOUT):
            raise ReleaseError(f"HAProxy does not reach slot {slot}, which is live; see the log of haproxy.service")
        self.app.remove_attempt()

    def drain(self, others: list[str]) -> bool:
        """Take the requests from the other slots, and stop them; whether they had answered all."""
        drained = True
        for other in others:
            self.proxy.set_state(other, "drain")
            drained = self.proxy.wait(other, self.params["drain_timeout"]) and drained
            self.proxy.set_state(other, "maint")
            self.app.retire(other)
        return drained

    def _rehearse(
        self, slot: str, files: SlotFiles, backup: dict[str, Any], live_files: SlotFiles | None, health: Any
    ) -> None:
        """Let a release show on a copy of the database that it can be migrated to and answers.

        If that changes the schema, so does the live release show that it can work with the new one: it will have to,
        from the migration until requests go to the next, and longer if that fails.
        """
        rehearsal, params = self.rehearsal, self.params
        whose = "rehearsed on a copy of the database, "
        try:
            self.app.write_slot(slot, files)
            rehearsal.prepare(files, backup)
            migrated = files.migration_unit is not None and rehearsal.migrate()
            rehearsal.answer(self.ports[slot], params["health_path"], params["health_body"], params["health_timeout"])
            if migrated and live_files is not None and health is not None:
                whose = (
                    f"the live release {live_files.release} does not work with the database that its migration leaves "
                    "(let it first add, and a later release remove): rehearsed on a copy, "
                )
                # The live release in the next one's place: its code and environment, on the other port.
                earlier = SlotFiles(live_files.release, files.unit, None, live_files.environment)
                self.app.write_slot(slot, earlier)
                rehearsal.write_units(earlier)
                rehearsal.answer(self.ports[slot], params["health_path"], health, params["health_timeout"])
        except ReleaseError as error:
            if error.unit is None:  # not the release's doing, but the host's
                raise
            raise ReleaseError(f"{whose}{error}", error.unit) from error
        finally:
            rehearsal.clear()

    def _wait_until_healthy(self, unit: str, slot: str, expected: Any) -> None:
        params = self.params
        self.app.wait_until_healthy(unit, self.ports[slot], params["health_path"], expected, params["health_timeout"])

    def _ask_live(self, live: str | None) -> Any:
        """What the live release answers of what is expected of the next; None if it does not answer well."""
        if live is None:
            return None
        try:
            answer = self.app.ask(self.ports[live], self.params["health_path"])
        except (OSError, http.client.HTTPException):
            return None
        return keep_fulfilled(*answer, self.params["health_body"])

    def finish_earlier(self, wanted: str, live: str | None, live_release: str | None) -> None:
        """Take away or finish what a run that was killed has left."""
        if self.rehearsal:
            self.rehearsal.clear()
        attempt = self.app.read_attempt()
        if attempt is None:
            return
        if attempt.release == live_release:
            self.app.remove_attempt()
        # The same release will migrate the database to the same, if there is one.
        elif attempt.release != wanted or not self.data or not self.data.exists():
            for slot in self.ports:
                self.app.stop_migration(slot)
            said = self.return_database(attempt, live)
            if said:
                self.warn(f"Release {attempt.release} was broken off by an earlier run. {' '.join(said)}")

    # Back

    def give_up(self, slot: str, earlier: SlotFiles, live: str | None) -> list[str]:
        """Return to the release that was live, with all that belongs to it; says what became of each part."""
        live_said = f"Slot {live} stays live and was not touched." if live else "No release is live."
        said, problems = [], []
        attempt = self.app.read_attempt()
        switched = self.app.read_live() == slot
        if live and switched:
            live_said = f"Slot {live} is live again."
        steps: list[Callable[[], Any]] = [
            lambda: self.app.return_live(live) if switched else None,
            lambda: self.proxy.set_state(slot, "maint"),
            lambda: self.app.retire(slot),
            # The release before the live one, as the way back to it.
            lambda: self.app.write_slot(slot, earlier),
            lambda: said.extend(self.return_database(attempt, live) if attempt else []),
        ]
        # Each of them is worth being done, whatever hinders the others.
        for step in steps:
            try:
                step()
            except FAILURES as error:
                problems.append(f"What could not be undone, the next run does: {error}")
        if live and said:
            live_said = f"Slot {live} is live as before."
        return [live_said, *said, *problems]

    def return_database(self, attempt: Attempt, live: str | None) -> list[str]:
        """Put the database back if the release that stays live needs that, or if nothing is lost by it."""
        data = self.data
        if data is None:
            self.app.remove_attempt()
            return []
        said = []
        changed = data.read_schema() != attempt.schema
        written = data.find_written(attempt.backup) if changed else []
        answers = self._works(live, attempt.health)
        if is_put_back(changed, written, answers):
            said += self._put_back(attempt, live, answers)
        elif changed:
            said += self._keep(attempt, written)
        if live:
            unit = self.app.unit(live)
            if not self.app.is_active(unit):
                self.app.start(unit)
            try:
                self._wait_until_healthy(unit, live, attempt.health)
            except ReleaseError as error:
                said.append(f"Slot {live} does not answer: {error}.")
        self.app.remove_attempt()
        return said

    def _works(self, live: str | None, health: Any) -> bool:
        """Whether the live release answers as well as it did before."""
        if live is None:
            return False
        if health is None:
            return self.app.is_active(self.app.unit(live))
        return self.app.probe(self.ports[live], self.params["health_path"], health) is None

    def _put_back(self, attempt: Attempt, live: str | None, answers: bool) -> list[str]:
        if live:
            self.app.systemctl("stop", self.app.unit(live))
        try:
            if answers:
                # Its last requests may have written.
                written = self.data.find_written(attempt.backup)
                if written:
                    return self._keep(attempt, written)
            aside = self.data.put_back(attempt.backup)
        finally:
            if live:
                self.app.start(self.app.unit(live))
        said = [f"The database was put back from {attempt.backup}, which was made before."]
        if aside:
            said.append(f"As the migration left it, it is in {aside}.")
        if live:
            said.append(f"Slot {live} was stopped for that moment.")
        return said

    def _keep(self, attempt: Attempt, written: list[str]) -> list[str]:
        return [
            f"The database keeps what the migration did: the live release works with it, and {', '.join(written)} "
            f"{'has' if len(written) == 1 else 'have'} other rows than before.",
            f"As it was before, it is in the backup {attempt.backup}.",
        ]
