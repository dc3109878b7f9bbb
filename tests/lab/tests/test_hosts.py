# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Labs with hosts, from outside: started by the command line, used through the API and ssh, stopped. In order: later
# tests use what earlier ones made, and the last ones take it away.

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.lab

PROGRAM = Path(__file__).parents[1] / "lab"
PROJECT = PROGRAM.parents[2]
# Machines may be slow; nothing here is expected to take nearly as long.
PATIENCE = 180
WAITER = {"Delay": 1, "MaxAttempts": PATIENCE}

TRUST_EC2 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
MAY_READ_ONE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "arn:aws:ssm:*:*:parameter/mine"}],
}


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def eventually(question: Any, wanted: Any = True) -> None:
    deadline = time.monotonic() + PATIENCE
    while (answer := question()) != wanted:
        assert time.monotonic() < deadline, f"still {answer!r}, not {wanted!r}"
        time.sleep(0.3)


def reachable(address: str, port: int, source: str | None = None, seconds: float = 2) -> bool:
    try:
        with socket.create_connection((address, port), seconds, (source, 0) if source else None):
            return True
    except OSError:
        return False


def left_of(number: int, directory: Path) -> list[str]:
    """Everything on the machine that belongs to a lab."""
    namespaces = Path("/run/netns")
    found = re.findall(
        rf"\b(?:slw{number}@|slipway_lab_{number}\b)", run("ip", "-o", "link") + run("nft", "list", "tables")
    )
    found += [path.name for path in namespaces.glob(f"slw{number}*") if re.fullmatch(rf"slw{number}(-.*)?", path.name)]
    found += re.findall(rf"10\.90\.{number}\.\S+", run("ip", "route") + Path("/etc/hosts").read_text())
    found += [line for line in run("losetup", "-a").splitlines() if str(directory) in line]
    found += run("podman", "ps", "-aq", "--filter", f"label=slipway-lab={number}").split()
    return found


@dataclass
class Lab:
    name: str
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(PROGRAM), *arguments, "--name", self.name], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *options: str) -> None:
        self.command("start", *options)
        lines = run("sh", "-c", f". {shlex.quote(str(self.directory / 'env'))} && env").splitlines()
        self.environment = dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def directory(self) -> Path:
        return PROJECT / ".lab" / self.name

    @property
    def number(self) -> int:
        return json.loads((self.directory / "lab.json").read_text())["number"]

    def client(self, service: str, **credentials: str) -> Any:
        own = {
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
        }
        return boto3.client(
            service,
            region_name=self.environment["AWS_REGION"],
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            verify=self.environment["AWS_CA_BUNDLE"],
            **(credentials or own),
        )


@dataclass
class Host:
    lab: Lab
    network: Network
    id: str

    @property
    def description(self) -> dict[str, Any]:
        ec2 = self.lab.client("ec2")
        return ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]

    @property
    def address(self) -> str:
        return self.description["PublicIpAddress"]

    @property
    def private_address(self) -> str:
        return self.description["PrivateIpAddress"]

    @property
    def state(self) -> str:
        return self.description["State"]["Name"]

    def ssh(self, command: str, check: bool = True, again: bool = True) -> str:
        """What a command prints on the host, which may be booting: then it is tried again."""
        deadline = time.monotonic() + PATIENCE
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=5"]
        arguments = [argument for option in options for argument in ("-o", option)]
        key = self.lab.environment["SLIPWAY_SSH_KEY"]
        while True:
            done = subprocess.run(
                ["ssh", "-i", key, *arguments, f"admin@{self.address}", command],
                capture_output=True,
                text=True,
                check=False,
            )
            # 255 is ssh's own failure: not there yet, or still going down.
            if done.returncode != 255 or not again or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def metadata(self, path: str) -> str:
        token = (
            "$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)"
        )
        return self.ssh(f'curl -sf -H "X-aws-ec2-metadata-token: {token}" http://169.254.169.254/latest/{path}')

    def wait(self, what: str) -> None:
        self.lab.client("ec2").get_waiter(what).wait(InstanceIds=[self.id], WaiterConfig=WAITER)


class Network:
    """A VPC with a public subnet, a private one, and a group that lets the controller's ssh in."""

    def __init__(self, lab: Lab, cidr: str = "10.20.0.0/16") -> None:
        self.lab = lab
        ec2 = self.ec2 = lab.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={"Value": True})
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        self.public = self._subnet(cidr.replace(".0.0/16", ".1.0/24"))
        self.private = self._subnet(cidr.replace(".0.0/16", ".2.0/24"))
        ec2.associate_route_table(RouteTableId=table, SubnetId=self.public)
        ec2.modify_subnet_attribute(SubnetId=self.public, MapPublicIpOnLaunch={"Value": True})
        self.group = self.add_group("ssh")
        self.allow(self.group, 22, cidr=lab.environment["SLIPWAY_ADMIN_CIDRS"])

    def _subnet(self, cidr: str) -> str:
        subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone="us-east-1a")
        return subnet["Subnet"]["SubnetId"]

    def add_group(self, name: str) -> str:
        return self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]

    def permission(
        self, port: int, cidr: str | None = None, group: str | None = None, prefix_list: str | None = None
    ) -> list[dict[str, Any]]:
        return [
            {
                "IpProtocol": "tcp",
                "FromPort": port,
                "ToPort": port,
                "IpRanges": [{"CidrIp": cidr}] if cidr else [],
                "UserIdGroupPairs": [{"GroupId": group}] if group else [],
                "PrefixListIds": [{"PrefixListId": prefix_list}] if prefix_list else [],
            }
        ]

    def allow(self, to: str, port: int, **source: str) -> None:
        self.ec2.authorize_security_group_ingress(GroupId=to, IpPermissions=self.permission(port, **source))

    def forbid(self, to: str, port: int, **source: str) -> None:
        self.ec2.revoke_security_group_ingress(GroupId=to, IpPermissions=self.permission(port, **source))

    def launch(self, release: str, **options: Any) -> Host:
        parameter = f"/aws/service/debian/release/{release}/latest/amd64"
        image = self.lab.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
        options = {
            "ImageId": image,
            "InstanceType": "t3.micro",
            "SubnetId": self.public,
            "SecurityGroupIds": [self.group],
            "KeyName": "deploy",
            "MinCount": 1,
            "MaxCount": 1,
        } | options
        return Host(self.lab, self, self.ec2.run_instances(**options)["Instances"][0]["InstanceId"])


def import_key(lab: Lab) -> None:
    public_key = Path(lab.environment["SLIPWAY_SSH_KEY"] + ".pub").read_bytes()
    lab.client("ec2").import_key_pair(KeyName="deploy", PublicKeyMaterial=public_key)


def lab_name(kind: str) -> str:
    # Several runs of these tests may share a machine.
    return f"pytest-{os.getpid()}-{kind}"


def stop_left_behind() -> None:
    """Stop the labs of runs that were killed."""
    for directory in (PROJECT / ".lab").glob("pytest-*"):
        process = re.fullmatch(r"pytest-(\d+)-\w+", directory.name)
        if process and not Path("/proc", process[1]).exists() and (directory / "lab.json").exists():
            Lab(directory.name).command("stop")


@pytest.fixture(scope="module")
def lab():
    stop_left_behind()
    lab = Lab(lab_name("one"))
    lab.start()
    import_key(lab)
    yield lab
    lab.command("stop")
    shutil.rmtree(lab.directory)


@pytest.fixture(scope="module")
def network(lab):
    return Network(lab)


@pytest.fixture(scope="module")
def role(lab):
    iam = lab.client("iam")
    iam.create_role(RoleName="web", AssumeRolePolicyDocument=json.dumps(TRUST_EC2))
    iam.put_role_policy(RoleName="web", PolicyName="read", PolicyDocument=json.dumps(MAY_READ_ONE))
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
    return "web"


@pytest.fixture(scope="module")
def hosts(network, role):
    """A host of each release."""
    options = {
        "IamInstanceProfile": {"Name": role},
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "enabled"},
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}],
        "UserData": "#!/bin/sh\necho from user data >/etc/user-data-was-here\n",
    }
    hosts = {release: network.launch(release, **options) for release in ("13", "12")}
    for host in hosts.values():
        host.wait("instance_status_ok")
    return hosts


@pytest.fixture(params=["13", "12"])
def host(request, hosts):
    return hosts[request.param]


# The host itself


def test_host_is_what_was_launched(host, request):
    release = request.node.callspec.params["host"]
    assert f'VERSION_ID="{release}"' in host.ssh("cat /etc/os-release")
    assert host.ssh("systemctl is-system-running --wait") == "running"
    assert host.ssh("sudo id -u") == "0"
    assert host.ssh("hostname") == f"ip-{host.private_address.replace('.', '-')}"
    eventually(lambda: host.ssh("cat /etc/user-data-was-here", check=False), "from user data")


def test_host_knows_where_aws_is(host):
    endpoint = host.lab.environment["AWS_ENDPOINT_URL"]
    for command in ("env", "sudo env", "sudo systemd-run --quiet --pipe env"):
        assert f"AWS_ENDPOINT_URL={endpoint}" in host.ssh(command).splitlines()
    # Trusted by its certificate, by address and by AWS's own names.
    assert host.ssh(f"curl -s -o /dev/null -w '%{{http_code}}' {endpoint}/_lab/status") == "200"
    url = "https://secretsmanager.us-east-1.amazonaws.com/_lab/status"
    assert host.ssh(f"curl -s -o /dev/null -w '%{{http_code}}' {url}") == "200"


def test_host_reaches_package_mirrors(host):
    assert "Reading package lists" in host.ssh("sudo apt-get update -q")


def test_hosts_have_keys_of_their_own(hosts):
    keys = {host.ssh("cat /etc/ssh/ssh_host_ed25519_key.pub") for host in hosts.values()}
    assert len(keys) == len(hosts)


def test_host_does_not_change_the_machine(host):
    setting = Path("/proc/sys/fs/inotify/max_user_watches")
    before = setting.read_text()
    host.ssh("sudo sh -c 'echo 4242 >/proc/sys/fs/inotify/max_user_watches'", check=False)
    assert setting.read_text() == before
    assert host.ssh("lsblk -rno PATH | xargs -r ls -d 2>/dev/null | grep -v loop", check=False) == ""


# Metadata


def test_metadata_needs_a_token(host):
    url = "http://169.254.169.254/latest/meta-data/instance-id"
    assert host.ssh(f"curl -s -o /dev/null -w '%{{http_code}}' {url}") == "401"
    assert host.metadata("meta-data/instance-id") == host.id


def test_metadata_tells_about_the_instance(host):
    description = host.description
    assert host.metadata("meta-data/public-ipv4") == description["PublicIpAddress"]
    assert host.metadata("meta-data/public-hostname") == description["PublicDnsName"]
    assert host.metadata("meta-data/placement/availability-zone") == "us-east-1a"
    assert host.metadata("meta-data/tags/instance/Name") == "web"
    assert host.metadata("user-data").startswith("#!/bin/sh")
    document = json.loads(host.metadata("dynamic/instance-identity/document"))
    assert (document["instanceId"], document["region"]) == (host.id, "us-east-1")


def test_token_of_another_host(hosts):
    one, two = hosts.values()
    url = "http://169.254.169.254/latest"
    token = one.ssh(f"curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {url}/api/token")
    ask = f"curl -s -o /dev/null -w '%{{http_code}}' -H 'X-aws-ec2-metadata-token: {token}' {url}/meta-data/"
    assert (one.ssh(ask), two.ssh(ask)) == ("200", "401")


def test_role_credentials(lab, host, role):
    assert host.metadata("meta-data/iam/security-credentials/") == role
    given = json.loads(host.metadata(f"meta-data/iam/security-credentials/{role}"))
    credentials = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["Token"],
    }
    identity = lab.client("sts", **credentials).get_caller_identity()
    assert identity["Arn"].endswith(f":assumed-role/{role}/{host.id}")
    ssm = lab.client("ssm", **credentials)
    lab.client("ssm").put_parameter(Name="/mine", Value="x", Type="String", Overwrite=True)
    assert ssm.get_parameter(Name="/mine")["Parameter"]["Value"] == "x"
    with pytest.raises(ClientError, match="AccessDenied"):
        ssm.get_parameter(Name="/other")


@pytest.fixture
def behind_a_bridge(lab, hosts):
    """A namespace behind a host's own address, as a container's on the host would be."""
    outer = f"slw{lab.number}-i-{hosts['13'].id.removeprefix('i-')[:12]}"
    inner = f"pytest-{os.getpid()}"
    run("ip", "netns", "add", inner)
    run("ip", "-n", outer, "link", "add", "bridge0", "type", "veth", "peer", "name", "eth0", "netns", inner)
    for namespace, device, address in ((outer, "bridge0", "172.31.0.1"), (inner, "eth0", "172.31.0.2")):
        run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", device)
        run("ip", "-n", namespace, "link", "set", device, "up")
    run("ip", "-n", inner, "route", "add", "default", "via", "172.31.0.1")
    run("ip", "netns", "exec", outer, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    rules = "type nat hook postrouting priority srcnat\nip saddr 172.31.0.2 masquerade"
    table = f"table ip inner {{\nchain post {{\n{rules}\n}}\n}}\n"
    run("ip", "netns", "exec", outer, "nft", table)
    yield inner
    run("ip", "netns", "exec", outer, "nft", "delete", "table", "ip", "inner")
    run("ip", "-n", outer, "link", "delete", "bridge0")
    run("ip", "netns", "delete", inner)


def test_hop_limit_keeps_tokens_from_containers(network, hosts, behind_a_bridge):
    header = "X-aws-ec2-metadata-token-ttl-seconds: 60"
    url = "http://169.254.169.254/latest/api/token"
    ask = ["curl", "-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-H", header, url]

    def answer():
        return run("ip", "netns", "exec", behind_a_bridge, *ask, check=False)

    assert answer() == "000"
    network.ec2.modify_instance_metadata_options(InstanceId=hosts["13"].id, HttpPutResponseHopLimit=2)
    assert answer() == "200"
    network.ec2.modify_instance_metadata_options(InstanceId=hosts["13"].id, HttpPutResponseHopLimit=1)
    assert answer() == "000"


# Network


@pytest.fixture(scope="module")
def web(hosts):
    """Something listens on port 8000 of each host."""
    for host in hosts.values():
        host.ssh("sudo systemd-run --quiet --unit=web python3 -m http.server 8000")
        eventually(lambda host=host: host.ssh("curl -s -o /dev/null localhost:8000 && echo up", check=False), "up")
    return hosts


def test_security_group_closes_ports(lab, network, web):
    host = web["13"]
    controller = lab.environment["SLIPWAY_ADMIN_CIDRS"]
    assert not reachable(host.address, 8000)
    network.allow(network.group, 8000, cidr=controller)
    assert reachable(host.address, 8000)
    network.forbid(network.group, 8000, cidr=controller)
    assert not reachable(host.address, 8000)


def test_security_group_between_hosts(network, web):
    one, two = web["13"], web["12"]
    ask = f"curl -s -o /dev/null -m 3 {two.private_address}:8000 && echo yes || echo no"
    assert one.ssh(ask) == "no"
    network.allow(network.group, 8000, group=network.group)
    assert one.ssh(ask) == "yes"
    assert not reachable(two.address, 8000)
    network.forbid(network.group, 8000, group=network.group)
    assert one.ssh(ask) == "no"


def test_prefix_list_lets_the_edge_in(lab, network, web):
    host = web["13"]
    filters = [{"Name": "prefix-list-name", "Values": ["com.amazonaws.global.cloudfront.origin-facing"]}]
    found = network.ec2.describe_managed_prefix_lists(Filters=filters)["PrefixLists"][0]["PrefixListId"]
    network.allow(network.group, 8000, prefix_list=found)
    ask = ["ip", "netns", "exec", f"slw{lab.number}", "curl", "-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}"]
    url = f"http://{host.address}:8000/"
    assert run(*ask, "--interface", "13.124.199.10", url) == "200"
    assert run(*ask, url, check=False) == "000"
    assert not reachable(host.address, 8000)


def test_elastic_address_moves_at_once(lab, network, hosts):
    ec2, one, two = network.ec2, hosts["13"], hosts["12"]
    ids = [host.ssh("cat /etc/machine-id") for host in (one, two)]
    assert ids[0] != ids[1]
    address = ec2.allocate_address(Domain="vpc")
    name = f"ec2-{address['PublicIp'].replace('.', '-')}.compute-1.amazonaws.com"
    assert not reachable(address["PublicIp"], 22)
    for host, machine_id in zip((one, two), ids, strict=True):
        ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=host.id, AllowReassociation=True)
        assert host.address == address["PublicIp"]
        assert socket.gethostbyname(name) == address["PublicIp"]
        assert host.ssh("cat /etc/machine-id") == machine_id
        # Inside, the name means the private address.
        assert host.ssh(f"getent hosts {name}").split()[0] == host.private_address
    association = ec2.describe_addresses(AllocationIds=[address["AllocationId"]])["Addresses"][0]["AssociationId"]
    ec2.disassociate_address(AssociationId=association)
    assert not reachable(address["PublicIp"], 22)
    assert name not in Path("/etc/hosts").read_text()
    ec2.release_address(AllocationId=address["AllocationId"])
    for host in (one, two):
        if "PublicIpAddress" not in host.description:
            replacement = ec2.allocate_address(Domain="vpc")["AllocationId"]
            ec2.associate_address(AllocationId=replacement, InstanceId=host.id)


def test_host_in_a_private_subnet(network, hosts):
    private = network.launch("13", SubnetId=network.private)
    private.wait("instance_status_ok")
    assert "PublicIpAddress" not in private.description
    network.allow(network.group, 22, group=network.group)
    banner = f"timeout 5 bash -c 'head -c 4 </dev/tcp/{private.private_address}/22'"
    assert hosts["13"].ssh(banner) == "SSH-"
    network.forbid(network.group, 22, group=network.group)
    network.ec2.terminate_instances(InstanceIds=[private.id])


def test_networks_of_equal_addresses_live_side_by_side(lab, network, hosts):
    twin = Network(lab)
    host = twin.launch("13", PrivateIpAddress=hosts["13"].private_address)
    host.wait("instance_status_ok")
    assert host.metadata("meta-data/instance-id") == host.id
    assert hosts["13"].metadata("meta-data/instance-id") == hosts["13"].id
    twin.ec2.terminate_instances(InstanceIds=[host.id])
    host.wait("instance_terminated")


# Volumes, and what an instance lives through

MOUNTED = "findmnt -no TARGET /data && cat /data/kept"


@pytest.fixture(scope="module")
def volume(network):
    volume = network.ec2.create_volume(Size=1, AvailabilityZone="us-east-1a", VolumeType="gp3", Encrypted=True)
    return volume["VolumeId"]


def link(volume: str) -> str:
    return f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume.replace('-', '')}"


def test_volume_is_a_disk_of_the_host(network, hosts, volume):
    host = hosts["13"]
    network.ec2.attach_volume(VolumeId=volume, InstanceId=host.id, Device="/dev/sdf")
    assert host.ssh(f"sudo blockdev --getsize64 {link(volume)}") == str(1024**3)
    host.ssh(f"sudo mkfs.ext4 -q {link(volume)} && sudo mkdir /data")
    host.ssh(f"echo '{link(volume)} /data ext4 defaults,nofail 0 2' | sudo tee -a /etc/fstab")
    host.ssh("sudo mount /data && echo kept | sudo tee /data/kept")
    assert host.ssh(MOUNTED) == "/data\nkept"


def boots(host: Host) -> str:
    return host.ssh("cat /proc/sys/kernel/random/boot_id")


def test_reboot(network, hosts):
    host = hosts["13"]
    first = boots(host)
    network.ec2.reboot_instances(InstanceIds=[host.id])
    eventually(lambda: boots(host) != first)
    assert host.ssh("systemctl is-system-running --wait") == "running"
    assert host.ssh(MOUNTED) == "/data\nkept"

    second = boots(host)
    host.ssh("sudo systemctl reboot", check=False, again=False)
    eventually(lambda: boots(host) != second)
    assert host.state == "running"
    assert host.ssh(MOUNTED) == "/data\nkept"


def test_stop_and_start(network, hosts):
    host = hosts["13"]
    private_address = host.private_address
    network.ec2.stop_instances(InstanceIds=[host.id])
    host.wait("instance_stopped")
    assert run("podman", "ps", "-q", "--filter", f"name={host.id}") == ""
    network.ec2.start_instances(InstanceIds=[host.id])
    host.wait("instance_status_ok")
    assert host.private_address == private_address
    assert host.ssh(MOUNTED) == "/data\nkept"
    assert host.ssh("cat /etc/user-data-was-here") == "from user data"


def test_power_off_from_inside(network, hosts):
    host = hosts["12"]
    host.ssh("sudo systemctl poweroff", check=False, again=False)
    host.wait("instance_stopped")
    assert host.description["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    network.ec2.start_instances(InstanceIds=[host.id])
    host.wait("instance_status_ok")
    assert host.ssh("true") == ""


def test_mounted_volume_stays_busy(network, hosts, volume):
    host, ec2 = hosts["13"], network.ec2
    ec2.detach_volume(VolumeId=volume)
    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Attachments"][0]["State"] == "busy"
    assert host.ssh(MOUNTED) == "/data\nkept"
    host.ssh("sudo umount /data")
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=WAITER)
    assert host.ssh(f"test -e {link(volume)} || echo gone") == "gone"


def test_snapshot_holds_the_bytes(network, hosts, volume):
    host, ec2 = hosts["12"], network.ec2
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig=WAITER)
    copy = ec2.create_volume(SnapshotId=snapshot, AvailabilityZone="us-east-1a")["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[copy], WaiterConfig=WAITER)
    ec2.attach_volume(VolumeId=copy, InstanceId=host.id, Device="/dev/sdf")
    assert host.ssh(f"sudo mount {link(copy)} /mnt && cat /mnt/kept && sudo umount /mnt") == "kept"
    ec2.detach_volume(VolumeId=copy)
    ec2.delete_volume(VolumeId=copy)
    ec2.delete_snapshot(SnapshotId=snapshot)


def test_volume_outlives_its_instance(network, hosts, volume):
    ec2, first, second = network.ec2, hosts["13"], hosts["12"]
    ec2.attach_volume(VolumeId=volume, InstanceId=first.id, Device="/dev/sdf")
    first.ssh("sudo mount /data")
    ec2.terminate_instances(InstanceIds=[first.id])
    first.wait("instance_terminated")
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=WAITER)
    assert run("podman", "ps", "-aq", "--filter", f"name={first.id}") == ""
    ec2.attach_volume(VolumeId=volume, InstanceId=second.id, Device="/dev/sdf")
    assert second.ssh(f"sudo mount {link(volume)} /mnt && cat /mnt/kept") == "kept"


def test_images_the_lab_cannot_boot(lab, network):
    ssm = lab.client("ssm")
    ubuntu = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    arm = "/aws/service/debian/release/13/latest/arm64"
    for parameter, machine, code in (
        (ubuntu, "t3.micro", "UnsupportedOperation"),
        (arm, "t4g.micro", "InsufficientInstanceCapacity"),
    ):
        image = ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
        with pytest.raises(ClientError, match=code):
            network.launch("13", ImageId=image, InstanceType=machine)


# The lab


def test_started_again_it_is_quiet(lab):
    (lab.directory / "env").unlink()
    assert lab.command("start") == ""
    assert (lab.directory / "env").exists()
    assert "answers at" in lab.command("status")


def test_two_labs_do_not_reach_each_other(lab, hosts):
    other = Lab(lab_name("two"))
    try:
        other.start()
        import_key(other)
        network = Network(other)
        stranger = network.launch("13")
        stranger.wait("instance_status_ok")
        network.allow(network.group, 22, cidr="0.0.0.0/0")
        assert reachable(stranger.address, 22)
        neighbour = hosts["12"]
        for address in (stranger.address, f"10.90.{other.number}.2", f"10.90.{other.number}.1"):
            for port in (22, 443):
                banner = f"timeout 3 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null && echo reached || echo no"
                assert neighbour.ssh(banner) == "no"
    finally:
        other.command("stop")
        shutil.rmtree(other.directory)
    assert neighbour.ssh("echo still here") == "still here"


def test_stop_leaves_nothing_even_of_a_dead_lab(lab, hosts, volume):
    number = lab.number
    os.kill(int((lab.directory / "server.pid").read_text()), signal.SIGKILL)
    assert left_of(number, lab.directory)
    lab.command("stop")
    assert left_of(number, lab.directory) == []
    assert sorted(path.name for path in lab.directory.iterdir()) == ["command.lock", "server.log"]
