"""ArchiveItem: items into the same folder of the owner's archive."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Folder, Mailbox, Rights

from ..call import Call, operation
from ..errors import EwsError
from ..names import Element, m
from ..shapes import bare
from ..soap import Answer
from ..transfer import carry

_NEVER = ("IPF.Appointment", "IPF.Contact", "IPF.Task")


@operation
def archive_item(call: Call) -> Answer:
    """Each item by itself; folders that the archive does not have are made."""

    def handle(node: Element) -> Iterator[Element]:
        mailbox, source = call.target_folder("ArchiveSourceFolderId")
        archive = _archive(call, mailbox)
        if source.container_class.startswith(_NEVER):
            raise EwsError(
                "ErrorCannotArchiveCalendarContactTaskFolderException", "Items of such folders stay in the mailbox."
            )
        there, item = call.item(node, Rights.READ_ANY | Rights.DELETE_ANY)
        if there is not mailbox:
            raise EwsError("ErrorInvalidItemForOperationArchiveItem", "The item is in another mailbox.")
        row = carry(mailbox, item.entry, archive, _same_folder(mailbox, source, archive), keep=False)
        yield m("Items", bare(archive.guid, row))

    return call.answer_each(call.children("ItemIds"), handle, on_error={"Items": ""})


def _archive(call: Call, mailbox: Mailbox) -> Mailbox:
    owner = call.services.directory.by_mailbox(mailbox.guid)
    if owner is None or owner.archive is None:
        raise EwsError("ErrorArchiveMailboxNotEnabled", "The mailbox has no archive.")
    if owner.archive == mailbox.guid:
        raise EwsError("ErrorCannotArchiveItemsInArchiveMailbox", "The items are in the archive already.")
    return call.services.store.mailbox(owner.archive, locale=mailbox.locale)


def _same_folder(mailbox: Mailbox, source: Folder, archive: Mailbox) -> bytes:
    """The folder of the archive at the place of one of the mailbox, below the same distinguished folder."""
    names = list[str]()
    at = source
    while at.role is None and at.parent_id is not None:
        names.insert(0, at.name)
        at = mailbox.folders.get(at.parent_id)
    top = archive.folders.role(at.role or "msgfolderroot")
    return archive.folders.path(top.id, names, source.container_class).id
