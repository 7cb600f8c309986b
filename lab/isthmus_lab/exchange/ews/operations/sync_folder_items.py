"""SyncFolderItems ([MS-OXWSSYNC] 3.1.4.2), the busiest operation of a migration.

When only ids and properties of the store's own tables are asked for, as a synchroniser does, the changes are written
as text at once; a tree of elements for them would take most of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from lxml import etree

from isthmus_lab.mapi import tags
from isthmus_lab.store import ChangeKind, ItemChange, Mailbox, Rights

from ..call import Call, not_public, reading
from ..errors import EwsError
from ..fields import ROW, stored
from ..ids import ObjectId, ids_of, item_change_key
from ..kinds import kind_of
from ..names import MESSAGES, TYPES, Element, child, clean, m, t, text
from ..rights import PRIVATE
from ..shapes import Shape, item_id, show
from ..soap import Answer
from ..syncstate import pack, synced_folder, unpack
from ..values import TEXT, text_of

_MOST = 512
_NAMES = {ChangeKind.CREATE: "Create", ChangeKind.UPDATE: "Update"}


@reading
def sync_folder_items(call: Call) -> Answer:
    """At most 512 changes of a folder's items since a state."""
    shape = Shape.parse(child(call.element, "ItemShape"))
    limit = int(text(call.element, "MaxChangesReturned") or 0)
    scope = text(call.element, "SyncScope") or "NormalItems"
    ignored = {each.get("Id") for each in call.children("Ignore")}
    plain = shape.only_ids and all(key in ROW for _, key in shape.properties)
    written: list[bytes] = []

    def handle() -> Iterator[Element]:
        if not 1 <= limit <= _MOST:
            raise EwsError("ErrorInvalidRequest", f"MaxChangesReturned must be between 1 and {_MOST}.")
        mailbox, folder = synced_folder(call, need=Rights.READ_ANY)
        not_public(mailbox)
        if folder.is_search:
            raise EwsError("ErrorInvalidFolderTypeForOperation", "A search folder is asked with FindItem.")
        found = mailbox.sync.items(
            folder.id,
            unpack(text(call.element, "SyncState")),
            limit=limit,
            associated=scope == "NormalAndAssociatedItems",
            reach=call.services.sync_state_changes(),
        )
        if not call.access(mailbox).sees_private:
            shown = [each for each in found.changes if each.row is None or each.row.sensitivity != PRIVATE]
            found = found._replace(changes=shown)
        if ignored:
            shown = [each for each in found.changes if str(ObjectId(mailbox.guid, each.id)) not in ignored]
            found = found._replace(changes=shown)
        yield m("SyncState", pack(found.state))
        yield m("IncludesLastItemInRange", "true" if found.last else "false")
        changes = m("Changes")
        if plain:
            writer = _Writer(mailbox, shape)
            written.extend(map(writer.change, found.changes))
        else:
            changes.extend(_change(call, mailbox, shape, each) for each in found.changes)
        yield changes

    answer = call.answer(handle, on_error={"SyncState": "", "IncludesLastItemInRange": "true"})
    if not written or isinstance(answer, list):
        return answer
    before, _, after = etree.tostring(answer, encoding="utf-8").partition(b"<m:Changes/>")
    return [before, f'<m:Changes xmlns:t="{TYPES}" xmlns:m="{MESSAGES}">'.encode(), *written, b"</m:Changes>", after]


def _change(call: Call, mailbox: Mailbox, shape: Shape, change: ItemChange) -> Element:
    if change.row is None:
        return t("Delete", t("ItemId", Id=str(ObjectId(mailbox.guid, change.id))))
    if change.kind is ChangeKind.READ_FLAG:
        node = t("ReadFlagChange", item_id(mailbox.guid, change.row))
        node.append(t("IsRead", "true" if change.is_read else "false"))
        return node
    return t(_NAMES[change.kind], show(call.view(mailbox, change.row), shape, light=True))


class _Writer:
    """Writes changes as text; what all of them have alike is looked up once."""

    def __init__(self, mailbox: Mailbox, shape: Shape) -> None:
        self._id = ids_of(mailbox.guid)
        self._properties = []
        for path, key in shape.properties:
            # The element as the general way writes it, cut where the value goes.
            probe = t("ExtendedProperty", t("ExtendedFieldURI"))
            probe[0].attrib.update(path.attrib)
            probe.append(t("Value", "\ue000"))
            before, _, after = _bare(probe).partition("\ue000")
            kind = text_of(tags.property_type(key))
            self._properties.append((before, after, stored(key), kind.show, kind is TEXT))

    def change(self, change: ItemChange) -> bytes:
        row = change.row
        if row is None:
            return f'<t:Delete><t:ItemId Id="{self._id(change.id)}"/></t:Delete>'.encode()
        written = f'<t:ItemId Id="{self._id(row.id)}" ChangeKey="{item_change_key(row)}"/>'
        if change.kind is ChangeKind.READ_FLAG:
            read = "true" if change.is_read else "false"
            return f"<t:ReadFlagChange>{written}<t:IsRead>{read}</t:IsRead></t:ReadFlagChange>".encode()
        for before, after, value_of, show_value, is_text in self._properties:
            value = value_of(row)
            if value is not None:
                shown = show_value(value)
                written += f"{before}{escape(clean(shown)) if is_text else shown}{after}"
        element, name = kind_of(row.item_class).element, _NAMES[change.kind]
        return f"<t:{name}><t:{element}>{written}</t:{element}></t:{name}>".encode()


def _bare(node: Element) -> str:
    """The element as text without namespace declarations, for a place where they are declared."""
    whole = etree.tostring(node, encoding="unicode")
    return whole.replace(f' xmlns:t="{TYPES}"', "").replace(f' xmlns:m="{MESSAGES}"', "")
