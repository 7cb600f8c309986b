"""GetRoomLists: the groups of rooms in the forest ([MS-OXWSGTRL])."""

from __future__ import annotations

from collections.abc import Iterator

from ..call import Call, reading
from ..names import Element, m, t
from ..soap import Answer


@reading
def get_room_lists(call: Call) -> Answer:
    """Their addresses; the message itself is the answer, as in no other operation but GetRooms."""

    def handle() -> Iterator[Element]:
        found = m("RoomLists")
        for each in sorted(call.services.directory.room_lists(), key=lambda each: each.name):
            node = t("Address", t("Name", each.name))
            node.append(t("EmailAddress", each.smtp or ""))
            node.append(t("RoutingType", "SMTP"))
            node.append(t("MailboxType", "PublicDL"))
            found.append(node)
        yield found

    return call.single("GetRoomListsResponse", handle)
