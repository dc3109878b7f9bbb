# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The instance metadata service (IMDSv2, and v1 where an instance allows it). Who asks is told by the namespace of the
# VPC in which the service listens, and the address that the question comes from.

from __future__ import annotations

import http.server
import json
import logging
import secrets
import socket
import socketserver
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from moto.core.utils import utcnow
from moto.sts.models import sts_backends

from slipway_lab import addresses
from slipway_lab import network
from slipway_lab.dns import serve_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from moto.ec2.models.instances import Instance
    from moto.iam.models import Role
    from moto.sts.models import AssumedRole

log = logging.getLogger(__name__)

MAX_TOKEN_SECONDS = 21600
CREDENTIAL_SECONDS = 6 * 3600
# New credentials are there at least this long before the old ones expire.
RENEW_BEFORE = timedelta(minutes=10)
_TIME = "%Y-%m-%dT%H:%M:%SZ"

# A directory maps names to files (text, or what makes it) and further directories.
Tree = dict


def look_up(tree: Tree, path: str) -> str | None:
    """The text at path: a file's content, or a directory's listing; None if there is nothing."""
    node: Any = tree
    for part in [part for part in path.split("/") if part]:
        if not isinstance(node, dict):
            return None
        # A listing shows public keys as 0=name, their path has only the number.
        node = next((child for name, child in node.items() if name == part or name.split("=")[0] == part), None)
        if node is None:
            return None
    if isinstance(node, dict):
        # Directories end in a slash, but roles and keys are named without: a client reads them from the listing.
        plain = path.rstrip("/").endswith(("/security-credentials", "/public-keys", "/tags/instance"))
        return "\n".join(name if plain or not isinstance(child, dict) else f"{name}/" for name, child in node.items())
    return node() if callable(node) else node


def role_of(instance: Instance) -> Role | None:
    association = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    roles = association.iam_instance_profile.roles if association else []
    return roles[0] if roles else None


class Credentials:
    """The credentials of instances' roles: one session per instance, named after it, renewed in time."""

    def __init__(self) -> None:
        self._sessions: dict[str, AssumedRole] = {}
        self._lock = threading.Lock()

    def document(self, instance: Instance, role: Role) -> str:
        with self._lock:
            session = self._sessions.get(instance.id)
            if session is None or session.role_arn != role.arn or session.expiration - utcnow() < RENEW_BEFORE:
                session = sts_backends[instance.owner_id]["aws"].assume_role(
                    region_name=instance.region_name,
                    role_session_name=instance.id,
                    role_arn=role.arn,
                    policy=None,
                    duration=CREDENTIAL_SECONDS,
                    external_id=None,
                )
                self._sessions[instance.id] = session
        return json.dumps(
            {
                "Code": "Success",
                "LastUpdated": utcnow().strftime(_TIME),
                "Type": "AWS-HMAC",
                "AccessKeyId": session.access_key_id,
                "SecretAccessKey": session.secret_access_key,
                "Token": session.session_token,
                "Expiration": session.expiration.strftime(_TIME),
            },
            indent=2,
        )


def _interface(instance: Instance) -> Tree:
    nic = instance.nics[0]
    vpc = instance.ec2_backend.get_vpc(nic.vpc_id)
    tree = {
        "device-number": "0",
        "interface-id": nic.id,
        "local-hostname": instance.private_dns_name,
        "local-ipv4s": instance.private_ip,
        "mac": nic.mac_address,
        "owner-id": instance.owner_id,
        "security-group-ids": "\n".join(group.id for group in instance.security_groups),
        "security-groups": "\n".join(group.name for group in instance.security_groups),
        "subnet-id": nic.subnet_id,
        "subnet-ipv4-cidr-block": nic.subnet.cidr_block,
        "vpc-id": nic.vpc_id,
        "vpc-ipv4-cidr-block": vpc.cidr_block,
    }
    return tree | _public(instance, "public-ipv4s")


def _public(instance: Instance, address_name: str) -> Tree:
    tree = {}
    if instance.public_ip:
        tree[address_name] = instance.public_ip
        if instance.public_dns_name:
            tree["public-hostname"] = instance.public_dns_name
    return tree


def tree_of(instance: Instance, credentials: Credentials) -> Tree:
    """What the service tells an instance, below latest/."""
    zone = instance.availability_zone or ""
    region = instance.region_name
    volumes = {"ami": instance.root_device_name, "root": instance.root_device_name}
    data = [name for name in instance.block_device_mapping if name != instance.root_device_name]
    volumes |= {f"ebs{index}": name for index, name in enumerate(sorted(data), start=1)}
    meta: Tree = {
        "ami-id": instance.image_id,
        "ami-launch-index": str(instance.ami_launch_index),
        "block-device-mapping": volumes,
        "hostname": instance.private_dns_name,
        "instance-action": "none",
        "instance-id": instance.id,
        "instance-life-cycle": "on-demand",
        "instance-type": instance.instance_type,
        "local-hostname": instance.private_dns_name,
        "local-ipv4": instance.private_ip,
        "mac": instance.nics[0].mac_address,
        "network": {"interfaces": {"macs": {instance.nics[0].mac_address: _interface(instance)}}},
        "placement": {"availability-zone": zone, "region": region},
        "security-groups": "\n".join(group.name for group in instance.security_groups),
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    }
    meta |= _public(instance, "public-ipv4")
    key_pair = instance.ec2_backend.key_pairs.get(instance.key_name)
    if key_pair:
        meta["public-keys"] = {f"0={key_pair.key_name}": {"openssh-key": key_pair.material_public.decode()}}
    role = role_of(instance)
    if role:
        profile = instance.iam_instance_profile
        info = {"Code": "Success", "InstanceProfileArn": profile["Arn"], "InstanceProfileId": profile["Id"]}
        meta["iam"] = {
            "info": json.dumps(info),
            "security-credentials": {role.name: lambda: credentials.document(instance, role)},
        }
    if instance.metadata_options.instance_metadata_tags == "enabled":
        meta["tags"] = {"instance": {tag["key"]: tag["value"] for tag in instance.get_tags()}}
    identity = {
        "accountId": instance.owner_id,
        "architecture": instance.architecture,
        "availabilityZone": zone,
        "imageId": instance.image_id,
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "pendingTime": instance.launch_time.strftime(_TIME),
        "privateIp": instance.private_ip,
        "region": region,
        "version": "2017-09-30",
    }
    tree: Tree = {
        "dynamic": {"instance-identity": {"document": json.dumps(identity, indent=2)}},
        "meta-data": meta,
    }
    if instance.user_data:
        tree["user-data"] = instance.user_data.decode()
    return tree


class Metadata:
    def __init__(self) -> None:
        self._credentials = Credentials()
        # Token -> the instance that it was given to, and when it ends.
        self._tokens: dict[str, tuple[str, float]] = {}

    def new_token(self, instance_id: str, seconds: int) -> str:
        now = time.monotonic()
        self._tokens = {token: entry for token, entry in self._tokens.items() if entry[1] > now}
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (instance_id, now + seconds)
        return token

    def is_valid(self, token: str, instance_id: str) -> bool:
        owner, ends = self._tokens.get(token, ("", 0.0))
        return owner == instance_id and ends > time.monotonic()

    def read(self, instance: Instance, path: str) -> str | None:
        version, _, rest = path.strip("/").partition("/")
        if not version:
            return "latest"
        # Dated versions of the service are all answered as the latest.
        return look_up(tree_of(instance, self._credentials), rest)

    def serve(self, namespace: str, find: Callable[[str], Instance | None]) -> Callable[[], None]:
        """Answer the hosts of a VPC's namespace, found by address; returns what ends that."""
        metadata = self

        class Handler(_Handler):
            service = metadata

            def instance(self) -> Instance | None:
                return find(self.client_address[0])

        with network.inside(namespace):
            return serve_in_threads([_Server((addresses.METADATA, 80), Handler)])


class _Server(socketserver.ThreadingTCPServer):
    # Not http.server's, which asks the DNS for the name of its address.
    daemon_threads = True
    allow_reuse_address = True


class _Handler(http.server.BaseHTTPRequestHandler):
    service: Metadata
    protocol_version = "HTTP/1.1"
    server_version = "EC2ws"
    sys_version = ""
    timeout = 60
    wbufsize = -1

    def instance(self) -> Instance | None:
        raise NotImplementedError

    def do_PUT(self) -> None:
        instance = self.instance()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if instance is None or self.path != "/latest/api/token":
            return self._send(404)
        # A request that a proxy passed on must not get a token for the proxy's host.
        if instance.metadata_options.http_endpoint == "disabled" or "X-Forwarded-For" in self.headers:
            return self._send(403)
        try:
            seconds = int(self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", ""))
        except ValueError:
            return self._send(400)
        if not 1 <= seconds <= MAX_TOKEN_SECONDS:
            return self._send(400)
        # The answer dies after that many hops: one keeps it from containers behind a bridge.
        self._set_ttl(instance.metadata_options.http_put_response_hop_limit)
        token = self.service.new_token(instance.id, seconds)
        return self._send(200, token, {"X-aws-ec2-metadata-token-ttl-seconds": str(seconds)})

    def do_GET(self) -> None:
        instance = self.instance()
        if instance is None:
            return self._send(404)
        options = instance.metadata_options
        if options.http_endpoint == "disabled":
            return self._send(403)
        token = self.headers.get("X-aws-ec2-metadata-token")
        if token is None and options.http_tokens == "required":
            return self._send(401)
        if token is not None and not self.service.is_valid(token, instance.id):
            return self._send(401)
        self._set_ttl(64)
        try:
            text = self.service.read(instance, self.path.partition("?")[0])
        except Exception:
            log.exception("The metadata service failed on %s", self.path)
            return self._send(500)
        return self._send(404) if text is None else self._send(200, text)

    def _set_ttl(self, hops: int) -> None:
        self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)

    def _send(self, status: int, text: str = "", headers: dict[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "text/plain",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, text: str, *arguments: object) -> None:
        log.debug(text, *arguments)
