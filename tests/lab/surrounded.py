"""A mailbox between two Exchange servers and the people around it, with what looks after the surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from isthmus.accounts.v1.accounts_pb2 import RECIPIENT_KIND_USER, SIDE_SOURCE, SIDE_TARGET, Account, Pair
from isthmus_accounts import AmbiguousIdentity, Batch, Cache, UnknownIdentity
from isthmus_exchange.client import Mailbox
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import FolderUpdate, GetFolderSettings, SetFolderSettings
from isthmus_exchange.values import FolderSettings, Member
from isthmus_mailbox import people
from isthmus_mailbox.database_kept import DatabaseKept
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.running import run_pass
from isthmus_mailbox.surroundings import Around
from isthmus_project import Surroundings
from isthmus_sync.mailbox.folder_settings import Counterparts

from tests.lab.copying import Copying
from tests.plugins.exchange import Exchanges, Office, Person


@dataclass
class Known:
    """The account map's own index of pairs, without its service."""

    cache: Cache = field(default_factory=Cache)
    revision: int = 0

    def pair(self, source: Person, target: Person | None) -> None:
        self.revision += 1
        pair = Pair(
            id=source.mailbox.bytes,
            kind=RECIPIENT_KIND_USER,
            revision=self.revision,
            source=_account(source, SIDE_SOURCE),
        )
        if target is not None:
            pair.target.CopyFrom(_account(target, SIDE_TARGET))
        self.cache.put(pair)

    async def counterparts(self, members: Sequence[Member]) -> Counterparts:
        batch = Batch([], [], [])
        for number, identity in enumerate(people.asked(members)):
            try:
                batch.pairs.append(self.cache.resolve(identity))
            except UnknownIdentity:
                batch.pairs.append(None)
            except AmbiguousIdentity:
                batch.pairs.append(None)
                batch.ambiguous.append(number)
        return people.counterparts(members, batch)


def _account(person: Person, side: int) -> Account:
    return Account(
        side=side,  # type: ignore[arg-type]
        display_name=person.name,
        primary_smtp_address=person.smtp,
        smtp_addresses=[person.smtp],
        legacy_exchange_dn=person.legacy_dn,
    )


@dataclass
class Surrounded:
    """A mailbox, and the people around it on both sides."""

    box: Copying
    exchanges: Exchanges
    office: Office
    known: Known = field(default_factory=Known)

    def hire(self, name: str, *, there: bool = True) -> tuple[Person, Person | None]:
        here, counterpart = self.office.alpha(name), self.office.beta(name) if there else None
        self.known.pair(here, counterpart)
        return here, counterpart

    async def look(self, *, eager: bool = True, heal: bool = True, **wanted: bool) -> Pass:
        this = await self.box.new_pass(eager=eager, heal=heal)
        this.around = Around(
            Surroundings(**wanted),
            self.known,
            DatabaseKept(self.box.pool, this.ledger._lease, self.box.pair),  # type: ignore[attr-defined]
        )
        await run_pass(this)
        assert this.problems == []
        return this

    async def aside(self, kind: str = "folder") -> set[tuple[str, str, str, str]]:
        rows = await self.box.pool.fetch(
            "SELECT path, who, what, reason FROM kept_aside WHERE pair_id = $1 AND kind = $2", self.box.pair, kind
        )
        return {tuple(row.values()) for row in rows}


async def settings(mailbox: Mailbox, folder: str) -> FolderSettings:
    (answer,) = await mailbox.call(GetFolderSettings((folder,)))
    assert not isinstance(answer, EwsError)
    return answer


async def change(mailbox: Mailbox, *updates: FolderUpdate) -> None:
    answers = await mailbox.call(SetFolderSettings(updates))
    assert answers == [None] * len(updates)


async def levels(mailbox: Mailbox, folder: str) -> dict[str, str]:
    told = await settings(mailbox, folder)
    return {each.member.key: each.level for each in told.permissions or ()}


async def beta_folder(around: Surrounded, alpha_folder: str) -> str:
    folders = await (await around.box.new_pass()).ledger.folders()
    return next(row.to_id or "" for row in folders if row.from_id == alpha_folder)
