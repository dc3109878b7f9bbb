# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a bucket holds and a distribution was told, by plain boto3. Usage: read_back.py BUCKET DISTRIBUTION_ID"""

from __future__ import annotations

import json
import sys

import boto3

bucket, distribution_id = sys.argv[1:]
s3 = boto3.client("s3")
cloudfront = boto3.client("cloudfront")

objects = {}
for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
    found = s3.get_object(Bucket=bucket, Key=item["Key"])
    objects[item["Key"]] = {
        "content": found["Body"].read().decode(),
        "content_type": found["ContentType"],
        "cache_control": found.get("CacheControl"),
        "metadata": found["Metadata"],
    }

summaries = cloudfront.list_invalidations(DistributionId=distribution_id)["InvalidationList"].get("Items", [])
invalidations = [
    cloudfront.get_invalidation(DistributionId=distribution_id, Id=item["Id"])["Invalidation"] for item in summaries
]
print(json.dumps({"objects": objects, "invalidations": invalidations}, default=str))
