"""Rules brought over between two mailboxes of the lab's EWS in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError, InDoubtError
from isthmus_exchange.operations import GetInboxRules, Operation, UpdateInboxRules
from isthmus_exchange.values import InboxRule
from isthmus_lab.exchange.ews.answering import Answering
from isthmus_lab.store import Store
from isthmus_mailbox import inbox_rules
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.surroundings import Around
from isthmus_project import Surroundings
from isthmus_sync.mailbox.folder_settings import Counterparts, KeptAside

from tests.unit.exchange_in_process import services_in
from tests.unit.mailbox_world import World
from tests.unit.memory_ledger import MemoryLedger
from tests.unit.test_exchange_properties import Side


class Kept:
    """What was agreed, in memory."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], str] = {}
        self.aside: dict[tuple[str, str], Sequence[KeptAside]] = {}

    async def agreed(self, kind: str) -> dict[str, str]:
        return {place: text for (of, place), text in self.texts.items() if of == kind}

    async def keep(self, kind: str, place: str, path: str, agreed: str | None, aside: Sequence[KeptAside]) -> None:
        if agreed is not None:
            self.texts[kind, place] = agreed
        self.aside[kind, place] = aside

    async def forget(self, kind: str, places: Sequence[str]) -> None:
        for place in places:
            self.texts.pop((kind, place), None)


class Nobody:
    async def counterparts(self, members: Sequence[Any]) -> Counterparts:
        return {}


class Owner:
    """Somebody with rules in two mailboxes."""

    def __init__(self, store: Store, folder: Path) -> None:
        answering = Answering(services_in(folder, store))
        self.source = Side(answering, store.mailbox(uuid4()), "anna@alpha.test")
        self.target = Side(answering, store.mailbox(uuid4()), "olga@alpha.test")
        self.around = Around(Surroundings(), Nobody(), Kept())

    def follow(self) -> None:
        this = Pass(ledger=MemoryLedger(World()), from_side=self.source, to_side=self.target, around=self.around)
        asyncio.run(inbox_rules.follow(this, self.around))

    def rules(self, side: Side) -> list[InboxRule]:
        return asyncio.run(side.call(GetInboxRules()))

    def names(self) -> list[str]:
        return [rule.name for rule in self.rules(self.target)]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    store = Store(tmp_path)
    yield Owner(store, tmp_path)
    store.close()


def _change(side: Side, delete: Sequence[str] = (), create: Sequence[str] = ()) -> None:
    content = "<t:Actions><t:MarkAsRead>true</t:MarkAsRead></t:Actions>"
    new = [InboxRule("", name, number + 1, True, True, False, content, (), ()) for number, name in enumerate(create)]
    assert asyncio.run(side.call(UpdateInboxRules(tuple(delete), tuple(new)))) == {}


def test_a_rule_that_its_owner_deletes_meanwhile_is_no_reason_to_ask_for_ever(owner: Owner) -> None:
    _change(owner.source, create=["One"])
    owner.follow()
    [one] = owner.rules(owner.source)
    _change(owner.source, [one.id], ["Two"])
    answer, asked = owner.target.call, 0

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        nonlocal asked
        if isinstance(operation, UpdateInboxRules):
            asked += 1
            assert asked < 5
            if asked == 1:
                await answer(UpdateInboxRules(operation.delete, ()))
        return await answer(operation, announce)

    owner.target.call = call  # type: ignore[method-assign]
    with pytest.raises(EwsError, match="ErrorInboxRulesValidationError"):
        owner.follow()
    owner.follow()
    assert owner.names() == ["Two"]


def test_a_rule_that_was_made_without_an_answer_goes_with_its_original(owner: Owner) -> None:
    _change(owner.source, create=["Forward everything"])
    answer = owner.target.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        told = await answer(operation, announce)
        if isinstance(operation, UpdateInboxRules):
            raise InDoubtError("no answer")
        return told

    owner.target.call = call  # type: ignore[method-assign]
    with pytest.raises(InDoubtError):
        owner.follow()
    owner.target.call = answer  # type: ignore[method-assign]
    [one] = owner.rules(owner.source)
    _change(owner.source, [one.id])
    owner.follow()
    assert owner.names() == []
