# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest
from app.portfolio import OversoldError
from app.portfolio import build_portfolio
from app.schemas import check_isin

WORLD, BONDS = "IE00B4L5Y983", "IE00BDBRDM35"


@dataclass
class Trade:
    kind: str
    units: Decimal
    price: Decimal
    fee: Decimal = Decimal(0)
    isin: str = WORLD
    name: str = "World"


def trade(kind, units, price, fee="0", isin=WORLD):
    return Trade(kind, Decimal(units), Decimal(price), Decimal(fee), isin)


@pytest.mark.parametrize(
    ("trades", "units", "cost", "average_price", "value", "realised_gain"),
    [
        ([trade("buy", "10", "80", "5")], "10", "805.00", "80.50", "800.00", "0.00"),
        ([trade("buy", "10", "80"), trade("buy", "10", "100")], "20", "1800.00", "90.00", "2000.00", "0.00"),
        ([trade("buy", "10", "80"), trade("sell", "4", "100", "1")], "6", "480.00", "80.00", "600.00", "79.00"),
        ([trade("buy", "3", "10"), trade("sell", "3", "9")], "0", "0.00", "0.00", "0.00", "-3.00"),
        # A third of a cent goes to neither side, however often it is divided.
        ([trade("buy", "3", "0.01"), *[trade("sell", "1", "0.01")] * 3], "0", "0.00", "0.00", "0.00", "0.00"),
        ([trade("buy", "0.123456", "81.2345")], "0.123456", "10.03", "81.23", "10.03", "0.00"),
    ],
)
def test_position_at_average_cost(trades, units, cost, average_price, value, realised_gain):
    (position,) = build_portfolio(trades).positions
    found = (position.units, position.cost, position.average_price, position.value, position.realised_gain)
    assert found == tuple(Decimal(each) for each in (units, cost, average_price, value, realised_gain))


def test_totals_over_instruments():
    portfolio = build_portfolio(
        [
            trade("buy", "1", "100"),
            trade("buy", "2", "50", isin=BONDS),
            trade("sell", "1", "110"),
            trade("buy", "1", "90"),
        ]
    )
    assert [position.isin for position in portfolio.positions] == [WORLD, BONDS]
    assert (portfolio.transactions, portfolio.cost, portfolio.value) == (4, Decimal("190.00"), Decimal("190.00"))
    assert (portfolio.realised_gain, portfolio.unrealised_gain) == (Decimal("10.00"), Decimal("0.00"))


def test_nothing_yet():
    portfolio = build_portfolio([])
    assert (portfolio.positions, portfolio.cost, portfolio.unrealised_gain) == ([], Decimal("0.00"), Decimal("0.00"))


def test_selling_what_is_not_held():
    with pytest.raises(OversoldError, match=WORLD):
        build_portfolio([trade("sell", "1", "1"), trade("buy", "1", "1")])


@pytest.mark.parametrize("isin", [WORLD, BONDS, "US0378331005", "AU0000XVGZA3", "GB0002634946"])
def test_right_isin(isin):
    assert check_isin(isin) == isin


@pytest.mark.parametrize("isin", ["IE00B4L5Y984", "IE00B4L5Y893", "IE00B4L5Y98", "1E00B4L5Y983", "IE00B4L5Y98Ä", ""])
def test_wrong_isin(isin):
    with pytest.raises(ValueError, match=r"ISIN|check digit"):
        check_isin(isin)
