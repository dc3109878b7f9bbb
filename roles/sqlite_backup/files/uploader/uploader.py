# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""All that the backups of a host ask of AWS, by the instance's role: put, get, list, metric, publish.

Prints JSON for list and nothing else. Ends with 1 and a sentence when AWS refuses.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError
from botocore.utils import InstanceMetadataRegionFetcher

RETRIES = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=60)
# In one part, so that S3 compares one checksum of the whole, up to the largest object that it takes so.
TRANSFER = TransferConfig(multipart_threshold=5 << 30, multipart_chunksize=64 << 20, max_concurrency=4)


class UploadError(Exception):
    pass


def find_region(named: str | None) -> str | None:
    """The region that was named, or the instance's own."""
    return named or os.environ.get("AWS_REGION") or InstanceMetadataRegionFetcher().retrieve_region()


def put(client: Any, arguments: argparse.Namespace) -> None:
    # S3 computes the checksum again, and refuses what has changed on the way.
    extra = {"ChecksumAlgorithm": "SHA256"}
    client.upload_file(arguments.file, arguments.bucket, arguments.key, ExtraArgs=extra, Config=TRANSFER)
    size = client.head_object(Bucket=arguments.bucket, Key=arguments.key)["ContentLength"]
    if size != os.path.getsize(arguments.file):
        raise UploadError(f"S3 has {size} bytes of {arguments.file}, which has {os.path.getsize(arguments.file)}")


def get(client: Any, arguments: argparse.Namespace) -> None:
    client.download_file(arguments.bucket, arguments.key, arguments.file)


def list_keys(client: Any, arguments: argparse.Namespace) -> None:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=arguments.bucket, Prefix=arguments.prefix)
    print(
        json.dumps([{"key": item["Key"], "size": item["Size"]} for page in pages for item in page.get("Contents", [])])
    )


def metric(client: Any, arguments: argparse.Namespace) -> None:
    datum = {
        "MetricName": arguments.name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in json.loads(arguments.dimensions).items()],
        "Value": arguments.value,
        "Unit": arguments.unit,
    }
    client.put_metric_data(Namespace=arguments.namespace, MetricData=[datum])


def publish(client: Any, arguments: argparse.Namespace) -> None:
    client.publish(TopicArn=arguments.topic, Subject=arguments.subject[:100], Message=arguments.message)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--region")
    commands = parser.add_subparsers(required=True)
    for name, action, service, options in (
        ("put", put, "s3", ("bucket", "key", "file")),
        ("get", get, "s3", ("bucket", "key", "file")),
        ("list", list_keys, "s3", ("bucket", "prefix")),
        ("metric", metric, "cloudwatch", ("namespace", "name", "value", "unit", "dimensions")),
        ("publish", publish, "sns", ("topic", "subject", "message")),
    ):
        command = commands.add_parser(name, allow_abbrev=False)
        command.set_defaults(action=action, service=service)
        for option in options:
            command.add_argument(f"--{option}", required=True, type=float if option == "value" else str)
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    try:
        client = boto3.client(arguments.service, region_name=find_region(arguments.region), config=RETRIES)
        arguments.action(client, arguments)
    except (BotoCoreError, Boto3Error, ClientError, OSError, UploadError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
