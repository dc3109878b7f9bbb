# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import boto3
import pytest
from botocore.stub import ANY
from botocore.stub import Stubber

from ansible_collections.slipway.aws.plugins.modules import acm_certificate_request

ARN = "arn:aws:acm:us-east-1:123456789012:certificate/1"
OTHER = "arn:aws:acm:us-east-1:123456789012:certificate/2"
PARAMS = {"domain_name": "shop.example.com", "tags": {"Project": "shop"}}
TAGS = [{"Key": "Name", "Value": "shop.example.com"}, {"Key": "Project", "Value": "shop"}]
RECORD = {"Name": "_1.shop.example.com.", "Type": "CNAME", "Value": "_2.acm-validations.aws."}
REQUEST = {
    "DomainName": "shop.example.com",
    "ValidationMethod": "DNS",
    "KeyAlgorithm": "RSA_2048",
    "IdempotencyToken": ANY,
    "Tags": TAGS,
}


@pytest.fixture
def acm(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    client = boto3.client("acm", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    with Stubber(client) as stubber:
        client.stubber = stubber
        yield client
        stubber.assert_no_pending_responses()


def description(status="ISSUED", arn=ARN, records=True, **more):
    option = {"DomainName": "shop.example.com", **({"ResourceRecord": RECORD} if records else {})}
    return {
        "Certificate": {
            "CertificateArn": arn,
            "DomainName": "shop.example.com",
            "SubjectAlternativeNames": ["shop.example.com"],
            "KeyAlgorithm": "RSA-2048",
            "Status": status,
            "DomainValidationOptions": [option],
            **more,
        }
    }


def add_list(acm, *arns):
    summaries = [{"CertificateArn": arn, "DomainName": "shop.example.com", "Type": "AMAZON_ISSUED"} for arn in arns]
    acm.stubber.add_response("list_certificates", {"CertificateSummaryList": summaries}, {"Includes": ANY})


def add_read(acm, *args, tags=None, **kwargs):
    answer = description(*args, **kwargs)
    query = {"CertificateArn": answer["Certificate"]["CertificateArn"]}
    acm.stubber.add_response("describe_certificate", answer, query)
    acm.stubber.add_response(
        "list_tags_for_certificate", {"Tags": TAGS if tags is None else tags} if tags != [] else {}, query
    )


@pytest.mark.usefixtures("sequential_reads")
def test_a_certificate_is_requested_and_its_records_waited_for(call_module, acm):
    add_list(acm)
    acm.stubber.add_response("request_certificate", {"CertificateArn": ARN}, REQUEST)
    add_read(acm, "PENDING_VALIDATION", records=False)
    acm.stubber.add_client_error("describe_certificate", "ResourceNotFoundException")
    acm.stubber.add_response("describe_certificate", description("PENDING_VALIDATION", records=False))
    acm.stubber.add_response("describe_certificate", description("PENDING_VALIDATION"))
    add_read(acm, "PENDING_VALIDATION")
    result = call_module(acm_certificate_request, PARAMS, {"acm": acm}, diff=True)
    assert result["changed"] is True
    assert result["certificate"]["validation_records"] == [
        {"name": RECORD["Name"], "type": "CNAME", "value": RECORD["Value"]}
    ]
    assert result["diff"]["before"] == {}


@pytest.mark.usefixtures("sequential_reads")
def test_a_plan_requests_nothing(call_module, acm):
    add_list(acm)
    result = call_module(acm_certificate_request, {**PARAMS, "wait": True}, {"acm": acm}, check_mode=True)
    assert result["changed"] is True
    assert result["certificate"]["arn"] == "(known after apply)"


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.usefixtures("sequential_reads")
def test_one_that_is_there_is_found_by_its_tag(call_module, acm, check_mode):
    add_list(acm, OTHER, ARN)
    add_read(acm, arn=OTHER, tags=[])
    add_read(acm)
    if not check_mode:
        add_read(acm)
    result = call_module(acm_certificate_request, PARAMS, {"acm": acm}, check_mode=check_mode)
    assert (result["changed"], result["certificate"]["arn"]) == (False, ARN)
    assert result["superseded"] == []


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.usefixtures("sequential_reads")
def test_tags_are_changed(call_module, acm, check_mode):
    add_list(acm, ARN)
    add_read(acm, tags=[{"Key": "Name", "Value": "shop.example.com"}, {"Key": "Old", "Value": "x"}])
    if not check_mode:
        acm.stubber.add_response("remove_tags_from_certificate", {}, {"CertificateArn": ARN, "Tags": [{"Key": "Old"}]})
        acm.stubber.add_response(
            "add_tags_to_certificate", {}, {"CertificateArn": ARN, "Tags": [{"Key": "Project", "Value": "shop"}]}
        )
        add_read(acm)
    result = call_module(acm_certificate_request, PARAMS, {"acm": acm}, check_mode=check_mode)
    assert result["changed"] is True
    assert result["certificate"]["tags"] == {"Name": "shop.example.com", "Project": "shop"}


@pytest.mark.usefixtures("sequential_reads")
def test_other_names_are_another_certificate(call_module, acm):
    add_list(acm, ARN)
    add_read(acm)
    params = {**PARAMS, "subject_alternative_names": ["www.shop.example.com"]}
    request = {**REQUEST, "SubjectAlternativeNames": ["www.shop.example.com"]}
    acm.stubber.add_response("request_certificate", {"CertificateArn": OTHER}, request)
    add_read(acm, "PENDING_VALIDATION", arn=OTHER)
    result = call_module(acm_certificate_request, params, {"acm": acm})
    assert (result["certificate"]["arn"], result["superseded"]) == (OTHER, [ARN])


@pytest.mark.usefixtures("sequential_reads")
def test_a_request_that_failed_is_made_again(call_module, acm):
    add_list(acm, ARN)
    add_read(acm, "FAILED", FailureReason="CAA_ERROR")
    acm.stubber.add_response("request_certificate", {"CertificateArn": OTHER}, REQUEST)
    acm.stubber.add_response("delete_certificate", {}, {"CertificateArn": ARN})
    add_read(acm, "PENDING_VALIDATION", arn=OTHER)
    assert call_module(acm_certificate_request, PARAMS, {"acm": acm})["changed"] is True


@pytest.mark.parametrize(
    ("last", "fail_on_timeout", "said"),
    [
        (description("ISSUED"), True, None),
        (description("PENDING_VALIDATION"), False, None),
        (description("PENDING_VALIDATION"), True, "_1.shop.example.com. CNAME _2.acm-validations.aws."),
        (description("FAILED", FailureReason="CAA_ERROR"), False, "Add amazon.com to it"),
    ],
)
@pytest.mark.usefixtures("sequential_reads")
def test_waiting_for_it(call_module, acm, last, fail_on_timeout, said):
    add_list(acm, ARN)
    add_read(acm, "PENDING_VALIDATION")
    add_read(acm, "PENDING_VALIDATION")
    # As many as a timeout of three seconds takes, if it comes to that.
    polls = 4 if last["Certificate"]["Status"] == "PENDING_VALIDATION" else 1
    for _poll in range(polls):
        acm.stubber.add_response("describe_certificate", last)
    acm.stubber.add_response("describe_certificate", last)
    acm.stubber.add_response("list_tags_for_certificate", {"Tags": TAGS})
    params = {**PARAMS, "wait": True, "wait_timeout": 3, "fail_on_timeout": fail_on_timeout}
    result = call_module(acm_certificate_request, params, {"acm": acm})
    assert result.get("failed", False) is bool(said)
    if said:
        assert said in result["msg"]
    else:
        assert (result["changed"], result["certificate"]["status"]) == (False, last["Certificate"]["Status"])


@pytest.mark.usefixtures("sequential_reads")
def test_a_refusal_while_waiting_is_told(call_module, acm):
    add_list(acm, ARN)
    add_read(acm, "PENDING_VALIDATION")
    add_read(acm, "PENDING_VALIDATION")
    acm.stubber.add_client_error("describe_certificate", "AccessDeniedException")
    result = call_module(acm_certificate_request, {**PARAMS, "wait": True}, {"acm": acm})
    assert f"wait until certificate {ARN} is issued" in result["msg"]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.usefixtures("sequential_reads")
def test_all_of_the_name_are_deleted_when_nothing_uses_them(call_module, acm, check_mode):
    add_list(acm, ARN, OTHER)
    add_read(acm, InUseBy=["arn:aws:cloudfront::123456789012:distribution/E1"])
    add_read(acm, arn=OTHER, KeyAlgorithm="EC-prime256v1")
    if not check_mode:
        acm.stubber.add_response("describe_certificate", description(InUseBy=["arn:aws:x"]))
        acm.stubber.add_response("describe_certificate", description(InUseBy=[]))
        acm.stubber.add_response("delete_certificate", {}, {"CertificateArn": ARN})
        acm.stubber.add_response("delete_certificate", {}, {"CertificateArn": OTHER})
    params = {"domain_name": "shop.example.com", "state": "absent", "wait": True}
    result = call_module(acm_certificate_request, params, {"acm": acm}, check_mode=check_mode)
    assert (result["changed"], result["certificate"]) == (True, {})


@pytest.mark.usefixtures("sequential_reads")
def test_deleting_what_is_not_there(call_module, acm):
    add_list(acm)
    params = {"domain_name": "shop.example.com", "state": "absent"}
    assert call_module(acm_certificate_request, params, {"acm": acm})["changed"] is False


def test_a_name_that_no_certificate_can_have(call_module, acm):
    result = call_module(acm_certificate_request, {"domain_name": "localhost"}, {"acm": acm})
    assert "Nothing was changed. localhost is not a domain name" in result["msg"]


def test_killed_anywhere_while_requesting_it(sweep_kills):
    def inspect(clients, result):
        certificates = clients["acm"].list_certificates()["CertificateSummaryList"]
        assert [item["CertificateArn"] for item in certificates] == [result["certificate"]["arn"]]

    assert sweep_kills(acm_certificate_request, ["acm"], lambda _clients: PARAMS, inspect) == 1
