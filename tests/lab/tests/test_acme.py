# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import hashlib
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from slipway_lab.acme import AcmeServer
from slipway_lab.acme import decode
from slipway_lab.acme import encode
from slipway_lab.ca import Authority
from slipway_lab.public_dns import Answer

BASE = "https://10.90.250.2"
NAME = "origin.shop.example"


def number(value):
    return encode(value.to_bytes((value.bit_length() + 7) // 8))


class Client:
    """The least of an ACME client."""

    def __init__(self, server, key):
        self.server, self.key = server, key
        self.kid = None
        self.nonce = self.raw("HEAD", "/_acme/nonce").headers["Replay-Nonce"]

    @property
    def jwk(self):
        numbers = self.key.public_key().public_numbers()
        if isinstance(self.key, rsa.RSAPrivateKey):
            return {"kty": "RSA", "e": number(numbers.e), "n": number(numbers.n)}
        return {"kty": "EC", "crv": "P-256", "x": encode(numbers.x.to_bytes(32)), "y": encode(numbers.y.to_bytes(32))}

    @property
    def thumbprint(self):
        text = json.dumps(self.jwk, separators=(",", ":"), sort_keys=True)
        return encode(hashlib.sha256(text.encode()).digest())

    def sign(self, signed):
        if isinstance(self.key, rsa.RSAPrivateKey):
            return "RS256", self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return "ES256", r.to_bytes(32) + s.to_bytes(32)

    def raw(self, method, path, body=b""):
        return self.server.answer(method, BASE, path, body)

    def post(self, url, payload, changes=None):
        algorithm = "RS256" if isinstance(self.key, rsa.RSAPrivateKey) else "ES256"
        who = {"kid": self.kid} if self.kid else {"jwk": self.jwk}
        header = {"alg": algorithm, "nonce": self.nonce, "url": url, **who, **(changes or {})}
        protected = encode(json.dumps(header).encode())
        content = "" if payload is None else encode(json.dumps(payload).encode())
        _, signature = self.sign(f"{protected}.{content}".encode())
        body = json.dumps({"protected": protected, "payload": content, "signature": encode(signature)}).encode()
        answer = self.raw("POST", url.removeprefix(BASE), body)
        self.nonce = answer.headers["Replay-Nonce"]
        document = answer.body if answer.headers["Content-Type"].endswith("chain") else json.loads(answer.body)
        return answer.status, document, answer.headers

    def register(self):
        status, _, headers = self.post(f"{BASE}/_acme/account", {"termsOfServiceAgreed": True})
        self.kid = headers["Location"]
        return status

    def order(self, *names):
        identifiers = [{"type": "dns", "value": name} for name in names]
        _, order, headers = self.post(f"{BASE}/_acme/order", {"identifiers": identifiers})
        return order, headers["Location"]


class Dns:
    def __init__(self):
        self.texts = {}

    def look_up(self, name, record_type):
        assert record_type == "TXT"
        if name not in self.texts:
            return Answer(exists=False)
        return Answer(True, tuple((name, "TXT", 10, f'"{text}"') for text in self.texts[name]))


@pytest.fixture
def dns():
    return Dns()


@pytest.fixture
def server(tmp_path, dns):
    return AcmeServer(Authority(tmp_path, "unit"), dns)


@pytest.fixture
def client(server):
    made = Client(server, ec.generate_private_key(ec.SECP256R1()))
    made.register()
    return made


def csr(*names):
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    request = request.add_extension(names, critical=False).sign(key, hashes.SHA256())
    return encode(request.public_bytes(serialization.Encoding.DER)), key


def prove(client, dns, order, wrong=False):
    for url in order["authorizations"]:
        _, authorization, _ = client.post(url, None)
        challenge = authorization["challenges"][0]
        text = encode(hashlib.sha256(f"{challenge['token']}.{client.thumbprint}".encode()).digest())
        name = f"_acme-challenge.{authorization['identifier']['value']}"
        dns.texts.setdefault(name, []).append("wrong" if wrong else text)
        client.post(challenge["url"], {})
    return client.post(order["authorizations"][-1], None)[1]


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())],
    ids=["RS256", "ES256"],
)
def test_a_certificate_for_who_controls_the_name(server, dns, key, tmp_path):
    client = Client(server, key)
    assert (client.register(), client.register()) == (201, 200)
    order, url = client.order(NAME)
    assert order["status"] == "pending"
    assert prove(client, dns, order)["status"] == "valid"
    assert client.post(url, None)[1]["status"] == "ready"
    request, own_key = csr(NAME)
    _, order, _ = client.post(order["finalize"], {"csr": request})
    assert order["status"] == "valid"
    _, chain, _ = client.post(order["certificate"], None)
    leaf, root = x509.load_pem_x509_certificates(chain)
    leaf.verify_directly_issued_by(root)
    assert root == x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert leaf.public_key() == own_key.public_key()


def test_a_domain_and_its_wildcard_have_two_texts_at_one_name(client, dns):
    order, url = client.order("shop.example", "*.shop.example")
    prove(client, dns, order)
    assert client.post(url, None)[1]["status"] == "ready"
    assert len(dns.texts["_acme-challenge.shop.example"]) == 2


@pytest.mark.parametrize("texts", [None, "wrong"])
def test_without_the_text_there_is_no_certificate(client, dns, texts):
    order, url = client.order(NAME)
    if texts:
        authorization = prove(client, dns, order, wrong=True)
    else:
        _, authorization, _ = client.post(order["authorizations"][0], None)
        client.post(authorization["challenges"][0]["url"], {})
        _, authorization, _ = client.post(order["authorizations"][0], None)
    assert authorization["status"] == "invalid"
    said = "has ['wrong']" if texts else "does not exist"
    assert said in authorization["challenges"][0]["error"]["detail"]
    assert client.post(url, None)[1]["status"] == "invalid"
    status, problem, _ = client.post(order["finalize"], {"csr": csr(NAME)[0]})
    assert (status, problem["type"]) == (403, "urn:ietf:params:acme:error:orderNotReady")


@pytest.mark.parametrize("names", [["other.example"], [NAME, "other.example"]])
def test_a_request_for_other_names_is_refused(client, dns, names):
    order, _ = client.order(NAME)
    prove(client, dns, order)
    assert client.post(order["finalize"], {"csr": csr(*names)[0]})[1]["type"].endswith("badCSR")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"nonce": "x"}, "badNonce"),
        ({"url": f"{BASE}/_acme/other"}, "unauthorized"),
        ({"kid": f"{BASE}/_acme/account/x"}, "accountDoesNotExist"),
        ({"alg": "none"}, "malformed"),
        ({"alg": "RS256"}, "malformed"),
    ],
)
def test_requests_that_are_not_signed_right(client, changes, kind):
    _, problem, _ = client.post(f"{BASE}/_acme/order", {"identifiers": []}, changes)
    assert problem["type"] == f"urn:ietf:params:acme:error:{kind}"


def test_a_nonce_is_used_once(client):
    nonce = client.nonce
    client.order(NAME)
    client.nonce = nonce
    assert client.post(f"{BASE}/_acme/order", {})[1]["type"].endswith("badNonce")


def test_an_order_of_somebody_else(client, server):
    _, url = client.order(NAME)
    other = Client(server, ec.generate_private_key(ec.SECP256R1()))
    other.register()
    assert other.post(url, None)[0] == 404


def test_a_signature_of_another_key(client):
    client.key = ec.generate_private_key(ec.SECP256R1())
    assert client.post(f"{BASE}/_acme/order", {})[1]["type"].endswith("malformed")


def test_base64_without_padding():
    assert [decode(encode(b"x" * size)) for size in range(5)] == [b"x" * size for size in range(5)]
