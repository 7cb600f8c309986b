"""Access control lists and properties of folders, as the from side has them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import FolderUpdate, GetFolderSettings, SetFolderSettings
from isthmus_exchange.singling_out import singled_out
from isthmus_exchange.values import FolderSettings, Permission
from isthmus_sync.mailbox import folder_settings, hierarchy
from isthmus_sync.mailbox.batches import by_count
from isthmus_sync.mailbox.folder_settings import Agreed, KeptAside
from isthmus_sync.mailbox.model import FolderRow

from isthmus_mailbox import entry_ids
from isthmus_mailbox.passing import Pass, Side
from isthmus_mailbox.surroundings import Around

KIND = "folder"
_READ_AT_ONCE = 100
_WRITE_AT_ONCE = 20


async def follow(p: Pass, around: Around) -> None:
    """Give every folder of the to side the rights and properties of its counterpart."""
    rows = await p.folders()
    living = [row for row in rows if row.from_id and row.to_id and not row.gone]
    before = {int(place): Agreed.of(text) for place, text in (await around.kept.agreed(KIND)).items()}
    if not p.without:  # or they are only not seen
        await around.kept.forget(KIND, [str(number) for number in before.keys() - {row.number for row in living}])
    paths = hierarchy.paths(rows)
    for some in by_count(living, _READ_AT_ONCE):
        await p.breathe()
        await _follow(p, around, paths, some, before)


async def _follow(
    p: Pass, around: Around, paths: dict[int, str], some: list[FolderRow], before: dict[int, Agreed]
) -> None:
    told, untold = await _read(p.from_side, {row.number: row.from_id or "" for row in some}, around)
    lost = await _name_views(p, told)
    counterparts = await around.people.counterparts(folder_settings.people(told.values()))
    wants = {number: folder_settings.wanted(settings, counterparts) for number, settings in told.items()}
    # Whether the other side is still right is looked at when somebody asks; else only what changed is set.
    doubtful = {
        row.number: row.to_id or ""
        for row in some
        if row.number in wants and (p.eager or wants[row.number][0] != before.get(row.number))
    }
    present, unlooked = await _read(p.to_side, doubtful, around)
    for number, error in (untold | unlooked).items():
        # Rights that a server cannot read are nothing to stop for, and remain as they are.
        aside = [KeptAside("", "rights and properties", str(error))]
        await around.kept.keep(KIND, str(number), paths[number], None, aside)
    updates = []
    for number, settings in present.items():
        here = folder_settings.difference(wants[number][0], before.get(number, Agreed()), settings)
        if here.permissions is not None:
            updates.append((number, FolderUpdate(doubtful[number], settings.element, permissions=here.permissions)))
        if here.properties:
            updates.append((number, FolderUpdate(doubtful[number], settings.element, properties=here.properties)))
    for number in {number for number, update in updates if update.permissions is not None}:
        want, aside = wants[number]
        if about := before.get(number, Agreed()).beside(want):
            # Should no answer come, they are known as ours, and go when their originals do.
            every = [*aside, *lost.get(number, ())]
            await around.kept.keep(KIND, str(number), paths[number], about.text(), every)
    refused = await _set(p, updates)
    for number, (want, aside) in wants.items():
        if number in present or number not in doubtful:
            failed = refused.get(number, _Refused())
            await around.kept.keep(
                KIND,
                str(number),
                paths[number],
                folder_settings.without(want, failed.members, failed.properties).text(),
                [*aside, *lost.get(number, ()), *failed.aside],
            )


async def _name_views(p: Pass, told: dict[int, FolderSettings]) -> dict[int, list[KeptAside]]:
    """Name the default views as the to side does; for a folder whose view is not there, say so instead."""
    views = {number: view for number, each in told.items() if (view := each.properties.get(_DEFAULT_VIEW))}
    if not views:
        return {}
    names = await entry_ids.counterparts(p, set(views.values()))
    for number, view in views.items():
        properties = {**told[number].properties, _DEFAULT_VIEW: names.get(view, "")}
        if view not in names:
            del properties[_DEFAULT_VIEW]
        told[number] = told[number]._replace(properties=properties)
    return {number: [KeptAside("", _DEFAULT_VIEW, _NO_VIEW)] for number, view in views.items() if view not in names}


_DEFAULT_VIEW = "DefaultViewEntryId"
_NO_VIEW = "its default view is no item of this mailbox, or has not been copied"


@dataclass
class _Refused:
    """What the server did not take of a folder."""

    members: set[str] = field(default_factory=set)
    properties: set[str] = field(default_factory=set)
    aside: list[KeptAside] = field(default_factory=list)


async def _read(
    side: Side, folders: dict[int, str], around: Around
) -> tuple[dict[int, FolderSettings], dict[int, EwsError]]:
    """By number; without those that there are no more, and without what is not wanted. Beside them, what the server
    does not tell, and why.
    """
    found: dict[int, FolderSettings] = {}
    refused: dict[int, EwsError] = {}
    for some in by_count(folders.items(), _READ_AT_ONCE):
        answers = await singled_out(
            lambda part: side.call(GetFolderSettings(tuple(folder for _, folder in part))), some
        )
        for (number, _), answer in zip(some, answers, strict=True):
            if not isinstance(answer, EwsError):
                unwanted = not around.wanted.permissions
                found[number] = answer._replace(permissions=None, unknown=[]) if unwanted else answer
            elif answer.kind is Kind.PERMANENT:
                refused[number] = answer
            elif answer.kind is not Kind.GONE:
                raise answer
    return found, refused


async def _set(p: Pass, updates: list[tuple[int, FolderUpdate]]) -> dict[int, _Refused]:
    """Make the updates. One that the server refuses is made piece by piece; what it refuses then is kept aside."""
    refused: dict[int, _Refused] = {}
    for some in by_count(updates, _WRITE_AT_ONCE):
        await p.breathe()
        answers = await singled_out(
            lambda part: p.to_side.call(SetFolderSettings(tuple(update for _, update in part))), some
        )
        for (number, update), answer in zip(some, answers, strict=True):
            if answer is None or answer.kind is Kind.GONE:
                continue
            if answer.kind is not Kind.PERMANENT:
                raise answer
            await _piece_by_piece(p, update, refused.setdefault(number, _Refused()))
    return refused


async def _piece_by_piece(p: Pass, update: FolderUpdate, refused: _Refused) -> None:
    taken: list[Permission] = []
    for entry in update.permissions or ():
        # The list is set as a whole, so it grows as far as the server takes it.
        if error := await _one(p, replace(update, permissions=[*taken, entry])):
            refused.members.add(entry.member.key)
            refused.aside.append(KeptAside(entry.member.address or entry.member.key, entry.level, str(error)))
        else:
            taken.append(entry)
    for name, value in update.properties.items():
        if error := await _one(p, replace(update, properties={name: value})):
            refused.properties.add(name)
            refused.aside.append(KeptAside("", name, str(error)))


async def _one(p: Pass, update: FolderUpdate) -> EwsError | None:
    (answer,) = await singled_out(lambda part: p.to_side.call(SetFolderSettings(tuple(part))), [update])
    if answer is not None and answer.kind is not Kind.PERMANENT:
        raise answer
    return answer
