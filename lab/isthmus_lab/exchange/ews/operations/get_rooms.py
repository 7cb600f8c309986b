"""GetRooms: the rooms of a room list ([MS-OXWSGTRM])."""

from __future__ import annotations

from collections.abc import Iterator

from ...directory import ROOM, ROOM_LIST
from ..call import Call, reading
from ..errors import EwsError
from ..names import Element, child, m, t, text
from ..soap import Answer


@reading
def get_rooms(call: Call) -> Answer:
    """The members of the list that are rooms."""
    wanted = child(call.element, "RoomList")
    address = "" if wanted is None else text(wanted, "EmailAddress") or ""

    def handle() -> Iterator[Element]:
        directory = call.services.directory
        group = directory.by_address(address)
        if group is None or group.details != ROOM_LIST:
            raise EwsError("ErrorNameResolutionNoResults", f"{address} is no room list.")
        found = m("Rooms")
        rooms = (each for each in directory.members(group) if each.details == ROOM)
        for each in sorted(rooms, key=lambda each: each.name):
            node = t("Id", t("Name", each.name))
            node.append(t("EmailAddress", each.smtp or ""))
            node.append(t("RoutingType", "SMTP"))
            node.append(t("MailboxType", "Mailbox"))
            found.append(t("Room", node))
        yield found

    return call.single("GetRoomsResponse", handle)
