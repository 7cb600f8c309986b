"""What a server adds to an item when it is saved, [MS-OXCMSG] 3.2.5.2, and the form its content is kept in."""

import os
import struct

from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store.columns import COMPUTED, DESCRIBING
from isthmus_lab.store.contents import Pieces

# Content begins with this, so that the flags are bytes 4 to 8: kept with the item, where the read flag changes alone.
_FIRST = struct.pack("<I", tags.PidTagMessageFlags)
_NEEDED = (
    tags.PidTagMessageClass,
    tags.PidTagSearchKey,
    tags.PidTagCreationTime,
    tags.PidTagLastModificationTime,
)


def complete(bag: Bag, now: int, *, associated: bool, delivered: bool = False) -> None:
    """Adds what is missing and takes away what only the server says; PidTagMessageFlags comes first."""
    given = bag.properties
    flags = given.get(tags.PidTagMessageFlags, 0)
    if tags.PidTagRead in given:
        flags = flags | tags.MSGFLAG_READ if given[tags.PidTagRead] else flags & ~tags.MSGFLAG_READ
    flags = _as_it_is(flags, bag, associated)
    if delivered:
        flags &= ~(tags.MSGFLAG_READ | tags.MSGFLAG_UNSENT)
        given[tags.PidTagMessageDeliveryTime] = now
    bag.properties = {
        tags.PidTagMessageFlags: flags,
        tags.PidTagMessageClass: "IPM.Note",
        tags.PidTagSearchKey: os.urandom(16),
        tags.PidTagCreationTime: now,
        tags.PidTagLastModificationTime: now,
        **{key: value for key, value in given.items() if key not in COMPUTED and key != tags.PidTagMessageFlags},
    }
    _number_attachments(bag)


def uploaded(content: bytes, now: int, *, associated: bool) -> tuple[Bag, Pieces]:
    """What describes an exported item, and the content to keep: as it came, unless it lacks what every item has or has
    flags that do not fit it.
    """
    bag = fasttransfer.decode(content, only=DESCRIBING)
    if content[:4] == _FIRST and all(key in bag.properties for key in _NEEDED):
        came = bag.properties[tags.PidTagMessageFlags]
        flags = bag.properties[tags.PidTagMessageFlags] = _as_it_is(came, bag, associated)
        if flags == came:
            return bag, (content,)
        return bag, (_FIRST + struct.pack("<i", flags), memoryview(content)[8:])
    bag = fasttransfer.decode(content)
    complete(bag, now, associated=associated)
    return bag, (fasttransfer.encode(bag),)


def with_flags(content: bytes, flags: int) -> bytes:
    """The content that an item has with these PidTagMessageFlags."""
    beginning = _FIRST + struct.pack("<i", flags)
    return content if content.startswith(beginning) else b"".join((beginning, memoryview(content)[8:]))


def _as_it_is(flags: int, bag: Bag, associated: bool) -> int:
    """PidTagMessageFlags of an item that is saved: what a server sees for itself is no client's to say, [MS-OXCMSG]
    2.2.1.6. It keeps what tells of the item's past (mfFromMe, mfUnmodified, where it came from).
    """
    flags &= ~(tags.MSGFLAG_HASATTACH | tags.MSGFLAG_ASSOCIATED | tags.MSGFLAG_SUBMIT)
    return flags | (tags.MSGFLAG_HASATTACH * bool(bag.attachments)) | (tags.MSGFLAG_ASSOCIATED * associated)


def _number_attachments(bag: Bag) -> None:
    """Gives each attachment a PidTagAttachNumber of its own, [MS-OXCMSG] 2.2.2.6; one that has it keeps it."""
    taken: set[int] = set()
    for attachment in bag.attachments:
        number = attachment.properties.get(tags.PidTagAttachNumber)
        if number is None or number in taken:
            number = max(taken, default=-1) + 1
            attachment.properties[tags.PidTagAttachNumber] = number
        taken.add(number)
