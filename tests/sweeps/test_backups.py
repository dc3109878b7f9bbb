# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Fifty backups beside a writer, on a disk of their own that keeps filling up, by processes that keep being killed.

What is listed as good after each of them is restored, and must be what the application had committed at some moment.
"""

from __future__ import annotations

import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUPPORT = HERE.parent / "support"
MODULE_UTILS = HERE.parents[1] / "plugins" / "module_utils"
SEED = 20260
BACKUPS = 50
KEEP = 6
MEBIBYTES = 24

MAKE = (
    "import sys; sys.path.insert(0, sys.argv[1]); import _sqlite\n"
    "database, disk = sys.argv[2:4]\n"
    "try:\n"
    "    with _sqlite.locked(disk, 5):\n"
    "        _sqlite.make_backup(database, disk)\n"
    f"        _sqlite.remove_expired(disk, database, -1, {KEEP})\n"
    "except _sqlite.SqliteError as error:\n"
    "    sys.exit(str(error))\n"
)


def fill(disk: Path, spare: int) -> None:
    """Leave so many bytes free."""
    with (disk / "filler").open("wb") as file:
        while (more := shutil.disk_usage(disk).free - spare) > 0:
            file.write(bytes(min(more, 1 << 20)))
            file.flush()


def attempt(database: Path, disk: Path, seconds: float | None) -> subprocess.CompletedProcess[str]:
    """One backup in a process of its own, killed with its children after some seconds if it still runs then."""
    command = [sys.executable, "-c", MAKE, str(MODULE_UTILS), str(database), str(disk)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        _output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        _output, errors = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, "", errors)


def sweep(work: Path, disk: Path) -> dict:
    """All of it; to be called where disk is mounted."""
    sys.path[:0] = [str(SUPPORT), str(MODULE_UTILS)]
    import _sqlite
    from sqlite_writer import count_transactions
    from sqlite_writer import make_database
    from sqlite_writer import writing

    source = random.Random(SEED)
    database = work / "app.db"
    make_database(database, mebibytes=MEBIBYTES)
    size = database.stat().st_size
    outcomes: collections.Counter[str] = collections.Counter()
    transactions: dict[str, int] = {}
    messages: set[str] = set()

    def good() -> list[dict]:
        backups, faulty = _sqlite.list_backups(str(disk), str(database))
        assert faulty == [], faulty
        return backups

    def restore(manifest: dict) -> int:
        restored = work / "restored.db"
        _sqlite.restore_backup(str(restored), str(disk / manifest["id"]), manifest)
        count = count_transactions(restored)
        for path in work.glob("restored.db*"):
            path.unlink()
        return count

    with writing(database) as writer:
        began = time.monotonic()
        assert attempt(database, disk, None).returncode == 0
        usual = time.monotonic() - began
        for _number in range(BACKUPS - 1):
            before = [item["id"] for item in good()]
            fate = source.choice(("undisturbed", "killed", "killed", "full disk"))
            if fate == "full disk":
                fill(disk, int(size * source.uniform(0, 1.8)))
            done = attempt(database, disk, usual * source.uniform(0.05, 1.1) if fate == "killed" else None)
            (disk / "filler").unlink(missing_ok=True)
            ended = {0: "made", -signal.SIGKILL: "killed"}.get(done.returncode, "refused")
            outcomes[f"{fate}: {ended}"] += 1
            if ended == "refused":
                assert fate == "full disk", done.stderr
                assert "Traceback" not in done.stderr, done.stderr
                messages.add(done.stderr.strip().replace(str(work), "").replace(str(disk), ""))
            after = [item["id"] for item in good()]
            # None goes but for a newer one, and as many stay as shall.
            assert len(after) >= min(len(before), KEEP), (fate, before, after)
            assert ended != "made" or after[0] not in before, (fate, before, after)
            assert ended != "refused" or after == before, (fate, before, after)
            for manifest in reversed(good()):
                if manifest["id"] not in transactions:
                    transactions[manifest["id"]] = restore(manifest)
        assert writer.process.poll() is None
        assert attempt(database, disk, None).returncode == 0
    last = good()
    for manifest in last:
        transactions[manifest["id"]] = restore(manifest)
    leftovers = {item.name for item in disk.iterdir() if item.is_dir()} - {item["id"] for item in last}
    return {
        "outcomes": dict(sorted(outcomes.items())),
        "transactions": [transactions[name] for name in sorted(transactions)],
        "kept": len(last),
        "leftovers": sorted(leftovers),
        "writer": writer.report,
        "in the database": count_transactions(database),
        "messages": sorted(messages),
    }


def test_fifty_backups_among_kills_and_full_disks(tmp_path: Path) -> None:
    work, disk = tmp_path / "work", tmp_path / "disk"
    work.mkdir()
    disk.mkdir()
    # Ten backups of the size of the database, and a mount that ends with the process.
    mount = 'mount -t tmpfs -o size=480m none "$1" && shift && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mount, "sh", str(disk), sys.executable, __file__, str(work), str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    print(f"\n{json.dumps(seen, indent=2)}")
    assert seen["leftovers"] == []
    assert seen["kept"] == KEEP
    # Each is later than the one before it, and the writer was never stopped.
    assert seen["transactions"] == sorted(seen["transactions"])
    assert seen["transactions"][-1] <= seen["in the database"] == seen["writer"]["commits"]
    # Each fate came true: the sweep was one.
    for outcome in ("killed: killed", "full disk: refused", "undisturbed: made"):
        assert seen["outcomes"].get(outcome, 0) >= 5, seen["outcomes"]


if __name__ == "__main__":
    print(json.dumps(sweep(Path(sys.argv[1]), Path(sys.argv[2]))))
