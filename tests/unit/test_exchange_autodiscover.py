"""The schemas of Autodiscover, which are ours: they take what clients and servers write, and nothing beside it."""

from __future__ import annotations

import pytest
from isthmus_lab.schema import Autodiscover, problems_of_autodiscover
from lxml import etree

ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:w="http://www.w3.org/2005/08/addressing" '
    'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns="http://schemas.microsoft.com/exchange/2010/Autodiscover"><s:Header>{}</s:Header><s:Body>{}</s:Body>'
    "</s:Envelope>"
)
ASKED = ENVELOPE.format(
    "<RequestedServerVersion>Exchange2013_SP1</RequestedServerVersion><w:To>https://mail/</w:To>",
    "<GetUserSettingsRequestMessage><Request><Users><User><Mailbox>a@b.test</Mailbox></User></Users>"
    "<RequestedSettings><Setting>UserDN</Setting></RequestedSettings></Request></GetUserSettingsRequestMessage>",
)
ANSWERED = ENVELOPE.format(
    "<ServerVersionInfo><MajorVersion>15</MajorVersion><MinorVersion>1</MinorVersion></ServerVersionInfo>",
    "<GetUserSettingsResponseMessage><Response><ErrorCode>NoError</ErrorCode><ErrorMessage/><UserResponses>"
    '<UserResponse><ErrorCode>NoError</ErrorCode><ErrorMessage>No error.</ErrorMessage><RedirectTarget i:nil="true"/>'
    '<UserSettingErrors/><UserSettings><UserSetting i:type="StringSetting"><Name>UserDN</Name><Value>/o=A</Value>'
    "</UserSetting></UserSettings></UserResponse></UserResponses></Response></GetUserSettingsResponseMessage>",
)
POX = "http://schemas.microsoft.com/exchange/autodiscover"
POX_ASKED = (
    f'<Autodiscover xmlns="{POX}/outlook/requestschema/2006"><Request><EMailAddress>a@b.test</EMailAddress>'
    f"<AcceptableResponseSchema>{POX}/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>"
)
POX_ANSWERED = (
    f'<Autodiscover xmlns="{POX}/responseschema/2006"><Response xmlns="{POX}/outlook/responseschema/2006a">'
    "<User><DisplayName>A</DisplayName><LegacyDN>/o=A</LegacyDN></User><Account><AccountType>email</AccountType>"
    "<Action>settings</Action><MicrosoftOnline>False</MicrosoftOnline><Protocol><Type>EXCH</Type>"
    "<ServerVersion>73C18000</ServerVersion></Protocol></Account></Response></Autodiscover>"
)
REDIRECTED = POX_ANSWERED.replace("settings", "redirectAddr").replace(
    POX_ANSWERED.partition("</Action>")[2].partition("</Account>")[0], "<RedirectAddr>a@c.test</RedirectAddr>"
)
UNKNOWN = (
    f'<Autodiscover xmlns="{POX}/responseschema/2006"><Response><Error Time="12:30:01.5" Id="7"><ErrorCode>600'
    "</ErrorCode><Message>Invalid Request</Message><DebugData/></Error></Response></Autodiscover>"
)


def problems(what: Autodiscover, written: str) -> list[str]:
    return problems_of_autodiscover(what, etree.fromstring(written))


@pytest.mark.parametrize(
    ("what", "written", "damages"),
    [
        (
            "autodiscover-envelope",
            ASKED,
            [
                ("Exchange2013_SP1", "Exchange2000"),
                ("<Users>", "<Users><User/>"),
                ("GetUserSettingsRequestMessage", "GetAnything"),
                ("<RequestedSettings><Setting>UserDN</Setting></RequestedSettings>", ""),
            ],
        ),
        (
            "autodiscover-envelope",
            ANSWERED,
            [
                ("<Name>UserDN", "<Name>UserDn"),
                ('i:type="StringSetting"', ""),
                ('i:type="StringSetting"', 'i:type="NumberSetting"'),
                ("<ErrorCode>NoError", "<ErrorCode>Fine"),
                ("<UserSettingErrors/>", "<UserSettingErrors/><UserSettingErrors/>"),
                ("<MajorVersion>15", "<MajorVersion>fifteen"),
            ],
        ),
        (
            "pox-request",
            POX_ASKED,
            [
                ("<EMailAddress>", "<Password>x</Password><EMailAddress>"),
                (POX_ASKED.partition("</EMailAddress>")[2].partition("</Request>")[0], ""),
                ("requestschema/2006", "requestschema/2007"),
            ],
        ),
        (
            "pox-response",
            POX_ANSWERED,
            [
                ("<Type>EXCH", "<Type>IMAP"),
                ("73C18000", "15.1"),
                ("<DisplayName>A</DisplayName>", ""),
                ("<AccountType>email</AccountType>", ""),
                ("<Protocol>", "<Protocol><Type>EXPR</Type>"),
                ("settings", "setup"),
            ],
        ),
        ("pox-response", REDIRECTED, [("a@c.test", "")]),
        ("pox-response", UNKNOWN, [('Id="7"', ""), ("<ErrorCode>600", "<ErrorCode>none")]),
    ],
)
def test_what_is_damaged_is_found(what: Autodiscover, written: str, damages: list[tuple[str, str]]) -> None:
    assert problems(what, written) == []
    for whole, damaged in damages:
        assert whole in written
        assert problems(what, written.replace(whole, damaged)), damaged
