"""EWS messages for a line between sites: base64 becomes bytes again, then everything is compressed with zstd.

Exported items are base64 within XML. Base64 hides from a compressor what repeats, for the same words look different at
each of three offsets; without it text mail needs less than half. What does not come out of base64 exactly as it went
in stays text, so that unpacking gives the same bytes, always.
"""

from __future__ import annotations

import binascii
import re
import struct
from collections.abc import Iterator

import zstandard

LEVEL = 3
"""Of zstd. 6 makes text mail at most a twentieth smaller, and takes twice the time (tests/bench/bench_agents.py)."""
_RUN = re.compile(rb">([A-Za-z0-9+/]{200,}={0,2})<")
_LENGTHS = struct.Struct(">QQ")


def pack(message: bytes) -> bytes:
    """A message for the line. Megabytes belong in a thread."""
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    return compressor.compress(b"".join(_segments(message)))


def unpack(packed: bytes) -> bytes:
    """The message that was packed. Raises ValueError for what `pack` did not make."""
    try:
        plain = memoryview(zstandard.ZstdDecompressor().decompress(packed))
        return b"".join(_joined(plain))
    except (zstandard.ZstdError, struct.error) as error:
        raise ValueError(f"this was not packed by an agent: {error}") from error


def _segments(message: bytes) -> Iterator[bytes]:
    """Text, and the bytes of the base64 behind it, again and again: both lengths, then both."""
    done = 0
    for run in _RUN.finditer(message):
        raw = _decoded(run[1])
        if raw is None:
            continue
        start, end = run.span(1)
        yield _LENGTHS.pack(start - done, len(raw))
        yield message[done:start]
        yield raw
        done = end
    yield _LENGTHS.pack(len(message) - done, 0)
    yield message[done:]


def _decoded(text: bytes) -> bytes | None:
    try:
        raw = binascii.a2b_base64(text)
    except binascii.Error:
        return None
    return raw if binascii.b2a_base64(raw, newline=False) == text else None


def _joined(plain: memoryview) -> Iterator[bytes | memoryview]:
    at = 0
    while at < len(plain):
        text, raw = _LENGTHS.unpack_from(plain, at)
        at += _LENGTHS.size
        if at + text + raw > len(plain):
            raise ValueError("this was not packed by an agent: it is cut off")
        yield plain[at : at + text]
        yield binascii.b2a_base64(plain[at + text : at + text + raw], newline=False)
        at += text + raw
