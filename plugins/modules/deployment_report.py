#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: deployment_report
version_added: 0.2.0
short_description: Show the releases and deployments of a project as a table
description:
  - Shows on the terminal what M(slipway.aws.deployment_info) has read, by part of the project; which release is live,
    which was so before, which are kept and which are on the host; and the deployments that failed or were interrupted,
    with the reasons.
  - Runs on the controller.
options:
  name:
    description: Name of the project.
    type: str
    required: true
  info:
    description: What M(slipway.aws.deployment_info) returned.
    type: dict
    required: true
  parts:
    description:
      - By part of the project, its C(live) release, and the releases that are C(on_host). Either may be left out.
    type: dict
    required: true
author:
  - The slipway.aws developers (@slipway-aws)
seealso:
  - module: slipway.aws.deployment_info
extends_documentation_fragment:
  - slipway.aws._attributes.report
"""

EXAMPLES = r"""
- name: Read what was deployed
  slipway.aws.deployment_info:
    bucket: shop-backups-123456789012
  register: shop

- name: Show it
  slipway.aws.deployment_report:
    name: shop
    info: "{{ shop }}"
    parts:
      backend: {live: 5d41402abc4b, on_host: [5d41402abc4b, 81c5e7a2f09d]}
      frontend: {live: 0f3c1d2e9a8b}
"""

RETURN = r"""
lines:
  description: What was shown.
  returned: success
  type: list
  elements: str
  sample: ["shop: nobody deploys now"]
"""
