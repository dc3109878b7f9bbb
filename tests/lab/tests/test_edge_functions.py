# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json

import pytest

from slipway_lab.edge import functions
from slipway_lab.edge.messages import Headers
from slipway_lab.edge.messages import Request
from slipway_lab.edge.messages import Response


def request(**changes):
    headers = Headers(
        [
            ("Host", "d1.cloudfront.net"),
            ("Accept", "application/json"),
            ("Accept", "text/html"),
            ("Cookie", "a=1; b=2"),
            ("Connection", "keep-alive"),
        ]
    )
    return Request(**({"method": "GET", "path": "/a", "query": "x=1&y&x=2", "headers": headers} | changes))


def event(asked=None, response=None):
    kind = "viewer-request" if response is None else "viewer-response"
    return functions.event_of(kind, asked or request(client="192.0.2.1"), "id", ("d1.cloudfront.net", "E1"), response)


def run(code, of=None):
    return functions.run(code.encode(), of or event())


def after(code):
    """The request that a viewer request function makes of request()."""
    sent = event()
    outcome = run(f"function handler(event) {{ var r = event.request; {code}; return r; }}", sent)
    assert not outcome.error
    return functions.request_of(outcome.value, sent, request())


def test_event():
    made = event()
    assert made["version"] == "1.0"
    assert made["context"] == {
        "distributionDomainName": "d1.cloudfront.net",
        "distributionId": "E1",
        "eventType": "viewer-request",
        "requestId": "id",
    }
    assert made["viewer"] == {"ip": "192.0.2.1"}
    assert made["request"]["querystring"] == {
        "x": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]},
        "y": {"value": ""},
    }
    assert made["request"]["headers"] == {
        "host": {"value": "d1.cloudfront.net"},
        "accept": {"value": "application/json", "multiValue": [{"value": "application/json"}, {"value": "text/html"}]},
    }
    assert made["request"]["cookies"] == {"a": {"value": "1"}, "b": {"value": "2"}}


def test_nothing_changed():
    assert after("") == request()


@pytest.mark.parametrize(
    ("code", "path", "query"),
    [
        ("r.uri = '/b'", "/b", "x=1&y&x=2"),
        ("delete r.querystring.x", "/a", "y"),
        ("r.querystring.z = {value: '3'}", "/a", "x=1&x=2&y&z=3"),
        ("r.querystring.x.value = '9'", "/a", "x=9&x=2&y"),
        ("r.querystring.x.multiValue[1].value = '9'", "/a", "x=1&x=9&y"),
    ],
)
def test_changed_targets(code, path, query):
    changed = after(code)
    assert (changed.path, changed.query) == (path, query)


def test_changed_headers_and_cookies():
    changed = after("r.headers['x-new-one'] = {value: '1'}; delete r.headers.accept; r.cookies.b.value = '3'")
    assert changed.headers.get("X-New-One") == "1"
    assert "Accept" not in changed.headers
    assert changed.headers.get("Cookie") == "a=1; b=3"
    assert changed.headers.get("Connection") == "keep-alive"
    assert "Cookie" not in after("r.cookies = {}").headers


@pytest.mark.parametrize(
    "code",
    [
        "r.uri = 'x'",
        "r.uri = 1",
        "r.method = 'POST'",
        "r.headers.host.value = 'x'",
        "delete r.headers.host",
        "r.headers['content-length'] = {value: '1'}",
        "r.headers['connection'] = {value: 'close'}",
        "r.headers['x-edge-a'] = {value: '1'}",
        "r.headers['X-Upper'] = {value: '1'}",
        "r.headers['x-number'] = {value: 1}",
        "r.headers['x-bare'] = 'x'",
        "delete r.headers",
        "r.querystring.z = {value: 'a b'}",
        "r.querystring.z = 'x'",
        "r = null",
        "r = 'x'",
    ],
)
def test_requests_that_are_not_valid(code):
    with pytest.raises(functions.ValidationError):
        after(code)


def test_generated_responses():
    outcome = run(
        "function handler(e) { return {statusCode: 301, headers: {location: {value: '/b'}},"
        " cookies: {a: {value: '1', attributes: 'Secure', multiValue: [{value: '1'}, {value: '2'}]}},"
        " body: {encoding: 'base64', data: 'aGk='}}; }"
    )
    made = functions.response_of(outcome.value, event(), "viewer-request")
    assert (made.status, made.body) == (301, b"hi")
    assert made.headers.get("Location") == "/b"
    assert made.headers.all("Set-Cookie") == ["a=1", "a=2"]


@pytest.mark.parametrize(
    "value",
    [
        "{statusCode: '200'}",
        "{statusCode: 99}",
        "{statusCode: true}",
        "{statusCode: 200, body: {encoding: 'base64', data: '?'}}",
        "{statusCode: 200, body: {encoding: 'hex', data: ''}}",
        "{statusCode: 200, headers: {'X-Cache': {value: 'x'}}}",
        "{statusCode: 200, headers: {'x-cache': {value: 'x'}}}",
    ],
)
def test_responses_that_are_not_valid(value):
    outcome = run(f"function handler(e) {{ return {value}; }}")
    with pytest.raises(functions.ValidationError):
        functions.response_of(outcome.value, event(), "viewer-request")


def test_viewer_response():
    original = Response(
        200,
        Headers(
            [
                ("Content-Type", "text/html"),
                ("Content-Length", "4"),
                ("Set-Cookie", "a=1; Path=/"),
                ("X-Amzn-Thing", "1"),
            ]
        ),
        b"body",
        "Hit from cloudfront",
    )
    sent = event(response=original)
    assert sent["response"]["cookies"] == {"a": {"value": "1", "attributes": "Path=/"}}
    assert "x-amzn-thing" not in sent["response"]["headers"]
    outcome = run("function handler(e) { e.response.headers['x-a'] = {value: 'b'}; return e.response; }", sent)
    changed = functions.response_of(outcome.value, sent, "viewer-response", original)
    assert changed.body == b"body"
    assert changed.headers.get("X-A") == "b"
    assert changed.headers.get("Set-Cookie") == "a=1; Path=/"
    assert changed.headers.get("X-Amzn-Thing") == "1"
    outcome = run("function handler(e) { e.response.body = 'other'; return e.response; }", sent)
    changed = functions.response_of(outcome.value, sent, "viewer-response", original)
    assert changed.body == b"other"
    assert "Content-Length" not in changed.headers


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("function handler(e) { throw new TypeError('no'); }", "TypeError: no"),
        ("async function handler(e) { await null; throw new Error('later'); }", "Error: later"),
        ("function handler(e) { return missing; }", "ReferenceError: missing is not defined"),
        ("function handler(e) { undeclared = 1; }", "ReferenceError: undeclared is not defined"),
        ("function other(e) {}", "ReferenceError: handler is not defined"),
        ("function handler(e) {", "SyntaxError: Unexpected token ')'"),
        ("function handler(e) { while (true) {} }", "JavaScript was terminated by timeout"),
        ("function handler(e) { return eval('1'); }", "Error: Dynamic code evaluation is not supported"),
        ("function handler(e) { return new Function('return 1')(); }", "Error: Dynamic code"),
        ("function handler(e) { return (() => 1).constructor('return 1')(); }", "Error: Dynamic code"),
        ("function handler(e) { return (async () => 1).constructor('return 1')(); }", "Error: Dynamic code"),
        ("function handler(e) { setTimeout(handler, 1); }", "TypeError: setTimeout is not a function"),
        ("var crypto = require('crypto'); function handler(e) {}", "Error: The lab's functions have no module crypto"),
        ("function handler(e) { return process.env; }", "ReferenceError: process is not defined"),
    ],
)
def test_functions_that_fail(code, error):
    outcome = run(code)
    assert outcome.error.startswith(error)
    assert not outcome.output


def test_asynchronous_functions():
    outcome = run("async function handler(e) { const r = await Promise.resolve(e.request); r.uri = '/b'; return r; }")
    assert outcome.value["uri"] == "/b"


def test_a_run_sees_nothing_of_the_one_before():
    code = "let runs = 0; function handler(e) { runs++; e.request.uri = '/' + runs; return e.request; }"
    assert [run(code).value["uri"] for _ in range(3)] == ["/1"] * 3


def test_memory_is_limited_and_the_next_run_has_it_all():
    code = (
        "function handler(e) { if (e.request.uri === '/big') { var a = []; for (;;) a.push(new Array(1e5).fill(1)); }"
        " return e.request; }"
    )
    assert "memory" in run(code, event(request(path="/big"))).error
    assert not run(code).error


def test_what_a_test_of_a_function_says():
    made = json.dumps({"version": "1.0", "request": event()["request"]}).encode()
    code = b"function handler(e) { console.log('a', {b: 1}); e.request.headers.host.value = 'x'; return e.request; }"
    outcome = functions.test(code, made)
    assert outcome.logs == ['a {"b":1}']
    assert outcome.error == "The header host is read-only."
    assert functions.test(code, b"{").error == "The event object is not valid JSON."
    assert functions.test(code, b"[]").error == "The event object has no request."
