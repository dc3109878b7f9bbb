#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: release_slots
version_added: 0.1.0
short_description: Make a release live in one of two slots behind HAProxy, without losing a request
description:
  - An application has two slots on its host. One is live; the other is where the next release is started.
  - The module compares the live slot with what is wanted of it. If release, environment or unit differ, or its service
    does not run, it prepares the other slot, runs its migration, starts it, asks it for its health until the answer
    is the one expected, makes it live, sends requests to it, waits until the old one has answered those it had,
    and stops that.
  - Until the new slot is made live, the old one is not touched. If anything fails before, the new slot is stopped and
    gets back the files that it had, and the task fails with the reason and the last lines of its log.
  - With O(database), all of that is rehearsed on a copy of the database first. If it fails on the database itself
    nevertheless, and has changed the schema or the record of migrations there, the database is put back from the backup
    that was made before, and what it was is set aside beside it (as M(slipway.aws.sqlite_restore) does); for that
    moment the live release is stopped. It is not put back if the live release has written to it since and works with
    the new schema. Rows that a migration which failed had changed without a transaction, and without a trace in the
    schema, are not noticed.
  - A run that was interrupted anywhere is finished by the next one. If its task still goes on, the next one waits for
    that, up to 300 seconds.
  - Runs on the host, and needs nothing there but Python, systemd and HAProxy.
options:
  name:
    description:
      - Name of the application.
      - Its units are called C(<name>-<slot>.service) and C(<name>-<slot>-migrate.service).
    type: str
    required: true
  release:
    description:
      - Id of the release, the name of its directory in C(releases) below O(directory).
      - It must have been built to its end there (M(slipway.aws.uv_release)).
    type: str
    required: true
  directory:
    description:
      - Directory of the application, with C(releases), C(slots) and the link C(live).
    type: path
    required: true
  configuration_directory:
    description:
      - Directory of the slots' environment files, C(<slot>.env), which only root can read.
    type: path
    required: true
  slots:
    description:
      - The two slots.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the slot.
        type: str
        required: true
      port:
        description: Port on the loopback address that the slot's service listens on.
        type: int
        required: true
      server:
        description: Name of the slot's server in HAProxy.
        type: str
        required: true
      unit:
        description: Text of the slot's systemd service.
        type: str
        required: true
      migration_unit:
        description:
          - Text of a service of type C(oneshot) that is run before the slot is started.
          - Without it, nothing is.
        type: str
  environment:
    description:
      - Variables for the service's environment. They are shown in diffs.
    type: dict
    default: {}
  secret_environment:
    description:
      - Further variables, whose values are never shown.
    type: dict
    default: {}
  health_path:
    description:
      - Path to ask the new slot for, on its own port, before it gets traffic.
      - The answer's status must be 200.
    type: str
    default: /health
  health_body:
    description:
      - What the answer must hold besides. A dict is compared with the keys of a JSON object, a string must occur in it.
    type: raw
  health_timeout:
    description:
      - How many seconds the new slot may take until it answers as expected.
    type: int
    default: 60
  database:
    description:
      - Path of the SQLite database that the application has, if it has one. It may be made by the first release.
      - Before a slot is started, the database is backed up into O(backup_directory), as M(slipway.aws.sqlite_backup)
        does it. Of these backups as many are kept as releases (O(keep_releases)); they do not count among those that
        M(slipway.aws.sqlite_backup) keeps.
    type: path
  backup_directory:
    description:
      - Directory of the backups. Required with O(database).
    type: path
  rehearsal:
    description:
      - Whether a release is run on a copy of the O(database) first, its migration and then its service, which must
        answer as expected. So whatever is wrong with it is found while neither the database nor the live release was
        touched.
      - It runs as two units C(<name>-rehearsal.service) and C(<name>-rehearsal-migrate.service), on the slot's port.
        The copy is mounted where the directory of the database is, which for them holds nothing else. What a release
        does elsewhere when it starts (such as a message to another service) it does twice.
      - If its migration changes the schema, the live release must answer on the migrated copy too, since it goes on to
        use the database until requests go to the next one. This is not asked if the unit changes as well.
      - The copy needs twice the size of the database in O(rehearsal_directory), and is removed at the end.
    type: bool
    default: true
  rehearsal_directory:
    description:
      - Directory for that copy, in which a directory C(<name>) is made for the owner of the database.
    type: path
    default: /var/lib/slipway/rehearsal
  backend:
    description:
      - Name of HAProxy's backend with the slots' servers.
    type: str
    required: true
  socket:
    description:
      - Path of HAProxy's admin socket.
    type: path
    default: /run/haproxy/admin.sock
  state_file:
    description:
      - File that keeps the servers' states for when HAProxy starts again (C(server-state-file) in its configuration).
    type: path
    default: /var/lib/haproxy/server-state
  drain_timeout:
    description:
      - How many seconds the old slot may take to answer the requests that it has. Then it is stopped.
    type: int
    default: 60
  keep_releases:
    description:
      - How many releases stay on the host, the live one and the one before included.
    type: int
    default: 5
  log_lines:
    description:
      - How many of the last lines of its log are shown if a release does not become live.
    type: int
    default: 50
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
"""

EXAMPLES = r"""
- name: Make the release live
  slipway.aws.release_slots:
    name: shop
    release: 3f2a9c0d41be
    directory: /opt/shop
    configuration_directory: /etc/shop
    slots:
      - name: a
        port: 8101
        server: a-8101
        unit: "{{ lookup('ansible.builtin.template', 'shop.service.j2', template_vars={'slot': 'a', 'port': 8101}) }}"
      - name: b
        port: 8102
        server: b-8102
        unit: "{{ lookup('ansible.builtin.template', 'shop.service.j2', template_vars={'slot': 'b', 'port': 8102}) }}"
    environment:
      RELEASE_ID: 3f2a9c0d41be
      LOG_LEVEL: INFO
    secret_environment:
      APP_SECRET_KEY: "{{ vault_app_secret_key }}"
    health_path: /health
    health_body:
      status: healthy
      release: 3f2a9c0d41be
    database: /var/lib/shop/app.db
    backup_directory: /var/backups/shop
    backend: shop
"""

RETURN = r"""
live:
  description: What is live after the run, or would be.
  returned: success
  type: dict
  contains:
    release:
      description: Id of the release.
      type: str
      returned: success
      sample: 3f2a9c0d41be
    slot:
      description: Name of its slot.
      type: str
      returned: success
      sample: b
    port:
      description: Port that its service listens on.
      type: int
      returned: success
      sample: 8102
previous_release:
  description: Id of the release that was live before this run, if one was.
  returned: success
  type: str
  sample: 81c5e7a2f09d
reasons:
  description:
    - Why a slot was started, or would be; empty if the live one stayed.
  returned: success
  type: list
  elements: str
  sample: ["release 3f2a9c0d41be instead of 81c5e7a2f09d"]
unsettled:
  description:
    - What an interrupted run, or somebody by hand, had left undone around the live slot, and was finished.
  returned: success
  type: list
  elements: str
  sample: ["slot a still runs"]
pruned:
  description: Releases that were removed, or would be.
  returned: success
  type: list
  elements: str
  sample: ["5d0e6b7c1a42"]
backup:
  description:
    - Name of the backup of the database that was made before; empty if there was none to make.
  returned: when a slot was started
  type: str
  sample: app.db-20250331T091502017Z
drained:
  description:
    - Whether the old slot had answered all its requests when it was stopped.
  returned: when a slot was started
  type: bool
  sample: true
"""

import os
import time
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils._release_slots.data import Data
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import Application
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import Proxy
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotFiles
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import make_plan
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import redact_environment
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import render_environment
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.rehearsal import Rehearsal
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.release import FAILURES
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.release import Release

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import Plan
    from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotState


def desired_files(params: dict[str, Any]) -> dict[str, SlotFiles]:
    environment = render_environment({**params["environment"], **params["secret_environment"]})
    return {
        slot["name"]: SlotFiles(params["release"], slot["unit"], slot["migration_unit"], environment)
        for slot in params["slots"]
    }


def describe_failure(app: Application, error: Exception, said: list[str], since: float, params: dict[str, Any]) -> str:
    lines = [f"Release {params['release']} of {params['name']} did not become live: {str(error).rstrip('.')}.", *said]
    unit = getattr(error, "unit", None)
    if unit:
        lines += ["", f"Last lines of {unit}:", app.read_log(unit, since, params["log_lines"])]
    return "\n".join(lines)


def find_leftovers(app: Application, rehearsal: Rehearsal | None) -> list[str]:
    attempt = app.read_attempt()
    leftovers = [f"release {attempt.release} was broken off when it began to work on the database"] if attempt else []
    return leftovers + (["a rehearsal is left over"] if rehearsal and rehearsal.is_left() else [])


def build_diff(params: dict[str, Any], plan: Plan, before: SlotState | None, after: SlotFiles) -> list[dict[str, str]]:
    secret_names = set(params["secret_environment"])
    old = before.files if before else SlotFiles(None, None, None, None)
    parts = [
        ("live release", f"{old.release}\n" if old.release else "", f"{after.release}\n"),
        (
            "environment",
            redact_environment(old.environment, secret_names),
            redact_environment(after.environment, secret_names),
        ),
        ("unit", old.unit or "", after.unit or ""),
        ("migration unit", old.migration_unit or "", after.migration_unit or ""),
        ("left to finish", "".join(f"{item}\n" for item in plan.unsettled), ""),
        ("releases to remove", "".join(f"{item}\n" for item in plan.prune), ""),
    ]
    return [
        {"before_header": title, "after_header": title, "before": old_text, "after": new_text}
        for title, old_text, new_text in parts
        if old_text != new_text
    ]


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    app = Application(params["name"], params["directory"], params["configuration_directory"], module.run_command)
    # Without the directory there is nothing yet to release, nor anybody who does.
    if module.check_mode or not os.path.isdir(params["directory"]):
        return make_live(module, app)
    with app.locked():
        return make_live(module, app)


def make_live(module: AnsibleModule, app: Application) -> dict[str, Any]:
    params = module.params
    servers = {slot["name"]: slot["server"] for slot in params["slots"]}
    proxy = Proxy(params["socket"], params["backend"], servers, params["state_file"])
    data = Data(params["database"], params["backup_directory"]) if params["database"] else None
    rehearsal = Rehearsal(app, params["rehearsal_directory"], data) if data else None
    desired = desired_files(params)

    server_states = proxy.read_states(planning=module.check_mode)
    states = {slot: app.read_slot(slot, server_states[slot]) for slot in desired}
    live = app.read_live()
    if live not in desired:
        live = None
    leftovers = find_leftovers(app, rehearsal)
    plan = make_plan(live, states, desired, *app.list_releases(), params["keep_releases"], leftovers)

    before = states[live].files if live else None
    result: dict[str, Any] = {
        "changed": plan.changed,
        "live": {
            "release": params["release"],
            "slot": plan.slot,
            "port": next(slot["port"] for slot in params["slots"] if slot["name"] == plan.slot),
        },
        "previous_release": before.release if before else None,
        "reasons": plan.reasons,
        "unsettled": plan.unsettled,
        "pruned": plan.prune,
    }
    if module._diff:
        # Both sides as they are for the live slot: the names of the slots are no difference that anybody looks for.
        result["diff"] = build_diff(params, plan, states[live] if live else None, desired[live or plan.slot])
    if module.check_mode:
        return result

    release = Release(app, proxy, data, rehearsal, params, module.warn)
    if leftovers:
        release.finish_earlier(params["release"], live, before.release if before else None)
    if plan.reasons:
        started = time.time()
        try:
            # With another unit, the one of the live release, it could not be run in the other slot.
            comparable = before if before and before.unit == desired[live].unit else None
            result["backup"] = release.start(plan.slot, desired[plan.slot], live, comparable)
            release.switch(plan.slot)
        except FAILURES as error:
            said = release.give_up(plan.slot, states[plan.slot].files, live)
            module.fail_json(msg=describe_failure(app, error, said, started, params))
    if plan.reasons or plan.unsettled:
        if not plan.reasons:
            release.switch(plan.slot)
        result["drained"] = release.drain([slot for slot in desired if slot != plan.slot])
        if not result["drained"]:
            module.warn(f"The old slot still had requests after {params['drain_timeout']} seconds, and was stopped.")
    for name in plan.prune:
        app.remove_release(name)
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "release": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "configuration_directory": {"type": "path", "required": True},
            "slots": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "port": {"type": "int", "required": True},
                    "server": {"type": "str", "required": True},
                    "unit": {"type": "str", "required": True},
                    "migration_unit": {"type": "str"},
                },
            },
            "environment": {"type": "dict", "default": {}},
            "secret_environment": {"type": "dict", "default": {}, "no_log": True},
            "health_path": {"type": "str", "default": "/health"},
            "health_body": {"type": "raw"},
            "health_timeout": {"type": "int", "default": 60},
            "database": {"type": "path"},
            "backup_directory": {"type": "path"},
            "rehearsal": {"type": "bool", "default": True},
            "rehearsal_directory": {"type": "path", "default": "/var/lib/slipway/rehearsal"},
            "backend": {"type": "str", "required": True},
            "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
            "state_file": {"type": "path", "default": "/var/lib/haproxy/server-state"},
            "drain_timeout": {"type": "int", "default": 60},
            "keep_releases": {"type": "int", "default": 5},
            "log_lines": {"type": "int", "default": 50},
        },
        required_by={"database": "backup_directory"},
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (*FAILURES, ValueError) as error:
        module.fail_json(msg=f"Failed to make release {module.params['release']} live: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
