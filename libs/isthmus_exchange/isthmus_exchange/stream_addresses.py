"""The addresses that an exported item names, found in its stream without reading the rest.

A stream is a message in FastTransfer ([MS-OXCFXICS] 2.2.4.3.11): its properties, its recipients, its attachments. A
text property is its tag, a length, and UTF-16 with a zero at its end (2.2.4.1.3), so the few that hold addresses are
found by their tags. What only looks like one, within a picture say, does not look like an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import pybase64

from .body import Piece

LOOKED_AT = 1 << 20
"""Characters of base64 of each item: sender, recipients and most bodies; attachments come behind them."""

_WINDOW = 1 << 14
"""Characters of base64 that are decoded at first: as a rule all but what is in files, where nobody looks."""
_RECIPIENT = re.compile(rb"\x03\x00\x03\x40")  # StartRecip, 0x40030003
_ATTACHMENT = re.compile(rb"\x03\x00\x00\x40")  # NewAttach, 0x40000003
# StartEmbed, 0x40010003; or PidTagAttachDataBinary, 0x3701, as bytes or as an object, and its length.
_ATTACHED = re.compile(rb"\x03\x00\x01\x40|(?:\x02\x01|\x0d\x00)\x01\x37(....)", re.DOTALL)
_PARTIES = {  # a property's id: whose it is; and 0 for PidTag…EmailAddress, 1 for PidTag…SmtpAddress
    b"\x1f\x0c": ("sender", 0),  # Sender, 0x0C1F
    b"\x01\x5d": ("sender", 1),  # 0x5D01
    b"\x65\x00": ("author", 0),  # SentRepresenting, 0x0065: also the organiser of a meeting
    b"\x02\x5d": ("author", 1),  # 0x5D02
    b"\x03\x30": ("recipient", 0),  # 0x3003
    b"\xfe\x39": ("recipient", 1),  # 0x39FE
}
# PidLidEmail1/2/3EmailAddress of PSETID_Address, behind an id of the server's own (2.2.4.1.1).
_CARDS = UUID("00062004-0000-0000-c000-000000000046").bytes_le + b"\x00"
_CARD = rb".[\x80-\xff]" + re.escape(_CARDS) + rb"[\x83\x93\xa3]\x80\x00\x00"
# PtypString, one of these, its length, which is below 2 kB, and the text with whatever is behind it. All in one
# expression, as what takes time is to get through the stream; and it begins with bytes that are always the same, as
# these are found fastest.
_TEXT = re.compile(
    rb"\x1f\x00(?:(" + b"|".join(map(re.escape, _PARTIES)) + rb")|" + _CARD + rb")"
    rb"(.[\x00-\x07])\x00\x00(?=(.{0,2047}))",
    re.DOTALL,
)
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
    found: set[ItemAddress] = set()
    for properties, *recipients in _messages(data):
        found.update(_named(properties), *map(_recipient, recipients))
    return found


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


def _messages(data: Piece) -> Iterator[list[bytes]]:
    """The properties, and those of each recipient, of the message and of those that are attached to it. Its own
    attachments come behind that."""
    end = min(len(data), LOOKED_AT)
    place, size, within = 0, _WINDOW, True  # byte of the stream, characters to decode, in a message or behind it
    while (first := place // 3 * 4) < end:
        try:
            part = pybase64.b64decode(data[first : min(first + size, end)], validate=True)
        except ValueError:
            # Broken into lines, most likely. What is no base64 at all, the server will say.
            plain = "".join((data if isinstance(data, str) else bytes(data).decode("ascii", "replace")).split())
            if len(plain := plain[: len(plain) // 4 * 4]) < len(data):
                yield from _messages(plain)
            return
        begin, at, last = place // 3 * 3, place % 3, first + size >= end
        while True:
            if within:
                parts, behind = _parts(part, at)
                if behind or last:
                    yield parts
                if not behind:
                    break
                at, within = behind, False
            elif found := _ATTACHED.search(part, at):
                at = found.end()
                if found[1]:
                    at += int.from_bytes(found[1], "little")
                else:
                    within = True
            else:
                break
        if last:
            return
        place = begin + at
        size = _WINDOW if at > len(part) else LOOKED_AT


def _parts(part: bytes, begin: int) -> tuple[list[bytes], int]:
    """Of a message that begins there: its properties, and those of each recipient; where its attachments begin, or 0
    when there are none."""
    attachments = _ATTACHMENT.search(part, begin)
    if attachments is None:
        return _RECIPIENT.split(part[begin:]), 0
    return _RECIPIENT.split(part[begin : attachments.start()]), attachments.end()


def _named(properties: bytes) -> frozenset[ItemAddress]:
    """Who stands in the properties of a message, or of one recipient."""
    found = _TEXT.findall(properties)
    return _parties(tuple((tag, behind[: int.from_bytes(size, "little")]) for tag, size, behind in found))


_recipient = lru_cache(maxsize=2048)(_named)  # a mailbox has thousands of items to the same few people


@lru_cache(maxsize=2048)
def _parties(texts: tuple[tuple[bytes, bytes], ...]) -> frozenset[ItemAddress]:
    """Who is called so: of each text its tag, or nothing when it stands on a card."""
    found = frozenset[ItemAddress]()
    parties: dict[str, list[str]] = {}
    for tag, raw in texts:
        text = _text(raw)
        if text and tag:
            who, which = _PARTIES[tag]
            parties.setdefault(who, ["", ""])[which] = text
        elif text:
            found |= _addresses(text, "")
    return found.union(*(_addresses(*both) for both in parties.values()))


def _text(raw: bytes) -> str:
    """The text of a property, which ends with a zero; empty when it is none."""
    if len(raw) % 2 or raw[-2:] != b"\0\0":
        return ""
    try:
        return raw[:-2].decode("utf-16-le").strip()
    except UnicodeDecodeError:
        return ""
