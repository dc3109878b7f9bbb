# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def create(client):
    client.create_secret(Name="lab/name", SecretString="a long dummy secret")


@pytest.mark.parametrize(("scheduled", "code"), [(False, "ResourceExistsException"), (True, "InvalidRequestException")])
def test_name_that_is_taken(emulator, scheduled, code):
    client = emulator.client("secretsmanager")
    create(client)
    if scheduled:
        client.delete_secret(SecretId="lab/name", RecoveryWindowInDays=7)
    with pytest.raises(ClientError) as raised:
        create(client)
    assert raised.value.response["Error"]["Code"] == code
    client.delete_secret(SecretId="lab/name", ForceDeleteWithoutRecovery=True)


def test_labels_decide_what_is_read_and_told(emulator):
    client = emulator.client("secretsmanager")
    create(client)
    old = client.describe_secret(SecretId="lab/name")["VersionIdsToStages"]
    made = client.put_secret_value(SecretId="lab/name", SecretString="another", VersionStages=["AWSPENDING"])
    new = made["VersionId"]
    assert client.get_secret_value(SecretId="lab/name")["SecretString"] == "a long dummy secret"
    (old_version,) = old
    move = {"SecretId": "lab/name", "VersionStage": "AWSCURRENT"}
    client.update_secret_version_stage(**move, RemoveFromVersionId=old_version, MoveToVersionId=new)
    assert client.get_secret_value(SecretId="lab/name")["SecretString"] == "another"
    assert client.describe_secret(SecretId="lab/name")["VersionIdsToStages"][old_version] == ["AWSPREVIOUS"]
    client.update_secret_version_stage(SecretId="lab/name", VersionStage="AWSPREVIOUS", RemoveFromVersionId=old_version)
    assert list(client.describe_secret(SecretId="lab/name")["VersionIdsToStages"]) == [new]
    client.delete_secret(SecretId="lab/name", ForceDeleteWithoutRecovery=True)
