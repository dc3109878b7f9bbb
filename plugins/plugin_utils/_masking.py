# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: takes secrets out of what programs have written. Pure.

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote
from urllib.parse import quote_plus

from ansible_collections.slipway.aws.plugins.module_utils._inventory.secrets import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "********"

# What is shorter is a word of every text, and hides nothing by being hidden.
SHORTEST = 6

# More is hidden than must be, rather than less.
RULES = [
    # All of a key, not only the line that gives it away.
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    # The password in a URL; who and where may be what one looks for.
    (re.compile(r"([a-z][a-z0-9+.-]*://[^\s/:@'\"]*:)[^\s/@'\"]+@", re.IGNORECASE), rf"\1{MASK}@"),
    # Links are signed in their queries.
    (re.compile(r"(?<=[\w/.%-])\?[^\s\"'<>]+"), f"?{MASK}"),
    (re.compile(r"((?:authorization|cookie)[\"']?\s*[:=]\s*)[^\r\n]+", re.IGNORECASE), rf"\1{MASK}"),
    (
        re.compile(
            r"([\w.-]*(?:password|passwd|passphrase|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key|secret[_-]?key"
            r"|private[_-]?key)[\"']?\s*[:=]\s*)(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[^\s,;]+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    *((pattern, MASK) for what, pattern in PATTERNS.items() if what not in ("a URL with a password", "a private key")),
]


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without these secrets, however they are written in it, and without what looks like one."""
    known = {str(secret) for secret in secrets if len(str(secret)) >= SHORTEST}
    written = {
        form
        for secret in known
        for form in (secret, json.dumps(secret)[1:-1], quote(secret), quote(secret, safe=""), quote_plus(secret))
    }
    # The longest first: one may be a part of another.
    for form in sorted(written, key=lambda form: (-len(form), form)):
        text = text.replace(form, MASK)
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text
