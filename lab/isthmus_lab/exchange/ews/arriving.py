"""A request's bytes while they arrive: the base64 of uploaded items is taken out and decoded at once.

It is nearly all of an upload. Collected first it would be megabytes, walked through three times, that no cache of a
processor holds. What is left, a few kB, is the document to be parsed. Nothing is done with a content before that whole
document was understood.
"""

from __future__ import annotations

import binascii
import re
from typing import Final, NamedTuple

import pybase64

_OPERATION: Final = b"UploadItems"
_NEXT: Final = re.compile(rb"<(?:((?:[^\s<>/!?:]+:)?Data(?=[\s/>]))|!--|!\[CDATA\[|\?)")
"""The start tag of an element Data, or the beginning of what may hold something that looks like one."""
_ENDS: Final = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_BEGINNING: Final = 8192
"""Bytes in which the operation is named."""
_LONGEST: Final = 1 << 20
"""Bytes of a tag or comment whose end has not come, after which nothing is taken out any more."""
_SLASH: Final = ord("/")


class Body(NamedTuple):
    """A request's body. ``contents`` has, in document order, what each element ``Data`` holds, which is then empty in
    ``document``; None where the document has it: for what is not plain base64. Elements beyond the list are untouched.
    """

    document: bytes
    contents: list[bytes | None]


def whole(body: bytes) -> Body:
    """A body that is there already."""
    arriving = Arriving()
    arriving.feed(body)
    return arriving.end()


class Arriving:
    """Fed with the pieces of a body, in order and of any length."""

    def __init__(self) -> None:
        self._document: list[bytes | memoryview] = []
        self._contents: list[bytes | None] = []
        self._ahead = b""  # has arrived, and is not understood yet
        self._lifts: bool | None = None  # not known yet
        self._text: list[memoryview] | None = None  # of an element Data, until the tag behind it is known
        self._text_goes_on = False

    def feed(self, piece: bytes) -> None:
        """The next piece."""
        if self._lifts is None:
            piece = self._ahead + piece
            if len(piece) < _BEGINNING:
                self._ahead = piece
                return
            self._begin(piece)
        if self._lifts:
            self._take(piece)
        else:
            self._document.append(piece)

    def end(self) -> Body:
        """All of it, when nothing more comes."""
        if self._lifts is None:
            piece, self._ahead = self._ahead, b""
            self._begin(piece)
            self.feed(piece)
        if self._text is not None:
            self._put_back(self._text)
        self._document.append(self._ahead)
        return Body(b"".join(self._document), self._contents)

    def _begin(self, piece: bytes) -> None:
        self._ahead = b""
        self._lifts = _OPERATION in piece[:_BEGINNING]  # in UTF-16 it is not found, and the document has everything

    def _take(self, piece: bytes) -> None:
        if self._text_goes_on:
            assert self._text is not None
            at = piece.find(b"<")
            self._text.append(memoryview(piece)[: len(piece) if at < 0 else at])
            if at < 0:
                return
            self._text_goes_on = False
        else:
            piece, at = self._ahead + piece, 0
        self._ahead = piece[self._walk(piece, at) :]
        if len(self._ahead) > _LONGEST:
            self._lifts = False
            if self._text is not None:
                self._put_back(self._text)
                self._text = None
            self._document.append(self._ahead)
            self._ahead = b""

    def _walk(self, piece: bytes, at: int) -> int:
        """Takes what is understood of a piece, from ``at`` on.

        Returns where that ends: at a tag or comment whose end has not come.
        """
        kept = at
        while True:
            if self._text is not None:  # as a rule the element's end tag is behind it
                if at + 1 == len(piece):
                    return at
                self._settle(self._text, plain=piece[at + 1] == _SLASH)
                self._text = None
            found = _NEXT.search(piece, at)
            if found is None:
                at = piece.rfind(b"<", at)
                at = len(piece) if at < 0 or piece.find(b">", at) >= 0 else at
                break
            close = b">" if found[1] else _ENDS[found[0]]
            end = piece.find(close, found.end()) + len(close)
            if end < len(close):
                at = found.start()
                break
            at = end
            if not found[1]:
                continue
            self._document.append(piece[kept:end])
            if piece[end - 2] == _SLASH:
                self._contents.append(None)
            else:
                at = piece.find(b"<", end)
                self._text_goes_on = at < 0
                at = len(piece) if at < 0 else at
                self._text = [memoryview(piece)[end:at]]
            kept = at
            if self._text_goes_on:
                break
        self._document.append(piece[kept:at])
        return at

    def _settle(self, text: list[memoryview], *, plain: bool) -> None:
        content = _decoded(text[0] if len(text) == 1 else b"".join(text)) if plain else None
        if content is None:
            self._put_back(text)
        else:
            self._contents.append(content)

    def _put_back(self, text: list[memoryview]) -> None:
        self._document += text
        self._contents.append(None)


def _decoded(text: bytes | memoryview) -> bytes | None:
    try:
        return pybase64.b64decode(text, validate=True)
    except binascii.Error:
        try:  # lines and blanks are allowed in base64Binary, and rare
            return pybase64.b64decode(bytes(text).translate(None, b" \t\r\n"), validate=True)
        except binascii.Error:
            return None
