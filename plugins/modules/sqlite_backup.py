#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: sqlite_backup
version_added: 0.2.0
short_description: Back up a SQLite database that is in use
description:
  - Copies one snapshot of a database through SQLite's backup API, in one step, so that the copy also ends beside a
    process that commits all the time. In WAL mode, nobody who writes has to wait for it.
  - Verifies the copy (C(PRAGMA integrity_check), C(PRAGMA foreign_key_check)), compresses it, and gives it its final
    name when all of it is on the disk. A run that fails or is killed leaves no backup, and no good one less.
  - Removes old backups afterwards, and only if the new one is good.
  - A backup is a directory C(<file name>-<UTC time>) with the compressed database and C(manifest.json), which has its
    SHA-256 checksum.
  - Needs nothing on the host but Python 3.11; with C(zstd) installed it compresses several times faster, and better.
  - As root it acts as the owner of the database, to whom the backups then belong.
options:
  database:
    description:
      - Path of the database.
    type: path
    required: true
  directory:
    description:
      - Directory for the backups, on this host. It is made, readable for the database's owner alone, if it is missing.
    type: path
    required: true
  max_age:
    description:
      - Make no backup if the newest good one is younger than this many seconds.
      - With V(0), one is made in any case.
    type: int
    default: 0
  keep_days:
    description:
      - Good backups older than this are removed when a new one is good. If not set, none is removed.
    type: int
  keep_last:
    description:
      - How many of the newest good backups are kept however old they are; at least one always is.
      - Those that M(slipway.aws.release_slots) made before releases do not count, and are not removed here.
    type: int
    default: 3
  require_wal:
    description:
      - Whether a database that is not in WAL mode is refused. There, nobody can write while the copy is made, which
        takes seconds for each GiB.
      - With V(false) it is backed up, with a warning.
    type: bool
    default: true
  allow_violations:
    description:
      - Whether a backup may hold rows that violate a foreign key, which SQLite lets applications write unless they ask
        it not to. Such a backup is a true copy of such data; it comes with a warning.
      - With V(false) it is refused.
    type: bool
    default: true
  timeout:
    description:
      - How many seconds to wait for a database that is locked, and for another backup or restore that is at work.
    type: int
    default: 60
  bucket:
    description:
      - S3 bucket that gets each good backup that it has not got yet, before old ones are removed here.
      - Needs the uploader that the role C(sqlite_backup) installs.
    type: str
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
  - slipway.aws._sqlite
attributes:
  idempotent:
    support: partial
    details:
      - Each run makes a backup, unless O(max_age) says that there is one.
seealso:
  - module: slipway.aws.sqlite_restore
  - module: slipway.aws.sqlite_info
"""

EXAMPLES = r"""
- name: Back up the database
  slipway.aws.sqlite_backup:
    database: /var/lib/shop/app.db
    directory: /var/backups/shop

- name: Have a backup that is no older than an hour, here and in S3, and keep those of a week
  slipway.aws.sqlite_backup:
    database: /var/lib/shop/app.db
    directory: /var/backups/shop
    max_age: 3600
    keep_days: 7
    bucket: shop-backups-123456789012
    prefix: sqlite/shop
"""

RETURN = r"""
backup:
  description:
    - The newest good backup after the run. In check mode, what is not known before it is made reads
      V((known after apply\)).
  returned: success
  type: dict
  contains:
    id:
      description: Its name.
      type: str
      returned: success
      sample: app.db-20250331T020000123Z
    created:
      description: When its snapshot was taken, UTC.
      type: str
      returned: success
      sample: "2025-03-31T02:00:00.123Z"
    size:
      description: Bytes of the compressed file.
      type: int
      returned: success
      sample: 411041792
    sha256:
      description: Checksum of the compressed file.
      type: str
      returned: success
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    database_size:
      description: Bytes of the database in it.
      type: int
      returned: success
      sample: 1073741824
    foreign_key_violations:
      description: How many of its rows violate a foreign key.
      type: int
      returned: success
      sample: 0
    uploaded:
      description: Where in S3 it is too; empty if nowhere.
      type: str
      returned: success
      sample: s3://shop-backups-123456789012/sqlite/shop/
uploaded:
  description: Backups that were sent to S3 (in check mode, those of now that would be).
  returned: success
  type: list
  elements: str
  sample: [app.db-20250331T020000123Z]
removed:
  description:
    - Backups that were removed, or would be.
  returned: success
  type: list
  elements: str
  sample: [app.db-20250323T020000123Z]
"""

import datetime
import os
import time
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from typing import Any

PLANNED = dict.fromkeys(
    ("id", "created", "size", "sha256", "database_size", "foreign_key_violations", "uploaded"), UNKNOWN
)


def is_due(newest: dict[str, Any] | None, max_age: int, now: float) -> bool:
    age = _sqlite.find_age([newest] if newest else [], now)
    return age is None or age >= max_age


def plan(params: dict[str, Any], due: bool, backups: list[dict[str, Any]], place: str) -> dict[str, Any]:
    """What a run would do. It refuses here what it would refuse for want of a file."""
    if due:
        _sqlite.require_file(params["database"], "back up")
    uploaded = [item["id"] for item in reversed(backups) if place and item.get("uploaded") != place]
    after = dict(PLANNED) if due else backups[0]
    removed = []
    if due and params["keep_days"] is not None:
        # The new one will count among the last.
        new = _sqlite.name_backup(params["database"], datetime.datetime.now(_sqlite.UTC))
        ids = [new, *_sqlite.list_regular(backups)]
        removed = _sqlite.choose_expired(ids, time.time(), params["keep_days"], params["keep_last"])
    return {"backup": after, "uploaded": uploaded, "removed": removed}


def make(params: dict[str, Any], due: bool, newest: dict[str, Any] | None, store: Any) -> dict[str, Any]:
    database, directory = params["database"], params["directory"]
    backup = newest
    if due:
        backup = _sqlite.make_backup(
            database, directory, params["require_wal"], params["allow_violations"], params["timeout"]
        )
    uploaded = _sqlite.upload_missing(directory, database, store) if store else []
    removed = []
    if due and params["keep_days"] is not None:
        removed = _sqlite.remove_expired(directory, database, params["keep_days"], params["keep_last"])
    if uploaded:
        backup = {**backup, "uploaded": store.place}
    return {"backup": backup, "uploaded": uploaded, "removed": removed}


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    database, directory = os.path.realpath(params["database"]), params["directory"]
    params["database"] = database
    store = None
    if params["bucket"]:
        store = _sqlite.Store(params["uploader"], params["bucket"], params["prefix"], params["region"])
    backups, _faulty = _sqlite.list_backups(directory, database)
    newest = backups[0] if backups else None
    if module.check_mode:
        due = is_due(newest, params["max_age"], time.time())
        done = plan(params, due, backups, store.place if store else "")
    else:
        _sqlite.require_file(database, "back up")
        _sqlite.make_directory(directory, database)
        with _sqlite.acting_as(database), _sqlite.locked(directory, params["timeout"]):
            # Another process may have made one while this one waited for the lock.
            backups, _faulty = _sqlite.list_backups(directory, database)
            newest = backups[0] if backups else None
            due = is_due(newest, params["max_age"], time.time())
            done = make(params, due, newest, store)
            if due and done["backup"]["journal_mode"] != "wal":
                module.warn(f"{database} is not in WAL mode: nobody could write to it while it was copied.")
            if done["backup"]["foreign_key_violations"]:
                count = done["backup"]["foreign_key_violations"]
                module.warn(f"{database} has {count} violations of foreign keys; the backup holds them as they are.")
    result = module_result("backup", due or bool(done["uploaded"]), newest, done["backup"], module._diff)
    return {**result, "uploaded": done["uploaded"], "removed": done["removed"]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "path", "required": True},
            "directory": {"type": "path", "required": True},
            "max_age": {"type": "int", "default": 0},
            "keep_days": {"type": "int"},
            "keep_last": {"type": "int", "default": 3},
            "require_wal": {"type": "bool", "default": True},
            "allow_violations": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 60},
            **_sqlite.S3_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    if is_unknown(module.params["bucket"]) and not module.check_mode:
        module.fail_json(msg=f"bucket: {UNKNOWN} is a placeholder of check mode, not a value.")
    try:
        result = run(module)
    except _sqlite.SqliteError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
