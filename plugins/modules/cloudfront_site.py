#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_site
version_added: 0.1.0
short_description: Manage a CloudFront distribution
description:
  - Makes, changes, waits for and deletes a CloudFront distribution, such as that of a site whose files are in an S3
    bucket and whose API is on a host or a load balancer.
  - An option that is not set leaves what it is about as it is. So do the entries of O(origins) and O(behaviors) for the
    origins and behaviours that they do not name, unless O(purge_origins) or O(purge_behaviors) is set.
  - The configuration is compared by its meaning and written in a single update. When someone else changes the
    distribution at the same moment, the module reads it again and decides again.
  - In contrast to M(community.aws.cloudfront_distribution) it has a check mode, finds a distribution again by its name,
    and knows origin access controls, functions and managed policies.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the distribution. CloudFront has no names for distributions; this one is kept as the caller reference,
        which is unique in the account and cannot be changed, and as the tag C(Name).
    type: str
    required: true
  state:
    description:
      - With V(present), makes the distribution if it is missing, for which O(origins) and O(default_behavior) are
        needed,
        and brings it in line with the options. With O(name) alone, the module changes nothing and waits if
        O(wait=true).
      - With V(absent), disables the distribution, waits until that is so everywhere, and deletes it. With O(wait=false)
        it only does what is possible at once; call it again to finish.
    type: str
    choices: [present, absent]
    default: present
  comment:
    description: What the distribution is for, up to 128 characters.
    type: str
  enabled:
    description: Whether the distribution answers requests. V(true) for a new distribution.
    type: bool
  default_root_object:
    description: The object that a request for C(/) gets, such as V(index.html). An empty string for none.
    type: str
  aliases:
    description:
      - The domain names of your own at which the distribution answers, exactly. An empty list removes all.
      - They need O(certificate_arn).
    type: list
    elements: str
  certificate_arn:
    description:
      - ARN of the certificate for O(aliases), in AWS Certificate Manager. CloudFront takes certificates from us-east-1
        only.
      - An empty string returns to CloudFront's own certificate, which is for its own domain name only.
    type: str
  minimum_protocol_version:
    description:
      - The oldest security policy (TLS version and ciphers) that viewers may use. V(TLSv1.2_2021) when
        O(certificate_arn)
        is set for the first time.
      - CloudFront ignores it for its own certificate and accepts TLSv1, so without O(certificate_arn) anything but
        V(TLSv1) is refused here.
    type: str
    choices:
      - TLSv1
      - TLSv1_2016
      - TLSv1.1_2016
      - TLSv1.2_2018
      - TLSv1.2_2019
      - TLSv1.2_2021
      - TLSv1.2_2025
      - TLSv1.3_2025
  price_class:
    description:
      - Which of CloudFront's locations are used. V(PriceClass_100) is the cheapest, V(PriceClass_All) is what a new
        distribution gets.
    type: str
    choices: [PriceClass_100, PriceClass_200, PriceClass_All]
  http_version:
    description: The newest versions of HTTP that viewers may use. V(http2and3) for a new distribution.
    type: str
    choices: [http1.1, http2, http3, http2and3]
  ipv6:
    description: Whether the distribution answers over IPv6. V(true) for a new distribution.
    type: bool
  web_acl_arn:
    description: ARN of the web ACL of AWS WAF that guards the distribution. An empty string for none.
    type: str
  origins:
    description:
      - Where CloudFront gets what it does not have in its cache.
      - An origin of the distribution with the same O(origins[].id) is changed, others are added.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the origin, to which behaviours refer.
        type: str
        required: true
      domain_name:
        description:
          - Domain name of the origin. For a bucket the one with the region,
            RV(slipway.aws.s3_bucket_baseline#module:bucket.regional_domain_name).
          - Needed for a new origin.
        type: str
      origin_path:
        description: What is put before the path of every request to the origin, such as V(/site). An empty string for
          nothing.
        type: str
      origin_access_control_id:
        description:
          - ID of the origin access control by which CloudFront signs its requests to a private bucket.
          - One of O(origins[].origin_access_control_id), O(origins[].origin_access_identity_id) and O(origins[].custom)
            is needed for a new origin.
        type: str
      origin_access_identity_id:
        description:
          - ID of the origin access identity, the older way into a private bucket.
          - An empty string for a bucket that anyone may read.
        type: str
      custom:
        description: How CloudFront reaches an origin that is a web server.
        type: dict
        suboptions:
          http_port:
            description: Port for HTTP. V(80) for a new origin.
            type: int
          https_port:
            description: Port for HTTPS. V(443) for a new origin.
            type: int
          protocol_policy:
            description:
              - Whether CloudFront speaks HTTP or HTTPS with the origin. V(https-only) for a new origin.
              - With V(http-only) everything, O(origins[].secret_headers) included, travels between CloudFront and the
                origin in clear.
            type: str
            choices: [http-only, https-only, match-viewer]
          read_timeout:
            description: Seconds that CloudFront waits for an answer. V(30) for a new origin.
            type: int
          keepalive_timeout:
            description: Seconds for which an idle connection is kept. V(5) for a new origin.
            type: int
          ssl_protocols:
            description: Versions of TLS that CloudFront may use. V([TLSv1.2]) for a new origin.
            type: list
            elements: str
            choices: [SSLv3, TLSv1, TLSv1.1, TLSv1.2]
      connection_attempts:
        description: How often CloudFront tries to connect, 1 to 3.
        type: int
      connection_timeout:
        description: Seconds that an attempt to connect may take, 1 to 10.
        type: int
      headers:
        description:
          - Headers that CloudFront adds to every request to the origin.
          - If this or O(origins[].secret_headers) is set, both together are all the headers; others are removed.
          - The values are shown in results and diffs. Use O(origins[].secret_headers) for what must not be seen.
        type: dict
      secret_headers:
        description:
          - Headers that CloudFront adds to every request to the origin, by which the origin knows that a request comes
            from this distribution. Anyone else's distribution can reach the origin too, without the header.
          - The values are names or ARNs of secrets in Secrets Manager. The module itself reads their current value
            (C(AWSCURRENT)), which never appears in results, diffs or messages. Whoever may read the distribution's
            configuration can see it there.
        type: dict
  purge_origins:
    description: With O(origins) set, whether origins that it does not name are removed.
    type: bool
    default: false
  default_behavior:
    description: What CloudFront does with requests for which none of the other behaviours is.
    type: dict
    suboptions: &behavior
      target_origin_id:
        description: The origin. Needed for a new behaviour.
        type: str
      viewer_protocol_policy:
        description:
          - What happens to requests over HTTP. V(redirect-to-https) for a new behaviour.
          - For an API V(https-only) is better, since a request that is redirected was already sent in clear.
        type: str
        choices: [allow-all, https-only, redirect-to-https]
      allowed_methods:
        description:
          - The HTTP methods that are passed on. CloudFront knows three sets, V([GET, HEAD]), V([GET, HEAD, OPTIONS])
            and all seven. V([GET, HEAD]) for a new behaviour.
        type: list
        elements: str
        choices: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]
      cached_methods:
        description: The methods whose responses are cached, V([GET, HEAD]) or V([GET, HEAD, OPTIONS]).
        type: list
        elements: str
        choices: [GET, HEAD, OPTIONS]
      compress:
        description: Whether CloudFront compresses responses. V(true) for a new behaviour.
        type: bool
      cache_policy:
        description:
          - What is cached, and for how long, by the name of a policy that AWS manages or by the ID of any policy.
          - V(CachingOptimized) for a new behaviour. For an API use V(CachingDisabled).
          - Replaces the older settings (forwarded values, TTLs) of a behaviour that has them.
        type: str
      origin_request_policy:
        description:
          - Which headers, cookies and query strings the origin gets, by the name of a policy that AWS manages or by the
            ID of any policy. An empty string for none.
          - For an API use V(AllViewerExceptHostHeader).
        type: str
      response_headers_policy:
        description:
          - Which headers are added to responses, by the name of a policy that AWS manages or by the ID of any policy.
            An
            empty string for none.
        type: str
      function_associations:
        description:
          - The CloudFront Functions of the behaviour, exactly. An empty dictionary for none.
          - Lambda@Edge functions are left alone.
        type: dict
        suboptions:
          viewer_request:
            description: ARN of the function for requests that arrive.
            type: str
          viewer_response:
            description: ARN of the function for responses that leave.
            type: str
  behaviors:
    description:
      - What CloudFront does with requests whose paths fit a pattern. The first that fits is used.
      - A behaviour of the distribution with the same O(behaviors[].path_pattern) is changed, others are added. They
        come
        in the order given here; behaviours that are not named keep their places.
    type: list
    elements: dict
    suboptions:
      path_pattern:
        description: The pattern, such as V(/api/*).
        type: str
        required: true
      <<: *behavior
  purge_behaviors:
    description: With O(behaviors) set, whether behaviours that it does not name are removed.
    type: bool
    default: false
  error_responses:
    description:
      - What CloudFront answers instead of errors of the origins, exactly. An empty list removes all.
      - They are for the whole distribution. A 404 turned into the page of a single-page application hides the errors of
        an API behind the same distribution; use M(slipway.aws.cloudfront_function) for client-side routes instead.
    type: list
    elements: dict
    suboptions:
      error_code:
        description: The status code of the origin.
        type: int
        required: true
      response_code:
        description: The status code that the viewer gets instead.
        type: int
      response_page_path:
        description: Path of the page that the viewer gets instead.
        type: str
      error_caching_min_ttl:
        description: Seconds for which CloudFront remembers the error.
        type: int
        default: 10
  logging:
    description: Standard logging (legacy) to a bucket, which must have ACLs enabled.
    type: dict
    suboptions:
      enabled:
        description: Whether requests are logged.
        type: bool
        required: true
      bucket:
        description: Domain name of the bucket, such as V(shop-logs.s3.amazonaws.com).
        type: str
      prefix:
        description: What the names of the log files begin with.
        type: str
      include_cookies:
        description: Whether cookies are logged.
        type: bool
  wait:
    description:
      - Whether to wait until the distribution is the same in all of CloudFront's locations, which takes some minutes.
      - Also waits for the end of an earlier change.
    type: bool
    default: true
  wait_timeout:
    description: How many seconds to wait at most.
    type: int
    default: 1800
notes:
  - What the options say is checked before anything is written, in check mode too.
  - If a secret of O(origins[].secret_headers) does not exist yet in check mode, its header is planned as a change.
seealso:
  - module: slipway.aws.cloudfront_bucket_policy
  - module: slipway.aws.cloudfront_function
  - module: slipway.aws.cloudfront_origin_access_control
  - module: slipway.aws.secretsmanager_random_secret
  - module: slipway.aws.static_site_sync
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Make a distribution for the files of a bucket
  slipway.aws.cloudfront_site:
    name: shop
    default_root_object: index.html
    origins:
      - id: files
        domain_name: shop-frontend-123456789012.s3.us-east-1.amazonaws.com
        origin_access_control_id: E2QWRUHAPOMQZL
    default_behavior:
      target_origin_id: files

- name: Add the API of a host, begin, and do other things meanwhile
  slipway.aws.cloudfront_site:
    name: shop
    origins:
      - id: api
        domain_name: ec2-203-0-113-25.compute-1.amazonaws.com
        custom:
          protocol_policy: http-only
          http_port: 8000
        secret_headers:
          X-Origin-Secret: shop/origin-secret
    behaviors:
      - path_pattern: /api/*
        target_origin_id: api
        viewer_protocol_policy: https-only
        allowed_methods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]
        cache_policy: CachingDisabled
        origin_request_policy: AllViewerExceptHostHeader
    wait: false

- name: Wait until it is deployed
  slipway.aws.cloudfront_site:
    name: shop

- name: Answer at a domain name of our own
  slipway.aws.cloudfront_site:
    name: shop
    aliases:
      - shop.example.com
    certificate_arn: arn:aws:acm:us-east-1:123456789012:certificate/3f1d7a52-5c0e-4a2f-9b93-1f6f0d2f5c11
    minimum_protocol_version: TLSv1.2_2021

- name: Disable and delete it
  slipway.aws.cloudfront_site:
    name: shop
    state: absent
"""

RETURN = r"""
distribution:
  description:
    - The distribution; empty when it is absent.
    - In check mode, what only CloudFront can say of a distribution that would be made is V((known after apply\)).
    - What is empty or turned off in the configuration is left out, unless it is listed here as always returned.
  returned: always
  type: dict
  contains:
    id:
      description: ID.
      returned: when present
      type: str
      sample: E2QWRUHAPOMQZL
    arn:
      description: ARN.
      returned: when present
      type: str
      sample: arn:aws:cloudfront::123456789012:distribution/E2QWRUHAPOMQZL
    domain_name:
      description: Domain name at which CloudFront answers.
      returned: when present
      type: str
      sample: d111111abcdef8.cloudfront.net
    hosted_zone_id:
      description: Zone of that domain name, for alias records in Route 53.
      returned: when present
      type: str
      sample: Z2FDTNDATAQYW2
    status:
      description: V(Deployed) if the distribution is the same everywhere, V(InProgress) otherwise.
      returned: when present
      type: str
      sample: Deployed
    etag:
      description: Version of the configuration.
      returned: when present
      type: str
      sample: E2QWRUHAPOMQZN
    caller_reference:
      description: The caller reference, which is the name.
      returned: when present
      type: str
      sample: shop
    enabled:
      description: Whether it answers requests.
      returned: when present
      type: bool
      sample: true
    aliases:
      description: Its own domain names.
      returned: when present
      type: list
      elements: str
      sample: []
    comment:
      description: What it is for.
      returned: when present, and there is one
      type: str
      sample: Site of the shop
    default_root_object:
      description: The object for C(/).
      returned: when present, and there is one
      type: str
      sample: index.html
    origins:
      description: The origins. Values of headers that O(origins[].headers) does not give are hidden.
      returned: when present
      type: list
      elements: dict
      sample:
        - id: api
          domain_name: ec2-203-0-113-25.compute-1.amazonaws.com
          connection_attempts: 3
          connection_timeout: 10
          custom_headers: {"X-Origin-Secret": "(redacted)"}
          custom_origin_config:
            http_port: 8000
            https_port: 443
            origin_protocol_policy: http-only
            origin_ssl_protocols: [TLSv1.2]
            origin_read_timeout: 30
            origin_keepalive_timeout: 5
    default_cache_behavior:
      description: The default behaviour.
      returned: when present
      type: dict
      sample:
        target_origin_id: files
        viewer_protocol_policy: redirect-to-https
        allowed_methods: {"items": [GET, HEAD], "cached_methods": [GET, HEAD]}
        cache_policy_id: 658327ea-f89d-4fab-a63d-7e88639e58f6
        compress: true
    cache_behaviors:
      description: The other behaviours, in their order.
      returned: when present
      type: list
      elements: dict
      sample: []
    custom_error_responses:
      description: What is answered instead of errors.
      returned: when present, and there are some
      type: list
      elements: dict
      sample: [{"error_code": 404, "error_caching_min_ttl": 10}]
    viewer_certificate:
      description: The certificate.
      returned: when present
      type: dict
      sample: {"cloud_front_default_certificate": true}
    price_class:
      description: Which locations are used.
      returned: when present
      type: str
      sample: PriceClass_100
    http_version:
      description: The newest versions of HTTP.
      returned: when present
      type: str
      sample: http2and3
    is_ipv6_enabled:
      description: Whether it answers over IPv6.
      returned: when present, and it does
      type: bool
      sample: true
    web_acl_id:
      description: ARN of the web ACL.
      returned: when present, and there is one
      type: str
      sample: arn:aws:wafv2:us-east-1:123456789012:global/webacl/shop/473e64fd-f30b-4765-81a0-62ad96dd167a
    tags:
      description: The tags.
      returned: when present
      type: dict
      sample: {"Name": shop}
"""

from functools import partial
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ansible_collections.slipway.aws.plugins.module_utils._batch import MAX_WORKERS
from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import api
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import distribution as site
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import validation
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.waiters import wait_until_deployed
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import is_unknown
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result
from ansible_collections.slipway.aws.plugins.module_utils._secretsmanager.api import get_secret_value

if TYPE_CHECKING:
    from typing import Any

# How often to begin again because someone else changed the distribution in between.
MAX_ATTEMPTS = 5

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-custom-headers
MAX_HEADER_VALUE = 1783


def refuse(problems: list[str]) -> None:
    if problems:
        raise api.AnsibleCloudFrontError(message="; ".join(problems))


def find_distribution(client: Any, params: dict[str, Any]) -> dict[str, Any] | None:
    """The distribution whose caller reference is the name. Only that is surely set by the call that makes it, and can
    never be changed."""
    name = params["name"]
    likely, others = site.rank_candidates(api.list_distributions(client), name, params["comment"], params["aliases"])
    batches = [likely] if likely else []
    batches.extend(others[start : start + MAX_WORKERS] for start in range(0, len(others), MAX_WORKERS))
    for batch in batches:
        found = gather(**{identifier: partial(api.get_distribution, client, identifier) for identifier in batch})
        for distribution in found.values():
            if distribution and distribution["DistributionConfig"]["CallerReference"] == name:
                return distribution
    return None


def secret_names(params: dict[str, Any]) -> list[str]:
    return sorted(
        {secret for origin in params["origins"] or [] for secret in (origin["secret_headers"] or {}).values()}
    )


def read_secret_value(module: AnsibleAWSModule, secret: str) -> str | None:
    """The value of a secret; in check mode UNKNOWN if it does not exist yet, None if it is about to be restored."""
    if is_unknown(secret):
        return UNKNOWN
    # A secret may be in another region than the one that the play is about; its ARN says which.
    region = {"region": secret.split(":")[3]} if secret.startswith("arn:") else {}
    client = module.client("secretsmanager", **region)
    try:
        value = get_secret_value(client, secret)
    except is_ansible_aws_error_code("ResourceNotFoundException"):
        if module.check_mode:
            return UNKNOWN
        raise
    except is_ansible_aws_error_code("InvalidRequestException"):  # pylint: disable=duplicate-except
        # Its deletion is scheduled. Restoring it brings the same value back.
        if module.check_mode:
            return None
        raise
    module.no_log_values.add(value)
    if not value or not value.isprintable() or len(value) > MAX_HEADER_VALUE:
        raise api.AnsibleCloudFrontError(
            message=f"The value of secret {secret} cannot be a header: it must be one line of 1 to {MAX_HEADER_VALUE} "
            "printable characters"
        )
    return value


def desired_tags(params: dict[str, Any], current: dict[str, str] | None) -> dict[str, str]:
    """current is None for a distribution that does not exist yet."""
    if params["tags"] is None and current is not None:
        return current
    wanted = {"Name": params["name"], **{key: str(value) for key, value in (params["tags"] or {}).items()}}
    to_set, to_unset = compare_aws_tags(current or {}, wanted, params["purge_tags"])
    return {**{key: value for key, value in (current or {}).items() if key not in to_unset}, **to_set}


def ensure_tags(client: Any, arn: str, current: dict[str, str], desired: dict[str, str], check_mode: bool) -> bool:
    to_set, to_unset = compare_aws_tags(current, desired, purge_tags=True)
    if not check_mode:
        api.untag_resource(client, arn, to_unset)
        api.tag_resource(client, arn, to_set)
    return bool(to_set or to_unset)


def ensure_config(
    client: Any,
    params: dict[str, Any],
    found: dict[str, Any] | None,
    secret_values: dict[str, str | None],
    tags: dict[str, str],
    check_mode: bool,
) -> tuple[bool, dict[str, Any] | None, dict[str, Any]]:
    """Whether the configuration was changed, and the distribution before and after."""
    for _attempt in range(MAX_ATTEMPTS):
        if found is None:
            refuse(validation.find_creation_problems(params))
        current = found["DistributionConfig"] if found else None
        desired = site.desired_config(params, current, secret_values)
        refuse(validation.find_config_problems(params, desired))
        if found and not site.config_differs(current, desired):
            return False, found, found
        if check_mode:
            return True, found, site.planned_distribution(desired, found)
        if found is None:
            made, found = api.create_distribution(client, desired, tags, partial(find_distribution, client, params))
            if made:
                return True, None, found
        else:
            updated = api.update_distribution(client, found["Id"], found["ETag"], desired)
            if updated:
                return True, found, updated
            found = api.get_distribution(client, found["Id"])
    raise api.AnsibleCloudFrontError(
        message=f"Distribution {params['name']} was changed by others whenever this run was about to change it "
        f"({MAX_ATTEMPTS} times); run again when they have finished"
    )


def ensure_present(
    client: Any,
    params: dict[str, Any],
    found: dict[str, Any] | None,
    secret_values: dict[str, str | None],
    check_mode: bool,
) -> tuple[bool, dict[str, Any], dict[str, Any]]:
    """Whether anything was changed; the distribution before and after, each with its tags under Tags."""
    tags_before = api.get_tags(client, found["ARN"]) if found else None
    tags = desired_tags(params, tags_before)
    changed, before, after = ensure_config(client, params, found, secret_values, tags, check_mode)
    if before:
        if tags_before is None:
            tags_before = api.get_tags(client, before["ARN"])
            tags = desired_tags(params, tags_before)
        changed = ensure_tags(client, before["ARN"], tags_before, tags, check_mode) or changed
    if params["wait"] and not check_mode and after["Status"] != "Deployed":
        wait_until_deployed(client, after["Id"], params["wait_timeout"])
        after = api.get_distribution(client, after["Id"]) or after
    return changed, {**(before or {}), "Tags": tags_before or {}}, {**after, "Tags": tags}


def disable(client: Any, distribution: dict[str, Any]) -> dict[str, Any] | None:
    """The distribution as disabled; None if it has gone meanwhile."""
    current: dict[str, Any] | None = distribution
    for _attempt in range(MAX_ATTEMPTS):
        if current is None or not current["DistributionConfig"]["Enabled"]:
            return current
        config = {**current["DistributionConfig"], "Enabled": False}
        updated = api.update_distribution(client, current["Id"], current["ETag"], config)
        current = updated or api.get_distribution(client, current["Id"])
    return current


def ensure_absent(
    client: Any, params: dict[str, Any], found: dict[str, Any] | None, check_mode: bool
) -> tuple[bool, dict[str, Any] | None]:
    """Whether anything was changed, and the distribution if it is still there."""
    if found is None:
        return False, None
    enabled = found["DistributionConfig"]["Enabled"]
    wait = params["wait"]
    if not enabled and not wait and found["Status"] != "Deployed":
        return False, found
    if check_mode:
        return True, None if wait or not enabled else found
    current = disable(client, found)
    for _attempt in range(MAX_ATTEMPTS):
        if current is None:
            return True, None
        if current["Status"] != "Deployed":
            if not wait:
                return True, current
            wait_until_deployed(client, current["Id"], params["wait_timeout"])
        # Its ETag may have changed with its status.
        current = api.get_distribution(client, current["Id"])
        if current is None or api.delete_distribution(client, current["Id"], current["ETag"]):
            return True, None
        current = disable(client, current)
    raise api.AnsibleCloudFrontError(
        message=f"Distribution {found['Id']} was changed by others whenever this run was about to delete it "
        f"({MAX_ATTEMPTS} times); run again when they have finished"
    )


def build_result(
    module: AnsibleAWSModule, changed: bool, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> dict[str, Any]:
    shown = site.plain_headers(module.params)
    described = site.describe_distribution(after, after["Tags"], shown) if after else None
    result = module_result("distribution", changed, None, described, module._diff)
    if module._diff:
        old = (before or {}).get("DistributionConfig")
        new = (after or {}).get("DistributionConfig")
        # Status, ETag and such are not what a change is about.
        result["diff"] = {
            "before": {**site.describe_config(old, shown), "tags": before["Tags"]} if old else {},
            "after": {**site.describe_config(new, shown, old), "tags": after["Tags"]} if new else {},
        }
    return result


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    refuse(validation.find_option_problems(params))
    client = module.client("cloudfront")
    found = find_distribution(client, params)
    if params["state"] == "absent":
        tags = api.get_tags(client, found["ARN"]) if found else {}
        changed, left = ensure_absent(client, params, found, module.check_mode)
        return build_result(module, changed, found and {**found, "Tags": tags}, left and {**left, "Tags": tags})
    if found is None and module.check_mode and params["origins"] is None and params["default_behavior"] is None:
        # Something before this task would have made it; there is nothing to say of it yet, and nothing to change.
        known = {"caller_reference": params["name"], "hosted_zone_id": site.HOSTED_ZONE_ID}
        unknown = dict.fromkeys(("id", "arn", "domain_name", "status", "etag"), UNKNOWN)
        return module_result("distribution", False, None, {**known, **unknown}, diff=False)
    secret_values = {secret: read_secret_value(module, secret) for secret in secret_names(params)}
    changed, before, after = ensure_present(client, params, found, secret_values, module.check_mode)
    return build_result(module, changed, before, after)


def behavior_options(**more: dict[str, Any]) -> dict[str, Any]:
    return {
        **more,
        "target_origin_id": {"type": "str"},
        "viewer_protocol_policy": {"type": "str", "choices": ["allow-all", "https-only", "redirect-to-https"]},
        "allowed_methods": {
            "type": "list",
            "elements": "str",
            "choices": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
        },
        "cached_methods": {"type": "list", "elements": "str", "choices": ["GET", "HEAD", "OPTIONS"]},
        "compress": {"type": "bool"},
        "cache_policy": {"type": "str"},
        "origin_request_policy": {"type": "str"},
        "response_headers_policy": {"type": "str"},
        "function_associations": {"type": "dict", "options": {event: {"type": "str"} for event in site.EVENTS}},
    }


def origin_options() -> dict[str, Any]:
    return {
        "id": {"type": "str", "required": True},
        "domain_name": {"type": "str"},
        "origin_path": {"type": "str"},
        "origin_access_control_id": {"type": "str"},
        "origin_access_identity_id": {"type": "str"},
        "custom": {
            "type": "dict",
            "options": {
                "http_port": {"type": "int"},
                "https_port": {"type": "int"},
                "protocol_policy": {"type": "str", "choices": ["http-only", "https-only", "match-viewer"]},
                "read_timeout": {"type": "int"},
                "keepalive_timeout": {"type": "int"},
                "ssl_protocols": {
                    "type": "list",
                    "elements": "str",
                    "choices": ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"],
                },
            },
        },
        "connection_attempts": {"type": "int"},
        "connection_timeout": {"type": "int"},
        "headers": {"type": "dict"},
        # The names of secrets, not their values.
        "secret_headers": {"type": "dict", "no_log": False},
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "comment": {"type": "str"},
            "enabled": {"type": "bool"},
            "default_root_object": {"type": "str"},
            "aliases": {"type": "list", "elements": "str"},
            "certificate_arn": {"type": "str"},
            "minimum_protocol_version": {
                "type": "str",
                "choices": [
                    "TLSv1",
                    "TLSv1_2016",
                    "TLSv1.1_2016",
                    "TLSv1.2_2018",
                    "TLSv1.2_2019",
                    "TLSv1.2_2021",
                    "TLSv1.2_2025",
                    "TLSv1.3_2025",
                ],
            },
            "price_class": {"type": "str", "choices": ["PriceClass_100", "PriceClass_200", "PriceClass_All"]},
            "http_version": {"type": "str", "choices": ["http1.1", "http2", "http3", "http2and3"]},
            "ipv6": {"type": "bool"},
            "web_acl_arn": {"type": "str"},
            "origins": {
                "type": "list",
                "elements": "dict",
                "options": origin_options(),
                "mutually_exclusive": [
                    ["origin_access_control_id", "origin_access_identity_id"],
                    ["origin_access_identity_id", "custom"],
                ],
            },
            "purge_origins": {"type": "bool", "default": False},
            "default_behavior": {"type": "dict", "options": behavior_options()},
            "behaviors": {
                "type": "list",
                "elements": "dict",
                "options": behavior_options(path_pattern={"type": "str", "required": True}),
            },
            "purge_behaviors": {"type": "bool", "default": False},
            "error_responses": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "error_code": {"type": "int", "required": True},
                    "response_code": {"type": "int"},
                    "response_page_path": {"type": "str"},
                    "error_caching_min_ttl": {"type": "int", "default": 10},
                },
                "required_together": [["response_code", "response_page_path"]],
            },
            "logging": {
                "type": "dict",
                "options": {
                    "enabled": {"type": "bool", "required": True},
                    "bucket": {"type": "str"},
                    "prefix": {"type": "str"},
                    "include_cookies": {"type": "bool"},
                },
            },
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 1800},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
