"""The servers' ids as bytes: they are base64 text, and a third shorter without it."""

from __future__ import annotations

import binascii

_BINARY, _TEXT = b"\0", b"\1"


def pack(identity: str) -> bytes:
    """The id as bytes; `unpack` gives exactly the same text back, whatever it is."""
    if not identity:
        return b""
    text = identity.encode()
    try:
        binary = binascii.a2b_base64(text)
    except binascii.Error:
        return _TEXT + text
    return _BINARY + binary if binascii.b2a_base64(binary, newline=False) == text else _TEXT + text


def unpack(packed: bytes) -> str:
    """The id that was packed."""
    if not packed:
        return ""
    return (binascii.b2a_base64(packed[1:], newline=False) if packed[:1] == _BINARY else packed[1:]).decode()


def pack_optional(identity: str | None) -> bytes | None:
    """`pack` for an id that may be missing."""
    return None if identity is None else pack(identity)


def unpack_optional(packed: bytes | None) -> str | None:
    """`unpack` for an id that may be missing."""
    return None if packed is None else unpack(packed)
