"""Reading SOAP requests: the bulk of uploads goes past the parser, and nothing else does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_lab.exchange.ews.arriving import Arriving, Body, whole
from isthmus_lab.exchange.ews.errors import EwsError
from isthmus_lab.exchange.ews.soap import parse

ENVELOPE = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">{header}<s:Body>{body}</s:Body></s:Envelope>'
)


TEXTS = ("QUJD", "REVG\n R0g=", "", "<![CDATA[QUJD]]>", "QQ&#61;=", "no-base64?", "QU<!-- <t:Data>eA==</t:Data> -->JD")
UPLOAD = ENVELOPE.format(
    header="<s:Header><x:Data xmlns:x='urn:other'>eHg=</x:Data></s:Header>",
    body="<!-- <t:Data>QQ==</t:Data> --><?so <t:Data>?><m:UploadItems><m:Items>"
    + "".join(f'<t:Item CreateAction="CreateNew"><t:Data>{text}</t:Data></t:Item>' for text in TEXTS)
    + "<t:Item><t:Data/></t:Item></m:Items></m:UploadItems>",
).encode()


def uploaded(body: Body) -> list[bytes | str | None]:
    """What each item holds: as it was taken out, or as the document has it."""
    request = parse(body)
    assert request.operation == "UploadItems"
    return [request.contents.get(each, each.text) for each in request.element.iter("{*}Data")]


def test_plain_base64_is_taken_out_and_decoded_and_all_else_is_in_the_document() -> None:
    assert uploaded(whole(UPLOAD)) == [b"ABC", b"DEFGH", b"", "QUJD", "QQ==", "no-base64?", "QUJD", None]


@given(st.lists(st.integers(0, len(UPLOAD)), max_size=20))
def test_however_it_arrives_it_is_the_same(cuts: list[int]) -> None:
    arriving = Arriving()
    for begin, end in pairwise([0, *sorted(cuts), len(UPLOAD)]):
        arriving.feed(UPLOAD[begin:end])
    assert arriving.end() == whole(UPLOAD)


def test_byte_by_byte() -> None:
    body = UPLOAD.replace(b"<m:Items>", b"<m:Items>" + b"<!-- long -->" * 1000)  # behind where it is known what comes
    arriving = Arriving()
    for at in range(len(body)):
        arriving.feed(body[at : at + 1])
    assert uploaded(arriving.end()) == uploaded(whole(UPLOAD))


def test_a_comment_of_megabytes_is_not_looked_through_again_and_again() -> None:
    arriving = Arriving()
    begin, end = UPLOAD.split(b"<t:Item><t:Data/>")
    for piece in (begin, b"<!-- ", *[b"x" * 65_536] * 200, b"--><t:Item><t:Data>QQ==</t:Data>", end):
        arriving.feed(piece)
    assert uploaded(arriving.end()) == [*uploaded(whole(UPLOAD))[:-1], "QQ=="]


def test_a_request_that_uploads_nothing_stays_as_it_is() -> None:
    body = ENVELOPE.format(header="", body="<m:CreateItem><t:Data>QUJD</t:Data></m:CreateItem>").encode()
    assert whole(body) == (body, [])


@given(st.integers(0, len(UPLOAD)))
def test_what_ends_too_soon_is_a_fault(length: int) -> None:
    with pytest.raises(EwsError):
        parse(whole(UPLOAD[: min(length, len(UPLOAD) - 2)]))


def test_the_header_says_who_and_which_version() -> None:
    header = (
        '<s:Header><t:RequestServerVersion Version="Exchange2013_SP1"/><t:ExchangeImpersonation><t:ConnectingSID>'
        "<t:PrimarySmtpAddress> anna@alpha.test </t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
        '<t:TimeZoneContext><t:TimeZoneDefinition Id="UTC"/></t:TimeZoneContext></s:Header>'
    )
    request = parse(whole(ENVELOPE.format(header=header, body="<m:GetFolder/>").encode()))
    assert request.schema == "Exchange2013_SP1"
    assert request.impersonate == ("PrimarySmtpAddress", "anna@alpha.test")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"<s:Envelope/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><x/>',
        b'<?xml version="1.0"?><!-- hidden --><!DOCTYPE x><x/>',
        b"<!-- one more -->" * 100_000 + b"<!DOCTYPE x><x/>",
        b"<!-- one more -->" * 100_000 + b"<x",
        b"<!-" * 100_000,
        b"\xff\xfea",
        ENVELOPE.replace(' version="1.0"?>', ' version="1.0" encoding="utf-16be"?><!DOCTYPE x [<!ENTITY e "f">]>')
        .format(header="", body='<m:GetFolder a="&e;"/>')
        .encode("utf-16-be"),
        ENVELOPE.format(header="", body="").encode(),
        ENVELOPE.format(
            header='<s:Header><t:RequestServerVersion Version="Exchange2099"/></s:Header>', body="<a/>"
        ).encode(),
    ],
)
def test_what_is_no_request_is_a_fault(body: bytes) -> None:
    with pytest.raises(EwsError):
        parse(whole(body))


def test_utf_16_is_understood() -> None:
    text = ENVELOPE.format(header="", body="<m:GetFolder/>").replace('"1.0"', '"1.0" encoding="utf-16"')
    assert parse(whole(text.encode("utf-16"))).operation == "GetFolder"


def test_comments_before_the_envelope_cost_nothing() -> None:
    text = ENVELOPE.format(header="", body="<m:GetFolder/>").replace("?>", "?>" + "<!-- so -->" * 10_000)
    assert parse(whole(text.encode())).operation == "GetFolder"
