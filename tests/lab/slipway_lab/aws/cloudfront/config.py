# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Distribution configurations, in the shape of the API's DistributionConfig. Pure: what AWS adds to one, and what
# it refuses for reasons that lie in the configuration itself.

from __future__ import annotations

import copy
import functools
import ipaddress
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

import botocore.session

from slipway_lab.aws.cloudfront.errors import CloudFrontError
from slipway_lab.aws.cloudfront.errors import invalid_argument

if TYPE_CHECKING:
    from botocore.model import Shape

# In the order in which CloudFront gives methods back, whatever order they were sent in.
METHODS = ("HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH")
_METHOD_SETS = (
    {"GET", "HEAD"},
    {"GET", "HEAD", "OPTIONS"},
    set(METHODS),
)
_S3_DOMAIN = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.s3(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com"
)
# Developer guide, "Custom headers that CloudFront can't add to origin requests"
_FORBIDDEN_HEADERS = {
    "cache-control",
    "connection",
    "content-length",
    "cookie",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "pragma",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "request-range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
}
_FORBIDDEN_HEADER_PREFIXES = ("x-amz-", "x-edge-")
# API reference, CustomErrorResponse
_ERROR_CODES = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}


def accept(config: dict[str, Any]) -> dict[str, Any]:
    """What AWS stores of a configuration that it is sent; raises the CloudFrontError with which it refuses it."""
    for error in _model_errors(config, _config_shape(), "distributionConfig"):
        raise error
    completed = complete(config)
    for error in _errors(completed):
        raise error
    return completed


# --- what AWS adds ---------------------------------------------------------------------------------------------


def complete(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as AWS gives it back: what was sent, and the defaults of what was not."""
    config = _without_empty_items(copy.deepcopy(config))
    config = {
        "Aliases": {"Quantity": 0},
        "DefaultRootObject": "",
        "OriginGroups": {"Quantity": 0},
        "CacheBehaviors": {"Quantity": 0},
        "CustomErrorResponses": {"Quantity": 0},
        "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
        "PriceClass": "PriceClass_All",
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": "",
        "HttpVersion": "http2",
        "IsIPV6Enabled": False,
        "ContinuousDeploymentPolicyId": "",
        "Staging": False,
        **config,
    }
    config["ViewerCertificate"] = _complete_certificate(config.get("ViewerCertificate") or {})
    config["Origins"] = _each(config["Origins"], _complete_origin)
    config["DefaultCacheBehavior"] = _complete_behavior(config["DefaultCacheBehavior"])
    config["CacheBehaviors"] = _each(config["CacheBehaviors"], _complete_behavior)
    config["CustomErrorResponses"] = _each(
        config["CustomErrorResponses"],
        lambda error: {"ResponsePagePath": "", "ResponseCode": "", "ErrorCachingMinTTL": 10, **error},
    )
    return config


def _complete_origin(origin: dict[str, Any]) -> dict[str, Any]:
    origin = {
        "OriginPath": "",
        "CustomHeaders": {"Quantity": 0},
        "ConnectionAttempts": 3,
        "ConnectionTimeout": 10,
        "OriginShield": {"Enabled": False},
        "OriginAccessControlId": "",
        **origin,
    }
    if "S3OriginConfig" in origin:
        origin["S3OriginConfig"] = {"OriginReadTimeout": 30, **origin["S3OriginConfig"]}
    if "CustomOriginConfig" in origin:
        origin["CustomOriginConfig"] = {
            "OriginSslProtocols": {"Quantity": 3, "Items": ["TLSv1", "TLSv1.1", "TLSv1.2"]},
            "OriginReadTimeout": 30,
            "OriginKeepaliveTimeout": 5,
            **origin["CustomOriginConfig"],
        }
    return origin


def _complete_behavior(behavior: dict[str, Any]) -> dict[str, Any]:
    behavior = {
        "TrustedSigners": {"Enabled": False, "Quantity": 0},
        "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "AllowedMethods": {"Quantity": 2, "Items": ["HEAD", "GET"]},
        "SmoothStreaming": False,
        "Compress": False,
        "LambdaFunctionAssociations": {"Quantity": 0},
        "FunctionAssociations": {"Quantity": 0},
        "FieldLevelEncryptionId": "",
        "GrpcConfig": {"Enabled": False},
        **behavior,
    }
    allowed = behavior["AllowedMethods"]
    cached = allowed.get("CachedMethods") or {"Quantity": 2, "Items": ["HEAD", "GET"]}
    behavior["AllowedMethods"] = {**_in_aws_order(allowed), "CachedMethods": _in_aws_order(cached)}
    if "ForwardedValues" in behavior:
        behavior["ForwardedValues"] = {
            "Headers": {"Quantity": 0},
            "QueryStringCacheKeys": {"Quantity": 0},
            **behavior["ForwardedValues"],
        }
        behavior = {"MinTTL": 0, "DefaultTTL": 86400, "MaxTTL": 31536000, **behavior}
    return behavior


def _complete_certificate(certificate: dict[str, Any]) -> dict[str, Any]:
    if certificate.get("ACMCertificateArn"):
        arn = certificate["ACMCertificateArn"]
        return {
            "MinimumProtocolVersion": "TLSv1",
            **certificate,
            "CloudFrontDefaultCertificate": False,
            "Certificate": arn,
            "CertificateSource": "acm",
        }
    if certificate.get("IAMCertificateId"):
        return {
            "MinimumProtocolVersion": "TLSv1",
            **certificate,
            "CloudFrontDefaultCertificate": False,
            "Certificate": certificate["IAMCertificateId"],
            "CertificateSource": "iam",
        }
    # With its own certificate, CloudFront sets the security policy to TLSv1 whatever was asked for.
    return {
        "CloudFrontDefaultCertificate": True,
        "SSLSupportMethod": "vip",
        "MinimumProtocolVersion": "TLSv1",
        "CertificateSource": "cloudfront",
    }


def _in_aws_order(methods: dict[str, Any]) -> dict[str, Any]:
    return {**methods, "Items": sorted(methods["Items"], key=lambda method: _position(METHODS, method))}


def _position(order: tuple[str, ...], value: str) -> int:
    return order.index(value) if value in order else len(order)


def _each(collection: dict[str, Any], change: Any) -> dict[str, Any]:
    items = [change(item) for item in collection.get("Items") or []]
    return {**collection, "Items": items} if items else {"Quantity": 0}


def _without_empty_items(value: Any) -> Any:
    """AWS leaves the Items of an empty collection out."""
    if isinstance(value, dict):
        value = {key: _without_empty_items(item) for key, item in value.items() if item is not None}
        if "Quantity" in value and not value.get("Items"):
            value.pop("Items", None)
    elif isinstance(value, list):
        value = [_without_empty_items(item) for item in value]
    return value


# --- looking into one ------------------------------------------------------------------------------------------


def items(collection: dict[str, Any] | None) -> list[Any]:
    return (collection or {}).get("Items") or []


def behaviors(config: dict[str, Any]) -> list[dict[str, Any]]:
    return [*items(config["CacheBehaviors"]), config["DefaultCacheBehavior"]]


def aliases(config: dict[str, Any]) -> list[str]:
    return items(config["Aliases"])


def function_arns(config: dict[str, Any]) -> set[str]:
    return {
        association["FunctionARN"]
        for behavior in behaviors(config)
        for association in items(behavior["FunctionAssociations"])
    }


def access_control_ids(config: dict[str, Any]) -> set[str]:
    return {origin["OriginAccessControlId"] for origin in items(config["Origins"])} - {""}


def access_identity_ids(config: dict[str, Any]) -> set[str]:
    return {access_identity_id(origin) for origin in items(config["Origins"])} - {""}


def access_identity_id(origin: dict[str, Any]) -> str:
    path = origin.get("S3OriginConfig", {}).get("OriginAccessIdentity") or ""
    return path.removeprefix("origin-access-identity/cloudfront/")


def bucket_of(domain_name: str) -> str | None:
    """The bucket whose REST endpoint domain_name is, if it is one."""
    found = _S3_DOMAIN.fullmatch(domain_name)
    return found["bucket"] if found else None


# --- what AWS refuses ------------------------------------------------------------------------------------------


def _errors(config: dict[str, Any]) -> Iterator[CloudFrontError]:
    root = config["DefaultRootObject"]
    if root.startswith("/"):
        yield CloudFrontError("InvalidDefaultRootObject", "The default root object file name starts with a slash.")
    yield from _origin_errors(config)
    yield from _behavior_errors(config)
    yield from _certificate_errors(config)
    for error in items(config["CustomErrorResponses"]):
        yield from _error_response_errors(error)


@functools.cache
def _config_shape() -> Shape:
    model = botocore.session.get_session().get_service_model("cloudfront")
    return model.shape_for("DistributionConfig")


def _model_errors(value: Any, shape: Shape, path: str) -> Iterator[CloudFrontError]:
    """What the service model itself rules out: wrong counts, values that an enumeration does not have."""
    if shape.type_name == "structure":
        if "Quantity" in value and value["Quantity"] != len(value.get("Items") or []):
            yield CloudFrontError(
                "InconsistentQuantities", f"The value of Quantity and the size of {path} don't match."
            )
        for name, member in value.items():
            yield from _model_errors(member, shape.members[name], f"{path}.{name[0].lower()}{name[1:]}")
    elif shape.type_name == "list":
        for number, item in enumerate(value, 1):
            yield from _model_errors(item, shape.member, f"{path}.{number}.member")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        choices = ", ".join(shape.enum)
        yield CloudFrontError(
            "MalformedXML",
            f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{choices}]",
        )


def _origin_errors(config: dict[str, Any]) -> Iterator[CloudFrontError]:
    origins = items(config["Origins"])
    if not origins:
        yield invalid_argument("The parameter Origins is required.")
    ids = [origin["Id"] for origin in origins]
    if len(ids) != len(set(ids)):
        yield invalid_argument("The parameter Origin Id contains duplicates.")
    for origin in origins:
        yield from _one_origins_errors(origin)


def _one_origins_errors(origin: dict[str, Any]) -> Iterator[CloudFrontError]:
    domain, path = origin["DomainName"], origin["OriginPath"]
    if _is_address(domain):
        yield invalid_argument("The parameter origin name cannot be an IP address.")
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+", domain):
        yield CloudFrontError("InvalidOrigin", "The specified origin server does not exist or is not valid.")
    if path and (not path.startswith("/") or path.endswith("/")):
        yield invalid_argument("The parameter Origin path must begin with / and must not end with /.")
    kinds = {"S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig"} & set(origin)
    if len(kinds) != 1:
        yield invalid_argument("Exactly one of S3OriginConfig, CustomOriginConfig and VpcOriginConfig is required.")
    if "VpcOriginConfig" in kinds:
        yield invalid_argument("The lab has no VPC origins.")
    if "S3OriginConfig" in kinds and not bucket_of(domain):
        yield invalid_argument("The parameter Origin DomainName does not refer to a valid S3 bucket.")
    if origin["OriginAccessControlId"] and access_identity_id(origin):
        yield CloudFrontError(
            "IllegalOriginAccessConfiguration",
            "An origin cannot contain both an origin access control (OAC) and an origin access identity (OAI).",
        )
    for name in (header["HeaderName"] for header in items(origin["CustomHeaders"])):
        if name.lower() in _FORBIDDEN_HEADERS or name.lower().startswith(_FORBIDDEN_HEADER_PREFIXES):
            yield invalid_argument(f"The parameter HeaderName contains {name} that is not allowed.")
    if not 1 <= origin["ConnectionAttempts"] <= 3:
        yield invalid_argument("The parameter ConnectionAttempts must be between 1 and 3.")
    if not 1 <= origin["ConnectionTimeout"] <= 10:
        yield invalid_argument("The parameter ConnectionTimeout must be between 1 and 10.")
    custom = origin.get("CustomOriginConfig")
    if custom:
        yield from _custom_origin_errors(custom)


def _custom_origin_errors(custom: dict[str, Any]) -> Iterator[CloudFrontError]:
    if not 1 <= custom["OriginReadTimeout"] <= 120:
        yield CloudFrontError("InvalidOriginReadTimeout", "The read timeout must be between 1 and 120 seconds.")
    if not 1 <= custom["OriginKeepaliveTimeout"] <= 120:
        yield CloudFrontError(
            "InvalidOriginKeepaliveTimeout", "The keep alive timeout must be between 1 and 120 seconds."
        )
    for name in ("HTTPPort", "HTTPSPort"):
        if custom[name] not in (80, 443) and not 1024 <= custom[name] <= 65535:
            yield invalid_argument(f"The parameter {name} must be 80, 443, or between 1024 and 65535.")


def _is_address(domain: str) -> bool:
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        return False
    return True


def _behavior_errors(config: dict[str, Any]) -> Iterator[CloudFrontError]:
    targets = {target["Id"] for name in ("Origins", "OriginGroups") for target in items(config[name])}
    patterns = [behavior["PathPattern"] for behavior in items(config["CacheBehaviors"])]
    if len(patterns) != len(set(patterns)):
        yield invalid_argument("The parameter PathPattern contains duplicates.")
    for behavior in behaviors(config):
        if behavior["TargetOriginId"] not in targets:
            yield CloudFrontError("NoSuchOrigin", "One or more of your origins or origin groups do not exist.")
        allowed, cached = (
            set(behavior["AllowedMethods"]["Items"]),
            set(behavior["AllowedMethods"]["CachedMethods"]["Items"]),
        )
        if allowed not in _METHOD_SETS or cached not in _METHOD_SETS[:2] or not cached <= allowed:
            yield invalid_argument("The parameter Allowed methods is not a set of methods that CloudFront supports.")
        yield from _cache_errors(behavior)
        events = [association["EventType"] for association in items(behavior["FunctionAssociations"])]
        if len(events) != len(set(events)) or not set(events) <= {"viewer-request", "viewer-response"}:
            yield CloudFrontError("InvalidFunctionAssociation", "A CloudFront function association is invalid.")


def _cache_errors(behavior: dict[str, Any]) -> Iterator[CloudFrontError]:
    legacy = {"ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL"} & set(behavior)
    if behavior.get("CachePolicyId"):
        if legacy:
            yield invalid_argument(
                f"The parameter {min(legacy)} cannot be used when a cache policy is associated to the cache behavior."
            )
        return
    if "ForwardedValues" not in behavior:
        yield invalid_argument("The parameter ForwardedValues or CachePolicyId is required.")
    if behavior.get("OriginRequestPolicyId"):
        yield invalid_argument("The parameter OriginRequestPolicyId requires a cache policy.")
    if not behavior.get("MinTTL", 0) <= behavior.get("DefaultTTL", 0) <= behavior.get("MaxTTL", 0):
        yield CloudFrontError("InvalidTTLOrder", "The TTL order specified is not valid.")


def _certificate_errors(config: dict[str, Any]) -> Iterator[CloudFrontError]:
    certificate = config["ViewerCertificate"]
    if certificate["CloudFrontDefaultCertificate"]:
        if aliases(config):
            yield CloudFrontError(
                "InvalidViewerCertificate",
                "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted "
                "certificate that validates your authorization to use the domain name.",
            )
        return
    if not certificate.get("SSLSupportMethod"):
        yield invalid_argument("The parameter SSLSupportMethod is required.")
    arn = certificate.get("ACMCertificateArn") or ""
    if arn and arn.split(":")[3] != "us-east-1":
        yield CloudFrontError(
            "InvalidViewerCertificate",
            "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, "
            "or doesn't include a valid certificate chain.",
        )


def _error_response_errors(error: dict[str, Any]) -> Iterator[CloudFrontError]:
    if error["ErrorCode"] not in _ERROR_CODES:
        yield CloudFrontError("InvalidErrorCode", "An invalid error code was specified.")
    page, code = error["ResponsePagePath"], error["ResponseCode"]
    if bool(page) != bool(code):
        yield CloudFrontError(
            "InvalidResponseCode", "A response code and a response page path must be specified together."
        )
    if page and not page.startswith("/"):
        yield CloudFrontError("InvalidResponseCode", "The response page path must begin with a slash.")
