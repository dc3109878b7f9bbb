# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth
from botocore.auth import S3SigV4Auth
from botocore.auth import S3SigV4QueryAuth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from werkzeug.datastructures import Headers

from slipway_lab import signatures

SECRET = "a long dummy secret key"
REQUESTS = [
    ("GET", "https://10.90.1.2/", b"", "ec2"),
    ("POST", "https://10.90.1.2/", b"Action=DescribeVpcs", "ec2"),
    ("GET", "https://10.90.1.2/2020-05-31/tagging?Resource=arn%3Aaws%3Acloudfront%3A%3A1%3Ad%2FE", b"", "cloudfront"),
    ("GET", "https://10.90.1.2/functions/arn%3Aaws%3Alambda%3Ax/code", b"", "lambda"),
    ("PUT", "https://10.90.1.2/bucket/a%20key/with%2Bplus?x-id=PutObject", b"bytes", "s3"),
    ("GET", "https://10.90.1.2/bucket?prefix=a%2Fb&list-type=2&delimiter=", b"", "s3"),
    ("GET", "https://10.90.1.2/bucket?policy", b"", "s3"),
]


def sign(signer, method, url, body, service):
    request = AWSRequest(method=method, url=url, data=body, headers={"Host": "10.90.1.2", "X-Amz-Meta-A": "two  words"})
    signer(Credentials("AKIAEXAMPLE", SECRET), service, "us-east-1").add_auth(request)
    return request


def verdict(request, secret=SECRET, **changes):
    parts = urlsplit(request.url)
    sent = {
        "method": request.method,
        "path": parts.path,
        "query": parts.query,
        "headers": Headers(list(request.headers.items())),
        "body": request.data or b"",
    } | changes
    signed = signatures.read(sent["headers"], sent["query"])
    return signatures.matches(signed, secret, **sent)


@pytest.mark.parametrize(("method", "url", "body", "service"), REQUESTS)
def test_agrees_with_botocore(method, url, body, service):
    request = sign(S3SigV4Auth if service == "s3" else SigV4Auth, method, url, body, service)
    assert verdict(request)
    assert not verdict(request, secret="another secret")
    assert not verdict(request, method="DELETE")
    assert not verdict(request, path="/other")
    assert not verdict(request, query="other=1")
    assert not verdict(request, body=b"other") or service == "s3"


def test_body_of_another_hash_than_its_header_says():
    request = sign(S3SigV4Auth, "PUT", "https://10.90.1.2/bucket/key", b"bytes", "s3")
    unsigned_body = dict(request.headers) | {"X-Amz-Content-SHA256": "0" * 64}
    assert not verdict(request, headers=Headers(unsigned_body))


@pytest.mark.parametrize("seconds", [3600, -1])
def test_presigned_url(seconds):
    request = AWSRequest(method="GET", url="https://10.90.1.2/bucket/a%20key", headers={"Host": "10.90.1.2"})
    S3SigV4QueryAuth(Credentials("AKIAEXAMPLE", SECRET), "s3", "us-east-1", expires=seconds).add_auth(request)
    assert verdict(request)
    assert not verdict(request, path="/bucket/other")
    assert signatures.read(Headers(), urlsplit(request.url).query).has_expired is (seconds < 0)


@pytest.mark.parametrize("seconds", [3600, -1])
def test_presigned_url_of_version_2(seconds):
    request = AWSRequest(method="GET", url="https://10.90.1.2/bucket/a%20key?versionId=1", headers={})
    HmacV1QueryAuth(Credentials("AKIAEXAMPLE", SECRET), expires=seconds).add_auth(request)
    assert verdict(request)
    assert not verdict(request, path="/bucket/other")
    assert not verdict(request, secret="another secret")
    assert signatures.read(Headers(), urlsplit(request.url).query).has_expired is (seconds < 0)


def test_no_signature():
    assert signatures.read(Headers(), "a=b") is None
    assert signatures.read(Headers({"Authorization": "Bearer x"}), "") is None


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
        ("iam", "list_roles", "SignatureDoesNotMatch"),
        ("ssm", "describe_parameters", "InvalidSignatureException"),
    ],
)
def test_wrong_secret(emulator, service, operation, code):
    client = emulator.client(service, aws_secret_access_key="a wrong secret key")
    with pytest.raises(ClientError) as raised:
        getattr(client, operation)()
    assert raised.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("iam", "list_roles", "InvalidClientTokenId"),
        ("ssm", "describe_parameters", "UnrecognizedClientException"),
    ],
)
def test_unknown_key(emulator, service, operation, code):
    client = emulator.client(service, aws_access_key_id="AKIAAAAAAAAAAAAAAAAA")
    with pytest.raises(ClientError) as raised:
        getattr(client, operation)()
    assert raised.value.response["Error"]["Code"] == code
