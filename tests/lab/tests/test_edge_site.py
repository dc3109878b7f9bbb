# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# A site and an API behind one distribution, from the API calls that make them to what a viewer gets.

from __future__ import annotations

import concurrent.futures
import gzip
import http.server
import itertools
import json
import socket
import ssl
import threading
import time

import pytest
from botocore.exceptions import ClientError

OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
ALL_METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
SPA = b"""
function handler(event) {
  var request = event.request;
  if (request.uri.indexOf('.') < 0) request.uri = '/index.html';
  return request;
}
"""

_numbers = itertools.count(1)


def quantity(items):
    return {"Quantity": len(items), "Items": items} if items else {"Quantity": 0}


def behavior(target, cache_policy=OPTIMIZED, methods=("GET", "HEAD"), **others):
    return {
        "TargetOriginId": target,
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": cache_policy,
        "Compress": True,
        "AllowedMethods": quantity(list(methods)) | {"CachedMethods": quantity(["GET", "HEAD"])},
        **others,
    }


def s3_origin(bucket, **others):
    domain = f"{bucket}.s3.us-east-1.amazonaws.com"
    return {"Id": "s3", "DomainName": domain, "S3OriginConfig": {"OriginAccessIdentity": ""}, **others}


def api_origin(domain, port, protocol="http-only", headers=(), **others):
    fields = [{"HeaderName": name, "HeaderValue": value} for name, value in headers]
    custom = {"HTTPPort": port, "HTTPSPort": port, "OriginProtocolPolicy": protocol, "OriginReadTimeout": 1}
    return {
        "Id": "api",
        "DomainName": domain,
        "CustomHeaders": quantity(fields),
        "CustomOriginConfig": custom,
        "ConnectionTimeout": 1,
        "ConnectionAttempts": 1,
        **others,
    }


def config(origins, default, behaviors=(), **others):
    return {
        "CallerReference": f"test-{next(_numbers)}",
        "Comment": "",
        "Enabled": True,
        "Origins": quantity(origins),
        "DefaultCacheBehavior": default,
        "CacheBehaviors": quantity(list(behaviors)),
        **others,
    }


@pytest.fixture
def cloudfront(emulator):
    return emulator.client("cloudfront")


@pytest.fixture
def bucket(emulator):
    name = f"lab-edge-{next(_numbers)}"
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name)
    page = b"<html>" + b"home " * 400
    s3.put_object(Bucket=name, Key="index.html", Body=page, ContentType="text/html", CacheControl="no-cache")
    s3.put_object(
        Bucket=name,
        Key="assets/app.js",
        Body=b"console.log(1);" * 200,
        ContentType="text/javascript",
        CacheControl="public, max-age=31536000, immutable",
    )
    return name


def allow(emulator, bucket, principal, condition=None, action="s3:GetObject", resource="/*"):
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": f"arn:aws:s3:::{bucket}{resource}",
    }
    if condition:
        statement["Condition"] = condition
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    emulator.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def allow_distribution(emulator, bucket, distribution):
    allow(
        emulator,
        bucket,
        {"Service": "cloudfront.amazonaws.com"},
        {"StringEquals": {"AWS:SourceArn": distribution["ARN"]}},
    )


@pytest.fixture
def control(cloudfront):
    created = cloudfront.create_origin_access_control(
        OriginAccessControlConfig={
            "Name": f"oac-{next(_numbers)}",
            "SigningProtocol": "sigv4",
            "SigningBehavior": "always",
            "OriginAccessControlOriginType": "s3",
        }
    )
    return created["OriginAccessControl"]["Id"]


def create(cloudfront, wanted):
    return cloudfront.create_distribution(DistributionConfig=wanted)["Distribution"]


@pytest.fixture
def site(emulator, cloudfront, bucket, control):
    """The domain name of a distribution that serves the bucket."""
    origin = s3_origin(bucket, OriginAccessControlId=control)
    distribution = create(cloudfront, config([origin], behavior("s3"), DefaultRootObject="index.html"))
    allow_distribution(emulator, bucket, distribution)
    return distribution["DomainName"]


class Origin(http.server.ThreadingHTTPServer):
    """An API that tells what it was asked; the test says how it behaves."""

    daemon_threads = True

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), OriginHandler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.asked = []
        self.status = 200
        self.answer_headers = {}
        self.delay = 0
        self.connections = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def handle_error(self, request, client_address):
        pass  # connections that end badly are what some tests are about


class OriginHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        self.server.connections += 1
        super().setup()

    def answer(self):
        time.sleep(self.server.delay)
        length = int(self.headers.get("Content-Length") or 0)
        asked = {
            "method": self.command,
            "target": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        self.server.asked.append(asked)
        body = json.dumps(asked).encode()
        self.send_response(self.server.status)
        for name, value in self.server.answer_headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def origin(emulator):
    server = Origin()
    server.name = f"api-{next(_numbers)}.origin.test"
    emulator.lab.names.publish(server.name, "127.0.0.1")
    yield server
    server.shutdown()
    server.server_close()


def api(cloudfront, origin, cache_policy=DISABLED, headers=(), **others):
    default = behavior(
        "api", cache_policy, ALL_METHODS, OriginRequestPolicyId=ALL_BUT_HOST, ViewerProtocolPolicy="allow-all"
    )
    wanted = config([api_origin(origin.name, origin.port, headers=headers)], default, **others)
    return create(cloudfront, wanted)["DomainName"]


# --- buckets


def test_site_through_an_access_control(site, viewer):
    answer = viewer.ask(site, "/")
    assert answer.status == 200
    assert answer.body.startswith(b"<html>")
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["X-Amz-Cf-Id"]
    assert answer.headers["Via"].endswith(".cloudfront.net (CloudFront)")
    assert answer.cache == "Miss"


def test_bucket_hears_nobody_but_its_distribution(emulator, cloudfront, site, bucket, control, viewer):
    origin = s3_origin(bucket, OriginAccessControlId=control)
    other = create(cloudfront, config([origin], behavior("s3")))
    answer = viewer.ask(other["DomainName"], "/index.html")
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code>" in answer.body
    assert answer.cache == "Error"
    without = create(cloudfront, config([s3_origin(bucket)], behavior("s3")))
    assert viewer.ask(without["DomainName"], "/index.html").status == 403
    assert viewer.ask(site, "/index.html").status == 200


def test_site_through_an_access_identity(emulator, cloudfront, bucket, viewer):
    identity = cloudfront.create_cloud_front_origin_access_identity(
        CloudFrontOriginAccessIdentityConfig={"CallerReference": bucket, "Comment": ""}
    )["CloudFrontOriginAccessIdentity"]
    path = f"origin-access-identity/cloudfront/{identity['Id']}"
    origin = s3_origin(bucket, S3OriginConfig={"OriginAccessIdentity": path})
    domain = create(cloudfront, config([origin], behavior("s3")))["DomainName"]
    assert viewer.ask(domain, "/index.html").status == 403
    arn = f"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {identity['Id']}"
    allow(emulator, bucket, {"AWS": arn})
    assert viewer.ask(domain, "/index.html").status == 200
    allow(emulator, bucket, {"CanonicalUser": identity["S3CanonicalUserId"]})
    assert viewer.ask(domain, "/assets/app.js").status == 200


def test_missing_objects_show_only_to_who_may_list(emulator, cloudfront, site, bucket, viewer):
    assert viewer.ask(site, "/missing").status == 403
    policy = json.loads(emulator.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
    listing = policy["Statement"][0] | {"Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    policy["Statement"].append(listing)
    emulator.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    answer = viewer.ask(site, "/gone")
    assert answer.status == 404
    assert b"<Code>NoSuchKey</Code>" in answer.body


def test_names_of_objects_are_decoded_once(emulator, site, bucket, viewer):
    emulator.client("s3").put_object(Bucket=bucket, Key="a b/ü+%.txt", Body=b"x")
    assert viewer.ask(site, "/a%20b/%C3%BC+%25.txt").body == b"x"


def test_parts_and_conditions(site, viewer):
    whole = viewer.ask(site, "/assets/app.js")
    part = viewer.ask(site, "/assets/app.js", headers={"Range": "bytes=0-6"})
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"console", "bytes 0-6/3000")
    assert part.cache == "Hit"
    same = viewer.ask(site, "/assets/app.js", headers={"If-None-Match": whole.headers["ETag"]})
    assert (same.status, same.body) == (304, b"")
    head = viewer.ask(site, "/assets/app.js", method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "3000")


# --- cache


def test_cache_and_invalidation(emulator, cloudfront, site, bucket, viewer):
    s3 = emulator.client("s3")
    assert viewer.ask(site, "/assets/app.js").cache == "Miss"
    hit = viewer.ask(site, "/assets/app.js")
    assert hit.cache == "Hit"
    assert int(hit.headers["Age"]) >= 0
    s3.put_object(Bucket=bucket, Key="assets/app.js", Body=b"new", ContentType="text/javascript")
    assert viewer.ask(site, "/assets/app.js?query=ignored").body != b"new"
    distributions = cloudfront.list_distributions()["DistributionList"]["Items"]
    id = next(one["Id"] for one in distributions if one["DomainName"] == site)
    for number, (path, expected) in enumerate([("/other*", "Hit"), ("/assets/*", "Miss")]):
        batch = {"CallerReference": str(number), "Paths": quantity([path])}
        cloudfront.create_invalidation(DistributionId=id, InvalidationBatch=batch)
        assert viewer.ask(site, "/assets/app.js").cache == expected
    assert viewer.ask(site, "/assets/app.js").body == b"new"


def test_stale_objects_are_revalidated(site, viewer):
    # no-cache means the policy's minimum, one second.
    assert viewer.ask(site, "/").cache == "Miss"
    time.sleep(1.1)
    again = viewer.ask(site, "/")
    assert (again.cache, again.status) == ("RefreshHit", 200)
    assert again.body.startswith(b"<html>")


def test_compression(site, viewer):
    plain = viewer.ask(site, "/assets/app.js")
    packed = viewer.ask(site, "/assets/app.js", headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] == "W/" + plain.headers["ETag"]
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert viewer.ask(site, "/assets/app.js", headers={"Accept-Encoding": "gzip"}).cache == "Hit"


def test_errors_of_the_origin_are_kept_for_a_while(cloudfront, origin, viewer):
    domain = api(cloudfront, origin)
    origin.status = 503
    assert viewer.ask(domain, "/a").status == 503
    origin.status = 200
    kept = viewer.ask(domain, "/a")
    assert (kept.status, kept.cache) == (503, "Error")
    assert len(origin.asked) == 1
    assert viewer.ask(domain, "/a", method="POST", body=b"x").status == 200


def test_error_caching_can_be_turned_off(cloudfront, origin, viewer):
    responses = quantity([{"ErrorCode": 503, "ErrorCachingMinTTL": 0}])
    domain = api(cloudfront, origin, CustomErrorResponses=responses)
    origin.status = 503
    assert viewer.ask(domain, "/a").status == 503
    origin.status = 200
    assert viewer.ask(domain, "/a").status == 200


def test_custom_error_pages(emulator, cloudfront, bucket, control, viewer):
    page = {"ErrorCode": 403, "ResponsePagePath": "/index.html", "ResponseCode": "200", "ErrorCachingMinTTL": 0}
    origin = s3_origin(bucket, OriginAccessControlId=control)
    distribution = create(cloudfront, config([origin], behavior("s3"), CustomErrorResponses=quantity([page])))
    allow_distribution(emulator, bucket, distribution)
    answer = viewer.ask(distribution["DomainName"], "/missing")
    assert (answer.status, answer.cache) == (200, "Error")
    assert answer.body.startswith(b"<html>")


def test_last_good_version_is_served_while_the_origin_fails(cloudfront, origin, viewer):
    domain = api(cloudfront, origin, cache_policy=OPTIMIZED)
    origin.answer_headers = {"Cache-Control": "max-age=1"}
    assert viewer.ask(domain, "/a").cache == "Miss"
    time.sleep(1.1)
    origin.status = 500
    assert viewer.ask(domain, "/a").status == 200


# --- custom origins


def test_what_an_api_gets(cloudfront, origin, viewer):
    domain = api(cloudfront, origin, headers=[("X-Origin-Secret", "s3cret")])
    answer = viewer.ask(
        domain,
        "/api/items?b=2&a=1",
        method="POST",
        headers={
            "Authorization": "Bearer x",
            "Cookie": "session=1",
            "User-Agent": "test",
            "X-Origin-Secret": "forged",
            "X-Forwarded-For": "192.0.2.1",
        },
        body=b"payload",
    )
    assert answer.status == 200
    [asked] = origin.asked
    assert (asked["method"], asked["target"], asked["body"]) == ("POST", "/api/items?b=2&a=1", "payload")
    headers = asked["headers"]
    assert headers["host"] == origin.name
    assert headers["authorization"] == "Bearer x"
    assert headers["cookie"] == "session=1"
    assert headers["user-agent"] == "test"
    assert headers["x-origin-secret"] == "s3cret"
    assert headers["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
    assert headers["x-amz-cf-id"] == answer.headers["X-Amz-Cf-Id"]
    assert "cloudfront" in headers["via"]


def test_connections_to_origins_are_kept(cloudfront, origin, viewer):
    domain = api(cloudfront, origin)
    for number in range(5):
        assert viewer.ask(domain, f"/{number}").status == 200
    assert origin.connections == 1


def test_many_requests_none_fails(cloudfront, origin, viewer):
    domain = api(cloudfront, origin)

    def ask(number):
        connection = viewer.connect(domain)
        statuses = []
        for step in range(25):
            connection.request("GET", f"/{number}/{step}", headers={"Host": domain})
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
        connection.close()
        return statuses

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = [status for part in pool.map(ask, range(8)) for status in part]
    assert statuses == [200] * 200
    assert len(origin.asked) == 200


def test_origin_that_restarts_between_requests(emulator, cloudfront, origin, viewer):
    domain = api(cloudfront, origin)
    assert viewer.ask(domain, "/1").status == 200
    for _, connection in next(
        idle for where, idle in viewer.edge._connections._idle.items() if where[1] == origin.name
    ):
        connection.sock.shutdown(socket.SHUT_RDWR)
    assert viewer.ask(domain, "/2").status == 200


def test_origin_that_does_not_answer(emulator, cloudfront, origin, viewer):
    domain = api(cloudfront, origin)
    origin.delay = 1.5
    answer = viewer.ask(domain, "/slow")
    assert (answer.status, answer.cache) == (504, "Error")
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    wanted = config([api_origin(origin.name, closed.getsockname()[1])], behavior("api", DISABLED))
    answer = viewer.ask(create(cloudfront, wanted)["DomainName"], "/")
    assert answer.status == 502
    assert b"Generated by cloudfront" in answer.body
    wanted = config([api_origin("nowhere.origin.invalid", 80)], behavior("api", DISABLED))
    answer = viewer.ask(create(cloudfront, wanted)["DomainName"], "/")
    assert answer.status == 502
    assert b"resolve" in answer.body


def test_origin_over_tls_must_prove_its_name(emulator, cloudfront, viewer):
    certificate = emulator.lab.ca.server_context(["right.origin.test"])
    server = Origin(tls=certificate)
    for name, status in (("right.origin.test", 200), ("wrong.origin.test", 502)):
        emulator.lab.names.publish(name, "127.0.0.1")
        wanted = config([api_origin(name, server.port, "https-only")], behavior("api", DISABLED))
        assert viewer.ask(create(cloudfront, wanted)["DomainName"], "/").status == status
    server.shutdown()
    server.server_close()


# --- functions


def publish(cloudfront, code):
    name = f"fn-{next(_numbers)}"
    runtime = {"Comment": "", "Runtime": "cloudfront-js-2.0"}
    etag = cloudfront.create_function(Name=name, FunctionConfig=runtime, FunctionCode=code)["ETag"]
    published = cloudfront.publish_function(Name=name, IfMatch=etag)
    return published["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]


def with_function(cloudfront, code, event="viewer-request"):
    associations = [{"FunctionARN": publish(cloudfront, code), "EventType": event}]
    return {"FunctionAssociations": quantity(associations)}


def test_site_with_client_side_routes_and_api(emulator, cloudfront, bucket, control, origin, viewer):
    pages = behavior("s3", ResponseHeadersPolicyId=SECURITY_HEADERS, **with_function(cloudfront, SPA))
    calls = behavior("api", DISABLED, ALL_METHODS, PathPattern="/api/*", OriginRequestPolicyId=ALL_BUT_HOST)
    wanted = config(
        [s3_origin(bucket, OriginAccessControlId=control), api_origin(origin.name, origin.port)], pages, [calls]
    )
    distribution = create(cloudfront, wanted)
    domain = distribution["DomainName"]
    allow_distribution(emulator, bucket, distribution)
    deep = viewer.ask(domain, "/portfolio/7")
    assert deep.status == 200
    assert deep.body.startswith(b"<html>")
    assert deep.headers["X-Content-Type-Options"] == "nosniff"
    assert deep.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert viewer.ask(domain, "/missing.png").status == 403
    origin.status = 404
    missing = viewer.ask(domain, "/api/nothing")
    assert missing.status == 404
    assert json.loads(missing.body)["target"] == "/api/nothing"
    origin.status = 200
    assert viewer.ask(domain, "/api/v1/health").status == 200
    assert viewer.ask(domain, "/", method="POST", body=b"x").status == 403


def test_function_that_answers_itself(cloudfront, origin, viewer):
    code = b"""function handler(event) { return {statusCode: 302, statusDescription: 'Found',
        headers: {location: {value: 'https://example.com' + event.request.uri}},
        cookies: {seen: {value: '1', attributes: 'Secure'}}}; }"""
    wanted = config(
        [api_origin(origin.name, origin.port)], behavior("api", DISABLED, **with_function(cloudfront, code))
    )
    answer = viewer.ask(create(cloudfront, wanted)["DomainName"], "/x")
    assert (answer.status, answer.headers["Location"]) == (302, "https://example.com/x")
    assert answer.headers["Set-Cookie"] == "seen=1; Secure"
    assert answer.cache == "FunctionGeneratedResponse"
    assert not origin.asked


@pytest.mark.parametrize(
    ("code", "status", "result"),
    [
        (b"function handler(event) { throw new Error('no'); }", 503, "FunctionExecutionError"),
        (b"function handler(event) { while (true) {} }", 503, "FunctionExecutionError"),
        (b"function nothing() {}", 503, "FunctionExecutionError"),
        (b"function handler(event) { return 1; }", 502, "FunctionValidationError"),
        (b"function handler(event) { event.request.uri = 'x'; return event.request; }", 502, "FunctionValidationError"),
        (
            b"function handler(event) { event.request.headers.host.value = 'x'; return event.request; }",
            502,
            "FunctionValidationError",
        ),
    ],
)
def test_functions_that_fail(cloudfront, origin, viewer, code, status, result):
    wanted = config(
        [api_origin(origin.name, origin.port)], behavior("api", DISABLED, **with_function(cloudfront, code))
    )
    answer = viewer.ask(create(cloudfront, wanted)["DomainName"], "/x")
    assert (answer.status, answer.cache) == (status, result)


def test_viewer_response_function(cloudfront, origin, viewer):
    code = b"""function handler(event) { var r = event.response; r.headers['x-added'] = {value: event.request.uri};
        delete r.headers['x-internal']; return r; }"""
    functions = with_function(cloudfront, code, "viewer-response")
    domain = create(cloudfront, config([api_origin(origin.name, origin.port)], behavior("api", DISABLED, **functions)))[
        "DomainName"
    ]
    origin.answer_headers = {"X-Internal": "1"}
    answer = viewer.ask(domain, "/x")
    assert answer.headers["X-Added"] == "/x"
    assert "X-Internal" not in answer.headers
    assert json.loads(answer.body)["target"] == "/x"


# --- viewers


def test_plain_http(site, cloudfront, origin, viewer):
    answer = viewer.ask(site, "/a?b=c", scheme="http")
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{site}/a?b=c")
    assert answer.cache == "Redirect"
    only = behavior("api", DISABLED, ViewerProtocolPolicy="https-only")
    domain = create(cloudfront, config([api_origin(origin.name, origin.port)], only))["DomainName"]
    assert viewer.ask(domain, "/", scheme="http").status == 403


def test_unknown_names(viewer, site):
    answer = viewer.ask("dnobody.cloudfront.net", "/")
    assert (answer.status, answer.cache) == (403, "Error")
    with pytest.raises(ssl.SSLCertVerificationError):
        viewer.ask("www.example.com", "/")
    assert viewer.ask(site, "/", headers={"Host": "other.example.com"}).status == 421


def test_a_distribution_serves_what_is_deployed(emulator, cloudfront, bucket, control, viewer):
    origin = s3_origin(bucket, OriginAccessControlId=control)
    wanted = config([origin], behavior("s3"))
    distribution = create(cloudfront, wanted)
    domain = distribution["DomainName"]
    allow_distribution(emulator, bucket, distribution)
    assert emulator.lab.names.resolve(domain) == emulator.lab.edge_address
    delays, emulator.lab.delays.mode = emulator.lab.delays.mode, "scaled"
    try:
        etag = cloudfront.get_distribution(Id=distribution["Id"])["ETag"]
        changed = cloudfront.update_distribution(
            Id=distribution["Id"], IfMatch=etag, DistributionConfig=wanted | {"Enabled": False}
        )
    finally:
        emulator.lab.delays.mode = delays
    assert changed["Distribution"]["Status"] == "InProgress"
    assert viewer.ask(domain, "/index.html").status == 200
    with pytest.raises(ClientError, match="DistributionNotDisabled"):
        cloudfront.delete_distribution(Id=distribution["Id"], IfMatch=changed["ETag"])
    waiter = cloudfront.get_waiter("distribution_deployed")
    waiter.wait(Id=distribution["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    assert viewer.ask(domain, "/index.html").status == 403
    cloudfront.delete_distribution(Id=distribution["Id"], IfMatch=changed["ETag"])
    assert emulator.lab.names.resolve(domain) is None
