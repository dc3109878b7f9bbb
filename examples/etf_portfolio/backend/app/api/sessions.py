# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a route asks for: `session: Reading` or `session: Writing`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import Session

from app.database import for_writing
from app.database import get_engine


def _reading() -> Iterator[Session]:
    with Session(get_engine()) as session:
        yield session


def _writing() -> Iterator[Session]:
    with Session(for_writing(get_engine())) as session:
        yield session


Reading = Annotated[Session, Depends(_reading)]
Writing = Annotated[Session, Depends(_writing)]
