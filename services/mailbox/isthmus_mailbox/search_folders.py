"""Search folders, as the from side has them: in the folder "Finder", where mail programs look for them, and elsewhere.

They hold nothing, so only what they look for comes over. A parent has a name once, so one whose making got no answer is
found by its name.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import (
    CreateSearchFolder,
    DeleteFolder,
    GetSearchFolders,
    RenameFolder,
    SetSearch,
)
from isthmus_exchange.operations.search_folders import LIMIT
from isthmus_exchange.singling_out import singled_out
from isthmus_exchange.values import Folder, SearchFolder
from isthmus_sync.mailbox import searches
from isthmus_sync.mailbox.batches import by_count
from isthmus_sync.mailbox.folder_settings import KeptAside
from isthmus_sync.mailbox.searches import Agreed

from isthmus_mailbox import entry_ids, trees
from isthmus_mailbox.passing import Pass, Side
from isthmus_mailbox.surroundings import Around

KIND = "search folder"
_FINDER = "searchfolders"


@dataclass
class _Searches:
    """The search folders of a side, by id. `refused`: those that the server does not tell, and why."""

    folders: dict[str, SearchFolder] = field(default_factory=dict)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)


async def follow(p: Pass, around: Around) -> None:
    """Give the to side the from side's search folders."""
    before = {place: Agreed.of(text) for place, text in (await around.kept.agreed(KIND)).items()}
    source = await _read(p.from_side)
    await _remove(p, around, before, source.folders.keys() | source.refused.keys())
    want, waiting = await _wanted(p, source)
    # Whether the other side is still right is looked at when somebody asks; else only what changed is set.
    todo = {place: each for place, each in want.items() if p.eager or each != _unplaced(before.get(place))}
    present = (await _read(p.to_side)).folders if todo else {}
    for place, each in todo.items():
        await p.breathe()
        try:
            to_id = await _carry_out(p, each, before.get(place), present)
        except EwsError as error:
            if error.kind not in (Kind.PERMANENT, Kind.GONE):
                raise
            waiting[place] = KeptAside("", each.name, str(error))
        else:
            await around.kept.keep(KIND, place, "", each._replace(to_id=to_id).text(), [])
    for place, aside in waiting.items():
        agreed = before.get(place)
        # Without its parameters it is unlike whatever is wanted, so it is set when it can be.
        await around.kept.keep(KIND, place, "", agreed._replace(parameters="").text() if agreed else "", [aside])


async def _wanted(p: Pass, source: _Searches) -> tuple[dict[str, Agreed], dict[str, KeptAside]]:
    """What the to side is to have, without its ids, and what cannot be there."""
    want = {}
    waiting = {place: KeptAside("", name, reason) for place, (name, reason) in source.refused.items()}
    folders = await _folders(p, source.folders.values())
    entries = await entry_ids.counterparts(p, {each for one in source.folders.values() for each in one.entries})
    for place, each in source.folders.items():
        try:
            want[place] = searches.wanted(each, folders, entries)
        except ValueError as error:
            waiting[place] = KeptAside("", each.name, str(error))
    return want, waiting


async def _read(side: Side) -> _Searches:
    """The search folders of a mailbox; those in the Finder, at whatever depth, have no parent."""
    found: dict[str, Folder] = {}
    for top in (_FINDER, trees.MAIN):
        try:
            tree = await trees.below(side, top, only_search=True)
        except EwsError as error:
            if top == trees.MAIN or error.kind not in (Kind.GONE, Kind.PERMANENT):
                raise
            continue  # nobody has made one in this mailbox
        found |= {each.id: each._replace(parent="" if top == _FINDER else each.parent) for each in tree}
    told = _Searches()
    for some in by_count(found, LIMIT):
        answers = await singled_out(lambda part: side.call(GetSearchFolders(tuple(part))), some)
        for each, answer in zip(some, answers, strict=True):
            if not isinstance(answer, EwsError):
                told.folders[each] = answer._replace(parent=found[each].parent)
            elif answer.kind is Kind.PERMANENT:
                told.refused[each] = found[each].name, str(answer)
            elif answer.kind is not Kind.GONE:
                raise answer
    return told


async def _folders(p: Pass, source: Collection[SearchFolder]) -> dict[str, str]:
    """For the folders in which these look their counterparts, as far as there are any."""
    known = {row.from_id: row.to_id for row in await p.ledger.folders() if row.from_id and row.to_id}
    if any(each not in known for one in source for each in one.folders):
        # What looks everywhere looks in the top of everything, above the tree that is copied.
        ours, theirs = [(await trees.tops(side, ("root",))).get("root") for side in (p.from_side, p.to_side)]
        if ours and theirs:
            known[ours.id] = theirs.id
    return known


def _unplaced(agreed: Agreed | None) -> Agreed | None:
    return agreed._replace(to_id="") if agreed else None


async def _carry_out(p: Pass, want: Agreed, before: Agreed | None, present: dict[str, SearchFolder]) -> str:
    """The id of the search folder, which is right then."""
    here = present.get(before.to_id) if before else None
    if here is not None and here.parent != want.parent:
        # It holds nothing: in its new place it is made anew.
        await _delete(p, here.id)
        here = None
    if here is None:
        place = want.parent, want.name.casefold()
        here = next((each for each in present.values() if (each.parent, each.name.casefold()) == place), None)
    if here is None:
        return await p.to_side.call(CreateSearchFolder(want.parent or None, want.name, want.parameters))
    if here.name != want.name:
        await p.to_side.call(RenameFolder(here.id, want.name))
    if here.parameters != want.parameters:
        await p.to_side.call(SetSearch(here.id, want.parameters))
    return here.id


async def _remove(p: Pass, around: Around, before: dict[str, Agreed | None], there: Collection[str]) -> None:
    """Take away those that were brought and are gone on the from side, as the collection's policy has it."""
    gone = before.keys() - there
    for place in sorted(gone):
        agreed = before[place]
        if agreed is not None and p.deletions != "keep":
            await _delete(p, agreed.to_id)
    await around.kept.forget(KIND, sorted(gone))


async def _delete(p: Pass, folder: str) -> None:
    try:
        await p.to_side.call(DeleteFolder(folder))
    except EwsError as error:
        if error.kind is not Kind.GONE:
            raise
