"""Delegates, as the from side has them, each from the moment on at which they exist on the to side."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import AddDelegates, GetDelegation, RemoveDelegates, UpdateDelegates
from isthmus_sync.mailbox import delegation
from isthmus_sync.mailbox.delegation import Agreed
from isthmus_sync.mailbox.folder_settings import KeptAside

from isthmus_mailbox.passing import Pass
from isthmus_mailbox.surroundings import Around

KIND = "delegates"


async def follow(p: Pass, around: Around) -> None:
    """Give the to side's owner the same delegates."""
    before = (await around.kept.agreed(KIND)).get("")
    agreed = Agreed() if before is None else Agreed.of(before)
    source = await p.from_side.call(GetDelegation(p.from_side.address))
    counterparts = await around.people.counterparts([each.member for each in source.delegates])
    want, aside = delegation.wanted(source, counterparts)
    if want != agreed or (p.eager and want.delegates):
        aside += await _carry_out(p, around, want, agreed, aside)
    refused = {each.who for each in aside}
    kept = {key: each for key, each in want.delegates.items() if each.member.address not in refused}
    await around.kept.keep(KIND, "", "", Agreed(kept, want.delivery).text(), aside)


async def _carry_out(
    p: Pass, around: Around, want: Agreed, agreed: Agreed, waiting: Sequence[KeptAside]
) -> list[KeptAside]:
    """Who could not be made a delegate, and why; beside those who are `waiting` until they exist."""
    address = p.to_side.address
    plan = delegation.plan(want, agreed, await p.to_side.call(GetDelegation(address)))
    added: list[EwsError | None] = []
    updated: list[EwsError | None] = []
    if plan.remove:
        await p.to_side.call(RemoveDelegates(address, tuple(plan.remove)))
    if plan.add:
        # Should no answer come, they are known as ours, and go when their originals do.
        about = Agreed({**agreed.delegates, **want.delegates}, agreed.delivery, sure=False)
        await around.kept.keep(KIND, "", "", about.text(), waiting)
        added = await p.to_side.call(AddDelegates(address, tuple(plan.add)))
    if plan.update or plan.delivery:
        updated = await p.to_side.call(UpdateDelegates(address, tuple(plan.update), plan.delivery))
    aside = []
    for each, answer in (*zip(plan.add, added, strict=True), *zip(plan.update, updated, strict=True)):
        if answer is not None and answer.kind is not Kind.PERMANENT:
            raise answer
        if answer is not None:
            aside.append(KeptAside(each.member.address, "delegate", str(answer)))
    return aside
