"""UpdateFolder: sets and removes fields ([MS-OXWSFOLD] 3.1.4.8)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import SEARCH, Rights

from .. import extended, search_folders
from ..call import Call, operation
from ..errors import EwsError
from ..folders import Wanted, element_of, set_permissions
from ..ids import read_change_key
from ..names import Element, child, elements, local, m, t
from ..shapes import folder_id, uri_of
from ..soap import Answer


@operation
def update_folder(call: Call) -> Answer:
    """Applies each FolderChange as a whole or not at all."""

    def handle(change: Element) -> Iterator[Element]:
        target, updates = elements(change)[0], elements(change)[1]
        mailbox, folder = call.folder(target, Rights.OWNER)
        wanted, permission_sets = Wanted(), list[tuple[Element | None, bool]]()
        for update in elements(updates):
            path = elements(update)[0]
            permissions = local(path) == "FieldURI" and uri_of(path) == "folder:PermissionSet"
            if local(update) == "DeleteFolderField":
                if local(path) == "ExtendedFieldURI":
                    wanted.properties[extended.key_of(path)] = None
                elif uri_of(path) == "folder:FolderClass":
                    wanted.container_class = "IPF.Note"
                elif permissions:
                    permission_sets.append((None, False))
                else:
                    raise EwsError("ErrorInvalidPropertyDelete", f"{uri_of(path)} cannot be deleted.")
            elif permissions:
                permission_set = child(elements(update)[1], "PermissionSet")
                permission_sets.append((permission_set, local(update) == "AppendToFolderField"))
            elif local(update) == "AppendToFolderField":
                raise EwsError("ErrorInvalidPropertyAppend", f"Nothing can be appended to {uri_of(path)}.")
            elif local(path) == "FieldURI" and uri_of(path) == "folder:SearchParameters":
                if not folder.is_search:
                    raise EwsError("ErrorInvalidPropertySet", "The folder is no search folder.")
                parameters = child(elements(update)[1], "SearchParameters")
                wanted.properties[SEARCH] = search_folders.keep(call, mailbox, parameters)
            else:
                wanted.take(elements(update)[1])
        written = target.get("ChangeKey")
        with mailbox.transaction():
            mailbox.folders.update(
                folder.id,
                name=wanted.name,
                container_class=wanted.container_class,
                properties=wanted.properties,
                change_key=read_change_key(written) if written else None,
            )
            for permission_set, append in permission_sets:
                set_permissions(call.access(mailbox), folder, permission_set, append=append)
            made = mailbox.folders.get(folder.id)
        yield m("Folders", t(element_of(made), folder_id(mailbox.guid, made)))

    return call.answer_each(call.children("FolderChanges"), handle)
