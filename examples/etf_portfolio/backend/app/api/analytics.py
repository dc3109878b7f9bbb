# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import select

from app import __version__
from app.api.sessions import Reading
from app.models import Transaction
from app.portfolio import build_portfolio
from app.schemas import PositionOut
from app.schemas import SummaryOut
from app.settings import get_settings

router = APIRouter(prefix="/analytics", tags=["analytics"])


@router.get("/portfolio-summary")
def portfolio_summary(session: Reading) -> SummaryOut:
    trades = session.scalars(select(Transaction).order_by(Transaction.traded_on, Transaction.id))
    portfolio = build_portfolio(trades)
    return SummaryOut(
        version=__version__,
        release=get_settings().release_id,
        transactions=portfolio.transactions,
        cost=portfolio.cost,
        value=portfolio.value,
        unrealised_gain=portfolio.unrealised_gain,
        realised_gain=portfolio.realised_gain,
        positions=[PositionOut.model_validate(position) for position in portfolio.positions],
    )
