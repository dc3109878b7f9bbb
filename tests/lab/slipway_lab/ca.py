# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The lab's certificate authority.

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import ssl
import threading
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

_DAY = datetime.timedelta(days=1)
_PEM = serialization.Encoding.PEM


class Authority:
    """A root certificate in ca.pem of a directory (made there if absent), and the leaf certificates it issues."""

    def __init__(self, directory: Path, lab_name: str) -> None:
        self.certificate_file = directory / "ca.pem"
        self._directory = directory / "certificates"
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._contexts: dict[frozenset[str], ssl.SSLContext] = {}
        self._lock = threading.Lock()
        key_file = self._directory / "ca.key"
        if not (key_file.exists() and self.certificate_file.exists()):
            self._create(key_file, lab_name)
        self._key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    def _create(self, key_file: Path, lab_name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        # The serial keeps the authorities of labs of the same name apart in a client's trust store.
        serial = x509.random_serial_number()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Slipway lab {lab_name} {serial % 0x1000000:06x}")])
        certificate = (
            _builder(name, name, key.public_key(), serial, 3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        key_file.touch(0o600)
        key_file.write_bytes(_private(key))
        self.certificate_file.write_bytes(certificate.public_bytes(_PEM))

    def issue(self, names: Iterable[str]) -> bytes:
        """A key and a certificate for names (domain names and addresses), PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        return _private(key) + self._leaf(key.public_key(), names, 397).public_bytes(_PEM)

    def sign(self, public_key: Any, names: Iterable[str], days: int) -> bytes:
        """A certificate for somebody else's key, with the authority's own after it, PEM."""
        return self._leaf(public_key, names, days).public_bytes(_PEM) + self._certificate.public_bytes(_PEM)

    def _leaf(self, public_key: Any, names: Iterable[str], days: int) -> x509.Certificate:
        names = sorted(names)
        identifiers = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return (
            _builder(
                # A common name holds at most 64 characters; the names that count are the alternative ones.
                x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]),
                self._certificate.subject,
                public_key,
                x509.random_serial_number(),
                days,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifiers),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )

    def server_context(self, names: Iterable[str] = (), allow: Callable[[str], bool] | None = None) -> ssl.SSLContext:
        """A server's TLS context.

        names: what the certificate for clients that name no server stands for (domain names or addresses);
               without names, such clients are refused
        allow: decides whether a certificate is issued for the server name that a client asks for; if it says
               no, the handshake fails as with a server that does not know the name. None: names are all there is.
        """
        context = self._new_context(frozenset(names))

        def by_name(connection: ssl.SSLObject, server_name: str | None, _context: ssl.SSLContext) -> int | None:
            if server_name is None or allow is None:
                return None
            if not allow(server_name.lower()):
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            connection.context = self._context(frozenset([server_name.lower()]))
            return None

        context.sni_callback = by_name
        return context

    def _context(self, names: frozenset[str]) -> ssl.SSLContext:
        with self._lock:
            if names not in self._contexts:
                self._contexts[names] = self._new_context(names)
            return self._contexts[names]

    def _new_context(self, names: frozenset[str]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if names:
            context.load_cert_chain(self._file(names))
        return context

    def _file(self, names: frozenset[str]) -> Path:
        # ssl reads certificates from files only.
        path = self._directory / f"{hashlib.sha256(' '.join(sorted(names)).encode()).hexdigest()[:20]}.pem"
        if not path.exists():
            path.touch(0o600)
            path.write_bytes(self.issue(names))
        return path


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, serial: int, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(now - _DAY)
        .not_valid_after(now + days * _DAY)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(**used: bool) -> x509.KeyUsage:
    uses = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(uses | used))
