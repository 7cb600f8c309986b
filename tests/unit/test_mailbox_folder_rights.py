"""Rights of folders between two mailboxes of the lab's EWS in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from isthmus_exchange.client import Announce
from isthmus_exchange.operations import (
    CreateFolder,
    DeleteFolder,
    FindFolders,
    FolderUpdate,
    GetDistinguishedFolders,
    GetFolderSettings,
    Operation,
    SetFolderSettings,
    UploadItems,
)
from isthmus_exchange.values import Member, Permission
from isthmus_lab.exchange.ews.answering import Answering
from isthmus_lab.store import Store
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.running import run_pass
from isthmus_mailbox.surroundings import Around
from isthmus_project import Surroundings

from tests.unit.exchange_in_process import services_in
from tests.unit.mailbox_world import Crash, World
from tests.unit.mapi_bags import mail
from tests.unit.memory_ledger import MemoryLedger
from tests.unit.test_exchange_properties import Side
from tests.unit.test_mailbox_inbox_rules import Kept, Nobody

_ONLY_RIGHTS = Surroundings(rules=False, delegates=False, out_of_office=False, search_folders=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.mark.parametrize("own", [False, True], ids=["made by us", "made by its owner"])
def test_a_folder_that_takes_the_place_of_another_gets_its_rights(store: Store, tmp_path: Path, own: bool) -> None:
    answering = Answering(services_in(tmp_path, store))
    source = Side(answering, store.mailbox(uuid4()), "anna@alpha.test")
    target = Side(answering, store.mailbox(uuid4()), "olga@alpha.test")
    ledger, around = MemoryLedger(World()), Around(_ONLY_RIGHTS, Nobody(), Kept())

    def run() -> None:
        asyncio.run(run_pass(Pass(ledger=ledger, from_side=source, to_side=target, around=around)))

    private, shared = (_folder(source, name) for name in ("Private", "Shared"))
    _open(source, private, "None")
    _open(source, shared, "Reviewer")
    run()
    assert _levels(target) == {"Private": "None", "Shared": "Reviewer"}
    for name, folder in _folders(target).items():
        asyncio.run(target.call(DeleteFolder(folder)))
        if own:
            _open(target, _folder(target, name), "None" if name == "Shared" else "Reviewer")
    for number, name in enumerate(_NAMES):
        place = source.mailbox.folders.find(source.mailbox.folders.role("inbox").id, name)
        assert place is not None
        source.mailbox.items.add(place.id, mail("New", number))
    for _ in range(2):
        run()
    assert _levels(target) == {"Private": "None", "Shared": "Reviewer"}


def test_nobody_sees_what_comes_into_a_folder_that_was_open_there(store: Store, tmp_path: Path) -> None:
    """Its owner has one of that name on the target, which others may read: its rights come before its items."""
    answering = Answering(services_in(tmp_path, store))
    source = Side(answering, store.mailbox(uuid4()), "anna@alpha.test")
    target = Side(answering, store.mailbox(uuid4()), "olga@alpha.test")
    _open(source, _folder(source, "Private"), "None")
    _open(target, _folder(target, "Private"), "Reviewer")
    place = source.mailbox.folders.find(source.mailbox.folders.role("inbox").id, "Private")
    assert place is not None
    source.mailbox.items.add(place.id, mail("Secret", 1))
    answer, seen = target.call, list[dict[str, str]]()

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, UploadItems):
            [settings] = await answer(GetFolderSettings((operation.items[0].folder,)))
            seen.append({each.member.distinguished: each.level for each in settings.permissions})
        return await answer(operation, announce)

    target.call = call  # type: ignore[method-assign]
    around = Around(_ONLY_RIGHTS, Nobody(), Kept())
    asyncio.run(run_pass(Pass(ledger=MemoryLedger(World()), from_side=source, to_side=target, around=around)))
    assert [each["Default"] for each in seen] == ["None"]


def test_nor_when_the_pass_is_interrupted_before_it_has_brought_the_rights(store: Store, tmp_path: Path) -> None:
    answering = Answering(services_in(tmp_path, store))
    source = Side(answering, store.mailbox(uuid4()), "anna@alpha.test")
    target = Side(answering, store.mailbox(uuid4()), "olga@alpha.test")
    inbox = source.mailbox.folders.role("inbox").id
    answer, seen, interrupted = target.call, list[str](), False

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        nonlocal interrupted
        if interrupted and isinstance(operation, SetFolderSettings):
            interrupted = False
            raise Crash
        if isinstance(operation, UploadItems):
            [settings] = await answer(GetFolderSettings((operation.items[0].folder,)))
            seen.extend(each.level for each in settings.permissions if each.member.distinguished == "Default")
        return await answer(operation, announce)

    target.call = call  # type: ignore[method-assign]
    ledger, marks, around = MemoryLedger(World()), Marks(), Around(_ONLY_RIGHTS, Nobody(), Kept())

    def run() -> None:
        asyncio.run(run_pass(Pass(ledger=ledger, from_side=source, to_side=target, around=around, marks=marks)))

    # Once in the first pass, and once in a later one.
    for number, name in enumerate(_NAMES):
        _open(source, _folder(source, name), "None")
        _open(target, _folder(target, name), "Reviewer")
        place = source.mailbox.folders.find(inbox, name)
        assert place is not None
        source.mailbox.items.add(place.id, mail("Secret", number))
        interrupted = True
        with pytest.raises(Crash):
            run()
        marks = Marks.read(marks.write())
        run()
        assert not interrupted
    assert seen == ["None", "None"]


def _folder(side: Side, name: str) -> str:
    inbox = asyncio.run(side.call(GetDistinguishedFolders()))["inbox"].id
    made: str = asyncio.run(side.call(CreateFolder(inbox, name, "IPF.Note")))
    return made


def _open(side: Side, folder: str, level: str) -> None:
    entry = Permission(Member(distinguished="Default"), level)
    assert asyncio.run(side.call(SetFolderSettings((FolderUpdate(folder, "Folder", permissions=[entry]),)))) == [None]


def _folders(side: Side) -> dict[str, str]:
    return {each.name: each.id for each in asyncio.run(side.call(FindFolders(0))).folders if each.name in _NAMES}


_NAMES = ("Private", "Shared")


def _levels(side: Side) -> dict[str, str]:
    """What everybody may do in these folders."""
    found = {}
    for name, folder in _folders(side).items():
        [settings] = asyncio.run(side.call(GetFolderSettings((folder,))))
        found[name] = next(each.level for each in settings.permissions if each.member.distinguished == "Default")
    return found
