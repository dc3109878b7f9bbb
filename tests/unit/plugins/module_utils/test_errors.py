# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import boto3
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.stub import Stubber

from ansible_collections.slipway.aws.plugins.module_utils._errors import AWSErrorHandler


class ShopErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code("NoSuchEntity")


@ShopErrorHandler.common_error_handler("create role {name} with tags {tags[Name]}")
@AWSRetry.jittered_backoff()
def create_role(client, name, tags, path="/"):
    client.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Path=path)


@ShopErrorHandler.list_error_handler("list policies of {name}", [])
@AWSRetry.jittered_backoff()
def list_policies(client, name):
    return client.list_role_policies(RoleName=name)["PolicyNames"]


@ShopErrorHandler.deletion_error_handler("delete role {name}")
def delete_role(client, name):
    client.delete_role(RoleName=name)
    return True


@ShopErrorHandler.common_error_handler("wait for role {name}")
def wait_for_role(client, name):
    client.get_waiter("role_exists").wait(RoleName=name, WaiterConfig={"MaxAttempts": 1})


@pytest.fixture
def iam():
    client = boto3.client("iam", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    with Stubber(client) as stubber:
        client.stubber = stubber
        yield client


def test_a_message_names_what_was_done_to_what(iam):
    iam.stubber.add_client_error("create_role", "LimitExceeded", "Too many roles")
    with pytest.raises(AnsibleAWSError) as raised:
        create_role(iam, "shop", tags={"Name": "the shop"})
    assert raised.value.message == "Failed to create role shop with tags the shop"
    assert "Too many roles" in str(raised.value)


@pytest.mark.parametrize("code", ["AccessDenied", "UnauthorizedOperation", "AccessDeniedException"])
def test_a_refused_call_names_the_permission(iam, code):
    iam.stubber.add_client_error("create_role", code, "No")
    with pytest.raises(AnsibleAWSError) as raised:
        create_role(iam, name="shop", tags={"Name": "x"})
    assert "Allow iam:CreateRole to the identity that makes this call" in raised.value.message


def test_what_is_missing_is_no_error_for_reads_and_deletions(iam):
    iam.stubber.add_client_error("list_role_policies", "NoSuchEntity", "Gone")
    assert list_policies(iam, "shop") == []
    iam.stubber.add_client_error("delete_role", "NoSuchEntity", "Gone")
    assert delete_role(iam, "shop") is False


def test_other_errors_of_reads_are_told(iam):
    iam.stubber.add_client_error("list_role_policies", "ServiceFailure", "Sorry")
    with pytest.raises(AnsibleAWSError, match="Failed to list policies of shop"):
        list_policies(iam, "shop")


def test_a_wait_that_ends_says_what_for(iam):
    iam.stubber.add_client_error("get_role", "NoSuchEntity", "Not yet")
    with pytest.raises(AnsibleAWSError) as raised:
        wait_for_role(iam, "shop")
    assert raised.value.message == "Timeout trying to wait for role shop. Run again to go on waiting"
