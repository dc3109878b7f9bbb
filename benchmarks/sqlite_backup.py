# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A backup by the module's code beside `sqlite3 .backup` and `gzip`, in turn within one run.

Makes a database of 1 GiB as a portfolio tracker fills it: small rows in order of time with an index and a foreign key,
and answers of a price service kept as JSON, as many bytes of each (--documents is the share of these). The larger the
share of small rows, the more there is to do for integrity_check, which follows every entry of every index, and the
smaller the ratio. Then it backs the database up in both ways while nobody writes, and prints the times, the sizes and
their ratios. Ours includes what the other lacks: integrity_check, foreign_key_check and SHA-256.

Times are for reading: what it fails for are sizes, and content that differs. On a busy machine the processors are
others': raise the priority of the shell that it is started from (echo -20 > /proc/self/autogroup; nice -n -20).

    python benchmarks/sqlite_backup.py --directory /somewhere/with/4/GiB
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import hashlib
import itertools
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugins" / "module_utils"))
import _sqlite

MODULE = "sqlite_backup"
COMMAND = ".backup and gzip"
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE portfolio (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE trade (
    id INTEGER PRIMARY KEY,
    portfolio_id INTEGER NOT NULL REFERENCES portfolio (id),
    symbol TEXT NOT NULL,
    traded_at TEXT NOT NULL,
    quantity REAL NOT NULL,
    price REAL NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX trade_symbol ON trade (symbol, traded_at);
CREATE TABLE answer (id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX answer_symbol ON answer (symbol);
"""


def write_database(path: Path, mebibytes: int, documents: float) -> None:
    """The same at each run."""
    source = random.Random(1024)  # noqa: S311 (contents, not secrets)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    often = range(len(letters), 0, -1)
    words = ["".join(source.choices(letters, weights=often, k=source.randint(2, 10))) for _ in range(20000)]
    zipf = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    symbols = ["".join(source.choices(letters.upper(), k=4)) for _ in range(500)]
    moment = datetime.datetime(2015, 1, 2, 9, 30)

    def make_trade() -> tuple:
        nonlocal moment
        moment += datetime.timedelta(seconds=source.randint(1, 120))
        note = " ".join(source.choices(words, cum_weights=zipf, k=source.randint(5, 60)))
        amounts = round(source.uniform(1, 500), 4), round(source.uniform(1, 900), 2)
        return (source.randrange(1000), source.choice(symbols), f"{moment.isoformat()}Z", *amounts, note)

    def make_answer() -> tuple:
        symbol, price, days = source.choice(symbols), source.uniform(5, 500), []
        for day in range(120):
            price *= source.uniform(0.98, 1.0205)
            date = (moment + datetime.timedelta(days=day)).date().isoformat()
            days.append({"date": date, "close": round(price, 4), "volume": source.randrange(10**7)})
        return symbol, json.dumps({"symbol": symbol, "currency": "USD", "history": days})

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(SCHEMA)
        connection.executemany("INSERT INTO portfolio VALUES (?, ?)", ((n, f"portfolio {n}") for n in range(1000)))
        columns = "portfolio_id, symbol, traded_at, quantity, price, note"
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        while connection.execute("PRAGMA page_count").fetchone()[0] * size < mebibytes << 20:
            connection.execute("BEGIN")
            # About 3 MB of both together.
            trades = (make_trade() for _ in range(round(12500 * (1 - documents))))
            connection.executemany(f"INSERT INTO trade ({columns}) VALUES (?, ?, ?, ?, ?, ?)", trades)  # noqa: S608
            answers = (make_answer() for _ in range(round(450 * documents)))
            connection.executemany("INSERT INTO answer (symbol, body) VALUES (?, ?)", answers)
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def back_up_by_module(database: Path, directory: Path) -> Path:
    manifest = _sqlite.make_backup(str(database), str(directory))
    return Path(_sqlite.backup_file(str(directory), manifest))


def back_up_by_command(database: Path, directory: Path) -> Path:
    copy = directory / "copy.db"
    subprocess.run(["sqlite3", database, f".backup '{copy}'"], check=True)
    subprocess.run(["gzip", copy], check=True)
    return directory / "copy.db.gz"


def hash_content(path: Path) -> str:
    """The checksum of the database in a backup."""
    digest = hashlib.sha256()
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            for chunk in _sqlite.read_chunks(file):
                digest.update(chunk)
    else:
        with subprocess.Popen(["zstd", "-qdc", path], stdout=subprocess.PIPE) as process:
            for chunk in _sqlite.read_chunks(process.stdout):
                digest.update(chunk)
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, help="where to work (default: where temporary files go)")
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--documents", type=float, default=0.5, help="share of JSON, 0 to 1 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often; medians are printed (default: %(default)s)")
    arguments = parser.parse_args()
    missing = [name for name in ("sqlite3", "gzip", "zstd") if not shutil.which(name)]
    if missing:
        sys.exit(f"Not on PATH: {', '.join(missing)}. Install them first.")

    times: dict[str, list[float]] = {MODULE: [], COMMAND: []}
    processor: dict[str, list[float]] = {MODULE: [], COMMAND: []}
    sizes: dict[str, int] = {}
    contents: dict[str, str] = {}
    ways = {MODULE: back_up_by_module, COMMAND: back_up_by_command}
    with tempfile.TemporaryDirectory(dir=arguments.directory) as temporary:
        database = Path(temporary) / "app.db"
        write_database(database, arguments.mebibytes, arguments.documents)
        for number in range(arguments.rounds):
            for way in ways if number % 2 else reversed(ways):
                with tempfile.TemporaryDirectory(dir=temporary) as directory:
                    os.sync()  # what the one before wrote is nobody's burden
                    _sqlite.hash_file(str(database))  # both find it in memory, as far as there is room
                    start, used = time.monotonic(), sum(os.times()[:4])
                    made = ways[way](database, Path(directory))
                    times[way].append(time.monotonic() - start)
                    processor[way].append(sum(os.times()[:4]) - used)
                    sizes[way] = made.stat().st_size
                    contents[way] = hash_content(made)

    today = datetime.datetime.now(datetime.UTC).date()
    load = os.getloadavg()[0]
    print(
        f"{today}: {arguments.mebibytes} MiB, {os.cpu_count()} processors, load {load:.1f}, {arguments.rounds} round(s)"
    )
    print(f"{'':20}{MODULE:>20}{COMMAND:>24}{'ratio':>8}")
    for title, values in (("time", times), ("processor time", processor)):
        ours, theirs = (statistics.median(values[way]) for way in (MODULE, COMMAND))
        print(f"{title:20}{ours:18.1f} s{theirs:22.1f} s{theirs / ours:8.1f}")
    ours, theirs = sizes[MODULE], sizes[COMMAND]
    print(f"{'size':20}{ours / 2**20:16.0f} MiB{theirs / 2**20:20.0f} MiB{theirs / ours:8.2f}")
    if len(set(contents.values())) != 1:
        sys.exit("The backups do not hold the same database.")
    if ours > theirs:
        sys.exit("Ours is larger.")


if __name__ == "__main__":
    main()
