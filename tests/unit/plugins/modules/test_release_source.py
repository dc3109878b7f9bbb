# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import base64
import functools
import http.server
import json
import os
import subprocess
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._release import git
from ansible_collections.slipway.aws.plugins.modules import release_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator


def run_git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(directory), *identity, *arguments]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}  # no signing, no hooks of who runs the tests
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def commit(directory: Path, **files: str) -> str:
    for name, text in files.items():
        path = directory / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run_git(directory, "add", "--all")
    run_git(directory, "commit", "--quiet", "--message", "test")
    return run_git(directory, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    directory = tmp_path / "repository"
    directory.mkdir()
    run_git(directory, "init", "--quiet")
    (directory / "backend").mkdir()
    (directory / "backend/latest").symlink_to("main")
    (directory / "backend/start").write_text("#!/bin/sh\n")
    (directory / "backend/start").chmod(0o755)
    commit(directory, backend__main="print(1)\n", backend__notes="n", readme="r")
    return directory


@pytest.fixture
def call(call_module, tmp_path: Path) -> Callable[..., dict]:
    def run(check_mode: bool = False, **params: object) -> dict:
        arguments = {"cache_directory": str(tmp_path / "cache"), **params}
        return call_module(release_source, arguments, check_mode=check_mode)

    return run


def names_in(archive: str) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


def test_the_same_code_is_the_same_release_from_a_directory_and_from_git(repository: Path, call) -> None:
    (repository / "backend/.env").write_text("SECRET=1")
    (repository / "backend/data.db").write_text("data")
    local = call(path=str(repository), subdirectory="backend")
    from_git = call(repo=str(repository), subdirectory="backend")
    assert local["changed"] is from_git["changed"] is False
    assert local["release"]["id"] == from_git["release"]["id"] == local["release"]["content_sha256"][:12]
    assert local["release"]["archive"] == from_git["release"]["archive"]
    assert names_in(local["release"]["archive"]) == ["latest", "main", "notes", "start"]
    assert "commit" not in local["release"]
    assert from_git["release"]["commit"] == run_git(repository, "rev-parse", "HEAD")
    unpacked = Path(from_git["release"]["directory"])
    assert sorted(path.name for path in unpacked.iterdir()) == ["latest", "main", "notes", "start"]
    assert (unpacked / "latest").readlink() == Path("main")
    assert [oct((unpacked / name).stat().st_mode & 0o777) for name in ("main", "start")] == ["0o644", "0o755"]


def test_check_mode_gives_the_same(repository: Path, call) -> None:
    params = {"repo": str(repository), "version": "main"}
    assert call(check_mode=True, **params) == call(**params)


def test_what_is_excluded(repository: Path, call) -> None:
    (repository / "backend/cache.db").write_text("data")
    everything = call(path=str(repository / "backend"), exclude_defaults=False)["release"]
    some = call(path=str(repository / "backend"), exclude=["notes", "latest", "/start"])["release"]
    assert names_in(everything["archive"]) == ["cache.db", "latest", "main", "notes", "start"]
    assert names_in(some["archive"]) == ["main"]


def test_versions(repository: Path, call) -> None:
    first = run_git(repository, "rev-parse", "HEAD")
    run_git(repository, "tag", "-a", "v1", "-m", "v1")
    run_git(repository, "checkout", "--quiet", "-b", "feature/x")
    second = commit(repository, backend__main="print(2)\n")

    def commit_of(version: str) -> str:
        return call(repo=str(repository), version=version)["release"]["commit"]

    assert commit_of("main") == commit_of("v1") == commit_of(first) == commit_of(first[:10]) == first
    assert commit_of("feature/x") == commit_of("HEAD") == second
    third = commit(repository, backend__main="print(3)\n")
    assert commit_of("feature/x") == third
    assert commit_of(second) == second


def test_a_full_commit_that_is_there_needs_no_repository(repository: Path, call) -> None:
    commit_id = call(repo=str(repository))["release"]["commit"]
    repository.rename(repository.with_name("moved"))
    assert call(repo=str(repository), version=commit_id)["release"]["commit"] == commit_id
    failed = call(repo=str(repository), version="main")
    assert f"Failed to fetch {repository}" in failed["msg"]


def test_a_tree_of_the_cache_that_was_written_into_is_made_anew(repository: Path, call) -> None:
    release = call(repo=str(repository))["release"]
    (Path(release["directory"]) / "readme").write_text("changed")
    assert call(repo=str(repository))["release"] == release
    assert (Path(release["directory"]) / "readme").read_text() == "r"


def test_a_clone_with_the_locks_of_a_killed_git_is_made_anew(repository: Path, call, tmp_path: Path) -> None:
    call(repo=str(repository))
    (clone,) = (path for path in (tmp_path / "cache/git").iterdir() if path.is_dir())
    (clone / "refs/heads/main.lock").touch()
    second = commit(repository, readme="changed")
    assert call(repo=str(repository))["release"]["commit"] == second


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"path": "{root}/gone"}, "path: {root}/gone is not there."),
        ({"path": "{root}", "subdirectory": "gone"}, "subdirectory: {root}/gone is not there."),
        ({"path": "{root}", "subdirectory": "../.."}, "subdirectory: ../.. leads out of the tree"),
        ({"path": "{root}", "subdirectory": "/etc"}, "subdirectory: /etc leads out of the tree"),
        ({"path": "{root}/backend", "exclude": ["*"]}, "path: nothing is left"),
        ({"repo": "{root}", "version": "gone"}, "version: {root} has no branch, tag or commit gone."),
        ({"repo": "{root}", "version": "0" * 40}, "Failed to fetch {root}"),
        ({"repo": "{root}", "version": "--upload-pack=x"}, "version: '--upload-pack=x' is neither"),
        ({"repo": "{root}", "subdirectory": "gone"}, "Failed to read gone of commit"),
        ({"repo": "{root}", "subdirectory": "readme"}, "subdirectory: readme is not a directory"),
        ({"repo": "{root}", "path": "{root}"}, "mutually exclusive"),
        ({}, "one of the following is required"),
    ],
)
def test_errors_name_the_option(repository: Path, call, params: dict, message: str) -> None:
    def fill(value: object) -> object:
        return value.format(root=repository) if isinstance(value, str) else value

    result = call(**{key: fill(value) for key, value in params.items()})
    assert result["failed"] is True
    assert fill(message) in result["msg"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://git.example.com/a.git", ("https://git.example.com/a.git", None, None)),
        ("https://me:p%40ss@git.example.com:8443/a.git", ("https://git.example.com:8443/a.git", "me", "p@ss")),
        ("https://token@git.example.com/a.git", ("https://git.example.com/a.git", "token", "")),
        ("ssh://git@git.example.com/a.git", ("ssh://git@git.example.com/a.git", None, None)),
        ("git@git.example.com:a.git", ("git@git.example.com:a.git", None, None)),
        ("/srv/a.git", ("/srv/a.git", None, None)),
    ],
)
def test_split_credentials(url: str, expected: tuple) -> None:
    assert git.split_credentials(url) == expected


def test_hide_credentials() -> None:
    text = "fatal: https://me:secret@a.example/x and http://token@b.example/y, ssh://c.example/z"
    assert git.hide_credentials(text) == "fatal: https://a.example/x and http://b.example/y, ssh://c.example/z"


PASSWORD = "planted-p@ss/word"


class GitServer(http.server.SimpleHTTPRequestHandler):
    """Serves a bare repository to who knows the password, and looks for it in the process list meanwhile."""

    seen_in_process_list: list[str]

    def do_GET(self) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                arguments = path.read_bytes()
            except OSError:  # that process has ended
                continue
            if b"planted-p" in arguments:
                self.seen_in_process_list.append(arguments.decode())
        expected = "Basic " + base64.b64encode(f"deploy:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == expected:
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def git_server(repository: Path, tmp_path: Path) -> Iterator[str]:
    bare = tmp_path / "served" / "app.git"
    run_git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(bare))
    run_git(bare, "update-server-info")
    GitServer.seen_in_process_list = []
    handler = functools.partial(GitServer, directory=str(bare.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}/app.git"
        server.shutdown()
        thread.join()


def test_the_password_of_an_address_is_used_and_shown_nowhere(
    git_server: str, repository: Path, call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The machine's own proxy is not asked for a server on loopback.
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    quoted = "planted-p%40ss%2Fword"
    result = call(repo=f"http://deploy:{quoted}@{git_server}", version="main")
    assert result["release"]["commit"] == run_git(repository, "rev-parse", "HEAD")
    wrong = call(repo=f"http://deploy:{quoted}-wrong@{git_server}", version="main")
    assert f"Failed to fetch http://{git_server}" in wrong["msg"]
    output = json.dumps([result, wrong])
    assert PASSWORD not in output
    assert quoted not in output
    assert GitServer.seen_in_process_list == []
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache/git").rglob("*") if path.is_file())
    assert b"planted-p" not in kept
