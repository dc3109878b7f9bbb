# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""An application that commits every few milliseconds, and can tell whether a copy of its database is consistent.

Each transaction moves an amount between two accounts and enters it in the ledger. So in any state that was committed
the accounts have the sum they began with, and the ledger explains each balance.

sqlite_writer.py DATABASE SECONDS commits until its input is closed, then prints how long its commits took.
"""

from __future__ import annotations

import json
import random
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path

ACCOUNTS = 50
START = 1000


def make_database(path: Path, mebibytes: int = 1, journal_mode: str = "wal") -> None:
    source = random.Random(path.name)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(
            "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);"
            "CREATE TABLE entry (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES account (id),"
            " amount INTEGER NOT NULL);"
            "CREATE TABLE document (id INTEGER PRIMARY KEY, content TEXT NOT NULL);"
            "CREATE INDEX entry_account ON entry (account_id);"
        )
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO account VALUES (?, ?)", [(number, START) for number in range(ACCOUNTS)])
        documents = [(source.randbytes(8192).hex(),) for _ in range(mebibytes * 64)]
        connection.executemany("INSERT INTO document (content) VALUES (?)", documents)
        connection.execute("COMMIT")


def commit(connection: sqlite3.Connection, source: random.Random) -> None:
    one, other = source.sample(range(ACCOUNTS), 2)
    connection.execute("BEGIN IMMEDIATE")
    for account, amount in ((one, -7), (other, 7)):
        connection.execute("UPDATE account SET balance = balance + ? WHERE id = ?", (amount, account))
        connection.execute("INSERT INTO entry (account_id, amount) VALUES (?, ?)", (account, amount))
    connection.execute("COMMIT")


def count_transactions(path: Path) -> int:
    """How many transactions a database holds, after checking that it holds none by halves."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        total = connection.execute("SELECT sum(balance) FROM account").fetchone()[0]
        assert total == ACCOUNTS * START
        unexplained = connection.execute(
            "SELECT count(*) FROM account WHERE balance !="
            " ? + (SELECT coalesce(sum(amount), 0) FROM entry WHERE account_id = account.id)",
            (START,),
        ).fetchone()[0]
        assert unexplained == 0
        entries = connection.execute("SELECT count(*) FROM entry").fetchone()[0]
        assert entries % 2 == 0
        return entries // 2


class Writer:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.report: dict = {}


@contextmanager
def writing(path: Path, seconds: float = 0.05) -> Iterator[Writer]:
    """A writer in a process of its own; its report is there in the end."""
    command = [sys.executable, __file__, str(path), str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    writer = Writer(process)
    try:
        process.stdout.readline()
        yield writer
    finally:
        output, _errors = process.communicate(timeout=60)
    writer.report = json.loads(output)


def main(path: str, seconds: float) -> None:
    source = random.Random(0)
    latencies = [0.0]
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = NORMAL")
        commit(connection, source)
        print("began", flush=True)
        while not select.select([sys.stdin], [], [], seconds)[0]:
            start = time.monotonic()
            commit(connection, source)
            latencies.append(round((time.monotonic() - start) * 1000, 2))
    latencies.sort()
    report = {"commits": len(latencies), "longest_ms": latencies[-1], "median_ms": latencies[len(latencies) // 2]}
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
