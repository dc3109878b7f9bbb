# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json

import pytest
from werkzeug.test import EnvironBuilder

from slipway_lab import calls


def environ(method="GET", path="/", service=None, body=b"", query="", **headers):
    if service:
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
        )
    return EnvironBuilder(method=method, path=path, query_string=query, data=body, headers=headers).get_environ()


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
COPY = {"x-amz-copy-source": "/a/b"}


@pytest.mark.parametrize(
    ("request_environ", "service", "operation"),
    [
        (environ("POST", service="ec2", body=b"Action=RunInstances&Version=2016-11-15", **FORM), "ec2", "RunInstances"),
        (environ("POST", service="iam", body=b"Action=GetRole", **FORM), "iam", "GetRole"),
        (
            environ("POST", service="elasticloadbalancing", body=b"Action=DescribeRules", **FORM),
            "elbv2",
            "DescribeRules",
        ),
        (
            environ("POST", service="ssm", body=b"{}", **{"X-Amz-Target": "AmazonSSM.GetParameter"}),
            "ssm",
            "GetParameter",
        ),
        (environ("GET", "/", service="s3"), "s3", "ListBuckets"),
        (environ("PUT", "/bucket", service="s3"), "s3", "CreateBucket"),
        (environ("GET", "/bucket", service="s3", query="list-type=2&prefix=a"), "s3", "ListObjectsV2"),
        (environ("GET", "/bucket", service="s3", query="policy"), "s3", "GetBucketPolicy"),
        (environ("PUT", "/bucket/key/with/slashes", service="s3", body=b"x"), "s3", "PutObject"),
        (environ("PUT", "/bucket/key", service="s3", **COPY), "s3", "CopyObject"),
        (environ("POST", "/bucket", service="s3", query="delete"), "s3", "DeleteObjects"),
        (environ("HEAD", "/bucket/key"), "s3", "HeadObject"),
        (environ("GET", "/2020-05-31/distribution", service="cloudfront"), "cloudfront", "ListDistributions"),
        (
            environ("PUT", "/2020-05-31/distribution/E1/config", service="cloudfront"),
            "cloudfront",
            "UpdateDistribution",
        ),
        (environ("POST", "/nothing/like/this", service="cloudfront"), "cloudfront", "Unknown"),
        (environ("POST", "/", service="nonesuch"), "nonesuch", "Unknown"),
    ],
)
def test_which_call_a_request_makes(request_environ, service, operation):
    call = calls.read_call(request_environ)
    assert (call.service, call.operation) == (service, operation)


def test_who_makes_a_call():
    call = calls.read_call(environ(service="s3", **{"X-Amz-Security-Token": "token"}))
    assert (call.access_key, call.session_token, call.region) == ("AKIAEXAMPLE", "token", "us-east-1")
    presigned = calls.read_call(
        environ(path="/b/k", query="X-Amz-Credential=AKIAOTHER/20260101/eu-west-1/s3/aws4_request")
    )
    assert (presigned.access_key, presigned.region) == ("AKIAOTHER", "eu-west-1")
    assert calls.read_call(environ(path="/b/k")).access_key is None


@pytest.mark.parametrize(
    ("service", "headers"),
    [("ec2", FORM), ("iam", FORM), ("s3", {}), ("cloudfront", {})],
)
def test_xml_refusals_carry_their_code(service, headers):
    call = calls.read_call(environ("POST", service=service, body=b"Action=X" if headers else b"", **headers))
    content_type, body = calls.render_error(call, "AccessDenied", "<no>")
    assert content_type == "text/xml"
    assert calls.error_code(body.encode(), {}) == "AccessDenied"
    assert "&lt;no&gt;" in body


def test_json_refusals_carry_their_code():
    headers = {"X-Amz-Target": "AmazonSSM.GetParameter", "Content-Type": "application/x-amz-json-1.1"}
    call = calls.read_call(environ("POST", service="ssm", body=b"{}", **headers))
    _, body = calls.render_error(call, "AccessDeniedException", "no")
    assert json.loads(body)["__type"] == "AccessDeniedException"
    assert calls.error_code(body.encode(), {}) == "AccessDeniedException"
