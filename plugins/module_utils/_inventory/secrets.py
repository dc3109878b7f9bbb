# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: secrets that stand in an inventory in plain text. Pure. A value that is found is never
# part of what is returned.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Problem
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory

AWS_KEY = "an AWS access key"
# What a value gives itself away by. A password of a URL that is a template ("{{ ... }}") is not in plain text.
PATTERNS = {
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    AWS_KEY: re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a URL with a password": re.compile(
        r"[a-z][a-z0-9+.-]*://(?:\{\{.*?\}\}|[^\s/:@'\"{}])*:(?!\{\{)[^\s/@'\"]+@", re.IGNORECASE
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    # https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
    "a token of GitHub": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
    "a token of Slack": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
}

SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:password|passwd|passphrase|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key|secret[_-]?key"
    r"|private[_-]?key)$",
    re.IGNORECASE,
)

# Given on the command line (playbooks/rotate_secrets.yml): the name of a secret, and none itself.
NAMES_A_SECRET = "secret"  # noqa: S105 (a name)

# Not a secret, whatever the name: a reference, or a switch.
REFERENCE = re.compile(
    r"\s*(?:\{\{.*|\{%.*|arn:aws[a-z-]*:.*|true|false|yes|no|none|null|)\s*", re.IGNORECASE | re.DOTALL
)


def is_encrypted(value: Any) -> bool:
    """Whether a value was written with !vault, which makes it an object of Ansible's own."""
    return "Encrypted" in type(value).__name__


def recognise_secret(name: str, value: Any) -> str:
    """What secret a value is, by what it looks like or by what it is called; empty if it is none."""
    if is_encrypted(value) or isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    text = str(value)
    for what, pattern in PATTERNS.items():
        if pattern.search(text):
            return what
    if SECRET_NAME.search(name) and not REFERENCE.fullmatch(text):
        return "what its name says is a secret"
    return ""


def find_values(path: str, name: str, value: Any) -> Iterator[tuple[str, str, Any]]:
    """Everything within a variable that is neither dict nor list: where it stands, what it is called, and itself."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from find_values(f"{path}.{key}", str(key), inner)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from find_values(f"{path}[{number}]", name, inner)
    else:
        yield path, name, value


def called(variable: str) -> str:
    return "" if variable == NAMES_A_SECRET else variable


def check_secrets(inventory: Inventory, facts: Facts) -> Iterator[Problem]:
    for variable in sorted(inventory.raw):
        if variable.startswith("vault_"):
            continue
        for path, name, value in find_values(variable, called(variable), inventory.raw[variable]):
            what = recognise_secret(name, value)
            if what:
                yield Problem(path, f"it holds {what}, in plain text", secret_advice(what, variable, name))
    plain = {name: file for name, file in facts.plain_vault.items() if name in inventory.raw}
    for variable, file in sorted(plain.items()):
        yield Problem(
            variable,
            f"it stands in {file}, which is not encrypted",
            f"Run: ansible-vault encrypt {file}; and change the secret, if the file was ever shared",
        )


def secret_advice(what: str, variable: str, name: str) -> str:
    if what == AWS_KEY:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2.html
        return "Take it out, and deactivate it: the host has a role. Write: ec2_host_policies: {...} (what it may do)"
    if variable == "app_secrets":
        return f"{write('app_secrets: [APP_SECRET_KEY]')} (names alone; the values are generated)"
    if variable == "app_environment":
        return f"{write(f'app_secrets: [{name}]')} (generated, kept in Secrets Manager), and take the line out"
    if variable in ("app_backend", "app_frontend"):
        return f"{write('repo: git@host:team/name.git')} (git's credential helper or an ssh key knows the password)"
    line = f'{name}: "{{{{ vault_{name.lower()} }}}}"'
    return f"{write(line)}, with vault_{name.lower()} in a file that ansible-vault has encrypted"


def secret_values(inventory: Inventory) -> set[str]:
    """The secrets themselves, so that no other message shows them."""
    found = set()
    for variable, content in inventory.raw.items():
        for _path, name, value in find_values(variable, called(variable), content):
            if recognise_secret(name, value):
                found.add(str(value))
    return found


def hide(text: str, secrets: set[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "********")
    return text
