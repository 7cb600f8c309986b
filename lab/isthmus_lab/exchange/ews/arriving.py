"""A request's bytes while they arrive: the base64 of uploaded items is taken out and decoded at once.

It is nearly all of an upload. Collected first it would be megabytes, walked through three times, that no cache of a
processor holds. What is left, a few kB, is the document to be parsed. Nothing is done with a content before that whole
document was understood.
"""

from __future__ import annotations

import binascii
from typing import Final, NamedTuple

import pybase64

_OPERATION: Final = b"UploadItems"
_ELEMENT: Final = b"Data"
_BEGINNING: Final = 8192
"""Bytes in which the operation is named."""
_LONGEST: Final = 1 << 20
"""Bytes of a tag or comment whose end has not come, after which nothing is taken out any more."""
_SLASH: Final = ord("/")
_ENDS: Final = ((b"<!--", b"-->"), (b"<![CDATA[", b"]]>"), (b"<?", b"?>"))


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
        self._document: list[bytes] = []
        self._contents: list[bytes | None] = []
        self._ahead = b""  # has arrived, and is not understood yet
        self._lifts: bool | None = None  # not known yet
        self._text: list[bytes] | None = None  # of an element Data, until the tag behind it is known
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
            if at < 0:
                self._text.append(piece)
                return
            self._text.append(piece[:at])
            self._text_goes_on, piece = False, piece[at:]
        piece, kept = self._ahead + piece, 0
        at = piece.find(b"<")
        while at >= 0:
            end = _end(piece, at)
            if end < 0:
                break
            if self._text is not None:  # as a rule the element's end tag is behind it
                self._settle(self._text, plain=piece[at + 1] == _SLASH)
                self._text = None
            following = piece.find(b"<", end)
            if _name(piece, at, end) == _ELEMENT:
                self._document.append(piece[kept:end])
                if piece[end - 2] == _SLASH:
                    self._contents.append(None)
                    kept = end
                else:
                    kept = len(piece) if following < 0 else following
                    self._text, self._text_goes_on = [piece[end:kept]], following < 0
            at = following
        pending = len(piece) if at < 0 else at
        self._document.append(piece[kept:pending])
        self._ahead = piece[pending:]
        if len(self._ahead) > _LONGEST:
            self._lifts = False
            if self._text is not None:
                self._put_back(self._text)
                self._text = None
            self._document.append(self._ahead)
            self._ahead = b""

    def _settle(self, text: list[bytes], *, plain: bool) -> None:
        content = _decoded(text[0] if len(text) == 1 else b"".join(text)) if plain else None
        if content is None:
            self._put_back(text)
        else:
            self._contents.append(content)

    def _put_back(self, text: list[bytes]) -> None:
        self._document += text
        self._contents.append(None)


def _end(piece: bytes, at: int) -> int:
    """Where what begins with this ``<`` has ended, -1 if that has not come."""
    if piece[at + 1 : at + 2] in (b"!", b"?"):
        if len(piece) < at + 9:
            return -1
        for begin, end in _ENDS:
            if piece.startswith(begin, at):
                found = piece.find(end, at + len(begin))
                return found if found < 0 else found + len(end)
    return piece.find(b">", at) + 1 or -1


def _name(piece: bytes, at: int, end: int) -> bytes:
    """The local name of a start tag; of anything else something that is no name."""
    tag = piece[at + 1 : end - 1].split(None, 1)
    return tag[0].rstrip(b"/").rpartition(b":")[2] if tag and tag[0][0] != _SLASH else b""


def _decoded(text: bytes) -> bytes | None:
    try:
        return pybase64.b64decode(text, validate=True)
    except binascii.Error:
        try:  # lines and blanks are allowed in base64Binary, and rare
            return pybase64.b64decode(text.translate(None, b" \t\r\n"), validate=True)
        except binascii.Error:
            return None
