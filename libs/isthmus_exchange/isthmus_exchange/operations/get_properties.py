"""GetItem ([MS-OXWSCORE] 3.1.4.4): items as what CreateItem takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from ..errors import EwsError
from ..item_properties import Form
from ..names import TYPES, M, T
from ..shapes import item_ids, read_item_id
from ..soap import Element, check
from ..values import Properties
from .operation import Operation

_FLAGS = "0x0e07"
_WRITABLE_FLAGS = 0x1 | 0x2 | 0x8 | 0x20
"""mfRead, mfUnmodified, mfUnsent, mfFromMe of PidTagMessageFlags, [MS-OXCMSG] 2.2.1.6; the others a server computes."""
_NATIVE = ("MimeContent", "ItemClass", "Subject", "IsAssociated", "ExtendedProperty")
_PLAIN = (*_NATIVE, "Body", "ToRecipients", "CcRecipients", "BccRecipients", "ReplyTo")
_DECLARED = f' xmlns:t="{TYPES}"'


@dataclass(frozen=True)
class GetProperties(Operation["list[Properties | EwsError]"]):
    """Items of one form. `native`: with their MIME or iCalendar, in which attachments are."""

    ids: tuple[str, ...]
    form: Form
    native: bool
    associated: bool = False
    name = "GetItem"

    def body(self, _newer: bool, /) -> str:
        asked = self.form.asked(native=self.native, associated=self.associated)
        return (
            f"<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{asked}</m:ItemShape>"
            f"<m:ItemIds>{item_ids(self.ids)}</m:ItemIds></m:GetItem>"
        )

    def answer(self, messages: Sequence[Element]) -> list[Properties | EwsError]:
        return [check(message) or self._read(message) for message in messages]

    def _read(self, message: Element) -> Properties:
        item = message.find(f"{M}Items/*")
        if item is None:
            raise ValueError("the server's answer lacks an item")
        identity = read_item_id(item.find(f"{T}ItemId"))
        return Properties(self.form.element, written(item, self.form), identity.change_key)


def written(item: Element, form: Form) -> str:
    """The children of an item's element that make the same item when they are created, prefix t declared outside.

    Servers tell more of an item that is an attachment than was asked for.
    """
    whole = form.attached_in_native and item.find(f"{T}MimeContent") is not None
    kept = {f"{T}{name}" for name in (_NATIVE if whole else _PLAIN)}
    pieces = []
    for child in item:
        if child.tag not in kept:
            continue
        if child.tag == f"{T}ExtendedProperty":
            _settle_flags(child)
        pieces.append(_with_prefix(child))
    return "".join(pieces)


def _settle_flags(element: Element) -> None:
    path, value = element.find(f"{T}ExtendedFieldURI"), element.find(f"{T}Value")
    if path is not None and value is not None and (path.get("PropertyTag") or "").lower() in (_FLAGS, "0xe07"):
        value.text = str(int(value.text or 0) & _WRITABLE_FLAGS)


def _with_prefix(element: Element) -> str:
    """The element as text, with the prefix t whatever prefix its server chose."""
    text = etree.tostring(_renamed(element), encoding="unicode", with_tail=False)
    return text.replace(_DECLARED, "", 1)


def _renamed(element: Element) -> Element:
    copy = etree.Element(
        element.tag, {str(name): str(value) for name, value in element.attrib.items()}, nsmap={"t": TYPES}
    )
    copy.text = element.text
    copy.extend(map(_renamed, element))
    return copy
