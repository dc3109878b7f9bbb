# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes calls by plain boto3, in Ansible's own process: a module would take longer than what is read back."""

from __future__ import annotations

import json

import boto3
from ansible.plugins.lookup import LookupBase
from botocore.exceptions import ClientError

DOCUMENTATION = """
name: aws_call
short_description: The answers to some calls
description:
  - The answer to a call that AWS refuses is {"error": <code>}, so that a test can tell that something is gone.
options:
  _terms:
    description: Lists of a service, an operation and its parameters.
  region:
    description: Where they are made, if not in the region of the environment.
"""


def call(region, service, operation, parameters):
    try:
        answer = getattr(boto3.client(service, region_name=region), operation)(**parameters)
    except ClientError as error:
        return {"error": error.response["Error"]["Code"]}
    answer.pop("ResponseMetadata")
    for key, value in answer.items():
        if hasattr(value, "read"):
            answer[key] = value.read().decode()
    return json.loads(json.dumps(answer, default=str))


class LookupModule(LookupBase):
    def run(self, terms, variables=None, region=None, **kwargs):
        return [call(region, *json.loads(json.dumps(term))) for term in terms]
