"""A request in pieces: what is large in it is held once, where it is, and sent a little at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator

Piece = str | bytes | memoryview

SLICE = 256 * 1024
"""Bytes that are sent at a time. TLS makes a copy of what it is given."""


class Body:
    """A row of pieces. Text is ASCII, or small."""

    def __init__(self, *pieces: Piece) -> None:
        self._pieces = [each.encode() if isinstance(each, str) and not each.isascii() else each for each in pieces]
        self._length = sum(map(len, self._pieces))

    def within(self, head: bytes, tail: bytes) -> Body:
        """This between two other pieces."""
        return Body(head, *self._pieces, tail)

    def __len__(self) -> int:
        return self._length

    def __bytes__(self) -> bytes:
        return b"".join(each.encode() if isinstance(each, str) else each for each in self._pieces)

    async def slices(self) -> AsyncIterator[bytes | memoryview]:
        """All of it, a little at a time: small pieces together, as each slice is a call of the system or more."""
        together: list[bytes | memoryview] = []
        room = SLICE
        for piece in self._pieces:
            at = 0
            while at < len(piece):
                part = piece[at : at + room] if at or len(piece) > room else piece
                together.append(part.encode() if isinstance(part, str) else part)
                at += len(part)
                room -= len(part)
                if not room:
                    yield _joined(together)
                    together, room = [], SLICE
        if together:
            yield _joined(together)


def _joined(parts: list[bytes | memoryview]) -> bytes | memoryview:
    return parts[0] if len(parts) == 1 else b"".join(parts)
