"""What surrounds the mail: everything in a mailbox that is neither an item nor a folder's name and place.

Nothing of it is there twice when it is set twice, so there are no intents here: what is not written down as agreed is
set again. What cannot be set is kept aside, told of, and tried again; it never stops the mailbox.
"""

from __future__ import annotations

from isthmus_exchange.errors import InDoubtError

from isthmus_mailbox import folder_settings
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.surroundings import PeopleAwayError


async def follow(p: Pass) -> None:
    """Bring the surroundings over, when it is time."""
    around = p.around
    if around is None or not p.heal or not p.marks.around_due:
        return
    try:
        await folder_settings.follow(p, around)
    except PeopleAwayError as error:
        p.log.info("what surrounds the mail waits", reason=str(error))
    except InDoubtError as error:
        p.log.info("a setting got no answer; it is made again", reason=str(error))
    else:
        p.marks.around_due = False
