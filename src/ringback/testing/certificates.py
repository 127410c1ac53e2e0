"""Certificates for tests: an authority of its own and what it signs, good for a day."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ringback.sip.identity import client_context, server_context
from ringback.sip.stream import Tls

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM: what a server shows, its key, and the authority that others trust."""

    chain: Path
    key: Path
    authority: Path

    @property
    def authority_key(self) -> Path:
        """The key of the authority."""
        return self.authority.with_name("authority-key.pem")

    def tls(self) -> Tls:
        """Both sides of an endpoint that shows this certificate and trusts its authority."""
        server = server_context()
        server.load_cert_chain(self.chain, self.key)
        return Tls(server, client_context(str(self.authority)))


def make_certificate(folder: Path, *names: str, expired: bool = False) -> Certificate:
    """A certificate for these host names and addresses, signed by a new authority; files go into `folder`."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _signed("Test authority", ca_key, "Test authority", ca_key, (), authority=True)
    leaf = _signed(names[0], key, "Test authority", ca_key, names, authority=False, expired=expired)
    made = Certificate(folder / "chain.pem", folder / "key.pem", folder / "authority.pem")
    made.chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    made.authority.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    _keep(made.key, key)
    _keep(made.authority_key, ca_key)
    return made


def revoke(made: Certificate, number: int = 1, *, all_good: bool = False, old: bool = False) -> bytes:
    """The list of its authority (RFC 5280 5) in PEM: it names the certificate, or with `all_good` none.

    The list with the higher `number` is the newer one; an `old` one should have been followed by another.
    """
    key = serialization.load_pem_private_key(made.authority_key.read_bytes(), None)
    leaf = x509.load_pem_x509_certificate(made.chain.read_bytes())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(leaf.issuer)
        .last_update(now - 2 * _DAY + number * datetime.timedelta(minutes=1))
        .next_update(now - _DAY if old else now + _DAY)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if not all_good:
        serial = x509.RevokedCertificateBuilder().serial_number(leaf.serial_number)
        builder = builder.add_revoked_certificate(serial.revocation_date(now - _DAY).build())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _keep(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    plain = serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    path.chmod(0o600)


def _signed(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: tuple[str, ...],
    *,
    authority: bool,
    expired: bool = False,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * _DAY)
        .not_valid_after(now - _DAY if expired else now + _DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]), False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if name.startswith("sip:"):
            return x509.UniformResourceIdentifier(name)
        return x509.DNSName(name)
