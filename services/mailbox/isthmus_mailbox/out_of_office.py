"""Automatic replies: they go over with their owner, once, at the switch.

Until then the to side has none, and afterwards no mail is delivered to the from side any more, so nobody is answered
twice. The from side's settings stay as they are, for an undo.
"""

from __future__ import annotations

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import GetOutOfOffice, SetOutOfOffice
from isthmus_sync.mailbox.folder_settings import KeptAside

from isthmus_mailbox.passing import Pass
from isthmus_mailbox.surroundings import Around

KIND = "out of office"
_OFF = "Disabled"


async def hand_over(p: Pass, around: Around) -> None:
    """The owner works on the to side now: it answers as the from side did, unless they said otherwise already."""
    if await around.kept.agreed(KIND):
        return
    settings = await p.from_side.call(GetOutOfOffice(p.from_side.address))
    present = await p.to_side.call(GetOutOfOffice(p.to_side.address))
    aside: list[KeptAside] = []
    if present.state == _OFF and (settings.state != _OFF or settings.internal or settings.external):
        try:
            await p.to_side.call(SetOutOfOffice(p.to_side.address, settings))
        except EwsError as error:
            if error.kind is not Kind.PERMANENT:
                raise
            # A time that has passed is refused; the replies are kept all the same.
            await p.to_side.call(SetOutOfOffice(p.to_side.address, settings._replace(state=_OFF, start="", end="")))
            if error.code != "ErrorInvalidScheduledOofDuration":
                aside.append(KeptAside("", settings.state, str(error)))
    await around.kept.keep(KIND, "", "", "handed over", aside)


async def take_back(p: Pass, around: Around) -> None:
    """The owner is back on the from side: the to side is silent again."""
    if await around.kept.agreed(KIND):
        present = await p.to_side.call(GetOutOfOffice(p.to_side.address))
        if present.state != _OFF:
            await p.to_side.call(SetOutOfOffice(p.to_side.address, present._replace(state=_OFF, start="", end="")))
        await around.kept.forget(KIND, [""])
