#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: sqlite_info
version_added: 0.2.0
short_description: A SQLite database, who has it open, and its backups
description:
  - Reads what a database says of itself, which processes hold it open, the backups that
    M(slipway.aws.sqlite_backup) has made of it, and what restores have set aside.
  - Of a backup it looks at the manifest and the size. M(slipway.aws.sqlite_restore) proves one, with
    O(slipway.aws.sqlite_restore#module:state=tested).
options:
  database:
    description:
      - Path of the database.
    type: path
    required: true
  directory:
    description:
      - Directory with its backups on this host. If not set, no backups are listed.
    type: path
  integrity:
    description:
      - Whether to check the database itself (C(PRAGMA integrity_check)), which reads all of it.
    type: bool
    default: false
  timeout:
    description:
      - How many seconds to wait for a database that is locked.
    type: int
    default: 10
  bucket:
    description:
      - S3 bucket whose backups of the database are listed too.
    type: str
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
  - slipway.aws._sqlite
attributes:
  check_mode:
    details:
      - This module does not modify state.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    details:
      - This module does not modify state.
seealso:
  - module: slipway.aws.sqlite_backup
  - module: slipway.aws.sqlite_restore
"""

EXAMPLES = r"""
- name: Look at the database and its backups
  slipway.aws.sqlite_info:
    database: /var/lib/shop/app.db
    directory: /var/backups/shop
  register: found

- name: Fail if the newest backup is older than a day
  ansible.builtin.assert:
    that: found.newest_backup_age is not none and found.newest_backup_age < 86400
"""

RETURN = r"""
database:
  description: The database.
  returned: success
  type: dict
  contains:
    path:
      description: Its path, without links.
      type: str
      returned: success
      sample: /var/lib/shop/app.db
    exists:
      description: Whether it exists. The other keys are there only if it does.
      type: bool
      returned: success
      sample: true
    size:
      description: Its size in bytes, without what is in the C(-wal).
      type: int
      returned: when it exists
      sample: 1073741824
    wal_size:
      description: Size of the C(-wal) in bytes.
      type: int
      returned: when it exists
      sample: 4120032
    journal_mode:
      description: Its journal mode; V(wal) is the one in which readers and writers do not wait for each other.
      type: str
      returned: when it exists
      sample: wal
    page_size:
      description: Bytes of a page.
      type: int
      returned: when it exists
      sample: 4096
    page_count:
      description: How many pages it has, with those that are in the C(-wal).
      type: int
      returned: when it exists
      sample: 262144
    user_version:
      description: The number that the application gave its schema.
      type: int
      returned: when it exists
      sample: 0
    integrity:
      description: What the check found; V([ok]) if nothing is wrong.
      type: list
      elements: str
      returned: when it exists, with O(integrity=true)
      sample: [ok]
holders:
  description: The processes that hold the database or a file beside it open. Only root sees those of others.
  returned: success
  type: list
  elements: dict
  contains:
    pid:
      description: Process id.
      type: int
      returned: success
      sample: 812
    command:
      description: Name of its program.
      type: str
      returned: success
      sample: python
    unit:
      description: Unit of systemd that it belongs to; empty if to none.
      type: str
      returned: success
      sample: shop-a.service
    files:
      description: Which of the files it has open.
      type: list
      elements: str
      returned: success
      sample: [/var/lib/shop/app.db]
backups:
  description:
    - The good backups, newest first, as in their manifests (see M(slipway.aws.sqlite_backup)).
    - Those that M(slipway.aws.release_slots) made before a release name that in C(release).
  returned: success
  type: list
  elements: dict
  sample: [{"id": "app.db-20250331T020000123Z", "size": 411041792}]
faulty_backups:
  description: What looks like a backup and is none, with the reason in C(fault).
  returned: success
  type: list
  elements: dict
  sample: []
newest_backup_age:
  description: Seconds since the newest good backup was made; none without any.
  returned: success
  type: float
  sample: 3600.5
s3_backups:
  description: Names of the complete backups in S3, newest first.
  returned: with O(bucket)
  type: list
  elements: str
  sample: [app.db-20250331T020000123Z]
set_aside:
  description:
    - Where restores have set earlier databases aside, newest first. These take disk space until somebody removes them.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/shop/app.db.before-restore-20250331T091502017Z]
"""

import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils import _sqlite

if TYPE_CHECKING:
    from typing import Any


def size_of(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0


def read_database(path: str, integrity: bool, timeout: int) -> dict[str, Any]:
    if not os.path.isfile(path):
        return {"path": path, "exists": False}
    # Opened as its owner would: SQLite may have to make the files beside it, which must belong to the owner.
    with _sqlite.acting_as(path), _sqlite.explained(f"read {path}"):
        with closing(_sqlite.connect(path, "mode=rw", timeout)) as connection:
            connection.execute("PRAGMA query_only = ON")
            names = ("journal_mode", "page_size", "page_count", "user_version")
            found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
            if integrity:
                found["integrity"] = [row[0] for row in connection.execute("PRAGMA integrity_check(20)")]
        return {"path": path, "exists": True, "size": size_of(path), "wal_size": size_of(f"{path}-wal"), **found}


def run(params: dict[str, Any]) -> dict[str, Any]:
    path, directory = os.path.realpath(params["database"]), params["directory"]
    backups, faulty = _sqlite.list_backups(directory, path) if directory else ([], [])
    result = {
        "changed": False,
        # Before this module opens it.
        "holders": _sqlite.find_holders(path),
        "database": read_database(path, params["integrity"], params["timeout"]),
        "backups": backups,
        "faulty_backups": faulty,
        "newest_backup_age": _sqlite.find_age(backups, time.time()),
        "set_aside": _sqlite.list_set_aside(path) if os.path.isdir(os.path.dirname(path)) else [],
    }
    if params["bucket"]:
        store = _sqlite.Store(params["uploader"], params["bucket"], params["prefix"], params["region"])
        result["s3_backups"] = store.list_ids(path)
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "path", "required": True},
            "directory": {"type": "path"},
            "integrity": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 10},
            **_sqlite.S3_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    try:
        result = run(module.params)
    except _sqlite.SqliteError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
