"""What operations refuse, and where they end: limits that no client library runs into by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from isthmus_lab.exchange.ews import since
from isthmus_lab.exchange.ews.answering import Answering
from isthmus_lab.exchange.ews.call import OPERATIONS, Services
from isthmus_lab.exchange.ews.errors import EwsError
from isthmus_lab.exchange.ews.ids import ObjectId
from isthmus_lab.exchange.ews.names import m
from isthmus_lab.exchange.ews.versions import SCHEMAS
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import now
from isthmus_lab.store import Event, EventKind, Mailbox, Store
from lxml import etree

from tests.plugins.raw import codes, found, texts
from tests.unit.exchange_in_process import Answers, services_in
from tests.unit.mapi_bags import mail

FIELDS = (
    "<t:AdditionalProperties>{}"
    '<t:ExtendedFieldURI PropertyTag="0x17" PropertyType="Integer"/>'
    '<t:ExtendedFieldURI PropertyTag="0x36" PropertyType="Integer"/></t:AdditionalProperties>'
)
"""Importance and sensitivity, behind other fields."""


@dataclass
class Somebody:
    """A mailbox and who asks for it; ``reach`` is of how many changes a sync state may know nothing."""

    mailbox: Mailbox
    services: Services
    answers: Answers
    reach: int | None = None

    def ask(self, body: str) -> etree._Element:
        return etree.fromstring(self.answers.ask(body)[1])


@pytest.fixture
def anna(tmp_path: Path) -> Iterator[Somebody]:
    store, guid = Store(tmp_path / "mailboxes"), uuid4()
    services = replace(services_in(tmp_path, store), sync_state_changes=lambda: somebody.reach)
    somebody = Somebody(store.mailbox(guid), services, Answers(Answering(services), guid))
    yield somebody
    store.close()


def path(*names: str, parent: str = '<t:DistinguishedFolderId Id="inbox"/>') -> str:
    folders = "".join(f"<t:Folder><t:DisplayName>{name}</t:DisplayName></t:Folder>" for name in names)
    return (
        f"<m:CreateFolderPath><m:ParentFolderId>{parent}</m:ParentFolderId><m:RelativeFolderPath>{folders}"
        "</m:RelativeFolderPath></m:CreateFolderPath>"
    )


def test_a_path_of_folders_is_made_once(anna: Somebody) -> None:
    first = anna.ask(path("Projects", "2026", "March"))
    assert codes(first) == ["NoError"] * 3
    ids = [str(each.get("Id")) for each in found(first, ".//t:FolderId")]
    inbox = anna.mailbox.folders.role("inbox")
    assert [each.name for each in anna.mailbox.folders.children(inbox.id, deep=True)] == ["Projects", "2026", "March"]
    again = anna.ask(path("projects", "2026", "April"))
    assert codes(again) == ["NoError"] * 3
    assert [str(each.get("Id")) for each in found(again, ".//t:FolderId")][:2] == ids[:2]
    below = anna.mailbox.folders.children(inbox.id, deep=True)
    assert [each.name for each in below] == ["Projects", "2026", "April", "March"]


def test_below_a_folder_that_cannot_be_made_there_is_nothing(anna: Somebody) -> None:
    answer = anna.ask(path("Projects", "", "March"))
    assert codes(answer) == ["NoError", "ErrorFolderPropertRequestFailed", "ErrorParentFolderNotFound"]
    assert codes(anna.ask(path("x", "y", parent='<t:FolderId Id="nonsense"/>')))[0] == "ErrorInvalidIdMalformed"
    inbox = anna.mailbox.folders.role("inbox")
    assert [each.name for each in anna.mailbox.folders.children(inbox.id, deep=True)] == ["Projects"]


def sync(state: str = "", most: int = 512) -> str:
    return (
        "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId>"
        f'<t:DistinguishedFolderId Id="inbox"/></m:SyncFolderId><m:SyncState>{state}</m:SyncState>'
        f"<m:MaxChangesReturned>{most}</m:MaxChangesReturned></m:SyncFolderItems>"
    )


def hierarchy(state: str = "") -> str:
    return (
        "<m:SyncFolderHierarchy><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>"
        f"<m:SyncState>{state}</m:SyncState></m:SyncFolderHierarchy>"
    )


@pytest.mark.invalid_requests
def test_a_page_has_512_changes_at_most(anna: Somebody) -> None:
    inbox, content = anna.mailbox.folders.role("inbox").id, fasttransfer.encode(mail("s", 1))
    with anna.mailbox.transaction():
        for _ in range(600):
            anna.mailbox.items.upload(inbox, content)
    state = ""
    pages = list[int]()
    while not pages or pages[-1] == 512:
        answer = anna.ask(sync(state))
        [state] = texts(answer, ".//m:SyncState")
        pages.append(len(found(answer, ".//t:Create")))
    assert pages == [512, 88]
    assert codes(anna.ask(sync(state, 513))) == ["ErrorSchemaValidation"]


def test_a_sync_state_that_missed_much_has_expired(anna: Somebody) -> None:
    inbox, content = anna.mailbox.folders.role("inbox").id, fasttransfer.encode(mail("s", 1))
    [items], [folders] = (texts(anna.ask(body), ".//m:SyncState") for body in (sync(), hierarchy()))
    anna.reach = 3
    for missed in range(5):
        expected = ["NoError" if missed <= 3 else "ErrorInvalidSyncStateData"]
        assert codes(anna.ask(sync(items))) == codes(anna.ask(hierarchy(folders))) == expected
        anna.mailbox.items.upload(inbox, content)
    whole = anna.ask(sync())  # from the beginning: nothing can have been missed
    assert len(found(whole, ".//t:Create")) == 5
    assert codes(anna.ask(sync(texts(whole, ".//m:SyncState")[0]))) == ["NoError"]


def test_events_are_kept_for_a_while(anna: Somebody) -> None:
    subscribed = anna.ask(
        "<m:Subscribe><m:PullSubscriptionRequest><t:FolderIds>"
        '<t:DistinguishedFolderId Id="inbox"/></t:FolderIds><t:EventTypes><t:EventType>CreatedEvent</t:EventType>'
        "</t:EventTypes><t:Timeout>10</t:Timeout></m:PullSubscriptionRequest></m:Subscribe>"
    )
    [subscription], [begun] = texts(subscribed, ".//m:SubscriptionId"), texts(subscribed, ".//m:Watermark")
    ask = "<m:GetEvents><m:SubscriptionId>{}</m:SubscriptionId><m:Watermark>{}</m:Watermark></m:GetEvents>".format

    inbox, guid = anna.mailbox.folders.role("inbox").id, anna.mailbox.guid
    item = anna.mailbox.items.add(inbox, mail("s", 1))
    event = Event(guid, EventKind.CREATED, now(), inbox, inbox, item.id, None, None)
    anna.services.subscriptions.heard([event] * 20_000)
    told = anna.ask(ask(subscription, begun))
    assert len(found(told, ".//t:CreatedEvent")) == 50
    [*_, later] = texts(told, ".//t:CreatedEvent/t:Watermark")
    anna.services.subscriptions.heard([event])
    assert codes(anna.ask(ask(subscription, begun))) == ["ErrorMissedNotificationEvents"]
    assert codes(anna.ask(ask(subscription, later))) == ["NoError"]


def test_what_every_message_has_is_told_by_its_row_and_by_itself(anna: Somebody) -> None:
    bag = mail("s", 1)
    for key in (tags.PidTagImportance, tags.PidTagSensitivity):
        bag.properties.pop(key, None)
    row = anna.mailbox.items.upload(anna.mailbox.folders.role("inbox").id, fasttransfer.encode(bag))
    opened = "<t:BaseShape>IdOnly</t:BaseShape>" + FIELDS.format('<t:FieldURI FieldURI="item:Body"/>')
    of_row = "<t:BaseShape>IdOnly</t:BaseShape>" + FIELDS.format("")
    for shape in (of_row, opened):
        answer = anna.ask(
            f"<m:GetItem><m:ItemShape>{shape}</m:ItemShape><m:ItemIds>"
            f'<t:ItemId Id="{ObjectId(anna.mailbox.guid, row.id)}"/></m:ItemIds></m:GetItem>'
        )
        assert texts(answer, ".//t:ExtendedProperty/t:Value") == ["1", "0"]
    assert not {tags.PidTagImportance, tags.PidTagSensitivity} & anna.mailbox.items.get(row.id).bag.properties.keys()


START = datetime(2030, 5, 1)


def availability(mailboxes: int, days: int, minutes: int = 30) -> str:
    data = "".join(
        f"<t:MailboxData><t:Email><t:Address>p{number}@alpha.test</t:Address></t:Email>"
        "<t:AttendeeType>Required</t:AttendeeType></t:MailboxData>"
        for number in range(mailboxes)
    )
    return (
        "<m:GetUserAvailabilityRequest><t:TimeZone><t:Bias>0</t:Bias><t:StandardTime><t:Bias>0</t:Bias>"
        "<t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder><t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek>"
        "</t:StandardTime><t:DaylightTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder>"
        "<t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone>"
        f"<m:MailboxDataArray>{data}</m:MailboxDataArray><t:FreeBusyViewOptions><t:TimeWindow>"
        f"<t:StartTime>{START.isoformat()}</t:StartTime><t:EndTime>{(START + timedelta(days)).isoformat()}</t:EndTime>"
        f"</t:TimeWindow><t:MergedFreeBusyIntervalInMinutes>{minutes}</t:MergedFreeBusyIntervalInMinutes>"
        "<t:RequestedView>FreeBusy</t:RequestedView></t:FreeBusyViewOptions></m:GetUserAvailabilityRequest>"
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (availability(100, 2), "ErrorMailRecipientNotFound"),  # as many as there may be; nobody knows them here
        (availability(101, 2), "ErrorMailboxDataArrayTooBig"),
        (availability(0, 2), "ErrorMailboxDataArrayEmpty"),
        (availability(1, 62), "ErrorMailRecipientNotFound"),
        (availability(1, 63), "ErrorTimeIntervalTooBig"),
        (availability(1, 0), "ErrorInvalidTimeInterval"),
        (availability(1, 2, minutes=4), "ErrorInvalidMergedFreeBusyInterval"),
        (availability(1, 2, minutes=1441), "ErrorInvalidMergedFreeBusyInterval"),
    ],
)
def test_free_and_busy_times_are_told_of_so_many_for_so_long(anna: Somebody, body: str, code: str) -> None:
    assert set(codes(anna.ask(body))) == {code}


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_each_operation_is_there_since_its_version(operation: str) -> None:
    first = SCHEMAS.index(since.OPERATION_SINCE.get(operation, SCHEMAS[0]))
    for place, schema in enumerate(SCHEMAS):
        try:
            since.refuse_newer(m(operation), schema)
        except EwsError as error:
            assert (error.code, place < first) == ("ErrorSchemaValidation", True)
        else:
            assert place >= first
