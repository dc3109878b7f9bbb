#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_evidence_info
version_added: 0.2.0
short_description: What a host says about an application in two slots, and about itself
description:
  - Reads how the live release runs (unit, hardening, log, environment, code, packages), what state its SQLite database
    is in, what is scheduled, and how the host is kept (updates, ssh, open ports). Nothing is judged.
  - Writes nothing. The database is opened for reading alone, and its write-ahead log is left as it is.
  - Shows no secret. Of the environment file it returns the names of the variables, and the values of those in
    O(shown_variables) alone; of the log it returns how many lines are errors, and none of them.
  - A part that cannot be read has a key C(error) that says why; the others are there.
  - Runs on the host, as root, and needs nothing there but Python and systemd.
options:
  name:
    description:
      - Name of the application. Its units are called C(<name>-<slot>.service), as M(slipway.aws.release_slots) makes
        them, and its user is called like it.
    type: str
    required: true
  directory:
    description: Directory of the application, with C(releases), C(slots) and the link C(live).
    type: path
    required: true
  configuration_directory:
    description: Directory of the slots' environment files, C(<slot>.env).
    type: path
    required: true
  data_directory:
    description: Directory that the application writes to. Usually the mount point of a volume.
    type: path
    required: true
  database:
    description: The application's SQLite database. Nothing is read of one if not set.
    type: path
  ports:
    description: Ports on the loopback address that the slots listen on, by the names of the slots.
    type: dict
    required: true
  health_path:
    description: Path that tells whether the application works.
    type: str
    required: true
  proxy_port:
    description: Port of the proxy that lets only its CDN in. It is asked for O(health_path) without the CDN's secret.
    type: int
  proxy_tls_name:
    description:
      - Name that the proxy's certificate is for. With it the proxy is asked over TLS, and its certificate must be good.
    type: str
  proxy_unit:
    description: Systemd unit of the proxy.
    type: str
    default: haproxy.service
  shown_variables:
    description: Variables of the application's environment whose values may be shown. Never name a secret.
    type: list
    elements: str
    default: [DEBUG, LOG_LEVEL, CORS_ORIGINS]
  timers:
    description: Systemd timers to look at, with the services that they start.
    type: list
    elements: str
    default: []
  units:
    description: Further systemd units to look at.
    type: list
    elements: str
    default: []
  backup_directory:
    description:
      - Directory of the backups of O(database), as the role C(sqlite_backup) makes them.
      - None are looked for if not set.
    type: path
  uv:
    description: The uv that builds releases.
    type: path
    default: /usr/local/bin/uv
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
"""

EXAMPLES = r"""
- name: Read what the host says
  slipway.aws.host_evidence_info:
    name: shop
    directory: /opt/shop
    configuration_directory: /etc/shop
    data_directory: /var/lib/shop
    database: /var/lib/shop/app.db
    ports: {a: 8101, b: 8102}
    health_path: /health
    timers: [shop-backup.timer]
  become: true
  register: host
"""

RETURN = r"""
evidence:
  description:
    - What was read, by subject. A subject that could not be read is a dict with the key C(error).
  returned: success
  type: dict
  sample:
    live: {slot: a, release: 3f2a9c0d41be, directory: /opt/shop/releases/3f2a9c0d41be, complete: true, python: 3.13.5}
    unit: {name: shop-a.service, ActiveState: active, UnitFileState: enabled, NRestarts: "0"}
    exposure: {unit: shop-a.service, level: 0.9}
    log: {unit: shop-a.service, lines: 12, errors: 0}
    environment:
      path: /etc/shop/a.env
      owner: root
      mode: "0600"
      names: [APP_SECRET_KEY, CORS_ORIGINS, DEBUG]
      values: {DEBUG: "false", CORS_ORIGINS: '["https://d111111abcdef8.cloudfront.net"]'}
    database: {path: /var/lib/shop/app.db, exists: true, owner: shop, mode: "0600", journal_mode: wal, check: ok}
    sshd: {passwordauthentication: "no", permitrootlogin: "no"}
    listening: [{port: 22, loopback: false, family: 4}]
"""

import sqlite3
from functools import partial
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils._sqlite import SqliteError
from ansible_collections.slipway.aws.plugins.module_utils._verify.host import Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def capture(read: Callable[[], Any]) -> Any:
    """What read() returns, or why it could not be read: one part that is missing must not hide the others."""
    try:
        return read()
    except (OSError, KeyError, ValueError, SyntaxError, SqliteError, sqlite3.Error) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def read_application(reader: Reader, params: dict[str, Any]) -> dict[str, Any]:
    """What follows from which slot is live."""
    live = capture(partial(reader.live, params["directory"]))
    if "error" in live:
        missing = {"error": f"no release is live: {live['error']}"}
        names = ("unit", "exposure", "log", "environment", "code", "dependencies", "migrations", "health")
        return {"live": live, **dict.fromkeys(names, missing)}
    name, slot, release = f"{params['name']}-{live['slot']}.service", live["slot"], live["directory"]
    unit = capture(partial(reader.unit, name))
    path = f"{params['configuration_directory']}/{slot}.env"
    return {
        "live": live,
        "unit": unit,
        "exposure": capture(lambda: {"unit": name, "level": reader.exposure(name)}),
        "log": capture(lambda: reader.log(name, unit["InvocationID"])),
        "environment": capture(lambda: reader.environment(path, params["shown_variables"])),
        "code": capture(lambda: reader.code(release)),
        "dependencies": capture(lambda: reader.dependencies(params["uv"], release)),
        "migrations": capture(lambda: reader.migrations(release)),
        "health": capture(lambda: reader.answer(int(params["ports"][slot]), params["health_path"])),
    }


def read_host(reader: Reader, params: dict[str, Any]) -> dict[str, Any]:
    found = {
        "user": capture(lambda: reader.user(params["name"])),
        "mount": capture(lambda: reader.mount(params["data_directory"])),
        "proxy": capture(lambda: reader.unit(params["proxy_unit"])),
        "updates": capture(reader.updates),
        "sshd": capture(reader.sshd),
        "listening": capture(reader.listening),
        "timers": {name: capture(partial(reader.timer, name)) for name in params["timers"]},
        "units": {name: capture(partial(reader.unit, name)) for name in params["units"]},
    }
    if params["proxy_port"]:
        stranger = (params["proxy_port"], params["health_path"], params["proxy_tls_name"] or "")
        found["stranger"] = capture(lambda: reader.answer(*stranger))
    if params["database"]:
        found["database"] = capture(lambda: reader.database(params["database"]))
    if params["database"] and params["backup_directory"]:
        found["backups"] = capture(lambda: reader.backups(params["backup_directory"], params["database"]))
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "configuration_directory": {"type": "path", "required": True},
            "data_directory": {"type": "path", "required": True},
            "database": {"type": "path"},
            "ports": {"type": "dict", "required": True},
            "health_path": {"type": "str", "required": True},
            "proxy_port": {"type": "int"},
            "proxy_tls_name": {"type": "str"},
            "proxy_unit": {"type": "str", "default": "haproxy.service"},
            "shown_variables": {"type": "list", "elements": "str", "default": ["DEBUG", "LOG_LEVEL", "CORS_ORIGINS"]},
            "timers": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            "backup_directory": {"type": "path"},
            "uv": {"type": "path", "default": "/usr/local/bin/uv"},
        },
        supports_check_mode=True,
    )
    # A program that is not there is a part that cannot be read, and no end of the others.
    reader = Reader(partial(module.run_command, handle_exceptions=False))
    evidence = {**read_application(reader, module.params), **read_host(reader, module.params)}
    module.exit_json(changed=False, evidence=evidence)


if __name__ == "__main__":
    main()
