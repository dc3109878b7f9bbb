# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# A certificate authority that is asked by ACME (RFC 8555), in the place of Let's Encrypt's: it believes in a domain
# when the dns-01 challenge stands in the public DNS, and issues from the lab's authority.

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from slipway_lab.ca import Authority
    from slipway_lab.public_dns import PublicDns

PATH = "/_acme/"
_EXPIRES = "2099-01-01T00:00:00Z"


class Problem(Exception):
    """A refusal, as RFC 8555 section 6.7 names it."""

    def __init__(self, kind: str, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.status = kind, detail, status

    def document(self) -> dict[str, Any]:
        return {"type": f"urn:ietf:params:acme:error:{self.kind}", "detail": self.detail, "status": self.status}


@dataclass
class Account:
    id: str
    jwk: dict[str, str]

    @property
    def thumbprint(self) -> str:
        """RFC 7638: of the members that make the key, in one spelling."""
        members = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}[self.jwk["kty"]]
        text = json.dumps({name: self.jwk[name] for name in members}, separators=(",", ":"), sort_keys=True)
        return encode(hashlib.sha256(text.encode()).digest())


@dataclass
class Authorization:
    id: str
    account: str
    domain: str
    token: str = field(default_factory=lambda: encode(secrets.token_bytes(32)))
    status: str = "pending"
    error: dict[str, Any] | None = None


@dataclass
class Order:
    id: str
    account: str
    domains: list[str]
    authorizations: list[str]
    status: str = "pending"
    certificate: bytes | None = None


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]


class AcmeServer:
    def __init__(self, ca: Authority, dns: PublicDns) -> None:
        self._ca = ca
        self._dns = dns
        self._lock = threading.RLock()
        self._nonces: set[str] = set()
        self._accounts: dict[str, Account] = {}
        self._authorizations: dict[str, Authorization] = {}
        self._orders: dict[str, Order] = {}

    def answer(self, method: str, base: str, path: str, body: bytes) -> Answer:
        """The answer to a request; base is the server's URL as the client writes it, without a slash at the end."""
        url, root = f"{base}{path}", f"{base}{PATH}"
        with self._lock:
            try:
                status, document, headers = self._dispatch(method, root, url, path.removeprefix(PATH), body)
            except Problem as problem:
                status, document = problem.status, problem.document()
                headers = {"Content-Type": "application/problem+json"}
            headers = {"Content-Type": "application/json", "Cache-Control": "no-store"} | headers
            nonce = encode(secrets.token_bytes(16))
            self._nonces.add(nonce)
            headers["Replay-Nonce"] = nonce
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Answer(status, b"" if method == "HEAD" or status == 204 else content, headers)

    def _dispatch(self, method: str, root: str, url: str, path: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        if method in ("GET", "HEAD"):
            if path == "directory":
                names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order", "revokeCert": "revoke"}
                return 200, {name: f"{root}{place}" for name, place in names.items()} | {"meta": {}}, {}
            if path == "nonce":
                return 200 if method == "HEAD" else 204, {}, {}
            raise Problem("malformed", "Only the directory and nonces are asked for without a signature.", 405)
        kind, _, identifier = path.partition("/")
        payload, account, jwk = self._verify(url, body)
        if kind == "account" and not identifier:
            return self._new_account(root, jwk, payload)
        if account is None:
            raise Problem("unauthorized", "This needs an account.", 401)
        handlers: dict[str, Callable[..., tuple[int, Any, dict[str, str]]]] = {
            "account": lambda: (200, {"status": "valid"}, {}),
            "order": lambda: self._order(root, account, identifier, payload),
            "authorization": lambda: (200, self._authorization_document(root, account, identifier), {}),
            "challenge": lambda: self._challenge(root, account, identifier),
            "finalize": lambda: self._finalize(root, account, identifier, payload),
            "certificate": lambda: self._certificate(account, identifier),
        }
        if kind not in handlers:
            raise Problem("malformed", f"There is nothing at {url}.", 404)
        return handlers[kind]()

    # --- who asks

    def _verify(self, url: str, body: bytes) -> tuple[dict[str, Any], Account | None, dict[str, str]]:
        """The payload of a signed request, and the account or the new key that signed it."""
        try:
            jws = json.loads(body)
            header = json.loads(decode(jws["protected"]))
            signed = f"{jws['protected']}.{jws['payload']}".encode()
            signature = decode(jws["signature"])
        except (ValueError, KeyError, TypeError) as error:
            raise Problem("malformed", f"This is no signed request: {error}") from error
        if header.get("nonce") not in self._nonces:
            raise Problem("badNonce", "The nonce is not one of this server, or was used before.")
        self._nonces.discard(header["nonce"])
        if header.get("url") != url:
            raise Problem("unauthorized", f"Signed for {header.get('url')}, sent to {url}.", 401)
        account = None
        if "kid" in header:
            account = self._accounts.get(header["kid"].rpartition("/")[2])
            if account is None:
                raise Problem("accountDoesNotExist", "There is no such account.")
        jwk = account.jwk if account else header.get("jwk")
        if not isinstance(jwk, dict) or not verifies(jwk, header.get("alg"), signed, signature):
            raise Problem("malformed", "The signature is wrong.")
        payload = json.loads(decode(jws["payload"]) or b"{}")
        return payload, account, jwk

    def _new_account(self, root: str, jwk: dict[str, str], payload: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        account = Account("", jwk)
        account.id = account.thumbprint
        known = account.id in self._accounts
        if not known and payload.get("onlyReturnExisting"):
            raise Problem("accountDoesNotExist", "There is no account with this key.")
        self._accounts.setdefault(account.id, account)
        return 200 if known else 201, {"status": "valid"}, {"Location": f"{root}account/{account.id}"}

    # --- what is asked for

    def _order(
        self, root: str, account: Account, identifier: str, payload: dict[str, Any]
    ) -> tuple[int, Any, dict[str, str]]:
        if identifier:
            return 200, self._order_document(root, self._of(self._orders, account, identifier)), {}
        identifiers = payload.get("identifiers") or []
        domains = sorted({item["value"].lower() for item in identifiers if item.get("type") == "dns"})
        if not domains or len(domains) != len(identifiers):
            raise Problem("malformed", "An order is for domain names.")
        authorizations = []
        for domain in domains:
            made = Authorization(secrets.token_hex(8), account.id, domain)
            self._authorizations[made.id] = made
            authorizations.append(made.id)
        order = Order(secrets.token_hex(8), account.id, domains, authorizations)
        self._orders[order.id] = order
        return 201, self._order_document(root, order), {"Location": f"{root}order/{order.id}"}

    def _of(self, things: dict[str, Any], account: Account, identifier: str) -> Any:
        thing = things.get(identifier)
        if thing is None or thing.account != account.id:
            raise Problem("malformed", "There is no such thing of this account.", 404)
        return thing

    def _order_document(self, root: str, order: Order) -> dict[str, Any]:
        if order.status == "pending":
            states = {self._authorizations[item].status for item in order.authorizations}
            if "invalid" in states:
                order.status = "invalid"
            elif states == {"valid"}:
                order.status = "ready"
        document = {
            "status": order.status,
            "expires": _EXPIRES,
            "identifiers": [{"type": "dns", "value": domain} for domain in order.domains],
            "authorizations": [f"{root}authorization/{item}" for item in order.authorizations],
            "finalize": f"{root}finalize/{order.id}",
        }
        if order.certificate:
            document["certificate"] = f"{root}certificate/{order.id}"
        return document

    def _authorization_document(self, root: str, account: Account, identifier: str) -> dict[str, Any]:
        found = self._of(self._authorizations, account, identifier)
        wildcard = found.domain.startswith("*.")
        return {
            "status": found.status,
            "expires": _EXPIRES,
            "identifier": {"type": "dns", "value": found.domain.removeprefix("*.")},
            "challenges": [self._challenge_document(root, found)],
            **({"wildcard": True} if wildcard else {}),
        }

    def _challenge_document(self, root: str, found: Authorization) -> dict[str, Any]:
        document = {
            "type": "dns-01",
            "url": f"{root}challenge/{found.id}",
            "status": found.status,
            "token": found.token,
        }
        return document | ({"error": found.error} if found.error else {})

    def _challenge(self, root: str, account: Account, identifier: str) -> tuple[int, Any, dict[str, str]]:
        found = self._of(self._authorizations, account, identifier)
        if found.status == "pending":
            name = f"_acme-challenge.{found.domain.removeprefix('*.')}"
            wanted = encode(hashlib.sha256(f"{found.token}.{account.thumbprint}".encode()).digest())
            answer = self._dns.look_up(name, "TXT")
            texts = [value.strip('"') for value in answer.values] if answer else []
            found.status = "valid" if wanted in texts else "invalid"
            if found.status == "invalid":
                seen = f"has {texts}" if texts else "does not exist"
                found.error = Problem("unauthorized", f"The TXT record of {name} {seen}, not {wanted}.", 403).document()
        link = f'<{root}authorization/{found.id}>;rel="up"'
        return 200, self._challenge_document(root, found), {"Link": link}

    def _finalize(
        self, root: str, account: Account, identifier: str, payload: dict[str, Any]
    ) -> tuple[int, Any, dict[str, str]]:
        order = self._of(self._orders, account, identifier)
        if self._order_document(root, order)["status"] != "ready":
            raise Problem("orderNotReady", f"The order is {order.status}.", 403)
        try:
            csr = x509.load_der_x509_csr(decode(payload["csr"]))
            names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, KeyError, x509.ExtensionNotFound) as error:
            raise Problem("badCSR", f"This is no request for a certificate: {error}") from error
        if not csr.is_signature_valid or sorted(names.get_values_for_type(x509.DNSName)) != order.domains:
            raise Problem("badCSR", f"The request is not for {', '.join(order.domains)}, or its signature is wrong.")
        order.certificate, order.status = self._ca.sign(csr.public_key(), order.domains, 90), "valid"
        return 200, self._order_document(root, order), {"Location": f"{root}order/{order.id}"}

    def _certificate(self, account: Account, identifier: str) -> tuple[int, Any, dict[str, str]]:
        order = self._of(self._orders, account, identifier)
        if order.certificate is None:
            raise Problem("malformed", "There is no certificate yet.", 404)
        return 200, order.certificate, {"Content-Type": "application/pem-certificate-chain"}


# --- signatures ------------------------------------------------------------------------------------------------


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verifies(jwk: dict[str, str], algorithm: str | None, signed: bytes, signature: bytes) -> bool:
    """Whether signature is that of signed by the key, with one of the two algorithms that clients use."""

    def number(name: str) -> int:
        return int.from_bytes(decode(jwk[name]))

    try:
        if algorithm == "RS256" and jwk["kty"] == "RSA":
            key = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            return True
        if algorithm == "ES256" and jwk.get("crv") == "P-256" and len(signature) == 64:
            curve = ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1()).public_key()
            halves = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
            curve.verify(encode_dss_signature(*halves), signed, ec.ECDSA(hashes.SHA256()))
            return True
    except (InvalidSignature, KeyError, ValueError):
        pass
    return False
