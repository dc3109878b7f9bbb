# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Secrets Manager: a name is taken in another way while its secret waits for deletion; what is read without naming a
# version is the one that has AWSCURRENT, however it came by it; a version without a label is not told of.

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.secretsmanager.exceptions import InvalidRequestException
from moto.secretsmanager.models import FakeSecret
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

    @wraps(SecretsManagerBackend, "update_secret_version_stage")
    def update_secret_version_stage(original: Any, self: Any, secret_id: str, *arguments: Any, **options: Any) -> Any:
        answer = original(secret_id, *arguments, **options)
        secret = self.secrets[secret_id]
        for version, content in secret.versions.items():
            if "AWSCURRENT" in content["version_stages"]:
                secret.set_default_version_id(version)
        return answer

    @wraps(FakeSecret, "_form_version_ids_to_stages")
    def form_version_ids_to_stages(original: Any, self: Any) -> dict[str, list[str]]:
        return {version: labels for version, labels in original().items() if labels}
