# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: the calls to Secrets Manager.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry

if TYPE_CHECKING:
    from typing import Any

# A secret whose deletion has just begun keeps its name for a short while, also without a recovery window. The same
# error has other causes, so this must give up soon.
NAME_STILL_TAKEN = ["InvalidRequestException"]

retry = AWSRetry.jittered_backoff()
retry_until_name_is_free = AWSRetry.jittered_backoff(
    retries=8, delay=1, max_delay=15, catch_extra_error_codes=NAME_STILL_TAKEN
)


class AnsibleSecretsManagerError(AnsibleAWSError):
    pass


class SecretsManagerErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = AnsibleSecretsManagerError
    _SERVICE = "secretsmanager"

    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("ResourceNotFoundException")


@SecretsManagerErrorHandler.list_error_handler("read secret {name}")
@retry
def describe_secret(client: Any, name: str) -> dict[str, Any] | None:
    """The secret's description (no value), also while its deletion is scheduled; None if there is none."""
    return client.describe_secret(SecretId=name)


@SecretsManagerErrorHandler.common_error_handler("list secrets")
@retry
def list_secrets(client: Any) -> list[dict[str, Any]]:
    """The descriptions of all secrets (no values), those included whose deletion is scheduled."""
    paginator = client.get_paginator("list_secrets")
    return paginator.paginate(IncludePlannedDeletion=True).build_full_result()["SecretList"]


@SecretsManagerErrorHandler.common_error_handler("read the value of secret {name}")
@retry
def get_secret_value(client: Any, name: str, version_stage: str = "AWSCURRENT") -> str:
    answer = client.get_secret_value(SecretId=name, VersionStage=version_stage)
    if "SecretString" not in answer:
        raise AnsibleSecretsManagerError(message=f"The value of secret {name} is binary, and text is needed")
    return answer["SecretString"]


@SecretsManagerErrorHandler.common_error_handler("create secret {name}")
@retry_until_name_is_free
def create_secret(
    client: Any, name: str, value: str, description: str | None, kms_key_id: str | None, tags: dict[str, str]
) -> None:
    optional = {"Description": description, "KmsKeyId": kms_key_id}
    client.create_secret(
        Name=name,
        SecretString=value,
        Tags=ansible_dict_to_boto3_tag_list(tags),
        **{key: item for key, item in optional.items() if item is not None},
    )


@SecretsManagerErrorHandler.common_error_handler("give secret {name} its first value")
@retry
def put_secret_value(client: Any, name: str, value: str) -> None:
    client.put_secret_value(SecretId=name, SecretString=value)


@SecretsManagerErrorHandler.common_error_handler("give secret {name} a pending value")
@retry
def put_pending_value(client: Any, name: str, value: str, version: str) -> None:
    """Sent again under the same version ID, it makes no second version."""
    client.put_secret_value(SecretId=name, SecretString=value, ClientRequestToken=version, VersionStages=["AWSPENDING"])


@SecretsManagerErrorHandler.common_error_handler("move the label {label} of secret {name}")
@retry
def move_label(client: Any, name: str, label: str, remove_from: str, move_to: str | None) -> None:
    """Without move_to, no version has the label afterwards."""
    target = {"MoveToVersionId": move_to} if move_to else {}
    client.update_secret_version_stage(SecretId=name, VersionStage=label, RemoveFromVersionId=remove_from, **target)


@SecretsManagerErrorHandler.common_error_handler("restore secret {name}, whose deletion is scheduled")
@retry
def restore_secret(client: Any, name: str) -> None:
    client.restore_secret(SecretId=name)


@SecretsManagerErrorHandler.common_error_handler("update secret {name}")
@retry
def update_secret(client: Any, name: str, description: str | None, kms_key_id: str | None) -> None:
    optional = {"Description": description, "KmsKeyId": kms_key_id}
    client.update_secret(SecretId=name, **{key: item for key, item in optional.items() if item is not None})


@SecretsManagerErrorHandler.common_error_handler("tag secret {name}")
@retry
def tag_secret(client: Any, name: str, tags: dict[str, str]) -> None:
    client.tag_resource(SecretId=name, Tags=ansible_dict_to_boto3_tag_list(tags))


@SecretsManagerErrorHandler.common_error_handler("untag secret {name}")
@retry
def untag_secret(client: Any, name: str, keys: list[str]) -> None:
    client.untag_resource(SecretId=name, TagKeys=keys)


@SecretsManagerErrorHandler.deletion_error_handler("delete secret {name}")
@retry
def delete_secret(client: Any, name: str, recovery_window_in_days: int | None) -> None:
    """Delete at once if recovery_window_in_days is None, else schedule the deletion."""
    if recovery_window_in_days is None:
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    else:
        client.delete_secret(SecretId=name, RecoveryWindowInDays=recovery_window_in_days)
