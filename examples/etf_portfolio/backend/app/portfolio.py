# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the transactions amount to. Pure: knows neither the database nor the web."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from decimal import ROUND_HALF_EVEN
from decimal import Decimal
from typing import Protocol

CENT = Decimal("0.01")


class Trade(Protocol):
    isin: str
    name: str
    kind: str
    units: Decimal
    price: Decimal
    fee: Decimal


class OversoldError(Exception):
    """More units are sold than were held on that day."""

    def __init__(self, isin: str) -> None:
        super().__init__(f"more units of {isin} would be sold than are held at that time")


def to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)


@dataclass
class Position:
    """One instrument, at average cost: a sale takes its share of what all units held have cost."""

    isin: str
    name: str
    units: Decimal = Decimal(0)
    exact_cost: Decimal = Decimal(0)
    exact_gain: Decimal = Decimal(0)
    last_price: Decimal = Decimal(0)

    def add(self, trade: Trade) -> None:
        amount = trade.units * trade.price
        self.last_price = trade.price
        if trade.kind == "buy":
            self.units += trade.units
            self.exact_cost += amount + trade.fee
            return
        if trade.units > self.units:
            raise OversoldError(self.isin)
        share = self.exact_cost * trade.units / self.units
        self.units -= trade.units
        self.exact_cost -= share
        self.exact_gain += amount - trade.fee - share

    @property
    def cost(self) -> Decimal:
        return to_cents(self.exact_cost)

    @property
    def average_price(self) -> Decimal:
        return to_cents(self.exact_cost / self.units) if self.units else Decimal("0.00")

    @property
    def value(self) -> Decimal:
        """At the price of the last trade: the application asks no market for prices."""
        return to_cents(self.units * self.last_price)

    @property
    def realised_gain(self) -> Decimal:
        return to_cents(self.exact_gain)


@dataclass
class Portfolio:
    positions: list[Position] = field(default_factory=list)
    transactions: int = 0

    @property
    def cost(self) -> Decimal:
        return sum((position.cost for position in self.positions), Decimal("0.00"))

    @property
    def value(self) -> Decimal:
        return sum((position.value for position in self.positions), Decimal("0.00"))

    @property
    def realised_gain(self) -> Decimal:
        return sum((position.realised_gain for position in self.positions), Decimal("0.00"))

    @property
    def unrealised_gain(self) -> Decimal:
        return self.value - self.cost


def build_portfolio(trades: Iterable[Trade]) -> Portfolio:
    """The portfolio after these trades, which come in the order they were made."""
    portfolio = Portfolio()
    positions: dict[str, Position] = {}
    for trade in trades:
        positions.setdefault(trade.isin, Position(trade.isin, trade.name)).add(trade)
        portfolio.transactions += 1
    portfolio.positions = sorted(positions.values(), key=lambda position: position.isin)
    return portfolio
