# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
import uuid

import pytest
from botocore.exceptions import ClientError
from dnslib import RCODE
from dnslib import DNSRecord

from slipway_lab import zones
from slipway_lab.dns import answer_from_zones

ZONE = "example.com."
NS = {"Name": ZONE, "Type": "NS", "TTL": 172800, "ResourceRecords": [{"Value": "ns-1.awsdns-01.com."}]}
SOA = {"Name": ZONE, "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": "ns-1 x 1 7200 900 1209600 86400"}]}


def record(name="www.example.com", record_type="A", *values, ttl=300):
    values = values or ("192.0.2.1",)
    return {"Name": name, "Type": record_type, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values]}


def alias(name="www.example.com", target="d1.cloudfront.net", zone="Z2FDTNDATAQYW2"):
    target = {"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": False}
    return {"Name": name, "Type": "A", "AliasTarget": target}


def change(action, record_set):
    return {"Action": action, "ResourceRecordSet": record_set}


@pytest.mark.parametrize(
    ("name", "kept"),
    [("WWW.Example.com", "www.example.com."), ("*.example.com.", "\\052.example.com."), ("\\052.a.b", "\\052.a.b.")],
)
def test_how_names_are_kept(name, kept):
    assert zones.normalised(name) == kept


@pytest.mark.parametrize(
    ("current", "changes", "said"),
    [
        ([], [change("CREATE", record("www.example.org"))], "not permitted in zone"),
        ([record()], [change("CREATE", record("WWW.example.com"))], "but it already exists"),
        ([], [change("DELETE", record())], "but it was not found"),
        ([record()], [change("DELETE", record(ttl=60))], "values provided do not match"),
        ([], [change("UPSERT", record("example.com", "CNAME", "a.b"))], "not permitted at apex"),
        ([record()], [change("CREATE", record("www.example.com", "CNAME", "a.b"))], "conflicting"),
        ([], [change("CREATE", record("x.example.com", "TXT", "bare"))], "InvalidCharacterString"),
        ([], [change("CREATE", record("x.example.com", "A", "::1"))], "not a valid address"),
        ([], [change("CREATE", record("x.example.com", "A", "192.0.2.1", "192.0.2.1"))], "Duplicate"),
        ([], [change("CREATE", {**record(), **alias()})], "found more than one"),
        ([], [change("CREATE", {"Name": "x.example.com", "Type": "A"})], "found none"),
        ([], [change("CREATE", alias(zone="Z1"))], "does not lie within the target zone"),
        ([], [change("DELETE", NS)], "must contain at least one NS"),
        ([], [change("UPSERT", record(f"n{i}.example.com")) for i in range(501)], "limit of 1000"),
        ([], [change("UPSERT", record("x.example.com", "TXT", f'"{"x" * 16000}"'))], "limit of 32000"),
    ],
)
def test_what_is_refused(current, changes, said):
    current = [{**item, "Name": zones.normalised(item["Name"])} for item in [NS, SOA, *current]]
    with pytest.raises(zones.InvalidChange) as raised:
        zones.apply(ZONE, current, changes)
    assert said in str(raised.value)


def test_a_name_changes_from_cname_to_address_in_one_batch():
    current = [NS, SOA, record("www.example.com.", "CNAME", "old.example.net")]
    changes = [change("DELETE", current[2]), change("CREATE", record())]
    assert [item["Type"] for item in zones.apply(ZONE, current, changes)] == ["NS", "SOA", "A"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("www.example.com.", ["www.example.com."]),
        ("else.example.com.", ["\\052.example.com."]),
        ("deep.else.example.com.", ["\\052.example.com."]),
        # There is something below it: no wildcard.
        ("sub.example.com.", []),
    ],
)
def test_wildcards(name, found):
    records = [record("www.example.com."), record("\\052.example.com."), record("a.sub.example.com.")]
    assert [item["Name"] for item in zones.find(records, name)] == found


# --- with the API ----------------------------------------------------------------------------------------------


class Domain:
    def __init__(self, emulator):
        self.emulator = emulator
        self.dns = emulator.lab.public_dns
        self.route53 = emulator.client("route53")
        self.acm = emulator.client("acm")

    def zone(self, name):
        made = self.route53.create_hosted_zone(Name=name, CallerReference=str(uuid.uuid4()))
        return made["HostedZone"]["Id"], made["DelegationSet"]["NameServers"]

    def change(self, zone_id, *changes):
        return self.route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": list(changes)})

    def request(self, *names, **more):
        others = {"SubjectAlternativeNames": list(names[1:])} if names[1:] else {}
        arn = self.acm.request_certificate(DomainName=names[0], ValidationMethod="DNS", **others, **more)
        return arn["CertificateArn"]

    def certificate(self, arn):
        return self.acm.describe_certificate(CertificateArn=arn)["Certificate"]

    def validate(self, zone_id, arn):
        """Make the records that validate a certificate."""
        records = {item["ResourceRecord"]["Name"]: item["ResourceRecord"] for item in self.options(arn)}
        for item in records.values():
            self.change(zone_id, change("UPSERT", record(item["Name"], "CNAME", item["Value"])))

    def options(self, arn):
        return self.certificate(arn)["DomainValidationOptions"]


@pytest.fixture
def domain(emulator):
    made = Domain(emulator)
    yield made
    made.emulator.lab.delays.mode = "off"
    for name in list(made.dns.delegations()):
        made.dns.delegate(name, [])
    for zone in made.route53.list_hosted_zones()["HostedZones"]:
        listed = made.route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        for item in listed:
            if not (item["Name"] == zone["Name"] and item["Type"] in ("NS", "SOA")):
                made.change(zone["Id"], change("DELETE", item))
        made.route53.delete_hosted_zone(Id=zone["Id"])


def code(raised):
    return raised.value.response["Error"]["Code"]


def test_a_caller_reference_makes_one_zone_even_after_it_is_gone(domain):
    request = {"Name": "Once.example.", "CallerReference": "the same"}
    made = domain.route53.create_hosted_zone(**request)
    assert made["HostedZone"]["Name"] == "once.example."
    assert len(set(made["DelegationSet"]["NameServers"])) == 4
    for _ in range(2):
        with pytest.raises(ClientError) as raised:
            domain.route53.create_hosted_zone(**request)
        assert code(raised) == "HostedZoneAlreadyExists"
        if domain.route53.list_hosted_zones()["HostedZones"]:
            domain.route53.delete_hosted_zone(Id=made["HostedZone"]["Id"])


def test_zones_are_listed_by_name_from_one_on(domain):
    domain.zone("b.example")
    domain.zone("a.example")
    domain.zone("b.example")
    page = domain.route53.list_hosted_zones_by_name(DNSName="b.example", MaxItems="1")
    assert (page["HostedZones"][0]["Name"], page["IsTruncated"]) == ("b.example.", True)
    rest = domain.route53.list_hosted_zones_by_name(DNSName=page["NextDNSName"], HostedZoneId=page["NextHostedZoneId"])
    assert [zone["Name"] for zone in rest["HostedZones"]] == ["b.example."]
    assert rest["HostedZones"][0]["Id"] != page["HostedZones"][0]["Id"]


def test_a_batch_is_made_as_a_whole_or_not_at_all(domain):
    zone_id, _ = domain.zone("whole.example")
    with pytest.raises(ClientError) as raised:
        domain.change(
            zone_id,
            change("CREATE", record("a.whole.example")),
            change("DELETE", record("b.whole.example")),
        )
    assert code(raised) == "InvalidChangeBatch"
    listed = domain.route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    assert [item["Type"] for item in listed] == ["NS", "SOA"]
    domain.change(zone_id, change("CREATE", record("*.whole.example", "TXT", '"x"')))
    with pytest.raises(ClientError) as raised:
        domain.route53.delete_hosted_zone(Id=zone_id)
    assert code(raised) == "HostedZoneNotEmpty"
    listed = domain.route53.list_resource_record_sets(HostedZoneId=zone_id, StartRecordName="*.whole.example")
    assert listed["ResourceRecordSets"][0]["Name"] == "\\052.whole.example."


def test_a_change_takes_its_time(domain):
    zone_id, servers = domain.zone("slow.example")
    domain.dns.delegate("slow.example", servers)
    domain.emulator.lab.delays.mode = "scaled"
    made = domain.change(zone_id, change("CREATE", record("www.slow.example")))["ChangeInfo"]
    assert made["Status"] == "PENDING"
    assert domain.dns.look_up("www.slow.example", "A").values == []
    domain.route53.get_waiter("resource_record_sets_changed").wait(
        Id=made["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    assert domain.dns.look_up("www.slow.example", "A").values == ["192.0.2.1"]
    with pytest.raises(ClientError) as raised:
        domain.route53.get_change(Id="C0")
    assert code(raised) == "NoSuchChange"


def test_names_are_seen_when_the_domain_is_delegated(domain):
    names = domain.emulator.lab.names
    zone_id, servers = domain.zone("seen.example")
    domain.change(
        zone_id,
        change("CREATE", record("www.seen.example")),
        change("CREATE", record("also.seen.example", "CNAME", "www.seen.example")),
        change("CREATE", record("*.all.seen.example", "A", "192.0.2.2")),
    )
    assert domain.dns.look_up("www.seen.example", "A") is None
    assert names.resolve("www.seen.example") is None
    # To the name servers of somebody else
    domain.dns.delegate("seen.example", ["ns-1.elsewhere.example"])
    assert names.resolve("www.seen.example") is None
    domain.dns.delegate("seen.example", servers)
    assert names.resolve("www.seen.example") == "192.0.2.1"
    assert names.resolve("also.seen.example") == "192.0.2.1"
    assert names.resolve("x.all.seen.example") == "192.0.2.2"
    domain.change(zone_id, change("DELETE", record("www.seen.example")))
    assert names.resolve("www.seen.example") is None


def test_a_domain_below_is_delegated_by_records(domain):
    above_id, _ = domain.zone("above.example")
    below_id, servers = domain.zone("below.above.example")
    domain.change(below_id, change("CREATE", record("www.below.above.example")))
    domain.dns.delegate("above.example")
    assert domain.dns.look_up("www.below.above.example", "A").exists is False
    domain.change(above_id, change("CREATE", record("below.above.example", "NS", *servers)))
    assert domain.dns.look_up("www.below.above.example", "A").values == ["192.0.2.1"]


def test_an_alias_answers_with_its_targets_address(domain):
    names = domain.emulator.lab.names
    zone_id, servers = domain.zone("front.example")
    domain.dns.delegate("front.example", servers)
    names.publish("d1front.cloudfront.net", "10.90.250.3")
    domain.change(zone_id, change("CREATE", alias("front.example", "D1front.cloudfront.net")))
    assert names.resolve("front.example") == "10.90.250.3"
    assert domain.dns.look_up("front.example", "AAAA").values == []
    names.withdraw("d1front.cloudfront.net")


def ask(domain, name, kind):
    reply = answer_from_zones(DNSRecord.question(name, kind), domain.dns.look_up)
    return reply and (reply.header.rcode, [str(item.rdata) for item in reply.rr])


def test_what_hosts_are_told(domain):
    zone_id, servers = domain.zone("told.example")
    domain.change(
        zone_id,
        change("CREATE", record("_acme-challenge.told.example", "TXT", '"one two"')),
        change("CREATE", record("a.told.example", "CNAME", "b.told.example")),
        change("CREATE", record("b.told.example")),
        change("CREATE", record("*.w.told.example")),
    )
    assert ask(domain, "b.told.example", "A") is None
    domain.dns.delegate("told.example", servers)
    assert ask(domain, "_ACME-challenge.told.example", "TXT") == (RCODE.NOERROR, ['"one two"'])
    assert ask(domain, "a.told.example", "A") == (RCODE.NOERROR, ["b.told.example.", "192.0.2.1"])
    assert ask(domain, "x.w.told.example", "A") == (RCODE.NOERROR, ["192.0.2.1"])
    assert ask(domain, "b.told.example", "AAAA") == (RCODE.NOERROR, [])
    assert ask(domain, "none.told.example", "A") == (RCODE.NXDOMAIN, [])
    assert len(ask(domain, "told.example", "NS")[1]) == 4


def test_a_certificate_is_issued_when_the_public_sees_its_records(domain):
    zone_id, servers = domain.zone("issue.example")
    arn = domain.request("issue.example", "*.issue.example", "www.issue.example", KeyAlgorithm="EC_prime256v1")
    certificate = domain.certificate(arn)
    assert (certificate["Status"], certificate["KeyAlgorithm"]) == ("PENDING_VALIDATION", "EC-prime256v1")
    assert "NotAfter" not in certificate
    records = [option["ResourceRecord"]["Name"] for option in domain.options(arn)]
    assert (len(records), len(set(records))) == (3, 2)
    domain.validate(zone_id, arn)
    assert domain.certificate(arn)["Status"] == "PENDING_VALIDATION"
    domain.emulator.lab.delays.mode = "scaled"
    domain.dns.delegate("issue.example", servers)
    assert domain.certificate(arn)["Status"] == "PENDING_VALIDATION"
    domain.acm.get_waiter("certificate_validated").wait(
        CertificateArn=arn, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    assert "NotAfter" in domain.certificate(arn)
    domain.acm.delete_certificate(CertificateArn=arn)


@pytest.mark.parametrize(
    ("caa", "status"),
    [
        (['0 issue "letsencrypt.org"'], "FAILED"),
        (['0 issue ";"'], "FAILED"),
        (['0 issue "letsencrypt.org"', '0 issue "amazon.com"'], "ISSUED"),
        (['0 issue "amazon.com"', '0 issuewild ";"'], "ISSUED"),
        (['0 iodef "mailto:a@caa.example"'], "ISSUED"),
    ],
)
def test_caa_records_are_obeyed(domain, caa, status):
    zone_id, servers = domain.zone("caa.example")
    domain.dns.delegate("caa.example", servers)
    domain.change(zone_id, change("CREATE", record("caa.example", "CAA", *caa)))
    arn = domain.request("www.caa.example")
    domain.validate(zone_id, arn)
    certificate = domain.certificate(arn)
    assert certificate["Status"] == status
    assert certificate.get("FailureReason") == ("CAA_ERROR" if status == "FAILED" else None)
    domain.acm.delete_certificate(CertificateArn=arn)


def test_a_token_makes_one_certificate_as_long_as_it_is_there(domain):
    arn = domain.request("token.example", IdempotencyToken="t1")
    assert domain.request("token.example", IdempotencyToken="t1") == arn
    domain.acm.delete_certificate(CertificateArn=arn)
    another = domain.request("token.example", IdempotencyToken="t1")
    assert another != arn
    domain.acm.delete_certificate(CertificateArn=another)


def test_keys_of_other_kinds_are_listed_only_if_asked_for(domain):
    arn = domain.request("key.example", KeyAlgorithm="EC_prime256v1")

    def listed(**query):
        return [item["CertificateArn"] for item in domain.acm.list_certificates(**query)["CertificateSummaryList"]]

    assert arn not in listed()
    assert arn in listed(Includes={"keyTypes": ["EC_prime256v1"]})
    domain.acm.delete_certificate(CertificateArn=arn)


def test_records_are_told_after_a_while(domain):
    domain.emulator.lab.delays.mode = "aws"
    arn = domain.request("later.example")
    assert "ResourceRecord" not in domain.options(arn)[0]
    domain.acm.delete_certificate(CertificateArn=arn)


def put(emulator, body):
    request = urllib.request.Request(f"{emulator.url}/_lab/delegations", json.dumps(body).encode(), method="PUT")
    tls = ssl.create_default_context(cafile=str(emulator.lab.ca.certificate_file))
    with urllib.request.urlopen(request, context=tls) as response:
        return json.load(response)


def test_a_person_delegates_a_domain(domain):
    _, servers = domain.zone("person.example")
    told = put(domain.emulator, {"zone": "person.example"})
    assert told["name_servers"] == sorted(f"{server}." for server in servers)
    assert put(domain.emulator, {"zone": "person.example", "name_servers": []})["name_servers"] == []
    with pytest.raises(urllib.error.HTTPError) as raised:
        put(domain.emulator, {"zone": "nobody.example"})
    assert raised.value.code == 400


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "route53:ChangeResourceRecordSets",
            "Resource": "arn:aws:route53:::hostedzone/{zone}",
            "Condition": {
                "ForAllValues:StringEquals": {
                    "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["_acme-challenge.o.limit.example"],
                    "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"],
                    "route53:ChangeResourceRecordSetsActions": ["UPSERT", "DELETE"],
                }
            },
        },
        {"Effect": "Allow", "Action": "route53:GetChange", "Resource": "arn:aws:route53:::change/*"},
    ],
}


def test_a_role_that_may_change_one_record_only(domain):
    zone_id, _ = domain.zone("limit.example")
    iam = domain.emulator.client("iam")
    iam.create_user(UserName="limited")
    document = json.dumps(POLICY).replace("{zone}", zone_id.rpartition("/")[2])
    iam.put_user_policy(UserName="limited", PolicyName="records", PolicyDocument=document)
    key = iam.create_access_key(UserName="limited")["AccessKey"]
    limited = domain.emulator.client(
        "route53", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )

    def allowed(action, record_set):
        try:
            made = limited.change_resource_record_sets(
                HostedZoneId=zone_id, ChangeBatch={"Changes": [change(action, record_set)]}
            )
        except limited.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False
        limited.get_change(Id=made["ChangeInfo"]["Id"])
        return True

    challenge = record("_ACME-challenge.o.limit.example.", "TXT", '"x"')
    assert allowed("UPSERT", challenge)
    assert allowed("DELETE", challenge)
    assert not allowed("CREATE", challenge)
    assert not allowed("UPSERT", record("o.limit.example"))
    assert not allowed("UPSERT", record("_acme-challenge.o.limit.example", "A"))
    with pytest.raises(ClientError):
        limited.list_resource_record_sets(HostedZoneId=zone_id)
    iam.delete_access_key(UserName="limited", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="limited", PolicyName="records")
    iam.delete_user(UserName="limited")
