"""ExpandDL: the members of a group or of a personal list, one level deep ([MS-OXWSEDLIST])."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Mailbox, NotFoundError

from ..call import Call, reading
from ..errors import EwsError
from ..fields import View
from ..kinds import DISTRIBUTION_LIST
from ..lists import item_of, members
from ..mailboxes import mailbox
from ..names import Element, child, m, text
from ..people import contact_mailboxes, kind_of, recipient_mailbox
from ..soap import Answer


@reading
def expand_DL(call: Call) -> Answer:  # noqa: N802 - the operation is called so
    """Groups and lists among the members are shown as what they are; a client expands them itself."""
    asked = child(call.element, "Mailbox")
    assert asked is not None

    def handle() -> Iterator[Element]:
        item = child(asked, "ItemId")
        found = _group(call, text(asked, "EmailAddress")) if item is None else _list(call, item)
        answer = m("DLExpansion", TotalItemsInView=str(len(found)), IncludesLastItemInRange="true")
        answer.extend(found)
        yield answer

    return call.answer(handle)


def _group(call: Call, address: str | None) -> list[Element]:
    directory = call.services.directory
    group = directory.by_address(address) if address else None
    if group is None or not group.is_group:
        raise EwsError("ErrorNameResolutionNoResults")
    found = [each for each in directory.members(group) if each.smtp]
    return [recipient_mailbox(each) for each in sorted(found, key=lambda each: each.name.casefold())]


def _list(call: Call, item: Element) -> list[Element]:
    owner, wanted = call.item(item)
    view = call.view(owner, owner.items.row(wanted.entry))
    if view.kind is not DISTRIBUTION_LIST:
        raise EwsError("ErrorNameResolutionNoResults")
    return [who for entry_id, *written in members(view) if (who := _member(call, owner, view, entry_id, *written))]


def _member(
    call: Call, owner: Mailbox, view: View, entry_id: bytes, name: str, kind: str, address: str
) -> Element | None:
    item = item_of(entry_id)
    if item is not None:
        try:
            return next(iter(contact_mailboxes(owner, call.view(owner, owner.items.row(item)))), None)
        except NotFoundError:  # the contact is gone; the list still has its address
            pass
    who = mailbox(view, name, kind, address, None)
    known = call.services.directory.by_address(f"x500:{address}" if kind == "EX" else address)
    if who is not None and known is not None:
        who[-1].text = kind_of(known)
    return who
