"""Both sides compared by what their servers say, and what is wrong put right where that is ours to do.

Nothing of the ledger enters the counts: folders and items are those that the servers list now. The ledger only tells
which folder is the counterpart of which, and differences apart: what was never copied, what was on the other side and
is there no more, what Isthmus brought twice, and what the other side has of its own. A proof that was cut off is gone
on with: folders that it found equal are not listed again while nothing happens in them (proven.py). It ends between two
pages, too; the folder in which it does begins anew, so there it gives way to nobody.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, Self

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import FindEntries, GetItemLabels, Label
from isthmus_exchange.singling_out import singled_out
from isthmus_exchange.values import Disposal, Entry, Folder, FolderMark, Item, ItemId
from isthmus_sync.mailbox import choice, hierarchy, staging
from isthmus_sync.mailbox.batches import by_count
from isthmus_sync.mailbox.model import FolderRow, ItemRow, LedgerChange, Staged
from isthmus_sync.mailbox.proof import Difference, Place, compare, manifest, places, whole

from isthmus_mailbox import proven, receipts, stores, trees, working
from isthmus_mailbox.passing import Pass, Side, in_parallel, pages
from isthmus_mailbox.proven import Marked, Proven

_FOLDERS_AT_ONCE = 3
_LISTED = 2000
"""Differences that are listed one by one; a mailbox with more has one cause, and its folders' counts show where."""
_LABELLED = 200
_IN_WORDS = 20
_LABELS = 10
_DELETIONS = 100
_ENTRY_BYTES = 700
"""What an entry takes in memory."""
_WRITTEN_SECONDS = 1.0
"""So often it is written down how far a proof is; one that comes to its end before writes nothing."""


class Kept(NamedTuple):
    """A difference, as it is listed."""

    folder: str
    # "missing", "removed" (missing, and once there), "different", "surplus" (brought, and its original is gone),
    # "twice" (there once more than on the from side), "folder" (no counterpart), "elsewhere" (a counterpart in another
    # place), "unread" (a server does not list it).
    what: str
    # Of the side that has it; None for a folder.
    entry: Entry | None = None
    on_from_side: bool = True
    # For a folder that is elsewhere, where; for one that is not listed, why.
    instead: str = ""
    # For an item that is there twice, the ids of the one that it is of, on the from side and on the to side.
    twin: tuple[str, str] | None = None
    label: Label | None = None


@dataclass(frozen=True)
class FolderProof:
    """One folder: items, their bytes, and the SHA-256 of its manifest, from side first."""

    path: str
    items: tuple[int, int]
    sizes: tuple[int, int]
    digests: tuple[bytes, bytes]


@dataclass
class Findings:
    """What was found in a folder, or in several."""

    folders: list[FolderProof] = field(default_factory=list)
    missing: int = 0
    # Of the missing ones, those that were on the to side and were removed there.
    removed: int = 0
    # Copies that are older than the source, or tell something else of themselves.
    different: int = 0
    surplus: int = 0
    # Of the surplus ones, those that are there once more than on the from side.
    twice: int = 0
    # Of the surplus ones, those that the to side has of its own.
    own: int = 0
    # Read flags that differed, and will be set by the next pass.
    flags: int = 0
    flags_differ: bool = False
    # Items of the from side that a filter leaves out, by its words, and their bytes; they are in no other count.
    left_out: Counter[str] = field(default_factory=Counter)
    left_out_bytes: int = 0
    # Folders that a server does not list, so that nobody knows what is in them.
    unread: int = 0
    listed: list[Kept] = field(default_factory=list)
    # Work was staged, or surplus of ours deleted: another pass will bring another proof.
    healed: bool = False

    def keep(self, difference: Kept) -> None:
        if len(self.listed) < _LISTED:
            self.listed.append(difference)

    def add(self, more: Findings) -> None:
        """What was found elsewhere, too."""
        self.folders += more.folders
        self.missing += more.missing
        self.removed += more.removed
        self.different += more.different
        self.surplus += more.surplus
        self.twice += more.twice
        self.own += more.own
        self.flags += more.flags
        self.left_out += more.left_out
        self.left_out_bytes += more.left_out_bytes
        self.unread += more.unread
        for difference in more.listed:
            self.keep(difference)
        self.healed |= more.healed

    @property
    def nothing_differs(self) -> bool:
        return not (self.missing or self.different or self.flags_differ or self.listed or self.healed)

    def write(self) -> str:
        """For `read`, of a folder in which nothing differs."""
        [folder] = self.folders
        digests = [digest.hex() for digest in folder.digests]
        return json.dumps(
            [folder.path, folder.items, folder.sizes, digests, self.own, self.left_out, self.left_out_bytes]
        )

    @classmethod
    def read(cls, written: str) -> Self:
        path, items, sizes, digests, own, left_out, left_out_bytes = json.loads(written)
        ours, theirs = map(bytes.fromhex, digests)
        folder = FolderProof(path, tuple(items), tuple(sizes), (ours, theirs))
        return cls([folder], surplus=own, own=own, left_out=Counter(left_out), left_out_bytes=left_out_bytes)


@dataclass
class Proof(Findings):
    """How both sides compare."""

    # Seconds since 1970, by our clock, before the first question was asked of whatever is told here.
    began_at: float = 0.0
    # What was compared: the roles of the tops of the trees that both sides have.
    trees: tuple[str, ...] = ()
    from_items: int = 0
    to_items: int = 0
    missing_folders: int = 0
    # SHA-256 of both manifests.
    digest: bytes = b""
    to_digest: bytes = b""

    @property
    def equal(self) -> bool:
        """Everything of the from side that no filter leaves out is on the to side as it is, and nothing of it twice."""
        wrong = self.missing or self.different or self.missing_folders or self.unread
        return not wrong and self.surplus == self.own

    @property
    def differences(self) -> list[str]:
        """In words, at most 20."""
        return [_words(each) for each in self.listed[:_IN_WORDS]]


async def prove(p: Pass) -> Proof:
    """Compare every folder of the from side with its counterpart."""
    began_at = p.clock()
    proof = Proof(began_at=began_at, trees=p.trees)
    earlier = proven.holding(await p.proven.read(), began_at) if p.proven else {}
    from_tree, to_tree = await trees.read(p.from_side, p.trees), await trees.read(p.to_side, p.trees)
    rows = await p.folders()
    found = places(rows, from_tree, to_tree, {role: tree.name for role, tree in trees.TREES.items()})
    sides = await _marked(p, p.from_side, from_tree), await _marked(p, p.to_side, to_tree)
    filters = choice.version(p.filters, rows, p.from_side.now())
    named = choice.places(rows)
    fresh: list[Proven] = []
    written_at = began_at

    async def each() -> AsyncIterator[tuple[Place, bytes]]:
        for place in found:
            what = proven.fingerprint(place, sides, filters)
            if before := earlier.get(what):
                proof.add(Findings.read(before.findings))
                proof.began_at = min(proof.began_at, before.at)
            else:
                await p.breathe()
                yield place, what

    async def one(piece: tuple[Place, bytes]) -> None:
        nonlocal written_at
        place, what = piece
        # Both sides of the folder are held until they are compared.
        async with p.memory.hold(2 * sides[0].items(place.from_id) * _ENTRY_BYTES):
            await p.allowed()  # who knows how long there was no room
            marks = sides[0].marks.get(place.from_id), sides[1].marks.get(place.to_id or "")
            findings = await _compare(p, place, marks, named.get(place.number or 0, choice.NOWHERE))
        proof.add(findings)
        if p.proven and what and findings.nothing_differs:
            fresh.append(Proven(what, began_at, findings.write()))
            if p.clock() - written_at >= _WRITTEN_SECONDS:
                written_at = p.clock()
                some = fresh.copy()
                fresh.clear()
                await p.proven.add(some)

    try:
        await in_parallel(each(), _FOLDERS_AT_ONCE, one)
    except Exception:
        if p.proven and fresh:
            await p.proven.add(fresh)
        raise
    await _folders(p, found, rows, proof)
    if why := p.without.get(stores.ARCHIVE):
        proof.unread += 1
        proof.keep(Kept(hierarchy.joined((), trees.TREES[stores.TOP].name), "unread", instead=why))
    proof.folders.sort(key=lambda folder: folder.path)
    proof.listed.sort(key=lambda kept: (kept.what != "unread", kept.folder))
    proof.from_items, proof.to_items = (sum(folder.items[side] for folder in proof.folders) for side in (0, 1))
    proof.digest, proof.to_digest = (
        whole((folder.path, folder.digests[side]) for folder in proof.folders) for side in (0, 1)
    )
    await _label(p, proof)
    return proof


async def _marked(p: Pass, side: Side, tree: list[Folder]) -> Marked:
    marks = await trees.marks(side, p.trees, [folder.id for folder in tree if folder.role in p.trees])
    return Marked(marks, side.now())


async def _compare(
    p: Pass, place: Place, marks: tuple[FolderMark | None, FolderMark | None], named: choice.Place
) -> Findings:
    """One folder; what is wrong with it is put right, or staged to be. `marks`: what its sides' servers say of it."""
    found = Findings()
    # Both are asked the same: what a server tells of a row may depend on what else it is asked for.
    async with asyncio.TaskGroup() as sides:
        listings = [
            sides.create_task(_contents(p, side, folder, mark))
            for side, folder, mark in ((p.from_side, place.from_id, marks[0]), (p.to_side, place.to_id, marks[1]))
        ]
    from_items, to_items = (listing.result() for listing in listings)
    if isinstance(from_items, EwsError) or isinstance(to_items, EwsError):
        why = from_items if isinstance(from_items, EwsError) else to_items
        found.unread = 1
        found.keep(Kept(place.path, "unread", instead=str(why)))
        return found
    comparison = compare(from_items, to_items)
    left_out = await _left_out(p, named, comparison.numbers)
    if left_out:
        found.left_out.update(left_out.values())
        found.left_out_bytes += sum(item.size for item in from_items if item.id in left_out)
        from_items = [item for item in from_items if item.id not in left_out]
        comparison = compare(from_items, to_items)
    found.folders.append(_sums(place.path, from_items, to_items))
    if comparison.numbers:
        await _judge(p, place, comparison.numbers, {item.id for item in to_items}, found)
    if comparison.different:
        await _renew(p, place, comparison.different, found)
    if comparison.flags:
        found.flags_differ = True
        if p.heal:
            await _set_flags(p, comparison.flags, found)
    return found


async def _contents(p: Pass, side: Side, folder: str | None, mark: FolderMark | None) -> list[Entry] | EwsError:
    """All items of a folder, normal and associated; none of one that does not exist; or why its server does not list
    them. Those of which its `mark` says that there are none are not listed.
    """
    entries: list[Entry] = []
    for associated, told in ((False, mark.total if mark else ""), (True, mark.associated if mark else "")):
        if folder is None or told == "0":
            continue
        try:
            async for page in pages(side, partial(FindEntries, folder, associated, traits=bool(p.filters))):
                entries += [entry for entry in page.entries if staging.is_content(entry)]
                if not page.last:
                    await p.allowed()
        except EwsError as error:
            if error.kind is Kind.GONE:
                return []
            if error.kind is Kind.PERMANENT:
                return error
            raise
    # While people work, a page may tell an item that another page told already.
    return list({entry.id: entry for entry in entries}.values())


async def _left_out(p: Pass, place: choice.Place, different: list[Difference]) -> Mapping[str, str]:
    """Of what the to side lacks, that which a filter leaves out: the filter's words, by from id.

    Decided by what the server says now. What was brought once is not left out by a filter of later.
    """
    lacking = [each for each in different if each.missing] if p.filters else []
    known = await p.ledger.known([item.id for each in lacking for item in each.from_items])
    now = p.from_side.now()
    found: dict[str, str] = {}
    for each in lacking:
        room = each.missing
        for item in each.from_items:
            if room and item.id not in known and item.traits is not None and not item.associated:
                words = choice.left_out(p.filters, item.traits, item.size, place, now)
                if words:
                    found[item.id] = words
                    room -= 1
    return found


def _sums(path: str, *sides: list[Entry]) -> FolderProof:
    counts = [len(entries) for entries in sides]
    sums = [sum(entry.size for entry in entries) for entries in sides]
    digests = [manifest(path, entries) for entries in sides]
    return FolderProof(path, (counts[0], counts[1]), (sums[0], sums[1]), (digests[0], digests[1]))


async def _folders(p: Pass, found: list[Place], rows: list[FolderRow], proof: Proof) -> None:
    """Folders that are not where they should be; the next pass puts them there."""
    wrong = [place for place in found if place.to_id is None or place.instead]
    for place in wrong:
        proof.missing_folders += place.to_id is None
        proof.keep(Kept(place.path, "folder" if place.to_id is None else "elsewhere", instead=place.instead))
    numbers = {place.number for place in wrong}
    unsettled = [replace(row, settled=False) for row in rows if row.number in numbers]
    if unsettled and p.heal:
        proof.healed = True
        await p.write(LedgerChange(folders=unsettled))


async def _judge(p: Pass, place: Place, different: list[Difference], present: set[str], proof: Findings) -> None:
    """Count where the sides have other numbers of an item, say what each is, and heal what can be healed."""
    missing = [item for each in different if each.missing for item in each.from_items]
    surplus = [item for each in different if each.surplus for item in each.to_items]
    known = await p.ledger.known([item.id for item in missing])
    staged = await p.ledger.staged([item.id for item in missing])
    claimed = await p.ledger.claimed([item.id for item in surplus])
    resent = await p.ledger.resent(place.number) if surplus and place.number is not None else set()
    kept = bool(surplus) and place.number in await working.kept_places(p)
    change = LedgerChange()
    twice: list[Entry] = []
    for each in different:
        if each.missing:
            removed = [item for item in each.from_items if item.id in known and known[item.id].to_id not in present]
            never = [item for item in each.from_items if item.id not in known]
            lost = [*removed, *never, *each.from_items][: each.missing]
            proof.missing += each.missing
            proof.removed += min(each.missing, len(removed))
            for item in lost:
                proof.keep(Kept(place.path, "removed" if item in removed else "missing", item))
                if p.heal and place.number is not None and item.id not in staged:
                    # It is copied as if it were new; or over its copy, should that be there with another key.
                    change.forget += [item.id] if item in removed else []
                    change.stage.append(_creation(p, place.number, item))
        else:
            # What the ledger does not know is surplus before what it knows.
            extra = sorted(each.to_items, key=lambda item: item.id in claimed)[: each.surplus]
            proof.surplus += each.surplus
            for item in extra:
                if item.id in claimed:
                    proof.keep(Kept(place.path, "surplus", item, on_from_side=False))
                elif item.search_key in resent and (each.from_items or not kept):
                    proof.twice += 1
                    proof.keep(_twice(place, item, each, claimed))
                    twice.append(item)
                elif each.from_items and item.search_key and not kept:
                    # No other item has this key: this one is a copy of it, whoever made it.
                    proof.twice += 1
                    proof.keep(_twice(place, item, each, claimed))
                else:
                    proof.own += 1
    if change.stage:
        proof.healed = True
        await p.write(change)
    if twice and p.heal:
        proof.healed = True
        for some in by_count(twice, _DELETIONS):
            p.log.warning("uploads that were taken for lost came late; deleting the second ones", items=len(some))
            items = [(ItemId(item.id, item.change_key), item.is_read) for item in some]
            await singled_out(lambda of: receipts.delete(p.to_side, of, Disposal.HARD_DELETE), items)


def _twice(place: Place, item: Entry, same: Difference, claimed: Mapping[str, ItemRow]) -> Kept:
    """An item of the to side that is there twice; of several that it may be of, one that tells the same."""
    ours = min(same.from_items, key=lambda entry: entry.content != item.content, default=None)
    copies = {row.from_id: to_id for to_id, row in claimed.items()}
    other = next((entry.id for entry in same.to_items if entry.id != item.id), "")
    twin = (ours.id, copies.get(ours.id, other)) if ours else ("", other)
    return Kept(place.path, "twice", item, on_from_side=False, twin=twin)


async def _renew(p: Pass, place: Place, items: list[Entry], proof: Findings) -> None:
    """Copies that are not what their originals are: those are copied over them."""
    proof.different += len(items)
    for item in items:
        proof.keep(Kept(place.path, "different", item))
    if p.heal and place.number is not None:
        staged = await p.ledger.staged([item.id for item in items])
        rows = [_creation(p, place.number, item) for item in items if item.id not in staged]
        proof.healed |= bool(rows)
        await p.write(LedgerChange(stage=rows))


async def _set_flags(p: Pass, items: list[Entry], proof: Findings) -> None:
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


def _creation(p: Pass, folder: int, entry: Entry) -> Staged:
    """The work of an item whose present content is to be on the to side."""
    return staging.creation(folder, Item(*entry[:-1]), p.from_side.now())


async def _label(p: Pass, proof: Proof) -> None:
    """Subjects and classes of the first differences."""
    for on_from_side, side in ((True, p.from_side), (False, p.to_side)):
        named = [
            place
            for place, each in enumerate(proof.listed[:_LABELLED])
            if each.entry is not None and each.on_from_side == on_from_side
        ]
        for some in by_count(named, _LABELS):
            ids = [entry.id for place in some if (entry := proof.listed[place].entry)]
            # An item of which the server dies has no name, and is a difference all the same.
            labels = await singled_out(partial(_labels, side), ids)
            for place, label in zip(some, labels, strict=True):
                if not isinstance(label, EwsError):
                    proof.listed[place] = proof.listed[place]._replace(label=label)


async def _labels(side: Side, ids: Sequence[str]) -> list[Label | EwsError]:
    return await side.call(GetItemLabels(tuple(ids)))


_IN_OTHER_WORDS = {
    "missing": "is missing",
    "removed": "is missing",
    "different": "is there with other content, or an earlier one",
    "surplus": "is there without a counterpart",
    "twice": "is there twice",
}


def _words(kept: Kept) -> str:
    """A difference for people: "Inbox/Travel: 'Tickets' (3f1c…) is missing"."""
    if kept.entry is None:
        if kept.what == "unread":
            return f"{kept.folder}: the folder cannot be compared: {kept.instead}"
        return f"{kept.folder}: the folder is {f'at {kept.instead}' if kept.instead else 'missing'}"
    subject = repr(kept.label.subject or kept.label.item_class) if kept.label else "an item"
    return f"{kept.folder}: {subject} ({kept.entry.search_key.hex()[:8]}…) {_IN_OTHER_WORDS[kept.what]}"
