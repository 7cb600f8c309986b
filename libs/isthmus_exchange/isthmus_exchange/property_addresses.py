"""The addresses that an item names when it goes by its properties: in its elements and in its native content.

Native content has addresses of Exchange as IMCEAEX-_O=…@domain, because MIME takes only SMTP addresses ([MS-OXCMAIL]
2.1.3.1.8); decoded they are what the item's properties hold.
"""

from __future__ import annotations

import email.policy
import re
from collections.abc import Iterator
from email.parser import Parser
from email.utils import getaddresses

import pybase64
from lxml import etree

from .item_properties import CARD_ADDRESSES, PARTIES
from .names import TYPES, T
from .soap import Element, parser
from .stream_addresses import LOOKED_AT, ItemAddress, item_addresses

_HEADERS = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc")
_NATIVE = re.compile(r"<t:MimeContent[^>]*>([^<]*)</t:MimeContent>")
_MESSAGE = "message/rfc822"  # RFC 2046 5.2.1
_ATTENDEE = re.compile(r"^(?:ATTENDEE|ORGANIZER)[;:].*?mailto:([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_ENCAPSULATED = "imceaex-"
_ESCAPED = re.compile(rb"\+([0-9A-F]{2})", re.IGNORECASE)


def property_addresses(content: str) -> set[ItemAddress]:
    """What an item names as senders, recipients, attendees and on contact cards. `content`: as in values.Properties."""
    found = _NATIVE.search(content)
    rest = content if found is None else content[: found.start()] + content[found.end() :]
    addresses = element_addresses(etree.fromstring(f'<t:Item xmlns:t="{TYPES}">{rest}</t:Item>', parser()))
    if found is not None:
        native = pybase64.b64decode(found[1][:LOOKED_AT]).decode("utf-8", "replace")
        addresses |= item_addresses((_decapsulated(address), "") for address in _native(native))
    return addresses


def element_addresses(item: Element) -> set[ItemAddress]:
    """The same of an item's element as a server gives it, without its native content."""
    return item_addresses((_decapsulated(address), beside) for address, beside in _parties(item))


def _parties(item: Element) -> Iterator[tuple[str, str]]:
    """Address and SMTP address of each party; either may be empty."""
    for address in item.iterfind(f".//{T}Mailbox/{T}EmailAddress"):
        yield (address.text or "").strip(), ""
    values: dict[str, str] = {}
    for each in item.iterfind(f"{T}ExtendedProperty"):
        path, value = each.find(f"{T}ExtendedFieldURI"), (each.findtext(f"{T}Value") or "").strip()
        if path is None or not value:
            continue
        if tag := path.get("PropertyTag"):
            values[tag.lower().removeprefix("0x").lstrip("0")] = value
        elif (str(path.get("PropertySetId")).upper(), int(path.get("PropertyId") or 0)) in CARD_ADDRESSES:
            yield value, ""
    for address_tag, smtp_tag in PARTIES:
        yield values.get(f"{address_tag:x}", ""), values.get(f"{smtp_tag:x}", "")


def _native(text: str) -> Iterator[str]:
    """The addresses in the headers of MIME, and of messages attached in it, or in iCalendar."""
    if text.lstrip()[:15].upper() == "BEGIN:VCALENDAR":
        unfolded = re.sub(r"\r?\n[ \t]", "", text)  # RFC 5545 3.1
        yield from (each.strip() for each in _ATTENDEE.findall(unfolded))
        return
    nothing_attached = _MESSAGE not in text.lower()
    parts = Parser(policy=email.policy.compat32).parsestr(text, headersonly=nothing_attached).walk()
    values = [str(value) for part in parts for name in _HEADERS for value in part.get_all(name, [])]
    yield from (address for _, address in getaddresses(values))


def _decapsulated(address: str) -> str:
    """The address of Exchange in an SMTP address, else the address."""
    if not address.lower().startswith(_ENCAPSULATED):
        return address
    written = address[len(_ENCAPSULATED) :].rpartition("@")[0].replace("_", "/")
    return _ESCAPED.sub(lambda code: bytes.fromhex(code[1].decode()), written.encode()).decode("utf-8", "replace")
