"""GetFolder ([MS-OXWSFOLD] 3.1.4.6): which folder has which role in this mailbox, and the marks of single folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EwsError, Kind
from ..names import M
from ..shapes import FOLDER_SHAPE, MARK_SHAPE, distinguished, folder_id, read_folder, read_mark
from ..soap import Element, check, child
from ..values import Folder, FolderMark
from .operation import Operation

ROOT = "msgfolderroot"
_ROLES = (
    ROOT, "inbox", "drafts", "sentitems", "deleteditems", "outbox", "junkemail",
    "calendar", "contacts", "tasks", "notes", "journal",
)  # fmt: skip
"""The schema of Exchange 2010 names all of them; a name that a server's schema lacks would spoil the whole request."""
SINCE_2013 = ("syncissues", "conflicts", "localfailures", "serverfailures", "conversationhistory")
"""Mailboxes of older servers have these folders, too, without anybody to tell their roles."""
_NEWER_ROLES = (*_ROLES, *SINCE_2013)
_PASSING = (Kind.TRANSIENT, Kind.IN_DOUBT)


@dataclass(frozen=True)
class GetDistinguishedFolders(Operation["dict[str, Folder]"]):
    """Answers role -> folder for the distinguished folders below msgfolderroot, itself included, that there are.

    `others`: further roles that are asked for, of the archive or of what can be recovered.
    """

    others: tuple[str, ...] = ()
    name = "GetFolder"

    def body(self, newer: bool, /) -> str:
        ids = "".join(distinguished(role) for role in (*(_NEWER_ROLES if newer else _ROLES), *self.others))
        return f"<m:GetFolder>{FOLDER_SHAPE}<m:FolderIds>{ids}</m:FolderIds></m:GetFolder>"

    def answer(self, messages: Sequence[Element], /) -> dict[str, Folder]:
        roles = _NEWER_ROLES if len(messages) == len(_NEWER_ROLES) + len(self.others) else _ROLES
        found: dict[str, Folder] = {}
        for role, message in zip((*roles, *self.others), messages, strict=True):
            error = check(message)
            if error is None:
                found[role] = read_folder(child(message, f"{M}Folders")[0], role)
            elif role == ROOT or error.kind in _PASSING or (role in roles and not _is_none(role, error)):
                raise error
        return found


def _is_none(role: str, error: EwsError) -> bool:
    """Whether the mailbox has no folder of this role. One that has is not to be taken for a folder of its owner's: its
    copy would stay beside the one of that role.
    """
    return error.kind is Kind.GONE if role in _ROLES else error.kind is not Kind.MAILBOX


@dataclass(frozen=True)
class GetFolderMarks(Operation["dict[str, FolderMark]"]):
    """Answers id -> mark for those of the folders that there are."""

    folders: tuple[str, ...]
    name = "GetFolder"

    def body(self, _newer: bool, /) -> str:
        ids = "".join(folder_id(each) for each in self.folders)
        return f"<m:GetFolder>{MARK_SHAPE}<m:FolderIds>{ids}</m:FolderIds></m:GetFolder>"

    def answer(self, messages: Sequence[Element], /) -> dict[str, FolderMark]:
        return dict(read_mark(child(each, f"{M}Folders")[0]) for each in messages if check(each) is None)
