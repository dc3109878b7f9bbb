#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: deployment
version_added: 0.2.0
short_description: Begin and end a deployment, under a lock and with a record of it
description:
  - A deployment is what one run of ansible-playbook releases of a project, in one part or in several. While it lasts,
    no other run can begin one of the same project. What it did is written down, and each release that it makes live is
    kept for a way back.
  - All that is in one private S3 bucket of the project. C(deployments/lock.json) says who deploys,
    C(deployments/<time>-<run>.json) what was deployed, when, by whom, and how it ended. The releases are
    C(releases/<part>/<id>.tar.gz).
  - The lock is replaced by conditional writes only, so that of two runs one gets it. It belongs to the process of
    ansible-playbook. If that has ended without freeing it, which only the machine that it ran on can prove, or if
    O(ttl) is over, the next run takes it over and warns. Otherwise a run that needs it fails, and says who has it,
    since when and until when.
  - A run that begins another part renews its lock. If the lock was taken over meanwhile, the task fails before
    anything more is changed.
  - A record that a killed run left says V(started) for ever. M(slipway.aws.deployment_info) shows it as interrupted.
options:
  bucket:
    description:
      - Name of the bucket. It must exist, except in check mode. Whoever can write into it can deploy; nothing in it is
        to be served.
    type: str
    required: true
  state:
    description:
      - With V(begun), this run holds the lock, its record says what it begins, and the release is kept.
      - With V(ended), the record says how it ended, releases that are old are not kept any more, and the lock is free.
        If this run has begun nothing, there is nothing to end.
    type: str
    choices: [begun, ended]
    default: begun
  action:
    description: What is done, for those who read the lock and the record.
    type: str
    default: deploy
  part:
    description:
      - Name of the part of the project that is released next, such as V(backend).
      - Without it, the lock is held and the record begun, and no release is kept.
    type: str
  release:
    description:
      - The release that is to become live, as M(slipway.aws.release_source) returns it. Its C(id) names it, its
        C(archive), a path on the controller, is kept in the bucket.
    type: dict
  before:
    description: Id of the release that is live until then; empty if none is.
    type: str
  source:
    description:
      - Where the release came from, for the record, such as C(path), or C(repo), C(version) and C(commit). A user and
        password in C(repo) are left out.
    type: dict
    default: {}
  result:
    description: How a deployment that has ended did so.
    type: str
    choices: [succeeded, failed]
    default: succeeded
  reason:
    description:
      - Why it failed. The first paragraph is written down, without a log that may follow it.
    type: str
    default: ""
  backup:
    description: Name of the backup of the database that was made before it was changed, for the record.
    type: str
  keep_releases:
    description:
      - How many releases of each part are kept. What became live in this deployment, and what was so before it, is kept
        in any case.
    type: int
    default: 10
  ttl:
    description:
      - How many seconds the lock is good for. It should be longer than the longest part of a deployment takes.
    type: int
    default: 3600
  take_over:
    description:
      - Name of the run whose lock is taken over though it may still be good. For a run that is known to be dead on
        another machine; the error message says the name.
    type: str
  owner:
    description:
      - Who runs this. The default, filled in by the action plugin of this module, is the process of ansible-playbook.
    type: dict
    suboptions:
      run:
        description: Short name of the run.
        type: str
        required: true
      pid:
        description: Number of the process.
        type: int
        required: true
      start:
        description: When the process was started, in whatever unit the system has.
        type: str
        required: true
      boot_id:
        description: The boot of the machine; empty if it does not tell.
        type: str
        required: true
      pid_namespace:
        description: Where the number is the process's own; empty if the system does not tell.
        type: str
        required: true
      host:
        description: Name of the machine.
        type: str
        required: true
      user:
        description: Name of the user.
        type: str
        required: true
notes:
  - Needs the permissions C(s3:ListBucket), C(s3:GetObject), C(s3:PutObject), and C(s3:DeleteObject) for releases that
    are not kept any more.
  - Times are S3's, so the clocks of machines that deploy may differ.
author:
  - The slipway.aws developers (@slipway-aws)
seealso:
  - module: slipway.aws.deployment_info
  - module: slipway.aws.rollback_source
  - module: slipway.aws.release_source
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
attributes:
  idempotent:
    support: partial
    details:
      - To begin what this run has begun renews the lock, so it is a change. To end what has ended is none.
"""

EXAMPLES = r"""
- name: Deploy
  block:
    - name: Begin
      slipway.aws.deployment:
        bucket: shop-backups-123456789012
        part: backend
        release: "{{ source.release }}"
        before: 81c5e7a2f09d
        source:
          repo: https://git.example.com/shop.git
          commit: "{{ source.release.commit }}"

    - name: Make the release live
      ansible.builtin.include_tasks: release.yml

    - name: End
      slipway.aws.deployment:
        bucket: shop-backups-123456789012
        state: ended
  rescue:
    - name: Write down that it failed, and why
      slipway.aws.deployment:
        bucket: shop-backups-123456789012
        state: ended
        result: failed
        reason: "{{ ansible_failed_result.msg }}"

    - name: Fail
      ansible.builtin.fail:
        msg: "{{ ansible_failed_result.msg }}"
"""

RETURN = r"""
deployment:
  description: The record of this run's deployment. Empty if it has begun none.
  returned: success
  type: dict
  contains:
    run:
      description: Short name of the run.
      type: str
      returned: success
      sample: 3f2a9c0d41be
    action:
      description: What is done.
      type: str
      returned: success
      sample: deploy
    began:
      description: When it began, UTC.
      type: str
      returned: success
      sample: "2026-11-21T15:04:00Z"
    ended:
      description: When it ended. Null until then.
      type: str
      returned: success
      sample: "2026-11-21T15:05:10Z"
    by:
      description: Who did it, with C(arn), C(user) and C(host).
      type: dict
      returned: success
      sample: {arn: "arn:aws:iam::123456789012:user/alice", user: alice, host: laptop}
    result:
      description: V(started), V(succeeded) or V(failed).
      type: str
      returned: success
      sample: succeeded
    reason:
      description: Why it failed; empty if it did not.
      type: str
      returned: success
      sample: ""
    parts:
      description: By part, the releases C(before) and C(after), the C(result), and the C(source).
      type: dict
      returned: success
      sample: {backend: {before: 81c5e7a2f09d, after: 5d41402abc4b, result: succeeded, source: {path: /srv/shop}}}
    backup:
      description: Name of the backup of the database that was made before it was changed. Null if none was.
      type: str
      returned: success
      sample: app-20261121T150401Z
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._deployment import api
from ansible_collections.slipway.aws.plugins.module_utils._deployment import ensure
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import PART
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import RELEASE_ID
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result
from ansible_collections.slipway.aws.plugins.module_utils._release.git import secrets_of
from ansible_collections.slipway.aws.plugins.module_utils._release.git import split_credentials
from ansible_collections.slipway.aws.plugins.module_utils._s3.objects import is_missing_bucket
from ansible_collections.slipway.aws.plugins.module_utils._sts.api import get_caller

if TYPE_CHECKING:
    from typing import Any


def check_params(params: dict[str, Any]) -> None:
    problems = []
    if params["owner"] is None:
        problems.append("owner: it is not known who runs this. Let the module run by its action plugin, or name it")
    if params["part"] and not PART.fullmatch(params["part"]):
        problems.append(f"part: {params['part']} has other characters than letters, digits, dashes and underscores")
    if params["part"] and not RELEASE_ID.fullmatch(str((params["release"] or {}).get("id"))):
        problems.append(f"release: part {params['part']} needs the release with its id, as release_source returns it")
    problems += [
        f"{name}: {params[name]} is too small, the least is {least}"
        for name, least in (("ttl", 1), ("keep_releases", 2))
        if params[name] < least
    ]
    if problems:
        raise api.AnsibleDeploymentError(message="; ".join(problems))


def clean_source(source: dict[str, Any]) -> dict[str, Any]:
    """What is said about a source, without what nobody may read and without what is not said."""
    said = {key: value for key, value in source.items() if value}
    return {**said, "repo": split_credentials(said["repo"])[0]} if "repo" in said else said


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    check_params(module.params)
    params = {**module.params, "source": clean_source(module.params["source"])}
    owner = {**params["owner"], "arn": get_caller(module.client("sts"))["Arn"]}
    place = ensure.Place(module.client("s3"), params["bucket"], owner, module.warn)
    step = ensure.begin if params["state"] == "begun" else ensure.end
    try:
        changed, record = step(place, params, module.check_mode)
    except api.AnsibleDeploymentError as error:
        # In check mode an earlier task would have made the bucket.
        if module.check_mode and (is_unknown(params["bucket"]) or is_missing_bucket(error)):
            changed, record = params["state"] == "begun", None
        else:
            raise
    return module_result("deployment", changed, None, record, module._diff)


def main() -> None:
    text = {"type": "str", "required": True}
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["begun", "ended"], "default": "begun"},
            "action": {"type": "str", "default": "deploy"},
            "part": {"type": "str"},
            "release": {"type": "dict"},
            "before": {"type": "str"},
            "source": {"type": "dict", "default": {}},
            "result": {"type": "str", "choices": ["succeeded", "failed"], "default": "succeeded"},
            "reason": {"type": "str", "default": ""},
            "backup": {"type": "str"},
            "keep_releases": {"type": "int", "default": 10},
            "ttl": {"type": "int", "default": 3600},
            "take_over": {"type": "str"},
            "owner": {
                "type": "dict",
                "options": {
                    "run": text,
                    "pid": {"type": "int", "required": True},
                    "start": text,
                    "boot_id": text,
                    "pid_namespace": text,
                    "host": text,
                    "user": text,
                },
            },
        },
        supports_check_mode=True,
    )
    # Only a part of the address is secret.
    module.no_log_values.update(filter(None, secrets_of(module.params["source"].get("repo"))))
    module.require_botocore_at_least("1.35.69", reason="to write the lock only if no other run has")
    run_module(module, run)


if __name__ == "__main__":
    main()
