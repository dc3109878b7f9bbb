#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_files
version_added: 0.2.0
short_description: Directories, small files and links of a host, all in one step
description:
  - Makes a list of paths be what is described, in the order of the list.
  - It does for a list what M(ansible.builtin.file) and M(ansible.builtin.template) do for one path each, in one module
    run instead of one or two for each path, which is what most of a role's time on a host goes to.
  - Contents are compared, and a file is replaced at once, never written in place.
  - Runs on the host, and needs nothing there but Python.
options:
  files:
    description:
      - The paths. A directory comes before what is in it; one above it that is missing, and not listed, is made with
        the mode V(0755).
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Path of the file, directory or link. A link there is not followed.
        type: str
        required: true
      state:
        description:
          - What it is. Something of another kind at O(files[].path) is an error; only a file and a link take each
            other's place.
        type: str
        choices: [file, directory, link]
        default: file
      content:
        description:
          - Text of the file. Required for a file.
          - It is shown in diffs, so no secret may be in it.
        type: str
      target:
        description:
          - What the link leads to, an absolute path or one seen from the link's directory. Required for a link.
          - It must be there.
        type: str
      owner:
        description: Name of the user who owns it.
        type: str
        default: root
      group:
        description: Name of the group that owns it.
        type: str
        default: root
      mode:
        description: Permissions as an octal number in quotes. The default is V(0644), and V(0755) for a directory.
        type: str
      validate:
        description:
          - Command that must succeed with the new file, whose path stands in it as C(%s), before it takes its place.
        type: str
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
seealso:
  - module: ansible.builtin.template
  - module: ansible.builtin.file
"""

EXAMPLES = r"""
- name: Write the units
  slipway.aws.host_files:
    files:
      - path: /etc/shop
        state: directory
      - path: /etc/shop/backup.json
        content: "{{ backup_settings | to_nice_json }}"
        group: shop
        mode: "0640"
      - path: /etc/systemd/system/shop-backup.service
        content: "{{ lookup('ansible.builtin.template', 'backup.service.j2') }}"
      - path: /etc/ssh/sshd_config.d/10-keys-only.conf
        content: |
          PasswordAuthentication no
        validate: /usr/sbin/sshd -t -f %s
  register: shop_files

- name: Have systemd read its unit again
  ansible.builtin.systemd_service:
    daemon_reload: true
  when: "'/etc/systemd/system/shop-backup.service' in shop_files.changed_paths"
"""

RETURN = r"""
changed_paths:
  description: Paths that were made or changed, or would be, in the order of O(files).
  returned: success
  type: list
  elements: str
  sample: ["/etc/shop/backup.json"]
"""

import os
import stat
import tempfile
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_bytes
from ansible.module_utils.common.text.converters import to_text

if TYPE_CHECKING:
    from typing import Any

DEFAULT_MODES = {"file": "0644", "directory": "0755", "link": None}


class FilesError(Exception):
    """Why a path cannot be made what it should be, and what to do."""


def read_kind(path: str) -> str | None:
    """What is at a path: file, directory, link, or another kind; None for nothing."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return None
    kinds = {"file": stat.S_ISREG, "directory": stat.S_ISDIR, "link": stat.S_ISLNK}
    return next((kind for kind, is_one in kinds.items() if is_one(mode)), "something else")


def read_content(path: str, kind: str | None) -> str | None:
    """The text of a file, or what a link leads to."""
    if kind == "link":
        return os.readlink(path)
    if kind == "file":
        with open(path, "rb") as file:
            return to_text(file.read(), errors="surrogate_or_strict")
    return None


def find_problem(item: dict[str, Any], kind: str | None) -> str | None:
    """Why an item cannot be made of what is there."""
    needed = {"file": "content", "link": "target"}.get(item["state"])
    if needed and item[needed] is None:
        return f"{item['path']} is a {item['state']}, so it needs {needed}. Write one"
    if kind in (None, item["state"]) or {kind, item["state"]} == {"file", "link"}:
        return None
    return f"{item['path']} is a {kind}, and should be a {item['state']}. Move it away, then run again"


def attributes(module: AnsibleModule, item: dict[str, Any]) -> dict[str, Any]:
    wanted = {**item, "mode": item["mode"] or DEFAULT_MODES[item["state"]]}
    empty = dict.fromkeys(("seuser", "serole", "setype", "selevel", "attributes"))
    return module.load_file_common_arguments({**empty, **wanted, "unsafe_writes": False}, path=item["path"])


def write_file(module: AnsibleModule, item: dict[str, Any]) -> None:
    descriptor, beside = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "wb") as file:
        file.write(to_bytes(item["content"]))
    if item["validate"]:
        code, output, errors = module.run_command(item["validate"].replace("%s", beside))
        if code != 0:
            raise FilesError(f"what was to become {item['path']} is not valid: {(errors or output).strip()}")
    if os.path.islink(item["path"]):
        os.unlink(item["path"])  # else what it leads to would be replaced
    module.atomic_move(beside, item["path"])


def make_directory(path: str) -> None:
    """Make a directory and those above it with the mode 0755, whatever umask the user of the connection has."""
    earlier = os.umask(0o022)
    try:
        os.makedirs(path, exist_ok=True)
    finally:
        os.umask(earlier)


def write_link(item: dict[str, Any]) -> None:
    if not os.path.exists(os.path.join(os.path.dirname(item["path"]), item["target"])):
        raise FilesError(f"{item['path']} is to lead to {item['target']}, which is not there. Write another target")
    beside = f"{item['path']}.slipway-new"
    if os.path.lexists(beside):
        os.unlink(beside)
    os.symlink(item["target"], beside)
    os.replace(beside, item["path"])


def ensure(module: AnsibleModule, item: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Make one path what it should be; returns whether it was not, and the diff."""
    path, state = item["path"], item["state"]
    kind = read_kind(path)
    problem = find_problem(item, kind)
    if problem:
        raise FilesError(problem)
    before = read_content(path, kind)
    after = item["target"] if state == "link" else item["content"]
    changed = kind != state or (state != "directory" and before != after)
    if changed and not module.check_mode:
        make_directory(path if state == "directory" else os.path.dirname(path))
        if state == "file":
            write_file(module, item)
        elif state == "link":
            write_link(item)
    diff: dict[str, Any] = {"before": {}, "after": {}}
    # Where there is nothing of its kind yet, a plan has nothing to compare: owner and mode are a part of what is made.
    if not changed or kind == state or not module.check_mode:
        has_other = module.set_fs_attributes_if_different(attributes(module, item), False, diff=diff)
        changed = changed or has_other
    return changed, show(path, kind, state, (before, after), diff)


def show(
    path: str, kind: str | None, state: str, contents: tuple[str | None, str | None], found: dict[str, Any]
) -> dict[str, str]:
    """A diff as a person reads it: the contents, under headers with what else differs."""
    owners = {
        side: "".join(f" {key}={found[side][key]}" for key in sorted(found[side]) if key != "path") for side in found
    }
    before, after = (content or "" for content in contents)
    if before == after and state == "directory":
        before, after = f"{kind or 'absent'}{owners['before']}\n", f"{state}{owners['after']}\n"
    elif state == "link":
        before, after = f"{before}\n" if before else "", f"{after}\n"
    return {
        "before_header": f"{path}{owners['before']}",
        "after_header": f"{path}{owners['after']}",
        "before": before,
        "after": after,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "str", "required": True},
                    "state": {"type": "str", "choices": ["file", "directory", "link"], "default": "file"},
                    "content": {"type": "str"},
                    "target": {"type": "str"},
                    "owner": {"type": "str", "default": "root"},
                    "group": {"type": "str", "default": "root"},
                    "mode": {"type": "str"},
                    "validate": {"type": "str"},
                },
            },
        },
        supports_check_mode=True,
    )
    changed_paths: list[str] = []
    diffs: list[dict[str, str]] = []
    for item in module.params["files"]:
        try:
            changed, diff = ensure(module, item)
        except (FilesError, OSError) as error:
            done = f" Changed before that: {', '.join(changed_paths)}." if changed_paths else ""
            module.fail_json(msg=f"Failed to write the files: {error}.{done}", changed_paths=changed_paths)
        if changed:
            changed_paths.append(item["path"])
            diffs.append(diff)
    result: dict[str, Any] = {"changed": bool(changed_paths), "changed_paths": changed_paths}
    if module._diff:
        result["diff"] = diffs
    module.exit_json(**result)


if __name__ == "__main__":
    main()
