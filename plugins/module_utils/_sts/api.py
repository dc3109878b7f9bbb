# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the call to the Security Token Service.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any


@AWSErrorHandler.common_error_handler("find out whose credentials these are")
@AWSRetry.jittered_backoff()
def get_caller(client: Any) -> dict[str, str]:
    """Account, Arn and UserId of who is asking."""
    return client.get_caller_identity()
