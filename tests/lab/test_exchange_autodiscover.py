"""Autodiscover, POX and SOAP: settings, redirections, public folders, what it does not know."""

from __future__ import annotations

import uuid

import pytest
import requests
from exchangelib import Credentials, Version
from exchangelib.autodiscover import Autodiscovery
from exchangelib.autodiscover.cache import autodiscover_cache
from exchangelib.autodiscover.protocol import AutodiscoverProtocol
from exchangelib.version import Build
from lxml import etree

from tests.plugins.clients import configuration
from tests.plugins.exchange import Exchange, Exchanges, Office, Person
from tests.plugins.public_folders import PublicFolders
from tests.plugins.violations import Record

OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
SOAP = "http://schemas.microsoft.com/exchange/2010/Autodiscover"


def send(exchange: Exchange, person: Person, body: str, end: str) -> etree._Element:
    answer = requests.post(
        exchange.ews.replace("/EWS/Exchange.asmx", f"/autodiscover/autodiscover.{end}"),
        data=body.encode(),
        auth=(person.principal, person.password),
        headers={"Content-Type": "text/xml"},
        verify=str(exchange.authority),
        timeout=60,
    )
    assert answer.status_code == 200
    return etree.fromstring(answer.content)


def pox(exchange: Exchange, person: Person, wanted: str, schema: str = OUTLOOK) -> etree._Element:
    return send(
        exchange,
        person,
        f'<Autodiscover xmlns="{REQUEST}"><Request>{wanted}'
        f"<AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>",
        "xml",
    )


def soap(exchange: Exchange, person: Person, operation: str, content: str) -> etree._Element:
    return send(
        exchange,
        person,
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="{SOAP}"><s:Body>'
        f"<a:{operation}RequestMessage><a:Request>{content}</a:Request></a:{operation}RequestMessage>"
        "</s:Body></s:Envelope>",
        "svc",
    )


def users(exchange: Exchange, person: Person, addresses: list[str], *settings: str) -> list[etree._Element]:
    """The UserResponse elements for these people."""
    named = "".join(f"<a:User><a:Mailbox>{address}</a:Mailbox></a:User>" for address in addresses)
    wanted = "".join(f"<a:Setting>{each}</a:Setting>" for each in settings)
    answer = soap(
        exchange,
        person,
        "GetUserSettings",
        f"<a:Users>{named}</a:Users><a:RequestedSettings>{wanted}</a:RequestedSettings>",
    )
    return list(answer.iter(f"{{{SOAP}}}UserResponse"))


def texts(node: etree._Element, name: str) -> list[str]:
    return [each.text or "" for each in node.iter() if str(each.tag).rpartition("}")[2] == name]


def settings_of(response: etree._Element) -> dict[str, str]:
    return {
        setting.findtext(f"{{{SOAP}}}Name") or "": setting.findtext(f"{{{SOAP}}}Value") or ""
        for setting in response.iter(f"{{{SOAP}}}UserSetting")
    }


def test_outlook_gets_its_settings(exchanges: Exchanges, public_folders: PublicFolders, office: Office) -> None:
    archive = uuid.uuid4()
    anna = office.alpha("anna", msExchArchiveGUID=archive.bytes_le)
    for wanted in (f"<EMailAddress>{anna.smtp}</EMailAddress>", f"<LegacyDN>{anna.legacy_dn}</LegacyDN>"):
        answer = pox(exchanges.alpha, anna, wanted)
        assert texts(answer, "Action") == ["settings"]
        assert texts(answer, "LegacyDN")[0] == anna.legacy_dn
        assert set(texts(answer, "EwsUrl")) == {exchanges.alpha.ews}
        assert texts(answer, "Server")[0] == f"{anna.mailbox}@alpha.test"
        assert texts(answer, "SmtpAddress") == [public_folders.tree.smtp]
        (other,) = [each for each in answer.iter() if str(each.tag).endswith("}AlternativeMailbox")]
        assert texts(other, "Type") == ["Archive"]
        assert texts(other, "LegacyDN") == [f"{anna.legacy_dn}/guid={archive}"]


@pytest.mark.invalid_requests
def test_what_is_no_request_is_refused_and_noted(exchanges: Exchanges, office: Office, violations: Record) -> None:
    anna = office.alpha("anna")
    address = f"<EMailAddress>{anna.smtp}</EMailAddress>"
    assert texts(pox(exchanges.alpha, anna, f"{address}{address}"), "ErrorCode") == ["600"]
    assert texts(pox(exchanges.alpha, anna, f"{address}<Password>x</Password>"), "ErrorCode") == ["600"]
    assert texts(send(exchanges.alpha, anna, "<Autodiscover", "xml"), "ErrorCode") == ["600"]
    assert texts(soap(exchanges.alpha, anna, "GetNothing", ""), "ErrorCode") == ["InvalidRequest"]
    assert texts(soap(exchanges.alpha, anna, "GetUserSettings", "<a:Users/>"), "ErrorCode") == ["InvalidRequest"]
    noted = violations.new()
    assert [(each["what"], each["operation"]) for each in noted] == [("request", "Autodiscover")] * 5


def test_outlook_hears_what_is_wrong(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    assert texts(pox(exchanges.alpha, anna, "<EMailAddress>x@alpha.test</EMailAddress>"), "ErrorCode") == ["500"]
    assert texts(pox(exchanges.alpha, anna, ""), "ErrorCode") == ["600"]
    mobile = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
    wanted = f"<EMailAddress>{anna.smtp}</EMailAddress>"
    assert texts(pox(exchanges.alpha, anna, wanted, mobile), "ErrorCode") == ["601"]


def test_who_moved_is_redirected(exchanges: Exchanges, office: Office) -> None:
    by_address, by_url = office.alpha("anna"), office.alpha("bert")
    there = office.beta("anna")
    exchanges.alpha.change(by_address.dn, targetAddress=[f"SMTP:{there.smtp}"])
    redirected = f"{there.account}@{exchanges.beta.organisation.redirection_domain}"
    exchanges.alpha.change(by_url.dn, targetAddress=[f"SMTP:{redirected}"])
    answer = pox(exchanges.alpha, by_address, f"<EMailAddress>{by_address.smtp}</EMailAddress>")
    assert (texts(answer, "Action"), texts(answer, "RedirectAddr")) == (["redirectAddr"], [there.smtp])
    answer = pox(exchanges.alpha, by_url, f"<EMailAddress>{by_url.smtp}</EMailAddress>")
    assert texts(answer, "Action") == ["redirectUrl"]
    url = exchanges.beta.ews.replace("/EWS/Exchange.asmx", "/autodiscover/autodiscover")
    assert texts(answer, "RedirectUrl") == [f"{url}.xml"]
    one, two = users(exchanges.alpha, by_url, [by_address.smtp, by_url.smtp], "ExternalEwsUrl")
    assert (texts(one, "ErrorCode")[0], texts(one, "RedirectTarget")) == ("RedirectAddress", [there.smtp])
    assert (texts(two, "ErrorCode")[0], texts(two, "RedirectTarget")) == ("RedirectUrl", [f"{url}.svc"])
    # The other organisation answers for the address that mail is redirected to.
    answer = pox(exchanges.beta, there, f"<EMailAddress>{redirected}</EMailAddress>")
    assert texts(answer, "AutoDiscoverSMTPAddress") == [there.smtp]


def test_settings_of_several_people(exchanges: Exchanges, public_folders: PublicFolders, office: Office) -> None:
    anna = office.alpha("anna")
    wanted = ["ExternalEwsUrl", "InternalEwsUrl", "UserDN", "UserDisplayName", "EwsSupportedSchemas"]
    wanted += ["PublicFolderInformation", "InternalRpcClientServer", "GroupingInformation", "ExternalOABUrl"]
    tree = public_folders.tree
    one, nobody, by_guid = users(
        exchanges.alpha, anna, [anna.smtp, "nobody@alpha.test", f"{tree.mailbox}@alpha.test"], *wanted
    )
    settings = settings_of(one)
    assert settings["ExternalEwsUrl"] == settings["InternalEwsUrl"] == exchanges.alpha.ews
    assert (settings["UserDN"], settings["UserDisplayName"]) == (anna.legacy_dn, anna.name)
    assert settings["PublicFolderInformation"] == tree.smtp
    assert settings["InternalRpcClientServer"] == f"{anna.mailbox}@alpha.test"
    assert settings["EwsSupportedSchemas"].endswith("Exchange2016")
    assert texts(one, "SettingName") == ["ExternalOABUrl"]
    assert texts(nobody, "ErrorCode") == ["InvalidUser"]
    assert settings_of(by_guid)["InternalRpcClientServer"] == f"{tree.mailbox}@alpha.test"
    (found,) = users(exchanges.alpha, anna, [f"{tree.mailbox}@alpha.test"], "AutoDiscoverSMTPAddress")
    assert settings_of(found) == {"AutoDiscoverSMTPAddress": tree.smtp}


def test_domains_and_federation(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    beta = exchanges.beta.organisation.redirection_domain
    domains = "".join(f"<a:Domain>{each}</a:Domain>" for each in ("alpha.test", beta, "unknown.test"))
    answer = soap(
        exchanges.alpha,
        anna,
        "GetDomainSettings",
        f"<a:Domains>{domains}</a:Domains><a:RequestedSettings><a:Setting>ExternalEwsUrl</a:Setting>"
        "</a:RequestedSettings>",
    )
    own, other, unknown = answer.iter(f"{{{SOAP}}}DomainResponse")
    assert texts(own, "Value") == [exchanges.alpha.ews]
    assert texts(other, "ErrorCode") == ["RedirectUrl"]
    assert texts(unknown, "ErrorCode") == ["InvalidDomain"]
    federation = soap(exchanges.alpha, anna, "GetFederationInformation", "<a:Domain>alpha.test</a:Domain>")
    assert texts(federation, "ErrorCode") == ["NotFederated"]


def test_exchangelib_reads_the_settings(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    credentials = Credentials(anna.principal, anna.password)
    config = configuration(exchanges.alpha, anna.principal, anna.password)
    config.service_endpoint = exchanges.alpha.ews.replace("/EWS/Exchange.asmx", "/autodiscover/autodiscover.svc")
    config.version = Version(build=Build(15, 1))
    protocol = AutodiscoverProtocol(config=config)
    autodiscover_cache[("alpha.test", credentials)] = protocol
    settings = protocol.get_user_settings(user=anna.smtp, settings=["internal_rpc_client_server", "user_dn"])
    settings.raise_errors()
    assert settings.user_settings["internal_rpc_client_server"] == f"{anna.mailbox}@alpha.test"
    assert settings.user_settings["user_dn"] == anna.legacy_dn
    answer, _ = Autodiscovery(email=anna.smtp, credentials=credentials).discover()
    assert answer.autodiscover_smtp_address == anna.smtp
