# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The agent's process: ships the journal, publishes metrics. Standard library only.

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC
from datetime import datetime
from queue import Empty
from queue import Queue
from typing import TYPE_CHECKING

from lab_agent import configuration as plan
from lab_agent import host
from lab_agent.aws import CallError
from lab_agent.aws import Client
from lab_agent.aws import Instance
from lab_agent.control import HOME
from lab_agent.control import read_configuration

if TYPE_CHECKING:
    from typing import Any

    from lab_agent.configuration import Journal

log = logging.getLogger("agent")

LOG_FILE = HOME / "logs" / "amazon-cloudwatch-agent.log"
STATE = HOME / "logs" / "state"
FLUSH_SECONDS = 2
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
BATCH_EVENTS, BATCH_BYTES, EVENT_OVERHEAD = 10_000, 1_048_576, 26
# What is longer is cut, so that one more always fits.
EVENT_BYTES = 200_000


class Shipper:
    """Ships one part of the journal, from when the agent first started; after a restart it goes on where it was."""

    def __init__(self, client: Client, journal: Journal, index: int) -> None:
        self._client = client
        self._journal = journal
        self._cursor = STATE / f"journald_{index}"
        # (cursor, event)
        self._entries: Queue[tuple[str, dict[str, Any]]] = Queue(maxsize=20_000)

    def start(self) -> None:
        for loop in (self._read, self._ship):
            threading.Thread(target=loop, daemon=True).start()

    def _read(self) -> None:
        while True:
            begin = f"--after-cursor={self._cursor.read_text()}" if self._cursor.exists() else "--lines=0"
            command = ["journalctl", "--follow", "--output=json", "--all", begin, *self._journal.selection]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                for line in process.stdout:
                    self._entries.put(self._entry(json.loads(line)))
            log.warning("journalctl ended with %s, and is started again", process.returncode)
            time.sleep(1)

    @staticmethod
    def _entry(fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        # As the agent's exporter writes a record: its fields as the body.
        message = json.dumps({"body": fields})[:EVENT_BYTES]
        return fields["__CURSOR"], {"timestamp": int(fields["__REALTIME_TIMESTAMP"]) // 1000, "message": message}

    def _ship(self) -> None:
        while True:
            batch = [self._entries.get()]
            ends = time.monotonic() + FLUSH_SECONDS
            size = len(batch[0][1]["message"]) + EVENT_OVERHEAD
            while len(batch) < BATCH_EVENTS and size + 2 * EVENT_BYTES < BATCH_BYTES and time.monotonic() < ends:
                try:
                    batch.append(self._entries.get(timeout=max(0.0, ends - time.monotonic())))
                except Empty:
                    break
                size += len(batch[-1][1]["message"]) + EVENT_OVERHEAD
            events = [event for _cursor, event in batch if self._journal.passes(event["message"])]
            if events:
                self._put(sorted(events, key=lambda event: event["timestamp"]))
            self._cursor.parent.mkdir(parents=True, exist_ok=True)
            self._cursor.write_text(batch[-1][0])

    def _put(self, events: list[dict[str, Any]]) -> None:
        """Does not return before CloudWatch has the events: what comes later waits."""
        place = {"logGroupName": self._journal.group, "logStreamName": self._journal.stream}
        pause = 1
        while True:
            try:
                self._client.logs("PutLogEvents", **place, logEvents=events)
                return
            except CallError as error:
                if error.code == "ResourceNotFoundException" and self._make_stream(place):
                    continue
                log.error("PutLogEvents to %s failed: %s", self._journal.group, error)
            except OSError as error:
                log.error("PutLogEvents to %s failed: %s", self._journal.group, error)
            time.sleep(pause)
            pause = min(30, 2 * pause)

    def _make_stream(self, place: dict[str, str]) -> bool:
        try:
            self._client.logs("CreateLogStream", **place)
        except CallError as error:
            log.error("CreateLogStream in %s failed: %s", self._journal.group, error)
            return error.code == "ResourceAlreadyExistsException"
        return True


class Publisher:
    """Publishes one section of the metrics."""

    def __init__(self, client: Client, configuration: dict[str, Any], section: str, facts: dict[str, str]) -> None:
        metrics = configuration["metrics"]
        self._client = client
        self._namespace = metrics.get("namespace", "CWAgent")
        self._groups = metrics.get("aggregation_dimensions", [])
        self._section = section
        self._options = metrics["metrics_collected"][section]
        appended = metrics.get("append_dimensions", {})
        # The host's name is told only where nothing else says whose metric it is.
        own = {name: facts[name] for name in appended} or {"host": socket.gethostname()}
        self._dimensions = own | self._options.get("append_dimensions", {})
        general = configuration.get("agent", {}).get("metrics_collection_interval", plan.DEFAULT_INTERVAL)
        self._interval = self._options.get("metrics_collection_interval", general)
        self._processors = host.processors()

    def start(self) -> None:
        threading.Thread(target=self._publish, daemon=True).start()

    def _publish(self) -> None:
        # Shares of time are known after some time.
        time.sleep(1)
        while True:
            try:
                data = [self._datum(*each) for each in self._collect()]
                if data:
                    self._client.put_metric_data(self._namespace, data)
            except (CallError, OSError) as error:
                log.error("PutMetricData of %s failed: %s", self._section, error)
            time.sleep(self._interval)

    @staticmethod
    def _datum(name: str, unit: str, value: float, dimensions: dict[str, str]) -> dict[str, Any]:
        timestamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"MetricName": name, "Unit": unit, "Value": value, "Timestamp": timestamp, "Dimensions": dimensions}

    def _collect(self) -> list[tuple[str, str, float, dict[str, str]]]:
        dropped = {
            name if name.startswith(f"{self._section}_") else f"{self._section}_{name}"
            for name in self._options.get("drop_original_metrics", [])
        }
        return [
            (each.published_as, each.unit, values[each.name], dimensions)
            for values, own in self._values()
            for each in plan.measurements(self._section, self._options)
            for dimensions in plan.dimension_sets(
                self._dimensions | own, self._groups, f"{self._section}_{each.name}" in dropped
            )
        ]

    def _values(self) -> list[tuple[dict[str, float], dict[str, str]]]:
        match self._section:
            case "mem":
                return [(host.memory(), {})]
            case "swap":
                found = host.memory()
                return [({name.removeprefix("swap_"): found[name] for name in found if name.startswith("swap_")}, {})]
            case "cpu":
                before, self._processors = self._processors, host.processors()
                return [(host.processor_use(before, self._processors), {"cpu": "cpu-total"})]
            case "disk":
                return [
                    (host.disk(mount.path), {"path": mount.path, "device": mount.device, "fstype": mount.kind})
                    for mount in host.mounts()
                    if self._is_wanted(mount)
                ]
        raise ValueError(self._section)

    def _is_wanted(self, mount: host.Mount) -> bool:
        wanted = self._options.get("resources", ["*"])
        ignored = self._options.get("ignore_file_system_types", [])
        return ("*" in wanted or mount.path in wanted) and mount.kind not in ignored


def main() -> int:
    LOG_FILE.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=LOG_FILE, level=logging.INFO, format="%(asctime)s %(levelname).1s! %(message)s", force=True
    )
    configuration, problems = read_configuration()
    if problems:
        log.error("Cannot use the configuration: %s", problems)
        print("\n".join(problems), file=sys.stderr)
        return 1
    # At once: threads that are busy would not let the interpreter end in order.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    instance = Instance()
    client, facts = Client(instance), instance.facts()
    for index, journal in enumerate(plan.journals(configuration, facts["InstanceId"])):
        Shipper(client, journal, index).start()
    for section in configuration.get("metrics", {}).get("metrics_collected", {}):
        Publisher(client, configuration, section, facts).start()
    log.info("The lab's stand-in for the agent runs")
    threading.Event().wait()
    return 0
