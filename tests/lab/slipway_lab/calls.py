# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Reads from a request which API call it is and who makes it, and renders refusals as AWS words them.

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import BackendRequest
from werkzeug.exceptions import NotFound

if TYPE_CHECKING:
    from typing import Any

UNKNOWN_OPERATION = "Unknown"

# Services that sign with another name than that of their model.
_MODELS = {
    "monitoring": "cloudwatch",
    "elasticloadbalancing": "elbv2",
    "email": "ses",
    "api.ecr": "ecr",
    "states": "stepfunctions",
    "application-autoscaling": "application-autoscaling",
}

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/]*)/(?P<service>[^/]+)/aws4_request")
# Path of the RPC protocols that name the operation in the URL (rpc-v2-cbor).
_RPC_PATH = re.compile(r"/service/[^/]+/operation/(?P<operation>\w+)$")


@dataclass(frozen=True)
class ApiCall:
    service: str
    operation: str
    region: str
    access_key: str | None
    session_token: str | None
    request: BackendRequest


def read_call(environ: dict[str, Any]) -> ApiCall:
    """The API call that a WSGI request makes; a request nobody signed is S3's, as with AWS's website of files."""
    # With a stream of its own: the emulator has yet to read the body (which the server has read whole) from its own.
    request = BackendRequest(environ | {"wsgi.input": io.BytesIO(environ["wsgi.input"].getvalue())})
    # Kept, for whoever looks at the body after its form has been read from it.
    request.get_data()
    signed = _CREDENTIAL.search(request.headers.get("Authorization", "")) or _CREDENTIAL.search(
        f"Credential={request.args.get('X-Amz-Credential', '')}"
    )
    signing_name = signed["service"].lower() if signed else "s3"
    service = _MODELS.get(signing_name, signing_name)
    if signing_name == "email" and request.path.startswith("/v2/"):
        service = "sesv2"
    return ApiCall(
        service=service,
        operation=operation_of(service, request),
        region=signed["region"] if signed else "",
        access_key=signed["key"] if signed else request.args.get("AWSAccessKeyId"),
        session_token=request.headers.get("X-Amz-Security-Token") or request.args.get("X-Amz-Security-Token"),
        request=request,
    )


def operation_of(service: str, request: BackendRequest) -> str:
    """The name of the operation of service that request asks for."""
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.rpartition(".")[2]
    rpc = _RPC_PATH.search(request.path)
    if rpc:
        return rpc["operation"]
    if service != "s3" and request.values.get("Action"):
        return request.values["Action"]
    try:
        return get_service_router(service).match(request)[0].name
    except (NotFound, NotImplementedError, UnknownServiceError):
        return UNKNOWN_OPERATION


def protocol_of(call: ApiCall) -> str:
    """The protocol in which a call is to be answered."""
    try:
        return determine_request_protocol(get_service_model(call.service), call.request.content_type)
    except (UnknownServiceError, NotImplementedError):
        return "rest-xml"


def render_error(call: ApiCall, code: str, message: str) -> tuple[str, str]:
    """The content type and body of an error, in the call's protocol."""
    protocol = protocol_of(call)
    if protocol in ("json", "rest-json"):
        return "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message, "Message": message})
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if call.service == "s3":
        body = f"<Error>{error}</Error>"
    elif protocol == "ec2":
        body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>lab</RequestID></Response>"
    else:
        body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>lab</RequestId></ErrorResponse>"
    return "text/xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'


def error_code(body: bytes, headers: dict[str, str]) -> str | None:
    """The error code that a response carries, whatever its protocol."""
    kind = headers.get("x-amzn-errortype")
    if kind:
        return kind.split(":")[0]
    found = re.search(rb"<Code>([^<]+)</Code>", body) or re.search(rb'"__type":\s*"(?:[^"]*#)?([^"]+)"', body)
    return found[1].decode() if found else None
