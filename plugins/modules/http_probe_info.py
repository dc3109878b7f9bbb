#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: http_probe_info
version_added: 0.2.0
short_description: What web servers and ports answer, asked side by side
description:
  - Sends requests and knocks at ports from where it runs, all at the same time, and returns what was answered. What
    that means is for others to judge; no answer is an answer here, and no error.
  - Redirects are not followed, since they are often what is looked for.
  - Certificates are checked against the authorities that Python trusts (E(SSL_CERT_FILE)).
options:
  requests:
    description: The requests.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the answer in RV(answers). Must be given once.
        type: str
        required: true
      url:
        description: An C(http) or C(https) address.
        type: str
        required: true
      method:
        description: Method of the request. None that could change something can be chosen.
        type: str
        choices: [GET, HEAD, OPTIONS]
        default: GET
      headers:
        description: Headers to send.
        type: dict
        default: {}
      assets:
        description:
          - Whether the scripts, styles and icons that the answered page names are asked for too. Those of other servers
            are not.
          - Of each of them, addresses of a developer's own machine (C(http://localhost:8000)) are returned, too.
        type: bool
        default: false
  ports:
    description: The ports to knock at.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the finding in RV(ports). Must be given once.
        type: str
        required: true
      host:
        description: Name or address.
        type: str
        required: true
      port:
        description: Port, in TCP.
        type: int
        required: true
  timeout:
    description: Seconds that connecting, and each wait for data, may take.
    type: float
    default: 10
  port_timeout:
    description: Seconds after which a port where nobody answers counts as closed.
    type: float
    default: 4
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
"""

EXAMPLES = r"""
- name: Ask the site from outside
  slipway.aws.http_probe_info:
    requests:
      - {name: page, url: "https://shop.example.com/", assets: true}
      - {name: options, url: "https://shop.example.com/api/items", method: OPTIONS}
    ports:
      - {name: backend, host: 203.0.113.7, port: 8000}
  register: probe
"""

RETURN = r"""
answers:
  description: The answers, by the names of the requests.
  returned: success
  type: dict
  sample:
    page:
      url: https://shop.example.com/
      status: 200
      headers: {content-type: text/html}
      body: "<!doctype html>"
      body_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      tls: TLSv1.3
      error: ""
      assets:
        - url: https://shop.example.com/assets/index-DiwrgTda.js
          status: 200
          content_type: text/javascript
          local_addresses: []
          error: ""
ports:
  description: Whether somebody answers, by the names of the ports.
  returned: success
  type: dict
  sample:
    backend: {host: 203.0.113.7, port: 8000, open: false, error: no answer in time}
"""

import ssl
from functools import partial
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils._batch import gather
from ansible_collections.slipway.aws.plugins.module_utils._verify.web import ask
from ansible_collections.slipway.aws.plugins.module_utils._verify.web import find_assets
from ansible_collections.slipway.aws.plugins.module_utils._verify.web import find_local_addresses
from ansible_collections.slipway.aws.plugins.module_utils._verify.web import knock

if TYPE_CHECKING:
    from typing import Any


def find_repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def answer(request: dict[str, Any], timeout: float, context: ssl.SSLContext) -> dict[str, Any]:
    found, body = ask(request, timeout, context)
    if not request["assets"]:
        return found
    assets = []
    for url in find_assets(body, request["url"]):
        asset, text = ask({"url": url, "method": "GET", "headers": {}}, timeout, context)
        content_type = asset["headers"].get("content-type", "").split(";")[0]
        assets.append(
            {
                "url": url,
                "status": asset["status"],
                "content_type": content_type,
                "local_addresses": find_local_addresses(text),
                "error": asset["error"],
            }
        )
    return {**found, "assets": assets}


def main() -> None:
    named = {"name": {"type": "str", "required": True}}
    module = AnsibleModule(
        argument_spec={
            "requests": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    **named,
                    "url": {"type": "str", "required": True},
                    "method": {"type": "str", "choices": ["GET", "HEAD", "OPTIONS"], "default": "GET"},
                    "headers": {"type": "dict", "default": {}},
                    "assets": {"type": "bool", "default": False},
                },
            },
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    **named,
                    "host": {"type": "str", "required": True},
                    "port": {"type": "int", "required": True},
                },
            },
            "timeout": {"type": "float", "default": 10},
            "port_timeout": {"type": "float", "default": 4},
        },
        supports_check_mode=True,
    )
    requests, ports = module.params["requests"], module.params["ports"]
    for option, items in (("requests", requests), ("ports", ports)):
        repeated = find_repeated([item["name"] for item in items])
        if repeated:
            module.fail_json(msg=f"{option}: the name {repeated[0]} is given twice; name each once")
    odd = [item["url"] for item in requests if not item["url"].startswith(("http://", "https://"))]
    if odd:
        module.fail_json(msg=f"requests: {odd[0]} is not an http or https address; write one in full")
    # A context each: OpenSSL 3.0.17 and later 3.0 releases crash now and then where threads share one
    # (https://github.com/openssl/openssl/issues/28171).
    reads = {
        f"answer {request['name']}": partial(answer, request, module.params["timeout"], ssl.create_default_context())
        for request in requests
    }
    reads |= {f"port {p['name']}": partial(knock, p["host"], p["port"], module.params["port_timeout"]) for p in ports}
    found = gather(**reads)
    module.exit_json(
        changed=False,
        answers={r["name"]: found[f"answer {r['name']}"] for r in requests},
        ports={p["name"]: found[f"port {p['name']}"] for p in ports},
    )


if __name__ == "__main__":
    main()
