# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: reads of what was made a moment ago. EC2 and IAM are eventually consistent: for some
# seconds a read may not show what a call before it has made.

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PAUSE = 1.0
LONGEST_PAUSE = 5.0


def read_settled(read: Callable[[], Any], is_settled: Callable[[Any], bool], timeout: float = 60) -> Any:
    """What read() returns once is_settled() says that it shows what is expected; the last of all after timeout s."""
    deadline = time.monotonic() + timeout
    pause = PAUSE
    while True:
        found = read()
        if is_settled(found) or time.monotonic() + pause > deadline:
            return found
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE)
