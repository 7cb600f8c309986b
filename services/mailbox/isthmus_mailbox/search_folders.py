"""Search folders of a mailbox, which cannot be brought over: what they look for names folders by ids of the source's.

They are kept aside by name, so that the switch can say so beforehand.
"""

from __future__ import annotations

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import FindFolders
from isthmus_sync.mailbox.folder_settings import KeptAside

from isthmus_mailbox.passing import Pass
from isthmus_mailbox.surroundings import Around

KIND = "search folder"
TOP = "searchfolders"
"""The folder "Finder", beside what people see, in which Outlook and Exchange make them."""
_REASON = "a search folder names folders by the ids of its own mailbox"


async def follow(p: Pass, around: Around) -> None:
    """Write down which there are."""
    try:
        page = await p.from_side.call(FindFolders(0, TOP))
    except EwsError as error:
        if error.kind not in (Kind.GONE, Kind.PERMANENT):
            raise
        names = []  # nobody has made one in this mailbox
    else:
        names = sorted({folder.name for folder in page.folders})
    await around.kept.agreed(KIND)
    await around.kept.keep(KIND, "", "", "", [KeptAside("", name, _REASON) for name in names])
