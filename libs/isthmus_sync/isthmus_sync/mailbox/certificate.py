"""Certificates: what a comparison of both sides found, signed, to be checked without a system, years later.

The file is JSON, {"certificate": {...}, "key": …, "signature": …}, the last two in base64. The signature is Ed25519
(RFC 8032) over the bytes of "certificate" in canonical form: JSON as RFC 8785 has it (names sorted, no white space,
UTF-8), in which only texts, whole numbers, booleans, lists and objects occur. "key" is the public key's 32 bytes; it
says which key signed, and is believed only where it is the key that somebody knows.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

KEY_FILE = "certificate-key.pem"
PUBLIC_FILE = "certificate-public.pem"
"""Names in the secrets folder: PKCS #8 and SubjectPublicKeyInfo, in PEM."""

KIND = "isthmus-certificate-1"


class CertificateError(Exception):
    """A certificate or a key that is not what it should be; the text says why and what to do."""


def new_keys() -> tuple[bytes, bytes]:
    """A new key pair: contents of KEY_FILE and of PUBLIC_FILE."""
    key = Ed25519PrivateKey.generate()
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


def signing_key(pem: bytes) -> Ed25519PrivateKey:
    """The key in KEY_FILE's contents. Raises CertificateError."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"the key that signs certificates is no PEM of a private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise CertificateError("the key that signs certificates is not of Ed25519; make one: isthmus certificate key")
    return key


def public_key(pem: bytes) -> Ed25519PublicKey:
    """The key in PUBLIC_FILE's contents. Raises CertificateError."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"this is no PEM of a public key: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise CertificateError("this public key is not of Ed25519")
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key, in hexadecimal, short enough to be read aloud: the first 32 digits in groups of four."""
    digits = hashlib.sha256(_raw(key)).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))


def canonical(document: Mapping[str, Any]) -> bytes:
    """The bytes that are signed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sealed(document: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The file of a certificate with this content."""
    envelope = {
        "certificate": document,
        "key": base64.b64encode(_raw(key.public_key())).decode(),
        "signature": base64.b64encode(key.sign(canonical(document))).decode(),
    }
    return json.dumps(envelope, indent=1, ensure_ascii=False).encode() + b"\n"


def opened(file: bytes, key: Ed25519PublicKey) -> dict[str, Any]:
    """What a certificate that `key` signed says. Raises CertificateError when it is not what was signed."""
    try:
        envelope = json.loads(file)
        document, signature = envelope["certificate"], base64.b64decode(envelope["signature"], validate=True)
        signer = base64.b64decode(envelope["key"], validate=True)
        kind = document["kind"]
    except KeyError as error:
        raise CertificateError(f"this is no certificate: it has no {error.args[0]!r}") from error
    except (ValueError, TypeError) as error:
        raise CertificateError(
            "this is no certificate: it cannot be read as one; 'isthmus mailbox certificate ADDRESS -o FILE' writes one"
        ) from error
    if kind != KIND:
        raise CertificateError(
            f"this is a certificate of the kind {kind!r}, which this version of Isthmus does not know"
        )
    if signer != _raw(key):
        raise CertificateError("another key signed it than the one that it should be")
    try:
        key.verify(signature, canonical(document))
    except InvalidSignature:
        raise CertificateError("the signature is not one of this content: it was changed after it was signed") from None
    return dict(document)


def packed(file: bytes) -> bytes:
    """A certificate's file as events carry it."""
    return gzip.compress(file, mtime=0)


def unpacked(content: bytes) -> bytes:
    """The file that was packed. Raises CertificateError."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise CertificateError(f"this is no packed certificate: {error}") from error


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
