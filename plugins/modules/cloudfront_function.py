#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_function
version_added: 0.1.0
short_description: Manage a CloudFront Function
description:
  - Creates, updates, publishes and deletes a CloudFront Function, a small piece of JavaScript that runs in CloudFront
    when a request arrives or a response leaves.
  - A function has two stages. What is written goes to C(DEVELOPMENT); publishing copies it to C(LIVE), which is what
    distributions run. The code and settings of both are compared, so a run that was interrupted in between is finished
      by
    the next one.
author:
  - The slipway.aws developers (@slipway-aws)
options:
  name:
    description:
      - Name of the function, unique in the account.
    type: str
    required: true
  state:
    description:
      - Whether the function should be there. One that a distribution uses cannot be deleted.
    type: str
    choices: [present, absent]
    default: present
  code:
    description:
      - The JavaScript of the function, up to 10 KB.
      - One of O(code) and O(src) is needed to create or update the function.
    type: str
  src:
    description:
      - Path of a file with the JavaScript of the function.
    type: path
  runtime:
    description:
      - Version of the JavaScript runtime.
    type: str
    choices: [cloudfront-js-1.0, cloudfront-js-2.0]
    default: cloudfront-js-2.0
  comment:
    description:
      - What the function is for. Left alone if not set.
    type: str
  publish:
    description:
      - Whether to publish the function. If V(false), only the C(DEVELOPMENT) stage is compared and written.
    type: bool
    default: true
seealso:
  - module: slipway.aws.cloudfront_site
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - slipway.aws._attributes
"""

EXAMPLES = r"""
- name: Answer client-side routes with the page of the application
  slipway.aws.cloudfront_function:
    name: shop-routes
    comment: Rewrites paths without an extension to /index.html
    code: |
      function handler(event) {
        var request = event.request;
        if (!request.uri.split('/').pop().includes('.')) {
          request.uri = '/index.html';
        }
        return request;
      }
  register: routes

- name: Delete it
  slipway.aws.cloudfront_function:
    name: shop-routes
    state: absent
"""

RETURN = r"""
function:
  description:
    - The function; empty when it is absent.
    - Its code is shown in the diff, not here.
  returned: always
  type: dict
  contains:
    name:
      description: Name.
      returned: when present
      type: str
      sample: shop-routes
    arn:
      description: ARN, by which a distribution refers to it; V((known after apply\)) in check mode if it would be made.
      returned: when present
      type: str
      sample: arn:aws:cloudfront::123456789012:function/shop-routes
    stage:
      description: The stage that the other values are of, V(LIVE) unless O(publish=false).
      returned: when present
      type: str
      sample: LIVE
    status:
      description: What CloudFront says of this stage.
      returned: when present
      type: str
      sample: UNASSOCIATED
    comment:
      description: What the function is for.
      returned: when present
      type: str
      sample: Rewrites paths without an extension to /index.html
    runtime:
      description: Version of the JavaScript runtime.
      returned: when present
      type: str
      sample: cloudfront-js-2.0
    etag:
      description: Version of this stage.
      returned: when present
      type: str
      sample: ETVPDKIKX0DER
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront import api
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.compare import MAX_FUNCTION_BYTES
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.compare import build_function_config
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.compare import desired_function
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.compare import function_differs
from ansible_collections.slipway.aws.plugins.module_utils._cloudfront.compare import normalise_function
from ansible_collections.slipway.aws.plugins.module_utils._modules import AnsibleAWSModule
from ansible_collections.slipway.aws.plugins.module_utils._modules import run_module
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from typing import Any

STAGES = ("DEVELOPMENT", "LIVE")


def read_code(params: dict[str, Any]) -> bytes:
    if params["src"] is None:
        code = params["code"].encode()
    else:
        try:
            code = Path(params["src"]).read_bytes()
        except OSError as error:
            raise api.AnsibleCloudFrontError(message=f"src: cannot read the function's code: {error}") from error
    if len(code) > MAX_FUNCTION_BYTES:
        raise api.AnsibleCloudFrontError(
            message=f"The code of function {params['name']} has {len(code)} bytes; "
            f"CloudFront takes {MAX_FUNCTION_BYTES} at most"
        )
    return code


def read_stages(client: Any, name: str) -> dict[str, Any]:
    """The answers of both stages, raw, and both in the form in which they are compared."""
    reads = {
        **{f"{stage} answer": partial(api.describe_function, client, name, stage) for stage in STAGES},
        **{f"{stage} code": partial(api.get_function_code, client, name, stage) for stage in STAGES},
    }
    answers = gather(**reads)
    stages = {stage: normalise_function(answers[f"{stage} answer"], answers[f"{stage} code"]) for stage in STAGES}
    return {"answer": answers["DEVELOPMENT answer"], **stages}


def ensure_present(
    client: Any, found: dict[str, Any], desired: dict[str, Any], check_mode: bool
) -> tuple[bool, dict[str, Any]]:
    name, development, live = desired["name"], found["DEVELOPMENT"], found["LIVE"]
    write = function_differs(development, desired)
    publish = desired["stage"] == "LIVE" and function_differs(live, desired)
    if not write and not publish:
        return False, found[desired["stage"]]
    if check_mode:
        unknown = {"etag": UNKNOWN, "status": UNKNOWN}
        return True, {**unknown, **desired}
    etag = development["etag"] if development else None
    if write:
        current_config = found["answer"]["FunctionSummary"]["FunctionConfig"] if development else None
        config = build_function_config(desired, current_config)
        if development:
            etag = api.update_function(client, name, etag, config, desired["code"])
        else:
            etag = api.create_function(client, name, config, desired["code"])
    if publish:
        api.publish_function(client, name, etag)
    return True, read_stages(client, name)[desired["stage"]]


def ensure_absent(client: Any, found: dict[str, Any], name: str, check_mode: bool) -> bool:
    if found["DEVELOPMENT"] is None:
        return False
    if not check_mode:
        api.delete_function(client, name, found["DEVELOPMENT"]["etag"])
    return True


def without_code(function: dict[str, Any] | None) -> dict[str, Any] | None:
    return function and {key: value for key, value in function.items() if key != "code"}


def code_text(function: dict[str, Any] | None) -> str:
    return (function or {}).get("code", b"").decode(errors="replace")


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    name = params["name"]
    present = params["state"] == "present"
    code = read_code(params) if present else b""
    client = module.client("cloudfront")
    found = read_stages(client, name)
    after = None
    # Before it is first published a function has one stage only.
    before = (found["LIVE"] if params["publish"] else None) or found["DEVELOPMENT"]
    if present:
        desired = desired_function(params, code, found["DEVELOPMENT"])
        changed, after = ensure_present(client, found, desired, module.check_mode)
    else:
        changed = ensure_absent(client, found, name, module.check_mode)
    result = module_result("function", changed, without_code(before), without_code(after), module._diff)
    if module._diff:
        code_diff = {
            "before_header": f"code of {name}",
            "after_header": f"code of {name}",
            "before": code_text(before),
            "after": code_text(after),
        }
        result["diff"] = [result["diff"], code_diff]
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "code": {"type": "str"},
            "src": {"type": "path"},
            "runtime": {
                "type": "str",
                "choices": ["cloudfront-js-1.0", "cloudfront-js-2.0"],
                "default": "cloudfront-js-2.0",
            },
            "comment": {"type": "str"},
            "publish": {"type": "bool", "default": True},
        },
        required_if=[["state", "present", ["code", "src"], True]],
        mutually_exclusive=[["code", "src"]],
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
