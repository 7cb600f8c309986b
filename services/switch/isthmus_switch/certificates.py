"""The certificate that a switch asks for: signed by the key that this installation knows, of this mailbox, complete."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from isthmus_sync.mailbox import certificate
from isthmus_sync.mailbox.certificate import CertificateError

_REMEDY = "make one with 'isthmus certificate key', for the secrets folder that every service reads"


def certified_at(packed: bytes, pair_id: bytes, secrets: Path) -> datetime:
    """When the comparison that the certificate is about was finished. Raises CertificateError that says what is wrong
    with it.
    """
    try:
        public = (secrets / certificate.PUBLIC_FILE).read_bytes()
    except OSError as error:
        raise CertificateError(
            f"the key to check certificates with, {secrets / certificate.PUBLIC_FILE}, cannot be read "
            f"({error.strerror}): {_REMEDY}"
        ) from error
    if not packed:
        raise CertificateError(f"the mailbox service has no key to sign certificates with: {_REMEDY}")
    document = certificate.opened(certificate.unpacked(packed), certificate.public_key(public))
    if document["pair"] != pair_id.hex():
        raise CertificateError("the certificate is of another mailbox")
    if document["complete"] is not True:
        raise CertificateError("the certificate does not say that both sides are equal")
    return datetime.fromisoformat(document["ended_at"])
