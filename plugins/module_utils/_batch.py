# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads that do not depend on each other are made side by side, because on real AWS
# each of them costs a round trip.

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Below the ten connections that botocore keeps open for a client.
MAX_WORKERS = 8


def gather(**reads: Callable[[], Any]) -> dict[str, Any]:
    """Call all reads in threads; what they return, under their names. The first that fails raises its error here.

    boto3 clients (not sessions or resources) may be shared by threads, so make the clients before.
    """
    if not reads:
        return {}
    names = list(reads)
    with ThreadPoolExecutor(max_workers=min(MAX_WORKERS, len(names))) as executor:
        results = list(executor.map(lambda name: reads[name](), names))
    return {name: results[index] for index, name in enumerate(names)}
