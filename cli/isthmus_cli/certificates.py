"""Certificates for the gRPC of services among themselves: a private authority, and what it signs for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from isthmus_lab.pki import Authority
from isthmus_service import Security

_AUTHORITY = "Isthmus services"


def issue(authority_folder: Path, folder: Path, names: Sequence[str], hosts: Sequence[str]) -> Security:
    """A certificate for a service of these DNS names and of these IP addresses, in `folder`; kept while it fits."""
    issued = Authority.open(authority_folder, _AUTHORITY).issue(folder, names, hosts)
    return Security(ca=issued.authority, certificate=issued.certificate, key=issued.key)


def tls_settings(security: Security) -> Mapping[str, str]:
    """The settings that have a service use these files."""
    return {
        "ISTHMUS_TLS_CA": str(security.ca),
        "ISTHMUS_TLS_CERTIFICATE": str(security.certificate),
        "ISTHMUS_TLS_KEY": str(security.key),
    }
