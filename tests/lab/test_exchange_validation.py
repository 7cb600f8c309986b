"""What the schema does not allow is noted, request or answer, so that the fixtures fail the test."""

from __future__ import annotations

import pytest
import requests

from tests.plugins.exchange import Exchanges
from tests.plugins.violations import Record

ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">{}</s:Envelope>'
)


@pytest.mark.invalid_requests
@pytest.mark.parametrize(
    "content",
    [
        "<s:Body><m:GetFolder/></s:Body>",
        '<s:Header><t:MailboxCulture Nothing="x"/></s:Header><s:Body><m:GetServerTimeZones/></s:Body>',
        "<s:Body/>",
    ],
)
def test_a_request_that_is_not_valid_is_refused_and_noted(
    exchanges: Exchanges, violations: Record, content: str
) -> None:
    answer = requests.post(
        exchanges.alpha.ews,
        data=ENVELOPE.format(content),
        auth=exchanges.alpha.service_account,
        headers={"Content-Type": "text/xml"},
        verify=str(exchanges.alpha.authority),
        timeout=30,
    )
    assert answer.status_code == 500
    assert "ErrorSchemaValidation" in answer.text
    (noted,) = violations.new()
    assert noted["what"] == "request"
