"""What surrounds the mail: everything in a mailbox that is neither an item nor a folder's name and place.

Nothing of it is there twice when it is set twice, so there are no intents here: what is not written down as agreed is
set again. What cannot be set is kept aside, told of, and tried again; it never stops the mailbox.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from isthmus_exchange.errors import EwsError, InDoubtError, Kind
from isthmus_sync.mailbox.folder_settings import KeptAside
from isthmus_sync.mailbox.model import ROOT

from isthmus_mailbox import delegates, folder_settings, inbox_rules, out_of_office, search_folders
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.surroundings import Around, PeopleAwayError


async def follow(p: Pass) -> None:
    """Bring the surroundings over, when it is time."""
    around = p.around
    if around is None or not (p.marks.around_due or not p.heal):
        return
    if p.heal:
        done = await _made(p, _follow(p, around))
    else:
        wanted = around.wanted.out_of_office
        done = not wanted or await _made(p, _part(p, around, out_of_office.KIND, out_of_office.hand_over))
    p.marks.around_due = not done


async def rights(p: Pass) -> None:
    """Bring the rights of folders over before their items, where a folder that the to side had of its own stands for
    one of the from side's: who may see what comes into it is not for what was there to say.
    """
    if p.marks.adopted and p.closed and p.heal and p.around is not None:
        p.marks.adopted = not await _made(p, _part(p, p.around, folder_settings.KIND, folder_settings.follow))


async def _made(p: Pass, settings: Awaitable[None]) -> bool:
    """Whether these settings could be made; if not, they are tried again."""
    try:
        await settings
    except PeopleAwayError as error:
        p.log.info("what surrounds the mail waits", reason=str(error))
    except InDoubtError as error:
        p.log.info("a setting got no answer; it is made again", reason=str(error))
    else:
        return True
    return False


async def lost(p: Pass, folder: int) -> None:
    """Another folder of the to side is to stand for this one: what had been set in the former one is to be set again,
    and with the top of the mailbox everything is. To be called before its items are forgotten.
    """
    for associated in (False, True):
        p.marks.surplus.pop((folder, associated), None)
    p.marks.around_due = True
    if p.around is None:
        return
    kept = p.around.kept
    await kept.forget(folder_settings.KIND, [str(folder)])
    # Rules are looked at on the to side whatever was agreed.
    for kind in (delegates.KIND, search_folders.KIND) if folder == ROOT else ():
        await kept.forget(kind, list(await kept.agreed(kind)))


async def _follow(p: Pass, around: Around) -> None:
    wanted = around.wanted
    if wanted.out_of_office:
        await _part(p, around, out_of_office.KIND, out_of_office.take_back)
    if wanted.rules:
        await _part(p, around, inbox_rules.KIND, inbox_rules.follow)
    if wanted.delegates:
        await _part(p, around, delegates.KIND, delegates.follow)
    # After the delegates, who are given rights in folders: here are all of them, as they are.
    await _part(p, around, folder_settings.KIND, folder_settings.follow)
    if wanted.search_folders:
        await _part(p, around, search_folders.KIND, search_folders.follow)


_WHOLE = "all"
"""The place of what is kept aside when a server refuses to tell a part, or to take it, as a whole."""


async def _part(p: Pass, around: Around, kind: str, follow: Callable[[Pass, Around], Awaitable[None]]) -> None:
    """Bring one part over. A server that has damaged rules or delegates of a mailbox says so of all of them at once."""
    aside: list[KeptAside] = []
    try:
        await follow(p, around)
    except EwsError as error:
        if error.kind not in (Kind.PERMANENT, Kind.GONE):
            raise
        p.log.warning("a part of what surrounds the mail is refused", part=kind, reason=str(error))
        await around.kept.agreed(kind)
        aside.append(KeptAside("", _WHOLE, str(error)))
    await around.kept.keep(kind, _WHOLE, "", None, aside)
