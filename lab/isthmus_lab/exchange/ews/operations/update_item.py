"""UpdateItem: set, append and delete fields; conflicts by change key ([MS-OXWSCORE] 3.1.4.9)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.mapi import tags
from isthmus_lab.store import Rights, Row

from .. import appointments, bodies, extended
from ..call import Call, operation
from ..errors import EwsError
from ..fields import Draft
from ..ids import read_change_key
from ..kinds import CALENDAR, kind_of
from ..mailboxes import recipient_of, replace
from ..making import put
from ..names import Element, elements, local, m, t
from ..sending import send
from ..shapes import ALL, bare, uri_of
from ..soap import Answer

_RECIPIENTS = {
    "ToRecipients": tags.RECIPIENT_TO,
    "CcRecipients": tags.RECIPIENT_CC,
    "BccRecipients": tags.RECIPIENT_BCC,
}


@operation
def update_item(call: Call) -> Answer:
    """Applies each ItemChange as a whole or not at all."""
    resolution = call.element.get("ConflictResolution")
    disposition = call.element.get("MessageDisposition") or "SaveOnly"

    def handle(change: Element) -> Iterator[Element]:
        target, updates = elements(change)
        mailbox, item = call.item(target, Rights.EDIT_ANY, occurrences=True)
        found = mailbox.items.get(item.entry)
        key = _change_key(target, str(resolution), found.row)

        def apply(draft: Draft) -> None:
            for update in elements(updates):
                _apply(draft, found.row, update)

        if kind_of(found.row.item_class) is CALENDAR:
            yield m("Items", appointments.update(call, mailbox, item, found, apply, key))
            yield m("ConflictResults", t("Count", "0"))
            return
        draft = call.draft(found.bag)
        apply(draft)
        sends = disposition != "SaveOnly"
        if sends:
            send(call, draft)
        with mailbox.transaction():
            row = found.row
            if draft.changed or draft.recipients_changed:
                recipients = found.bag.recipients if draft.recipients_changed else None
                row = mailbox.items.update(item.entry, draft.changed, recipients=recipients, change_key=key)
            if draft.read is not None:
                row = (mailbox.items.set_read([item.entry], draft.read) or [row])[0]
            if sends:
                _, sent = call.target_folder("SavedItemFolderId", "sentitems")
                row = mailbox.items.move([item.entry], sent.id)[0]
        yield m("Items", bare(mailbox.guid, row))
        yield m("ConflictResults", t("Count", "0"))

    return call.answer_each(call.children("ItemChanges"), handle, on_error={"Items": ""})


def _change_key(target: Element, resolution: str, row: Row) -> bytes | None:
    """The change key the item must still have; None where a change in between does not matter."""
    written = target.get("ChangeKey")
    if resolution == "AlwaysOverwrite":
        return None
    if not written:
        raise EwsError(
            "ErrorChangeKeyRequiredForWriteOperations",
            "The change key is required unless AlwaysOverwrite is asked for.",
        )
    key = read_change_key(written)
    if resolution == "NeverOverwrite":
        if key != row.change_key:
            raise EwsError("ErrorIrresolvableConflict")
        return key
    return None  # AutoResolve: field by field, the last writer wins


def _apply(draft: Draft, row: Row, update: Element) -> None:
    kind = kind_of(row.item_class)
    path, *rest = elements(update)
    if local(update) == "DeleteItemField":
        if local(path) == "ExtendedFieldURI":
            draft.set(extended.key_of(path), None)
            return
        field = ALL.get(uri_of(path))
        if field is None:  # no item here has it: it is gone already
            return
        if field.clear is None:
            raise EwsError("ErrorInvalidPropertyDelete", f"{uri_of(path)} cannot be deleted.")
        field.clear(draft)
        return
    content = elements(rest[0])
    if len(content) != 1:
        raise EwsError("ErrorIncorrectUpdatePropertyCount", "An update sets exactly one field.")
    if local(update) == "SetItemField":
        put(draft, kind, content[0])
    elif local(content[0]) == "Body":
        bodies.append(draft, content[0])
    else:
        _append_recipients(draft, content[0])


def _append_recipients(draft: Draft, node: Element) -> None:
    kind = _RECIPIENTS.get(local(node))
    if kind is None:
        raise EwsError("ErrorInvalidPropertyAppend", f"Nothing can be appended to {local(node)}.")
    before = [each for each in draft.bag.recipients if each.get(tags.PidTagRecipientType) == kind]
    replace(draft, kind, before + [recipient_of(draft, each) for each in elements(node)])
