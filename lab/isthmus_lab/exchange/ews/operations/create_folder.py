"""CreateFolder ([MS-OXWSFOLD] 3.1.4.1)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import SEARCH, Ace, Folder, Mailbox, Rights

from .. import search_folders
from ..call import Call, not_public, operation
from ..errors import EwsError
from ..folders import CLASSES, Wanted, element_of, set_permissions
from ..names import Element, child, local, m, t
from ..rights import own_entry_id
from ..shapes import folder_id
from ..soap import Answer


@operation
def create_folder(call: Call) -> Answer:
    """New folders below one parent."""

    def handle(node: Element) -> Iterator[Element]:
        mailbox, parent = call.target_folder("ParentFolderId", need=Rights.CREATE_SUBFOLDER)
        yield shown(mailbox, make(call, mailbox, parent, node))

    return call.answer_each(call.children("Folders"), handle)


def make(call: Call, mailbox: Mailbox, parent: Folder, node: Element) -> Folder:
    """The folder that an element describes, below a parent in which the caller may make it. Raises EwsError."""
    access, wanted = call.access(mailbox), Wanted()
    wanted.take(node)
    if not wanted.name:
        raise EwsError("ErrorFolderPropertRequestFailed", "A folder needs a DisplayName.")
    if local(node) == "SearchFolder":
        not_public(mailbox)
        wanted.properties[SEARCH] = search_folders.keep(call, mailbox, child(node, "SearchParameters"))
    container = wanted.container_class or CLASSES[local(node)]
    permission_set = child(node, "PermissionSet")
    with mailbox.transaction():
        made = mailbox.folders.create(parent.id, wanted.name, container, wanted.properties)
        if not access.full:  # a folder is the one's who made it
            own = Ace(own_entry_id(call.caller), call.caller.name, Rights.EVERYTHING)
            mailbox.permissions.set(made.id, [*mailbox.permissions.of(made.id), own])
        if permission_set is not None:
            set_permissions(access, made, permission_set)
        return mailbox.folders.get(made.id)


def shown(mailbox: Mailbox, folder: Folder) -> Element:
    """What a response message says of a folder that was made."""
    return m("Folders", t(element_of(folder), folder_id(mailbox.guid, folder)))
