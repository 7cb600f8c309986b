"""Rights and delegates that are set on the other side, whose answer gets lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import InDoubtError
from isthmus_exchange.operations import (
    AddDelegates,
    GetDelegation,
    GetFolderSettings,
    Operation,
    RemoveDelegates,
    SetFolderSettings,
    UpdateDelegates,
)
from isthmus_exchange.values import Delegate, Delegation, FolderSettings, Member, Permission
from isthmus_mailbox import delegates, folder_settings
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.surroundings import Around
from isthmus_project import Surroundings
from isthmus_sync.mailbox.folder_settings import Counterparts
from isthmus_sync.mailbox.model import FolderRow

from tests.unit.mailbox_world import World
from tests.unit.memory_ledger import MemoryLedger
from tests.unit.test_mailbox_inbox_rules import Kept

_LEVELS = (("CalendarFolderPermissionLevel", "Editor"),)


@dataclass
class Side:
    """A mailbox of one folder, and who may do something in it."""

    address: str
    entries: list[Permission] = field(default_factory=list)
    delegates: dict[str, Delegate] = field(default_factory=dict)
    # It answers no write, though it does what it is asked.
    silent: bool = False

    def now(self) -> float:
        return 0.0

    async def call(self, operation: Operation[Any], announce: Announce | None = None) -> Any:
        answer = self._answer(operation)
        if operation.writes and self.silent:
            raise InDoubtError("no answer")
        return answer

    def _answer(self, operation: Operation[Any]) -> Any:
        match operation:
            case GetFolderSettings():
                return [FolderSettings("Folder", list(self.entries), [], {})]
            case SetFolderSettings([update]):
                self.entries = list(update.permissions or ())
                return [None]
            case GetDelegation():
                return Delegation(list(self.delegates.values()), "")
            case AddDelegates(_, some) | UpdateDelegates(_, some):
                self.delegates |= {each.member.key: each for each in some}
                return [None for _ in some]
            case RemoveDelegates(_, members):
                for each in members:
                    del self.delegates[each.key]
                return [None for _ in members]
        raise AssertionError(operation)


class Counterpart:
    """Everybody has the same name on the other side."""

    async def counterparts(self, members: Sequence[Member]) -> Counterparts:
        return {each.key: _member(each.address.partition("@")[0], "beta") for each in members}


def _member(name: str, side: str) -> Member:
    return Member(sid=f"S-1-5-21-{side}-{name}", address=f"{name}@{side}.test")


class Owner:
    def __init__(self) -> None:
        self.source, self.target = Side("anna@alpha.test"), Side("anna@beta.test")
        self.around = Around(Surroundings(), Counterpart(), Kept())
        self.ledger = MemoryLedger(World())
        self.ledger.folder_rows[0] = FolderRow(0, None, "", "IPF.Note", "msgfolderroot", "alpha", "beta", settled=True)

    def follow(self) -> None:
        this = Pass(ledger=self.ledger, from_side=self.source, to_side=self.target, around=self.around)
        asyncio.run(folder_settings.follow(this, self.around))
        asyncio.run(delegates.follow(this, self.around))


def test_a_right_that_was_set_without_an_answer_goes_with_its_original() -> None:
    owner = Owner()
    owner.source.entries = [Permission(_member("bert", "alpha"), "Reviewer")]
    owner.target.silent = True
    with pytest.raises(InDoubtError):
        owner.follow()
    assert owner.target.entries, "it was set"
    owner.target.silent = False
    owner.source.entries = []
    owner.follow()
    assert owner.target.entries == []


def test_a_right_that_never_came_there_is_set_again() -> None:
    owner = Owner()
    owner.source.entries = [Permission(_member("bert", "alpha"), "Reviewer")]
    owner.target.silent = True
    with pytest.raises(InDoubtError):
        owner.follow()
    owner.target.silent, owner.target.entries = False, []
    owner.follow()
    assert owner.target.entries == [Permission(_member("bert", "beta"), "Reviewer")]


def test_a_delegate_who_was_made_without_an_answer_goes_with_their_original() -> None:
    owner = Owner()
    owner.source.delegates["bert"] = Delegate(_member("bert", "alpha"), _LEVELS, True, False)
    owner.target.silent = True
    with pytest.raises(InDoubtError):
        owner.follow()
    assert owner.target.delegates, "they were made one"
    owner.target.silent = False
    owner.source.delegates.clear()
    owner.follow()
    assert owner.target.delegates == {}


def test_who_gets_another_address_on_the_other_side_loses_what_they_lose_here() -> None:
    owner = Owner()
    owner.source.entries = [Permission(_member("bert", "alpha"), "Reviewer")]
    owner.source.delegates["bert"] = Delegate(_member("bert", "alpha"), _LEVELS, True, False)
    owner.follow()
    bert = _member("bert", "beta")._replace(address="bert.married@beta.test")
    owner.target.entries = [each._replace(member=bert) for each in owner.target.entries]
    owner.target.delegates = {bert.key: owner.target.delegates.popitem()[1]._replace(member=bert)}
    owner.source.entries = []
    owner.source.delegates.clear()
    owner.follow()
    assert (owner.target.entries, owner.target.delegates) == ([], {})
