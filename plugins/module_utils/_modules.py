# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what every AWS module of it begins and ends with.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.common import set_collection_info
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule as _AmazonAWSModule

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

COLLECTION_NAME = "slipway.aws"
COLLECTION_VERSION = "0.1.0"


class AnsibleAWSModule(_AmazonAWSModule):
    """amazon.aws's module class, with this collection's name in the user agent of every request."""

    def __init__(self, **kwargs: Any) -> None:
        set_collection_info(collection_name=COLLECTION_NAME, collection_version=COLLECTION_VERSION)
        super().__init__(**kwargs)


def run_module(module: AnsibleAWSModule, run: Callable[[AnsibleAWSModule], dict[str, Any]]) -> None:
    """Call run(module) and exit with the result it returns; an AnsibleAWSError becomes a clean failure."""
    unknown = [name for name, value in module.params.items() if is_unknown(value)]
    if unknown and not module.check_mode:
        module.fail_json(
            msg=f"{', '.join(unknown)}: {UNKNOWN} is a placeholder of check mode, not a value. "
            "Pass what the task that makes the resource returned in this run."
        )
    try:
        result = run(module)
    except AnsibleAWSError as error:
        module.fail_json_aws_error(error)
    module.exit_json(**result)
