"""ConvertId ([MS-OXWSCVTID]): an id of one format in another."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from isthmus_lab.store import PUBLIC
from isthmus_lab.store.ids import is_public

from ...directory import Recipient
from .. import id_formats
from ..call import Call, reading
from ..errors import EwsError
from ..ids import ObjectId
from ..names import Element, flag, local, m
from ..soap import Answer

_PARTS = ("FolderId", "ItemId")
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


@reading
def convert_id(call: Call) -> Answer:
    """Each id in the wanted format."""
    wanted = call.element.get("DestinationFormat", "")

    def owner(address: str) -> Recipient:
        found = call.services.directory.by_address(address)
        if found is None or found.mailbox is None:
            raise EwsError("ErrorNonExistentMailbox")
        return found

    def handle(node: Element) -> Iterator[Element]:
        if local(node) != "AlternateId":
            yield _public(node, wanted)
            return
        address, archive = node.get("Mailbox", ""), flag(node.get("IsArchive"))

        def mailbox(other: str | None) -> UUID:
            person = owner(address if other is None else other)
            guid = person.archive if archive else person.mailbox
            if guid is None:
                raise EwsError("ErrorNonExistentMailbox")
            return guid

        found = id_formats.read(node.get("Id", ""), node.get("Format", ""), mailbox)
        # The mailbox that the id is of; clients that only have a logon name find their address this way.
        person = call.services.directory.by_mailbox(found.mailbox)
        shown = (person and person.smtp) or address
        answer = m("AlternateId", Format=wanted, Id=id_formats.write(found, wanted, shown), Mailbox=shown)
        if person is not None and found.mailbox == person.archive:
            answer.set("IsArchive", "true")
        answer.set(_TYPE, "t:AlternateIdType")
        yield answer

    return call.answer_each(call.children("SourceIds"), handle)


def _public(node: Element, wanted: str) -> Element:
    """The ids of a public folder, and of an item in it, which name no mailbox."""
    answer = m("AlternateId", Format=wanted)
    for part in _PARTS:
        written = node.get(part)
        if written is not None:
            found: ObjectId = id_formats.read(written, node.get("Format", ""), lambda _: PUBLIC)
            if not is_public(found.entry) or found.is_folder != (part == "FolderId"):
                raise EwsError("ErrorInvalidIdMalformed")
            answer.set(part, id_formats.write(found, wanted, ""))
    answer.set(_TYPE, f"t:{local(node)}Type")
    return answer
