"""ConvertId ([MS-OXWSCVTID]): an EWS id, an entry id in hexadecimal or base64, and back."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from ..call import Call, operation
from ..errors import EwsError
from ..ids import ObjectId
from ..names import Element, m
from ..soap import Answer
from ..values import parse_base64

_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_FORMATS = ("EwsId", "EwsLegacyId", "EntryId", "HexEntryId")


@operation
def convert_id(call: Call) -> Answer:
    """Each id in the wanted format."""
    wanted = call.element.get("DestinationFormat", "")

    def handle(node: Element) -> Iterator[Element]:
        given, written, address = node.get("Format", ""), node.get("Id", ""), node.get("Mailbox", "")
        if given not in _FORMATS or wanted not in _FORMATS:
            raise EwsError("ErrorUnsupportedTypeForConversion", f"{given} to {wanted} is not supported.")
        if given.startswith("Ews"):
            found = ObjectId.parse(written)
            # The mailbox that the id is of; clients that only have a logon name find their address this way.
            owner = call.services.directory.by_mailbox(found.mailbox)
        else:
            owner = call.services.directory.by_address(address)
            if owner is None or owner.mailbox is None:
                raise EwsError("ErrorNonExistentMailbox")
            try:
                entry = bytes.fromhex(written) if given == "HexEntryId" else parse_base64(written)
            except ValueError:
                raise EwsError("ErrorInvalidIdMalformed") from None
            found = ObjectId(owner.mailbox, entry)
        yield _alternate(found, wanted, (owner and owner.smtp) or address)

    return call.answer_each(call.children("SourceIds"), handle)


def _alternate(found: ObjectId, wanted: str, address: str) -> Element:
    shown = {"HexEntryId": found.entry.hex().upper(), "EntryId": base64.b64encode(found.entry).decode()}
    node = m("AlternateId", Format=wanted, Id=shown.get(wanted, str(found)), Mailbox=address)
    node.set(_TYPE, "t:AlternateIdType")
    return node
