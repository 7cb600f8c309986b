"""Probe mails: sent through both organisations to the person, looked for on both sides, and removed again.

Each is sent in its organisation in the person's own name to the person's own address there (CreateItem, SendOnly,
[MS-OXWSMSG] 3.1.4.2), so it takes exactly the way of any mail that a colleague in that organisation writes; nobody else
gets it and no copy is kept. What is looked for is its subject, which carries the id of the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_exchange import Mailbox
from isthmus_exchange.names import M, T
from isthmus_exchange.operations import DeleteItems, FindFolders
from isthmus_exchange.shapes import distinguished, folder_id
from isthmus_exchange.soap import attribute, check, child, response_messages, single, text
from isthmus_exchange.values import ItemId

if TYPE_CHECKING:
    from collections.abc import Iterable

_BODY = (
    "This message was sent by Isthmus to show that mail reaches your mailbox where it is now. "
    "It is removed again by itself; if you see it, you may delete it."
)
_LIKELY = ("inbox", "junkemail")
_FOLDERS_A_REQUEST = 100
_PAGE = 100


async def send(mailbox: Mailbox, subject: str) -> None:
    """Sends a mail with this subject from the mailbox's owner to the same, without a copy in Sent Items."""
    body = (
        '<m:CreateItem MessageDisposition="SendOnly"><m:Items><t:Message>'
        f'<t:Subject>{text(subject)}</t:Subject><t:Body BodyType="Text">{text(_BODY)}</t:Body>'
        f"<t:ToRecipients><t:Mailbox><t:EmailAddress>{text(mailbox.address)}</t:EmailAddress></t:Mailbox></t:ToRecipients>"
        "</t:Message></m:Items></m:CreateItem>"
    )
    single(await mailbox.write("CreateItem", body))


async def find(mailbox: Mailbox, prefix: str, *, everywhere: bool = False) -> dict[str, list[ItemId]]:
    """The messages whose subject begins with ``prefix``, by subject: in the inbox and junk mail, or in every folder
    (a rule of the owner may have filed them). Of each folder the first hundred: those of a round are a few."""
    if not everywhere:
        return await _find_in(mailbox, prefix, [distinguished(role) for role in _LIKELY])
    folders: list[str] = []
    offset, last = 0, False
    while not last:
        page = await mailbox.call(FindFolders(offset))
        folders += [folder.id for folder in page.folders if not folder.search]
        offset, last = page.next, page.last
    found: dict[str, list[ItemId]] = {}
    for at in range(0, len(folders), _FOLDERS_A_REQUEST):
        some = [folder_id(identity) for identity in folders[at : at + _FOLDERS_A_REQUEST]]
        for subject, items in (await _find_in(mailbox, prefix, some)).items():
            found.setdefault(subject, []).extend(items)
    return found


async def clear(mailbox: Mailbox, prefix: str) -> None:
    """Removes every message whose subject begins with ``prefix``. Raises EwsError when one stays."""
    # Where the way was blocked for a day there are some hundreds.
    while found := await find(mailbox, prefix, everywhere=True):
        ids = tuple(item.id for items in found.values() for item in items)
        for error in await mailbox.call(DeleteItems(ids)):
            if error is not None and error.code != "ErrorItemNotFound":
                raise error


async def _find_in(mailbox: Mailbox, prefix: str, folders: Iterable[str]) -> dict[str, list[ItemId]]:
    body = (
        '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>'
        '<t:FieldURI FieldURI="item:Subject"/></t:AdditionalProperties></m:ItemShape>'
        f'<m:IndexedPageItemView MaxEntriesReturned="{_PAGE}" Offset="0" BasePoint="Beginning"/>'
        '<m:Restriction><t:Contains ContainmentMode="Prefixed" ContainmentComparison="Exact">'
        f'<t:FieldURI FieldURI="item:Subject"/><t:Constant Value={attribute(prefix)}/></t:Contains></m:Restriction>'
        f"<m:ParentFolderIds>{''.join(folders)}</m:ParentFolderIds></m:FindItem>"
    )
    found: dict[str, list[ItemId]] = {}
    for message in response_messages(await mailbox.read("FindItem", body)):
        error = check(message)
        if error is not None:
            # A folder that was removed meanwhile, or a mailbox without one of the likely folders.
            if error.code in ("ErrorFolderNotFound", "ErrorItemNotFound"):
                continue
            raise error
        items = child(message, f"{M}RootFolder").find(f"{T}Items")
        for item in items if items is not None else ():
            identity = child(item, f"{T}ItemId")
            subject = item.findtext(f"{T}Subject") or ""
            found.setdefault(subject, []).append(ItemId(identity.get("Id", ""), identity.get("ChangeKey", "")))
    return found
