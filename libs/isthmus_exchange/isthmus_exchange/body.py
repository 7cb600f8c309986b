"""A request in pieces: what is large in it is held once, where it is, and sent a little at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

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
        """All of it, a little at a time; small pieces together, as each slice is a call of the system or more."""
        together: list[bytes | memoryview] = []
        size = 0
        for piece in self._pieces:
            for part in (piece,) if len(piece) <= SLICE else _cut(piece):
                if size + len(part) > SLICE:
                    yield _joined(together)
                    together, size = [], 0
                together.append(part.encode() if isinstance(part, str) else part)
                size += len(part)
        if together:
            yield _joined(together)


def _cut(piece: Piece) -> Iterator[Piece]:
    return (piece[start : start + SLICE] for start in range(0, len(piece), SLICE))


def _joined(parts: list[bytes | memoryview]) -> bytes | memoryview:
    return parts[0] if len(parts) == 1 else b"".join(parts)
