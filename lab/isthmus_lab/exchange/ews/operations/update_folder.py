"""UpdateFolder: sets and removes fields ([MS-OXWSFOLD] 3.1.4.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isthmus_lab.mapi.tags import PropertyKey

from .. import extended
from ..call import Call, operation
from ..errors import EwsError
from ..folders import changes_of, element_of
from ..ids import read_change_key
from ..names import Element, elements, local, m, t
from ..shapes import folder_id, uri_of
from ..soap import Answer


@operation
def update_folder(call: Call) -> Answer:
    """Applies each FolderChange as a whole or not at all."""

    def handle(change: Element) -> Iterator[Element]:
        target, updates = elements(change)[0], elements(change)[1]
        mailbox, folder = call.folder(target)
        name, container, properties = None, None, dict[PropertyKey, Any]()
        for update in elements(updates):
            path = elements(update)[0]
            if local(update) == "DeleteFolderField":
                if local(path) == "ExtendedFieldURI":
                    properties[extended.key_of(path)] = None
                elif uri_of(path) == "folder:FolderClass":
                    container = "IPF.Note"
                elif uri_of(path) != "folder:PermissionSet":  # permissions are what every folder has to begin with
                    raise EwsError("ErrorInvalidPropertyDelete", f"{uri_of(path)} cannot be deleted.")
            else:
                set_name, set_class, set_properties = changes_of(elements(update)[1])
                name, container = set_name or name, set_class or container
                properties |= set_properties
        written = target.get("ChangeKey")
        made = mailbox.folders.update(
            folder.id,
            name=name,
            container_class=container,
            properties=properties,
            change_key=read_change_key(written) if written else None,
        )
        yield m("Folders", t(element_of(made), folder_id(mailbox.guid, made)))

    return call.answer_each(call.children("FolderChanges"), handle)
