"""GetFolder of the distinguished folders ([MS-OXWSFOLD] 3.1.4.6): which folder has which role in this mailbox."""

from __future__ import annotations

from ..client import Mailbox
from ..errors import FATAL_FOR_MAILBOX, EwsError
from ..model import Folder
from ..names import M
from ..shapes import distinguished, read_folder
from ..soap import check, child, response_messages

ROOT = "msgfolderroot"
ROLES = (
    ROOT, "inbox", "drafts", "sentitems", "deleteditems", "outbox", "junkemail",
    "calendar", "contacts", "tasks", "notes", "journal",
)  # fmt: skip
"""Folders that every mailbox has and nobody may create, rename or delete; Exchange 2010 knows all of them."""

FOLDER_FIELDS = (
    "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
    '<t:FieldURI FieldURI="folder:DisplayName"/><t:FieldURI FieldURI="folder:ParentFolderId"/>'
    '<t:FieldURI FieldURI="folder:FolderClass"/></t:AdditionalProperties></m:FolderShape>'
)


async def distinguished_folders(mailbox: Mailbox) -> dict[str, Folder]:
    """Role -> folder for every role in ROLES that the mailbox has. Raises EwsError when there is no such mailbox."""
    ids = "".join(distinguished(role) for role in ROLES)
    body = f"<m:GetFolder>{FOLDER_FIELDS}<m:FolderIds>{ids}</m:FolderIds></m:GetFolder>"
    found: dict[str, Folder] = {}
    for role, message in zip(ROLES, response_messages(await mailbox.read("GetFolder", body)), strict=True):
        error = check(message)
        if error is None:
            found[role] = read_folder(child(message, f"{M}Folders")[0], role)
        elif error.code in FATAL_FOR_MAILBOX:
            raise error
    if ROOT not in found:
        raise EwsError("ErrorFolderNotFound", f"the mailbox {mailbox.address} has no {ROOT}")
    return found
