"""A certificate authority in a folder, and the certificates that it issues: for servers, and for clients of mutual TLS.

Everything is a PEM file, because that is what Samba, aiohttp, ldap3 and a person with openssl all read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=3650)


@dataclass(frozen=True)
class ServerCertificate:
    """Three PEM files: the certificate, its private key (mode 0600), and the authority that signed it."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority kept in two PEM files."""

    certificate: Path
    key: Path

    @classmethod
    def open(cls, folder: Path, name: str) -> Authority:
        """The authority in `folder`, made at the first call."""
        authority = cls(folder / "ca.pem", folder / "ca.key")
        if not (authority.certificate.exists() and authority.key.exists()):
            folder.mkdir(parents=True, exist_ok=True)
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = (
                _builder(_name(name), _name(name), key.public_key(), key.public_key())
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_usage(signs_certificates=True), critical=True)
                .sign(key, hashes.SHA256())
            )
            _write_key(authority.key, key)
            authority.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return authority

    def issue(self, folder: Path, names: Sequence[str], addresses: Sequence[str]) -> ServerCertificate:
        """A certificate for these DNS names and IP addresses; the one in `folder` if it already fits."""
        issued = ServerCertificate(folder / "server.pem", folder / "server.key", self.certificate)
        wanted = x509.SubjectAlternativeName(
            [x509.DNSName(name) for name in names]
            + [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        )
        authority = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        if issued.key.exists() and issued.certificate.exists() and _fits(issued.certificate, wanted, authority):
            return issued
        folder.mkdir(parents=True, exist_ok=True)
        authority_key = serialization.load_pem_private_key(self.key.read_bytes(), password=None)
        assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(names[0]), authority.subject, key.public_key(), authority_key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(wanted, critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        _write_key(issued.key, key)
        issued.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return issued


def _fits(path: Path, wanted: x509.SubjectAlternativeName, authority: x509.Certificate) -> bool:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    has = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:  # another authority's: the library raises three different errors for it
        return False
    return has == wanted and certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=30)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, issuer_public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    # A day of grace for machines whose clock runs behind.
    start = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
