# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cloudwatch_agent_policy
version_added: 0.2.0
short_description: The IAM policy of a host whose CloudWatch agent is configured by this collection
description:
  - Allows to write to the two log groups, and to publish metrics in the agent's namespace; nothing else.
  - Narrower than AWS's managed C(CloudWatchAgentServerPolicy), which allows every log group and namespace, and more.
author: The slipway.aws developers (@slipway-aws)
options:
  _input:
    description: What the log groups' names begin with.
    type: str
    required: true
  region:
    description: Region of the log groups.
    type: str
    required: true
  account_id:
    description: Account of the log groups.
    type: str
    required: true
  partition:
    description: Partition of the account.
    type: str
    default: aws
"""

EXAMPLES = r"""
- name: Let the host publish logs and metrics
  slipway.aws.iam_runtime_role:
    name: shop-backend
    policies:
      cloudwatch-agent:
        "{{ '/aws/ec2/shop' | slipway.aws.cloudwatch_agent_policy(region='us-east-1', account_id='123456789012') }}"
"""

RETURN = r"""
_value:
  description: The policy document.
  type: dict
"""

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.agent import build_policy

if TYPE_CHECKING:
    from typing import Any


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"cloudwatch_agent_policy": build_policy}
