"""Both sides compared by what their servers say, and what is wrong put right where that is ours to do.

Nothing of the ledger enters the counts. It only tells differences apart: what was never copied, what was on the other
side and is there no more, what Isthmus brought twice, and what the other side has of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import DeleteItems, FindItem, GetItemLabels
from isthmus_exchange.values import Item
from isthmus_sync.mailbox import hierarchy, staging
from isthmus_sync.mailbox.batches import by_count
from isthmus_sync.mailbox.model import FolderRow, ItemRow, LedgerChange
from isthmus_sync.mailbox.proof import Difference, Manifest, compare

from isthmus_mailbox.passing import Pass, Side, in_parallel

_FOLDERS_AT_ONCE = 3
_NAMED = 20
_LABELS = 10
_DELETIONS = 100


@dataclass
class Proof:
    """How both sides compare."""

    folders: int = 0
    from_items: int = 0
    to_items: int = 0
    missing: int = 0
    # Of the missing ones, those that were on the to side and were removed there.
    removed: int = 0
    surplus: int = 0
    # Of the surplus ones, those that Isthmus did not bring.
    own: int = 0
    # Read flags that differed, and will be set by the next pass.
    flags: int = 0
    # In words, at most 20.
    differences: list[str] = field(default_factory=list)
    digest: bytes = b""
    # Work was staged, or surplus of ours deleted: another pass will bring another proof.
    healed: bool = False

    @property
    def equal(self) -> bool:
        """Everything of the from side is on the to side, and nothing of it twice."""
        return self.missing == 0 and self.surplus == self.own


@dataclass
class _Named:
    """Differences to be told, by the side that has the items."""

    missing: list[tuple[str, Item]] = field(default_factory=list)
    surplus: list[tuple[str, Item]] = field(default_factory=list)


async def prove(p: Pass) -> Proof:
    """Compare every folder of the from side with its counterpart."""
    rows = [row for row in await p.ledger.folders() if row.from_id and not row.gone]
    proof, manifest, named = Proof(folders=len(rows)), Manifest(), _Named()

    async def each() -> AsyncIterator[FolderRow]:
        for row in rows:
            await p.breathe()
            yield row

    async def one(row: FolderRow) -> None:
        from_items = await _contents(p.from_side, row.from_id)
        to_items = await _contents(p.to_side, row.to_id)
        path = hierarchy.path(rows, row.number)
        manifest.add(path, from_items)
        proof.to_items += len(to_items)
        different, flags = compare(from_items, to_items)
        if different:
            await _judge(p, row, path, different, {item.id for item in to_items}, proof, named)
        if flags and p.heal:
            await _set_flags(p, flags, proof)

    await in_parallel(each(), _FOLDERS_AT_ONCE, one)
    proof.from_items, proof.digest = manifest.items, manifest.digest
    proof.differences += await _words(p.from_side, named.missing[:_NAMED], "is missing")
    room = _NAMED - len(proof.differences)
    proof.differences += await _words(p.to_side, named.surplus[:room], "is there without a counterpart")
    return proof


async def _contents(side: Side, folder: str | None) -> list[Item]:
    """All items of a folder, normal and associated; none of one that does not exist."""
    items: list[Item] = []
    for associated in (False, True) if folder else ():
        offset, last = 0, False
        while not last:
            try:
                page = await side.call(FindItem(folder or "", associated, offset))
            except EwsError as error:
                if error.kind is Kind.GONE:
                    return []
                raise
            items += filter(staging.is_content, page.items)
            offset, last = page.next, page.last
    return items


async def _judge(
    p: Pass,
    row: FolderRow,
    path: str,
    different: list[Difference],
    present: set[str],
    proof: Proof,
    named: _Named,
) -> None:
    """Count a folder's differences, say what each is, and heal what can be healed."""
    missing = [item for each in different if each.missing for item in each.from_items]
    surplus = [item for each in different if each.surplus for item in each.to_items]
    known = await p.ledger.known([item.id for item in missing])
    staged = await p.ledger.staged([item.id for item in missing])
    claimed = await p.ledger.claimed([item.id for item in surplus])
    resent = await p.ledger.resent(row.number) if surplus else set()
    change = LedgerChange()
    twice: list[str] = []
    for each in different:
        if each.missing:
            removed = [item for item in each.from_items if item.id in known and known[item.id].to_id not in present]
            never = [item for item in each.from_items if item.id not in known]
            lost = [*removed, *never, *each.from_items][: each.missing]
            proof.missing += each.missing
            proof.removed += min(each.missing, len(removed))
            named.missing += [(path, item) for item in lost]
            for item in lost if p.heal else ():
                if item.id not in staged:
                    _restage(p, change, row, item, known.get(item.id))
        else:
            # What the ledger does not know is surplus before what it knows.
            extra = sorted(each.to_items, key=lambda item: item.id in claimed)[: each.surplus]
            proof.surplus += each.surplus
            for item in extra:
                if item.id in claimed:
                    named.surplus.append((path, item))
                elif item.search_key in resent and each.from_items:
                    named.surplus.append((path, item))
                    twice.append(item.id)
                else:
                    proof.own += 1
    if change.stage:
        proof.healed = True
        await p.write(change)
    if twice and p.heal:
        proof.healed = True
        for some in by_count(twice, _DELETIONS):
            p.log.warning("uploads that were taken for lost came late; deleting the second ones", items=len(some))
            await p.to_side.call(DeleteItems(tuple(some)))


async def _set_flags(p: Pass, items: list[Item], proof: Proof) -> None:
    """Read flags that differ are set by the next pass; no reason to doubt a copy."""
    ids = [item.id for item in items]
    known, staged = await p.ledger.known(ids), await p.ledger.staged(ids)
    rows = [
        staging.read_flag(known[item.id], item.is_read, item.change_key)
        for item in items
        if item.id in known and item.id not in staged
    ]
    proof.flags += len(rows)
    await p.write(LedgerChange(stage=rows))


def _restage(p: Pass, change: LedgerChange, row: FolderRow, item: Item, known: ItemRow | None) -> None:
    """An item that ought to be on the to side and is not: it is copied as if it were new."""
    if known is not None:
        change.forget.append(known.from_id)
    change.stage.append(staging.creation(row.number, item, p.from_side.now()))


async def _words(side: Side, items: list[tuple[str, Item]], what: str) -> list[str]:
    """Differences for people: "Inbox/Travel: 'Tickets' (3f1c…) is missing"."""
    words = []
    for some in by_count(items, _LABELS):
        labels = await side.call(GetItemLabels(tuple(item.id for _, item in some)))
        for (path, item), label in zip(some, labels, strict=True):
            subject = "an item" if isinstance(label, EwsError) else repr(label.subject or label.item_class)
            words.append(f"{path}: {subject} ({item.search_key.hex()[:8]}…) {what}")
    return words
