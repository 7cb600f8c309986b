"""What surrounds the mail between two Exchange servers, with the ledger in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from isthmus.accounts.v1.accounts_pb2 import RECIPIENT_KIND_USER, SIDE_SOURCE, SIDE_TARGET, Account, Pair
from isthmus_accounts import AmbiguousIdentity, Batch, Cache, UnknownIdentity
from isthmus_exchange.client import Mailbox
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import (
    AddDelegates,
    CreateFolder,
    DeleteFolder,
    FolderUpdate,
    GetDelegation,
    GetFolderSettings,
    GetInboxRules,
    GetOutOfOffice,
    RemoveDelegates,
    SetFolderSettings,
    SetOutOfOffice,
    UpdateInboxRules,
)
from isthmus_exchange.values import Delegate, FolderSettings, InboxRule, Member, OutOfOffice, Permission
from isthmus_mailbox import people
from isthmus_mailbox.database_kept import DatabaseKept
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_mailbox.surroundings import Around
from isthmus_project import Surroundings
from isthmus_sync.mailbox.folder_settings import Counterparts

from tests.lab.copying import Copying, copying, role
from tests.plugins.exchange import Exchanges, Office, Person
from tests.waiting import eventually


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


@pytest.fixture
async def around(exchanges: Exchanges, office: Office, database_url: str) -> AsyncIterator[Surrounded]:
    async with copying(exchanges, office, database_url) as box:
        yield Surrounded(box, exchanges, office)


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


def entry(person: Person, level: str, *rights: tuple[str, str]) -> Permission:
    return Permission(Member(address=person.smtp), level, rights)


async def test_rights_come_over_translated_and_stay_in_step(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    (bert, bert_there), (carl, _) = around.hire("bert"), around.hire("carl", there=False)
    dora_there = around.office.beta("dora")
    assert bert_there is not None
    inbox, calendar = await role(alpha, "inbox"), await role(alpha, "calendar")
    travel = await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    custom = (("CanCreateItems", "true"), ("IsFolderVisible", "true"), ("EditItems", "Owned"), ("ReadItems", "None"))
    await change(
        alpha,
        FolderUpdate(inbox, "Folder", [entry(bert, "Editor"), entry(carl, "Reviewer")]),
        FolderUpdate(calendar, "CalendarFolder", [entry(bert, "FreeBusyTimeAndSubjectAndLocation")]),
        FolderUpdate(travel, "Folder", [entry(bert, "Custom", *custom)]),
    )
    # Somebody has rights in the target's inbox already; a folder that is made below it does not inherit them.
    await change(beta, FolderUpdate(await role(beta, "inbox"), "Folder", [entry(dora_there, "Author")]))

    await around.look()
    everybody = {"Default": "None", "Anonymous": "None"}
    assert await levels(beta, await role(beta, "inbox")) == {
        **everybody,
        bert_there.smtp: "Editor",
        dora_there.smtp: "Author",
    }
    assert (await levels(beta, await role(beta, "calendar")))[bert_there.smtp] == "FreeBusyTimeAndSubjectAndLocation"
    there = await beta_folder(around, travel)
    assert await levels(beta, there) == {**everybody, bert_there.smtp: "Custom"}
    given = dict((await settings(beta, there)).permissions[-1].rights)  # type: ignore[index]
    assert given == {**given, "CanCreateItems": "true", "EditItems": "Owned", "DeleteItems": "None"}
    assert await around.aside() == {("Inbox", carl.smtp, "Reviewer", "has no account on the other side yet")}

    # What is taken away here goes there; who gets an account there is not kept aside any more.
    around.known.pair(carl, carl_there := around.office.beta("carl"))
    await change(alpha, FolderUpdate(inbox, "Folder", [entry(carl, "Reviewer")]))
    await around.look(eager=False)
    assert await levels(beta, await role(beta, "inbox")) == {
        **everybody,
        carl_there.smtp: "Reviewer",
        dora_there.smtp: "Author",
    }
    assert await around.aside() == set()


async def test_properties_of_folders_come_over(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    travel = await alpha.call(CreateFolder(await role(alpha, "inbox"), "Travel", "IPF.Note"))
    told = {"Comment": "Tickets & <Bills>", "AttributeHidden": "true", "PolicyTag": "AAECAwQFBgcICQoLDA0ODw=="}
    await change(alpha, FolderUpdate(travel, "Folder", properties={**told, "RetentionPeriod": "30"}))
    await around.look()
    there = await beta_folder(around, travel)
    assert (await settings(beta, there)).properties == {**told, "RetentionPeriod": "30"}
    await change(alpha, FolderUpdate(travel, "Folder", properties={"RetentionPeriod": None, "Comment": "Bills"}))
    await around.look(eager=False)
    assert (await settings(beta, there)).properties == {**told, "Comment": "Bills"}


async def test_a_right_that_the_server_refuses_stops_nothing(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    bert, bert_there = around.hire("bert")
    carl, gone = around.office.alpha("carl"), around.office.alpha("gone")
    assert bert_there is not None
    # The account map has somebody on the other side whom that side's Exchange does not know.
    around.known.pair(carl, gone)
    inbox = await role(alpha, "inbox")
    await change(alpha, FolderUpdate(inbox, "Folder", [entry(carl, "Owner"), entry(bert, "Editor")]))
    await around.look()
    assert (await levels(beta, await role(beta, "inbox")))[bert_there.smtp] == "Editor"
    ((path, who, what, reason),) = await around.aside()
    assert (path, who, what, reason.split(":")[0]) == ("Inbox", gone.smtp, "Owner", "ErrorInvalidUserInfo")


async def test_a_look_at_unchanged_rights_asks_the_other_side_nothing(around: Surrounded) -> None:
    await around.look()
    before = around.box.beta.round_trips
    this = await around.look(eager=False)
    assert around.box.beta.round_trips == before
    assert not this.marks.around_due


async def test_rights_are_left_alone_when_the_project_says_so(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    bert, _ = around.hire("bert")
    await change(alpha, FolderUpdate(await role(alpha, "inbox"), "Folder", [entry(bert, "Editor")]))
    await around.look(permissions=False)
    assert await levels(beta, await role(beta, "inbox")) == {"Default": "None", "Anonymous": "None"}


async def rules_of(mailbox: Mailbox) -> list[InboxRule]:
    return await mailbox.call(GetInboxRules())


def rule(name: str, actions: str, *folders: str, conditions: str = "") -> InboxRule:
    content = f"<t:Conditions>{conditions}</t:Conditions>" if conditions else ""
    return InboxRule("", name, 1, True, True, False, f"{content}<t:Actions>{actions}</t:Actions>", folders, ())


def moving(name: str, folder: str) -> InboxRule:
    return rule(name, f'<t:MoveToFolder><t:FolderId Id="{folder}"/></t:MoveToFolder>', folder)


_URGENT = "<t:ContainsSubjectStrings><t:String>Größe &amp; Preis</t:String></t:ContainsSubjectStrings>"


async def test_rules_work_on_the_other_side(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    inbox = await role(alpha, "inbox")
    travel = await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    lost = await alpha.call(CreateFolder(inbox, "Lost", "IPF.Note"))
    own = rule("Mine", "<t:MarkAsRead>true</t:MarkAsRead>")
    assert await beta.call(UpdateInboxRules((), (own,))) == {}
    urgent = rule("Urgent", "<t:MarkImportance>High</t:MarkImportance>", conditions=_URGENT)
    assert await alpha.call(UpdateInboxRules((), (moving("Travel", travel), urgent, moving("Lost", lost)))) == {}
    await alpha.call(DeleteFolder(lost))

    await around.look()
    there = {each.name: each for each in await rules_of(beta)}
    assert there.keys() == {"Mine", "Travel", "Urgent"}
    assert there["Travel"].folders == (await beta_folder(around, travel),)
    assert not there["Travel"].in_error
    assert there["Urgent"].content == urgent.content
    ((_, _, what, reason),) = await around.aside("rules")
    assert (what, "its folder is gone" in reason) == ("Lost", True)

    # The same rules are not made again; one that is taken away goes, what its owner made stays.
    await around.look()
    assert {each.name: each.id for each in await rules_of(beta)} == {name: each.id for name, each in there.items()}
    gone = [each.id for each in await rules_of(alpha) if each.name != "Urgent"]
    assert await alpha.call(UpdateInboxRules(tuple(gone), ())) == {}
    await around.look()
    assert {each.name for each in await rules_of(beta)} == {"Mine", "Urgent"}
    assert await around.aside("rules") == set()


async def test_rules_are_no_items_to_be_proven(around: Surrounded) -> None:
    alpha = around.box.alpha
    urgent = rule("Urgent", "<t:MarkImportance>High</t:MarkImportance>", conditions=_URGENT)
    assert await alpha.call(UpdateInboxRules((), (urgent,))) == {}
    this = await around.look()
    assert not this.counts
    assert (await prove(this)).equal


async def test_delegates_come_over_when_they_exist(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    (bert, bert_there), (carl, _) = around.hire("bert"), around.hire("carl", there=False)
    assert bert_there is not None
    deputies = tuple(
        Delegate(Member(address=each.smtp), (("CalendarFolderPermissionLevel", "Editor"),), True, True)
        for each in (bert, carl)
    )
    assert await alpha.call(AddDelegates(alpha.address, deputies, "DelegatesAndMe")) == [None, None]
    await around.look()
    there = await beta.call(GetDelegation(beta.address))
    (deputy,) = there.delegates
    assert (deputy.member.address, deputy.gets_copies, deputy.sees_private) == (bert_there.smtp, True, True)
    assert dict(deputy.levels)["CalendarFolderPermissionLevel"] == "Editor"
    assert there.delivery == "DelegatesAndMe"
    assert await around.aside("delegates") == {("", carl.smtp, "delegate", "has no account on the other side yet")}

    around.known.pair(carl, carl_there := around.office.beta("carl"))
    assert await alpha.call(RemoveDelegates(alpha.address, (Member(address=bert.smtp),))) == [None]
    await around.look(eager=False)
    there = await beta.call(GetDelegation(beta.address))
    assert [each.member.address for each in there.delegates] == [carl_there.smtp]
    assert await around.aside("delegates") == set()


async def test_automatic_replies_go_over_at_the_switch_and_back_with_an_undo(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    away = OutOfOffice("Enabled", "All", "", "", "<p>Back on Monday</p>", "<p>Away</p>")

    async def settings_of(mailbox: Mailbox) -> tuple[str, str | None]:
        told = await mailbox.call(GetOutOfOffice(mailbox.address))
        return told.state, told.internal

    await alpha.call(SetOutOfOffice(alpha.address, away))
    await around.look()
    assert (await settings_of(beta))[0] == "Disabled"
    await around.look(heal=False)
    assert await settings_of(beta) == ("Enabled", "<p>Back on Monday</p>")
    assert await settings_of(alpha) == ("Enabled", "<p>Back on Monday</p>")
    # Its owner is back, and nobody turns it on again.
    await beta.call(SetOutOfOffice(beta.address, away._replace(state="Disabled")))
    await around.look(heal=False)
    assert (await settings_of(beta))[0] == "Disabled"
    await beta.call(SetOutOfOffice(beta.address, away))
    await around.look()
    assert (await settings_of(beta))[0] == "Disabled"


async def test_an_absence_that_is_over_is_not_announced_again(around: Surrounded) -> None:
    beta = around.box.beta
    begun = datetime.now(UTC) - timedelta(hours=1)
    soon = begun + timedelta(hours=1, seconds=2)
    away = OutOfOffice("Scheduled", "None", f"{begun:%FT%TZ}", f"{soon:%FT%TZ}", "Back soon", None)
    await around.box.alpha.call(SetOutOfOffice(around.box.alpha.address, away))

    async def over() -> bool:
        return datetime.now(UTC) > soon + timedelta(seconds=1)

    await eventually(over, 10)
    await around.look(heal=False)
    told = await beta.call(GetOutOfOffice(beta.address))
    assert (told.state, told.internal) == ("Disabled", "Back soon")
    assert await around.aside("out of office") == set()
