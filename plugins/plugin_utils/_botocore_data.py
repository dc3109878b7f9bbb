# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what botocore reads for every first client of a process, read once for all forks.

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def read_data() -> Any:
    """A loader of botocore's own data that has read what every service needs: about half a first client's time."""
    from botocore.loaders import create_loader

    loader = create_loader()
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data(name)
    for kind in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model("sts", kind)
    return loader


def give_data(loader: Any) -> None:
    """In a fork: let every botocore session use this loader, unless it is told of data elsewhere."""
    from botocore import session

    create_loader = session.create_loader

    def create(data_path: str | None = None) -> Any:
        return loader if data_path is None else create_loader(data_path)

    session.create_loader = create
