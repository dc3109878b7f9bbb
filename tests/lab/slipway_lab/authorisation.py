# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Who makes a call, and whether the policies of that role or user allow it. S3's calls are not judged here: the policies
# of its buckets have a say as well (aws/s3 decides).

from __future__ import annotations

import gzip
import logging
from typing import TYPE_CHECKING

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from moto.secretsmanager.models import secretsmanager_backends

from slipway_lab import calls
from slipway_lab import iam_policy
from slipway_lab import principals
from slipway_lab import signatures
from slipway_lab.aws import identity
from slipway_lab.principals import BadCredentials
from slipway_lab.zones import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from slipway_lab.calls import ApiCall

log = logging.getLogger(__name__)

# The first part of an action's name, where it is not the name of the service's model.
_PREFIXES = {"elbv2": "elasticloadbalancing", "sesv2": "ses", "stepfunctions": "states"}
# Anybody may ask who they are.
_FREE = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}


class Denied(Exception):
    """AWS's refusal, with the status and code that the service gives it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def not_authorised(call: ApiCall, message: str) -> Denied:
    if call.service == "ec2":
        return Denied(403, "UnauthorizedOperation", message)
    if calls.protocol_of(call) == "json":
        return Denied(400, "AccessDeniedException", message)
    return Denied(403, "AccessDenied", message)


# What is wrong with credentials -> status and error code: of EC2, of S3, of services that speak JSON, of the others.
_CREDENTIAL_ERRORS = {
    BadCredentials.UNKNOWN: (
        (401, "AuthFailure"),
        (403, "InvalidAccessKeyId"),
        (400, "UnrecognizedClientException"),
        (403, "InvalidClientTokenId"),
    ),
    BadCredentials.EXPIRED: (
        (400, "RequestExpired"),
        (400, "ExpiredToken"),
        (400, "ExpiredTokenException"),
        (403, "ExpiredToken"),
    ),
    BadCredentials.SIGNATURE: (
        (401, "AuthFailure"),
        (403, "SignatureDoesNotMatch"),
        (400, "InvalidSignatureException"),
        (403, "SignatureDoesNotMatch"),
    ),
}


def not_authenticated(call: ApiCall, problem: str) -> Denied:
    of_ec2, of_s3, of_json, of_others = _CREDENTIAL_ERRORS[problem]
    if call.service == "ec2":
        return Denied(*of_ec2, "AWS was not able to validate the provided access credentials")
    if call.service == "s3":
        return Denied(*of_s3, problem)
    return Denied(*(of_json if calls.protocol_of(call) == "json" else of_others), problem)


def authenticate(call: ApiCall) -> None:
    """Raise Denied if the call is not signed by credentials of the lab. A call without any is for S3 to judge."""
    if call.access_key is None:
        if call.service != "s3":
            raise Denied(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        return
    request = call.request
    query = request.query_string.decode()
    signed = signatures.read(request.headers, query)
    try:
        secret = principals.secret_of(call.access_key, call.session_token)
        parts = (request.method, request.raw_path, query, request.headers, request.get_data())
        if signed is None or not signatures.matches(signed, secret, *parts):
            raise BadCredentials(BadCredentials.SIGNATURE)
    except BadCredentials as error:
        raise not_authenticated(call, str(error)) from None
    if signed.has_expired:
        raise Denied(403, "AccessDenied", "Request has expired")


def authorise(call: ApiCall, principal: dict[str, Any]) -> None:
    """Raise Denied if the caller's policies do not allow the call."""
    if principal["type"] not in ("assumed-role", "user") or (call.service, call.operation) in _FREE:
        return
    if call.service == "s3":
        return
    action = f"{_PREFIXES.get(call.service, call.service)}:{call.operation}"
    parameters = _parameters(call)
    policies = identity.policies(principal)
    limit = identity.boundary(principal)
    for resource in resources(call, principal["account"], parameters):
        request = iam_policy.Request(
            principal=iam_policy.Principal.of(principal),
            action=action,
            resource=resource,
            context=conditions(call, principal, parameters),
        )
        decision = iam_policy.is_allowed(request, policies)
        if decision and limit is not None:
            decision = iam_policy.is_allowed(request, [limit])
        if not decision:
            raise not_authorised(call, decision.message(request))


def conditions(call: ApiCall, principal: dict[str, Any], parameters: dict[str, Any]) -> dict[str, str | list[str]]:
    """The condition keys of a call."""
    keys: dict[str, str | list[str]] = {
        "aws:SecureTransport": "true",
        "aws:SourceIp": call.request.remote_addr or "",
        "aws:RequestedRegion": call.region,
        "aws:PrincipalArn": principal.get("role_arn") or principal["arn"],
        "aws:PrincipalAccount": principal["account"],
    }
    if call.service == "route53" and "ChangeBatch" in parameters:
        keys |= _record_conditions(parameters["ChangeBatch"]["Changes"])
    if call.service == "cloudwatch" and "Namespace" in parameters:
        keys["cloudwatch:namespace"] = parameters["Namespace"]
    return keys


def _record_conditions(changes: list[dict[str, Any]]) -> dict[str, str | list[str]]:
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html"""
    record_sets = [change["ResourceRecordSet"] for change in changes]
    prefix = "route53:ChangeResourceRecordSets"
    return {
        # Without the dot at the end
        f"{prefix}NormalizedRecordNames": sorted({normalised(item["Name"]).rstrip(".") for item in record_sets}),
        f"{prefix}RecordTypes": sorted({item["Type"] for item in record_sets}),
        f"{prefix}Actions": sorted({change["Action"] for change in changes}),
    }


def _parameters(call: ApiCall) -> dict[str, Any]:
    """The call's parameters by the names of the service's model."""
    model = get_service_model(call.service)
    if call.operation not in model.operation_names:
        return {}
    request = call.request
    protocol = determine_request_protocol(model, request.content_type)
    body = request.get_data()
    if request.content_encoding == "gzip":
        body = gzip.decompress(body)
    _, in_path = get_service_router(call.service).match(request)
    return PROTOCOL_PARSERS[protocol](model.operation_model(call.operation)).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": in_path,
        }
    )


def resources(call: ApiCall, account: str, parameters: dict[str, Any]) -> list[str]:
    """The ARNs of what a call is about; all of them must be allowed. "*" where the lab does not tell them apart."""
    prefix = f"arn:aws:{call.service}:{call.region}:{account}"
    match call.service:
        case "secretsmanager":
            found = [_secret(call, account, prefix, parameters)]
        case "ssm":
            names = parameters.get("Names") or [parameters.get("Name") or parameters.get("Path")]
            found = [f"{prefix}:parameter/{name.lstrip('/')}" for name in names if name]
        case "logs":
            group, stream = parameters.get("logGroupName"), parameters.get("logStreamName") or ""
            found = [f"{prefix}:log-group:{group or parameters.get('logGroupNamePrefix', '')}:log-stream:{stream}"]
        case "cloudfront":
            found = _distributions(account, parameters)
        case "route53":
            found = _route53(call, parameters)
        case "sns":
            found = [parameters.get("TopicArn") or parameters.get("TargetArn") or parameters.get("SubscriptionArn")]
        case "sts":
            found = [parameters.get("RoleArn")]
        case _:
            found = []
    return [resource for resource in found if resource] or ["*"]


def _secret(call: ApiCall, account: str, prefix: str, parameters: dict[str, Any]) -> str | None:
    name = parameters.get("SecretId") or parameters.get("Name")
    if name is None or name.startswith("arn:"):
        return name
    secrets = secretsmanager_backends[account][call.region].secrets
    # A secret's ARN ends in random characters; one that does not exist has none yet.
    return secrets[name].arn if name in secrets else f"{prefix}:secret:{name}"


def _route53(call: ApiCall, parameters: dict[str, Any]) -> Iterable[str]:
    kind = "change" if call.operation == "GetChange" else "hostedzone"
    identifier = parameters.get("HostedZoneId") or parameters.get("Id")
    return [f"arn:aws:route53:::{kind}/{identifier.rpartition('/')[2]}"] if identifier else []


def _distributions(account: str, parameters: dict[str, Any]) -> Iterable[str]:
    distribution = parameters.get("DistributionId") or parameters.get("Id")
    return [f"arn:aws:cloudfront::{account}:distribution/{distribution}"] if distribution else []
