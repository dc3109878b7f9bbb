# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from datetime import UTC
from datetime import datetime
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

BUY = {"isin": "IE00B4L5Y983", "name": "World", "units": "10", "price": "80.00", "traded_on": "2025-01-02"}

pytestmark = pytest.mark.usefixtures("migrated")


def add(client, **changes):
    answer = client.post("/api/v1/transactions", json={**BUY, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
def test_healthy(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "healthy",
        "release": "0123456789ab",
        "version": "1.0.0",
        "database": "ok",
        "journal_mode": "wal",
    }
    assert answer.headers["cache-control"] == "no-store"


def test_unhealthy_when_migrations_are_missing(client, alembic):
    assert alembic("downgrade", "0001").returncode == 0
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unhealthy"
    assert answer.json()["reason"] == "migrations are at 0001, not at 0002: run alembic upgrade head"


def test_unhealthy_when_there_is_no_database(client, monkeypatch, database):
    from app.database import get_engine
    from app.settings import get_settings

    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{database.parent}/missing/portfolio.db")
    get_settings.cache_clear()
    get_engine.cache_clear()
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "the database does not answer: unable to open database file"
    assert client.get("/api/v1/transactions").status_code == 503


def test_unhealthy_when_the_database_is_damaged(client, database):
    database.write_bytes(b"This is no database." * 100)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "the database does not answer: file is not a database"


def test_create_list_delete(client):
    first = add(client)
    second = add(client, kind="sell", units="2.5", price="90", fee="1.5", traded_on="2025-03-01", name=None)
    assert (second["name"], second["units"], second["fee"]) == ("World", "2.500000", "1.5000")
    page = client.get("/api/v1/transactions").json()
    assert page["total"] == 2
    assert [item["id"] for item in page["items"]] == [second["id"], first["id"]]
    assert client.get("/api/v1/transactions?limit=1&offset=1").json()["items"] == [first]
    assert client.delete(f"/api/v1/transactions/{second['id']}").status_code == 204
    assert client.delete(f"/api/v1/transactions/{second['id']}").status_code == 404
    assert client.get("/api/v1/transactions").json() == {"items": [first], "total": 1}


def test_summary(client):
    assert client.get("/api/v1/analytics/portfolio-summary").json() == {
        "version": "1.0.0",
        "release": "0123456789ab",
        "transactions": 0,
        "cost": "0.00",
        "value": "0.00",
        "unrealised_gain": "0.00",
        "realised_gain": "0.00",
        "positions": [],
    }
    add(client)
    add(client, kind="sell", units="4", price="100", traded_on="2025-03-01")
    summary = client.get("/api/v1/analytics/portfolio-summary").json()
    assert (summary["cost"], summary["value"], summary["realised_gain"]) == ("480.00", "600.00", "80.00")
    assert summary["positions"] == [
        {
            "isin": "IE00B4L5Y983",
            "name": "World",
            "units": "6.000000",
            "cost": "480.00",
            "average_price": "80.00",
            "last_price": "100.0000",
            "value": "600.00",
            "realised_gain": "80.00",
        }
    ]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"isin": "IE00B4L5Y984"}, "isin"),
        ({"units": "0"}, "units"),
        ({"units": "1.0000001"}, "units"),
        ({"units": "NaN"}, "units"),
        ({"price": "-1"}, "price"),
        ({"fee": "-0.01"}, "fee"),
        ({"kind": "steal"}, "kind"),
        ({"name": " "}, "name"),
        ({"traded_on": (datetime.now(UTC) + timedelta(days=2)).date().isoformat()}, "traded_on"),
        ({"traded_on": "yesterday"}, "traded_on"),
        ({"note": "?"}, "note"),
    ],
)
def test_what_is_refused(client, changes, where):
    answer = client.post("/api/v1/transactions", json={**BUY, **changes})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", where]
    assert client.get("/api/v1/transactions").json()["total"] == 0


def test_an_isin_is_tidied(client):
    assert add(client, isin=" ie00b4l5y983 ")["isin"] == "IE00B4L5Y983"


def test_units_that_are_not_held_cannot_be_sold(client):
    bought = add(client)
    refused = client.post("/api/v1/transactions", json={**BUY, "kind": "sell", "units": "11"})
    assert refused.status_code == 409
    assert "IE00B4L5Y983" in refused.json()["detail"]
    add(client, kind="sell", units="10")
    assert client.delete(f"/api/v1/transactions/{bought['id']}").status_code == 409
    assert client.get("/api/v1/transactions").json()["total"] == 2


def test_references_are_enforced(client):
    from app.database import get_engine

    with get_engine().connect() as connection, pytest.raises(IntegrityError, match="FOREIGN KEY"):
        connection.exec_driver_sql(
            "INSERT INTO transactions VALUES (1, 'US0378331005', 'buy', 1, 1, 0, '2025-01-02', '2025-01-02')"
        )


def test_reading_beside_a_writer(client, database):
    add(client)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM transactions")
        assert client.get("/api/v1/transactions").json()["total"] == 1
        assert client.get("/health").status_code == 200
        other.execute("ROLLBACK")


def test_a_database_that_stays_locked(client, database, monkeypatch):
    monkeypatch.setattr("app.database.BUSY_TIMEOUT_MILLISECONDS", 50)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.post("/api/v1/transactions", json=BUY)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        other.execute("ROLLBACK")
    add(client)


@pytest.mark.parametrize("path", ["/api/nothing", "/api/v1/nothing", "/api/v1/", "/nothing"])
def test_unknown_addresses_are_json(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"detail": "Not Found"}


def test_an_unforeseen_error_is_json(client, monkeypatch):
    monkeypatch.setattr("app.api.analytics.build_portfolio", lambda trades: 1 / 0)
    answer = client.get("/api/v1/analytics/portfolio-summary")
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})


class TestSharing:
    @pytest.fixture(autouse=True)
    def _key(self, monkeypatch):
        monkeypatch.setenv("APP_SECRET_KEY", "a key for tests only")

    def test_a_link_works_until_it_expires(self, client, monkeypatch):
        add(client, name="Wörld, the")
        link = client.post("/api/v1/transactions/share?days=1").json()
        shared = client.get(link["path"])
        assert shared.status_code == 200
        assert shared.headers["content-type"] == "text/csv; charset=utf-8"
        assert shared.text.splitlines() == [
            "traded_on,isin,name,kind,units,price,fee",
            '2025-01-02,IE00B4L5Y983,"Wörld, the",buy,10.000000,80.0000,0.0000',
        ]
        later = datetime.fromisoformat(link["expires_at"]).timestamp()
        monkeypatch.setattr("app.api.transactions.time.time", lambda: later)
        assert client.get(link["path"]).status_code == 403

    def test_a_changed_link_is_refused(self, client):
        path = client.post("/api/v1/transactions/share").json()["path"]
        assert client.get(path[:-1] + ("0" if path[-1] != "0" else "1")).status_code == 403
        assert client.get(path.replace("expires=", "expires=1")).status_code == 403
        assert client.get(path.split("?")[0] + "?expires=9999999999&signature=ä").status_code == 403


def test_sharing_is_off_without_a_key(client):
    answer = client.post("/api/v1/transactions/share")
    assert answer.status_code == 503
    assert "APP_SECRET_KEY" in answer.json()["detail"]


class TestDocs:
    def test_off(self, client):
        assert client.get("/api/v1/docs").status_code == 404
        assert client.get("/api/v1/openapi.json").status_code == 404

    def test_on(self, monkeypatch, database):
        from app.main import make_app
        from app.settings import get_settings
        from fastapi.testclient import TestClient

        monkeypatch.setenv("DOCS_ENABLED", "true")
        get_settings.cache_clear()
        client = TestClient(make_app(get_settings()))
        assert client.get("/api/v1/docs").status_code == 200
        assert "/api/v1/transactions" in client.get("/api/v1/openapi.json").json()["paths"]


class TestCors:
    @pytest.fixture(autouse=True)
    def _origins(self, monkeypatch):
        monkeypatch.setenv("CORS_ORIGINS", '["https://d111111abcdef8.cloudfront.net"]')

    @pytest.mark.parametrize(
        ("origin", "allowed"),
        [("https://d111111abcdef8.cloudfront.net", True), ("https://evil.example", False)],
    )
    def test_preflight(self, client, origin, allowed):
        answer = client.options(
            "/api/v1/transactions", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
        )
        assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
        assert (answer.status_code == 200) is allowed


def test_requests_are_logged_without_their_query(client, caplog):
    caplog.set_level(logging.DEBUG)
    client.get("/api/v1/transactions/export.csv?expires=1&signature=secret")
    client.get("/health")
    export, health = [record for record in caplog.records if record.name == "app.access"]
    assert export.getMessage() == "GET /api/v1/transactions/export.csv 503"
    assert export.levelno == logging.INFO
    assert health.levelno == logging.DEBUG
    assert export.fields["status"] == 503
    assert "secret" not in json.dumps([export.getMessage(), export.fields])
