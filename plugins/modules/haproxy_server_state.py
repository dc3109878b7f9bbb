#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_server_state
version_added: 0.1.0
short_description: Take a server of a running HAProxy into and out of traffic
description:
  - Sets the administrative state of one server through HAProxy's admin socket, without a reload.
  - Can wait until a drained server has answered its last request, and can record the states of all servers, so
    that a restart of HAProxy keeps them.
  - Runs on the host of the proxy, and needs nothing there but Python.
options:
  backend:
    description:
      - Name of the backend that the server belongs to.
    type: str
    required: true
  server:
    description:
      - Name of the server within its backend.
    type: str
    required: true
  state:
    description:
      - V(ready) lets the server take traffic, as far as its health checks allow.
      - V(drain) sends it no new sessions, lets those it has come to their end, and goes on with health checks.
      - V(maint) sends it no new sessions and stops its health checks.
    type: str
    choices: [ready, drain, maint]
    required: true
  socket:
    description:
      - Path of HAProxy's admin socket; C(stats socket) with C(level admin) in its configuration.
    type: path
    default: /run/haproxy/admin.sock
  state_file:
    description:
      - File to write all servers' states to, as C(show servers state) prints them, readable by everybody (V(0644)).
      - With C(server-state-file) naming it, and C(load-server-state-from-file global), HAProxy takes the states
        from there when it starts.
      - It is written again only if it is missing, or would restore another set of servers or states.
      - It is written before the module begins to wait, so that a wait that is interrupted loses nothing.
    type: path
  wait:
    description:
      - Wait until the state has had its effect.
      - For O(state=ready), until the server is up by its health check, if it has one; for the others, until it has
        neither sessions nor requests queued for it.
      - Also waits when the state was already as wanted, but never in check mode.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds O(wait) takes at most.
    type: int
    default: 60
  fail_on_timeout:
    description:
      - Whether the task fails when O(wait_timeout) is over.
      - With V(false), it succeeds, and RV(server.settled) tells.
    type: bool
    default: true
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
"""

EXAMPLES = r"""
- name: Send no new requests to slot a, and wait until it has answered those it has
  slipway.aws.haproxy_server_state:
    backend: app
    server: a
    state: drain

- name: Let slot b take traffic, now and after a restart of the proxy
  slipway.aws.haproxy_server_state:
    backend: app
    server: b
    state: ready
    state_file: /var/lib/haproxy/server-state

- name: Drain for at most five minutes, then go on whatever is left
  slipway.aws.haproxy_server_state:
    backend: app
    server: a
    state: drain
    wait_timeout: 300
    fail_on_timeout: false
  register: drained
"""

RETURN = r"""
server:
  description:
    - The server, after the change and the wait.
    - In check mode its administrative state is what it would be, the rest is what it is.
  returned: success
  type: dict
  contains:
    backend:
      description: Name of the backend.
      type: str
      returned: success
      sample: app
    name:
      description: Name of the server.
      type: str
      returned: success
      sample: a
    address:
      description: Address and port that the server is reached at.
      type: str
      returned: success
      sample: 127.0.0.1:8101
    state:
      description: Administrative state, V(ready), V(drain) or V(maint).
      type: str
      returned: success
      sample: ready
    operational_state:
      description:
        - What HAProxy makes of it, V(stopped), V(starting), V(running) or V(stopping).
        - V(unchecked) is a server that HAProxy takes for running, because its first health check has not ended yet.
      type: str
      returned: success
      sample: running
    sessions:
      description: Sessions that the server has at present.
      type: int
      returned: success
      sample: 0
    queued:
      description: Requests that wait for this server.
      type: int
      returned: success
      sample: 0
    last_check:
      description: Result of the last health check, in HAProxy's words; empty without health checks.
      type: str
      returned: success
      sample: L7OK Layer7 check passed
    settled:
      description: Whether the state has had its effect (see O(wait)).
      type: bool
      returned: success
      sample: true
"""

import os
import tempfile
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import AdminSocket
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.admin import HAProxyError
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import is_settled
from ansible_collections.slipway.aws.plugins.module_utils._haproxy.state import same_states
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from typing import Any


def read_recorded(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise HAProxyError(f"Failed to read state_file {path}: {error}") from error


def write_recorded(module: AnsibleModule, path: str, dump: str) -> None:
    try:
        descriptor, beside = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".server-state-")
        with os.fdopen(descriptor, "w") as file:
            file.write(dump)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise HAProxyError(f"Failed to write state_file {path}: {error}") from error
    module.atomic_move(beside, path)
    module.set_mode_if_different(path, "0644", False)


def ensure_state(admin: AdminSocket, server: dict[str, Any], state: str, check_mode: bool) -> tuple[bool, dict]:
    if server["state"] == state:
        return False, server
    if not check_mode:
        admin.set_state(server["backend"], server["name"], state)
    return True, {**server, "state": state}


def ensure_recorded(module: AnsibleModule, admin: AdminSocket, path: str, state_changed: bool) -> bool:
    dump = admin.dump_servers()
    # In check mode the socket still answers the old state; a change of state alone says that the file will differ.
    stale = (module.check_mode and state_changed) or not same_states(dump, read_recorded(path))
    if stale and not module.check_mode:
        write_recorded(module, path, dump)
    return stale


def run(module: AnsibleModule) -> dict[str, Any]:
    admin = AdminSocket(module.params["socket"])
    backend, name, state = (module.params[key] for key in ("backend", "server", "state"))

    before = admin.read_server(backend, name)
    changed, after = ensure_state(admin, before, state, module.check_mode)
    if module.params["state_file"]:
        changed = ensure_recorded(module, admin, module.params["state_file"], changed) or changed

    if not module.check_mode:
        timeout = module.params["wait_timeout"] if module.params["wait"] else 0
        after = admin.wait_until_settled(backend, name, timeout)
        if module.params["wait"] and module.params["fail_on_timeout"] and not is_settled(after):
            module.fail_json(msg=timeout_message(after, timeout), changed=changed, server=after)

    result = module_result("server", changed, {"state": before["state"]}, {"state": after["state"]}, module._diff)
    return {**result, "server": {**after, "settled": is_settled(after)}}


def timeout_message(server: dict[str, Any], timeout: int) -> str:
    name = f"{server['backend']}/{server['name']}"
    if server["state"] == "ready":
        return (
            f"{name} is set to ready, but is not up after {timeout} seconds; "
            f"last health check: {server['last_check'] or 'none yet'}. See whether {server['address']} answers."
        )
    return (
        f"{name} is set to {server['state']}, but after {timeout} seconds still has {server['sessions']} sessions "
        f"and {server['queued']} queued requests. Raise wait_timeout, or set fail_on_timeout to false to go on "
        "without them."
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "backend": {"type": "str", "required": True},
            "server": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["ready", "drain", "maint"], "required": True},
            "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
            "state_file": {"type": "path"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 60},
            "fail_on_timeout": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except HAProxyError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
