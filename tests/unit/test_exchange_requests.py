"""Every request that the EWS client writes is valid by the published schema; answers mean what they are meant to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import isthmus_lab.schema
import pytest
from isthmus_exchange import soap
from isthmus_exchange.body import SLICE, Body, Piece
from isthmus_exchange.errors import EwsError, Kind, OlderServerError, ServerBusyError, TransientError
from isthmus_exchange.item_properties import form_of
from isthmus_exchange.operations import (
    AddDelegates,
    ConvertIds,
    CreateAttachment,
    CreateFolder,
    CreateFolders,
    CreateItems,
    CreateSearchFolder,
    DeleteFolder,
    DeleteItems,
    DescribeItems,
    ExportItems,
    FindEntries,
    FindFolderMarks,
    FindFolderNamed,
    FindFolders,
    FindItem,
    FolderUpdate,
    GetAttachment,
    GetDelegation,
    GetDistinguishedFolders,
    GetFolderMarks,
    GetFolderSettings,
    GetInboxRules,
    GetItemLabels,
    GetMime,
    GetOutOfOffice,
    GetParties,
    GetProperties,
    GetSearchFolders,
    MoveFolder,
    MoveItems,
    Operation,
    RemoveDelegates,
    RenameFolder,
    SearchItems,
    SetFolderSettings,
    SetOutOfOffice,
    SetReadFlags,
    SetSearch,
    Sought,
    SubscribeToAll,
    SuppressReceipts,
    SyncFolderHierarchy,
    SyncFolderItems,
    UpdateDelegates,
    UpdateInboxRules,
    UploadItems,
    get_folder,
)
from isthmus_exchange.values import (
    Attachment,
    Delegate,
    Exported,
    Folder,
    InboxRule,
    ItemChange,
    ItemId,
    Member,
    NewFolder,
    OutOfOffice,
    Permission,
    Properties,
    Traits,
    Upload,
)
from lxml import etree

_NAME = 'Übel & <Söhne> "2" \x01'
_AWAY = OutOfOffice("Scheduled", "Known", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "<b>x</b> & y", None)
_ACTIONS = '<t:Actions><t:MoveToFolder><t:FolderId Id="f"/></t:MoveToFolder></t:Actions>'
_RULE = InboxRule("", _NAME, 1, True, True, False, _ACTIONS, ("f",), ())
_DEPUTY = Delegate(
    Member(address="a@beta.test"),
    (("CalendarFolderPermissionLevel", "Editor"), ("TasksFolderPermissionLevel", "Custom")),
    True,
    False,
)
_READER = Permission(Member(address="a&b@beta.test"), "Reviewer")
_CUSTOM = Permission(
    Member(sid="S-1-5-21-1"),
    "Custom",
    (
        ("CanCreateItems", "true"),
        ("CanCreateSubFolders", "false"),
        ("IsFolderOwner", "false"),
        ("IsFolderVisible", "true"),
        ("IsFolderContact", "false"),
        ("EditItems", "Owned"),
        ("DeleteItems", "None"),
        ("ReadItems", "FullDetails"),
    ),
)
_SEARCH = (
    '<t:SearchParameters Traversal="Deep"><t:Restriction><t:Exists><t:FieldURI FieldURI="item:Subject"/></t:Exists>'
    '</t:Restriction><t:BaseFolderIds><t:FolderId Id="a"/></t:BaseFolderIds></t:SearchParameters>'
)
OPERATIONS: Sequence[Operation[Any]] = (
    SyncFolderHierarchy(None),
    SyncFolderHierarchy("state="),
    SyncFolderItems("folder", None),
    SyncFolderItems("folder", "state="),
    SyncFolderItems("folder", None, traits=True),
    FindItem("folder", associated=False),
    FindItem("folder", associated=True, offset=1000),
    FindItem("folder", associated=False, traits=True),
    FindItem("folder", associated=False, search_keys=(b"1" * 16,)),
    FindItem("folder", associated=False, search_keys=(b"1" * 16, b"2" * 16)),
    FindEntries("folder", associated=True, offset=1000),
    FindEntries("folder", associated=False, traits=True),
    GetItemLabels(("a", "b")),
    GetMime("a&b"),
    SearchItems(("a", "b"), Sought(message_id='<1 & "2"@alpha.example>')),
    SearchItems(("a",), Sought(subject=_NAME)),
    SearchItems(("a",), Sought(search_keys=(b"1" * 16,))),
    SearchItems(("a",), Sought(search_keys=(b"1" * 16, b"2" * 16))),
    GetDistinguishedFolders(),
    GetDistinguishedFolders(("archivemsgfolderroot", "recoverableitemsdeletions", "archiverecoverableitemsdeletions")),
    GetFolderMarks(("a", "b&c")),
    SyncFolderHierarchy(None, "archivemsgfolderroot"),
    FindFolders(0, "archivemsgfolderroot"),
    FindFolders(),
    CreateFolder("parent", _NAME, "IPF.Note"),
    CreateFolder("parent", _NAME, "IPF.Appointment"),
    CreateFolder("parent", _NAME, ""),
    CreateFolder("parent", _NAME, "IPF.Note", closed=True),
    CreateFolder("parent", _NAME, "IPF.Appointment", closed=True),
    CreateFolders(
        "parent", (NewFolder(_NAME, "IPF.Note"), NewFolder("b", "IPF.Task"), NewFolder("c", "")), closed=True
    ),
    GetFolderSettings(("a", "b")),
    SetFolderSettings(
        (
            FolderUpdate("a", "Folder", [_READER, _CUSTOM]),
            FolderUpdate("b", "CalendarFolder", [_READER._replace(level="FreeBusyTimeOnly")]),
            FolderUpdate("c", "ContactsFolder", None, {"Comment": _NAME, "AttributeHidden": None, "PolicyTag": "AAAA"}),
        )
    ),
    GetOutOfOffice("a&b@alpha.test"),
    SetOutOfOffice("a@alpha.test", _AWAY),
    SetOutOfOffice("a@alpha.test", _AWAY._replace(state="Disabled", start="", end="", external="")),
    GetDelegation("a@alpha.test"),
    AddDelegates("a@alpha.test", (_DEPUTY,), "DelegatesOnly"),
    UpdateDelegates("a@alpha.test", (_DEPUTY,)),
    UpdateDelegates("a@alpha.test", (), "NoForward"),
    RemoveDelegates("a@alpha.test", (Member(sid="S-1-5-21-1"),)),
    GetInboxRules(),
    UpdateInboxRules(("1", "2"), (_RULE,)),
    RenameFolder("folder", _NAME),
    MoveFolder("folder", "parent"),
    DeleteFolder("folder"),
    ExportItems(("a", "b")),
    UploadItems((Upload("folder", "AAAA", False), Upload("folder", "AAAA", True, over="a&b"))),
    MoveItems(("a", "b"), "folder"),
    SetReadFlags((("a", True), ("b", False)), hushed=True),
    SuppressReceipts((ItemId("a&b", "c"), ItemId("b", ""))),
    DeleteItems(("a", "b")),
    DescribeItems(("a", "b")),
    *(
        GetProperties(("a", "b"), form_of(item_class, associated=associated), native, associated)
        for item_class in (
            "IPM.Note",
            "IPM.Appointment",
            "IPM.Contact",
            "IPM.DistList",
            "IPM.Task",
            "IPM.Post",
            "IPM.X",
        )
        for native in (False, True)
        for associated in (False, True)
    ),
    CreateItems("folder", (Properties("Task", "<t:Subject>A</t:Subject>"), Properties("Message", ""))),
    GetAttachment("a&b"),
    GetAttachment("a", form_of("IPM.Contact")),
    CreateAttachment("a&b", Attachment(("<t:FileAttachment><t:Content>", b"QUJD", "</t:Content></t:FileAttachment>"))),
    FindFolderNamed("root", _NAME),
    FindFolders(only_search=True),
    FindFolderMarks(1000, "archivemsgfolderroot"),
    GetParties(("a", "b&c")),
    ConvertIds(("a", "b&c"), "EwsId", "EntryId", "a&b@alpha.test"),
    GetSearchFolders(("a",)),
    CreateSearchFolder(None, _NAME, _SEARCH),
    CreateSearchFolder("parent", _NAME, _SEARCH),
    SetSearch("folder", _SEARCH),
    SubscribeToAll(),
)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    folder = Path(isthmus_lab.schema.__file__).parent
    return etree.XMLSchema(etree.parse(folder / "services.xsd"))


@pytest.mark.parametrize("newer", [False, True])
@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_requests_are_valid(operation: Operation[Any], newer: bool, schema: etree.XMLSchema) -> None:
    envelope = soap.envelope(Body(operation.body(newer)), "Exchange2013_SP1", "anna&bert@alpha.example")
    root = etree.fromstring(bytes(envelope))
    body = root.find("{*}Body")
    assert body is not None
    # The elements of two operations of automatic replies say that they are requests.
    assert etree.QName(body[0]).localname.removesuffix("Request") == operation.name
    schema.assertValid(body[0])
    assert root.findtext("{*}Header/{*}ExchangeImpersonation/{*}ConnectingSID/{*}PrimarySmtpAddress") == (
        "anna&bert@alpha.example"
    )


def test_receipts_are_suppressed_where_the_schema_has_a_word_for_it() -> None:
    assert 'SuppressReadReceipts="true"' in SetReadFlags((("a", True),)).body(True)
    assert "SuppressReadReceipts" not in SetReadFlags((("a", False),)).body(False)
    for operation in (SetReadFlags((("b", False), ("a", True))), DeleteItems(("a",), hushed=False)):
        with pytest.raises(OlderServerError):
            operation.body(False)


def _answer(body: str) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"'
        ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
        ' xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def _messages(operation: str, *messages: str) -> list[soap.Element]:
    inside = "".join(messages)
    answer = _answer(
        f"<m:{operation}Response><m:ResponseMessages>{inside}</m:ResponseMessages></m:{operation}Response>"
    )
    return list(soap.response_messages(soap.parse(answer)))


def _success(operation: str, content: str) -> str:
    name = f"m:{operation}ResponseMessage"
    return f'<{name} ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{content}</{name}>'


def _error(operation: str, code: str, details: str = "") -> str:
    name = f"m:{operation}ResponseMessage"
    words = f"<m:MessageText>no</m:MessageText><m:ResponseCode>{code}</m:ResponseCode>"
    return f'<{name} ResponseClass="Error">{words}<m:MessageXml>{details}</m:MessageXml></{name}>'


@pytest.mark.parametrize("traits", [False, True])
def test_changes_of_items_of_any_class_are_read(traits: bool) -> None:
    item = (
        '<t:ItemId Id="i" ChangeKey="c"/>'
        '<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x300b" PropertyType="Binary"/>'
        "<t:Value>MTIzNA==</t:Value></t:ExtendedProperty>"
        '<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0xe08" PropertyType="Integer"/>'
        "<t:Value>4711</t:Value></t:ExtendedProperty>"
        '<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0xe07" PropertyType="Integer"/>'
        "<t:Value>65</t:Value></t:ExtendedProperty>"
        '<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x3008" PropertyType="SystemTime"/>'
        "<t:Value>2024-02-29T10:00:00Z</t:Value></t:ExtendedProperty>"
        '<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x1a" PropertyType="String"/>'
        "<t:Value>IPM.Appointment</t:Value></t:ExtendedProperty>"
        '<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x3007" PropertyType="SystemTime"/>'
        "<t:Value>2023-02-28T10:00:00Z</t:Value></t:ExtendedProperty>"
        "<t:Categories><t:String>Red</t:String><t:String>Green &amp; blue</t:String></t:Categories>"
    )
    changes = (
        "<m:SyncState>s</m:SyncState><m:IncludesLastItemInRange>false</m:IncludesLastItemInRange><m:Changes>"
        f"<t:Create><t:CalendarItem>{item}</t:CalendarItem></t:Create>"
        '<t:Delete><t:ItemId Id="d"/></t:Delete>'
        '<t:ReadFlagChange><t:ItemId Id="r" ChangeKey="k"/><t:IsRead>true</t:IsRead></t:ReadFlagChange></m:Changes>'
    )
    messages = _messages("SyncFolderItems", _success("SyncFolderItems", changes))
    answer = SyncFolderItems("f", None, traits).answer(messages)
    assert (answer.state, answer.last) == ("s", False)
    created, deleted, flagged = answer.changes
    assert created.item is not None
    assert created.item._asdict() == {
        "id": "i",
        "change_key": "c",
        "search_key": b"1234",
        "size": 4711,
        "associated": True,
        "is_read": True,
        "modified": "2024-02-29T10:00:00Z",
        "item_class": "IPM.Appointment",
        "traits": Traits("IPM.Appointment", "", "2023-02-28T10:00:00Z", "2024-02-29T10:00:00Z", ("Red", "Green & blue"))
        if traits
        else None,
    }
    assert deleted == ItemChange("d")
    assert flagged == ItemChange("r", is_read=True, change_key="k")


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        (SyncFolderItems("f", "s"), "<m:SyncState>s</m:SyncState><m:{0}>false</m:{0}>"),
        (SyncFolderItems("f", None), "<m:{0}>false</m:{0}>"),
        (SyncFolderHierarchy("s"), "<m:SyncState>s</m:SyncState><m:{1}>false</m:{1}>"),
        (FindItem("f", False, 9), '<m:RootFolder IndexedPagingOffset="9" {0}="false"><t:Items>{2}</t:Items>'),
        (FindFolders(9), '<m:RootFolder IndexedPagingOffset="0" {0}="false"><t:Folders>{3}</t:Folders>'),
    ],
    ids=repr,
)
def test_what_has_no_end_is_not_asked_for_ever(operation: Operation[Any], told: str) -> None:
    """A server says that there is more, and nothing by which to ask for that but what it was asked."""
    item, folder = '<t:Message><t:ItemId Id="i"/></t:Message>', '<t:Folder><t:FolderId Id="f"/></t:Folder>'
    told = told.format("IncludesLastItemInRange", "IncludesLastFolderInRange", item, folder)
    if "RootFolder" in told:
        told += "</m:RootFolder>"
    with pytest.raises(ValueError, match="no way to it"):
        operation.answer(_messages(operation.name, _success(operation.name, told)))


def _listed(number: int, subject: str = "IPM.Note", beside: str = "") -> str:
    return (
        f'<t:Create><t:Message><t:ItemId Id="i{number}=" ChangeKey="c/{number}"/><t:ExtendedProperty>'
        '<t:ExtendedFieldURI PropertyTag="0x001A" PropertyType="String"/>'
        f"<t:Value>{subject}</t:Value></t:ExtendedProperty>{beside}</t:Message></t:Create>"
    )


@pytest.mark.parametrize("traits", [False, True])
def test_rows_of_a_listing_mean_the_same_with_and_without_a_document(traits: bool) -> None:
    changes = [
        *map(_listed, range(3)),
        '<t:Delete><t:ItemId Id="d"/></t:Delete>',
        _listed(3),
        _listed(4, "A &amp; B"),
        _listed(5, "Ä"),
        _listed(6, "<![CDATA[C]]>"),
        f"<!-- {_listed(7)}{_listed(8)} -->",
        _listed(9, beside="<t:Categories><t:String>Red</t:String></t:Categories>"),
        _listed(10).replace("t:Create", "t:Update"),
        *map(_listed, range(11, 13)),
        _listed(13, beside="<!-- so -->"),
        '<t:Create ><t:Task><t:ItemId Id="t"/></t:Task></t:Create>',
        _listed(14, ""),
    ]
    inside = _success("SyncFolderItems", f"<m:SyncState>s</m:SyncState><m:Changes>{''.join(changes)}</m:Changes>")
    answer = _answer(
        f"<m:SyncFolderItemsResponse><m:ResponseMessages>{inside}</m:ResponseMessages></m:SyncFolderItemsResponse>"
    )
    large, operation = soap.Large(), SyncFolderItems("f", None, traits)
    without = operation.answer_with(list(soap.response_messages(soap.parse(bytearray(answer), large))), large)
    whole = operation.answer(list(soap.response_messages(soap.parse(answer))))
    assert without == whole
    assert [each.id for each in whole.changes] == [
        *("i0=", "i1=", "i2=", "d", "i3=", "i4=", "i5=", "i6=", "i9=", "i10=", "i11=", "i12=", "i13=", "t", "i14=")
    ]
    assert len(large.lift(answer)) < len(answer)
    with pytest.raises(ValueError, match="not XML"):
        soap.parse(answer.replace(b"</m:Changes>", b"<"), soap.Large())


def _exported(identity: str, data: str) -> str:
    return _success("ExportItems", f'<m:ItemId Id="{identity}" ChangeKey="k"/><m:Data>{data}</m:Data>')


def test_messages_of_a_batch_mean_the_same_however_they_are_written() -> None:
    long = "QUJD" * 100
    written = {
        "a": _exported("a", long),
        "b": _exported("b", "QUJD"),
        "c": _exported("c", f"{long}&#xD;\n{long}"),
        "d": _exported("d", f"<![CDATA[{long}]]>"),
        "e": _error("ExportItems", "ErrorItemNotFound"),
        "f": _success("ExportItems", f"<m:Data>{long}</m:Data>"),
        "g": _exported("g", long).replace("<m:ResponseCode>", "<m:ResponseCode >"),
        "h": _exported("h", ""),
        "i": _exported("i&amp;", long),
        "j": _exported("j", long),
    }
    answer = _answer(
        "<m:ExportItemsResponse><m:ResponseMessages>"
        f"{''.join(written.values())}</m:ResponseMessages></m:ExportItemsResponse>"
    )
    operation = ExportItems(tuple(written))
    large = soap.Large()
    without = operation.answer_with(list(soap.response_messages(soap.parse(bytearray(answer), large))), large)
    whole = operation.answer(list(soap.response_messages(soap.parse(answer))))
    for one, other in zip(without, whole, strict=True):
        if isinstance(one, Exported) and isinstance(other, Exported):
            data = [bytes(Body(each.data)).decode() for each in (one, other)]
            assert data[0] == data[1]
            assert one._replace(data="") == other._replace(data="")
        else:
            assert str(one) == str(other) and not isinstance(one, Exported)
    assert [each.id for each in without if isinstance(each, Exported)] == [each for each in written if each != "e"]
    assert len(large.lift(answer)) < len(answer) - 4 * len(long)
    with pytest.raises(ValueError, match="not XML"):
        soap.parse(answer.replace(b"</m:ResponseMessages>", b"<"), soap.Large())


def test_ids_of_uploads_are_read_however_they_are_written() -> None:
    messages = [
        *(_success("UploadItems", f'<m:ItemId Id="{each}" ChangeKey="k"/>') for each in "ab"),
        _error("UploadItems", "ErrorQuotaExceeded"),
        _success("UploadItems", '<m:ItemId ChangeKey="k" Id="c"/>'),
        _success("UploadItems", '<m:ItemId Id="d" ChangeKey="k"/>'),
    ]
    answer = _answer(
        f"<m:UploadItemsResponse><m:ResponseMessages>{''.join(messages)}</m:ResponseMessages></m:UploadItemsResponse>"
    )
    large, operation = soap.Large(), UploadItems(())
    without = operation.answer_with(list(soap.response_messages(soap.parse(answer, large))), large)
    whole = operation.answer(list(soap.response_messages(soap.parse(answer))))
    assert list(map(str, without)) == list(map(str, whole))
    assert without[:2] == [ItemId("a", "k"), ItemId("b", "k")] and without[3:] == [ItemId("c", "k"), ItemId("d", "k")]
    assert isinstance(without[2], EwsError) and without[2].code == "ErrorQuotaExceeded"


def test_each_item_of_a_batch_has_its_own_answer() -> None:
    messages = _messages(
        "ExportItems",
        _success("ExportItems", '<m:ItemId Id="a" ChangeKey="k"/><m:Data>QUJD</m:Data>'),
        _error("ExportItems", "ErrorItemNotFound"),
    )
    exported, gone = ExportItems(("a", "b")).answer(messages)
    assert exported == Exported("a", "QUJD", "k")
    assert isinstance(gone, EwsError) and gone.kind is Kind.GONE


@pytest.mark.parametrize("code", ["ErrorInternalServerError", "ErrorTimeoutExpired", "ErrorServerBusy"])
def test_a_folder_that_is_not_told_is_not_one_that_there_is_not(code: str) -> None:
    """Its role would be nobody's, and what is in it would come into a folder beside the one of that role."""

    def told(errors: dict[str, str]) -> dict[str, Folder]:
        found = '<m:Folders><t:Folder><t:FolderId Id="{0}"/></t:Folder></m:Folders>'
        roles = [*get_folder._ROLES, *get_folder.SINCE_2013]
        answers = (_error("GetFolder", errors[each]) if each in errors else found.format(each) for each in roles)
        messages = [each if "Error" in each else _success("GetFolder", each) for each in answers]
        return GetDistinguishedFolders().answer(_messages("GetFolder", *messages))

    assert "journal" not in told({"journal": "ErrorFolderNotFound", "conflicts": "ErrorInvalidOperation"})
    with pytest.raises(EwsError, match=code):
        told({"inbox": code})


def test_what_was_left_out_after_a_failure_is_not_a_success() -> None:
    left_out = (
        '<m:UploadItemsResponseMessage ResponseClass="Warning"><m:ResponseCode>ErrorBatchProcessingStopped'
        "</m:ResponseCode></m:UploadItemsResponseMessage>"
    )
    done, stopped = UploadItems((Upload("f", "", False),) * 2).answer(
        _messages("UploadItems", _success("UploadItems", '<m:ItemId Id="a" ChangeKey="c"/>'), left_out)
    )
    assert done == ItemId("a", "c")
    assert isinstance(stopped, EwsError) and stopped.kind is Kind.TRANSIENT


_BACK_OFF = '<t:Value Name="BackOffMilliseconds">4500</t:Value>'


def test_a_busy_server_as_a_fault() -> None:
    fault = (
        "<s:Fault><faultcode>a:ErrorServerBusy</faultcode><faultstring>busy</faultstring><detail>"
        "<e:ResponseCode>ErrorServerBusy</e:ResponseCode>"
        f"<t:MessageXml>{_BACK_OFF}</t:MessageXml></detail></s:Fault>"
    )
    with pytest.raises(ServerBusyError) as raised:
        soap.parse(_answer(fault))
    assert raised.value.back_off == 4.5


def test_a_busy_server_inside_an_item_of_a_batch() -> None:
    details = f'<t:Value Name="InnerErrorResponseCode">ErrorServerBusy</t:Value>{_BACK_OFF}'
    (busy,) = ExportItems(("a",)).answer(
        _messages("ExportItems", _error("ExportItems", "ErrorInternalServerError", details))
    )
    assert isinstance(busy, EwsError)
    assert (busy.kind, busy.back_off) == (Kind.TRANSIENT, 4.5)


def test_a_passing_fault_is_transient_and_another_is_not() -> None:
    fault = "<s:Fault><faultcode>a:{0}</faultcode><faultstring>no</faultstring></s:Fault>"
    with pytest.raises(TransientError):
        soap.parse(_answer(fault.format("ErrorMailboxStoreUnavailable")))
    with pytest.raises(EwsError, match="ErrorNonExistentMailbox") as raised:
        soap.parse(_answer(fault.format("ErrorNonExistentMailbox")))
    assert raised.value.kind is Kind.MAILBOX


def test_characters_that_xml_forbids_do_not_hide_the_rest() -> None:
    answer = _answer("<m:X><m:ResponseMessages><m:Y>a&#x1;b</m:Y></m:ResponseMessages></m:X>")
    (message,) = soap.response_messages(soap.parse(answer))
    assert message.text == "a\ufffdb"


@pytest.mark.parametrize(
    "answer", [b"", b"<html>busy</html>", b'<!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>', b"<a><b></a>"]
)
def test_what_is_no_answer_of_ews_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match="the server's answer"):
        soap.parse(answer)


async def test_a_body_is_sent_a_little_at_a_time_and_small_pieces_together() -> None:
    pieces: list[Piece] = [
        "<a>",
        b"x" * 10,
        "ü",
        memoryview(b"y" * (3 * SLICE + 7)),
        "</a>",
        *["z" * 1000] * 1000,
        b"q" * SLICE,
        "end",
    ]
    body = Body(*pieces)
    slices = [bytes(each) async for each in body.slices()]
    assert b"".join(slices) == bytes(body)
    assert len(bytes(body)) == len(body)
    assert max(map(len, slices)) <= SLICE
    assert len(slices) <= len(body) / SLICE + 1
    assert [each async for each in Body().slices()] == []
