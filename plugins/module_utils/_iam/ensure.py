# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads a runtime role in two batches, and carries out the steps that compare.py decided.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.iam import AnsibleIAMError

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._iam import api
from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import normalise_role

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._iam.compare import Step

# Below which of IAM's paths AWS keeps the policies that a role can have.
AWS_POLICY_PATHS = ("", "service-role/", "job-function/")


def read_role(client: Any, name: str) -> dict[str, Any] | None:
    read = gather(
        role=lambda: api.get_role(client, name),
        attached=lambda: api.list_attached_policies(client, name),
        inline=lambda: api.list_inline_policies(client, name),
        profile=lambda: api.get_instance_profile(client, name),
    )

    def policy_read(policy: str) -> Any:
        return lambda: api.get_inline_policy(client, name, policy)

    policies = gather(**{policy: policy_read(policy) for policy in read["inline"]})
    return normalise_role(read["role"], read["attached"], policies, read["profile"])


def apply(client: Any, steps: Iterable[Step]) -> None:
    for step in steps:
        arguments = dict(step.arguments)
        if step.action == "attach_policy":
            arguments["arn"] = find_managed_policy(client, arguments["arn"])
        getattr(api, step.action)(client, **arguments)


def find_managed_policy(client: Any, policy: str) -> str:
    """The ARN of a managed policy that is given by its ARN or its name."""
    if policy.startswith("arn:"):
        return policy
    candidates = [f"arn:{client.meta.partition}:iam::aws:policy/{path}{policy}" for path in AWS_POLICY_PATHS]

    def policy_read(arn: str) -> Any:
        return lambda: api.get_managed_policy(client, arn)

    found = gather(**{arn: policy_read(arn) for arn in candidates})
    arns = [arn for arn in candidates if found[arn]]
    arns += [item["Arn"] for item in api.list_own_managed_policies(client) if item["PolicyName"] == policy]
    if not arns:
        raise AnsibleIAMError(
            f"managed_policies: there is no managed policy named {policy}, neither of AWS nor of this account. "
            "Correct the name, or give its ARN"
        )
    return arns[-1]
