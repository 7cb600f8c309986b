"""Entry ids, by which properties and restrictions name folders and items, for those of the other side.

Nobody can tell what is in one but its server: it says which folder or item is meant, the ledger says which that is on
the other side, and the other server writes its entry id.
"""

from __future__ import annotations

from collections.abc import Collection

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import ConvertIds, Format
from isthmus_exchange.operations.convert_ids import LIMIT
from isthmus_exchange.singling_out import singled_out
from isthmus_sync.mailbox.batches import by_count

from isthmus_mailbox.passing import Pass, Side


async def counterparts(p: Pass, entries: Collection[str]) -> dict[str, str]:
    """For entry ids of the from side's mailbox those of the to side, in base64; without those that have none."""
    meant = await _convert(p.from_side, entries, "EntryId", "EwsId")
    folders = {row.from_id: row.to_id for row in await p.ledger.folders() if row.from_id and row.to_id}
    items = await p.ledger.known(meant.values())
    ids = folders | {from_id: row.to_id for from_id, row in items.items()}
    there = await _convert(p.to_side, {ids[each] for each in meant.values() if each in ids}, "EwsId", "EntryId")
    return {entry: there[ids[each]] for entry, each in meant.items() if ids.get(each) in there}


async def _convert(side: Side, ids: Collection[str], given: Format, wanted: Format) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in by_count(sorted(ids), LIMIT):
        answers = await singled_out(lambda part: side.call(ConvertIds(tuple(part), given, wanted, side.address)), some)
        for each, answer in zip(some, answers, strict=True):
            if not isinstance(answer, EwsError):
                found[each] = answer
            elif answer.kind is Kind.TRANSIENT or answer.kind is Kind.MAILBOX:
                raise answer
    return found
