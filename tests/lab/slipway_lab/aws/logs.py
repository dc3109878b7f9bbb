# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# CloudWatch Logs: retention only for the numbers of days that AWS has, classes, keys of groups that exist, no tags of
# the dead.

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.logs.exceptions import InvalidParameterException
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogGroup
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

from slipway_lab.aws.patching import wraps

if TYPE_CHECKING:
    from typing import Any

    from slipway_lab.context import Lab

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
# fmt: off
RETENTIONS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)
# fmt: on


def install(lab: Lab) -> None:
    @wraps(LogsBackend, "put_retention_policy")
    def put_retention_policy(original: Any, self: Any, log_group_name: str, retention_in_days: int) -> None:
        if retention_in_days not in RETENTIONS:
            allowed = ", ".join(map(str, RETENTIONS))
            raise InvalidParameterException(
                constraint=f"Member must satisfy enum value set: [{allowed}]",
                parameter="retentionInDays",
                value=retention_in_days,
            )
        original(log_group_name, retention_in_days)

    @wraps(LogsBackend, "delete_log_group")
    def delete_log_group(original: Any, self: Any, log_group_name: str) -> None:
        group = self.groups.get(log_group_name)
        original(log_group_name)
        self.tagger.delete_all_tags_for_resource(group.arn)

    @wraps(LogsResponse, "create_log_group")
    def create_log_group(original: Any, self: Any) -> str:
        answer = original()
        group = self.logs_backend.groups[self._get_param("logGroupName")]
        group.lab_class = self._get_param("logGroupClass") or "STANDARD"
        return answer

    @wraps(LogGroup, "to_describe_dict")
    def to_describe_dict(original: Any, self: Any) -> dict[str, Any]:
        return original() | {"logGroupClass": getattr(self, "lab_class", "STANDARD")}

    # The emulator has neither.
    LogsResponse.associate_kms_key = lambda self: _set_key(self, self._get_param("kmsKeyId"))
    LogsResponse.disassociate_kms_key = lambda self: _set_key(self, None)


def _set_key(response: LogsResponse, key: str | None) -> str:
    name = response._get_param("logGroupName")
    group = response.logs_backend.groups.get(name)
    if group is None:
        raise ResourceNotFoundException
    group.kms_key_id = key
    return ""
