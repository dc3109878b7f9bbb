# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The bucket from which Amazon gives away its CloudWatch agent: somebody else's, which everybody may read.

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.s3.models import s3_backends

from slipway_lab.agent import packages

if TYPE_CHECKING:
    from slipway_lab.context import Lab

NAME = "amazoncloudwatch-agent"
_OWNER = "999999999999"
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{NAME}/*"}
    ],
}


def publish(lab: Lab) -> None:
    """Put a lab's packages into the bucket, if the lab has any."""
    if packages.fingerprint(lab.directory) is None:
        return
    store = s3_backends[_OWNER]["aws"]
    bucket = store.create_bucket(NAME, "us-east-1")
    bucket.public_access_block = None
    bucket.policy = json.dumps(_POLICY).encode()
    for key, path in packages.objects(lab.directory).items():
        store.put_object(NAME, key, path.read_bytes())
