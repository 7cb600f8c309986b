"""What surrounds the mail: everything in a mailbox that is neither an item nor a folder's name and place.

Nothing of it is there twice when it is set twice, so there are no intents here: what is not written down as agreed is
set again. What cannot be set is kept aside, told of, and tried again; it never stops the mailbox.
"""

from __future__ import annotations

from isthmus_exchange.errors import InDoubtError

from isthmus_mailbox import delegates, folder_settings, inbox_rules, out_of_office, search_folders
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.surroundings import Around, PeopleAwayError


async def follow(p: Pass) -> None:
    """Bring the surroundings over, when it is time."""
    around = p.around
    if around is None or not (p.marks.around_due or not p.heal):
        return
    try:
        if p.heal:
            await _follow(p, around)
        elif around.wanted.out_of_office:
            await out_of_office.hand_over(p, around)
    except PeopleAwayError as error:
        p.log.info("what surrounds the mail waits", reason=str(error))
    except InDoubtError as error:
        p.log.info("a setting got no answer; it is made again", reason=str(error))
    else:
        p.marks.around_due = False


async def _follow(p: Pass, around: Around) -> None:
    wanted = around.wanted
    if wanted.out_of_office:
        await out_of_office.take_back(p, around)
    if wanted.rules:
        await inbox_rules.follow(p, around)
    if wanted.delegates:
        await delegates.follow(p, around)
    # After the delegates, who are given rights in folders: here are all of them, as they are.
    await folder_settings.follow(p, around)
    if wanted.search_folders:
        await search_folders.follow(p, around)
