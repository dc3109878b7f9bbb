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
  - Until the new slot is made live, the old one is not touched. If anything fails before, the new slot is stopped, and
    the task fails with the reason and the last lines of its log.
  - A run that was interrupted anywhere is finished by the next one.
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

from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import HAProxyError
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import COMPLETION_MARKER
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import Application
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import Proxy
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.host import ReleaseError
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import SlotFiles
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import make_plan
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import redact_environment
from ansible_collections.slipway.aws.plugins.module_utils._release_slots.plan import render_environment

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


def start_release(app: Application, proxy: Proxy, slot: str, files: SlotFiles, params: dict[str, Any]) -> None:
    """Start a release beside the live one, up to a good answer to its health request."""
    port = next(item["port"] for item in params["slots"] if item["name"] == slot)
    if not os.path.exists(os.path.join(app.release_directory(files.release), COMPLETION_MARKER)):
        raise ReleaseError(f"it is not on this host: {app.release_directory(files.release)} was not built to its end")
    proxy.set_state(slot, "maint")
    app.retire(slot)  # a run that was killed may have left it running
    app.write_slot(slot, files)
    if files.migration_unit is not None:
        app.migrate(slot)
    app.start(slot)
    app.wait_until_healthy(slot, port, params["health_path"], params["health_body"], params["health_timeout"])


def describe_failure(app: Application, error: Exception, live: str | None, since: float, params: dict[str, Any]) -> str:
    lines = [f"Release {params['release']} of {params['name']} did not become live: {error}."]
    lines.append(f"Slot {live} stays live and was not touched." if live else "No release is live.")
    unit = getattr(error, "unit", None)
    if unit:
        lines += ["", f"Last lines of {unit}:", app.read_log(unit, since, params["log_lines"])]
    return "\n".join(lines)


def settle(app: Application, proxy: Proxy, slot: str, others: list[str], drain_timeout: int) -> bool:
    """Make everything follow from the live slot. Requests go to it before they are taken from the others."""
    app.set_live(slot)
    proxy.set_state(slot, "ready")
    if not proxy.wait(slot, timeout=30):
        raise ReleaseError(f"HAProxy does not reach slot {slot}, which is live; see the log of haproxy.service")
    drained = True
    for other in others:
        proxy.set_state(other, "drain")
        drained = proxy.wait(other, drain_timeout) and drained
        proxy.set_state(other, "maint")
        app.retire(other)
    return drained


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
    servers = {slot["name"]: slot["server"] for slot in params["slots"]}
    proxy = Proxy(params["socket"], params["backend"], servers, params["state_file"])
    desired = desired_files(params)

    server_states = proxy.read_states(planning=module.check_mode)
    states = {slot: app.read_slot(slot, server_states[slot]) for slot in desired}
    live = app.read_live()
    if live not in desired:
        live = None
    plan = make_plan(live, states, desired, *app.list_releases(), params["keep_releases"])

    result: dict[str, Any] = {
        "changed": plan.changed,
        "live": {
            "release": params["release"],
            "slot": plan.slot,
            "port": next(slot["port"] for slot in params["slots"] if slot["name"] == plan.slot),
        },
        "previous_release": states[live].files.release if live else None,
        "reasons": plan.reasons,
        "unsettled": plan.unsettled,
        "pruned": plan.prune,
    }
    if module._diff:
        # Both sides as they are for the live slot: the names of the slots are no difference that anybody looks for.
        result["diff"] = build_diff(params, plan, states[live] if live else None, desired[live or plan.slot])
    if module.check_mode:
        return result

    if plan.reasons:
        started = time.time()
        try:
            start_release(app, proxy, plan.slot, desired[plan.slot], params)
        except (ReleaseError, HAProxyError, OSError) as error:
            app.retire(plan.slot)
            module.fail_json(msg=describe_failure(app, error, live, started, params))
    if plan.reasons or plan.unsettled:
        others = [slot for slot in desired if slot != plan.slot]
        result["drained"] = settle(app, proxy, plan.slot, others, params["drain_timeout"])
        if not result["drained"]:
            module.warn(f"The old slot still had requests after {params['drain_timeout']} seconds, and was stopped.")
    for release in plan.prune:
        app.remove_release(release)
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
            "backend": {"type": "str", "required": True},
            "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
            "state_file": {"type": "path", "default": "/var/lib/haproxy/server-state"},
            "drain_timeout": {"type": "int", "default": 60},
            "keep_releases": {"type": "int", "default": 5},
            "log_lines": {"type": "int", "default": 50},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (ReleaseError, HAProxyError, ValueError, OSError) as error:
        module.fail_json(msg=f"Failed to make release {module.params['release']} live: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
