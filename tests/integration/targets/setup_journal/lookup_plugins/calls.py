# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Asks the lab's journal, in Ansible's own process: it is asked hundreds of times."""

from __future__ import annotations

import json
import os
import ssl
import urllib.request

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: calls
short_description: What was asked of the lab
options:
  _terms:
    description: Since when, as a number of a call.
"""


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        url = os.environ.get("SLIPWAY_LAB_URL")
        if not url:
            raise AnsibleError("SLIPWAY_LAB_URL is not set: start a lab and source its env file first")
        tls = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE")) if url.startswith("https") else None
        with urllib.request.urlopen(f"{url}/calls?since={terms[0]}", context=tls, timeout=30) as answer:
            return [json.load(answer)]
