"""SyncFolderHierarchy ([MS-OXWSSYNC] 3.1.4.1): what changed in the tree below a root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..names import M, T
from ..shapes import FOLDER_SHAPE, distinguished, read_folder
from ..soap import Element, text
from ..values import FolderChanges
from .operation import Operation, check_progress, only


@dataclass(frozen=True)
class SyncFolderHierarchy(Operation[FolderChanges]):
    """`state` is what the last answer gave, None to begin with; `top` the role of the root."""

    state: str | None
    top: str = "msgfolderroot"
    name = "SyncFolderHierarchy"

    def body(self, _newer: bool, /) -> str:
        state = f"<m:SyncState>{text(self.state)}</m:SyncState>" if self.state else ""
        return (
            f"<m:SyncFolderHierarchy>{FOLDER_SHAPE}"
            f"<m:SyncFolderId>{distinguished(self.top)}</m:SyncFolderId>"
            f"{state}</m:SyncFolderHierarchy>"
        )

    def answer(self, messages: Sequence[Element]) -> FolderChanges:
        message = only(messages)
        changed, deleted = [], []
        for change in message.iterfind(f"{M}Changes/*"):
            if change.tag == f"{T}Delete":
                deleted.append(change[0].get("Id", ""))
            else:
                changed.append(read_folder(change[0]))
        last = (message.findtext(f"{M}IncludesLastFolderInRange") or "") != "false"
        state = message.findtext(f"{M}SyncState") or ""
        check_progress(last=last, further=state not in ("", self.state))
        return FolderChanges(changed, deleted, state, last)
