# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: which certificate is meant, what it lacks, and how it is told. Pure.

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

PENDING = "PENDING_VALIDATION"
ISSUED = "ISSUED"
# Requests that came to nothing: AWS never goes on with them, and nothing can use them.
NEVER_ISSUED = ("FAILED", "VALIDATION_TIMED_OUT")

NAME_TAG = "Name"

# https://docs.aws.amazon.com/acm/latest/userguide/troubleshooting-failed.html
REASONS = {
    "ADDITIONAL_VERIFICATION_REQUIRED": "AWS asks for more about this domain. Contact AWS Support, then run again",
    "CAA_ERROR": "A CAA record of the domain keeps Amazon from issuing. Add amazon.com to it, then run again",
    "DOMAIN_NOT_ALLOWED": "AWS does not issue for this domain (it may be on a list of unsafe ones). Use another name",
    "DOMAIN_VALIDATION_DENIED": "The owner of the domain refused. Ask them, then run again",
    "INVALID_PUBLIC_DOMAIN": "A name is not in a public top-level domain. Correct it, then run again",
    "NO_AVAILABLE_CONTACTS": "There is nobody to ask. Use DNS validation",
    "OTHER": "A name may be misspelt. Correct it, then run again",
    "VALIDATION_TIMED_OUT": (
        "The validation records could not be found in the public DNS for 72 hours. Make them, and see that the domain "
        "is delegated to the name servers of the zone that has them; then run again"
    ),
}


def normalise_names(domain_name: str, alternative_names: Iterable[str]) -> list[str]:
    """All names of a certificate, lower case, each once: the domain name first, the others sorted."""
    first = domain_name.rstrip(".").lower()
    return [first, *sorted({name.rstrip(".").lower() for name in alternative_names} - {first})]


def request_token(name: str, names: list[str], key_algorithm: str, failed: Iterable[str]) -> str:
    """The same for the same request, so that AWS makes one certificate of it; another once that one has failed.

    failed: ARNs of the certificates that came to nothing.
    """
    text = "\n".join([name, *names, key_algorithm, *sorted(failed)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def may_be_ours(summary: dict[str, Any], domain_name: str) -> bool:
    """Whether a member of the list is one whose tags are worth reading."""
    return summary.get("Type", "AMAZON_ISSUED") == "AMAZON_ISSUED" and summary["DomainName"].lower() == domain_name


def validation_records(description: dict[str, Any]) -> list[dict[str, str]]:
    """The DNS records that validate the certificate; a domain and its wildcard share one, which is told once."""
    records = {}
    for option in description.get("DomainValidationOptions") or []:
        record = option.get("ResourceRecord")
        if record:
            records[(record["Name"].lower(), record["Type"])] = {
                "name": record["Name"],
                "type": record["Type"],
                "value": record["Value"],
            }
    return [records[key] for key in sorted(records)]


def normalise_certificate(description: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    names = normalise_names(description["DomainName"], description.get("SubjectAlternativeNames") or [])
    return {
        "arn": description["CertificateArn"],
        "name": tags.get(NAME_TAG),
        "domain_name": names[0],
        "subject_alternative_names": names[1:],
        # The API says RSA-2048 where it is asked for RSA_2048.
        "key_algorithm": description["KeyAlgorithm"].replace("-", "_"),
        "status": description["Status"],
        "failure_reason": description.get("FailureReason")
        or ("VALIDATION_TIMED_OUT" if description["Status"] == "VALIDATION_TIMED_OUT" else None),
        "validation_records": validation_records(description),
        "in_use_by": sorted(description.get("InUseBy") or []),
        "not_after": description["NotAfter"].isoformat() if description.get("NotAfter") else None,
        "tags": tags,
    }


def desired_certificate(params: dict[str, Any]) -> dict[str, Any]:
    names = normalise_names(params["domain_name"], params["subject_alternative_names"])
    name = params["name"] or names[0]
    tags = params["tags"]
    return {
        "name": name,
        "domain_name": names[0],
        "subject_alternative_names": names[1:],
        "key_algorithm": params["key_algorithm"],
        # None leaves the other tags alone; by this one the certificate is found again.
        "tags": None if tags is None else {**tags, NAME_TAG: name},
    }


def certificate_problems(desired: dict[str, Any]) -> list[str]:
    """What AWS would refuse, in words that name the option."""
    problems = []
    names = [desired["domain_name"], *desired["subject_alternative_names"]]
    if len(desired["domain_name"]) > 64:
        problems.append(
            f"domain_name: {desired['domain_name']} is longer than the 64 characters of a common name. Give a shorter "
            "one here, and this one in subject_alternative_names"
        )
    for name in names:
        if is_unknown(name):
            continue
        labels = name.removeprefix("*.").split(".")
        if len(labels) < 2 or not all(labels) or "*" in name.removeprefix("*."):
            problems.append(
                f"{name} is not a domain name that a certificate can have. Write one like shop.example.com, or with * "
                "as its whole first part"
            )
    return problems


def is_same(certificate: dict[str, Any], desired: dict[str, Any]) -> bool:
    """Whether a certificate is what is asked for; neither its names nor its key can be changed."""
    keys = ("domain_name", "subject_alternative_names", "key_algorithm")
    return all(certificate[key] == desired[key] for key in keys)


def choose(
    certificates: list[dict[str, Any]], desired: dict[str, Any]
) -> tuple[dict[str, Any] | None, list[dict[str, Any]], list[dict[str, Any]]]:
    """The certificate that is asked for (an issued one before a pending one), those that came to nothing, and others.

    The others have other names or another kind of key, or are past their end; something may still use them.
    """
    failed = [item for item in certificates if item["status"] in NEVER_ISSUED]
    usable = [item for item in certificates if item["status"] in (ISSUED, PENDING) and is_same(item, desired)]
    usable.sort(key=lambda item: (item["status"] != ISSUED, item["arn"]))
    chosen = usable[0] if usable else None
    return chosen, failed, [item for item in certificates if item is not chosen and item not in failed]


def planned_certificate(desired: dict[str, Any]) -> dict[str, Any]:
    """What a request will make, as far as that can be known."""
    names = [desired["domain_name"], *desired["subject_alternative_names"]]
    bases = sorted({name.removeprefix("*.") for name in names})
    return {
        "arn": UNKNOWN,
        "name": desired["name"],
        "domain_name": desired["domain_name"],
        "subject_alternative_names": desired["subject_alternative_names"],
        "key_algorithm": desired["key_algorithm"],
        "status": UNKNOWN,
        "failure_reason": None,
        "validation_records": [{"name": f"{UNKNOWN}.{base}.", "type": "CNAME", "value": UNKNOWN} for base in bases],
        "in_use_by": [],
        "not_after": None,
        "tags": desired["tags"] or {NAME_TAG: desired["name"]},
    }


def build_request(desired: dict[str, Any], failed: list[dict[str, Any]]) -> dict[str, Any]:
    names = [desired["domain_name"], *desired["subject_alternative_names"]]
    tags = desired["tags"] or {NAME_TAG: desired["name"]}
    request: dict[str, Any] = {
        "DomainName": desired["domain_name"],
        "ValidationMethod": "DNS",
        "KeyAlgorithm": desired["key_algorithm"],
        "IdempotencyToken": request_token(
            desired["name"], names, desired["key_algorithm"], [item["arn"] for item in failed]
        ),
        "Tags": [{"Key": key, "Value": str(value)} for key, value in sorted(tags.items())],
    }
    if desired["subject_alternative_names"]:
        request["SubjectAlternativeNames"] = desired["subject_alternative_names"]
    return request


def failure_message(certificate: dict[str, Any]) -> str:
    """Why a certificate will never be issued, and what to do."""
    reason = certificate["failure_reason"]
    advice = REASONS.get(reason or "", "Run again to request another one")
    return f"The certificate for {certificate['domain_name']} ({certificate['arn']}) is {certificate['status']}" + (
        f", {reason}. {advice}." if reason and reason != certificate["status"] else f". {advice}."
    )


def pending_message(certificate: dict[str, Any], timeout: int) -> str:
    records = ", ".join(
        f"{record['name']} {record['type']} {record['value']}" for record in certificate["validation_records"]
    )
    return (
        f"The certificate for {certificate['domain_name']} ({certificate['arn']}) is not issued after {timeout} s. "
        f"Amazon must find these records in the public DNS: {records}. See that they are made, and that the domain is "
        "delegated to the name servers of the zone that has them; then run again, which goes on waiting"
    )
