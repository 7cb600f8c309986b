"""What surrounds the mail between two Exchange servers, with the ledger in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from isthmus_exchange.client import Announce, Mailbox
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
    Operation,
    RemoveDelegates,
    SetOutOfOffice,
    UpdateInboxRules,
)
from isthmus_exchange.values import Delegate, InboxRule, Member, OutOfOffice, Permission
from isthmus_mailbox.proving import prove

from tests.lab.copying import role
from tests.lab.surrounded import Surrounded, beta_folder, change, levels, settings
from tests.plugins.exchange import Person
from tests.waiting import eventually


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


@pytest.mark.parametrize("of_all", [False, True])
async def test_what_a_server_cannot_tell_stops_nothing(around: Surrounded, *, of_all: bool) -> None:
    """Damaged rules, delegates without their configuration, a folder whose rights cannot be read."""
    alpha, beta = around.box.alpha, around.box.beta
    bert, bert_there = around.hire("bert")
    assert bert_there is not None
    inbox, notes = await role(alpha, "inbox"), await role(alpha, "notes")
    await change(alpha, FolderUpdate(inbox, "Folder", [entry(bert, "Editor")]))
    await change(alpha, FolderUpdate(notes, "Folder", [entry(bert, "Editor")]))
    real = alpha.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, GetInboxRules):
            raise EwsError("ErrorInboxRulesValidationError", "damaged")
        if isinstance(operation, GetDelegation):
            raise EwsError("ErrorDelegateMissingConfiguration", "nothing there")
        answers = await real(operation, announce)
        if isinstance(operation, GetFolderSettings) and notes in operation.folders:
            refusal = EwsError("ErrorInternalServerError", "a list of rights that nobody can read")
            if of_all:
                raise refusal
            answers[operation.folders.index(notes)] = refusal
        return answers

    alpha.call = call  # type: ignore[method-assign]
    await around.look()
    assert (await levels(beta, await role(beta, "inbox")))[bert_there.smtp] == "Editor"
    assert {reason.split(":")[0] for *_, reason in await around.aside("rules")} == {"ErrorInboxRulesValidationError"}
    assert {reason.split(":")[0] for *_, reason in await around.aside("delegates")} == {
        "ErrorDelegateMissingConfiguration"
    }
    ((path, _, what, reason),) = await around.aside()
    assert (path, what, reason.split(":")[0]) == ("Notes", "rights and properties", "ErrorInternalServerError")

    alpha.call = real  # type: ignore[method-assign]
    await around.look()
    assert (await levels(beta, await role(beta, "notes")))[bert_there.smtp] == "Editor"
    assert not [*await around.aside(), *await around.aside("rules"), *await around.aside("delegates")]


async def test_a_look_at_unchanged_rights_asks_the_other_side_nothing_of_them(around: Surrounded) -> None:
    await around.look()
    before = around.box.beta.round_trips
    this = await around.look(eager=False)
    assert around.box.beta.round_trips == before + 1, "which mailbox it is, as once a sweep"
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
