#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: route53_endpoint_health_check
version_added: 0.2.0
short_description: Let Route 53 ask an address from all over the world whether it answers
description:
  - Manages a health check of Route 53 that asks an HTTP or HTTPS address again and again, from several places.
  - Route 53 has no names for health checks. This module knows its own by their caller reference, which begins with
    C(<name>:) from the moment that they are made; so a run that was killed leaves none behind that the next run makes
    again. Health checks that others made are left alone.
  - Whether the check passes is the metric C(HealthCheckStatus) of CloudWatch's namespace C(AWS/Route53), in us-east-1.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the health check, at most 47 characters and without colons. It also becomes the tag Name.
    type: str
    required: true
  state:
    description:
      - Whether the health check exists.
    type: str
    choices: [present, absent]
    default: present
  domain_name:
    description:
      - Name of the host that is asked. Required when O(state=present).
    type: str
  protocol:
    description:
      - How it is asked. Route 53 does not look at the certificate. Changing it makes another health check.
    type: str
    choices: [HTTP, HTTPS]
    default: HTTPS
  port:
    description:
      - Port that is asked; 80 or 443, by O(protocol), if not set.
    type: int
  path:
    description:
      - Path that is asked. A status of 2xx or 3xx within four seconds passes.
    type: str
    default: /
  search_string:
    description:
      - Text that must be within the first 5,120 bytes of the answer, too. Setting or removing it makes another health
        check; AWS charges extra for it.
    type: str
  request_interval:
    description:
      - Seconds between two requests from one place. V(10) costs extra. Changing it makes another health check.
    type: int
    choices: [10, 30]
    default: 30
  failure_threshold:
    description:
      - How many answers in a row must differ until a place changes its mind, from 1 to 10.
    type: int
    default: 3
  measure_latency:
    description:
      - Whether the time until the answer is published as a metric, for extra charges. Changing it makes another health
        check.
    type: bool
    default: false
  disabled:
    description:
      - Whether Route 53 stops asking, and counts the check as passed.
    type: bool
    default: false
  tags:
    description:
      - Tags of the health check, beside the tag Name. If not set, other tags are left alone.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether to remove tags that are not in O(tags), if that is set.
    type: bool
    default: true
notes:
  - M(amazon.aws.route53_health_check) finds a health check by a tag that it sets in a second call. A run that is killed
    between these calls leaves a check that no other run finds.
  - Route 53 is the same in all regions; O(region) does not matter.
seealso:
  - module: slipway.aws.cloudwatch_alarms
  - module: amazon.aws.route53_health_check
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Ask the application whether it is well
  slipway.aws.route53_endpoint_health_check:
    name: shop
    domain_name: shop.example.com
    path: /api/health
    tags:
      Project: shop
  register: check

- name: Tell somebody if it is not
  slipway.aws.cloudwatch_alarms:
    name: shop-global
    region: us-east-1
    alarms:
      - name: unreachable
        namespace: AWS/Route53
        metric_name: HealthCheckStatus
        dimensions:
          HealthCheckId: "{{ check.health_check.id }}"
        statistic: Minimum
        period: 60
        threshold: 1
        comparison_operator: LessThanThreshold
        treat_missing_data: breaching

- name: Stop asking
  slipway.aws.route53_endpoint_health_check:
    name: shop
    state: absent
"""

RETURN = r"""
health_check:
  description: The health check; empty if there is none.
  returned: always
  type: dict
  contains:
    id:
      description: ID of the health check; V((known after apply\)) in check mode if it will be another.
      returned: when it exists
      type: str
      sample: 11111111-2222-3333-4444-555555555555
    type:
      description: Type of the health check, as Route 53 calls it.
      returned: when it exists
      type: str
      sample: HTTPS
    domain_name:
      description: Name of the host that is asked.
      returned: when it exists
      type: str
      sample: shop.example.com
    port:
      description: Port that is asked.
      returned: when it exists
      type: int
      sample: 443
    path:
      description: Path that is asked.
      returned: when it exists
      type: str
      sample: /api/health
    search_string:
      description: Text that must be in the answer; empty if none must.
      returned: when it exists
      type: str
      sample: ""
    request_interval:
      description: Seconds between two requests from one place.
      returned: when it exists
      type: int
      sample: 30
    failure_threshold:
      description: How many answers in a row must differ.
      returned: when it exists
      type: int
      sample: 3
    measure_latency:
      description: Whether the time until the answer is published.
      returned: when it exists
      type: bool
      sample: false
    disabled:
      description: Whether Route 53 has stopped asking.
      returned: when it exists
      type: bool
      sample: false
    tags:
      description: Tags of the health check.
      returned: when it exists
      type: dict
      sample:
        Name: shop
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._health_check import api
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import belongs
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import build_check
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import check_view
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import create_request
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import must_replace
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import new_reference
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import normalise_check
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import planned_check
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import tag_changes
from ansible_collections.slipway.aws.plugins.module_utils._health_check.compare import update_request
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

if TYPE_CHECKING:
    from typing import Any


def read_check(client: Any, name: str) -> dict[str, Any] | None:
    for told in api.list_health_checks(client):
        if belongs(told, name):
            return normalise_check(told, api.get_tags(client, told["Id"]))
    return None


def ensure_present(
    client: Any, params: dict[str, Any], current: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    desired = build_check(params)
    planned = planned_check(current, desired, params["purge_tags"] and params["tags"] is not None)
    if planned == current:
        return False, current
    if check_mode:
        return True, planned
    if current and must_replace(current, desired):
        # First, so that there is never more than one to be found.
        api.delete_health_check(client, current["id"])
        current = None
    if current is None:
        check_id, tags = api.create_health_check(client, new_reference(params["name"]), create_request(desired)), {}
    else:
        check_id, tags = current["id"], current["tags"]
        changes = update_request(current, desired)
        if changes:
            api.update_health_check(client, check_id, changes)
    to_set, to_remove = tag_changes(tags, planned["tags"])
    if to_set or to_remove:
        api.change_tags(client, check_id, to_set, to_remove)
    # A check that was made a moment ago may not be listed yet.
    made = {**planned, "id": check_id} if planned["id"] == UNKNOWN else planned
    return True, read_check(client, params["name"]) or made


def ensure_absent(client: Any, current: dict[str, Any] | None, check_mode: bool) -> tuple[bool, None]:
    if current and not check_mode:
        api.delete_health_check(client, current["id"])
    return current is not None, None


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    problems = find_problems(params)
    if problems:
        raise api.AnsibleHealthCheckError(message=f"Nothing was changed. {'. '.join(problems)}")
    client = module.client("route53")
    before = read_check(client, params["name"])
    if params["state"] == "present":
        changed, after = ensure_present(client, params, before, module.check_mode)
    else:
        changed, after = ensure_absent(client, before, module.check_mode)
    result = {"changed": changed, "health_check": after or {}}
    if module._diff:
        result["diff"] = {"before": check_view(before), "after": check_view(after)}
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "domain_name": {"type": "str"},
            "protocol": {"type": "str", "choices": ["HTTP", "HTTPS"], "default": "HTTPS"},
            "port": {"type": "int"},
            "path": {"type": "str", "default": "/"},
            "search_string": {"type": "str"},
            "request_interval": {"type": "int", "choices": [10, 30], "default": 30},
            "failure_threshold": {"type": "int", "default": 3},
            "measure_latency": {"type": "bool", "default": False},
            "disabled": {"type": "bool", "default": False},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        required_if=[("state", "present", ("domain_name",))],
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
