"""Who is who on the other side, by the account map."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.accounts.v1.accounts_pb2 import RECIPIENT_KIND_CONTACT, SIDE_SOURCE, Pair
from isthmus_accounts import AccountMap, Batch, Identity
from isthmus_exchange.values import Member
from isthmus_sync.mailbox.folder_settings import Counterparts

from isthmus_mailbox.surroundings import PeopleAwayError


class MappedPeople:
    """People (surroundings.py) of the target, as the account map knows them."""

    def __init__(self, accounts: AccountMap) -> None:
        self._accounts = accounts

    async def counterparts(self, members: Sequence[Member]) -> Counterparts:
        if not members:
            return {}
        if not self._accounts.in_touch:
            raise PeopleAwayError("the account map does not answer")
        return counterparts(members, await self._accounts.resolve_batch(asked(members)))


def asked(members: Sequence[Member]) -> list[Identity]:
    """By address where there is one: a linked mailbox's SID is its account's in another forest. Somebody else may have
    the address on the target, a SID nobody.
    """
    return [
        Identity(smtp_address=each.address, side=SIDE_SOURCE)
        if each.address
        else Identity(object_sid=each.sid or each.name)
        for each in members
    ]


def counterparts(members: Sequence[Member], found: Batch) -> Counterparts:
    """What the account map's answer means for these members."""
    ambiguous = set(found.ambiguous)
    return {
        each.key: "more than one account has this address; see isthmus directory conflicts"
        if number in ambiguous
        else _there(pair)
        for number, (each, pair) in enumerate(zip(members, found.pairs, strict=True))
    }


def _there(pair: Pair | None) -> Member | str:
    if pair is None:
        return "is no account that the account map knows"
    target = pair.target
    if not target.primary_smtp_address and not target.object_sid:
        return "has no account on the other side yet"
    if pair.kind == RECIPIENT_KIND_CONTACT:
        return "is a contact on the other side, and contacts have no rights"
    return Member(target.object_sid, target.primary_smtp_address, target.display_name)
