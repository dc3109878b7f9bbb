# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes calls by plain boto3 and prints their answers as JSON.

Usage: aws_call.py '[["s3", "get_bucket_policy", {"Bucket": "b"}], ...]'. The answer to a call that AWS refuses is
{"error": <code>}, so that a test can tell that something is gone.
"""

from __future__ import annotations

import json
import sys

import boto3
from botocore.exceptions import ClientError


def call(service, operation, parameters):
    try:
        answer = getattr(boto3.client(service), operation)(**parameters)
    except ClientError as error:
        return {"error": error.response["Error"]["Code"]}
    answer.pop("ResponseMetadata")
    for key, value in answer.items():
        if hasattr(value, "read"):
            answer[key] = value.read().decode()
    return answer


print(json.dumps([call(*arguments) for arguments in json.loads(sys.argv[1])], default=str))
