# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest
from dnslib import QTYPE
from dnslib import RCODE
from dnslib import DNSRecord

from slipway_lab.dns import answer
from slipway_lab.dns import resolvers

NAMES = {"web.example": "10.0.0.4", "ec2-10-90-1-16.compute-1.amazonaws.com": "10.0.0.4"}
API = "10.90.1.2"


def ask(name, kind="A"):
    return answer(DNSRecord.question(name, kind), NAMES.get, API)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("web.example", "10.0.0.4"),
        ("WEB.example.", "10.0.0.4"),
        ("ec2-10-90-1-16.compute-1.amazonaws.com", "10.0.0.4"),
        ("secretsmanager.us-east-1.amazonaws.com", API),
        ("my.bucket.s3.us-east-1.amazonaws.com", API),
    ],
)
def test_addresses(name, address):
    assert [str(record.rdata) for record in ask(name).rr] == [address]


def test_other_kinds_of_records_are_empty_not_absent():
    reply = ask("web.example", "AAAA")
    assert (reply.header.rcode, reply.rr) == (RCODE.NOERROR, [])
    assert reply.q.qtype == QTYPE.AAAA


def test_an_instance_that_is_gone_does_not_exist():
    reply = ask("ec2-10-90-1-99.compute-1.amazonaws.com")
    assert (reply.header.rcode, reply.rr) == (RCODE.NXDOMAIN, [])


def test_other_names_are_for_the_machines_resolvers():
    assert ask("deb.debian.org") is None
    assert ask("notamazonaws.com") is None


def test_resolvers():
    assert resolvers("# x\nsearch a\nnameserver 192.0.2.1\nnameserver ::1\noptions ndots:1\n") == ["192.0.2.1", "::1"]
