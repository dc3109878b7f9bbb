# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The CloudFront of a lab: its resources, what may be done to them, and what the edge serves of them.
# Knows nothing of HTTP; api.py speaks for it to the world.

from __future__ import annotations

import datetime
import re
import secrets
import string
import threading
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import TypeVar

from slipway_lab.aws.cloudfront import config as configuration
from slipway_lab.aws.cloudfront import managed
from slipway_lab.aws.cloudfront.errors import CloudFrontError
from slipway_lab.aws.cloudfront.errors import check_version
from slipway_lab.aws.cloudfront.errors import invalid_argument

Tags = dict[str, str]
Resource = TypeVar("Resource", bound="_Owned")

# Quotas of the developer guide
_MAX_FUNCTION_BYTES = 10_240
_MAX_INVALIDATION_PATHS = 3000
_MAX_INVALIDATION_WILDCARDS = 15


@dataclass
class _Owned:
    id: str
    account: str


@dataclass
class AccessIdentity(_Owned):
    caller_reference: str
    comment: str
    canonical_id: str
    etag: str

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {self.id}"


@dataclass
class AccessControl(_Owned):
    config: dict[str, Any]
    etag: str


@dataclass
class FunctionVersion:
    """What a stage of a function holds."""

    config: dict[str, Any]
    code: bytes
    etag: str
    created: datetime.datetime
    modified: datetime.datetime


@dataclass
class Function(_Owned):  # its id is its name
    development: FunctionVersion
    live: FunctionVersion | None = None
    # What the edge runs: the live version, once it has reached the edge.
    deployed: FunctionVersion | None = None

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudfront::{self.account}:function/{self.id}"

    def version(self, stage: str | None) -> FunctionVersion:
        version = self.live if stage == "LIVE" else self.development
        if version is None:
            raise _no_such_function()
        return version


@dataclass
class Invalidation:
    id: str
    caller_reference: str
    paths: list[str]
    created: datetime.datetime
    status: str = "InProgress"


@dataclass
class Distribution(_Owned):
    domain_name: str
    config: dict[str, Any]
    etag: str
    modified: datetime.datetime
    # Changes are numbered, for a deployment that ends must not undo a later one.
    change: int = 0
    deployed_change: int = -1
    deployed_config: dict[str, Any] | None = None  # what the edge serves; None: not there yet
    invalidations: dict[str, Invalidation] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudfront::{self.account}:distribution/{self.id}"

    @property
    def status(self) -> str:
        return "Deployed" if self.deployed_change == self.change else "InProgress"

    @property
    def invalidations_in_progress(self) -> list[Invalidation]:
        return [invalidation for invalidation in self.invalidations.values() if invalidation.status == "InProgress"]


@dataclass(frozen=True)
class Served:
    """A distribution as the edge knows it."""

    id: str
    arn: str
    account: str
    domain_name: str
    config: dict[str, Any]


class CloudFront:
    """delays and names are those of the lab; edge_address is where the distributions' names lead."""

    def __init__(self, delays: Any, names: Any, edge_address: str) -> None:
        self._delays = delays
        self._names = names
        self._edge_address = edge_address
        # Re-entrant: a delay of zero calls back at once.
        self._lock = threading.RLock()
        self.identities: dict[str, AccessIdentity] = {}
        self.controls: dict[str, AccessControl] = {}
        self.functions: dict[str, Function] = {}  # by ARN
        self.distributions: dict[str, Distribution] = {}
        self.tags: dict[str, Tags] = {}  # by ARN
        # Called with a distribution's id, and the paths that leave the caches (None: all, it was deleted).
        self.on_invalidation: list[Callable[[str, list[str] | None], None]] = []
        # Says whether an ACM certificate exists and which names it covers: (account, arn) -> names or None.
        self.certificate_names: Callable[[str, str], list[str] | None] = lambda _account, _arn: None

    # --- origin access identities

    def create_identity(self, account: str, caller_reference: str, comment: str) -> AccessIdentity:
        with self._lock:
            for identity in _of(account, self.identities):
                if identity.caller_reference == caller_reference:
                    if identity.comment == comment:
                        return identity
                    raise CloudFrontError(
                        "CloudFrontOriginAccessIdentityAlreadyExists",
                        "If the CallerReference is a value you already sent in a previous request to create an "
                        "identity, but the content of the CloudFrontOriginAccessIdentityConfig is different from "
                        "the original request, CloudFront returns this error.",
                    )
            identity = AccessIdentity(_new_id(), account, caller_reference, comment, secrets.token_hex(48), _new_etag())
            self.identities[identity.id] = identity
            return identity

    def identity(self, account: str, id: str) -> AccessIdentity:
        return _get(
            self.identities,
            account,
            id,
            "NoSuchCloudFrontOriginAccessIdentity",
            "The specified origin access identity does not exist.",
        )

    def update_identity(
        self, account: str, id: str, if_match: str | None, caller_reference: str, comment: str
    ) -> AccessIdentity:
        with self._lock:
            identity = self.identity(account, id)
            check_version(if_match, identity.etag)
            if caller_reference != identity.caller_reference:
                raise CloudFrontError("IllegalUpdate", "The update contains modifications that are not allowed.")
            identity.comment, identity.etag = comment, _new_etag()
            return identity

    def delete_identity(self, account: str, id: str, if_match: str | None) -> None:
        with self._lock:
            identity = self.identity(account, id)
            check_version(if_match, identity.etag)
            if any(id in configuration.access_identity_ids(config) for config in self._configs()):
                raise CloudFrontError(
                    "CloudFrontOriginAccessIdentityInUse", "The Origin Access Identity specified is already in use."
                )
            del self.identities[id]

    # --- origin access controls

    def create_control(self, account: str, config: dict[str, Any]) -> AccessControl:
        with self._lock:
            self._check_control(account, config, None)
            control = AccessControl(_new_id(), account, {"Description": "", **config}, _new_etag())
            self.controls[control.id] = control
            return control

    def control(self, account: str, id: str) -> AccessControl:
        return _get(
            self.controls,
            account,
            id,
            "NoSuchOriginAccessControl",
            "The specified origin access control does not exist.",
        )

    def update_control(self, account: str, id: str, if_match: str | None, config: dict[str, Any]) -> AccessControl:
        with self._lock:
            control = self.control(account, id)
            check_version(if_match, control.etag)
            self._check_control(account, config, id)
            control.config, control.etag = {"Description": "", **config}, _new_etag()
            return control

    def delete_control(self, account: str, id: str, if_match: str | None) -> None:
        with self._lock:
            control = self.control(account, id)
            check_version(if_match, control.etag)
            if any(id in configuration.access_control_ids(config) for config in self._configs()):
                raise CloudFrontError(
                    "OriginAccessControlInUse",
                    "Cannot delete the origin access control because it's in use by one or more distributions.",
                )
            del self.controls[id]

    def _check_control(self, account: str, config: dict[str, Any], id: str | None) -> None:
        choices = {
            "SigningProtocol": ("sigv4", "sigv4a"),
            "SigningBehavior": ("always", "never", "no-override"),
            "OriginAccessControlOriginType": ("s3", "mediastore", "lambda", "mediapackagev2"),
        }
        for name, values in choices.items():
            if config[name] not in values:
                raise invalid_argument(f"The parameter {name} must be one of {', '.join(values)}.")
        if not 1 <= len(config["Name"]) <= 64:
            raise invalid_argument("The parameter Name must have 1 to 64 characters.")
        for other in _of(account, self.controls):
            if other.config["Name"] == config["Name"] and other.id != id:
                raise CloudFrontError(
                    "OriginAccessControlAlreadyExists",
                    "An origin access control with the specified parameters already exists.",
                )

    # --- functions

    def create_function(
        self, account: str, name: str, config: dict[str, Any], code: bytes, tags: Tags | None = None
    ) -> Function:
        with self._lock:
            if not re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", name):
                raise invalid_argument("The parameter Name is not a valid function name.")
            _check_function(config, code)
            now = _now()
            function = Function(name, account, FunctionVersion(config, code, _new_etag(), now, now))
            if function.arn in self.functions:
                raise CloudFrontError(
                    "FunctionAlreadyExists",
                    "A function with the same name already exists in this AWS account. To create a function, you "
                    "must provide a unique name. To update an existing function, use UpdateFunction.",
                )
            self.functions[function.arn] = function
            self.tags[function.arn] = dict(tags or {})
            return function

    def function(self, account: str, name: str) -> Function:
        function = self.functions.get(f"arn:aws:cloudfront::{account}:function/{name}")
        if function is None:
            raise _no_such_function()
        return function

    def update_function(
        self, account: str, name: str, if_match: str | None, config: dict[str, Any], code: bytes
    ) -> Function:
        with self._lock:
            function = self.function(account, name)
            check_version(if_match, function.development.etag)
            _check_function(config, code)
            created = function.development.created
            function.development = FunctionVersion(config, code, _new_etag(), created, _now())
            return function

    def publish_function(self, account: str, name: str, if_match: str | None) -> Function:
        with self._lock:
            function = self.function(account, name)
            check_version(if_match, function.development.etag)
            version = function.development
            created = function.live.created if function.live else _now()
            live = FunctionVersion(version.config, version.code, version.etag, created, _now())
            function.live = live

            def arrived() -> None:
                if function.live is live:
                    function.deployed = live

            self._delays.after("function_publish", arrived)
            return function

    def delete_function(self, account: str, name: str, if_match: str | None) -> None:
        with self._lock:
            function = self.function(account, name)
            check_version(if_match, function.development.etag)
            if self._is_associated(function):
                raise CloudFrontError(
                    "FunctionInUse",
                    "Cannot delete the function because it's attached to one or more cache behaviors.",
                )
            del self.functions[function.arn]
            self.tags.pop(function.arn, None)

    def function_status(self, function: Function, stage: str | None) -> str:
        """The status of a function's stage, as CloudFront words it."""
        version = function.version(stage)
        if function.live is None or version.etag != function.live.etag:
            return "UNPUBLISHED"
        if function.deployed is not function.live:
            return "PUBLISHING"
        return "DEPLOYED" if self._is_associated(function) else "UNASSOCIATED"

    def _is_associated(self, function: Function) -> bool:
        return any(function.arn in configuration.function_arns(config) for config in self._configs())

    def function_at_edge(self, arn: str) -> FunctionVersion | None:
        function = self.functions.get(arn)
        return function.deployed if function else None

    # --- distributions

    def create_distribution(self, account: str, config: dict[str, Any], tags: Tags) -> Distribution:
        with self._lock:
            for other in _of(account, self.distributions):
                if other.config["CallerReference"] == config["CallerReference"]:
                    raise CloudFrontError(
                        "DistributionAlreadyExists",
                        "The caller reference that you are using to create a distribution is associated with "
                        f"another distribution. Already exists: {other.id}",
                    )
            config = configuration.accept(config)
            self._check_references(account, config, None)
            distribution = Distribution(_new_id(), account, _new_domain(), config, _new_etag(), _now())
            self.distributions[distribution.id] = distribution
            self.tags[distribution.arn] = dict(tags)
            self._names.publish(distribution.domain_name, self._edge_address)
            self._deploy(distribution)
            return distribution

    def distribution(self, account: str, id: str) -> Distribution:
        return _get(self.distributions, account, id, "NoSuchDistribution", "The specified distribution does not exist.")

    def update_distribution(self, account: str, id: str, if_match: str | None, config: dict[str, Any]) -> Distribution:
        with self._lock:
            distribution = self.distribution(account, id)
            check_version(if_match, distribution.etag)
            if config["CallerReference"] != distribution.config["CallerReference"]:
                raise CloudFrontError("IllegalUpdate", "The update contains modifications that are not allowed.")
            config = configuration.accept(config)
            self._check_references(account, config, id)
            distribution.config, distribution.etag = config, _new_etag()
            distribution.modified = _now()
            distribution.change += 1
            self._deploy(distribution)
            return distribution

    def delete_distribution(self, account: str, id: str, if_match: str | None) -> None:
        with self._lock:
            distribution = self.distribution(account, id)
            check_version(if_match, distribution.etag)
            if distribution.config["Enabled"] or distribution.status != "Deployed":
                raise CloudFrontError(
                    "DistributionNotDisabled", "The distribution you are trying to delete has not been disabled."
                )
            del self.distributions[id]
            self.tags.pop(distribution.arn, None)
            self._names.withdraw(distribution.domain_name)
        for listener in self.on_invalidation:
            listener(id, None)

    def served(self, host: str) -> Served | None:
        """The distribution that answers for a host name at the edge."""
        host = host.lower()
        wildcard = "*." + host.partition(".")[2]
        with self._lock:
            by_name = {
                name.lower(): distribution
                for distribution in self.distributions.values()
                if distribution.deployed_config is not None
                for name in (distribution.domain_name, *configuration.aliases(distribution.deployed_config))
            }
            # An alias in full wins over one with a wildcard.
            found = by_name.get(host) or by_name.get(wildcard)
            if found is None:
                return None
            return Served(found.id, found.arn, found.account, found.domain_name, found.deployed_config)

    def _deploy(self, distribution: Distribution) -> None:
        change, config = distribution.change, distribution.config

        def deployed() -> None:
            with self._lock:
                if change > distribution.deployed_change:
                    distribution.deployed_change, distribution.deployed_config = change, config

        self._delays.after("distribution_deploying", deployed)

    def _configs(self) -> Iterable[dict[str, Any]]:
        return [distribution.config for distribution in self.distributions.values()]

    def _check_references(self, account: str, config: dict[str, Any], id: str | None) -> None:
        """Refuse a configuration that names what does not exist, or what is somebody else's."""
        for origin in configuration.items(config["Origins"]):
            self._check_origin_access(account, origin)
        for behavior in configuration.behaviors(config):
            _check_policy(behavior, "CachePolicyId", managed.CACHE_POLICIES, "NoSuchCachePolicy")
            _check_policy(
                behavior, "OriginRequestPolicyId", managed.ORIGIN_REQUEST_POLICIES, "NoSuchOriginRequestPolicy"
            )
            _check_policy(
                behavior, "ResponseHeadersPolicyId", managed.RESPONSE_HEADERS_POLICIES, "NoSuchResponseHeadersPolicy"
            )
            if configuration.items(behavior["LambdaFunctionAssociations"]):
                raise CloudFrontError("InvalidLambdaFunctionAssociation", "The lab has no Lambda@Edge functions.")
        for arn in configuration.function_arns(config):
            function = self.functions.get(arn)
            if function is None or function.account != account or function.live is None:
                raise CloudFrontError(
                    "InvalidFunctionAssociation",
                    f"The function ARN {arn} does not name a function of this account that is published "
                    "to the LIVE stage.",
                )
        for origin in configuration.items(config["OriginGroups"]):
            raise invalid_argument(f"The lab has no origin groups ({origin['Id']}).")
        self._check_aliases(account, config, id)

    def _check_origin_access(self, account: str, origin: dict[str, Any]) -> None:
        identity_id = configuration.access_identity_id(origin)
        if identity_id:
            identity = self.identities.get(identity_id)
            if identity is None or identity.account != account:
                raise CloudFrontError(
                    "InvalidOriginAccessIdentity",
                    "The specified origin access identity does not exist or is not valid.",
                )
        control_id = origin["OriginAccessControlId"]
        if not control_id:
            return
        control = self.controls.get(control_id)
        is_bucket = configuration.bucket_of(origin["DomainName"]) is not None
        if (
            control is None
            or control.account != account
            or is_bucket != (control.config["OriginAccessControlOriginType"] == "s3")
        ):
            raise CloudFrontError("InvalidOriginAccessControl", "The origin access control is not valid.")

    def _check_aliases(self, account: str, config: dict[str, Any], id: str | None) -> None:
        names = configuration.aliases(config)
        for other in self.distributions.values():
            if other.id != id and set(names) & set(configuration.aliases(other.config)):
                raise CloudFrontError(
                    "CNAMEAlreadyExists",
                    "One or more of the CNAMEs you provided are already associated with a different resource.",
                )
        arn = config["ViewerCertificate"].get("ACMCertificateArn")
        if not arn:
            return
        covered = self.certificate_names(account, arn)
        if covered is None:
            raise CloudFrontError(
                "InvalidViewerCertificate",
                "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, "
                "or doesn't include a valid certificate chain.",
            )
        for name in names:
            if name not in covered and "*." + name.partition(".")[2] not in covered:
                raise CloudFrontError(
                    "InvalidViewerCertificate",
                    "The certificate that is attached to your distribution doesn't cover the alternate domain name "
                    f"(CNAME) that you're trying to add: {name}",
                )

    # --- invalidations

    def create_invalidation(
        self, account: str, distribution_id: str, caller_reference: str, paths: list[str]
    ) -> Invalidation:
        with self._lock:
            distribution = self.distribution(account, distribution_id)
            for earlier in distribution.invalidations.values():
                if earlier.caller_reference == caller_reference:
                    if sorted(earlier.paths) == sorted(paths):
                        return earlier
                    raise CloudFrontError(
                        "InvalidArgument",
                        "Your request contains a caller reference that was used for a previous invalidation batch "
                        "for the same distribution.",
                    )
            _check_paths(paths, distribution)
            invalidation = Invalidation("I" + _random(13), caller_reference, paths, _now())
            distribution.invalidations[invalidation.id] = invalidation

        def completed() -> None:
            for listener in self.on_invalidation:
                listener(distribution_id, paths)
            invalidation.status = "Completed"

        self._delays.after("invalidation", completed)
        return invalidation

    def invalidation(self, account: str, distribution_id: str, id: str) -> Invalidation:
        invalidations = self.distribution(account, distribution_id).invalidations
        if id not in invalidations:
            raise CloudFrontError("NoSuchInvalidation", "The specified invalidation does not exist.")
        return invalidations[id]

    # --- tags

    def tags_of(self, account: str, arn: str) -> Tags:
        if arn not in self.tags or f"::{account}:" not in arn:
            raise CloudFrontError("NoSuchResource", "The specified resource does not exist.")
        return self.tags[arn]

    def tag(self, account: str, arn: str, tags: Tags) -> None:
        with self._lock:
            self.tags_of(account, arn).update(tags)

    def untag(self, account: str, arn: str, keys: Iterable[str]) -> None:
        with self._lock:
            tags = self.tags_of(account, arn)
            for key in keys:
                tags.pop(key, None)


def _of(account: str, resources: dict[str, Resource]) -> list[Resource]:
    return [resource for resource in resources.values() if resource.account == account]


def _get(resources: dict[str, Resource], account: str, id: str, code: str, message: str) -> Resource:
    resource = resources.get(id)
    if resource is None or resource.account != account:
        raise CloudFrontError(code, message)
    return resource


def _no_such_function() -> CloudFrontError:
    return CloudFrontError("NoSuchFunctionExists", "The specified function does not exist.")


def _check_policy(behavior: dict[str, Any], name: str, known: dict[str, Any], code: str) -> None:
    if behavior.get(name) and behavior[name] not in known:
        raise CloudFrontError(code, f"The {name} {behavior[name]} does not exist; the lab has AWS's managed policies.")


def _check_function(config: dict[str, Any], code: bytes) -> None:
    if config.get("Runtime") not in ("cloudfront-js-1.0", "cloudfront-js-2.0"):
        raise invalid_argument("The parameter Runtime must be cloudfront-js-1.0 or cloudfront-js-2.0.")
    if not code:
        raise invalid_argument("The parameter FunctionCode must not be empty.")
    if len(code) > _MAX_FUNCTION_BYTES:
        raise CloudFrontError("FunctionSizeLimitExceeded", "The function is too large. The maximum is 10 KB.")
    if configuration.items(config.get("KeyValueStoreAssociations")):
        raise CloudFrontError("UnsupportedOperation", "The lab's functions have no key value stores.")


def _check_paths(paths: list[str], distribution: Distribution) -> None:
    if not paths:
        raise invalid_argument("Your request contains no invalidation paths.")
    for path in paths:
        if not path.startswith("/") or "*" in path[:-1] or len(path) > 4000 or re.search(r"[\s\"<>\\^`{|}]", path):
            raise invalid_argument("Your request contains one or more invalid invalidation paths.")
    running = [path for other in distribution.invalidations_in_progress for path in other.paths] + paths
    wildcards = [path for path in running if path.endswith("*")]
    if len(running) > _MAX_INVALIDATION_PATHS or len(wildcards) > _MAX_INVALIDATION_WILDCARDS:
        raise CloudFrontError(
            "TooManyInvalidationsInProgress", "You have exceeded the maximum number of invalidations in progress."
        )


def _random(length: int, alphabet: str = string.ascii_uppercase + string.digits) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _new_id() -> str:
    return "E" + _random(13)


def _new_etag() -> str:
    return "E" + _random(12)


def _new_domain() -> str:
    return f"d{_random(13, string.ascii_lowercase + string.digits)}.cloudfront.net"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
