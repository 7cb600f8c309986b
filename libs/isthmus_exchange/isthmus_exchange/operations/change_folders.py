"""CreateFolder, UpdateFolder, MoveFolder, DeleteFolder ([MS-OXWSFOLD] 3.1.4): the target's tree follows the source's."""

from __future__ import annotations

from ..client import Mailbox
from ..model import Folder
from ..names import M
from ..shapes import folder_id, read_folder
from ..soap import attribute, child, single, text
from .get_folders import FOLDER_FIELDS

_ELEMENTS = {"IPF.Appointment": "CalendarFolder", "IPF.Contact": "ContactsFolder", "IPF.Task": "TasksFolder"}


async def create_folder(mailbox: Mailbox, parent: str, name: str, folder_class: str) -> str:
    """Create a folder; returns its id. Raises EwsError with ErrorFolderExists when the name is taken."""
    element = next((tag for prefix, tag in _ELEMENTS.items() if folder_class.startswith(prefix)), "Folder")
    kind = f"<t:FolderClass>{text(folder_class)}</t:FolderClass>" if folder_class else ""
    body = (
        f"<m:CreateFolder><m:ParentFolderId>{folder_id(parent)}</m:ParentFolderId>"
        f"<m:Folders><t:{element}>{kind}<t:DisplayName>{text(name)}</t:DisplayName></t:{element}></m:Folders>"
        "</m:CreateFolder>"
    )
    message = single(await mailbox.write("CreateFolder", body))
    return read_folder(child(message, f"{M}Folders")[0]).id


async def rename_folder(mailbox: Mailbox, folder: str, name: str) -> None:
    """Give a folder another name. Raises EwsError: ErrorFolderExists, ErrorFolderNotFound."""
    body = (
        f"<m:UpdateFolder><m:FolderChanges><t:FolderChange>{folder_id(folder)}<t:Updates><t:SetFolderField>"
        f'<t:FieldURI FieldURI="folder:DisplayName"/><t:Folder><t:DisplayName>{text(name)}</t:DisplayName></t:Folder>'
        "</t:SetFolderField></t:Updates></t:FolderChange></m:FolderChanges></m:UpdateFolder>"
    )
    single(await mailbox.write("UpdateFolder", body))


async def move_folder(mailbox: Mailbox, folder: str, parent: str) -> None:
    """Move a folder with all below it; it keeps its id. Raises EwsError: ErrorFolderExists, ErrorFolderNotFound."""
    body = (
        f"<m:MoveFolder><m:ToFolderId>{folder_id(parent)}</m:ToFolderId>"
        f"<m:FolderIds>{folder_id(folder)}</m:FolderIds></m:MoveFolder>"
    )
    single(await mailbox.write("MoveFolder", body))


async def delete_folder(mailbox: Mailbox, folder: str) -> None:
    """Remove a folder with all below it, for good. Raises EwsError with ErrorFolderNotFound."""
    body = (
        f"<m:DeleteFolder DeleteType={attribute('HardDelete')}><m:FolderIds>{folder_id(folder)}</m:FolderIds>"
        "</m:DeleteFolder>"
    )
    single(await mailbox.write("DeleteFolder", body))


async def find_child(mailbox: Mailbox, parent: str, name: str) -> Folder | None:
    """The folder of this name directly below ``parent``, None when there is none (FindFolder, [MS-OXWSSRCH])."""
    body = (
        f'<m:FindFolder Traversal="Shallow">{FOLDER_FIELDS}<m:Restriction><t:IsEqualTo>'
        '<t:FieldURI FieldURI="folder:DisplayName"/>'
        f"<t:FieldURIOrConstant><t:Constant Value={attribute(name)}/></t:FieldURIOrConstant></t:IsEqualTo>"
        f"</m:Restriction><m:ParentFolderIds>{folder_id(parent)}</m:ParentFolderIds></m:FindFolder>"
    )
    root = single(await mailbox.read("FindFolder", body)).find(f"{M}RootFolder")
    folders = root[0] if root is not None and len(root) else ()
    return next((folder for folder in map(read_folder, folders) if folder.name == name), None)
