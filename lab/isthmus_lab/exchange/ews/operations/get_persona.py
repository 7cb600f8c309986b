"""GetPersona: one person of the address list or of the own contacts ([MS-OXWSPERS])."""

from __future__ import annotations

from isthmus_lab.store import Rights

from ..call import Call, reading
from ..errors import EwsError
from ..ids import ObjectId
from ..names import Element, child, m, text
from ..people import contact_persona, persona_guid, recipient_persona
from ..soap import Answer


@reading
def get_persona(call: Call) -> Answer:
    """The answer is itself the response message; as that must have a Persona, an error is a fault."""
    persona = m("Persona")
    persona.extend(list(_persona(call)))
    return call.single("GetPersonaResponseMessage", lambda: [persona])


def _persona(call: Call) -> Element:
    directory = call.services.directory
    named, address = child(call.element, "PersonaId"), child(call.element, "EmailAddress")
    if named is not None:
        written = named.get("Id", "")
        guid = persona_guid(written)
        if guid is None:
            mailbox = call.mailbox_of(ObjectId.parse(written), Rights.READ_ANY)
            return contact_persona(call.view(mailbox, mailbox.items.row(ObjectId.parse(written).entry)))
        found = directory.by_object(guid)
    else:
        found = directory.by_address(text(address, "EmailAddress") or "") if address is not None else None
    if found is None:
        raise EwsError("ErrorItemNotFound")
    return recipient_persona(found)
