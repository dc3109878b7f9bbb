# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lets the tests import ansible_collections.slipway.aws, and gives them a way to run a whole module."""

from __future__ import annotations

import json
import os
import random
import sys
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any

ROOT = Path(__file__).resolve().parents[2]

# ansible-test has installed a finder of its own by now; plain pytest has not. The installed collections
# (amazon.aws, community.aws) are found beside ours, because the finder also looks through sys.path.
if not any(isinstance(finder, _AnsibleCollectionFinder) for finder in sys.meta_path):
    _AnsibleCollectionFinder(paths=[str(ROOT / "collections")])._install()


@contextmanager
def module_arguments(arguments: dict[str, Any]) -> Iterator[None]:
    """What AnsibleModule() reads as its arguments, on every supported ansible-core."""
    try:
        from ansible.module_utils.testing import patch_module_args
    except ImportError:  # before ansible-core 2.19
        from ansible.module_utils import basic

        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        try:
            yield
        finally:
            basic._ANSIBLE_ARGS = None
    else:
        with patch_module_args(arguments):
            yield


@pytest.fixture
def call_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run a module's main() and return the result it prints.

    call_module(module, params, {"iam": client, ...}, check_mode=False, diff=False): clients are what the module
    gets when it asks for a service; put a botocore Stubber on each, so that every call and parameter is checked
    against AWS's service model.
    """
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    # A module's process knows nothing of the controller; this one does, once a test has imported an action.
    with suppress(ImportError):
        import ansible.module_utils._internal as core

        monkeypatch.setattr(core, "is_controller", False)

    def call(
        module: ModuleType,
        params: dict[str, Any],
        clients: dict[str, Any] | None = None,
        check_mode: bool = False,
        diff: bool = False,
    ) -> dict[str, Any]:
        from ansible.module_utils.common import warnings
        from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

        def client(_self: AnsibleAWSModule, service: str, *_args: Any, **_kwargs: Any) -> Any:
            return (clients or {})[service]

        monkeypatch.setattr(AnsibleAWSModule, "client", client)
        arguments = {**params, "_ansible_check_mode": check_mode, "_ansible_diff": diff}
        # Nor does it know what the module before it has warned of.
        warnings._global_warnings.clear()
        warnings._global_deprecations.clear()
        with module_arguments(arguments), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return call


@pytest.fixture
def stubbed() -> Iterator[Callable[[str], Any]]:
    """stubbed(service): a boto3 client whose .stubber is a botocore Stubber that must be asked all it was told."""
    import boto3
    from botocore.stub import Stubber

    stubbers = []

    def make(service: str) -> Any:
        client = boto3.client(
            service, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        client.stubber = Stubber(client)
        client.stubber.activate()
        stubbers.append(client.stubber)
        return client

    yield make
    for stubber in stubbers:
        stubber.assert_no_pending_responses()


class _SequentialExecutor:
    """Stands in for ThreadPoolExecutor: a Stubber wants its calls in one order."""

    def __init__(self, max_workers: int) -> None:
        pass

    def __enter__(self) -> _SequentialExecutor:
        return self

    def __exit__(self, *_exc: object) -> None:
        pass

    def map(self, function: Callable[..., Any], items: list[Any]) -> Iterator[Any]:
        return map(function, items)


@pytest.fixture
def sequential_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads that a module makes side by side come one after the other, in the order they are written."""
    from ansible_collections.slipway.aws.plugins.module_utils import _batch

    monkeypatch.setattr(_batch, "ThreadPoolExecutor", _SequentialExecutor)


class Killed(BaseException):
    """The process is gone. Not an Exception, so that no module can catch it."""


# More writes than any module makes, and how many of them are a sample.
EVERY_WRITE = 1000
SAMPLED_KILLS = 4
# What an operation that changes nothing is called.
READ_PREFIXES = ("Describe", "Get", "List", "Head")


class _Killer:
    """Lets its clients make so many writes, then ends the process before the next one is sent."""

    def __init__(self, clients: dict[str, Any]) -> None:
        self.writes_left: int | None = None
        for client in clients.values():
            client.meta.events.register_first("before-call", self.before_call)

    def before_call(self, model: Any, **_kwargs: Any) -> None:
        if self.writes_left is None or model.name.startswith(READ_PREFIXES):
            return
        if not self.writes_left:
            raise Killed(model.name)
        self.writes_left -= 1


@pytest.fixture
def sweep_kills(call_module: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Kill a module before each of its writes in turn; what it left, the next run must finish and a third keep.

    sweep_kills(module, services, prepare, inspect) calls prepare(clients) on an empty account, runs the module with
    the params that it returns, and calls inspect(clients, result) when the third run is through. Returns how many
    writes there were to be killed at. A few of them stand for all, unless SLIPWAY_EVERY_KILL is set, as the sweeps do.
    """
    moto = pytest.importorskip("moto", reason="the emulator is installed with the tools of the checkout")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # Thousands of images would be read anew for every account. Who needs one registers it.
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

    def sweep(
        module: ModuleType,
        services: list[str],
        prepare: Callable[[dict[str, Any]], dict[str, Any]],
        inspect: Callable[[dict[str, Any], dict[str, Any]], None],
    ) -> int:
        import boto3

        with moto.mock_aws():
            clients = {service: boto3.client(service, region_name="us-east-1") for service in services}
        killer = _Killer(clients)

        def live(writes_before: int) -> int:
            """One life, killed after so many writes unless it has no more; returns how many were made until then."""
            with moto.mock_aws(config={"iam": {"load_aws_managed_policies": "iam" in services}}):
                params = prepare(clients)
                killer.writes_left = writes_before
                try:
                    result = call_module(module, params, clients)
                except Killed:
                    made = writes_before
                else:
                    made = writes_before - killer.writes_left
                killer.writes_left = None
                if made == writes_before:
                    result = call_module(module, params, clients)
                assert not result.get("failed"), result
                assert not call_module(module, params, clients)["changed"]
                inspect(clients, result)
            return made

        writes = live(EVERY_WRITE)
        points = range(writes)
        if not os.environ.get("SLIPWAY_EVERY_KILL"):
            points = random.Random(module.__name__).sample(points, min(writes, SAMPLED_KILLS))
        for point in points:
            assert live(point) == point
        return writes

    return sweep
