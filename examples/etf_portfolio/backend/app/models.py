# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The tables."""

from __future__ import annotations

from datetime import UTC
from datetime import date
from datetime import datetime
from decimal import Decimal
from typing import Any
from typing import Literal

from sqlalchemy import BigInteger
from sqlalchemy import Date
from sqlalchemy import DateTime
from sqlalchemy import ForeignKey
from sqlalchemy import String
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import relationship
from sqlalchemy.types import TypeDecorator

from app.database import Base


class ScaledDecimal(TypeDecorator[Decimal]):
    """A decimal number kept as an integer: SQLite has no decimals, and binary fractions lose cents."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def process_bind_param(self, value: Decimal | None, dialect: Any) -> int | None:
        return None if value is None else int(value.scaleb(self.places))

    def process_result_value(self, value: int | None, dialect: Any) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-self.places)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Instrument(Base):
    __tablename__ = "instruments"

    isin: Mapped[str] = mapped_column(String(12), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))


class Transaction(Base):
    __tablename__ = "transactions"

    id: Mapped[int] = mapped_column(primary_key=True)
    isin: Mapped[str] = mapped_column(ForeignKey(Instrument.isin, name="fk_transactions_isin"), index=True)
    kind: Mapped[Literal["buy", "sell"]] = mapped_column(String(4))
    units: Mapped[Decimal] = mapped_column(ScaledDecimal(6))
    price: Mapped[Decimal] = mapped_column(ScaledDecimal(4))
    fee: Mapped[Decimal] = mapped_column(ScaledDecimal(4))
    traded_on: Mapped[date] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(DateTime, default=_now)

    instrument: Mapped[Instrument] = relationship(lazy="joined")

    @property
    def name(self) -> str:
        return self.instrument.name
