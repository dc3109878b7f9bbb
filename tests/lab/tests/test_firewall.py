# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import re

import pytest

from slipway_lab.firewall import HostRules
from slipway_lab.firewall import Rule
from slipway_lab.firewall import render

EVERYTHING = Rule("-1", None, None, ("0.0.0.0/0",))


def host(**options):
    return HostRules(
        **{
            "interface": "h-web",
            "private_address": "10.0.0.4",
            "public_address": None,
            "outgoing_address": None,
            "ingress": (),
            "egress": (EVERYTHING,),
        }
        | options
    )


def chain(text: str, name: str) -> list[str]:
    body = re.search(rf"^  chain {name} \{{\n(.*?)^  \}}", text, re.MULTILINE | re.DOTALL)
    assert body, f"no chain {name} in:\n{text}"
    return [line.strip() for line in body[1].splitlines()]


@pytest.mark.parametrize(
    ("rule", "statements"),
    [
        (Rule("tcp", 22, 22, ("192.0.2.0/24",)), ["ip saddr 192.0.2.0/24 tcp dport 22 accept"]),
        (Rule("tcp", 80, 81, ("0.0.0.0/0",)), ["tcp dport 80-81 accept"]),
        (Rule("6", 80, 80, ("0.0.0.0/0",)), ["tcp dport 80 accept"]),
        (Rule("tcp", 0, 65535, ("0.0.0.0/0",)), ["ip protocol tcp accept"]),
        (Rule("udp", 53, 53, ("192.0.2.1/32",)), ["ip saddr 192.0.2.1/32 udp dport 53 accept"]),
        (Rule("icmp", -1, -1, ("0.0.0.0/0",)), ["ip protocol icmp accept"]),
        (Rule("icmp", 8, -1, ("0.0.0.0/0",)), ["icmp type 8 accept"]),
        (Rule("50", None, None, ("192.0.2.1/32",)), ["ip saddr 192.0.2.1/32 ip protocol 50 accept"]),
        (Rule("-1", None, None, ("10.0.0.5",)), ["ip saddr 10.0.0.5 accept"]),
        (
            Rule("tcp", 80, 80, ("192.0.2.0/24", "10.0.0.5")),
            ["ip saddr 10.0.0.5 tcp dport 80 accept", "ip saddr 192.0.2.0/24 tcp dport 80 accept"],
        ),
        # A group without members, and addresses of the other protocol, open nothing.
        (Rule("tcp", 22, 22, ()), []),
        (Rule("tcp", 22, 22, ("::/0",)), []),
    ],
)
def test_ingress_rule(rule, statements):
    assert chain(render([host(ingress=(rule,))]), "in_h_web") == [*statements, "drop"]


def test_egress_lets_the_rest_of_the_path_decide():
    text = render([host(egress=(Rule("tcp", 443, 443, ("192.0.2.0/24",)),))])
    assert chain(text, "out_h_web") == ["ip daddr 192.0.2.0/24 tcp dport 443 return", "drop"]


def test_public_address_is_translated_both_ways():
    text = render([host(public_address="10.90.1.16", outgoing_address="10.90.1.16")])
    assert "dnat to ip daddr map { 10.90.1.16 : 10.0.0.4 }" in chain(text, "prerouting")
    assert 'oifname "wan" snat to ip saddr map { 10.0.0.4 : 10.90.1.16 }' in chain(text, "postrouting")
    assert 'oifname "wan" ip saddr { 10.0.0.4 } accept' in chain(text, "forward")


def test_host_behind_a_nat_gateway_goes_out_but_is_not_reached():
    text = render([host(outgoing_address="10.90.1.20")])
    assert not any("dnat" in line for line in chain(text, "prerouting"))
    assert 'oifname "wan" snat to ip saddr map { 10.0.0.4 : 10.90.1.20 }' in chain(text, "postrouting")


def test_host_without_a_way_out_stays_in():
    text = render([host()])
    assert not any("wan" in line for line in chain(text, "forward"))


def test_everything_else_is_dropped():
    text = render([])
    assert chain(text, "forward")[0].endswith("policy drop;")
    assert chain(text, "input")[0].endswith("policy drop;")


def test_hosts_cannot_speak_in_anothers_name():
    assert 'iifname "h-web" ip saddr != 10.0.0.4 drop' in chain(render([host()]), "spoofed")


def test_order_of_hosts_does_not_matter():
    hosts = [host(interface="h-b", private_address="10.0.0.5"), host(interface="h-a")]
    assert render(hosts) == render(reversed(hosts))
