# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# amazon-cloudwatch-agent-ctl, as far as it is documented for a file on an instance. Standard library only.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/start-CloudWatch-Agent-on-premise-SSM-onprem.html

from __future__ import annotations

import getopt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab_agent.configuration import check

HOME = Path(__file__).resolve().parents[1]
DIRECTORY = HOME / "etc" / "amazon-cloudwatch-agent.d"
RESTART = HOME / "etc" / "restart"
UNIT = "amazon-cloudwatch-agent.service"


class Refused(Exception):
    pass


def systemctl(*arguments: str) -> None:
    if subprocess.run(["systemctl", *arguments], check=False).returncode:
        raise Refused(f"systemctl {' '.join(arguments)} failed")


def is_running() -> bool:
    return subprocess.run(["systemctl", "is-active", "--quiet", UNIT], check=False).returncode == 0


def find_problems(text: str) -> list[str]:
    """What is wrong with a configuration."""
    schema = json.loads((HOME / "doc" / "amazon-cloudwatch-agent-schema.json").read_text())
    try:
        return check(json.loads(text), schema)
    except ValueError as error:
        return [f"It is no JSON: {error}"]


def read_configuration() -> tuple[dict[str, Any], list[str]]:
    """What the agent is to do, and what is wrong with it."""
    files = sorted(DIRECTORY.glob("*"))
    if len(files) != 1:
        return {}, [f"{len(files)} configurations in {DIRECTORY}; the lab's stand-in for the agent wants one"]
    problems = find_problems(files[0].read_text())
    return ({}, problems) if problems else (json.loads(files[0].read_text()), [])


def fetch(source: str, restart: bool) -> None:
    kind, _, path = source.partition(":")
    if kind != "file":
        raise Refused(f"The lab's stand-in for the agent knows file:<path>, not {source!r}")
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise Refused(f"fail to fetch the config: {error}") from None
    print("Start configuration validation...")
    problems = find_problems(text)
    if problems:
        raise Refused("\n".join([*problems, "Configuration validation first phase failed."]))
    print("Configuration validation succeeded")
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    copy = DIRECTORY / f"file_{Path(path).name}"
    beside = copy.with_name(f"{copy.name}.tmp")
    beside.write_text(text)
    for file in DIRECTORY.iterdir():
        if file != beside:
            file.unlink()
    beside.rename(copy)
    if restart:
        systemctl("stop", UNIT)
        start()


def start() -> None:
    if is_running():
        return
    if not list(DIRECTORY.glob("*")):
        raise Refused("The agent is not configured, and its lab's stand-in has no default configuration")
    systemctl("daemon-reload")
    systemctl("enable", UNIT)
    systemctl("restart", UNIT)


def stop() -> None:
    systemctl("stop", UNIT)


def status() -> None:
    configured = "configured" if list(DIRECTORY.glob("*")) else "not configured"
    version = (HOME / "bin" / "CWAGENT_VERSION").read_text().strip()
    state = "running" if is_running() else "stopped"
    print(json.dumps({"status": state, "starttime": "", "configstatus": configured, "version": version}, indent=2))


def prepare_restart() -> None:
    if is_running():
        RESTART.parent.mkdir(parents=True, exist_ok=True)
        RESTART.touch()


def restart_if_prepared() -> None:
    if RESTART.exists():
        start()
        RESTART.unlink()


def before_removal() -> None:
    stop()
    systemctl("disable", UNIT)
    systemctl("daemon-reload")
    systemctl("reset-failed")


ACTIONS = {
    "start": start,
    "stop": stop,
    "status": status,
    # Of the package's own scripts.
    "prep-restart": prepare_restart,
    "cond-restart": restart_if_prepared,
    "preun": before_removal,
}


def main(arguments: list[str]) -> int:
    try:
        given, rest = getopt.getopt(arguments, "a:m:c:s")
        options = dict(given)
        if rest:
            raise Refused(f"Not understood: {' '.join(rest)}")
        if options.get("-m", "ec2") not in ("ec2", "auto"):
            raise Refused(f"Invalid mode: {options['-m']} (the lab's hosts are ec2)")
        action = options.get("-a")
        if action == "fetch-config":
            fetch(options.get("-c", ""), "-s" in options)
        elif action in ACTIONS:
            ACTIONS[action]()
        else:
            raise Refused(f"Invalid action: {action} (the lab's stand-in has fetch-config, start, stop, status)")
    except (Refused, getopt.GetoptError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
