# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what every AWS module of it begins and ends with.

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.common import set_collection_info
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule as _AmazonAWSModule

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._retries import is_worth_another_look
from ansible_collections.slipway.aws.plugins.module_utils._retries import watch_retries

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

COLLECTION_NAME = "slipway.aws"
COLLECTION_VERSION = "0.1.0"

# Seconds before a module looks again at what there is: long enough for AWS to show what was made a moment ago.
LOOK_AGAIN_AFTER = (5, 15)


class AnsibleAWSModule(_AmazonAWSModule):
    """amazon.aws's module class, with this collection's name in the user agent of every request."""

    def __init__(self, **kwargs: Any) -> None:
        set_collection_info(collection_name=COLLECTION_NAME, collection_version=COLLECTION_VERSION)
        super().__init__(**kwargs)

    def client(self, service: str, *arguments: Any, **options: Any) -> Any:
        """A boto3 client that may be used by several threads at once."""
        made = super().client(service, *arguments, **options)
        separate_tls_contexts(made)
        watch_retries(made)
        return made


def separate_tls_contexts(client: Any) -> None:
    """Let each connection of a boto3 client have a TLS context of its own.

    botocore shares one among all, and urllib3 reads the authorities into it again for each connection. In threads, that
    makes OpenSSL 3.0.17 and later 3.0 releases (Debian 12's) crash the process now and then
    (https://github.com/openssl/openssl/issues/28171). Without a shared one urllib3 makes one per connection, with the
    same settings. botocore has no option for it; where its inside looks otherwise, the client is left as it is.
    """
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    shared = getattr(getattr(session, "_manager", None), "connection_pool_kw", {})
    if "ssl_context" in shared:
        shared["ssl_context"] = None


def run_module(module: AnsibleAWSModule, run: Callable[[AnsibleAWSModule], dict[str, Any]]) -> None:
    """Call run(module) and exit with the result it returns; an AnsibleAWSError becomes a clean failure.

    run() begins by reading what there is. So where an answer was lost, it is called once more, as by the next run.
    """
    unknown = [name for name, value in module.params.items() if is_unknown(value)]
    if unknown and not module.check_mode:
        module.fail_json(
            msg=f"{', '.join(unknown)}: {UNKNOWN} is a placeholder of check mode, not a value. "
            "Pass what the task that makes the resource returned in this run."
        )
    try:
        result = _run_and_look_again(module, run)
    except AnsibleAWSError as error:
        module.fail_json_aws_error(error)
    module.exit_json(**result)


def _run_and_look_again(module: AnsibleAWSModule, run: Callable[[AnsibleAWSModule], dict[str, Any]]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for pause in LOOK_AGAIN_AFTER:
        try:
            return {**run(module), **changed}
        except AnsibleAWSError as error:
            if module.check_mode or not is_worth_another_look(error):
                raise
        # What has been begun is this task's doing, also if the next look finds nothing left to do.
        changed = {"changed": True}
        time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311
    return {**run(module), **changed}
