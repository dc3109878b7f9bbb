#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: acm_certificate_request
version_added: 0.2.0
short_description: Request a public certificate of AWS Certificate Manager, validated by DNS
description:
  - Requests a public certificate that AWS issues and renews by itself, and tells the DNS records that validate it. Make
    these, for example with M(slipway.aws.route53_records), and keep them; every renewal looks at them.
  - The certificate is found again by its domain name and its tag C(Name). One request makes one certificate, also when
    a run was interrupted. A request that failed, or that timed out because the records could not be found for 72
    hours, is deleted and made again.
  - A certificate cannot be changed. If O(subject_alternative_names) or O(key_algorithm) differ, another one is
    requested; the earlier one stays, because something may use it, and RV(superseded) names it.
  - Certificates that were imported or that others requested (without that tag) are never touched.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  domain_name:
    description:
      - The first name of the certificate, at most 64 characters. Its first part may be V(*).
    type: str
    required: true
  name:
    description:
      - Value of the tag C(Name), by which the certificate is found again among those of the same domain name.
      - O(domain_name) if not set.
    type: str
  state:
    description:
      - V(present) requests the certificate if there is none.
      - V(absent) deletes it, and those that it superseded. What is in use cannot be deleted; with O(wait=true) it is
        waited for until nothing uses it.
    type: str
    choices: [present, absent]
    default: present
  subject_alternative_names:
    description:
      - Further names of the certificate.
    type: list
    elements: str
    default: []
  key_algorithm:
    description:
      - Kind of the certificate's key. CloudFront takes V(RSA_2048), V(RSA_3072), V(RSA_4096) and V(EC_prime256v1).
    type: str
    choices: [RSA_2048, RSA_3072, RSA_4096, EC_prime256v1, EC_secp384r1, EC_secp521r1]
    default: RSA_2048
  tags:
    description:
      - Tags of the certificate, beside C(Name). If not set, tags are left alone.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether to remove tags that are not in O(tags), if that is set.
    type: bool
    default: true
  wait:
    description:
      - Whether to wait until the certificate is issued. Make the validation records before; without them this waits in
        vain.
      - There is nothing to wait for in check mode.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long to wait, in seconds. With the records in place Amazon usually needs a few minutes.
    type: int
    default: 600
  fail_on_timeout:
    description:
      - Whether it is an error if the certificate is not issued when O(wait_timeout) is over. With V(false) the status
        tells it. A certificate that never will be issued is an error in any case.
    type: bool
    default: true
notes:
  - A certificate belongs to a region. CloudFront only takes those of V(us-east-1).
  - AWS limits how many certificates an account requests in a year; deleting one does not give it back.
seealso:
  - module: slipway.aws.route53_records
  - module: slipway.aws.cloudfront_site
  - module: community.aws.acm_certificate
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Request a certificate for a distribution
  slipway.aws.acm_certificate_request:
    domain_name: shop.example.com
    region: us-east-1
  register: shop

- name: Make the records that validate it
  slipway.aws.route53_records:
    zone: example.com
    records: "{{ shop.certificate.validation_records }}"

- name: Wait until it is issued
  slipway.aws.acm_certificate_request:
    domain_name: shop.example.com
    region: us-east-1
    wait: true

- name: A domain with all that is below it, with an elliptic key
  slipway.aws.acm_certificate_request:
    name: shop-production
    domain_name: example.com
    subject_alternative_names:
      - "*.example.com"
    key_algorithm: EC_prime256v1
    region: us-east-1
    tags:
      Project: shop
"""

RETURN = r"""
certificate:
  description:
    - The certificate; empty if there is none.
    - In check mode, what AWS would decide is V((known after apply\)).
  returned: always
  type: dict
  contains:
    arn:
      description: ARN, by which services refer to it.
      returned: when present
      type: str
      sample: arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012
    name:
      description: Value of its tag C(Name).
      returned: when present
      type: str
      sample: shop.example.com
    domain_name:
      description: Its first name.
      returned: when present
      type: str
      sample: shop.example.com
    subject_alternative_names:
      description: Its further names.
      returned: when present
      type: list
      elements: str
      sample: [www.shop.example.com]
    key_algorithm:
      description: Kind of its key.
      returned: when present
      type: str
      sample: RSA_2048
    status:
      description: What AWS says of it, V(PENDING_VALIDATION), V(ISSUED), V(FAILED) or another.
      returned: when present
      type: str
      sample: PENDING_VALIDATION
    failure_reason:
      description: Why the request failed; not set if it did not.
      returned: when present
      type: str
      sample: CAA_ERROR
    validation_records:
      description:
        - The DNS records that validate the certificate, each once (a domain and its wildcard share one).
        - As M(slipway.aws.route53_records) takes them.
      returned: when present
      type: list
      elements: dict
      sample:
        - name: _0123456789abcdef0123456789abcdef.shop.example.com.
          type: CNAME
          value: _fedcba9876543210fedcba9876543210.abcdefghij.acm-validations.aws.
    in_use_by:
      description: ARNs of what uses it.
      returned: when present
      type: list
      elements: str
      sample: []
    not_after:
      description: When it ends, if it is issued. AWS renews it before.
      returned: when present
      type: str
      sample: "2027-01-31T23:59:59+00:00"
    tags:
      description: Its tags.
      returned: when present
      type: dict
      sample:
        Name: shop.example.com
superseded:
  description: ARNs of certificates of the same name and domain name that are not what is asked for.
  returned: always
  type: list
  elements: str
  sample: []
"""

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._acm import api
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import ISSUED
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import PENDING
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import build_request
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import certificate_problems
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import choose
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import desired_certificate
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import failure_message
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import may_be_ours
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import normalise_certificate
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import pending_message
from ansible_collections.slipway.aws.plugins.module_utils._acm.compare import planned_certificate
from ansible_collections.slipway.aws.plugins.module_utils._acm.waiters import wait_for_validation_records
from ansible_collections.slipway.aws.plugins.module_utils._acm.waiters import wait_until_issued
from ansible_collections.slipway.aws.plugins.module_utils._acm.waiters import wait_until_unused
from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from typing import Any


def read_certificate(client: Any, arn: str) -> dict[str, Any] | None:
    description = api.describe_certificate(client, arn)
    if description is None:
        return None
    return normalise_certificate(description, api.get_tags(client, arn))


def find_certificates(client: Any, name: str, domain_name: str) -> list[dict[str, Any]]:
    """Those with this tag Name and this domain name."""
    candidates = [item for item in api.list_certificates(client) if may_be_ours(item, domain_name)]

    def read(arn: str) -> Any:
        return lambda: read_certificate(client, arn)

    found = gather(**{item["CertificateArn"]: read(item["CertificateArn"]) for item in candidates})
    return [item for item in found.values() if item and item["name"] == name]


def read_with_records(client: Any, arn: str) -> dict[str, Any]:
    """A certificate with its validation records, which AWS tells some seconds after it was requested."""
    certificate = read_certificate(client, arn)
    if certificate is None or (certificate["status"] == PENDING and not certificate["validation_records"]):
        wait_for_validation_records(client, arn)
        certificate = read_certificate(client, arn)
    if certificate is None:
        raise api.AnsibleACMError(message=f"The certificate {arn} was deleted by somebody else. Run again")
    return certificate


def ensure_present(
    client: Any, params: dict[str, Any], desired: dict[str, Any], found: list[dict[str, Any]], check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    current, failed, _superseded = choose(found, desired)
    changed = current is None or bool(failed)
    tags_to_set: dict[str, str] = {}
    tags_to_remove: list[str] = []
    if current is not None and desired["tags"] is not None:
        tags_to_set, tags_to_remove = compare_aws_tags(current["tags"], desired["tags"], params["purge_tags"])
        changed = changed or bool(tags_to_set or tags_to_remove)
    if check_mode:
        if current is None:
            return True, planned_certificate(desired)
        kept = {key: value for key, value in current["tags"].items() if key not in tags_to_remove}
        return changed, {**current, "tags": {**kept, **tags_to_set}}
    if current is None:
        arn = api.request_certificate(client, build_request(desired, failed))
    else:
        arn = current["arn"]
        api.remove_tags(client, arn, tags_to_remove)
        api.add_tags(client, arn, tags_to_set)
    # After the request: its token is made of them.
    for item in failed:
        api.delete_certificate(client, item["arn"])
    return changed, read_with_records(client, arn)


def ensure_issued(client: Any, certificate: dict[str, Any], timeout: int, fail_on_timeout: bool) -> dict[str, Any]:
    wait_until_issued(client, certificate["arn"], timeout)
    certificate = read_with_records(client, certificate["arn"])
    if certificate["status"] == ISSUED or (certificate["status"] == PENDING and not fail_on_timeout):
        return certificate
    message = (
        pending_message(certificate, timeout) if certificate["status"] == PENDING else failure_message(certificate)
    )
    raise api.AnsibleACMError(message=message)


def ensure_absent(client: Any, found: list[dict[str, Any]], wait_timeout: int | None, check_mode: bool) -> bool:
    if not check_mode:
        for item in found:
            if item["in_use_by"] and wait_timeout is not None:
                wait_until_unused(client, item["arn"], wait_timeout)
            api.delete_certificate(client, item["arn"])
    return bool(found)


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    desired = desired_certificate(params)
    problems = certificate_problems(desired)
    if problems:
        raise api.AnsibleACMError(message=f"Nothing was changed. {'. '.join(problems)}")
    client = module.client("acm")
    found = find_certificates(client, desired["name"], desired["domain_name"])
    before, _failed, superseded = choose(found, desired)
    if params["state"] == "absent":
        wait_timeout = params["wait_timeout"] if params["wait"] else None
        changed = ensure_absent(client, found, wait_timeout, module.check_mode)
        first = before or (found[0] if found else None)
        result = module_result("certificate", changed, first, None, module._diff)
        return {**result, "superseded": []}
    changed, after = ensure_present(client, params, desired, found, module.check_mode)
    if params["wait"] and not module.check_mode:
        after = ensure_issued(client, after, params["wait_timeout"], params["fail_on_timeout"])
    result = module_result("certificate", changed, before, after, module._diff)
    return {**result, "superseded": sorted(item["arn"] for item in superseded)}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "domain_name": {"type": "str", "required": True},
            "name": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "subject_alternative_names": {"type": "list", "elements": "str", "default": []},
            "key_algorithm": {
                "type": "str",
                "choices": ["RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"],
                "default": "RSA_2048",
            },
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": 600},
            "fail_on_timeout": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
