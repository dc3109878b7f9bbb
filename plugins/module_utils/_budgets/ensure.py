# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads a budget in three batches, and carries out the steps that compare.py decided.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._budgets import api
from ansible_collections.slipway.aws.plugins.module_utils._budgets.compare import normalise_budget

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._budgets.compare import Step


def read_budget(client: Any, of: dict[str, str], arn: str) -> dict[str, Any] | None:
    told = api.get_budget(client, of)
    if told is None:
        return None
    first = gather(notifications=lambda: api.list_notifications(client, of), tags=lambda: api.get_tags(client, arn))

    def subscribers_read(notification: dict[str, Any]) -> Any:
        asked = {key: value for key, value in notification.items() if key != "NotificationState"}
        return lambda: api.list_subscribers(client, of, asked)

    notifications = first["notifications"]
    second = gather(**{str(index): subscribers_read(item) for index, item in enumerate(notifications)})
    with_subscribers = [(item, second[str(index)]) for index, item in enumerate(notifications)]
    return normalise_budget(told, arn, with_subscribers, first["tags"])


def apply(client: Any, of: dict[str, str], steps: Iterable[Step]) -> None:
    for step in steps:
        getattr(api, step.action)(client, of, **step.arguments)
