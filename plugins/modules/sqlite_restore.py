#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: sqlite_restore
version_added: 0.2.0
short_description: Put a backup of a SQLite database in its place, take that back, or test a backup
description:
  - Unpacks a backup beside the database, compares its checksum, and verifies it (C(PRAGMA integrity_check),
    C(PRAGMA foreign_key_check)), before anything is changed.
  - Refuses to replace a database that any process holds open, or the C(-wal) or C(-shm) beside it, and names the
    process. Whoever has it open would go on with the old one, and damage the new one.
  - Sets the earlier database aside together with its C(-wal), C(-shm) and C(-journal), so that none of them meets
    the new one, into a directory C(<database>.before-restore-<UTC time>) beside it. These directories are never
    removed.
  - Keeps the owner and the mode of the database.
  - A run that is killed leaves the earlier database complete, in its place or in that directory; the next run finishes.
  - Needs root, since nobody else can see which processes hold a file open.
options:
  database:
    description:
      - Path of the database. It may be missing.
    type: path
    required: true
  directory:
    description:
      - Directory with the backups on this host, as M(slipway.aws.sqlite_backup) makes them. It must exist for
        O(source=s3) too, which is unpacked from there.
    type: path
    required: true
  state:
    description:
      - With V(restored), the backup is in the place of the database. Nothing changes if the database already has the
        backup's content.
      - With V(undone), the database is there again that O(set_aside), or else the last restore, has set aside. The one
        that the restore had brought is set aside in its turn, into C(<database>.before-undo-<UTC time>). Nothing
        changes if there is nothing to put back.
      - With V(tested), the backup is unpacked into O(directory), verified, and removed again. The database is not
        touched, and may be in use.
    type: str
    choices: [restored, undone, tested]
    default: restored
  backup:
    description:
      - Name of the backup. If not set, the newest good one.
    type: str
  source:
    description:
      - Where the backup comes from.
    type: str
    choices: [disk, s3]
    default: disk
  set_aside:
    description:
      - With O(state=undone), the place that is put back, as RV(restore.set_aside) told it. With it, a second run
        changes nothing.
    type: path
  allow_violations:
    description:
      - Whether the backup may hold rows that violate a foreign key.
    type: bool
    default: true
  timeout:
    description:
      - How many seconds to wait for another backup or restore that is at work.
    type: int
    default: 60
  bucket:
    description:
      - S3 bucket with the backups. Required with O(source=s3).
    type: str
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
  - slipway.aws._sqlite
attributes:
  check_mode:
    details:
      - The backup is fetched, unpacked and verified in check mode too, and removed again. Processes that hold the
        database open are then a warning, since they may be stopped by the time it counts.
  idempotent:
    support: partial
    details:
      - O(state=undone) without O(set_aside) takes back one restore more each time.
seealso:
  - module: slipway.aws.sqlite_backup
  - module: slipway.aws.sqlite_info
"""

EXAMPLES = r"""
- name: Restore the newest backup of this host
  slipway.aws.sqlite_restore:
    database: /var/lib/shop/app.db
    directory: /var/backups/shop
  register: restored

- name: Take that back
  slipway.aws.sqlite_restore:
    database: /var/lib/shop/app.db
    directory: /var/backups/shop
    state: undone
    set_aside: "{{ restored.restore.set_aside }}"

- name: Restore a certain backup from S3
  slipway.aws.sqlite_restore:
    database: /var/lib/shop/app.db
    directory: /var/backups/shop
    backup: app.db-20250331T020000123Z
    source: s3
    bucket: shop-backups-123456789012
    prefix: sqlite/shop

- name: See that the newest backup could be restored
  slipway.aws.sqlite_restore:
    database: /var/lib/shop/app.db
    directory: /var/backups/shop
    state: tested
"""

RETURN = r"""
restore:
  description: What was done, or would be.
  returned: success
  type: dict
  contains:
    backup:
      description: Name of the backup that was restored or tested.
      type: str
      returned: state is not undone
      sample: app.db-20250331T020000123Z
    restored:
      description: The place aside that was put back; empty if there was nothing to put back.
      type: str
      returned: state=undone
      sample: /var/lib/shop/app.db.before-restore-20250331T091502017Z
    set_aside:
      description:
        - Where the database that was there before is now; empty if there was none, if nothing was changed, and in check
          mode.
      type: str
      returned: state is not tested
      sample: /var/lib/shop/app.db.before-restore-20250331T091502017Z
    foreign_key_violations:
      description: How many rows of the backup violate a foreign key.
      type: int
      returned: state is not undone
      sample: 0
    tables:
      description: How many tables it has.
      type: int
      returned: state=tested
      sample: 12
    user_version:
      description: The number that the application gave its schema (C(PRAGMA user_version)).
      type: int
      returned: state=tested
      sample: 0
    seconds:
      description: How long unpacking and verifying took.
      type: float
      returned: state=tested
      sample: 4.2
"""

import contextlib
import os
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from typing import Any


def warn_of_holders(module: AnsibleModule, holders: list[dict[str, Any]]) -> None:
    if module.check_mode and holders:
        named = ", ".join(f"{item['pid']} ({item['command']})" for item in holders)
        module.warn(f"The database is held open by {named}. It is replaced only when they have let go.")


def undo(module: AnsibleModule, database: str) -> dict[str, Any]:
    params = module.params
    with contextlib.ExitStack() as stack:
        with _sqlite.acting_as(database):
            stack.enter_context(_sqlite.locked(params["directory"], params["timeout"]))
        done = _sqlite.undo_restore(database, params["set_aside"], module.check_mode)
    warn_of_holders(module, done.pop("holders", []))
    changed = done.pop("changed")
    return module_result("restore", changed, {"restored": ""}, done, module._diff)


def restore(module: AnsibleModule, database: str) -> dict[str, Any]:
    params, store = module.params, None
    if params["source"] == "s3":
        store = _sqlite.Store(params["uploader"], params["bucket"], params["prefix"], params["region"])
    with contextlib.ExitStack() as stack:
        with _sqlite.acting_as(database):
            stack.enter_context(_sqlite.locked(params["directory"], params["timeout"]))
            found = _sqlite.found_backup(database, params["directory"], params["backup"], store)
            folder, manifest = stack.enter_context(found)
            if params["state"] == "tested":
                done = _sqlite.test_backup(params["directory"], folder, manifest)
                return {"changed": False, "restore": {"backup": manifest["id"], **done}}
        done = _sqlite.restore_backup(database, folder, manifest, params["allow_violations"], module.check_mode)
    warn_of_holders(module, done.pop("holders"))
    changed = done.pop("changed")
    after = {"backup": manifest["id"], **done}
    return module_result("restore", changed, {"backup": "" if changed else manifest["id"]}, after, module._diff)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "path", "required": True},
            "directory": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["restored", "undone", "tested"], "default": "restored"},
            "backup": {"type": "str"},
            "source": {"type": "str", "choices": ["disk", "s3"], "default": "disk"},
            "set_aside": {"type": "path"},
            "allow_violations": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 60},
            **_sqlite.S3_ARGUMENTS,
        },
        required_if=[("source", "s3", ("bucket",))],
        supports_check_mode=True,
    )
    if is_unknown(module.params["bucket"]) or is_unknown(module.params["backup"]):
        if not module.check_mode:
            module.fail_json(msg=f"bucket or backup: {UNKNOWN} is a placeholder of check mode, not a value.")
        # What is not there yet cannot be looked at.
        module.exit_json(changed=module.params["state"] == "restored", restore={"backup": UNKNOWN, "set_aside": ""})
    database = os.path.realpath(module.params["database"])
    try:
        result = (undo if module.params["state"] == "undone" else restore)(module, database)
    except _sqlite.SqliteError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
