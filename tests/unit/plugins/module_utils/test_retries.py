# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from types import SimpleNamespace

import boto3
import botocore.awsrequest
import botocore.config
import botocore.endpoint
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from botocore.exceptions import ClientError
from botocore.exceptions import ConnectionClosedError
from botocore.exceptions import EndpointConnectionError
from botocore.exceptions import ReadTimeoutError
from botocore.exceptions import WaiterError

from ansible_collections.slipway.aws.plugins.module_utils import _modules
from ansible_collections.slipway.aws.plugins.module_utils._errors import build_failure_message
from ansible_collections.slipway.aws.plugins.module_utils._errors import build_wait_message
from ansible_collections.slipway.aws.plugins.module_utils._retries import AWSRetry
from ansible_collections.slipway.aws.plugins.module_utils._retries import LostAnswerError
from ansible_collections.slipway.aws.plugins.module_utils._retries import is_worth_another_look
from ansible_collections.slipway.aws.plugins.module_utils._retries import watch_retries

CLOSED = ConnectionClosedError(endpoint_url="https://ec2.example.com")


class Session:
    """Stands for the network: each call gets the next of the outcomes."""

    def __init__(self, outcomes):
        self.outcomes = list(outcomes)

    def send(self, request):
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        status, code = outcome
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>No</Message></Error></Errors></Response>"
        answer = botocore.awsrequest.AWSResponse(request.url, status, {}, None)
        answer._content = body.encode()
        return answer


@pytest.fixture
def client_of(monkeypatch):
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _seconds: None))

    def make(*outcomes):
        client = boto3.client(
            "ec2", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        watch_retries(client)
        client._endpoint.http_session = Session(outcomes)
        return client

    return make


def timeout():
    return ReadTimeoutError(endpoint_url="https://ec2.example.com")


@pytest.mark.parametrize("outcome", [CLOSED, timeout(), (500, "InternalError"), (503, "Unavailable")])
def test_what_cannot_be_repeated_is_not(client_of, outcome):
    client = client_of(outcome, outcome)
    with pytest.raises(LostAnswerError, match="CreateVpc was sent, and may have been carried out"):
        client.create_vpc(CidrBlock="10.0.0.0/16")
    assert len(client._endpoint.http_session.outcomes) == 1


@pytest.mark.parametrize(
    "outcome",
    [(503, "RequestLimitExceeded"), EndpointConnectionError(endpoint_url="https://ec2.example.com")],
)
def test_what_was_not_carried_out_is_repeated(client_of, outcome):
    client = client_of(outcome, outcome, (400, "InvalidVpc.Range"))
    with pytest.raises(ClientError, match=r"InvalidVpc\.Range"):
        client.create_vpc(CidrBlock="10.0.0.0/16")
    assert client._endpoint.http_session.outcomes == []


def test_other_calls_are_repeated_as_ever(client_of):
    client = client_of(CLOSED, (500, "InternalError"), (400, "AuthFailure"))
    with pytest.raises(ClientError, match="AuthFailure"):
        client.describe_vpcs()


def test_a_lost_connection_says_which_call_it_was(client_of):
    client = client_of(*[CLOSED] * 10)
    with pytest.raises(ConnectionClosedError) as raised:
        client.describe_vpcs()
    message = build_failure_message("list VPCs named shop", "ec2", raised.value)
    assert message.startswith("Failed to list VPCs named shop. No answer came to ec2:DescribeVpcs. ")
    assert "run again" in message


def test_a_wait_that_a_failing_call_ends_says_which_call_it_was(client_of):
    client = client_of(*[(503, "Unavailable")] * 10)
    with pytest.raises(WaiterError) as raised:
        client.get_waiter("vpc_available").wait(WaiterConfig={"MaxAttempts": 1})
    message = build_wait_message("see vpc-1 available", "ec2", raised.value)
    assert message.startswith(
        "Failed to see vpc-1 available. AWS itself goes on failing at ec2:DescribeVpcs. Run again"
    )


def client_error(code, operation="CreateVpc"):
    return ClientError({"Error": {"Code": code, "Message": "No"}}, operation)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (client_error("RequestLimitExceeded"), "too many such calls come from this account. Wait a minute, then run"),
        (client_error("SlowDown", "PutObject"), "ec2:PutObject"),
        (client_error("InternalFailure"), "AWS itself goes on failing at ec2:CreateVpc. Run again"),
        (LostAnswerError("CreateVpc", "closed"), "No answer came to ec2:CreateVpc. "),
        (client_error("InvalidVpcID.NotFound"), "AWS may not know it everywhere yet: run again"),
        (client_error("AccessDenied"), "Allow ec2:CreateVpc to the identity that makes this call, then run again"),
    ],
)
def test_a_failure_says_what_to_do_next(error, words):
    message = build_failure_message("create VPC shop", "ec2", error)
    assert message.startswith("Failed to create VPC shop. ")
    assert words in message


def test_other_errors_are_left_to_aws_words():
    assert (
        build_failure_message("create VPC shop", "ec2", client_error("VpcLimitExceeded")) == "Failed to create VPC shop"
    )


@pytest.mark.parametrize("code", ["ThrottlingException", "Throttled", "SlowDown", "InternalServiceError", "503"])
def test_each_name_for_a_passing_failure_is_known(code):
    assert AWSRetry.found(code)
    assert not AWSRetry.found("AccessDenied")
    assert AWSRetry.found("NoSuchEntity", ["NoSuchEntity"])


def aws_error(exception):
    return AnsibleAWSError(message="Failed", exception=exception)


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (aws_error(LostAnswerError("CreateVpc", "closed")), True),
        (aws_error(client_error("InvalidGroup.Duplicate")), True),
        (aws_error(client_error("AccessDenied")), False),
        (AnsibleAWSError(message="Nothing was changed"), False),
    ],
)
def test_when_to_look_again(error, worth):
    assert is_worth_another_look(error) is worth


class Module:
    check_mode = False


@pytest.fixture
def pauses(monkeypatch):
    slept = []
    monkeypatch.setattr(_modules, "time", SimpleNamespace(sleep=slept.append))
    return slept


def run_of(*outcomes):
    left = list(outcomes)

    def run(_module):
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return run


LOST = aws_error(LostAnswerError("CreateVpc", "closed"))


def test_a_lost_answer_is_looked_for_and_counts_as_a_change(pauses):
    result = _modules._run_and_look_again(Module(), run_of(LOST, {"changed": False, "network": {}}))
    assert result == {"changed": True, "network": {}}
    assert len(pauses) == 1


def test_a_run_without_trouble_is_not_repeated(pauses):
    assert _modules._run_and_look_again(Module(), run_of({"changed": False})) == {"changed": False}
    assert pauses == []


def test_it_is_not_looked_again_for_ever(pauses):
    with pytest.raises(AnsibleAWSError):
        _modules._run_and_look_again(Module(), run_of(LOST, LOST, LOST))
    assert len(pauses) == len(_modules.LOOK_AGAIN_AFTER)


def test_other_errors_are_told_at_once(pauses):
    with pytest.raises(AnsibleAWSError):
        _modules._run_and_look_again(Module(), run_of(aws_error(client_error("AccessDenied"))))
    assert pauses == []
