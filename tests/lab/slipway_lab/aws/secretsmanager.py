# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Secrets Manager: a name is taken in another way while its secret waits for deletion.

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.secretsmanager.exceptions import InvalidRequestException
from moto.secretsmanager.models import SecretsManagerBackend

from slipway_lab.aws.patching import wraps

if TYPE_CHECKING:
    from typing import Any

    from slipway_lab.context import Lab


def install(lab: Lab) -> None:
    @wraps(SecretsManagerBackend, "create_secret")
    def create_secret(original: Any, self: Any, name: str, *arguments: Any, **options: Any) -> Any:
        if name in self.secrets and self.secrets[name].is_deleted():
            raise InvalidRequestException(
                "You can't create this secret because a secret with this name is already scheduled for deletion."
            )
        return original(name, *arguments, **options)
