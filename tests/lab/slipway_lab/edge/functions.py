# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# CloudFront Functions: their code run by a real JavaScript engine that can reach nothing of the machine, and the
# translation between HTTP messages and a function's event (developer guide, "CloudFront Functions event
# structure" and "Restrictions on edge functions"). Left out: the runtime's modules (crypto, querystring, key
# value stores) and Buffer; a function that wants them fails with a message that says so.

from __future__ import annotations

import atexit
import base64
import json
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

from py_mini_racer import JSEvalException
from py_mini_racer import JSOOMException
from py_mini_racer import JSPromise
from py_mini_racer import JSPromiseError
from py_mini_racer import MiniRacer

from slipway_lab.edge.messages import Headers
from slipway_lab.edge.messages import Request
from slipway_lab.edge.messages import Response
from slipway_lab.edge.messages import reason

# CloudFront gives a function about a millisecond of its servers' time; here the machine's load counts, too.
_SECONDS = 1.0
_MEMORY = 64 * 1024 * 1024
_MAX_LOG = 10_240
_MAX_ENGINES = 32

# Not shown to functions, and not theirs to add.
_DISALLOWED = {
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "upgrade",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-accel-redirect",
    "x-cache",
    "x-forwarded-proto",
    "x-real-ip",
}
_DISALLOWED_PREFIXES = ("x-amz-cf-", "x-amzn-", "x-edge-")
_READ_ONLY = {
    "viewer-request": ("content-length", "host", "transfer-encoding", "via"),
    "viewer-response": ("warning", "via"),
}


class ValidationError(Exception):
    """The function returned what CloudFront does not accept."""


# --- running code ----------------------------------------------------------------------------------------------

# Takes away what CloudFront's runtime does not have, and runs a handler made anew, so that no variable of one
# run is seen by the next.
_PRELUDE = """
(() => {
  const refuse = function () { throw new Error('Dynamic code evaluation is not supported'); };
  for (const kind of [function () {}, async function () {}, function* () {}, async function* () {}])
    Object.defineProperty(Object.getPrototypeOf(kind), 'constructor', {value: refuse});
  globalThis.Function = globalThis.eval = refuse;
  for (const name of ['setTimeout', 'clearTimeout', 'setInterval', 'setImmediate', 'WebAssembly', 'SharedArrayBuffer',
                      'Atomics', 'console']) globalThis[name] = undefined;
  globalThis.require = (name) => { throw new Error("The lab's functions have no module " + name); };
  const show = (value) => typeof value === 'string' ? value : JSON.stringify(value);
  const stringify = JSON.stringify;
  Object.defineProperty(globalThis, '__run', {value: (make, event) => {
    const logs = [];
    const done = (value) => stringify({value: value === undefined ? null : value, logs});
    const failed = (error) => stringify({error: String(error), logs});
    try {
      const value = make({log: (...args) => { logs.push(args.map(show).join(' ')); }})(event);
      return value && typeof value.then === 'function' ? value.then(done, failed) : done(value);
    } catch (error) {
      return failed(error);
    }
  }});
})()
"""


@dataclass
class Outcome:
    value: Any = None
    error: str = ""
    logs: list[str] = field(default_factory=list)
    compute_utilization: int = 0  # percent of the time that a function may take

    @property
    def output(self) -> str:
        """As TestFunction gives it back."""
        if self.error or not isinstance(self.value, dict):
            return ""
        return json.dumps({"response" if "statusCode" in self.value else "request": self.value})


class _Engine:
    """One function's V8 isolate; one run at a time."""

    def __init__(self, code: str) -> None:
        self._make = f"(function (console) {{ 'use strict';\n{code}\n;return handler; }})"
        self._lock = threading.Lock()
        self.exhausted = False
        self._engine = MiniRacer()
        self._engine.set_hard_memory_limit(_MEMORY)
        self._engine.eval(_PRELUDE)

    def run(self, event: dict[str, Any]) -> Outcome:
        began = time.monotonic()
        with self._lock:
            try:
                result = self._engine.eval(f"__run({self._make}, {json.dumps(event)})", timeout_sec=_SECONDS)
                if isinstance(result, JSPromise):
                    result = result.get(timeout=_SECONDS)
            except (JSEvalException, JSPromiseError, TimeoutError) as error:
                self.exhausted = isinstance(error, JSOOMException)
                return Outcome(error=_first_error(str(error)), compute_utilization=_share(began))
        answer = json.loads(str(result))
        logs = [line[:_MAX_LOG] for line in answer["logs"]]
        return Outcome(answer.get("value"), answer.get("error", ""), logs, _share(began))

    def close(self) -> None:
        with self._lock:
            self._engine.close()


def _share(began: float) -> int:
    return min(100, round((time.monotonic() - began) / _SECONDS * 100))


def _first_error(message: str) -> str:
    """The engine's message without the excerpt of the code that it shows."""
    found = re.search(r"^\S*Error: .*", message, re.MULTILINE)
    return found[0] if found else (message.strip() or "The function took too long to run.")


_engines: dict[bytes, _Engine] = {}
_engines_lock = threading.Lock()


def run(code: bytes, event: dict[str, Any]) -> Outcome:
    with _engines_lock:
        engine = _engines.get(code)
        if engine is None or engine.exhausted:
            if len(_engines) >= _MAX_ENGINES:
                _engines.pop(next(iter(_engines))).close()
            engine = _engines[code] = _Engine(code.decode("utf-8", "replace"))
    return engine.run(event)


@atexit.register
def _close_engines() -> None:
    # The interpreter does not end while an engine lives.
    with _engines_lock:
        while _engines:
            _engines.popitem()[1].close()


def test(code: bytes, event_object: bytes) -> Outcome:
    """What TestFunction does: run code with an event that the caller wrote."""
    try:
        event = json.loads(event_object)
    except ValueError:
        return Outcome(error="The event object is not valid JSON.")
    if not isinstance(event, dict) or "request" not in event:
        return Outcome(error="The event object has no request.")
    outcome = run(code, event)
    if outcome.error:
        return outcome
    try:
        kind = (event.get("context") or {}).get("eventType") or "viewer-request"
        if kind == "viewer-request" and not is_response(outcome.value):
            _check_request(outcome.value, event)
        else:
            response_of(outcome.value, event, kind)
    except ValidationError as error:
        outcome.error = str(error)
    return outcome


# --- events ----------------------------------------------------------------------------------------------------


def event_of(
    kind: str, request: Request, request_id: str, distribution: tuple[str, str], response: Response | None = None
) -> dict[str, Any]:
    """The event for a request (and its response); distribution is its domain name and id."""
    domain_name, distribution_id = distribution
    event = {
        "version": "1.0",
        "context": {
            "distributionDomainName": domain_name,
            "distributionId": distribution_id,
            "eventType": kind,
            "requestId": request_id,
        },
        "viewer": {"ip": request.client},
        "request": {
            "method": request.method,
            "uri": request.path,
            "querystring": _fields(_query_pairs(request.query)),
            "headers": _header_fields(request.headers, "cookie"),
            "cookies": _fields(_cookie_pairs(request.headers)),
        },
    }
    if response is not None:
        event["response"] = {
            "statusCode": response.status,
            "statusDescription": reason(response.status),
            "headers": _header_fields(response.headers, "set-cookie"),
            "cookies": _set_cookie_fields(response.headers),
        }
    return event


def is_response(value: Any) -> bool:
    return isinstance(value, dict) and "statusCode" in value


def request_of(value: Any, event: dict[str, Any], request: Request) -> Request:
    """The request that a viewer request function turned the given one into."""
    _check_request(value, event)
    sent = event["request"]
    query = request.query
    if value.get("querystring", {}) != sent["querystring"]:
        query = _query_text(value.get("querystring", {}), sent["querystring"])
    headers = request.headers.copy()
    if value["headers"] != sent["headers"]:
        hidden = [(name, text) for name, text in headers if _is_disallowed(name.lower()) or name.lower() == "cookie"]
        headers = Headers([*_header_list(value["headers"], sent["headers"]), *hidden])
    if value.get("cookies", {}) != sent["cookies"]:
        pairs = _pairs(value.get("cookies", {}), sent["cookies"])
        headers.remove("Cookie")
        if pairs:
            headers.add("Cookie", "; ".join(f"{name}={text}" for name, text in pairs))
    return replace(request, path=value["uri"], query=query, headers=headers)


def response_of(value: Any, event: dict[str, Any], kind: str, response: Response | None = None) -> Response:
    """The response that a function returned: one it made, or (viewer response) the changed given one."""
    if not is_response(value):
        raise ValidationError("The function did not return a request or a response object.")
    status = value["statusCode"]
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise ValidationError("The response's statusCode is not an integer between 200 and 599.")
    sent = event.get("response") or {"headers": {}, "cookies": {}}
    headers = value.get("headers") or {}
    _check_headers(headers, sent["headers"], _READ_ONLY[kind])
    fields = Headers(_header_list(headers, sent["headers"]))
    for name, cookie in (value.get("cookies") or {}).items():
        for item in cookie.get("multiValue") or [cookie]:
            attributes = f"; {item['attributes']}" if item.get("attributes") else ""
            fields.add("Set-Cookie", f"{name}={item['value']}{attributes}")
    if response is not None:
        for name, text in response.headers:
            if _is_disallowed(name.lower()):
                fields.add(name, text)
    body = _body_of(value) if "body" in value else (response.body if response else b"")
    if "body" in value or response is None:
        fields.remove("Content-Length")
    return Response(status, fields, body, response.result if response else "")


def _check_request(value: Any, event: dict[str, Any]) -> None:
    if not isinstance(value, dict) or "uri" not in value or not isinstance(value.get("headers"), dict):
        raise ValidationError("The function did not return a request or a response object.")
    sent = event["request"]
    if value.get("method") != sent.get("method"):
        raise ValidationError("The function changed the request's method.")
    if not isinstance(value["uri"], str) or not value["uri"].startswith("/"):
        raise ValidationError("The request's uri does not begin with a slash.")
    _check_headers(value["headers"], sent.get("headers") or {}, _READ_ONLY["viewer-request"])
    for name, fields in (("querystring", value.get("querystring")), ("cookies", value.get("cookies"))):
        if not isinstance(fields or {}, dict):
            raise ValidationError(f"The request's {name} is not an object.")


def _check_headers(headers: Any, sent: dict[str, Any], read_only: Iterable[str]) -> None:
    if not isinstance(headers, dict):
        raise ValidationError("The headers are not an object.")
    for name, header in headers.items():
        if name != name.lower():
            raise ValidationError(f"The header name {name} is not in lowercase.")
        if not isinstance(header, dict) or not isinstance(header.get("value"), str):
            raise ValidationError(f"The header {name} has no value that is a string.")
        if _is_disallowed(name) and name not in sent:
            raise ValidationError(f"The header {name} is not allowed.")
    for name in read_only:
        if headers.get(name) != sent.get(name):
            raise ValidationError(f"The header {name} is read-only.")


def _body_of(value: dict[str, Any]) -> bytes:
    body = value["body"]
    if isinstance(body, str):
        return body.encode()
    if not isinstance(body, dict) or body.get("encoding") not in ("text", "base64"):
        raise ValidationError("The body's encoding is neither text nor base64.")
    if body["encoding"] == "text":
        return str(body.get("data", "")).encode()
    try:
        return base64.b64decode(body.get("data", ""), validate=True)
    except ValueError as error:
        raise ValidationError("The body is not valid base64.") from error


def _is_disallowed(name: str) -> bool:
    return name in _DISALLOWED or name.startswith(_DISALLOWED_PREFIXES)


def _fields(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name not in fields:
            fields[name] = {"value": value}
            continue
        first = fields[name]
        first.setdefault("multiValue", [{"value": first["value"]}]).append({"value": value})
    return fields


def _values(changed: dict[str, Any], sent: dict[str, Any] | None) -> list[str]:
    """A field's values: a changed multiValue counts, else a changed value replaces the first one."""
    multiple = changed.get("multiValue")
    if not multiple:
        return [changed["value"]]
    values = [item["value"] for item in multiple]
    if sent and sent.get("multiValue") == multiple and sent["value"] != changed["value"]:
        return [changed["value"], *values[1:]]
    return values


def _pairs(fields: dict[str, Any], sent: dict[str, Any]) -> list[tuple[str, str]]:
    try:
        return [(name, value) for name, field in fields.items() for value in _values(field, sent.get(name))]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValidationError("A field has no value.") from error


def _header_fields(headers: Headers, cookie_header: str) -> dict[str, Any]:
    return _fields(
        (name.lower(), value)
        for name, value in headers
        if not _is_disallowed(name.lower()) and name.lower() != cookie_header
    )


def _header_list(fields: dict[str, Any], sent: dict[str, Any]) -> list[tuple[str, str]]:
    return [("-".join(map(str.capitalize, name.split("-"))), value) for name, value in _pairs(fields, sent)]


def _query_pairs(query: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(name, value) for name, _, value in pairs]


def _query_text(fields: dict[str, Any], sent: dict[str, Any]) -> str:
    pairs = _pairs(fields, sent)
    for pair in pairs:
        if any(re.search(r"[\s#]", text) for text in pair):
            raise ValidationError("The query string has a space or a fragment identifier.")
    return "&".join(f"{name}={value}" if value else name for name, value in pairs)


def _cookie_pairs(headers: Headers) -> list[tuple[str, str]]:
    parts = (part.strip().partition("=") for line in headers.all("Cookie") for part in line.split(";"))
    return [(name, value) for name, _, value in parts if name]


def _set_cookie_fields(headers: Headers) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for line in headers.all("Set-Cookie"):
        first, _, attributes = line.partition(";")
        name, _, value = first.strip().partition("=")
        item = {"value": value} | ({"attributes": attributes.strip()} if attributes.strip() else {})
        if name in fields:
            existing = fields[name]
            existing.setdefault("multiValue", [dict(existing)]).append(item)
        else:
            fields[name] = item
    return fields
