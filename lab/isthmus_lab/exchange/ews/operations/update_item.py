"""UpdateItem: set, append and delete fields; conflicts by change key ([MS-OXWSCORE] 3.1.4.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from isthmus_lab.mapi import tags
from isthmus_lab.store import Delete, Item, Mailbox, Rights, Row

from .. import appointments, bodies, current, extended, native
from ..call import Call, operation
from ..errors import EwsError
from ..fields import Draft, Field
from ..ids import read_change_key
from ..kinds import CALENDAR, MESSAGE, POST, Kind, kind_of
from ..mailboxes import recipient_of, replace
from ..making import put
from ..meetings import Dispatch
from ..names import Element, elements, flag, local, m, t
from ..receipts import receipt
from ..sending import Send, ready
from ..shapes import ALL, bare, uri_of
from ..soap import Answer

_RECIPIENTS = {
    "ToRecipients": tags.RECIPIENT_TO,
    "CcRecipients": tags.RECIPIENT_CC,
    "BccRecipients": tags.RECIPIENT_BCC,
}
_FIXED = frozenset(("ItemId", "ParentFolderId", "Attachments", "IsAssociated"))
"""What no update sets; attachments have operations of their own."""

Commit = Callable[[], Element | None]
"""Writes a prepared change; the item's element, None when it is not kept."""


@operation
def update_item(call: Call) -> Answer:
    """Applies each ItemChange as a whole or not at all."""
    resolution = str(call.element.get("ConflictResolution"))

    def handle(change: Element) -> Iterator[Element]:
        target, updates = elements(change)
        mailbox, item = call.item(target, Rights.EDIT_ANY, occurrences=True)
        told: list[Dispatch] = []

        def prepare(found: Item) -> Commit:
            _refuse_conflict(target, resolution, found.row)
            kind = kind_of(found.row.item_class)

            def apply(draft: Draft) -> None:
                for update in elements(updates):
                    _apply(call, draft, kind, update)

            if kind is CALENDAR:
                commit, told[:] = appointments.update(call, mailbox, item, found, apply)
                return commit
            return _update(call, mailbox, found, kind, apply)

        items = m("Items")
        shown = current.change(mailbox, item.entry, prepare)
        if shown is not None:
            items.append(shown)
        for each in told:
            each.keep()
        yield items
        yield m("ConflictResults", t("Count", "0"))

    return call.answer_each(call.children("ItemChanges"), handle, on_error={"Items": ""})


def _update(call: Call, mailbox: Mailbox, found: Item, kind: Kind, apply: Callable[[Draft], None]) -> Commit:
    """What changes an item that is in no calendar, and sends it if that is asked for."""
    disposition, entry = call.element.get("MessageDisposition"), found.row.id
    if disposition is None and "message" in kind.prefixes and kind is not POST:
        raise EwsError("ErrorMessageDispositionRequired", "MessageDisposition is required for messages.")
    draft = call.draft(found.bag)
    apply(draft)
    tells = bool(draft.read) and kind is MESSAGE and not flag(call.element.get("SuppressReadReceipts"))
    notice = receipt(call, found) if tells else None
    if notice is not None:
        draft.set(tags.PidTagReadReceiptRequested, False)
    send: Send | None = None
    sent = b""
    if disposition in ("SendOnly", "SendAndSaveCopy"):
        send = ready(call, draft)
        there, folder = call.target_folder("SavedItemFolderId", "sentitems")
        if there is not mailbox:
            raise EwsError("ErrorMoveCopyFailed", "The copy cannot be kept in another mailbox.")
        sent = folder.id

    def commit() -> Element | None:
        row = found.row
        if draft.changed or draft.recipients_changed:
            bag = draft.bag
            row = mailbox.items.update(entry, draft.changed, recipients=bag.recipients, attachments=bag.attachments)
        if draft.read is not None:
            row = (mailbox.items.set_read([entry], draft.read) or [row])[0]
        if send is not None:
            if disposition == "SendOnly":
                mailbox.items.delete([entry], Delete.HARD)
            else:
                row = mailbox.items.move([entry], sent)[0]
            send()
        if notice is not None:
            notice()
        return None if disposition == "SendOnly" and send is not None else bare(mailbox.guid, row)

    return commit


def _refuse_conflict(target: Element, resolution: str, row: Row) -> None:
    """Raises EwsError where a change in between matters; else, field by field, the last writer wins."""
    written = target.get("ChangeKey")
    if resolution == "AlwaysOverwrite":
        return
    if not written:
        raise EwsError(
            "ErrorChangeKeyRequiredForWriteOperations",
            "The change key is required unless AlwaysOverwrite is asked for.",
        )
    if read_change_key(written) != row.change_key and resolution == "NeverOverwrite":
        raise EwsError("ErrorIrresolvableConflict")


def _apply(call: Call, draft: Draft, kind: Kind, update: Element) -> None:
    path, *rest = elements(update)
    if local(update) == "DeleteItemField":
        _delete(draft, path)
        return
    content = elements(rest[0])
    if len(content) != 1:
        raise EwsError("ErrorIncorrectUpdatePropertyCount", "An update sets exactly one field.")
    if not _is_of(path, content[0]):
        raise EwsError("ErrorUpdatePropertyMismatch", f"The update of {_name(path)} has another field in it.")
    name = local(content[0])
    if local(update) == "AppendToItemField":
        if name == "Body":
            bodies.append(draft, content[0])
        else:
            _append_recipients(draft, content[0])
    elif name == "MimeContent":
        _replace_content(call, draft, kind, content[0])
    elif name in _FIXED:
        raise EwsError("ErrorInvalidPropertySet", f"{name} cannot be set by an update.")
    else:
        put(draft, kind, content[0])


def _delete(draft: Draft, path: Element) -> None:
    if local(path) == "ExtendedFieldURI":
        draft.set(extended.key_of(path), None)
        return
    field = ALL.get(uri_of(path))
    if field is None:  # no item here has it: it is gone already
        return
    if field.clear is None:
        raise EwsError("ErrorInvalidPropertyDelete", f"{uri_of(path)} cannot be deleted.")
    field.clear(draft)


def _is_of(path: Element, content: Element) -> bool:
    """Whether what is set is what the path names."""
    if local(path) == "ExtendedFieldURI":
        return local(content) == "ExtendedProperty" and extended.key_of(path) == extended.key_of(elements(content)[0])
    uri = uri_of(path)
    field: Field | None = ALL.get(uri)
    if local(content) != (uri.partition(":")[2] if field is None else field.element):
        return False
    index = path.get("FieldIndex")
    return index is None or all(each.get("Key") == index for each in elements(content))


def _name(path: Element) -> str:
    return "an extended property" if local(path) == "ExtendedFieldURI" else uri_of(path)


def _replace_content(call: Call, draft: Draft, kind: Kind, node: Element) -> None:
    """The item becomes what the content says; what MIME does not speak of (categories, flags) stays."""
    if kind not in (MESSAGE, POST, CALENDAR):
        raise EwsError("ErrorInvalidPropertySet", f"MimeContent of a {kind.element} cannot be set.")
    came = native.parsed(call, node)
    bodies.clear(draft)
    for key, value in came.properties.items():
        if key not in (tags.PidTagMessageFlags, tags.PidTagMessageClass):
            draft.set(key, value)
    draft.bag.recipients, draft.bag.attachments = came.recipients, came.attachments
    draft.recipients_changed = True


def _append_recipients(draft: Draft, node: Element) -> None:
    kind = _RECIPIENTS.get(local(node))
    if kind is None:
        raise EwsError("ErrorInvalidPropertyAppend", f"Nothing can be appended to {local(node)}.")
    before = [each for each in draft.bag.recipients if each.get(tags.PidTagRecipientType) == kind]
    replace(draft, kind, before + [recipient_of(draft, each) for each in elements(node)])
