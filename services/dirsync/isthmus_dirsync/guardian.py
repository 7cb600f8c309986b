"""The standing check of old addresses: who was seen with what, whether it still leads to them, and the repair.

What the pairs hold is known from what was last observed; only addresses that seem to lead nowhere are looked up in the
forests.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog
from isthmus.accounts.v1.accounts_pb2 import Account
from isthmus.accounts.v1.accounts_pb2 import Pair as PairMessage
from isthmus.directory.v1.directory_pb2 import (
    CheckAddressesRequest,
    CheckAddressesResponse,
    NobodysAddress,
    UnresolvedAddress,
)
from isthmus_directory import DirectoryObject, WriteRefused, filters, modify, read_where
from isthmus_sync.directory import Modification, Side
from isthmus_sync.directory.addresses import smtp_addresses, x500_addresses
from isthmus_sync.directory.guardian import Found, Key, Seen, Unresolved, attributed, unresolved
from isthmus_sync.directory.objects import as_values

from isthmus_dirsync import journal, metrics, records
from isthmus_dirsync.item_addresses import addresses_in_items
from isthmus_dirsync.neighbourhood import address_filter

if TYPE_CHECKING:
    from isthmus_project import Project
    from isthmus_service import Pool

    from isthmus_dirsync.carrying_out import Sides

_SECONDS = 600.0
_ATTRIBUTES = ("objectClass", "mail", "proxyAddresses", "legacyExchangeDN")


class StandingCheck:
    """Sees now and then whether every address that was ever used still leads to its owner, and says when not."""

    def __init__(self, project: Project, pool: Pool) -> None:
        self._project = project
        self._pool = pool
        self._due = 0.0

    async def look(self, sides: Sides) -> None:
        """Look when it is time. Raises DirectoryUnavailable."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _SECONDS
        found = await check_addresses(CheckAddressesRequest(), self._project, sides, self._pool)
        name = self._project.project
        for side, forest in sides.forests.items():
            for kind in ("SMTP", "X500"):
                lost = [each for each in found.unresolved if (each.side, each.type) == (int(side), kind)]
                metrics.unresolved.labels(name, forest.name, kind).set(len(lost))
        metrics.nobodys.labels(name).set(len(found.nobodys))
        if found.unresolved:
            structlog.get_logger("dirsync").warning(
                "addresses that were used once lead nowhere; 'isthmus directory addresses' lists and repairs them",
                project=name, count=len(found.unresolved), first=found.unresolved[0].address,
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Finding:
    """An address that leads nowhere, with the pair's object there and whoever holds it instead."""

    lost: Unresolved
    obj: DirectoryObject
    holder: DirectoryObject | None


async def check_addresses(
    request: CheckAddressesRequest, project: Project, sides: Sides, pool: Pool
) -> CheckAddressesResponse:
    """Look, and repair what the request wants repaired. Raises DirectoryUnavailable."""
    async with pool.acquire() as connection:
        pairs = await records.all_pairs(connection, project.project)
        seen = await records.seen_addresses(connection, project.project)
        in_items = await addresses_in_items(connection, project.project)
    held: dict[Side, dict[Key, set[bytes]]] = {side: defaultdict(set) for side in Side}
    guids: dict[Side, dict[bytes, bytes]] = {side: {} for side in Side}
    mailboxes: dict[bytes, str] = {}
    for record in pairs:
        message = PairMessage.FromString(record.observed or b"")
        mailboxes[record.pair.id] = message.source.primary_smtp_address
        for side, account, gone in (
            (Side.SOURCE, message.source, record.source_gone),
            (Side.TARGET, message.target, record.target_gone),
        ):
            if not gone and account.object_guid:
                guids[side][record.pair.id] = account.object_guid
                merged = message.merged if side is Side.SOURCE else ()
                for key in (key for each in (account, *merged) for key in _keys(each)):
                    held[side][key].add(record.pair.id)
    owned, nobodys = attributed(in_items, seen, held)
    seen += owned
    response = CheckAddressesResponse(checked=len(seen) + len(nobodys))
    for side in Side:
        lost = [each for each in unresolved(seen, held, guids, project) if each.side is side]
        for finding in await _look(lost, guids[side], sides, side):
            message_ = UnresolvedAddress(
                side=int(side),  # type: ignore[arg-type]
                type=finding.lost.seen.type,
                address=finding.lost.seen.address,
                pair_id=finding.lost.seen.pair_id,
                distinguished_name=finding.obj.dn,
                holder=finding.holder.dn if finding.holder else "",
            )
            if request.repair and finding.holder is None:
                message_.problem = await _repair(finding, request, project, sides, pool)
                message_.repaired = not message_.problem
            response.unresolved.append(message_)
    response.nobodys.extend(await _nobodys(nobodys, mailboxes, sides))
    return response


def _keys(account: Account) -> list[Key]:
    names = [("X500", name) for name in (account.legacy_exchange_dn, *account.x500_addresses)]
    return [(kind, name.casefold()) for kind, name in [*names, *(("SMTP", a) for a in account.smtp_addresses)] if name]


async def _look(lost: list[Unresolved], guids: dict[bytes, bytes], sides: Sides, side: Side) -> list[_Finding]:
    """What the forest itself says of these."""
    if not lost:
        return []
    forest = sides.forests[side]
    wanted = [filters.equals("objectGUID", guids[each.seen.pair_id]) for each in lost]
    wanted += [_holding(each.seen) for each in lost]
    objects = {obj.guid: obj for obj in await read_where(forest, wanted, _ATTRIBUTES)}
    holders = _held_by(objects.values())
    found: list[_Finding] = []
    for each in lost:
        own, holder = objects.get(guids[each.seen.pair_id]), holders.get(each.seen.key)
        if own is not None and (holder is None or holder.guid != own.guid):
            found.append(_Finding(each, own, holder))
    return found


async def _nobodys(found: list[Found], mailboxes: Mapping[bytes, str], sides: Sides) -> list[NobodysAddress]:
    """Those that nobody in the target has either, pair or not, with whoever has them in the source."""
    held: dict[Side, dict[Key, DirectoryObject]] = {}
    for side in (Side.TARGET, Side.SOURCE) if found else ():
        held[side] = _held_by(await read_where(sides.forests[side], [_holding(each) for each in found], _ATTRIBUTES))
        found = [each for each in found if each.key not in held[Side.TARGET]]
    return [
        NobodysAddress(
            type=each.type,
            address=each.address,
            beside=each.beside,
            mailbox=mailboxes.get(each.pair_id, ""),
            source_holder=held[Side.SOURCE][each.key].dn if each.key in held[Side.SOURCE] else "",
        )
        for each in found
    ]


def _holding(each: Seen | Found) -> filters.Filter:
    """Whoever has this address."""
    if each.type == "SMTP":
        return address_filter(each.address)
    return filters.any_of(
        filters.equals("proxyAddresses", f"X500:{each.address}"), filters.equals("legacyExchangeDN", each.address)
    )


def _held_by(objects: Iterable[DirectoryObject]) -> dict[Key, DirectoryObject]:
    """Who has which address."""
    holders: dict[Key, DirectoryObject] = {}
    for obj in objects:
        names = [("X500", name) for name in (obj.text("legacyExchangeDN"), *x500_addresses(obj))]
        for kind, name in [*names, *(("SMTP", address) for address in smtp_addresses(obj))]:
            holders[kind, name.casefold()] = obj
    return holders


async def _repair(finding: _Finding, request: CheckAddressesRequest, project: Project, sides: Sides, pool: Pool) -> str:
    """Give the address back; returns why not, empty when it was."""
    seen, side, obj = finding.lost.seen, finding.lost.side, finding.obj
    prefix = "smtp" if seen.type == "SMTP" else seen.type
    change = Modification("proxyAddresses", (), as_values(f"{prefix}:{seen.address}"), whole=False)
    reason = "mail to an address that was used once must arrive"
    entry = journal.Entry(
        seen.pair_id, side, obj.guid, obj.dn, journal.CHANGE, (journal.Change(change, reason),),
        request.requested_by or "somebody",
    )  # fmt: skip
    async with pool.acquire() as connection, connection.transaction():
        [entry] = await journal.begin(connection, project.project, [entry])
    problem = ""
    try:
        await modify(sides.forests[side], obj.guid, obj.dn, [change])
    except WriteRefused as error:
        problem = str(error)
    outcome = journal.REFUSED if problem else journal.WRITTEN
    async with pool.acquire() as connection, connection.transaction():
        await journal.end(connection, [replace(entry, outcome=outcome)])
    return problem
