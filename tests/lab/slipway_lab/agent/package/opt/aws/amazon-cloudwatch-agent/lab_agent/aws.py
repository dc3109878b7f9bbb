# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# AWS as a program on an instance sees it: the instance's metadata and role, and signed calls. Standard library only.

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from typing import Any

METADATA = "http://169.254.169.254/latest"
TIMEOUT = 20
# Credentials are asked for anew when they have less than this left.
MARGIN = timedelta(minutes=5)


class CallError(Exception):
    """AWS's refusal."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Instance:
    """What the metadata service tells (version 2)."""

    def read(self, path: str) -> str:
        request = urllib.request.Request(
            f"{METADATA}/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            token = answer.read().decode()
        request = urllib.request.Request(f"{METADATA}/{path}", headers={"X-aws-ec2-metadata-token": token})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return answer.read().decode()

    def facts(self) -> dict[str, str]:
        """The values of ${aws:...}."""
        names = {"ImageId": "ami-id", "InstanceId": "instance-id", "InstanceType": "instance-type"}
        return {name: self.read(f"meta-data/{path}") for name, path in names.items()}

    def credentials(self) -> dict[str, str]:
        directory = "meta-data/iam/security-credentials"
        return json.loads(self.read(f"{directory}/{self.read(f'{directory}/').splitlines()[0]}"))


class Client:
    """Calls of CloudWatch and CloudWatch Logs, by the instance's role."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._region = instance.read("meta-data/placement/region")
        self._credentials: dict[str, str] = {}

    def put_metric_data(self, namespace: str, data: list[dict[str, Any]]) -> None:
        form = {"Action": "PutMetricData", "Version": "2010-08-01", "Namespace": namespace}
        for index, datum in enumerate(data, start=1):
            member = f"MetricData.member.{index}"
            form |= {f"{member}.{name}": datum[name] for name in ("MetricName", "Timestamp", "Value", "Unit")}
            for number, (name, value) in enumerate(sorted(datum["Dimensions"].items()), start=1):
                form |= {f"{member}.Dimensions.member.{number}.Name": name}
                form |= {f"{member}.Dimensions.member.{number}.Value": value}
        self._call("monitoring", urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"})

    def logs(self, operation: str, **parameters: Any) -> None:
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Logs_20140328.{operation}"}
        self._call("logs", json.dumps(parameters).encode(), headers)

    def _call(self, service: str, body: bytes, headers: dict[str, str]) -> None:
        host = f"{service}.{self._region}.amazonaws.com"
        signed = sign(service, self._region, host, body, headers, self._current_credentials(), datetime.now(UTC))
        try:
            urllib.request.urlopen(urllib.request.Request(f"https://{host}/", body, signed), timeout=TIMEOUT).close()
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None

    def _current_credentials(self) -> dict[str, str]:
        ends = self._credentials.get("Expiration", "1970-01-01T00:00:00Z")
        if datetime.fromisoformat(ends) - datetime.now(UTC) < MARGIN:
            self._credentials = self._instance.credentials()
        return self._credentials


def _refusal(error: urllib.error.HTTPError) -> CallError:
    body = error.read().decode(errors="replace")
    code = error.headers.get("x-amzn-errortype", "")
    try:
        code = code or json.loads(body).get("__type", "")
    except (ValueError, AttributeError):
        code = code or (body.split("<Code>")[1].split("<")[0] if "<Code>" in body else str(error.code))
    return CallError(code.split("#")[-1].split(":")[0], body[:500])


def sign(
    service: str,
    region: str,
    host: str,
    body: bytes,
    headers: dict[str, str],
    credentials: dict[str, str],
    now: datetime,
) -> dict[str, str]:
    """The headers of a signed POST to / (Signature Version 4).

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    date = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    sent = {name.lower(): value for name, value in headers.items()}
    sent |= {"host": host, "x-amz-date": date, "x-amz-security-token": credentials["Token"]}
    names = ";".join(sorted(sent))
    canonical = "\n".join(
        [
            "POST",
            "/",
            "",
            *(f"{name}:{sent[name]}" for name in sorted(sent)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials['SecretAccessKey']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{credentials['AccessKeyId']}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return sent | {"authorization": authorization}
