"""The servers' ids as bytes: they are base64 text, and a third shorter without it."""

from __future__ import annotations

import base64
import binascii

_BINARY, _TEXT = b"\0", b"\1"


def pack(identity: str) -> bytes:
    """The id as bytes; `unpack` gives exactly the same text back, whatever it is."""
    if not identity:
        return b""
    try:
        binary = base64.b64decode(identity, validate=True)
    except (binascii.Error, ValueError):
        return _TEXT + identity.encode()
    return _BINARY + binary if base64.b64encode(binary).decode() == identity else _TEXT + identity.encode()


def unpack(packed: bytes) -> str:
    """The id that was packed."""
    if not packed:
        return ""
    return base64.b64encode(packed[1:]).decode() if packed[:1] == _BINARY else packed[1:].decode()


def pack_optional(identity: str | None) -> bytes | None:
    """`pack` for an id that may be missing."""
    return None if identity is None else pack(identity)


def unpack_optional(packed: bytes | None) -> str | None:
    """`unpack` for an id that may be missing."""
    return None if packed is None else unpack(packed)
