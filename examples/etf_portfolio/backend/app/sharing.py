# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Links that let somebody without the site, a tax adviser say, download the transactions for a while."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr


def sign(key: SecretStr, path: str, expires: int) -> str:
    return hmac.new(key.get_secret_value().encode(), f"{path}\n{expires}".encode(), "sha256").hexdigest()


def is_valid(key: SecretStr, path: str, expires: int, signature: str, *, now: float) -> bool:
    return now < expires and hmac.compare_digest(sign(key, path, expires).encode(), signature.encode())
