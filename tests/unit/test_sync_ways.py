"""By which way an item's content goes over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_exchange.errors import EwsError
from isthmus_exchange.item_properties import form_of
from isthmus_exchange.operations import GetAttachment, GetProperties
from isthmus_exchange.soap import response_messages
from isthmus_exchange.values import Attached, Outline
from isthmus_sync.mailbox import ways
from lxml import etree

_FILE = Attached("f", "FileAttachment", "a.txt", 100)
_ITEM = Attached("i", "ItemAttachment", "a letter", 100)
_REFERENCE = Attached("r", "ReferenceAttachment", "a link", 100)
_SMALL, _LARGE = 10_000, ways.WHOLE_BYTES + 1


@pytest.mark.parametrize(
    ("item_class", "size", "attachments", "element", "native", "parts"),
    [
        ("IPM.Note", _SMALL, (), "Message", True, False),
        ("IPM.Note.SMIME.MultipartSigned", _SMALL, (_FILE,), "Message", True, False),
        ("IPM.Note", _LARGE, (_FILE,), "Message", False, True),
        ("IPM.Note", _LARGE, (), "Message", False, False),
        ("IPM.Note", _SMALL, (_FILE, _ITEM), "Message", False, True),
        ("IPM.Note", _SMALL, (_REFERENCE,), "Message", False, True),
        ("IPM.Schedule.Meeting.Request", _SMALL, (), "Message", True, False),
        ("REPORT.IPM.Note.NDR", _SMALL, (), "Message", True, False),
        ("IPM.Post", _SMALL, (_FILE,), "PostItem", True, False),
        ("IPM.Appointment", _SMALL, (), "CalendarItem", True, False),
        ("IPM.Appointment", _SMALL, (_FILE,), "CalendarItem", True, True),
        ("IPM.Contact", _SMALL, (_FILE,), "Contact", False, True),
        ("ipm.distlist.own", _SMALL, (), "DistributionList", False, False),
        ("IPM.Task", _SMALL, (), "Task", False, False),
        ("IPM.StickyNote", _SMALL, (), "Message", False, False),
        ("", _SMALL, (), "Message", False, False),
    ],
)
def test_how_an_item_is_made(
    item_class: str, size: int, attachments: tuple[Attached, ...], element: str, native: bool, parts: bool
) -> None:
    plan = ways.plan(Outline(item_class, size, attachments), associated=False)
    assert (plan.form.element, plan.native, plan.parts) == (element, native, parts)


def test_a_hidden_item_is_its_settings_whatever_its_class() -> None:
    plan = ways.plan(Outline("IPM.Appointment", _SMALL, ()), associated=True)
    assert (plan.form.element, plan.native, plan.parts) == ("Message", False, False)


@pytest.mark.parametrize(
    ("code", "attempts", "another"),
    [
        ("ErrorItemCorrupt", 0, True),
        ("ErrorCorruptData", 0, True),
        ("ErrorMessageSizeExceeded", 0, True),
        ("ErrorInternalServerError", 0, False),
        ("ErrorInternalServerError", 1, True),
        ("ErrorItemNotFound", 9, False),
        ("ErrorQuotaExceeded", 9, False),
        ("ErrorServerBusy", 9, False),
        ("ErrorTimeoutExpired", 9, False),
        ("ErrorAccessDenied", 9, False),
    ],
)
def test_another_way_is_tried_where_it_may_lead_somewhere(code: str, attempts: int, another: bool) -> None:
    assert ways.worth_another_way(EwsError(code), attempts) == another


@given(st.lists(st.integers(0, ways.REQUEST_BYTES * 2)), st.integers(1, 10))
def test_requests_hold_everything_once_and_no_more_than_they_may(sizes: list[int], most: int) -> None:
    counts = ways.together(sizes, most)
    assert sum(counts) == len(sizes)
    start = 0
    for count in counts:
        assert 0 < count <= most
        assert count == 1 or sum(sizes[start : start + count]) <= ways.REQUEST_BYTES
        start += count


def test_an_attachment_that_no_worker_holds_is_named_with_a_remedy() -> None:
    fits, does_not = (_FILE._replace(size=ways.ATTACHMENT_BYTES + more) for more in (0, 1))
    assert ways.too_large(Outline("IPM.Note", 0, (fits,))) == ""
    assert "save it" in ways.too_large(Outline("IPM.Note", 0, (fits, does_not)))


_ANSWER = """
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:q="{types}" xmlns:w="{messages}"><s:Body>
<w:X><w:ResponseMessages><w:Y ResponseClass="Success"><w:ResponseCode>NoError</w:ResponseCode>{content}
</w:Y></w:ResponseMessages></w:X></s:Body></s:Envelope>"""
_SCHEMAS = "http://schemas.microsoft.com/exchange/services/2006/"


def _messages(content: str) -> list[etree._Element]:
    text = _ANSWER.format(types=_SCHEMAS + "types", messages=_SCHEMAS + "messages", content=content)
    return list(response_messages(etree.fromstring(text)))


def test_what_was_read_is_written_as_it_came_but_for_what_a_server_decides() -> None:
    body = "&lt;p xmlns:t=&quot;x&quot; xmlns:v=&quot;y&quot;&gt; &amp;amp; ü"
    content = (
        '<w:Items><q:Message><q:ItemId Id="1"/>'
        f"<q:ItemClass>IPM.Note</q:ItemClass><q:Body BodyType='HTML'>{body}</q:Body><q:Attachments/><q:IsSubmitted/>"
        '<q:ExtendedProperty><q:ExtendedFieldURI PropertyTag="0xe07" PropertyType="Integer"/><q:Value>93</q:Value>'
        "</q:ExtendedProperty></q:Message></w:Items>"
    )
    [found] = GetProperties(("1",), form_of("IPM.Note"), native=True).answer(_messages(content))
    assert not isinstance(found, EwsError)
    assert found.element == "Message"
    made = etree.fromstring(f'<a xmlns:t="{_SCHEMAS}types">{found.content}</a>')
    assert [etree.QName(each).localname for each in made] == ["ItemClass", "Body", "ExtendedProperty"]
    assert made[1].text == '<p xmlns:t="x" xmlns:v="y"> &amp; ü'
    assert made[1].get("BodyType") == "HTML"
    assert made[2][1].text == str(93 & ~0x54), "not submitted, not hidden, and whether it has attachments shows"
    assert found.content.count("xmlns:t=") == 1, "of the text"
    native = content.replace("<q:ItemId", "<q:MimeContent>QUJD</q:MimeContent><q:ItemId")
    [found] = GetProperties(("1",), form_of("IPM.Note"), native=True).answer(_messages(native))
    assert not isinstance(found, EwsError)
    assert ("QUJD" in found.content, "Body" in found.content) == (True, False), "it is in the native content"


def test_an_attachment_is_written_without_what_its_server_says_of_it() -> None:
    content = (
        '<w:Attachments><q:FileAttachment><q:AttachmentId Id="1"/><q:Name>a &amp; b</q:Name><q:Size>9</q:Size>'
        "<q:LastModifiedTime>2024-01-01T00:00:00Z</q:LastModifiedTime><q:IsInline>true</q:IsInline>"
        "<q:IsContactPhoto>false</q:IsContactPhoto><q:Content>QUJD</q:Content></q:FileAttachment></w:Attachments>"
    )
    found = GetAttachment("1").answer(_messages(content))
    assert found.item_class == ""
    assert "".join(map(str, found.pieces)) == (
        "<t:FileAttachment><t:Name>a &amp; b</t:Name><t:IsInline>true</t:IsInline>"
        "<t:IsContactPhoto>false</t:IsContactPhoto><t:Content>QUJD</t:Content></t:FileAttachment>"
    )
