#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: deployment_info
version_added: 0.2.0
short_description: The deployments of a project, its lock and its kept releases
description:
  - Reads what M(slipway.aws.deployment) has written into a project's bucket.
options:
  bucket:
    description: Name of the bucket.
    type: str
    required: true
  limit:
    description: How many deployments are read, the newest of them.
    type: int
    default: 50
author:
  - The slipway.aws developers (@slipway-aws)
seealso:
  - module: slipway.aws.deployment
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes.info
"""

EXAMPLES = r"""
- name: Read what was deployed
  slipway.aws.deployment_info:
    bucket: shop-backups-123456789012
  register: shop

- name: Say which deployments did not come to their end
  ansible.builtin.debug:
    msg: "{{ shop.deployments | selectattr('result', 'eq', 'interrupted') | map(attribute='began') }}"
"""

RETURN = r"""
lock:
  description: Who deploys now. Empty if nobody does.
  returned: success
  type: dict
  contains:
    owner:
      description: Whose the lock is, with C(run), C(arn), C(user), C(host) and C(pid).
      type: dict
      returned: if somebody deploys
      sample: {run: 3f2a9c0d41be, arn: "arn:aws:iam::123456789012:user/alice", user: alice, host: laptop, pid: 4711}
    action:
      description: What is done.
      type: str
      returned: if somebody deploys
      sample: deploy
    since:
      description: When it was taken, UTC.
      type: str
      returned: if somebody deploys
      sample: "2026-11-21T15:04:00Z"
    expires:
      description: Until when it is good, UTC.
      type: str
      returned: if somebody deploys
      sample: "2026-11-21T16:04:00Z"
    is_dead:
      description: Whether the next run takes it over, because its process has ended or its time is over.
      type: bool
      returned: if somebody deploys
      sample: false
deployments:
  description: The deployments, the newest first, as RV(slipway.aws.deployment#module:deployment).
  returned: success
  type: list
  elements: dict
  contains:
    result:
      description: V(succeeded), V(failed), V(running), or V(interrupted) if its run has ended without saying how.
      type: str
      returned: always
      sample: succeeded
releases:
  description: By part, the releases that are kept, those that came last first.
  returned: success
  type: dict
  sample: {backend: [{id: 5d41402abc4b, kept_since: "2026-11-21T15:04:00Z", size: 20481}]}
"""

from functools import partial
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._deployment import api
from ansible_collections.slipway.aws.plugins.module_utils._deployment import ensure
from ansible_collections.slipway.aws.plugins.module_utils._deployment.lock import is_expired
from ansible_collections.slipway.aws.plugins.module_utils._deployment.lock import is_held
from ansible_collections.slipway.aws.plugins.module_utils._deployment.process import is_gone
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import RELEASES
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import judge_result
from ansible_collections.slipway.aws.plugins.module_utils._deployment.record import sort_archives
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module

if TYPE_CHECKING:
    from typing import Any

SHOWN = ("run", "arn", "user", "host", "pid")


def describe_lock(stored: api.Stored, gone: bool) -> dict[str, Any]:
    lock = stored.document
    if not is_held(lock):
        return {}
    return {
        "owner": {key: lock["owner"][key] for key in SHOWN},
        **{key: lock[key] for key in ("action", "since", "expires")},
        "is_dead": gone or is_expired(lock, stored.now),
    }


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    client, bucket = module.client("s3"), module.params["bucket"]
    # The records first: one that is finished after the lock was read must not look interrupted.
    deployments = ensure.read_records(client, bucket, module.params["limit"])
    read = gather(
        stored=partial(ensure.read_lock, client, bucket),
        archives=partial(api.list_objects, client, bucket, RELEASES),
    )
    stored = read["stored"]
    gone = is_held(stored.document) and is_gone(stored.document["owner"])
    return {
        "changed": False,
        "lock": describe_lock(stored, gone),
        "deployments": [
            {**record, "result": judge_result(record, stored.document, gone, stored.now)} for record in deployments
        ],
        "releases": sort_archives(read["archives"]),
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={"bucket": {"type": "str", "required": True}, "limit": {"type": "int", "default": 50}},
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
