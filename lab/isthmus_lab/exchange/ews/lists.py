"""Members of personal distribution lists ([MS-OXOCNTC] 2.2.2): one-offs, people of the address book, own contacts."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.addresses import (
    address_book_entry_id,
    legacy_dn_of,
    one_off_entry_id,
    one_off_of,
    wrapped_entry_id,
    wrapped_of,
)

from .errors import EwsError
from .fields import Draft, View, array
from .ids import ObjectId
from .mailboxes import mailbox, recipient_of
from .names import Element, child, elements, t, text


def members(view: View) -> Iterator[tuple[bytes, str, str, str]]:
    """Entry id, name, address type and address of each member; a wrapped one has its own name as the one-off has it."""
    ids = view.bag.get(tags.PidLidDistributionListMembers) or []
    one_offs = view.bag.get(tags.PidLidDistributionListOneOffMembers) or []
    for at, entry_id in enumerate(ids):
        shown = one_off_of(entry_id) or (one_off_of(one_offs[at]) if at < len(one_offs) else None) or ("", "", "")
        legacy_dn = legacy_dn_of(entry_id)
        yield (entry_id, shown[0], "EX", legacy_dn) if legacy_dn else (entry_id, *shown)


def show(view: View) -> Element | None:
    """The Members element."""
    found = []
    for entry_id, name, kind, address in members(view):
        who = mailbox(view, name, kind, address, None)
        if who is not None:
            node = t("Member", who, Key=entry_id.hex())
            node.append(t("Status", "Normal"))
            found.append(node)
    return array("Members", found) if found else None


def store(draft: Draft, node: Element) -> None:
    """Puts these members in the place of those that are there."""
    ids, one_offs = list[bytes](), list[bytes]()
    for each in elements(node):
        who = child(each, "Mailbox")
        if who is None:
            raise EwsError("ErrorInvalidRecipients", "A member has no mailbox.")
        wrapped = _wrapped(who)
        recipient = recipient_of(draft, who)
        name, address = recipient[tags.PidTagDisplayName], recipient[tags.PidTagEmailAddress]
        smtp = recipient.get(tags.PidTagSmtpAddress) or address
        one_offs.append(one_off_entry_id(name, smtp))
        if wrapped is not None:
            ids.append(wrapped)
        elif recipient[tags.PidTagAddressType] == "EX":
            ids.append(address_book_entry_id(address, is_group=recipient.get(tags.PidTagDisplayType) == 1))
        else:
            ids.append(one_offs[-1])
    draft.set(tags.PidLidDistributionListMembers, list(ids))
    draft.set(tags.PidLidDistributionListOneOffMembers, list(one_offs))


def _wrapped(who: Element) -> bytes | None:
    """A member that is a contact or a list of the mailbox."""
    item = child(who, "ItemId")
    if item is None:
        return None
    return wrapped_entry_id(ObjectId.parse(item.get("Id", "")).entry, is_list=text(who, "MailboxType") == "PrivateDL")


def item_of(entry_id: bytes) -> bytes | None:
    """The item that a member is, None for one that is none."""
    return wrapped_of(entry_id)
