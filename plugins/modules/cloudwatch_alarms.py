#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudwatch_alarms
version_added: 0.2.0
short_description: Manage a set of CloudWatch alarms, with the SNS topic that they tell
description:
  - Makes an SNS topic, its subscriptions and a list of metric alarms match one description, and takes them away again.
  - Everything is read in two batches, compared once, and written in the order in which AWS accepts it. So a plan
    (check mode) works on an empty account, and a run that was killed is finished by the next one.
  - The topic's policy gets a statement that lets CloudWatch publish for this account's alarms; what others wrote into
    it stays. A topic that is made here lets nobody else in.
  - SNS asks the owner of an e-mail address before it sends anything. RV(pending_subscriptions) tells who has not
    answered; nothing is sent to them until then, and such a subscription is forgotten by SNS after two days, and made
    again by the next run.
  - Alarms that could never have data are refused before anything is written, such as one on what is billed in another
    region than us-east-1.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the topic.
    type: str
    required: true
  state:
    description:
      - V(present) makes the topic and the alarms as described.
      - V(absent) deletes every alarm whose name begins with O(alarm_prefix), and the topic with its subscriptions.
    type: str
    choices: [present, absent]
    default: present
  display_name:
    description:
      - What the topic's e-mail comes from. If not set, it is left alone.
    type: str
  kms_key_id:
    description:
      - Key that encrypts messages at rest; an empty string stops encryption. If not set, it is left alone.
      - CloudWatch cannot use C(alias/aws/sns), so that is refused. The policy of a key of your own must let
        C(cloudwatch.amazonaws.com) use C(kms:Decrypt) and C(kms:GenerateDataKey*).
    type: str
  subscriptions:
    description:
      - Who is told. If not set, subscriptions are left alone.
    type: list
    elements: dict
    suboptions:
      protocol:
        description: How they are told.
        type: str
        choices: [email, email-json, http, https, sqs, sms, lambda, application, firehose]
        default: email
      endpoint:
        description: Where they are reached, such as an e-mail address or the ARN of a queue.
        type: str
        required: true
  purge_subscriptions:
    description:
      - Whether to remove subscriptions that are not in O(subscriptions), if that is set. One that nobody has confirmed
        cannot be removed; SNS forgets it after two days.
    type: bool
    default: true
  allow_budgets:
    description:
      - Whether AWS Budgets of this account may publish to the topic as well.
    type: bool
    default: false
  alarm_prefix:
    description:
      - What the names of the set's alarms begin with. Alarms of the region that begin so belong to this set.
      - C(<name>/) if not set.
    type: str
  alarms:
    description:
      - The alarms. If not set, alarms are left alone.
      - CloudWatch replaces an alarm as a whole, so what is not set here has CloudWatch's default, not its former value.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the alarm within the set; its full name begins with O(alarm_prefix).
        type: str
        required: true
      description:
        description: What it means, and what to do about it.
        type: str
      namespace:
        description: Namespace of the metric.
        type: str
        required: true
      metric_name:
        description: Name of the metric.
        type: str
        required: true
      dimensions:
        description: All dimensions of the metric, by name. A metric with other dimensions is another metric.
        type: dict
        default: {}
      statistic:
        description:
          - What is made of the values of a period.
          - V(Average) if neither this nor O(alarms[].extended_statistic) is set.
        type: str
        choices: [SampleCount, Average, Sum, Minimum, Maximum]
      extended_statistic:
        description: A percentile and the like instead, such as V(p99).
        type: str
      period:
        description: Length of a period in seconds; 10, 20, 30 or a multiple of 60.
        type: int
        default: 300
      evaluation_periods:
        description:
          - How many of the latest periods count.
          - Together at most one day, or seven days if O(alarms[].period) is an hour or more.
        type: int
        default: 1
      datapoints_to_alarm:
        description: How many of these must be beyond the threshold. All of them if not set.
        type: int
      threshold:
        description: The value that is compared, in the metric's unit.
        type: float
        required: true
      comparison_operator:
        description: How a value is compared with the threshold.
        type: str
        choices:
          - GreaterThanOrEqualToThreshold
          - GreaterThanThreshold
          - LessThanThreshold
          - LessThanOrEqualToThreshold
        required: true
      treat_missing_data:
        description:
          - What a period without data counts as. With V(missing), an alarm without any data becomes INSUFFICIENT_DATA.
        type: str
        choices: [breaching, notBreaching, ignore, missing]
        default: missing
      unit:
        description: Only values that were published with this unit count. All do if not set, which is what AWS advises.
        type: str
      evaluate_low_sample_count_percentile:
        description: Whether a percentile of few values counts.
        type: str
        choices: [evaluate, ignore]
      actions_enabled:
        description: Whether the alarm does anything but change its state.
        type: bool
        default: true
      alarm_actions:
        description:
          - ARNs of what is done when the state becomes ALARM; the word V(topic) is this set's topic.
          - Only the topic if not set; nothing if empty.
        type: list
        elements: str
      ok_actions:
        description: The same for the state OK.
        type: list
        elements: str
      insufficient_data_actions:
        description: The same for the state INSUFFICIENT_DATA.
        type: list
        elements: str
  purge_alarms:
    description:
      - Whether to delete alarms of this set that are not in O(alarms), if that is set.
    type: bool
    default: true
  tags:
    description:
      - Tags of the topic and of the alarms. If not set, tags are left alone.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether to remove tags that are not in O(tags), if that is set.
    type: bool
    default: true
notes:
  - An alarm can tell only topics of its own region. What is billed, CloudFront's metrics and those of Route 53's health
    checks are in us-east-1; set O(region) for a set of alarms on them, which then has its topic there.
  - What is billed is published only after "Receive CloudWatch billing alerts" was ticked in the account's billing
    preferences, for which AWS has no API.
  - Composite alarms and alarms on metric expressions are left alone, unless their name is in O(alarms).
seealso:
  - module: slipway.aws.budgets_budget
  - module: amazon.aws.cloudwatch_metric_alarm
  - module: community.aws.sns_topic
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Tell somebody when a host is down
  slipway.aws.cloudwatch_alarms:
    name: shop
    subscriptions:
      - endpoint: ops@example.com
    alarms:
      - name: host-down
        namespace: AWS/EC2
        metric_name: StatusCheckFailed
        dimensions:
          InstanceId: i-0123456789abcdef0
        statistic: Maximum
        period: 60
        evaluation_periods: 3
        threshold: 1
        comparison_operator: GreaterThanOrEqualToThreshold
        treat_missing_data: breaching
    tags:
      Project: shop
  register: alarms

- name: Say who has to look into their mailbox
  ansible.builtin.debug:
    msg: "{{ alarms.pending_subscriptions | map(attribute='endpoint') | list }}"

- name: Tell them as well when more than 20 USD will be due this month
  slipway.aws.cloudwatch_alarms:
    name: shop-billing
    region: us-east-1
    subscriptions:
      - endpoint: ops@example.com
    alarms:
      - name: charges
        namespace: AWS/Billing
        metric_name: EstimatedCharges
        dimensions:
          Currency: USD
        statistic: Maximum
        period: 21600
        threshold: 20
        comparison_operator: GreaterThanThreshold

- name: Remove the alarms and their topic
  slipway.aws.cloudwatch_alarms:
    name: shop
    state: absent
"""

RETURN = r"""
topic:
  description: The topic; empty if there is none.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the topic.
      returned: when it exists
      type: str
      sample: arn:aws:sns:us-east-1:123456789012:shop
    name:
      description: Name of the topic.
      returned: when it exists
      type: str
      sample: shop
    display_name:
      description: What its e-mail comes from.
      returned: when it exists
      type: str
      sample: ""
    kms_key_id:
      description: Key that encrypts its messages; empty if there is none.
      returned: when it exists
      type: str
      sample: ""
    tags:
      description: Tags of the topic.
      returned: when it exists
      type: dict
      sample:
        Project: shop
    subscriptions:
      description: Who is told. In check mode, the ARN of a subscription to come is V((known after apply\)).
      returned: when it exists
      type: list
      elements: dict
      sample:
        - protocol: email
          endpoint: ops@example.com
          arn: PendingConfirmation
          pending: true
alarms:
  description:
    - The alarms whose names begin with O(alarm_prefix), with their settings, C(arn), and the C(state) they are in.
  returned: always
  type: list
  elements: dict
  sample:
    - name: shop/host-down
      arn: arn:aws:cloudwatch:us-east-1:123456789012:alarm:shop/host-down
      state: OK
      namespace: AWS/EC2
      metric_name: StatusCheckFailed
      dimensions:
        InstanceId: i-0123456789abcdef0
pending_subscriptions:
  description: The subscriptions that somebody has to confirm before anything is sent to them.
  returned: always
  type: list
  elements: dict
  contains:
    protocol:
      description: How they will be told.
      returned: always
      type: str
      sample: email
    endpoint:
      description: Who has to confirm.
      returned: always
      type: str
      sample: ops@example.com
    topic_arn:
      description: The topic that asked.
      returned: always
      type: str
      sample: arn:aws:sns:us-east-1:123456789012:shop
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.api import AnsibleAlarmsError
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import ACTIONS
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import alarm_prefix
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import build_set
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import deletion_steps
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import find_problems
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import planned_set
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import set_result
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import set_steps
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.compare import set_view
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.ensure import apply
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.ensure import read_set
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module

if TYPE_CHECKING:
    from typing import Any

NOTHING: dict[str, Any] = {"topic": None, "alarms": {}}


def ensure_present(
    clients: dict[str, Any], params: dict[str, Any], arn: str, current: dict[str, Any], check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    desired = build_set(params, arn)
    purge = {
        "alarms": params["purge_alarms"] and params["alarms"] is not None,
        "subscriptions": params["purge_subscriptions"],
        "tags": params["purge_tags"],
    }
    steps = set_steps(current, desired, purge)
    if check_mode or not steps:
        return bool(steps), planned_set(current, desired, purge) if steps else current
    apply(clients, steps)
    return True, read_set(clients, params["name"], alarm_prefix(params))[1]


def ensure_absent(clients: dict[str, Any], current: dict[str, Any], check_mode: bool) -> tuple[bool, dict[str, Any]]:
    steps = deletion_steps(current)
    if not check_mode:
        apply(clients, steps)
    return bool(steps), NOTHING


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    clients = {service: module.client(service) for service in ("sts", "sns", "cloudwatch")}
    problems = find_problems(params, clients["cloudwatch"].meta.region_name)
    if problems:
        raise AnsibleAlarmsError(message=f"Nothing was changed. {'. '.join(problems)}")
    arn, before = read_set(clients, params["name"], alarm_prefix(params))
    if params["state"] == "present":
        changed, after = ensure_present(clients, params, arn, before, module.check_mode)
    else:
        changed, after = ensure_absent(clients, before, module.check_mode)
    result = {"changed": changed, **set_result(after)}
    if module._diff:
        result["diff"] = {"before": set_view(before), "after": set_view(after)}
    return result


def main() -> None:
    protocols = ["email", "email-json", "http", "https", "sqs", "sms", "lambda", "application", "firehose"]
    comparisons = [
        "GreaterThanOrEqualToThreshold",
        "GreaterThanThreshold",
        "LessThanThreshold",
        "LessThanOrEqualToThreshold",
    ]
    alarm = {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "namespace": {"type": "str", "required": True},
        "metric_name": {"type": "str", "required": True},
        "dimensions": {"type": "dict", "default": {}},
        "statistic": {"type": "str", "choices": ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]},
        "extended_statistic": {"type": "str"},
        "period": {"type": "int", "default": 300},
        "evaluation_periods": {"type": "int", "default": 1},
        "datapoints_to_alarm": {"type": "int"},
        "threshold": {"type": "float", "required": True},
        "comparison_operator": {"type": "str", "choices": comparisons, "required": True},
        "treat_missing_data": {
            "type": "str",
            "choices": ["breaching", "notBreaching", "ignore", "missing"],
            "default": "missing",
        },
        "unit": {"type": "str"},
        "evaluate_low_sample_count_percentile": {"type": "str", "choices": ["evaluate", "ignore"]},
        "actions_enabled": {"type": "bool", "default": True},
        **{kind: {"type": "list", "elements": "str"} for kind in ACTIONS},
    }
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "display_name": {"type": "str"},
            "kms_key_id": {"type": "str"},
            "subscriptions": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "protocol": {"type": "str", "choices": protocols, "default": "email"},
                    "endpoint": {"type": "str", "required": True},
                },
            },
            "purge_subscriptions": {"type": "bool", "default": True},
            "allow_budgets": {"type": "bool", "default": False},
            "alarm_prefix": {"type": "str"},
            "alarms": {"type": "list", "elements": "dict", "options": alarm},
            "purge_alarms": {"type": "bool", "default": True},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
