# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the only place that runs git. Standard library only.

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from typing import TYPE_CHECKING
from urllib.parse import unquote
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

from ansible_collections.slipway.aws.plugins.module_utils._release.content import ReleaseError
from ansible_collections.slipway.aws.plugins.module_utils._release.unpack import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence

FULL_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

# Everything that a version may name. The remote's HEAD is kept beside, because that of a bare clone stays what it
# was when the clone was made.
REFERENCES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/slipway/HEAD")

# Gives git the user and password of the address through its environment: in an argument, the process list would
# show them to everybody on the machine.
CREDENTIAL_HELPER = (
    '!f() { test "$1" = get && '
    'printf "username=%s\\npassword=%s\\n" "$SLIPWAY_GIT_USERNAME" "$SLIPWAY_GIT_PASSWORD"; }; f'
)

# What git says when one that was killed has left its locks, or half an object, behind.
BROKEN_CLONE = re.compile(r"\.lock': File exists|cannot lock ref|corrupt|bad object|not a git repository")


def split_credentials(url: str) -> tuple[str, str | None, str | None]:
    """An http address without its user and password, and these two. Other addresses hold no secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, None, None
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return url, None, None
    user_information, host = parts.netloc.rsplit("@", 1)
    username, _colon, password = user_information.partition(":")
    return urlunsplit(parts._replace(netloc=host)), unquote(username), unquote(password)


def secrets_of(url: str | None) -> list[str]:
    """What must not be shown of an address: the password as written and as meant, or a token in the user's place."""
    _clean, username, password = split_credentials(url or "")
    if password:
        return [password, url.partition("@")[0].rpartition(":")[2]]
    return [username] if username and len(username) >= 20 else []


def hide_credentials(text: str) -> str:
    return re.sub(r"://[^/\s@]+@", "://", text)


class Repository:
    """A bare clone, below a cache directory, of the repository at url."""

    def __init__(self, url: str, cache_directory: str) -> None:
        self.url, self._username, self._password = split_credentials(url)
        name = hashlib.sha256(self.url.encode()).hexdigest()[:16]
        self.directory = os.path.join(cache_directory, "git", name)

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        # Without a terminal, a question is a run that hangs.
        environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # left by a hook that started this run
            environment.pop(name, None)
        if self._username is not None:
            environment["SLIPWAY_GIT_USERNAME"] = self._username
            environment["SLIPWAY_GIT_PASSWORD"] = self._password or ""
        return environment

    def _command(self, *arguments: str) -> list[str]:
        helper = ["-c", "credential.helper=", "-c", f"credential.helper={CREDENTIAL_HELPER}"]
        return ["git", "--git-dir", self.directory, *(helper if self._username is not None else []), *arguments]

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            # AnsibleModule.run_command, the usual way, would show the environment's secrets to whoever debugs it.
            return subprocess.run(  # pylint: disable=ansible-bad-function
                self._command(*arguments), env=self._environment(), capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            raise ReleaseError(
                "git is not installed on the controller. Install it, or use path instead of repo."
            ) from error

    def _run(self, purpose: str, *arguments: str) -> str:
        result = self._try(*arguments)
        if result.returncode:
            raise ReleaseError(hide_credentials(f"Failed to {purpose}: {result.stderr.strip()}"))
        return result.stdout.strip()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other runs on this controller out of the clone."""
        os.makedirs(os.path.dirname(self.directory), mode=0o700, exist_ok=True)
        with open(f"{self.directory}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _fetch(self, *references: str) -> None:
        try:
            self._fetch_into_clone(*references)
        except ReleaseError as error:
            if not BROKEN_CLONE.search(str(error)):
                raise
            # Nobody else is at work here, see locked(): begin anew.
            shutil.rmtree(self.directory, ignore_errors=True)
            self._fetch_into_clone(*references)

    def _fetch_into_clone(self, *references: str) -> None:
        purpose = f"fetch {self.url}"
        self._run(purpose, "init", "--quiet", "--bare")  # does nothing to a clone that is there
        self._run(purpose, "fetch", "--quiet", "--force", "--prune", "--no-tags", "--", self.url, *references)

    def _commit_of(self, version: str) -> str | None:
        result = self._try("rev-parse", "--verify", "--quiet", f"{version}^{{commit}}")
        return result.stdout.strip() if result.returncode == 0 else None

    def resolve(self, version: str) -> str:
        """The commit that a branch, tag or commit means, fetched if need be."""
        if version.startswith("-") or not version.strip():
            raise ReleaseError(f"version: {version!r} is neither a branch, a tag nor a commit.")
        if FULL_COMMIT.fullmatch(version):
            return self._resolve_commit(version)
        self._fetch(*REFERENCES)
        commit = self._commit_of("refs/slipway/HEAD" if version == "HEAD" else version)
        if commit is None:
            raise ReleaseError(f"version: {self.url} has no branch, tag or commit {version}.")
        return commit

    def _resolve_commit(self, commit: str) -> str:
        # A commit never changes: one that is here needs no network.
        if os.path.isdir(self.directory) and self._commit_of(commit):
            return commit
        self._fetch(*REFERENCES)
        if not self._commit_of(commit):
            self._fetch(commit)  # reachable from no branch or tag, but some servers give it by its name
        return commit

    def extract(self, commit: str, subdirectory: str, exclude: Sequence[str], destination: str) -> None:
        """Write the tree of a commit, or of a directory in it, without what is excluded."""
        purpose = f"read {subdirectory or 'the tree'} of commit {commit} of {self.url}"
        tree = f"{commit}:{subdirectory}" if subdirectory else commit
        if self._run(purpose, "cat-file", "-t", tree) not in ("tree", "commit"):
            raise ReleaseError(f"subdirectory: {subdirectory} is not a directory in commit {commit} of {self.url}.")

        with tempfile.TemporaryFile() as complaints:
            # A stream: run_command would hold the whole archive in memory.
            with subprocess.Popen(  # pylint: disable=ansible-bad-function
                self._command("archive", "--format=tar", tree),
                env=self._environment(),
                stdout=subprocess.PIPE,
                stderr=complaints,
            ) as archive:
                try:
                    with tarfile.open(fileobj=archive.stdout, mode="r|") as tar:
                        unpack(tar, destination, exclude)
                    archive.stdout.read()  # the padding; git would be killed writing it
                except (tarfile.TarError, OSError) as error:
                    archive.kill()
                    raise ReleaseError(f"Failed to {purpose}: {error}") from error
            if archive.returncode:
                complaints.seek(0)
                raise ReleaseError(f"Failed to {purpose}: {complaints.read().decode(errors='replace').strip()}")
