"""SyncFolderItems ([MS-OXWSSYNC] 3.1.4.2): what changed in a folder, hidden items included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..names import M, T
from ..shapes import folder_id, item_shape, read_item, read_item_id, read_row
from ..soap import Element, Large, text
from ..values import ItemChange, ItemChanges
from .operation import Operation, check_progress, only

LIMIT = 512
"""Changes that a server gives at once, at most."""


@dataclass(frozen=True)
class SyncFolderItems(Operation[ItemChanges]):
    """`state` is what the last answer for this folder gave, None to begin with. `traits`: what filters go by, too."""

    folder: str
    state: str | None
    traits: bool = False
    name = "SyncFolderItems"

    def body(self, _newer: bool, /) -> str:
        state = f"<m:SyncState>{text(self.state)}</m:SyncState>" if self.state else ""
        return (
            f"<m:SyncFolderItems>{item_shape(traits=self.traits)}"
            f"<m:SyncFolderId>{folder_id(self.folder)}</m:SyncFolderId>{state}"
            f"<m:MaxChangesReturned>{LIMIT}</m:MaxChangesReturned>"
            "<m:SyncScope>NormalAndAssociatedItems</m:SyncScope></m:SyncFolderItems>"
        )

    def answer(self, messages: Sequence[Element]) -> ItemChanges:
        return self.answer_with(messages, Large())

    def answer_with(self, messages: Sequence[Element], large: Large) -> ItemChanges:
        message = only(messages)
        changes: list[ItemChange] = []
        for each in message.iterfind(f"{M}Changes/*"):
            if rows := large.rows(each):
                changes += (ItemChange(row.id, read_row(row, traits=self.traits)) for row in rows)
            else:
                changes.append(_change(each, self.traits))
        last = (message.findtext(f"{M}IncludesLastItemInRange") or "") != "false"
        state = message.findtext(f"{M}SyncState") or ""
        check_progress(last=last, further=state not in ("", self.state))
        return ItemChanges(changes, state, last)


def _change(change: Element, traits: bool) -> ItemChange:
    if change.tag == f"{T}Delete":
        return ItemChange(change[0].get("Id", ""))
    if change.tag == f"{T}ReadFlagChange":
        item = read_item_id(change.find(f"{T}ItemId"))
        return ItemChange(item.id, is_read=(change.findtext(f"{T}IsRead") or "") == "true", change_key=item.change_key)
    found = read_item(change[0], traits=traits)
    return ItemChange(found.id, found)
