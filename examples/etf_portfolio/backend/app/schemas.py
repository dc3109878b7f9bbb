# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What comes in and goes out, and what is refused."""

from __future__ import annotations

import re
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from decimal import Decimal
from typing import Annotated
from typing import Literal

from pydantic import AfterValidator
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import StringConstraints


def check_isin(isin: str) -> str:
    """An ISIN ends in a digit that is right only if no digit was mistyped (ISO 6166, the Luhn sum)."""
    if not re.fullmatch(r"[A-Z]{2}[A-Z0-9]{9}[0-9]", isin):
        raise ValueError("an ISIN is two letters, nine letters or digits, and a check digit")
    digits = [int(digit) for character in isin for digit in str(int(character, 36))]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    if (sum(digits[-1::-2]) + sum(doubled)) % 10:
        raise ValueError("the check digit is wrong")
    return isin


def _check_not_in_future(day: date) -> date:
    # The buyer's clock may be up to fourteen hours ahead of UTC.
    if day > (datetime.now(UTC) + timedelta(hours=14)).date():
        raise ValueError("is in the future")
    return day


Isin = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True), AfterValidator(check_isin)]
Units = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=6)]
Price = Annotated[Decimal, Field(gt=0, max_digits=14, decimal_places=4)]
Fee = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4)]


class TransactionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    isin: Isin
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)] | None = None
    kind: Literal["buy", "sell"] = "buy"
    units: Units
    price: Price
    fee: Fee = Decimal(0)
    traded_on: Annotated[date, AfterValidator(_check_not_in_future)]


class TransactionOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    isin: str
    name: str
    kind: Literal["buy", "sell"]
    units: Decimal
    price: Decimal
    fee: Decimal
    traded_on: date
    created_at: datetime


class TransactionPage(BaseModel):
    items: list[TransactionOut]
    total: int


class PositionOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    isin: str
    name: str
    units: Decimal
    cost: Decimal
    average_price: Decimal
    last_price: Decimal
    value: Decimal
    realised_gain: Decimal


class SummaryOut(BaseModel):
    version: str
    release: str
    transactions: int
    cost: Decimal
    value: Decimal
    unrealised_gain: Decimal
    realised_gain: Decimal
    positions: list[PositionOut]


class ShareLink(BaseModel):
    path: str
    expires_at: datetime
