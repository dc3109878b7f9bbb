# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# CloudFront's API in front of the lab's service: each method is the operation of the same name. The emulator
# parses requests and renders answers by the service model, so both are plain dicts in the model's words.

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

from moto.cloudfront.exceptions import CloudFrontException
from moto.core.responses import ActionResult
from moto.core.responses import BaseResponse
from moto.core.responses import EmptyResult

from slipway_lab.aws.cloudfront import config as configuration
from slipway_lab.aws.cloudfront import managed
from slipway_lab.aws.cloudfront.errors import CloudFrontError
from slipway_lab.aws.cloudfront.errors import invalid_argument

if TYPE_CHECKING:
    from slipway_lab.aws.cloudfront.service import AccessControl
    from slipway_lab.aws.cloudfront.service import AccessIdentity
    from slipway_lab.aws.cloudfront.service import CloudFront
    from slipway_lab.aws.cloudfront.service import Distribution
    from slipway_lab.aws.cloudfront.service import Function
    from slipway_lab.aws.cloudfront.service import Invalidation

_ROOT = "https://cloudfront.amazonaws.com/2020-05-31"
_IDENTITY = "CloudFrontOriginAccessIdentity"
# What a list tells of a distribution's configuration.
_SUMMARY = (
    "Aliases",
    "Origins",
    "OriginGroups",
    "DefaultCacheBehavior",
    "CacheBehaviors",
    "CustomErrorResponses",
    "Comment",
    "PriceClass",
    "Enabled",
    "ViewerCertificate",
    "Restrictions",
    "WebACLId",
    "HttpVersion",
    "IsIPV6Enabled",
    "Staging",
)


class Api(BaseResponse):
    # Set when the lab installs it: the service, and what runs a function's code (code, event) -> edge's outcome.
    service: CloudFront
    run_function: Callable[[bytes, dict[str, Any]], Any]

    def __init__(self) -> None:
        super().__init__(service_name="cloudfront")
        self.automated_parameter_parsing = True

    def _get_action(self) -> str:
        """The operation; the model tells these apart only by what follows the path."""
        action = super()._get_action()
        if action == "CreateDistribution" and "WithTags" in self.querystring:
            return "CreateDistributionWithTags"
        if action is None and "Operation" in self.querystring:
            return {"Tag": "TagResource", "Untag": "UntagResource"}.get(self.querystring["Operation"][0], action)
        return action

    def call_action(self) -> Any:
        try:
            return super().call_action()
        except CloudFrontError as error:
            return self._refuse(error)
        except NotImplementedError:
            return self._refuse(
                CloudFrontError("UnsupportedOperation", f"The lab's CloudFront has no {self._get_action()}.")
            )

    def _refuse(self, error: CloudFrontError) -> Any:
        status, headers, body = self.serialized(ActionResult(CloudFrontException(error.code, error.message)))
        return int(status), headers, body

    @property
    def _account(self) -> str:
        return self.current_account

    # --- origin access identities

    def create_cloud_front_origin_access_identity(self) -> ActionResult:
        config = self._get_param(f"{_IDENTITY}Config")
        identity = self.service.create_identity(self._account, config["CallerReference"], config["Comment"])
        return _identity_result(identity)

    def get_cloud_front_origin_access_identity(self) -> ActionResult:
        return _identity_result(self.service.identity(self._account, self._get_param("Id")))

    def get_cloud_front_origin_access_identity_config(self) -> ActionResult:
        identity = self.service.identity(self._account, self._get_param("Id"))
        return ActionResult({f"{_IDENTITY}Config": _identity_config(identity), "ETag": identity.etag})

    def update_cloud_front_origin_access_identity(self) -> ActionResult:
        config = self._get_param(f"{_IDENTITY}Config")
        identity = self.service.update_identity(
            self._account,
            self._get_param("Id"),
            self._get_param("IfMatch"),
            config["CallerReference"],
            config["Comment"],
        )
        return _identity_result(identity)

    def delete_cloud_front_origin_access_identity(self) -> ActionResult:
        self.service.delete_identity(self._account, self._get_param("Id"), self._get_param("IfMatch"))
        return EmptyResult()

    def list_cloud_front_origin_access_identities(self) -> ActionResult:
        rows = [
            {"Id": identity.id, "S3CanonicalUserId": identity.canonical_id, "Comment": identity.comment}
            for identity in self._mine(self.service.identities)
        ]
        return ActionResult({f"{_IDENTITY}List": self._page(rows, "Id")})

    # --- origin access controls

    def create_origin_access_control(self) -> ActionResult:
        control = self.service.create_control(self._account, self._get_param("OriginAccessControlConfig"))
        return _control_result(control)

    def get_origin_access_control(self) -> ActionResult:
        return _control_result(self.service.control(self._account, self._get_param("Id")))

    def get_origin_access_control_config(self) -> ActionResult:
        control = self.service.control(self._account, self._get_param("Id"))
        return ActionResult({"OriginAccessControlConfig": control.config, "ETag": control.etag})

    def update_origin_access_control(self) -> ActionResult:
        control = self.service.update_control(
            self._account,
            self._get_param("Id"),
            self._get_param("IfMatch"),
            self._get_param("OriginAccessControlConfig"),
        )
        return _control_result(control)

    def delete_origin_access_control(self) -> ActionResult:
        self.service.delete_control(self._account, self._get_param("Id"), self._get_param("IfMatch"))
        return EmptyResult()

    def list_origin_access_controls(self) -> ActionResult:
        rows = [{"Id": control.id, **control.config} for control in self._mine(self.service.controls)]
        return ActionResult({"OriginAccessControlList": self._page(rows, "Id")})

    # --- functions

    def create_function(self) -> ActionResult:
        function = self.service.create_function(
            self._account,
            self._get_param("Name"),
            self._get_param("FunctionConfig"),
            self._get_param("FunctionCode") or b"",
            _tag_dict(self._get_param("Tags")),
        )
        return self._function_result(function, "DEVELOPMENT")

    def describe_function(self) -> ActionResult:
        function = self.service.function(self._account, self._get_param("Name"))
        return self._function_result(function, self._get_param("Stage"))

    def get_function(self) -> ActionResult:
        version = self.service.function(self._account, self._get_param("Name")).version(self._get_param("Stage"))
        return ActionResult(
            {"FunctionCode": version.code, "ETag": version.etag, "ContentType": "application/octet-stream"}
        )

    def update_function(self) -> ActionResult:
        function = self.service.update_function(
            self._account,
            self._get_param("Name"),
            self._get_param("IfMatch"),
            self._get_param("FunctionConfig"),
            self._get_param("FunctionCode") or b"",
        )
        return self._function_result(function, "DEVELOPMENT")

    def publish_function(self) -> ActionResult:
        function = self.service.publish_function(self._account, self._get_param("Name"), self._get_param("IfMatch"))
        return self._function_result(function, "LIVE")

    def delete_function(self) -> ActionResult:
        self.service.delete_function(self._account, self._get_param("Name"), self._get_param("IfMatch"))
        return EmptyResult()

    def list_functions(self) -> ActionResult:
        wanted = self._get_param("Stage")
        rows = [
            self._function_summary(function, stage)
            for function in self._mine(self.service.functions)
            for stage in ("DEVELOPMENT", "LIVE")
            if wanted in (None, stage) and (stage == "DEVELOPMENT" or function.live)
        ]
        return ActionResult({"FunctionList": self._page(rows, "Name")})

    def test_function(self) -> ActionResult:
        function = self.service.function(self._account, self._get_param("Name"))
        stage = self._get_param("Stage") or "DEVELOPMENT"
        version = function.version(stage)
        if self._get_param("IfMatch") != version.etag:
            raise CloudFrontError(
                "InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource."
            )
        outcome = type(self).run_function(version.code, self._get_param("EventObject"))
        return ActionResult(
            {
                "TestResult": {
                    "FunctionSummary": self._function_summary(function, stage),
                    "ComputeUtilization": str(outcome.compute_utilization),
                    "FunctionExecutionLogs": outcome.logs,
                    "FunctionErrorMessage": outcome.error,
                    "FunctionOutput": outcome.output,
                }
            }
        )

    def _function_result(self, function: Function, stage: str | None) -> ActionResult:
        return ActionResult(
            {
                "FunctionSummary": self._function_summary(function, stage),
                "Location": f"{_ROOT}/function/{function.id}",
                "ETag": function.version(stage).etag,
            }
        )

    def _function_summary(self, function: Function, stage: str | None) -> dict[str, Any]:
        version = function.version(stage)
        return {
            "Name": function.id,
            "Status": self.service.function_status(function, stage),
            "FunctionConfig": version.config,
            "FunctionMetadata": {
                "FunctionARN": function.arn,
                "Stage": stage or "DEVELOPMENT",
                "CreatedTime": version.created,
                "LastModifiedTime": version.modified,
            },
        }

    # --- distributions

    def create_distribution(self) -> ActionResult:
        return self._create_distribution(self._get_param("DistributionConfig"), None)

    def create_distribution_with_tags(self) -> ActionResult:
        both = self._get_param("DistributionConfigWithTags")
        return self._create_distribution(both["DistributionConfig"], both["Tags"])

    def _create_distribution(self, config: dict[str, Any], tags: dict[str, Any] | None) -> ActionResult:
        return _distribution_result(self.service.create_distribution(self._account, config, _tag_dict(tags)))

    def get_distribution(self) -> ActionResult:
        return _distribution_result(self.service.distribution(self._account, self._get_param("Id")))

    def get_distribution_config(self) -> ActionResult:
        distribution = self.service.distribution(self._account, self._get_param("Id"))
        return ActionResult({"DistributionConfig": distribution.config, "ETag": distribution.etag})

    def update_distribution(self) -> ActionResult:
        distribution = self.service.update_distribution(
            self._account,
            self._get_param("Id"),
            self._get_param("IfMatch"),
            self._get_param("DistributionConfig"),
        )
        return _distribution_result(distribution)

    def delete_distribution(self) -> ActionResult:
        self.service.delete_distribution(self._account, self._get_param("Id"), self._get_param("IfMatch"))
        return EmptyResult()

    def list_distributions(self) -> ActionResult:
        return self._distribution_list(lambda config: True)

    def list_distributions_by_web_acl_id(self) -> ActionResult:
        wanted = self._get_param("WebACLId")
        return self._distribution_list(lambda config: config["WebACLId"] == ("" if wanted == "null" else wanted))

    def _distribution_list(self, wanted: Callable[[dict[str, Any]], bool]) -> ActionResult:
        rows = [
            {
                "Id": distribution.id,
                "ARN": distribution.arn,
                "ETag": distribution.etag,
                "Status": distribution.status,
                "LastModifiedTime": distribution.modified,
                "DomainName": distribution.domain_name,
                "AliasICPRecordals": _recordals(distribution),
                **{name: distribution.config[name] for name in _SUMMARY},
            }
            for distribution in self._mine(self.service.distributions)
            if wanted(distribution.config)
        ]
        return ActionResult({"DistributionList": self._page(rows, "Id")})

    def list_streaming_distributions(self) -> ActionResult:
        # There can be none: AWS ended RTMP distributions, and the lab cannot create any.
        return ActionResult({"StreamingDistributionList": self._page([], "Id")})

    # --- invalidations

    def create_invalidation(self) -> ActionResult:
        batch = self._get_param("InvalidationBatch")
        paths = configuration.items(batch["Paths"])
        if batch["Paths"]["Quantity"] != len(paths):
            raise CloudFrontError("InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
        distribution_id = self._get_param("DistributionId")
        invalidation = self.service.create_invalidation(self._account, distribution_id, batch["CallerReference"], paths)
        return ActionResult(
            {
                "Invalidation": _invalidation(invalidation),
                "Location": f"{_ROOT}/distribution/{distribution_id}/invalidation/{invalidation.id}",
            }
        )

    def get_invalidation(self) -> ActionResult:
        invalidation = self.service.invalidation(
            self._account, self._get_param("DistributionId"), self._get_param("Id")
        )
        return ActionResult({"Invalidation": _invalidation(invalidation)})

    def list_invalidations(self) -> ActionResult:
        distribution = self.service.distribution(self._account, self._get_param("DistributionId"))
        newest_first = reversed(distribution.invalidations.values())
        rows = [{"Id": one.id, "CreateTime": one.created, "Status": one.status} for one in newest_first]
        return ActionResult({"InvalidationList": self._page(rows, "Id")})

    # --- policies: AWS's own; the lab stores no others

    def list_cache_policies(self) -> ActionResult:
        return self._policies("CachePolicy", managed.CACHE_POLICIES)

    def get_cache_policy(self) -> ActionResult:
        return self._policy("CachePolicy", managed.CACHE_POLICIES)

    def get_cache_policy_config(self) -> ActionResult:
        return self._policy("CachePolicy", managed.CACHE_POLICIES, config_only=True)

    def list_origin_request_policies(self) -> ActionResult:
        return self._policies("OriginRequestPolicy", managed.ORIGIN_REQUEST_POLICIES)

    def get_origin_request_policy(self) -> ActionResult:
        return self._policy("OriginRequestPolicy", managed.ORIGIN_REQUEST_POLICIES)

    def get_origin_request_policy_config(self) -> ActionResult:
        return self._policy("OriginRequestPolicy", managed.ORIGIN_REQUEST_POLICIES, config_only=True)

    def list_response_headers_policies(self) -> ActionResult:
        return self._policies("ResponseHeadersPolicy", managed.RESPONSE_HEADERS_POLICIES)

    def get_response_headers_policy(self) -> ActionResult:
        return self._policy("ResponseHeadersPolicy", managed.RESPONSE_HEADERS_POLICIES)

    def get_response_headers_policy_config(self) -> ActionResult:
        return self._policy("ResponseHeadersPolicy", managed.RESPONSE_HEADERS_POLICIES, config_only=True)

    def _policies(self, kind: str, policies: dict[str, Any]) -> ActionResult:
        wanted = self._get_param("Type")
        rows = [
            {"Type": "managed", kind: managed.described(kind, id, config)}
            for id, config in policies.items()
            if wanted in (None, "managed")
        ]
        page = self._page(rows, "Id")
        # These lists, unlike the others, do not say where they begin and whether they go on.
        return ActionResult({f"{kind}List": {k: v for k, v in page.items() if k not in ("Marker", "IsTruncated")}})

    def _policy(self, kind: str, policies: dict[str, Any], config_only: bool = False) -> ActionResult:
        id = self._get_param("Id")
        if id not in policies:
            raise CloudFrontError(f"NoSuch{kind}", f"The {kind} does not exist.")
        etag = f"E{id.replace('-', '')[:12].upper()}"
        if config_only:
            return ActionResult({f"{kind}Config": policies[id], "ETag": etag})
        return ActionResult({kind: managed.described(kind, id, policies[id]), "ETag": etag})

    # --- tags

    def list_tags_for_resource(self) -> ActionResult:
        tags = self.service.tags_of(self._account, self._get_param("Resource"))
        return ActionResult({"Tags": {"Items": [{"Key": key, "Value": value} for key, value in tags.items()]}})

    def tag_resource(self) -> ActionResult:
        self.service.tag(self._account, self._get_param("Resource"), _tag_dict(self._get_param("Tags")))
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        keys = (self._get_param("TagKeys") or {}).get("Items") or []
        self.service.untag(self._account, self._get_param("Resource"), keys)
        return EmptyResult()

    # --- helpers

    def _mine(self, resources: dict[str, Any]) -> list[Any]:
        return [resource for resource in list(resources.values()) if resource.account == self._account]

    def _page(self, rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
        """A page of a list: the rows after Marker, which is the key of the last one seen."""
        marker, size = self._get_param("Marker") or "", int(self._get_param("MaxItems") or 100)
        if not 1 <= size <= 1000:
            raise invalid_argument("The parameter MaxItems must be between 1 and 1000.")
        start = int(marker) if marker.isdecimal() else 0
        page = rows[start : start + size]
        truncated = start + size < len(rows)
        result = {"Marker": marker, "MaxItems": size, "IsTruncated": truncated, "Quantity": len(page)}
        if truncated:
            result["NextMarker"] = str(start + size)
        if page:
            result["Items"] = page
        return result


def _identity_config(identity: AccessIdentity) -> dict[str, Any]:
    return {"CallerReference": identity.caller_reference, "Comment": identity.comment}


def _identity_result(identity: AccessIdentity) -> ActionResult:
    return ActionResult(
        {
            _IDENTITY: {
                "Id": identity.id,
                "S3CanonicalUserId": identity.canonical_id,
                f"{_IDENTITY}Config": _identity_config(identity),
            },
            "Location": f"{_ROOT}/origin-access-identity/cloudfront/{identity.id}",
            "ETag": identity.etag,
        }
    )


def _control_result(control: AccessControl) -> ActionResult:
    return ActionResult(
        {
            "OriginAccessControl": {"Id": control.id, "OriginAccessControlConfig": control.config},
            "Location": f"{_ROOT}/origin-access-control/{control.id}",
            "ETag": control.etag,
        }
    )


def _distribution_result(distribution: Distribution) -> ActionResult:
    return ActionResult(
        {
            "Distribution": {
                "Id": distribution.id,
                "ARN": distribution.arn,
                "Status": distribution.status,
                "LastModifiedTime": distribution.modified,
                "InProgressInvalidationBatches": len(distribution.invalidations_in_progress),
                "DomainName": distribution.domain_name,
                "ActiveTrustedSigners": {"Enabled": False, "Quantity": 0},
                "ActiveTrustedKeyGroups": {"Enabled": False, "Quantity": 0},
                "DistributionConfig": distribution.config,
                "AliasICPRecordals": _recordals(distribution),
            },
            "Location": f"{_ROOT}/distribution/{distribution.id}",
            "ETag": distribution.etag,
        }
    )


def _recordals(distribution: Distribution) -> list[dict[str, str]] | None:
    names = configuration.aliases(distribution.config)
    return [{"CNAME": name, "ICPRecordalStatus": "APPROVED"} for name in names] or None


def _invalidation(invalidation: Invalidation) -> dict[str, Any]:
    return {
        "Id": invalidation.id,
        "Status": invalidation.status,
        "CreateTime": invalidation.created,
        "InvalidationBatch": {
            "CallerReference": invalidation.caller_reference,
            "Paths": {"Quantity": len(invalidation.paths), "Items": invalidation.paths},
        },
    }


def _tag_dict(tags: dict[str, Any] | None) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value") or "" for tag in (tags or {}).get("Items") or []}
