# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import csv
import io
import time
from datetime import UTC
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi import HTTPException
from fastapi import Query
from fastapi import Request
from fastapi import Response
from pydantic import SecretStr
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.sessions import Reading
from app.api.sessions import Writing
from app.models import Instrument
from app.models import Transaction
from app.portfolio import OversoldError
from app.portfolio import build_portfolio
from app.schemas import ShareLink
from app.schemas import TransactionIn
from app.schemas import TransactionOut
from app.schemas import TransactionPage
from app.settings import get_settings
from app.sharing import is_valid
from app.sharing import sign

router = APIRouter(prefix="/transactions", tags=["transactions"])
CSV_COLUMNS = ("traded_on", "isin", "name", "kind", "units", "price", "fee")


@router.get("")
def list_transactions(
    session: Reading,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> TransactionPage:
    newest_first = select(Transaction).order_by(Transaction.traded_on.desc(), Transaction.id.desc())
    return TransactionPage(
        items=[
            TransactionOut.model_validate(each) for each in session.scalars(newest_first.limit(limit).offset(offset))
        ],
        total=session.scalar(select(func.count()).select_from(Transaction)) or 0,
    )


@router.post("", status_code=201)
def create_transaction(wanted: TransactionIn, session: Writing) -> TransactionOut:
    instrument = session.get(Instrument, wanted.isin)
    if instrument is None:
        instrument = Instrument(isin=wanted.isin, name=wanted.name or wanted.isin)
    elif wanted.name:
        instrument.name = wanted.name
    transaction = Transaction(instrument=instrument, **wanted.model_dump(exclude={"isin", "name"}))
    session.add(transaction)
    session.flush()
    _refuse_oversold(session, wanted.isin)
    session.commit()
    return TransactionOut.model_validate(transaction)


@router.delete("/{transaction_id}", status_code=204)
def delete_transaction(transaction_id: int, session: Writing) -> None:
    transaction = session.get(Transaction, transaction_id)
    if transaction is None:
        raise HTTPException(404, f"There is no transaction {transaction_id}")
    session.delete(transaction)
    session.flush()
    _refuse_oversold(session, transaction.isin)
    session.commit()


@router.post("/share", status_code=201)
def share_transactions(request: Request, days: Annotated[int, Query(ge=1, le=90)] = 7) -> ShareLink:
    path = request.app.url_path_for("export_transactions")
    expires = int(time.time()) + days * 86400
    signature = sign(_sharing_key(), path, expires)
    return ShareLink(
        path=f"{path}?expires={expires}&signature={signature}", expires_at=datetime.fromtimestamp(expires, UTC)
    )


@router.get("/export.csv")
def export_transactions(request: Request, session: Reading, expires: int, signature: str) -> Response:
    if not is_valid(_sharing_key(), request.url.path, expires, signature, now=time.time()):
        raise HTTPException(403, "This link is not valid, or no longer")
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(CSV_COLUMNS)
    for transaction in session.scalars(select(Transaction).order_by(Transaction.traded_on, Transaction.id)):
        writer.writerow([getattr(transaction, column) for column in CSV_COLUMNS])
    headers = {"Content-Disposition": 'attachment; filename="transactions.csv"', "Cache-Control": "no-store"}
    return Response(table.getvalue(), media_type="text/csv", headers=headers)


def _refuse_oversold(session: Session, isin: str) -> None:
    trades = select(Transaction).where(Transaction.isin == isin).order_by(Transaction.traded_on, Transaction.id)
    try:
        build_portfolio(session.scalars(trades))
    except OversoldError as error:
        raise HTTPException(409, str(error)) from None


def _sharing_key() -> SecretStr:
    key = get_settings().app_secret_key
    if key is None:
        raise HTTPException(503, "Sharing is off: APP_SECRET_KEY is not set")
    return key
