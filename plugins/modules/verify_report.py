#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: verify_report
version_added: 0.2.0
short_description: Check what was gathered about a project, and report
description:
  - Makes the checks of a project of the shape C(spa_vm) on what M(slipway.aws.project_evidence_info),
    M(slipway.aws.host_evidence_info) and M(slipway.aws.http_probe_info) have returned, shows them as a table, and
    writes them as JUnit's XML if asked to.
  - A check that fails is no failure of the task, so that all of them are reported; see RV(failed_checks).
  - What could not be read fails the checks that look at it.
  - Runs on the controller, where the role P(slipway.aws.verify#role) calls it.
options:
  settings:
    description:
      - What the inventory wants, as the role C(verify) puts it together.
    type: dict
    required: true
  project:
    description: RV(slipway.aws.project_evidence_info#module:evidence).
    type: dict
    required: true
  host:
    description: RV(slipway.aws.host_evidence_info#module:evidence), or a dict with the key C(error) that says why not.
    type: dict
    required: true
  web:
    description: What M(slipway.aws.http_probe_info) returned.
    type: dict
    required: true
  junit_file:
    description:
      - Where to write the report, on the controller, in check mode too. A file that is there is replaced.
    type: path
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.report
"""

EXAMPLES = r"""
- name: Check, and report
  slipway.aws.verify_report:
    settings: "{{ settings }}"
    project: "{{ project.evidence }}"
    host: "{{ host.evidence }}"
    web: "{{ probe }}"
    junit_file: verify.xml
  register: report

- name: Fail if a check did
  ansible.builtin.assert:
    that: report.failed_checks | length == 0
    fail_msg: "{{ report.summary }}"
"""

RETURN = r"""
checks:
  description: All checks, in the order of the table.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its id.
      type: str
      returned: always
      sample: sg-ssh
    title:
      description: What is so if it passes.
      type: str
      returned: always
      sample: ssh is open to the administrators only
    checklists:
      description: The checklists that ask for it.
      type: list
      elements: str
      returned: always
      sample: [Pre-Deployment, Security Hardening]
    status:
      description: V(pass), V(fail) or V(not applicable).
      type: str
      returned: always
      sample: fail
    looked_at:
      description: What was looked at.
      type: str
      returned: always
      sample: rules of the instance's security groups
    seen:
      description: What was seen, or why it could not be; never a secret.
      type: str
      returned: always
      sample: tcp 22 from 0.0.0.0/0
    why:
      description: Why it matters; empty unless it failed.
      type: str
      returned: always
      sample: an open port 22 is tried within minutes
    remedy:
      description: The command or variable that mends it; empty unless it failed.
      type: str
      returned: always
      sample: admin_cidrs, then ansible-playbook site.yml
failed_checks:
  description: Ids of those that failed.
  returned: success
  type: list
  elements: str
  sample: [sg-ssh]
summary:
  description: How many there are of each status, and which failed.
  returned: success
  type: str
  sample: "70 checks: 66 passed, 1 failed, 3 not applicable. Failed: sg-ssh"
junit_file:
  description: Where the report was written; empty if nowhere.
  returned: success
  type: str
  sample: verify.xml
"""
