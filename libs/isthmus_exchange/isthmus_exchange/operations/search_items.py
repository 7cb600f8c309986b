"""FindItem ([MS-OXWSSRCH] 3.1.4.2) over several folders at once: the items that a person means."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import EwsError
from ..names import SEARCH_KEY, M, T
from ..shapes import folder_id, read_extended, read_item
from ..soap import Element, attribute, check
from .operation import Operation

FOLDERS = 50
"""Folders that a request should name, at most."""

_MOST = 100
_DELETED_ON = 0x668F
_MESSAGE_ID = '<t:ExtendedFieldURI PropertyTag="0x1035" PropertyType="String"/>'
"""PidTagInternetMessageId ([MS-OXOMSG] 2.2.1.12): items of every class may have it, message:InternetMessageId is for
messages alone."""
_SHAPE = (
    f"<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{SEARCH_KEY}"
    '<t:ExtendedFieldURI PropertyTag="0x0E08" PropertyType="Integer"/>'
    '<t:ExtendedFieldURI PropertyTag="0x0E07" PropertyType="Integer"/>'
    '<t:ExtendedFieldURI PropertyTag="0x668F" PropertyType="SystemTime"/>'
    '<t:FieldURI FieldURI="item:Subject"/><t:FieldURI FieldURI="item:ItemClass"/>'
    '<t:FieldURI FieldURI="item:DateTimeReceived"/></t:AdditionalProperties></m:ItemShape>'
)


class Sought(NamedTuple):
    """What is looked for: exactly this Message-ID, a part of the subject in any case, one of these search keys."""

    message_id: str = ""
    subject: str = ""
    search_keys: tuple[bytes, ...] = ()


class Hit(NamedTuple):
    """An item that was found, in words. `folder` is the id that was asked."""

    id: str
    folder: str
    search_key: bytes
    size: int
    subject: str
    item_class: str
    # As the server writes it, in UTC; empty when it was never received.
    received: str
    # The same for when it was deleted, where it may be recovered and the server tells (PidTagDeletedOn, [MS-OXPROPS]).
    deleted: str = ""


@dataclass(frozen=True)
class SearchItems(Operation["list[Hit]"]):
    """Visible items of these folders that are sought, at most 100 of a folder. A folder that is gone holds none."""

    folders: tuple[str, ...]
    sought: Sought
    name = "FindItem"

    def body(self, _newer: bool, /) -> str:
        return (
            f'<m:FindItem Traversal="Shallow">{_SHAPE}'
            f'<m:IndexedPageItemView MaxEntriesReturned="{_MOST}" Offset="0" BasePoint="Beginning"/>'
            f"<m:Restriction>{_test(self.sought)}</m:Restriction>"
            f"<m:ParentFolderIds>{''.join(map(folder_id, self.folders))}</m:ParentFolderIds></m:FindItem>"
        )

    def answer(self, messages: Sequence[Element]) -> list[Hit]:
        found: list[Hit] = []
        for folder, message in zip(self.folders, messages, strict=True):
            error = check(message)
            if error is not None and error.code != "ErrorItemNotFound":
                raise error
            if error is None:
                found += [_hit(each, folder) for each in message.iterfind(f"{M}RootFolder/{T}Items/*")]
        return found


def _test(sought: Sought) -> str:
    if sought.search_keys:
        tests = "".join(_equal(SEARCH_KEY, base64.b64encode(key).decode()) for key in sought.search_keys)
        return tests if len(sought.search_keys) == 1 else f"<t:Or>{tests}</t:Or>"
    if sought.message_id:
        return _equal(_MESSAGE_ID, sought.message_id)
    if not sought.subject:
        raise EwsError("ErrorInvalidRestriction", "nothing is sought")
    return (
        '<t:Contains ContainmentMode="Substring" ContainmentComparison="IgnoreCase">'
        f'<t:FieldURI FieldURI="item:Subject"/><t:Constant Value={attribute(sought.subject)}/></t:Contains>'
    )


def _equal(field: str, value: str) -> str:
    constant = f"<t:FieldURIOrConstant><t:Constant Value={attribute(value)}/></t:FieldURIOrConstant>"
    return f"<t:IsEqualTo>{field}{constant}</t:IsEqualTo>"


def _hit(element: Element, folder: str) -> Hit:
    told = read_extended(element)
    item = read_item(element, told)
    return Hit(
        item.id,
        folder,
        item.search_key,
        item.size,
        (element.findtext(f"{T}Subject") or ""),
        (element.findtext(f"{T}ItemClass") or ""),
        (element.findtext(f"{T}DateTimeReceived") or ""),
        told.get(_DELETED_ON, ""),
    )
