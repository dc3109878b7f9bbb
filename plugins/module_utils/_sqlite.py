# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: backups of SQLite databases. The modules sqlite_* and the timer that the role
# sqlite_backup installs run this very file, so it imports nothing but the standard library (and runs commands without
# AnsibleModule).
# pylint: disable=ansible-bad-function
#
# A backup is a directory <database's file name>-<UTC time>/ with the compressed database and manifest.json. It is made
# under another name and renamed when all of it is verified and on the disk: what has its final name is good, and a
# process that is killed leaves nothing that could be taken for a backup.

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import time
import urllib.parse
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any
    from typing import BinaryIO

MANIFEST = "manifest.json"
FORMAT = 1
FILES = {"zstd": "database.zst", "gzip": "database.gz"}
# Level 2 is the fastest whose result is smaller than gzip's, and remains so with a table of half the size, which leaves
# room in the processor's cache for the check that runs beside it. -T0 takes every processor.
ZSTD = ["zstd", "-q", "-2", "--zstd=hlog=15", "-T0", "-c"]
GZIP_LEVEL = 6
LOCKED = (5, 6)  # SQLITE_BUSY, SQLITE_LOCKED
GZIP_FRAME = 31  # zlib's word for gzip's header and trailer, with the largest window
CHUNK = 1 << 20

BACKUP_NAME = re.compile(r"(?P<database>.+)-(?P<stamp>\d{8}T\d{9}Z)")
# Names of what is not finished, or being removed.
MAKING = ".making-"
REMOVING = ".removing-"
# What SQLite keeps beside a database and pairs with it by name.
SUFFIXES = ("", "-wal", "-shm", "-journal")
# Where tools write down which migrations a database has had.
MIGRATION_TABLES = {
    *("alembic_version", "django_migrations", "schema_migrations", "aerich", "yoyo_migrations", "_yoyo_migration"),
    *("peewee_migrate", "migratehistory", "goose_db_version", "flyway_schema_history", "_prisma_migrations"),
    *("knex_migrations", "caribou_migrations", "_sqlx_migrations", "__diesel_schema_migrations"),
}
BEFORE_RESTORE = "before-restore"
BEFORE_UNDO = "before-undo"

# A backup from further ahead than this was made while the clock was wrong, and says nothing about today.
CLOCK_TOLERANCE = 300
DAY = 86400
UTC = datetime.timezone.utc  # noqa: UP017 (datetime.UTC came with Python 3.11)
PAUSE = 0.1
UPLOAD_TIMEOUT = 6 * 3600
UPLOADER_COMMANDS = {
    "put": "send a backup to S3",
    "get": "fetch a backup from S3",
    "list": "list the backups in S3",
    "metric": "publish a metric",
    "publish": "publish to the topic",
}
# How the modules take where the backups are in S3; described in doc_fragments/_sqlite.py.
S3_ARGUMENTS: dict[str, Any] = {
    "bucket": {"type": "str"},
    "prefix": {"type": "str", "default": ""},
    "region": {"type": "str", "default": ""},
    "uploader": {"type": "path", "default": "/usr/local/lib/slipway/uploader/current"},
}


class SqliteError(Exception):
    pass


# -- words for what goes wrong -----------------------------------------------------------------------------------------


def advise(error: Exception) -> str:
    """What to do about an error of SQLite or of the system; '' if there is nothing to say."""
    text = str(error)
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        denied = error.errno in (errno.EACCES, errno.EPERM)
    else:
        full = "disk is full" in text or "disk I/O error" in text
        denied = "readonly" in text or "unable to open" in text
    if full:
        return " The disk is full, or the size of files is limited. Free some space, then run again."
    if denied:
        return " Check who owns the file and its directory; the database's owner must be able to write both."
    if "locked" in text or "busy" in text:
        return " Another process holds it exclusively. Wait until it lets go, or stop it, then run again."
    if "malformed" in text or "not a database" in text:
        return " The file is damaged or no SQLite database. Restore the newest good backup."
    return ""


@contextlib.contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn errors of SQLite and of the system into SqliteErrors that say what was being done."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise SqliteError(f"Failed to {doing}: {error}.{advise(error)}") from error


def require_space(directory: str, needed: int, purpose: str) -> None:
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise SqliteError(
            f"Failed to {purpose}: the disk of {directory} is full. It has {free >> 20} MiB free, and "
            f"{(needed >> 20) + 1} MiB are needed. Free some space, then run again."
        )


# -- who acts, and who waits -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def acting_as(path: str) -> Iterator[None]:
    """Do what root does for a file's owner with the owner's rights, and let nobody else read the files made.

    So they belong to the owner, and root never follows a link that the owner has set. Without the file, the owner of
    its directory counts.
    """
    owner = os.stat(path if os.path.exists(path) else os.path.dirname(path))
    umask = os.umask(0o077)
    groups = os.getgroups()
    uid, gid = os.geteuid(), os.getegid()
    switch = uid == 0 and (owner.st_uid, owner.st_gid) != (uid, gid)
    try:
        if switch:
            os.setgroups([owner.st_gid])
            os.setegid(owner.st_gid)
            os.seteuid(owner.st_uid)
        yield
    finally:
        if switch:
            os.seteuid(uid)
            os.setegid(gid)
            os.setgroups(groups)
        os.umask(umask)


@contextlib.contextmanager
def locked(directory: str, timeout: float) -> Iterator[None]:
    """Let one process at a time make, remove or restore backups of a directory. A killed one lets go by itself."""
    with explained(f"lock {directory}"):
        descriptor = os.open(os.path.join(directory, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise SqliteError(
                        f"Failed to lock {directory}: another backup or restore has been at work there for the "
                        f"{timeout:g} seconds this one waited. Wait for its end, then run again."
                    ) from None
                time.sleep(PAUSE)  # flock has no deadline of its own
        yield
    finally:
        os.close(descriptor)


def sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- the database ------------------------------------------------------------------------------------------------------


def connect(path: str, parameters: str, timeout: float = 0) -> sqlite3.Connection:
    uri = f"file:{urllib.parse.quote(os.path.abspath(path))}?{parameters}"
    # Another thread may close what this one opened; none uses it at the same time.
    return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)


def require_file(database: str, purpose: str) -> None:
    if not os.path.isfile(database):
        raise SqliteError(
            f"Failed to {purpose} {database}: there is no such file. Check the path; a database that the application "
            "has not made yet cannot be backed up."
        )


def copy_database(database: str, target: str, require_wal: bool, timeout: float) -> dict[str, Any]:
    """Copy one snapshot of a database that may be written to meanwhile, and say what was copied."""
    with explained(f"read {database}"), contextlib.closing(connect(database, "mode=rw", timeout)) as source:
        # Opened for writing all the same: what a crash has left in a journal is settled by the next one to open it.
        source.execute("PRAGMA query_only = ON")
        journal_mode = source.execute("PRAGMA journal_mode").fetchone()[0]
        if journal_mode != "wal" and require_wal:
            raise SqliteError(
                f"Refused to back up {database}: its journal mode is {journal_mode}, not wal, so that nobody could "
                "write to it during the copy. Let the application run PRAGMA journal_mode = WAL once, or say "
                "require_wal: false if its writers can wait."
            )
        # The snapshot begins here, so a lock shows now and is waited for. The copy then needs no further lock.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        taken = datetime.datetime.now(UTC)
        pages = source.execute("PRAGMA page_count").fetchone()[0]
        size = pages * source.execute("PRAGMA page_size").fetchone()[0]
        require_space(os.path.dirname(target), size, f"back up {database}")
        copy_pages(source, target)
        source.execute("ROLLBACK")
    return {"taken": taken, "journal_mode": journal_mode, "database_size": size}


def copy_pages(source: sqlite3.Connection, target: str) -> None:
    def stop_if_locked(status: int, _remaining: int, _total: int) -> None:
        # Python would try for ever; the snapshot is ours already, so this is no lock that anybody would release.
        if status & 0xFF in LOCKED:
            raise SqliteError("Failed to copy the database: it is locked. Look for what else uses it, then run again.")

    with contextlib.closing(connect(target, "mode=rwc")) as copy:
        # A half-made copy is thrown away: it needs no journal, and is not kept, so it need not be on the disk.
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        copy.execute("PRAGMA cache_size = 10")  # pages are written once, in order, and not read here
        # In one step: with several, each commit of another process would make it start again.
        source.backup(copy, pages=-1, progress=stop_if_locked)


def verify_database(path: str, allow_violations: bool = True) -> int:
    """Check a database that nobody writes to, and count the rows that violate a foreign key."""
    with explained(f"check {path}"), contextlib.closing(connect(path, "mode=ro&immutable=1")) as connection:
        connection.execute(f"PRAGMA mmap_size = {1 << 40}")
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(20)")]
        if found != ["ok"]:
            raise SqliteError(
                f"The database is damaged: {'; '.join(found)[:2000]}. It is not taken for a good one. "
                "Restore the newest good backup."
            )
        try:
            violations = sum(1 for _row in connection.execute("PRAGMA foreign_key_check"))
        except sqlite3.OperationalError:  # a key that refers to what cannot be referred to: "foreign key mismatch"
            violations = 1
    if violations and not allow_violations:
        raise SqliteError(
            f"The database has {violations} violations of foreign keys (PRAGMA foreign_key_check lists them). Repair "
            "the rows, or say allow_violations: true to keep the data as it is."
        )
    return violations


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def list_tables(connection: sqlite3.Connection, schema: str) -> dict[str, str]:
    """The statements that made the tables of an attached database, by their names; without SQLite's own."""
    rows = connection.execute(f"SELECT name, sql FROM {schema}.sqlite_master WHERE type = 'table'")  # noqa: S608
    return {name: sql or "" for name, sql in rows if not name.startswith("sqlite_")}


def read_schema(database: str, timeout: float = 60) -> str:
    """A digest of a database's schema, and of which migrations tools have recorded in it; '' if there is none.

    What the application writes into its tables does not change it.
    """
    if not os.path.isfile(database):
        return ""
    with (
        explained(f"read the schema of {database}"),
        contextlib.closing(connect(database, "mode=rw", timeout)) as source,
    ):
        source.execute("PRAGMA query_only = ON")
        source.execute("BEGIN")
        found: list[Any] = [source.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")]
        rows = source.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        # SQLite's own come and go as it likes: sqlite_stat1 when the application lets it look at its tables.
        found += sorted(repr(row) for row in rows if not row[1].startswith("sqlite_"))
        for name in sorted(MIGRATION_TABLES & set(list_tables(source, "main"))):
            found += sorted(repr(row) for row in source.execute(f"SELECT * FROM {quote_name(name)}"))  # noqa: S608
        source.execute("ROLLBACK")
    return hashlib.sha256(repr(found).encode()).hexdigest()


def find_written(database: str, earlier: str, timeout: float = 60) -> list[str]:
    """The tables whose rows differ between a database and an earlier copy of it, in the columns that both have.

    Left out is what a migration brings or takes: tables that only one of them has, and the records of the tools.
    """
    with (
        explained(f"compare {database} with {earlier}"),
        contextlib.closing(connect(database, "mode=rw", timeout)) as now,
    ):
        now.execute("PRAGMA query_only = ON")
        now.execute(
            "ATTACH ? AS earlier", (f"file:{urllib.parse.quote(os.path.abspath(earlier))}?mode=ro&immutable=1",)
        )
        now.execute("BEGIN")
        tables, before = list_tables(now, "main"), list_tables(now, "earlier")
        written = []
        for name in sorted(tables.keys() & before.keys() - MIGRATION_TABLES):
            if tables[name].upper().startswith("CREATE VIRTUAL"):  # its rows are in tables of their own
                continue
            columns = [
                {row[0] for row in now.execute("SELECT name FROM pragma_table_info(?, ?)", (name, schema))}
                for schema in ("main", "earlier")
            ]
            common = ", ".join(quote_name(column) for column in sorted(columns[0] & columns[1]))
            # The number of rows comes first: it differs without a column in common, and where rows are repeated.
            sides = [
                f"SELECT {what} FROM {schema}.{quote_name(name)}"  # noqa: S608
                for what in ("count(*)", common or "1")
                for schema in ("main", "earlier")
            ]
            if any(
                now.execute(f"{sides[a]} EXCEPT {sides[b]} LIMIT 1").fetchone() for a, b in ((0, 1), (2, 3), (3, 2))
            ):
                written.append(name)
        now.execute("ROLLBACK")
    return written


def find_holders(database: str) -> list[dict[str, Any]]:
    """The processes that hold a database open, or one of the files beside it.

    They are found by what their descriptors are, not by name: in a container or through a link the name may differ.
    """
    wanted = {}
    for path in (database + suffix for suffix in SUFFIXES):
        with contextlib.suppress(FileNotFoundError):
            state = os.stat(path)
            wanted[state.st_dev, state.st_ino] = path
    if not wanted:
        return []
    holders = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except PermissionError as error:
            raise SqliteError(
                f"Failed to see which processes hold {database} open: process {pid} lets only root look. Run as root."
            ) from error
        except OSError:  # it has ended
            continue
        files = set()
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                state = os.stat(f"/proc/{pid}/fd/{descriptor}")
                files.add(wanted.get((state.st_dev, state.st_ino)))
        files.discard(None)
        if files:
            holders.append({"pid": int(pid), **describe_process(pid), "files": sorted(files)})
    return holders


def describe_process(pid: str) -> dict[str, str]:
    def read(name: str) -> str:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/{name}", errors="replace") as file:
            return file.read()
        return ""

    # The name alone: arguments may hold secrets.
    units = re.findall(r"/([^/\n]+\.service)(?:/|$)", read("cgroup"), re.MULTILINE)
    return {"command": read("comm").strip(), "unit": units[-1] if units else ""}


def refuse_holders(database: str, holders: list[dict[str, Any]]) -> None:
    if holders:
        named = ", ".join(
            f"process {item['pid']} ({item['command']}{', ' + item['unit'] if item['unit'] else ''})"
            for item in holders
        )
        raise SqliteError(
            f"Refused to replace {database}: it is held open by {named}. Whoever has it open would go on with the old "
            "one and damage the new one. Stop it, then run again."
        )


# -- compression -------------------------------------------------------------------------------------------------------


def choose_compression() -> str:
    return "zstd" if shutil.which("zstd") else "gzip"


def read_chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK), b"")


def read_compressed(path: str, compression: str) -> Iterator[bytes]:
    if compression == "gzip":
        compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_FRAME)
        with open(path, "rb") as file:
            for chunk in read_chunks(file):
                yield compressor.compress(chunk)
        yield compressor.flush()
        return
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen([*ZSTD, path], stdout=subprocess.PIPE, stderr=complaints, stdin=subprocess.DEVNULL)
        try:
            yield from read_chunks(process.stdout)
            if process.wait():
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip()
                raise SqliteError(f"Failed to compress {path}: zstd ended with {process.returncode}: {said}")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def compress_file(path: str, target: str, compression: str) -> dict[str, Any]:
    """Compress a file; returns the size and the SHA-256 checksum of what is on the disk then."""
    digest = hashlib.sha256()
    with open(target, "xb") as file:
        for chunk in read_compressed(path, compression):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        return {"size": file.tell(), "sha256": digest.hexdigest()}


def decompress_file(path: str, target: str, compression: str) -> None:
    with open(target, "xb") as file:
        if compression == "gzip":
            decompressor = zlib.decompressobj(GZIP_FRAME)
            with open(path, "rb") as source:
                for chunk in read_chunks(source):
                    file.write(decompressor.decompress(chunk))
            file.write(decompressor.flush())
        else:
            if not shutil.which("zstd"):
                raise SqliteError(f"Failed to read {path}: there is no zstd here. Install the package zstd.")
            command = ["zstd", "-q", "-d", "-c", path]
            done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
            if done.returncode:
                said = done.stderr.decode(errors="replace").strip()
                raise SqliteError(f"Failed to unpack {path}: zstd ended with {done.returncode}: {said}")
        file.flush()
        os.fsync(file.fileno())


def hash_file(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in read_chunks(file):
            digest.update(chunk)
    return digest.hexdigest()


# -- what a directory of backups holds ---------------------------------------------------------------------------------


def write_stamp(moment: datetime.datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03}Z"


def read_stamp(name: str) -> float:
    """When the backup of this name was made, in seconds of the epoch."""
    stamp = BACKUP_NAME.fullmatch(name).group("stamp")
    moment = datetime.datetime.strptime(stamp[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return moment.timestamp() + int(stamp[15:18]) / 1000


def is_backup_of(name: str, database: str) -> bool:
    match = BACKUP_NAME.fullmatch(name)
    if not match or match.group("database") != os.path.basename(database):
        return False
    try:
        read_stamp(name)
    except ValueError:
        return False
    return True


def find_fault(directory: str, name: str) -> tuple[dict[str, Any], str]:
    """A backup's manifest, and what is wrong with the backup as far as a look tells; '' if nothing."""
    try:
        with open(os.path.join(directory, name, MANIFEST)) as file:
            manifest = json.load(file)
        return manifest, find_manifest_fault(manifest, name) or find_size_fault(directory, manifest)
    except (OSError, ValueError) as error:
        return {}, f"its manifest cannot be read: {error}"


def find_manifest_fault(manifest: Any, name: str) -> str:
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return "its manifest is of another format"
    types = {"id": str, "compression": str, "size": int, "sha256": str, "database_size": int}
    wrong = [key for key, kind in types.items() if not isinstance(manifest.get(key), kind)]
    if wrong:
        return f"its manifest lacks {', '.join(wrong)}"
    if manifest["id"] != name or manifest["compression"] not in FILES:
        return "its manifest belongs to another backup"
    return ""


def find_size_fault(directory: str, manifest: dict[str, Any]) -> str:
    size = os.path.getsize(backup_file(directory, manifest))
    return "" if size == manifest["size"] else f"its file has {size} bytes, not {manifest['size']}"


def backup_file(directory: str, manifest: dict[str, Any]) -> str:
    return os.path.join(directory, manifest["id"], FILES[manifest["compression"]])


def list_backups(directory: str, database: str) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """The good backups of a database, newest first, and those with a fault, which nothing ever removes."""
    good, faulty = [], []
    with explained(f"list the backups in {directory}"):
        names = os.listdir(directory) if os.path.isdir(directory) else []
    for name in sorted(names, reverse=True):
        if is_backup_of(name, database):
            manifest, fault = find_fault(directory, name)
            if fault:
                faulty.append({"id": name, "fault": fault})
            else:
                good.append(manifest)
    return good, faulty


def choose_backup(ids: list[str], wanted: str | None, place: str) -> str:
    """The id that was asked for, or the newest."""
    if not ids:
        raise SqliteError(f"There is no good backup in {place}. Make one first.")
    if wanted and wanted not in ids:
        raise SqliteError(
            f"There is no good backup {wanted} in {place}. There are: {', '.join(sorted(ids, reverse=True))}"
        )
    return wanted or max(ids, key=read_stamp)


def choose_expired(ids: list[str], now: float, keep_days: float, keep_last: int) -> list[str]:
    """The backups that may go: older than keep_days, and not among the newest keep_last (at least one)."""
    newest_first = sorted(ids, key=read_stamp, reverse=True)
    return [name for name in newest_first[max(keep_last, 1) :] if now - read_stamp(name) > keep_days * DAY]


def find_age(backups: list[dict[str, Any]], now: float, place: str = "") -> float | None:
    """Seconds since the newest good backup was made; with a place, of those that are there too. None without any."""
    ages = [
        max(now - read_stamp(item["id"]), 0.0)
        for item in backups
        if read_stamp(item["id"]) <= now + CLOCK_TOLERANCE and (not place or item.get("uploaded") == place)
    ]
    return min(ages, default=None)


# -- making and removing backups ---------------------------------------------------------------------------------------


def make_directory(directory: str, database: str) -> bool:
    """Make the directory of the backups, for the database's owner alone. Returns whether it was missing."""
    if os.path.isdir(directory):
        return False
    owner = os.stat(database)
    with explained(f"make {directory}"):
        os.makedirs(directory, mode=0o700)
        if os.geteuid() == 0:
            os.chown(directory, owner.st_uid, owner.st_gid)
    return True


def remove_leftovers(directory: str) -> None:
    """Remove what killed processes have left. Only for the holder of the lock, or it is not left but in use."""
    for name in os.listdir(directory):
        if name.startswith((MAKING, REMOVING)):
            shutil.rmtree(os.path.join(directory, name))


def write_manifest(directory: str, manifest: dict[str, Any]) -> None:
    beside = os.path.join(directory, f"{MANIFEST}.new")
    with open(beside, "w") as file:
        json.dump(manifest, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, os.path.join(directory, MANIFEST))
    sync_directory(directory)


def make_backup(
    database: str,
    directory: str,
    require_wal: bool = True,
    allow_violations: bool = True,
    timeout: float = 60,
    compression: str | None = None,
    release: str = "",
) -> dict[str, Any]:
    """Make one verified backup, and return its manifest. The caller holds the lock. Removes no other backup.

    release: what it was made before, if it was made for that; remove_expired() passes over such backups.
    """
    require_file(database, "back up")
    with explained(f"back up {database} to {directory}"):
        remove_leftovers(directory)
        making = tempfile.mkdtemp(prefix=MAKING, dir=directory)
        try:
            extra = {"release": release} if release else {}
            return _make_backup(database, directory, making, require_wal, allow_violations, timeout, compression, extra)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise


def _make_backup(
    database: str,
    directory: str,
    making: str,
    require_wal: bool,
    allow_violations: bool,
    timeout: float,
    compression: str | None,
    extra: dict[str, Any],
) -> dict[str, Any]:
    compression = compression or choose_compression()
    copy = os.path.join(making, "copy")
    facts = copy_database(database, copy, require_wal, timeout)
    # Both only read the copy, and each leaves the other a processor.
    with ThreadPoolExecutor(max_workers=1) as other:
        verified = other.submit(verify_database, copy, allow_violations)
        packed = compress_file(copy, os.path.join(making, FILES[compression]), compression)
        violations = verified.result()
    os.unlink(copy)

    moment = facts.pop("taken")
    while os.path.exists(os.path.join(directory, name_backup(database, moment))):
        moment += datetime.timedelta(milliseconds=1)
    name = name_backup(database, moment)
    manifest = {
        "format": FORMAT,
        "id": name,
        "created": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "database": database,
        **facts,
        "foreign_key_violations": violations,
        "compression": compression,
        **packed,
        "sqlite_version": sqlite3.sqlite_version,
        "uploaded": "",
        **extra,
    }
    write_manifest(making, manifest)
    os.rename(making, os.path.join(directory, name))
    sync_directory(directory)
    return manifest


def name_backup(database: str, moment: datetime.datetime) -> str:
    return f"{os.path.basename(database)}-{write_stamp(moment)}"


def remove_expired(directory: str, database: str, keep_days: float, keep_last: int, dry: bool = False) -> list[str]:
    """Remove the good backups that are past their time, and return their ids. Faulty ones are left to be looked at.

    To be called when a new backup is good, and by the holder of the lock.
    """
    backups, _faulty = list_backups(directory, database)
    expired = choose_expired(list_regular(backups), time.time(), keep_days, keep_last)
    if not dry:
        remove_backups(directory, expired)
    return expired


def list_regular(backups: list[dict[str, Any]]) -> list[str]:
    """The ids without those of backups that were made before a release: ten releases on a day are no ten days."""
    return [item["id"] for item in backups if not item.get("release")]


def remove_backups_before_releases(directory: str, database: str, keep_last: int) -> list[str]:
    """Remove the good backups that were made before releases, but for the newest, and return their ids."""
    backups, _faulty = list_backups(directory, database)
    ids = sorted({item["id"] for item in backups} - set(list_regular(backups)), key=read_stamp, reverse=True)
    remove_backups(directory, ids[keep_last:])
    return ids[keep_last:]


def remove_backups(directory: str, ids: list[str]) -> None:
    with explained(f"remove old backups from {directory}"):
        for name in ids:
            # At once out of the list; a kill between the two leaves nothing that looks like a backup.
            removing = os.path.join(directory, f"{REMOVING}{name}")
            os.rename(os.path.join(directory, name), removing)
            shutil.rmtree(removing)


# -- restoring ---------------------------------------------------------------------------------------------------------


def unpack_backup(folder: str, manifest: dict[str, Any], target: str, allow_violations: bool = True) -> int:
    """Write a backup's database to a new file and verify it; returns how many rows violate a foreign key."""
    packed = os.path.join(folder, FILES[manifest["compression"]])
    with explained(f"read the backup {manifest['id']}"):
        found = hash_file(packed)
    if found != manifest["sha256"]:
        raise SqliteError(
            f"The backup {manifest['id']} is damaged: the checksum of {packed} is {found}, not {manifest['sha256']}. "
            "Nothing was changed. Take another backup."
        )
    require_space(os.path.dirname(target), manifest["database_size"], f"unpack {manifest['id']}")
    with explained(f"unpack {manifest['id']} to {target}"):
        decompress_file(packed, target, manifest["compression"])
    size = os.path.getsize(target)
    if size != manifest["database_size"]:
        raise SqliteError(
            f"The backup {manifest['id']} is damaged: it unpacks to {size} bytes, not {manifest['database_size']}. "
            "Nothing was changed. Take another backup."
        )
    return verify_database(target, allow_violations)


@contextlib.contextmanager
def working_directory(parent: str, prefix: str) -> Iterator[str]:
    """A directory that is gone in the end; what killed processes have left of it is removed first."""
    with explained(f"work in {parent}"):
        for name in os.listdir(parent):
            if name.startswith(prefix):
                shutil.rmtree(os.path.join(parent, name))
        directory = tempfile.mkdtemp(prefix=prefix, dir=parent)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_backup(directory: str, folder: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """Restore a backup to where it harms nobody, and say what is in it."""
    start = time.monotonic()
    with working_directory(directory, f"{MAKING}test-") as work:
        restored = os.path.join(work, "restored")
        violations = unpack_backup(folder, manifest, restored)
        with explained(f"read {restored}"), contextlib.closing(connect(restored, "mode=ro&immutable=1")) as connection:
            query = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
            tables = connection.execute(query).fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
    return {
        "tables": tables,
        "user_version": version,
        "foreign_key_violations": violations,
        "seconds": round(time.monotonic() - start, 3),
    }


def has_content_of(database: str, restored: str) -> bool:
    """Whether a database already is what would be restored: the same bytes, and nothing beside it to be added."""
    if not os.path.isfile(database) or os.path.getsize(database) != os.path.getsize(restored):
        return False
    for journal in (f"{database}-wal", f"{database}-journal"):
        if os.path.exists(journal) and os.path.getsize(journal):
            return False
    with open(database, "rb") as one, open(restored, "rb") as other:
        return all(left == right for left, right in zip(read_chunks(one), read_chunks(other)))  # noqa: B905


def find_set_aside(database: str, kind: str) -> list[str]:
    folder, name = os.path.split(database)
    pattern = re.compile(rf"{re.escape(name)}\.{kind}-\d{{8}}T\d{{9}}Z")
    return [os.path.join(folder, item) for item in os.listdir(folder) if pattern.fullmatch(item)]


def is_same_file(one: str, other: str) -> bool:
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def list_set_aside(database: str) -> list[str]:
    """Where restores have set earlier databases aside, newest first.

    Left out are places of restores that were killed early: without a database, or with one that is still in its place.
    """
    found = find_set_aside(database, BEFORE_RESTORE)
    complete = []
    for place in found:
        earlier = os.path.join(place, os.path.basename(database))
        if os.path.isfile(earlier) and not is_same_file(earlier, database):
            complete.append(place)
    return sorted(complete, reverse=True)


def set_aside(database: str, kind: str) -> str:
    """Give a database and all that is beside it second names in a directory of its own, and return that; '' if none.

    Links, so that at no moment a process that is killed leaves less than all of it in one place or the other.
    """
    for place in find_set_aside(database, kind):
        if is_same_file(os.path.join(place, os.path.basename(database)), database):
            shutil.rmtree(place)  # second names that a killed restore gave; the first ones are still there
    present = [database + suffix for suffix in SUFFIXES if os.path.lexists(database + suffix)]
    if not present:
        return ""
    moment = datetime.datetime.now(UTC)
    while os.path.exists(f"{database}.{kind}-{write_stamp(moment)}"):
        moment += datetime.timedelta(milliseconds=1)
    aside = f"{database}.{kind}-{write_stamp(moment)}"
    os.mkdir(aside, 0o700)
    # The database last: with it, the place counts as complete.
    for path in reversed(present):
        os.link(path, os.path.join(aside, os.path.basename(path)))
    sync_directory(aside)
    sync_directory(os.path.dirname(database))
    return aside


def clear_place(database: str) -> None:
    """Take away a database that was set aside.

    SQLite throws away the journals of a database that is not there, but would play those of an old one into a new one.
    So the database goes first, and the new one comes when all are gone.
    """
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(database + suffix)


def restore_backup(
    database: str, folder: str, manifest: dict[str, Any], allow_violations: bool = True, dry: bool = False
) -> dict[str, Any]:
    """Put a backup in a database's place, unless it is there already.

    folder is the backup's directory. The caller holds the lock. Returns changed, the place where the earlier database
    was set aside ('' if there was none), the processes that hold it open, and how many rows violate a foreign key. A
    dry run verifies everything and changes nothing; only there processes that hold the database open are no error.
    """
    place, name = os.path.split(database)
    if not os.path.isdir(place):
        raise SqliteError(f"Failed to restore {database}: there is no directory {place}. Make it, then run again.")
    holders = find_holders(database)
    if not dry:
        refuse_holders(database, holders)
    with contextlib.ExitStack() as stack:
        with acting_as(database):
            work = stack.enter_context(working_directory(place, f".{name}.restoring-"))
            restored = os.path.join(work, "restored")
            violations = unpack_backup(folder, manifest, restored, allow_violations)
            with explained(f"compare {database} with {manifest['id']}"):
                changed = not has_content_of(database, restored)
        result = {"changed": changed, "set_aside": "", "holders": holders, "foreign_key_violations": violations}
        if dry or not changed:
            return result
        # Somebody may have opened it while the backup was unpacked.
        refuse_holders(database, find_holders(database))
        with acting_as(database), explained(f"put {manifest['id']} in the place of {database}"):
            os.chmod(restored, stat.S_IMODE(os.stat(database).st_mode) if os.path.exists(database) else 0o600)
            result["set_aside"] = set_aside(database, BEFORE_RESTORE)
            clear_place(database)
            os.rename(restored, database)
            sync_directory(place)
    return result


def undo_restore(database: str, aside: str | None = None, dry: bool = False) -> dict[str, Any]:
    """Put back what the last restore, or the named one, has set aside. The caller holds the lock.

    Returns changed, False if there is nothing to put back; restored, the place it came from; and set_aside, the place
    where the database that the restore had brought is kept.
    """
    with explained(f"look for what was set aside of {database}"):
        places = list_set_aside(database)
    chosen = aside or (places[0] if places else "")
    result = {"changed": chosen in places, "restored": chosen if chosen in places else "", "set_aside": ""}
    if not result["changed"]:
        return result
    result["holders"] = find_holders(database)
    if dry:
        return result
    refuse_holders(database, result["holders"])
    name = os.path.basename(database)
    with acting_as(database), explained(f"put {chosen} back in the place of {database}"):
        result["set_aside"] = set_aside(database, BEFORE_UNDO)
        clear_place(database)
        # The database last, as it went first. SQLite makes the -shm anew.
        for suffix in ("-journal", "-wal", ""):
            if os.path.exists(os.path.join(chosen, name + suffix)):
                os.link(os.path.join(chosen, name + suffix), database + suffix)
        sync_directory(os.path.dirname(database))
        shutil.rmtree(chosen)
    return result


# -- S3 ----------------------------------------------------------------------------------------------------------------


class Store:
    """Backups in S3, reached by the uploader: a program in an environment of its own, since this one has no boto3."""

    def __init__(self, uploader: str, bucket: str, prefix: str, region: str = "") -> None:
        self.uploader = uploader
        self.bucket = bucket
        self.prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.region = region

    @property
    def place(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def list_ids(self, database: str) -> list[str]:
        """The complete backups of a database, newest first: those whose manifest is there, which is sent last."""
        answer = self._run("list", "--bucket", self.bucket, "--prefix", self.prefix)
        keys = [item["key"][len(self.prefix) :] for item in json.loads(answer)]
        ids = [key[: -len(MANIFEST) - 1] for key in keys if key.endswith(f"/{MANIFEST}")]
        return sorted((name for name in ids if is_backup_of(name, database)), key=read_stamp, reverse=True)

    def put(self, directory: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """Send a backup, and record in its manifest where it is; returns that manifest."""
        packed = FILES[manifest["compression"]]
        after = {**manifest, "uploaded": self.place}
        folder = os.path.join(directory, manifest["id"])
        self._send(os.path.join(folder, packed), f"{manifest['id']}/{packed}")
        with tempfile.TemporaryDirectory(prefix=MAKING, dir=directory) as beside:
            write_manifest(beside, after)
            self._send(os.path.join(beside, MANIFEST), f"{manifest['id']}/{MANIFEST}")
        write_manifest(folder, after)
        return after

    def get(self, name: str, folder: str) -> dict[str, Any]:
        """Bring a backup into an existing, empty directory; returns its manifest."""
        self._bring(f"{name}/{MANIFEST}", os.path.join(folder, MANIFEST))
        with explained(f"read the manifest of {name}"), open(os.path.join(folder, MANIFEST)) as file:
            try:
                manifest = json.load(file)
            except ValueError:
                manifest = {}
        fault = find_manifest_fault(manifest, name)
        if fault:
            raise SqliteError(f"The backup {name} in {self.place} cannot be used: {fault}. Take another backup.")
        require_space(folder, manifest["size"], f"download {name}")
        packed = FILES[manifest["compression"]]
        self._bring(f"{name}/{packed}", os.path.join(folder, packed))
        return manifest

    def _send(self, path: str, key: str) -> None:
        self._run("put", "--bucket", self.bucket, "--key", self.prefix + key, "--file", path)

    def _bring(self, key: str, path: str) -> None:
        self._run("get", "--bucket", self.bucket, "--key", self.prefix + key, "--file", path)

    def _run(self, *arguments: str) -> str:
        return run_uploader(self.uploader, self.region, *arguments)


def run_uploader(uploader: str, region: str, *arguments: str) -> str:
    """Run the uploader, which lives with its environment in a directory; returns what it prints."""
    command = [os.path.join(uploader, ".venv", "bin", "python"), "-I", os.path.join(uploader, "uploader.py")]
    command += ["--region", region] if region else []
    try:
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=UPLOAD_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SqliteError(
            f"Failed to run the uploader in {uploader}: {error}. The role sqlite_backup installs it when it is given a "
            "bucket."
        ) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise SqliteError(f"Failed to {UPLOADER_COMMANDS[arguments[0]]} (exit status {done.returncode}): {said}")
    return done.stdout


def upload_missing(directory: str, database: str, store: Store) -> list[str]:
    """Send the good backups that have not been sent there yet, oldest first; returns their ids."""
    backups, _faulty = list_backups(directory, database)
    missing = [item for item in reversed(backups) if item.get("uploaded") != store.place]
    for manifest in missing:
        store.put(directory, manifest)
    return [item["id"] for item in missing]


@contextlib.contextmanager
def found_backup(
    database: str, directory: str, wanted: str | None = None, store: Store | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The directory and the manifest of a backup, the newest if none is named; one from S3 only while it is used.

    The caller holds the lock.
    """
    if store is None:
        backups, _faulty = list_backups(directory, database)
        manifests = {item["id"]: item for item in backups}
        chosen = choose_backup(list(manifests), wanted, directory)
        yield os.path.join(directory, chosen), manifests[chosen]
        return
    chosen = choose_backup(store.list_ids(database), wanted, store.place)
    with working_directory(directory, f"{MAKING}download-") as folder:
        yield folder, store.get(chosen, folder)
