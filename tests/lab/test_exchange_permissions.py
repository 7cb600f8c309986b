"""Folder permissions: as EWS shows and sets them, and what they let another person do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from exchangelib import CalendarItem, EWSDateTime, Mailbox, Message
from exchangelib.errors import ErrorAccessDenied, ErrorFolderNotFound
from exchangelib.folders import DistinguishedFolderId, Folder, SingleFolderQuerySet
from isthmus_lab.ews import NS, Client, EwsError, M, T
from lxml import etree

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchange, Exchanges, Office, Person
from tests.waiting import eventually

BEGIN = EWSDateTime(2026, 3, 2, 9, 0, tzinfo=None)
Element = etree._Element


@asynccontextmanager
async def client_of(exchange: Exchange, person: Person) -> AsyncIterator[Client]:
    async with Client(exchange.ews, exchange.authority, person.principal, person.password) as client:
        yield client


def folder_of(exchange: Exchange, visitor: Person, owner: Person, role: str) -> Folder:
    """A distinguished folder in somebody else's mailbox, as exchangelib opens one."""
    account = account_of(exchange, visitor)
    there = DistinguishedFolderId(id=role, mailbox=Mailbox(email_address=owner.smtp))
    found = SingleFolderQuerySet(account=account, folder=Folder(root=account.root, _distinguished_id=there)).resolve()
    if isinstance(found, Exception):
        raise found
    assert isinstance(found, Folder)
    return found


def place(role: str, owner: Person | None = None) -> Element:
    node: Element = T.DistinguishedFolderId(Id=role)
    if owner is not None:
        node.append(T.Mailbox(T.EmailAddress(owner.smtp)))
    return node


def permission(who: Element, level: str, *single: Element, calendar: bool = False) -> Element:
    kind = "Calendar" if calendar else ""
    permission: Element = T(f"{kind}Permission", T.UserId(who))
    permission.extend(single)
    permission.append(T(f"{kind}PermissionLevel", level))
    return permission


async def grant(client: Client, role: str, *permissions: Element, how: str = "SetFolderField") -> None:
    kind = "CalendarFolder" if role == "calendar" else "ContactsFolder" if role == "contacts" else "Folder"
    listed = "CalendarPermissions" if role == "calendar" else "Permissions"
    change = T(how, T.FieldURI(FieldURI="folder:PermissionSet"), T(kind, T.PermissionSet(T(listed, *permissions))))
    await client.one(M.UpdateFolder(M.FolderChanges(T.FolderChange(place(role), T.Updates(change)))))


async def shown(client: Client, role: str, owner: Person | None = None, *, field: str = "PermissionSet") -> Element:
    shape = M.FolderShape(T.BaseShape("IdOnly"), T.AdditionalProperties(T.FieldURI(FieldURI=f"folder:{field}")))
    answer = await client.one(M.GetFolder(shape, M.FolderIds(place(role, owner))))
    (found,) = answer.findall(f"m:Folders/*/t:{field}", NS)
    return found


def levels(permission_set: Element) -> dict[str, str]:
    """Level by who has it."""
    who = ("t:UserId/t:DistinguishedUser", "t:UserId/t:PrimarySmtpAddress")
    return {"".join(each.findtext(path, "", NS) for path in who): each[-1].text or "" for each in permission_set[0]}


async def test_every_folder_has_default_and_anonymous(exchanges: Exchanges, office: Office) -> None:
    async with client_of(exchanges.alpha, office.alpha("anna")) as anna:
        assert levels(await shown(anna, "inbox")) == {"Default": "None", "Anonymous": "None"}
        assert levels(await shown(anna, "calendar")) == {"Default": "FreeBusyTimeOnly", "Anonymous": "None"}


async def test_levels_are_kept_and_their_rights_shown(exchanges: Exchanges, office: Office) -> None:
    anna, bert, carl = office.alpha("anna"), office.alpha("bert"), office.alpha("carl")
    async with client_of(exchanges.alpha, anna) as client:
        for level in (
            "Owner",
            "PublishingEditor",
            "Editor",
            "PublishingAuthor",
            "Author",
            "NoneditingAuthor",
            "Reviewer",
            "Contributor",
            "None",
        ):
            await grant(client, "inbox", permission(T.PrimarySmtpAddress(bert.smtp), level))
            assert levels(await shown(client, "inbox"))[bert.smtp] == level
        custom = (T.CanCreateItems("true"), T.IsFolderVisible("true"), T.EditItems("Owned"), T.DeleteItems("All"))
        await grant(client, "inbox", permission(T.PrimarySmtpAddress(carl.smtp), "Custom", *custom))
        found = await shown(client, "inbox")
        assert levels(found) == {"Default": "None", "Anonymous": "None", carl.smtp: "Custom"}
        own = found[0][-1]
        told = {etree.QName(each).localname: each.text for each in own if len(each) == 0}
        assert told == {
            "CanCreateItems": "true",
            "CanCreateSubFolders": "false",
            "IsFolderOwner": "false",
            "IsFolderVisible": "true",
            "IsFolderContact": "false",
            "EditItems": "Owned",
            "DeleteItems": "All",
            "ReadItems": "None",
            "PermissionLevel": "Custom",
        }
        # by the SID that the answer gave
        await grant(client, "contacts", permission(T.SID(own.findtext("t:UserId/t:SID", "", NS)), "Reviewer"))
        assert levels(await shown(client, "contacts"))[carl.smtp] == "Reviewer"
        await grant(
            client, "contacts", permission(T.PrimarySmtpAddress(bert.smtp), "Author"), how="AppendToFolderField"
        )
        assert levels(await shown(client, "contacts"))[carl.smtp] == "Reviewer"
        assert levels(await shown(client, "contacts"))[bert.smtp] == "Author"


@pytest.mark.parametrize(
    ("role", "calendar", "who", "code"),
    [
        ("inbox", False, ["nobody@alpha.test"], "ErrorInvalidUserInfo"),
        ("inbox", False, ["own", "own"], "ErrorDuplicateUserIdsSpecified"),
        ("inbox", True, ["own"], "ErrorCannotSetCalendarPermissionOnNonCalendarFolder"),
        ("calendar", False, ["own"], "ErrorCannotSetNonCalendarPermissionOnCalendarFolder"),
    ],
)
async def test_what_cannot_be_set_is_refused(
    exchanges: Exchanges, office: Office, role: str, calendar: bool, who: list[str], code: str
) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    kind, listed = ("CalendarFolder", "CalendarPermissions") if calendar else ("Folder", "Permissions")
    entries = [
        permission(T.PrimarySmtpAddress(bert.smtp if each == "own" else each), "Reviewer", calendar=calendar)
        for each in who
    ]
    change = T.SetFolderField(
        T.FieldURI(FieldURI="folder:PermissionSet"), T(kind, T.PermissionSet(T(listed, *entries)))
    )
    async with client_of(exchanges.alpha, anna) as client:
        with pytest.raises(EwsError, match=code):
            await client.one(M.UpdateFolder(M.FolderChanges(T.FolderChange(place(role), T.Updates(change)))))


async def test_somebody_who_left_is_an_unknown_entry(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    async with client_of(exchanges.alpha, anna) as client:
        await grant(client, "inbox", permission(T.PrimarySmtpAddress(bert.smtp), "Reviewer"))
        exchanges.alpha.change(bert.dn, legacyExchangeDN=[f"{bert.legacy_dn}-gone"])

        async def unknown() -> bool:
            found = await shown(client, "inbox")
            return found.findtext("t:UnknownEntries/t:UnknownEntry", "", NS) == bert.name

        await eventually(unknown)


async def test_a_permission_change_is_told_by_the_hierarchy(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    account = account_of(exchanges.alpha, anna)
    root = account.msg_folder_root
    list(root.sync_hierarchy())
    async with client_of(exchanges.alpha, anna) as client:
        await grant(client, "contacts", permission(T.PrimarySmtpAddress(bert.smtp), "Reviewer"))
    assert [(kind, folder.name) for kind, folder in root.sync_hierarchy()] == [("update", "Contacts")]


async def test_a_reviewer_reads_and_changes_nothing(exchanges: Exchanges, office: Office) -> None:
    anna, bert, carl = office.alpha("anna"), office.alpha("bert"), office.alpha("carl")
    account = account_of(exchanges.alpha, anna)
    for subject, sensitivity in (("Sitzung", "Normal"), ("Arzt", "Private")):
        CalendarItem(
            account=account,
            folder=account.calendar,
            subject=subject,
            sensitivity=sensitivity,
            start=BEGIN.replace(tzinfo=account.default_timezone),
            end=BEGIN.replace(hour=10, tzinfo=account.default_timezone),
        ).save()
    async with client_of(exchanges.alpha, anna) as client:
        await grant(client, "calendar", permission(T.PrimarySmtpAddress(bert.smtp), "Reviewer", calendar=True))
    (entry,) = [
        each
        for each in account_of(exchanges.alpha, anna).calendar.permission_set.calendar_permissions
        if each.user_id.primary_smtp_address == bert.smtp
    ]
    assert (entry.calendar_permission_level, entry.read_items, entry.edit_items) == ("Reviewer", "FullDetails", "None")
    seen = folder_of(exchanges.alpha, bert, anna, "calendar")
    (item,) = seen.all()
    assert item.subject == "Sitzung"
    assert (item.effective_rights.read, item.effective_rights.modify) == (True, False)
    assert (seen.effective_rights.read, seen.effective_rights.create_contents) == (True, False)
    with pytest.raises(ErrorAccessDenied):
        item.delete()
    with pytest.raises(ErrorAccessDenied):
        CalendarItem(account=seen.account, folder=seen, subject="x", start=item.start, end=item.end).save()
    with pytest.raises(ErrorFolderNotFound):
        folder_of(exchanges.alpha, carl, anna, "calendar")
    with pytest.raises(ErrorFolderNotFound):
        folder_of(exchanges.alpha, bert, anna, "inbox")


async def test_an_author_changes_only_what_is_their_own(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    account = account_of(exchanges.alpha, anna)
    Message(account=account, folder=account.inbox, subject="Of Anna").save()
    async with client_of(exchanges.alpha, anna) as client:
        await grant(client, "inbox", permission(T.PrimarySmtpAddress(bert.smtp), "Author"))
    inbox = folder_of(exchanges.alpha, bert, anna, "inbox")
    Message(account=inbox.account, folder=inbox, subject="Of Bert").save()
    items = {each.subject: each for each in inbox.all()}
    assert set(items) == {"Of Anna", "Of Bert"}
    with pytest.raises(ErrorAccessDenied):
        items["Of Anna"].delete()
    items["Of Bert"].subject = "Of Bert, changed"
    items["Of Bert"].save()
    items["Of Bert"].delete()
    assert [each.subject for each in account.inbox.all()] == ["Of Anna"]


async def test_groups_count_together_and_an_own_entry_alone(exchanges: Exchanges, office: Office) -> None:
    anna, bert, carl = office.alpha("anna"), office.alpha("bert"), office.alpha("carl")
    groups = [office.group(name, [bert.dn, carl.dn]) for name in ("readers", "writers")]
    async with client_of(exchanges.alpha, anna) as client:
        await grant(
            client,
            "inbox",
            permission(T.PrimarySmtpAddress(groups[0]), "Reviewer"),
            permission(T.PrimarySmtpAddress(groups[1]), "Contributor"),
            permission(T.PrimarySmtpAddress(carl.smtp), "None"),
        )
    async with client_of(exchanges.alpha, bert) as client:
        rights = await shown(client, "inbox", anna, field="EffectiveRights")
        assert rights.findtext("t:Read", "", NS) == rights.findtext("t:CreateContents", "", NS) == "true"
        assert rights.findtext("t:Delete", "", NS) == "false"
    async with client_of(exchanges.alpha, carl) as client:
        with pytest.raises(EwsError, match="ErrorFolderNotFound"):
            await shown(client, "inbox", anna, field="EffectiveRights")


async def test_an_editor_makes_folders_only_with_the_right_to(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    async with client_of(exchanges.alpha, anna) as own, client_of(exchanges.alpha, bert) as visitor:
        request = M.CreateFolder(M.ParentFolderId(place("inbox", anna)), M.Folders(T.Folder(T.DisplayName("Neu"))))
        await grant(own, "inbox", permission(T.PrimarySmtpAddress(bert.smtp), "Editor"))
        with pytest.raises(EwsError, match="ErrorAccessDenied"):
            await visitor.one(request)
        await grant(own, "inbox", permission(T.PrimarySmtpAddress(bert.smtp), "PublishingEditor"))
        made = (await visitor.one(request)).find("m:Folders/t:Folder/t:FolderId", NS)
        assert made is not None
        shape = M.FolderShape(
            T.BaseShape("IdOnly"), T.AdditionalProperties(T.FieldURI(FieldURI="folder:PermissionSet"))
        )
        answer = await own.one(M.GetFolder(shape, M.FolderIds(T.FolderId(Id=str(made.get("Id"))))))
        (found,) = answer.findall(".//t:PermissionSet", NS)
        assert levels(found)[bert.smtp] == "Owner"


async def test_full_access_is_the_directorys(exchanges: Exchanges, office: Office) -> None:
    bert = office.alpha("bert")
    anna = office.alpha("anna", msExchDelegateListLink=[bert.dn])
    own = account_of(exchanges.alpha, anna)
    Message(account=own, folder=own.inbox, subject="Of Anna").save()
    (item,) = folder_of(exchanges.alpha, bert, anna, "inbox").all()
    assert item.effective_rights.delete


async def test_a_folder_that_may_not_be_seen_any_more_is_gone(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")

    async def changes(client: Client, state: str) -> tuple[dict[str, list[str]], str]:
        request = M.SyncFolderHierarchy(
            M.FolderShape(T.BaseShape("Default")), M.SyncFolderId(place("msgfolderroot", anna)), M.SyncState(state)
        )
        answer = await client.one(request)
        told: dict[str, list[str]] = {}
        for each in answer.iterfind("m:Changes/*", NS):
            kind = etree.QName(each).localname
            told.setdefault(kind, []).append(each.findtext(".//t:DisplayName", "", NS))
        return told, answer.findtext("m:SyncState", "", NS)

    async with client_of(exchanges.alpha, anna) as own, client_of(exchanges.alpha, bert) as visitor:
        for role in ("msgfolderroot", "contacts"):
            await grant(own, role, permission(T.PrimarySmtpAddress(bert.smtp), "Reviewer"))
        told, state = await changes(visitor, "")
        assert told == {"Create": ["Contacts"]}
        await grant(own, "contacts", permission(T.PrimarySmtpAddress(bert.smtp), "None"))
        told, state = await changes(visitor, state)
        assert told == {"Delete": [""]}
        await grant(own, "contacts", permission(T.PrimarySmtpAddress(bert.smtp), "Author"))
        told, _ = await changes(visitor, state)
        assert told == {"Update": ["Contacts"]}
