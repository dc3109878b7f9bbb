# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The lab's command line: tests/lab/lab start|stop|status|env|logs.

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from slipway_lab import config as configuration
from slipway_lab import delays
from slipway_lab import images
from slipway_lab import names
from slipway_lab import network
from slipway_lab import provision
from slipway_lab.agent import packages
from slipway_lab.ca import Authority
from slipway_lab.commands import CommandError
from slipway_lab.commands import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from typing import Any

    from slipway_lab.config import Config

START_SECONDS = 60
STOP_SECONDS = 20


class LabError(Exception):
    pass


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _exclusively(name: str) -> Iterator[None]:
    """One command at a time changes a lab."""
    directory = configuration.directory_of(name)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "command.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ask(config: Config, path: str, timeout: float = 5, put: Any = None) -> Any:
    """The answer of the lab's control API, None if it does not answer."""
    tls = ssl.create_default_context(cafile=str(config.directory / "ca.pem"))
    body = None if put is None else json.dumps(put).encode()
    request = urllib.request.Request(f"{config.url}/_lab/{path}", body, method="PUT" if body else "GET")
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=tls) as response:
            return json.load(response)
    except (urllib.error.URLError, OSError):
        return None


def start(name: str, hosts: bool, delay: str) -> None:
    provision.require_root()
    with _exclusively(name):
        config = configuration.load(name)
        if config and configuration.ServerLock(name).holder():
            _use_running(config, hosts, delay)
            return
        if config:
            say(f"The lab {name} has no living server (what it held is lost): clearing it away.")
            _clear(config)
        provision.install_packages(hosts, say)
        if hosts:
            provision.prepare_machine(say)
            images.build(say)
        config = configuration.Config(name, network.claim_number(), hosts, delay)
        config.save()
        network.up(config.number)
        _prepare_directory(config)
        if hosts:
            packages.build(config.directory)
        _start_server(config)
        _write_environment(config)
    _introduce(config)


def _use_running(config: Config, hosts: bool, delay: str) -> None:
    if not _answers(config):
        raise LabError(f"The server of the lab {config.name} lives but does not answer: stop the lab first.")
    if config.hosts != hosts:
        was = "with" if config.hosts else "without"
        raise LabError(f"The lab {config.name} runs already, {was} hosts: stop it first to start it otherwise.")
    ask(config, "delays", put={"mode": delay})
    _write_environment(config)


def _answers(config: Config, alive: Callable[[], bool] = lambda: True) -> bool:
    """Whether the lab's server answers, given time to (machines are slow when they are busy)."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and alive():
        if ask(config, "status", timeout=5):
            return True
        time.sleep(0.1)
    return False


def _prepare_directory(config: Config) -> None:
    authority = Authority(config.directory, config.name)
    bundle = provision.system_trust() + authority.certificate_file.read_text()
    (config.directory / "ca-bundle.pem").write_text(bundle)
    key = config.directory / "ssh" / "id_ed25519"
    key.parent.mkdir(exist_ok=True, mode=0o700)
    if not key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"slipway-lab-{config.name}", "-f", str(key))


def _start_server(config: Config) -> None:
    log = config.directory / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "slipway_lab", "serve", "--name", config.name],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=os.environ | configuration.EMULATOR_SETTINGS,
            cwd="/",
        )
    if _answers(config, lambda: server.poll() is None):
        return
    last_lines = "".join(log.read_text().splitlines(keepends=True)[-20:])
    if server.poll() is None:
        server.kill()
    _clear(config)
    raise LabError(f"The lab's server did not come up:\n{last_lines}")


def _write_environment(config: Config) -> None:
    for file in configuration.environment_files(config.name):
        file.touch(0o600)
        file.write_text(configuration.render_environment(config))


def _introduce(config: Config) -> None:
    file = configuration.environment_files(config.name)[-1]
    with contextlib.suppress(ValueError):
        file = file.relative_to(Path.cwd())
    what = "AWS API and hosts" if config.hosts else "AWS API without hosts"
    say(f"The lab {config.name} ({what}) answers at {config.url}. Use it with:  . {file}")


def stop(name: str) -> None:
    config = configuration.load(name)
    if config is None:
        say(f"The lab {name} does not exist.")
        return
    provision.require_root()
    with _exclusively(name):
        _clear(config)
    say(f"The lab {name} is stopped; nothing of it is left but {config.directory / 'server.log'}.")


def stop_number(number: int) -> None:
    """Stop a lab whose directory is gone, as when a checkout was deleted before its lab was stopped."""
    provision.require_root()
    for process in network.servers_of(number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    _clear_machine(number, None)
    say(f"The lab number {number} is stopped.")


def _clear_machine(number: int, volumes: Path | None) -> None:
    provision.remove_containers(number)
    provision.remove_loop_devices(volumes)
    network.down(number)
    names.write_hosts_block(number, [])


def _clear(config: Config) -> None:
    """Remove all that a lab made, whether its server lives or not."""
    _stop_server(config.name)
    _clear_machine(config.number, config.directory / "volumes")
    for file in configuration.environment_files(config.name):
        # The short-cut of the default lab only.
        file.unlink(missing_ok=True)
    for entry in config.directory.iterdir():
        if entry.name in ("server.log", "command.lock"):
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _stop_server(name: str) -> None:
    lock = configuration.ServerLock(name)
    process = lock.holder()
    if not process:
        return
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, sign)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if not lock.holder():
                return
            time.sleep(0.05)
    raise LabError(f"The server of the lab {name} (process {process}) does not stop.")


def status(name: str | None) -> int:
    """Print one line per lab; the exit status says whether all of them answer."""
    wanted = [name] if name else configuration.names()
    if not name:
        for number in sorted(network.lab_numbers() - {config.number for config in map(_existing, wanted)}):
            print(f"number {number}: a lab of another directory; stop it there, or with --number {number}")
    if not wanted:
        print("No lab of this directory is running.")
        return 1
    healthy = True
    for each in wanted:
        config = configuration.load(each)
        answer = config and ask(config, "status")
        healthy = healthy and bool(answer)
        if not config:
            print(f"{each}: not running")
        elif not answer:
            print(f"{each}: its server does not answer (see {config.directory / 'server.log'}); start or stop it")
        else:
            hosts = "on" if answer["hosts"] else "off"
            print(f"{each}: answers at {config.url}, hosts {hosts}, delays {answer['delays']}")
    return 0 if healthy else 1


def _existing(name: str) -> Config:
    config = configuration.load(name)
    if config is None:
        raise LabError(f"The lab {name} does not exist: start it with  tests/lab/lab start --name {name}")
    return config


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab", description="A small AWS on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="start|stop|status|env|logs")
    helps = {
        "start": "start a lab (quiet if it runs) and write its env file",
        "stop": "stop a lab and remove all of it",
        "status": "one line per lab",
        "env": "print the shell lines of a lab's env file",
        "logs": "print the log of a lab's server",
    }
    for command, description in helps.items():
        sub = commands.add_parser(command, help=description, description=description)
        default = None if command == "status" else configuration.DEFAULT_NAME
        sub.add_argument("--name", default=default, help=f"the lab's name (default: {default or 'all'})")
        if command == "stop":
            sub.add_argument("--number", type=int, help="stop the lab of this number, whose directory is gone")
        if command == "start":
            sub.add_argument("--hosts", choices=("on", "off"), default="on", help="whether instances boot real hosts")
            sub.add_argument("--delays", choices=delays.MODES, default="off", help="how long things take")
    serve = commands.add_parser("serve")
    serve.add_argument("--name", required=True)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        if options.name is not None:
            configuration.check_name(options.name)
        match options.command:
            case "start":
                start(options.name, options.hosts == "on", options.delays)
            case "stop" if options.number is not None:
                stop_number(options.number)
            case "stop":
                stop(options.name)
            case "status":
                return status(options.name)
            case "env":
                print(configuration.render_environment(_existing(options.name)), end="")
            case "logs":
                print((configuration.directory_of(options.name) / "server.log").read_text(), end="")
            case "serve":
                from slipway_lab import server

                server.serve(_existing(options.name))
    except (
        LabError,
        CommandError,
        images.ImageError,
        provision.ProvisionError,
        RuntimeError,
        ValueError,
        FileNotFoundError,
    ) as error:
        say(f"lab: {error}")
        return 1
    return 0
