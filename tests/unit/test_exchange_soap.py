"""Reading SOAP requests: the bulk of uploads goes past the parser, and nothing else does."""

from __future__ import annotations

import pytest
from isthmus_lab.exchange.ews.errors import EwsError
from isthmus_lab.exchange.ews.soap import inside, lift, parse

ENVELOPE = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">{header}<s:Body>{body}</s:Body></s:Envelope>'
)


def test_only_the_wanted_texts_are_lifted() -> None:
    rest, texts = lift(
        b'<a><t:Data x="1">QUJD</t:Data> between <Data>REVG\n</Data><Other>kept</Other><Data /></a>', b"Data"
    )
    assert rest == b'<a><t:Data x="1"></t:Data> between <Data></Data><Other>kept</Other><Data /></a>'
    assert [bytes(each) for each in texts] == [b"QUJD", b"REVG\n", b""]


def test_an_upload_is_read_with_its_data_apart() -> None:
    body = "<m:UploadItems><m:Items><t:Item><t:Data>QQ&#61;=</t:Data></t:Item></m:Items></m:UploadItems>"
    request = parse(ENVELOPE.format(header="", body=body).encode())
    assert request.operation == "UploadItems"
    assert [inside(each) for each in request.blobs] == [b"QQ=="]


def test_comments_and_cdata_take_the_long_way() -> None:
    body = "<m:UploadItems><m:Items><t:Item><t:Data><![CDATA[QUJD]]></t:Data></t:Item></m:Items></m:UploadItems>"
    request = parse(ENVELOPE.format(header="", body=body).encode())
    assert request.blobs == []
    assert [str(each) for each in request.element.itertext()] == ["QUJD"]


def test_the_header_says_who_and_which_version() -> None:
    header = (
        '<s:Header><t:RequestServerVersion Version="Exchange2013_SP1"/><t:ExchangeImpersonation><t:ConnectingSID>'
        "<t:PrimarySmtpAddress> anna@alpha.test </t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
        '<t:TimeZoneContext><t:TimeZoneDefinition Id="UTC"/></t:TimeZoneContext></s:Header>'
    )
    request = parse(ENVELOPE.format(header=header, body="<m:GetFolder/>").encode())
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
        parse(body)


def test_utf_16_is_understood() -> None:
    text = ENVELOPE.format(header="", body="<m:GetFolder/>").replace('"1.0"', '"1.0" encoding="utf-16"')
    assert parse(text.encode("utf-16")).operation == "GetFolder"


def test_comments_before_the_envelope_cost_nothing() -> None:
    text = ENVELOPE.format(header="", body="<m:GetFolder/>").replace("?>", "?>" + "<!-- so -->" * 10_000)
    assert parse(text.encode()).operation == "GetFolder"
