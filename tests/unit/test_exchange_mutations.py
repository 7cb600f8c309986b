"""Valid requests with anything in them changed are answered or refused, never with an error of the server's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from isthmus_lab import schema
from isthmus_lab.exchange.ews.answering import Answering
from isthmus_lab.store import Store
from lxml import etree

from tests.unit.exchange_in_process import ENVELOPE, Answers, services_in

INBOX = '<t:DistinguishedFolderId Id="inbox"/>'
CALENDAR = '<t:DistinguishedFolderId Id="calendar"/>'
SHAPE = "<m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape>"
SUBJECT = '<t:FieldURI FieldURI="item:Subject"/>'
ITEMS = {
    "message": '<t:Message><t:Subject>A subject</t:Subject><t:Body BodyType="HTML">&lt;p>x&lt;/p></t:Body>'
    "<t:Importance>High</t:Importance><t:ExtendedProperty>"
    '<t:ExtendedFieldURI PropertySetId="c11ff724-aa03-4555-9952-8fa248a11c3e" PropertyId="34660" PropertyType="Long"/>'
    "<t:Value>12</t:Value></t:ExtendedProperty><t:ExtendedProperty>"
    '<t:ExtendedFieldURI PropertyTag="0x1035" PropertyType="String"/><t:Value>v</t:Value></t:ExtendedProperty>'
    "<t:Flag><t:FlagStatus>Flagged</t:FlagStatus><t:StartDate>2026-03-01T00:00:00Z</t:StartDate>"
    "<t:DueDate>2026-03-02T00:00:00Z</t:DueDate></t:Flag>"
    "<t:ToRecipients><t:Mailbox><t:EmailAddress>a@b.test</t:EmailAddress></t:Mailbox></t:ToRecipients></t:Message>",
    "appointment": "<t:CalendarItem><t:Subject>Daily</t:Subject>"
    "<t:ReminderMinutesBeforeStart>15</t:ReminderMinutesBeforeStart><t:Start>2026-03-01T08:00:00Z</t:Start>"
    "<t:End>2026-03-01T09:00:00Z</t:End><t:Recurrence><t:DailyRecurrence><t:Interval>1</t:Interval>"
    "</t:DailyRecurrence><t:NumberedRecurrence><t:StartDate>2026-03-01</t:StartDate>"
    "<t:NumberOfOccurrences>5</t:NumberOfOccurrences></t:NumberedRecurrence></t:Recurrence></t:CalendarItem>",
    "monthly": "<t:CalendarItem><t:Subject>M</t:Subject><t:Start>2026-03-02T08:00:00Z</t:Start>"
    "<t:End>2026-03-02T09:00:00Z</t:End><t:Recurrence><t:RelativeMonthlyRecurrence><t:Interval>2</t:Interval>"
    "<t:DaysOfWeek>Monday</t:DaysOfWeek><t:DayOfWeekIndex>First</t:DayOfWeekIndex></t:RelativeMonthlyRecurrence>"
    "<t:EndDateRecurrence><t:StartDate>2026-03-02</t:StartDate><t:EndDate>2026-12-01</t:EndDate></t:EndDateRecurrence>"
    "</t:Recurrence></t:CalendarItem>",
    "contact": "<t:Contact><t:FileAs>x</t:FileAs><t:EmailAddresses><t:Entry Key='EmailAddress1'>a@b.test</t:Entry>"
    "</t:EmailAddresses><t:PhoneNumbers><t:Entry Key='HomePhone'>1</t:Entry></t:PhoneNumbers>"
    "<t:Birthday>1970-01-01T00:00:00Z</t:Birthday></t:Contact>",
    "task": "<t:Task><t:Subject>t</t:Subject><t:ActualWork>5</t:ActualWork><t:DueDate>2026-05-01T00:00:00Z</t:DueDate>"
    "<t:PercentComplete>10</t:PercentComplete><t:Status>InProgress</t:Status></t:Task>",
}

CREATE = (
    '<m:CreateItem MessageDisposition="SaveOnly" SendMeetingInvitations="SendToNone"><m:Items>{}</m:Items>'
    "</m:CreateItem>"
)


def requests(item: str, occurrence: str, folder: str, state: str) -> list[str]:
    """A request of most kinds."""
    parent = re.sub("t:ItemId", "m:ParentItemId", item)
    restriction = (
        "<m:Restriction><t:And><t:IsGreaterThan><t:FieldURI FieldURI='item:Size'/><t:FieldURIOrConstant>"
        "<t:Constant Value='3'/></t:FieldURIOrConstant></t:IsGreaterThan><t:Or><t:Contains ContainmentMode='Substring'"
        f" ContainmentComparison='IgnoreCase'>{SUBJECT}<t:Constant Value='s'/></t:Contains><t:Excludes>"
        "<t:ExtendedFieldURI PropertyTag='0x0E07' PropertyType='Integer'/><t:Bitmask Value='0x10'/></t:Excludes>"
        "<t:Not><t:Exists><t:FieldURI FieldURI='item:DateTimeReceived'/></t:Exists></t:Not></t:Or></t:And>"
        "</m:Restriction>"
    )
    parents = f"<m:ParentFolderIds>{INBOX}</m:ParentFolderIds>"
    return [
        *map(CREATE.format, ITEMS.values()),
        f'<m:FindItem Traversal="Shallow">{SHAPE}<m:IndexedPageItemView MaxEntriesReturned="10" Offset="0"'
        f' BasePoint="Beginning"/>{restriction}<m:SortOrder><t:FieldOrder Order="Ascending">{SUBJECT}</t:FieldOrder>'
        f"</m:SortOrder>{parents}</m:FindItem>",
        f'<m:FindItem Traversal="Shallow">{SHAPE}<m:FractionalPageItemView MaxEntriesReturned="10" Numerator="1"'
        f' Denominator="2"/>{parents}</m:FindItem>',
        f'<m:FindItem Traversal="Shallow">{SHAPE}<m:CalendarView MaxEntriesReturned="9"'
        f' StartDate="2026-03-01T00:00:00Z" EndDate="2026-04-01T00:00:00Z"/>'
        f"<m:ParentFolderIds>{CALENDAR}</m:ParentFolderIds></m:FindItem>",
        f'<m:FindItem Traversal="Shallow">{SHAPE}<m:IndexedPageItemView MaxEntriesReturned="5" Offset="0"'
        f' BasePoint="End"/><m:GroupBy Order="Ascending">{SUBJECT}<t:AggregateOn Aggregate="Minimum">'
        f'<t:FieldURI FieldURI="item:Size"/></t:AggregateOn></m:GroupBy>{parents}</m:FindItem>',
        f'<m:FindItem Traversal="Shallow">{SHAPE}{parents}<m:QueryString>subject:x AND size>5 received:today'
        "</m:QueryString></m:FindItem>",
        '<m:FindFolder Traversal="Deep"><m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape>'
        f'<m:IndexedPageFolderView MaxEntriesReturned="10" Offset="0" BasePoint="Beginning"/>{restriction}'
        '<m:ParentFolderIds><t:DistinguishedFolderId Id="msgfolderroot"/></m:ParentFolderIds></m:FindFolder>',
        "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:IncludeMimeContent>true</t:IncludeMimeContent>"
        f'<t:AdditionalProperties>{SUBJECT}<t:ExtendedFieldURI PropertyTag="0x0E07" PropertyType="Integer"/>'
        '<t:IndexedFieldURI FieldURI="contacts:EmailAddress" FieldIndex="EmailAddress1"/></t:AdditionalProperties>'
        f"</m:ItemShape><m:ItemIds>{item}{occurrence}</m:ItemIds></m:GetItem>",
        '<m:UpdateItem ConflictResolution="AlwaysOverwrite" MessageDisposition="SaveOnly"'
        ' SendMeetingInvitationsOrCancellations="SendToNone"><m:ItemChanges><t:ItemChange>'
        f"{item}<t:Updates><t:SetItemField>{SUBJECT}<t:Message><t:Subject>n</t:Subject></t:Message></t:SetItemField>"
        '<t:AppendToItemField><t:FieldURI FieldURI="item:Body"/><t:Message><t:Body BodyType="Text">x</t:Body>'
        '</t:Message></t:AppendToItemField><t:DeleteItemField><t:FieldURI FieldURI="item:Sensitivity"/>'
        "</t:DeleteItemField>"
        "</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>",
        '<m:UpdateItem ConflictResolution="AutoResolve" MessageDisposition="SaveOnly"'
        ' SendMeetingInvitationsOrCancellations="SendToNone"><m:ItemChanges><t:ItemChange>'
        f'{occurrence}<t:Updates><t:SetItemField><t:FieldURI FieldURI="calendar:End"/><t:CalendarItem>'
        "<t:End>2026-03-03T09:30:00Z</t:End></t:CalendarItem></t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges>"
        "</m:UpdateItem>",
        f"<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId>{INBOX}"
        f"</m:SyncFolderId><m:SyncState>{state}</m:SyncState><m:MaxChangesReturned>10</m:MaxChangesReturned>"
        "</m:SyncFolderItems>",
        "<m:SyncFolderHierarchy><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape></m:SyncFolderHierarchy>",
        f"<m:CreateFolder><m:ParentFolderId>{INBOX}</m:ParentFolderId><m:Folders><t:Folder><t:FolderClass>IPF.Note"
        "</t:FolderClass><t:DisplayName>Somewhere</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>",
        f'<m:UpdateFolder><m:FolderChanges><t:FolderChange><t:FolderId Id="{folder}"/><t:Updates><t:SetFolderField>'
        '<t:FieldURI FieldURI="folder:DisplayName"/><t:Folder><t:DisplayName>Elsewhere</t:DisplayName></t:Folder>'
        "</t:SetFolderField></t:Updates></t:FolderChange></m:FolderChanges></m:UpdateFolder>",
        f"<m:CreateAttachment>{parent}<m:Attachments>"
        "<t:FileAttachment><t:Name>f</t:Name><t:Content>MQ==</t:Content></t:FileAttachment><t:ReferenceAttachment>"
        "<t:Name>r</t:Name><t:AttachLongPathName>https://files.test/r</t:AttachLongPathName><t:PermissionType>1"
        "</t:PermissionType></t:ReferenceAttachment><t:ItemAttachment><t:Name>i</t:Name><t:Message><t:Subject>in"
        "</t:Subject></t:Message></t:ItemAttachment></m:Attachments></m:CreateAttachment>",
        f"<m:ExportItems><m:ItemIds>{item}</m:ItemIds></m:ExportItems>",
        '<m:UploadItems><m:Items><t:Item CreateAction="CreateNew" IsAssociated="false">'
        f'<t:ParentFolderId Id="{folder}"/>'
        "<t:Data>AAAA</t:Data></t:Item></m:Items></m:UploadItems>",
        "<m:GetReminders><m:BeginTime>2026-01-01T00:00:00Z</m:BeginTime><m:EndTime>2027-01-01T00:00:00Z</m:EndTime>"
        "<m:MaxItems>5</m:MaxItems></m:GetReminders>",
        "<m:PerformReminderAction><m:ReminderItemActions><t:ReminderItemAction><t:ActionType>Snooze</t:ActionType>"
        f"{item}"
        "<t:NewReminderTime>2026-03-01T08:30:00Z</t:NewReminderTime></t:ReminderItemAction></m:ReminderItemActions>"
        "</m:PerformReminderAction>",
        '<m:ConvertId DestinationFormat="HexEntryId"><m:SourceIds><t:AlternateId Format="EwsId" Mailbox="a@b.test"'
        f' Id="{folder}"/></m:SourceIds></m:ConvertId>',
        f"<m:CopyItem><m:ToFolderId>{INBOX}</m:ToFolderId><m:ItemIds>{item}</m:ItemIds></m:CopyItem>",
        f"<m:Subscribe><m:PullSubscriptionRequest><t:FolderIds>{INBOX}</t:FolderIds><t:EventTypes>"
        "<t:EventType>NewMailEvent</t:EventType></t:EventTypes><t:Timeout>10</t:Timeout></m:PullSubscriptionRequest></m:Subscribe>",
        "<m:GetServerTimeZones ReturnFullTimeZoneData='true'><m:Ids><t:Id>UTC</t:Id></m:Ids></m:GetServerTimeZones>",
        "<m:FindConversation><m:IndexedPageItemView MaxEntriesReturned='5' Offset='0' BasePoint='Beginning'/>"
        f"<m:ParentFolderId>{INBOX}</m:ParentFolderId></m:FindConversation>",
    ]


VALUES = (
    "", " ", "0", "-1", "1", "2147483647", "2147483648", "-2147483649", "99999999999999999999", "1e400", "NaN", "INF",
    "true", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z", "12026-03-01T00:00:00Z",
    "1600-12-31T23:00:00-14:00", "4501-01-01T00:00:00", "2026-02-30", "P99999999999D", "-P1D", "PT1H", "ä", "x" * 5000,
    "0x", "0xFFFFFFFFFF", "AAAA", "AQ==", "=", "IPM.Appointment", "IPM.Schedule.Meeting.Request", "calendar:Start",
    "Monday Weekday", "Day", "\u202e", "%", "_", "'", '"', "a\tb",
)  # fmt: skip


def valid_mostly(random: Random, request: etree._Element) -> etree._Element:
    """A changed request that the schema allows, where one is found: what it refuses goes no further."""
    for _ in range(random.randrange(30)):
        changed = mutated(random, request)
        if not schema.problems(changed):
            return changed
    return mutated(random, request)


def mutated(random: Random, request: etree._Element) -> etree._Element:
    """One or two changes, anywhere."""
    request = deepcopy(request)
    for _ in range(random.randint(1, 2)):
        nodes = list(request.iter())
        node = random.choice(nodes)
        match random.randrange(6):
            case 0 | 1 if node.attrib:
                node.set(random.choice(list(node.attrib)), random.choice(VALUES))
            case 2 if node.attrib:
                del node.attrib[random.choice(list(node.attrib))]
            case 3 if node.getparent() is not None and random.random() < 0.5:
                node.getparent().remove(node)  # type: ignore[union-attr]
            case 4 if node.getparent() is not None:
                random.choice(nodes).append(deepcopy(node))
            case 5 if len(node):
                node[:] = random.sample(list(node), len(node))
            case _:
                node.text = random.choice(VALUES)
    return request


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    folder: Path = tmp_path_factory.mktemp("mutations")
    store = Store(folder / "mailboxes")
    yield Answers(Answering(services_in(folder, store)), uuid4())
    store.close()


@pytest.mark.invalid_requests
@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_asked_is_answered_or_refused(person: Answers, seed: int) -> None:
    made = {}
    for name, item in ITEMS.items():
        [made[name]] = person.ids(person.to(CREATE.format(item)))
    folder = person.folders()[0]
    sync = (
        "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId>{}"
        "</m:SyncFolderId><m:MaxChangesReturned>10</m:MaxChangesReturned></m:SyncFolderItems>"
    )
    state = re.findall(rb"SyncState>([^<]*)<", person.to(sync.format(INBOX)))[0].decode()
    occurrence = f'<t:OccurrenceItemId RecurringMasterId="{made["appointment"]}" InstanceIndex="3"/>'
    random = Random(seed)
    bodies = [
        etree.fromstring(ENVELOPE.format(body))[0][0]
        for name in ("message", "appointment", "contact", "task")
        for body in requests(f'<t:ItemId Id="{made[name]}"/>', occurrence, folder, state)
    ]
    for body in bodies * 2:
        request = etree.tostring(valid_mostly(random, body), encoding="unicode")
        _, answer = person.ask(request)
        assert b"ErrorInternalServerError" not in answer, f"{request}\n{answer.decode()[:1000]}"


@pytest.mark.invalid_requests
def test_what_is_monstrous_is_refused(person: Answers) -> None:
    exists = "<t:Exists><t:FieldURI FieldURI='item:Subject'/></t:Exists>"
    find = (
        '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>'
        f"<m:Restriction>{{}}</m:Restriction><m:ParentFolderIds>{INBOX}</m:ParentFolderIds></m:FindItem>"
    )
    attached = "<t:Message>{}</t:Message>"
    for _ in range(300):
        attached = attached.format(
            "<t:Attachments><t:ItemAttachment><t:Name>a</t:Name><t:Message>{}</t:Message></t:ItemAttachment>"
            "</t:Attachments>"
        )
    for body, code in (
        (find.format("<t:Not>" * 1000 + exists + "</t:Not>" * 1000), b"ErrorRestrictionTooLong"),
        (find.format(f"<t:And>{exists * 5000}</t:And>"), b"ErrorRestrictionTooLong"),
        (find.format("<t:Not>" * 250 + exists + "</t:Not>" * 250), b"ErrorRestrictionTooComplex"),
        (find.format("<t:Or>" * 20 + exists + "</t:Or>" * 20), b"NoError"),
        (CREATE.format(attached.format("")), b"ErrorAttachmentNestLevelLimitExceeded"),
        (f"<m:GetFolder>{'<t:X>' * 20000}{'</t:X>' * 20000}</m:GetFolder>", b"ErrorSchemaValidation"),
    ):
        assert b">%b<" % code in person.ask(body)[1]
