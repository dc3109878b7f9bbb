# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the timers of the role slipway.aws.sqlite_backup run: slipway_sqlite.py CONFIGURATION run|age|failed

run     make a verified backup, send what S3 lacks, and only then remove what is past its time
age     publish the age of the newest good backup, as a metric; none is published without a good backup
failed  publish that a backup has failed, as a metric and to the topic
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
from typing import Any

import _sqlite


def read_store(config: dict[str, Any]) -> _sqlite.Store | None:
    if not config["bucket"]:
        return None
    return _sqlite.Store(config["uploader"], config["bucket"], config["prefix"], config["region"])


def run(config: dict[str, Any]) -> str:
    database, directory, store = config["database"], config["directory"], read_store(config)
    with _sqlite.acting_as(database), _sqlite.locked(directory, config["timeout"]):
        manifest = _sqlite.make_backup(
            database, directory, config["require_wal"], config["allow_violations"], config["timeout"]
        )
        sent = _sqlite.upload_missing(directory, database, store) if store else []
        removed = _sqlite.remove_expired(directory, database, config["keep_days"], config["keep_last"])
    said = f"{manifest['id']} is good: {manifest['database_size']} bytes in {manifest['size']}"
    if manifest["foreign_key_violations"]:
        said += f"; the data has {manifest['foreign_key_violations']} violations of foreign keys"
    if sent:
        said += f"; sent to {store.place}: {', '.join(sent)}"
    return said + (f"; removed: {', '.join(removed)}" if removed else "")


def find_age(config: dict[str, Any]) -> float | None:
    """A backup counts when it is in all the places where it should be."""
    store = read_store(config)
    backups, _faulty = _sqlite.list_backups(config["directory"], config["database"])
    return _sqlite.find_age(backups, time.time(), store.place if store else "")


def publish_metric(config: dict[str, Any], name: str, value: float, unit: str) -> None:
    dimensions = {"Project": config["name"], "Database": os.path.basename(config["database"])}
    _sqlite.run_uploader(
        config["uploader"],
        config["region"],
        "metric",
        *("--namespace", config["metric_namespace"], "--name", name, "--value", str(value), "--unit", unit),
        *("--dimensions", json.dumps(dimensions)),
    )


def publish_age(config: dict[str, Any]) -> str:
    age = find_age(config)
    if age is None:
        raise _sqlite.SqliteError(
            f"There is no good backup of {config['database']} in {config['directory']}"
            f"{' and in S3' if config['bucket'] else ''}, so there is no age to publish. See: "
            f"journalctl -u {config['name']}-backup.service"
        )
    publish_metric(config, "NewestBackupAge", round(age, 1), "Seconds")
    return f"The newest good backup is {age:.0f} seconds old"


def publish_failure(config: dict[str, Any]) -> str:
    age = find_age(config)
    newest = f"is {age / 3600:.1f} hours old" if age is not None else "does not exist"
    reason = os.environ.get("MONITOR_SERVICE_RESULT", "unknown")
    message = (
        f"The backup of {config['database']} on {socket.gethostname()} has failed ({reason}). The newest good backup "
        f"{newest}; none was removed. See: journalctl -u {config['name']}-backup.service"
    )
    problems = []
    if config["publish_metrics"]:
        try:
            publish_metric(config, "BackupFailed", 1, "Count")
        except _sqlite.SqliteError as error:
            problems.append(str(error))
    if config["topic_arn"]:
        subject = f"{config['name']}: backup failed"
        arguments = ("publish", "--topic", config["topic_arn"], "--subject", subject, "--message", message)
        try:
            _sqlite.run_uploader(config["uploader"], config["region"], *arguments)
        except _sqlite.SqliteError as error:
            problems.append(str(error))
    if problems:
        raise _sqlite.SqliteError(f"{message}. {' '.join(problems)}")
    return message


COMMANDS = {"run": run, "age": publish_age, "failed": publish_failure}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("configuration")
    parser.add_argument("command", choices=COMMANDS)
    arguments = parser.parse_args()
    with open(arguments.configuration) as file:
        config = json.load(file)
    try:
        print(COMMANDS[arguments.command](config))
    except _sqlite.SqliteError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
