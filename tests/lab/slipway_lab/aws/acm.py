# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Certificate Manager: a certificate is issued when its validation records stand in the public DNS, and refused by CAA
# records of the domain; what is in use cannot be deleted; the key is of the kind that was asked for.

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from moto.acm.exceptions import AWSValidationException
from moto.acm.models import AWSCertificateManagerBackend
from moto.acm.models import CertBundle
from moto.acm.models import acm_backends
from moto.acm.responses import AWSCertificateManagerResponse
from moto.core.exceptions import AWSError

from slipway_lab import context
from slipway_lab import zones
from slipway_lab.aws import cloudfront
from slipway_lab.aws.patching import wraps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from moto.core.responses import ActionResult

    from slipway_lab.context import Lab

REQUESTED = "AMAZON_ISSUED"
PENDING = "PENDING_VALIDATION"
KEY_ALGORITHMS = ("RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1")
# Without a filter the list has only these.
LISTED_BY_DEFAULT = ("RSA_1024", "RSA_2048")
# https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html
AMAZON = {"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"}


def install(lab: Lab) -> None:
    _install_requests(lab)
    _install_answers()
    lab.public_dns.on_change.append(lambda: _follow(lab))


def names_of(bundle: CertBundle) -> list[str]:
    """All names, the first one first."""
    first = bundle.common_name
    return [first, *sorted(set(bundle.sans) - {first})]


def validation_record(account: str, domain: str) -> dict[str, str]:
    """The same for a domain and its wildcard, and for every certificate of the account."""
    base = domain.removeprefix("*.").lower()
    name, value = (hashlib.md5(f"{part} {account} {base}".encode()).hexdigest() for part in ("name", "value"))
    return {"Name": f"_{name}.{base}.", "Type": "CNAME", "Value": f"_{value}.jkddzztszm.acm-validations.aws."}


# --- requests, and what becomes of them ---------------------------------------------------------------------------


def _install_requests(lab: Lab) -> None:
    @wraps(AWSCertificateManagerResponse, "request_certificate")
    def request_certificate(original: Any, self: Any) -> ActionResult:
        algorithm = self._get_param("KeyAlgorithm") or "RSA_2048"
        if algorithm not in KEY_ALGORITHMS:
            raise AWSValidationException(
                f"Key algorithm {algorithm} is not one that certificates can be requested with"
            )
        if self._get_param("ValidationMethod") != "DNS":
            raise AWSValidationException("The lab validates by DNS only.")
        there = set(self.acm_backend._certificates)
        answer = original()
        arn = answer.result["CertificateArn"]
        if arn not in there:
            bundle = self.acm_backend._certificates[arn]
            bundle.requested_algorithm = algorithm
            bundle.records_told = False
            lab.delays.after("certificate_records", lambda: setattr(bundle, "records_told", True))
            _examine(lab, bundle)
        return answer

    @wraps(AWSCertificateManagerBackend, "_get_arn_from_idempotency_token")
    def get_arn(original: Any, self: Any, token: str) -> str | None:
        arn = original(token)
        return arn if arn in self._certificates else None

    @wraps(CertBundle, "check")
    def check(original: Any, self: Any) -> None:
        # Nothing happens by being asked for.
        return None

    @wraps(AWSCertificateManagerBackend, "delete_certificate")
    def delete_certificate(original: Any, self: Any, arn: str) -> None:
        if arn in self._certificates and list(users_of(arn)):
            raise AWSError(
                f"Certificate {arn} in account {self.account_id} is in use.", exception_type="ResourceInUseException"
            )
        original(arn)


def _follow(lab: Lab) -> None:
    for backend in list(acm_backends[lab.account_id].values()):
        for bundle in list(backend._certificates.values()):
            _examine(lab, bundle)


def _examine(lab: Lab, bundle: CertBundle) -> None:
    """See what the public DNS says of the names of a certificate that waits."""
    if bundle.type != REQUESTED or bundle.status != PENDING or getattr(bundle, "examined", False):
        return
    if not all(_is_validated(lab, name) for name in names_of(bundle)):
        return
    bundle.examined = True
    refused = any(_is_refused(lab, name) for name in names_of(bundle))

    def done() -> None:
        bundle.status = "FAILED" if refused else "ISSUED"
        bundle.failure_reason = "CAA_ERROR" if refused else None

    lab.delays.after("certificate_validation", done)


def _is_validated(lab: Lab, name: str) -> bool:
    record = validation_record(lab.account_id, name)
    answer = lab.public_dns.look_up(record["Name"], "CNAME")
    found = [value for _, record_type, _, value in answer.records if record_type == "CNAME"] if answer else []
    return zones.normalised(record["Value"]) in map(zones.normalised, found)


def _is_refused(lab: Lab, name: str) -> bool:
    """Whether CAA records keep Amazon from issuing: those of the name, or of the closest domain above it."""
    wildcard, labels = name.startswith("*."), name.removeprefix("*.").split(".")
    for start in range(len(labels)):
        answer = lab.public_dns.look_up(".".join(labels[start:]), "CAA")
        if answer and answer.values:
            issuers = [value.replace('"', "").split(maxsplit=2)[1:] for value in answer.values]
            tags = {tag for tag, _ in issuers}
            tag = "issuewild" if wildcard and "issuewild" in tags else "issue"
            allowed = {issuer.split(";")[0].strip() for kind, issuer in issuers if kind == tag}
            return tag in tags and not allowed & AMAZON
    return False


def users_of(arn: str) -> Iterator[str]:
    """The ARNs of what uses a certificate."""
    for distribution in list(cloudfront.service().distributions.values()):
        for config in (distribution.config, distribution.deployed_config or distribution.config):
            if config["ViewerCertificate"].get("ACMCertificateArn") == arn:
                yield distribution.arn
                break


# --- answers -----------------------------------------------------------------------------------------------------


def _install_answers() -> None:
    @wraps(CertBundle, "describe")
    def describe(original: Any, self: Any) -> dict[str, Any]:
        answer = original()
        certificate = answer["Certificate"]
        certificate["InUseBy"] = [*self.in_use_by, *users_of(self.arn)]
        if self.type != REQUESTED:
            return answer
        issued = self.status == "ISSUED"
        certificate["KeyAlgorithm"] = getattr(self, "requested_algorithm", "RSA_2048").replace("_", "-", 1)
        certificate["SubjectAlternativeNames"] = names_of(self)
        certificate["DomainValidationOptions"] = [_option(self, name) for name in names_of(self)]
        if getattr(self, "failure_reason", None):
            certificate["FailureReason"] = self.failure_reason
        if not issued:
            for key in ("IssuedAt", "NotBefore", "NotAfter", "Serial", "Issuer"):
                certificate.pop(key, None)
        certificate["RenewalEligibility"] = "ELIGIBLE" if issued and certificate["InUseBy"] else "INELIGIBLE"
        return answer

    def _option(bundle: CertBundle, name: str) -> dict[str, Any]:
        option: dict[str, Any] = {
            "DomainName": name,
            "ValidationDomain": name,
            "ValidationMethod": "DNS",
            "ValidationStatus": "SUCCESS" if bundle.status == "ISSUED" else bundle.status,
        }
        if getattr(bundle, "records_told", True):
            option["ResourceRecord"] = validation_record(context.current().account_id, name)
        return option

    @wraps(AWSCertificateManagerBackend, "list_certificates")
    def list_certificates(original: Any, self: Any, statuses: Any, includes: Any) -> Iterator[CertBundle]:
        wanted = (includes or {}).get("keyTypes") or LISTED_BY_DEFAULT
        others = {key: value for key, value in (includes or {}).items() if key != "keyTypes"}
        for bundle in list(original(statuses, others)):
            algorithm = bundle.describe()["Certificate"]["KeyAlgorithm"].replace("-", "_", 1)
            if algorithm in wanted:
                yield bundle
