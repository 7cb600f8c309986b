"""The addresses that an exported item names, found in its stream without reading the rest.

A stream is a message in FastTransfer ([MS-OXCFXICS] 2.2.4.3.11): its properties, its recipients, its attachments. A
text property is its tag, a length, and UTF-16 with a zero at its end (2.2.4.1.3), so the few that hold addresses are
found by their tags. What only looks like one, within a picture say, does not look like an address.
"""

from __future__ import annotations

import contextlib
import re
from bisect import bisect
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import pybase64

from .body import Piece

LOOKED_AT = 1 << 20
"""Characters of base64 of each item: sender, recipients and most bodies; attachments come behind them."""

_LONGEST = 2 * 1024
_ATTACHMENT = b"\x03\x00\x00\x40"  # the marker NewAttach, 0x40000003
_PARTY = re.compile(rb"\x03\x00[\x01\x03]\x40")  # StartEmbed, 0x40010003, and StartRecip, 0x40030003
_ADDRESSES = {  # PidTag…EmailAddress: whose address the property is
    b"\x1f\x0c": "sender",  # Sender, 0x0C1F
    b"\x65\x00": "author",  # SentRepresenting, 0x0065: also the organiser of a meeting
    b"\x03\x30": "recipient",  # 0x3003
}
_BESIDE = {  # PidTag…SmtpAddress: the same party by SMTP
    b"\x01\x5d": "sender",  # Sender, 0x5D01
    b"\x02\x5d": "author",  # SentRepresenting, 0x5D02
    b"\xfe\x39": "recipient",  # 0x39FE
}
# PtypString in front of a property's id, and its length, which is small.
_TEXT = re.compile(rb"\x1f\x00(" + b"|".join(map(re.escape, (*_ADDRESSES, *_BESIDE))) + rb")(..\x00\x00)", re.DOTALL)
# PidLidEmail1/2/3EmailAddress of PSETID_Address.
_CARDS = UUID("00062004-0000-0000-c000-000000000046").bytes_le + b"\x00"
_CARD = re.compile(re.escape(_CARDS) + rb"[\x83\x93\xa3]\x80\x00\x00(..\x00\x00)", re.DOTALL)
_X500 = re.compile(r"/o=[^\r\n\t]+/cn=[^\r\n\t]+", re.IGNORECASE)
_SMTP = re.compile(r"[^\s@<>\"()\[\]:;,\\]+@[^\s@<>\"()\[\]:;,\\/]+\.[^\s@<>\"()\[\]:;,\\/]+")


class ItemAddress(NamedTuple):
    """An address; `type` is X500 or SMTP. `beside`: the SMTP address that the item gives for the same party; empty
    when it gives none."""

    type: str
    address: str
    beside: str = ""


def stream_addresses(data: Piece) -> set[ItemAddress]:
    """What an item names as senders, recipients, attendees and on contact cards. `data`: as ExportItems gave it."""
    return item_addresses(_parties(_message(_bytes(data))))


def item_addresses(parties: Iterable[tuple[str, str]]) -> set[ItemAddress]:
    """What is an address of each party's address and SMTP address, either of which may be anything, or empty."""
    found: set[ItemAddress] = set()
    for party in parties:
        found |= _addresses(*party)
    return found


@lru_cache(maxsize=8192)  # a mailbox has thousands of items of the same few people
def _addresses(address: str, beside: str) -> frozenset[ItemAddress]:
    found: set[ItemAddress] = set()
    if not _SMTP.fullmatch(beside):
        beside = ""
    if _X500.fullmatch(address):
        found.add(ItemAddress("X500", address, beside))
    elif _SMTP.fullmatch(address):
        found.add(ItemAddress("SMTP", address))
    if beside:
        found.add(ItemAddress("SMTP", beside))
    return frozenset(found)


def _bytes(data: Piece) -> bytes:
    text = data if len(data) <= LOOKED_AT else data[:LOOKED_AT]  # a multiple of four
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        # Broken into lines, most likely. What is no base64 at all, the server will say.
        words = (text if isinstance(text, str) else bytes(text).decode("ascii", "replace")).split()
        text = "".join(words)
        with contextlib.suppress(ValueError):
            return pybase64.b64decode(text[: len(text) // 4 * 4])
    return b""


def _message(stream: bytes) -> bytes:
    """The stream without attachments, which come behind the recipients, when none of them is a message."""
    attached = stream.find(_ATTACHMENT)
    return stream if attached < 0 or _PARTY.search(stream, attached) else stream[:attached]


def _parties(stream: bytes) -> set[tuple[str, str]]:
    """Address and SMTP address of each party; either may be empty, or no address."""
    markers = [marker.end() for marker in _PARTY.finditer(stream)]
    parties: dict[tuple[str, int], list[str]] = {}
    for place in _TEXT.finditer(stream):
        if (text := _text(stream, place)) is not None:
            tag = place[1]
            who = _ADDRESSES.get(tag) or _BESIDE[tag]
            parties.setdefault((who, bisect(markers, place.start())), ["", ""])[tag in _BESIDE] = text
    found = {(address, beside) for address, beside in parties.values()}
    if _CARDS in stream:
        found |= {(_text(stream, place) or "", "") for place in _CARD.finditer(stream)}
    return found


def _text(stream: bytes, place: re.Match[bytes]) -> str | None:
    """The text behind what was found, which ends with its length; None when there is none."""
    start, size = place.end(), int.from_bytes(place[place.lastindex or 0], "little")
    return _decoded(stream[start : start + size]) if 4 <= size <= _LONGEST and start + size <= len(stream) else None


@lru_cache(maxsize=4096)
def _decoded(raw: bytes) -> str | None:
    if len(raw) % 2 or raw[-2:] != b"\0\0":
        return None
    try:
        return raw[:-2].decode("utf-16-le").strip()
    except UnicodeDecodeError:
        return None
